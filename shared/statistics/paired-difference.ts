import type { Estimate } from '../plan/judgement.ts';
import {
  type Levels,
  pointEstimate,
  power,
  type UndefinedReason,
  undefinedEstimate,
  upperDeviate,
  waldEstimate,
} from './estimate.ts';

/** A figure of a first model minus that of a second one on the same rows. */
export interface PairedDifference {
  /** With its two-sided 95% interval, whatever the levels. */
  readonly estimate: Estimate;
  /** Lower bound at the one-sided level; null when undefined. */
  readonly oneSidedLower: number | null;
  /** Upper end of the interval at the two-sided level; null when undefined. */
  readonly twoSidedUpper: number | null;
  /** Smallest loss that would be ruled out with 80% power at the one-sided level (2.486 standard errors at .05); null when undefined. */
  readonly resolvableMargin: number | null;
}

/** Wald bounds of a difference that lies between `minimum` and `maximum`. */
export function waldDifference(
  value: number,
  standardError: number,
  levels: Levels,
  minimum = Number.NEGATIVE_INFINITY,
  maximum = Number.POSITIVE_INFINITY,
): PairedDifference {
  const oneSided = upperDeviate(levels.oneSided);
  return {
    estimate: waldEstimate(value, standardError, minimum, maximum),
    oneSidedLower: Math.max(minimum, value - oneSided * standardError),
    twoSidedUpper: Math.min(maximum, value + upperDeviate(levels.twoSided / 2) * standardError),
    resolvableMargin: (oneSided + upperDeviate(1 - power)) * standardError,
  };
}

/** Two models that say the same of every row: they differ by exactly 0, whatever the sample. */
export const noDifference: PairedDifference = {
  estimate: { value: 0, low: 0, high: 0, standardError: 0 },
  oneSidedLower: 0,
  twoSidedUpper: 0,
  resolvableMargin: 0,
};

/** A difference without bounds, or without any value. */
export function unboundedDifference(value: number | null, reason: UndefinedReason): PairedDifference {
  return {
    estimate: value === null ? undefinedEstimate(reason) : pointEstimate(value, reason),
    oneSidedLower: null,
    twoSidedUpper: null,
    resolvableMargin: null,
  };
}
