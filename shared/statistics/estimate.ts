import type { Estimate } from '../plan/judgement.ts';
import { normalQuantile } from './normal.ts';

/** Why a figure, or its interval, is undefined. */
export type UndefinedReason =
  | 'no_rows'
  | 'single_class'
  | 'constant_scores'
  | 'too_few_for_interval'
  | 'zero_variance'
  | 'perfect_separation'
  | 'separation'
  | 'not_converged'
  | 'single_bin'
  | 'class_absent'
  | 'infinite_loss'
  | 'none_called_positive'
  | 'none_called_negative'
  | 'no_events_called';

export const confidence = 0.95;

/** Error levels of a comparison: of its one-sided lower bound, and of the two-sided interval whose upper end shows harm. */
export interface Levels {
  readonly oneSided: number;
  readonly twoSided: number;
}

/** Levels of a single look; a look among several takes those of `spendingBoundaries`. */
export const singleLook: Levels = { oneSided: 0.05, twoSided: 0.05 };

/** Standard normal deviate exceeded with probability `level`. @throws StatisticsError `out_of_range`. */
export function upperDeviate(level: number): number {
  return -normalQuantile(level);
}

/** Half-width, in standard errors, of a two-sided 95% normal interval: 1.959964. */
export const twoSidedZ: number = upperDeviate(singleLook.twoSided / 2);
/** Standard errors to a one-sided 95% bound: 1.644854. */
export const oneSidedZ: number = upperDeviate(singleLook.oneSided);
/** Probability of showing what is true that a comparison is planned for, where none is given. */
export const power = 0.8;

/** Standard errors a loss must be away to be ruled out by the one-sided bound at 80% power: 1.644854 + 0.841621 = 2.486475. */
export const resolvableZ: number = oneSidedZ + upperDeviate(1 - power);

export function undefinedEstimate(reason: string): Estimate {
  return { value: null, low: null, high: null, standardError: null, reason };
}

/** 1 / (1 + e^-x). */
export function logistic(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

/** Wald interval on log odds, transformed back: stays inside (0, 1), which `value` must lie in. */
export function logitEstimate(value: number, standardError: number): Estimate {
  const logit = Math.log(value) - Math.log1p(-value);
  const half = (twoSidedZ * standardError) / (value * (1 - value));
  return { value, low: logistic(logit - half), high: logistic(logit + half), standardError };
}

/** A figure whose interval is undefined. */
export function pointEstimate(value: number, reason: UndefinedReason): Estimate {
  return { value, low: null, high: null, standardError: null, reason };
}

/** Wald interval, value ± 1.96 standard errors, cut at the bounds of the figure's range. */
export function waldEstimate(
  value: number,
  standardError: number,
  minimum = Number.NEGATIVE_INFINITY,
  maximum = Number.POSITIVE_INFINITY,
): Estimate {
  const low = Math.max(minimum, value - twoSidedZ * standardError);
  const high = Math.min(maximum, value + twoSidedZ * standardError);
  return { value, low, high, standardError };
}
