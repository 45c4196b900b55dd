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
  | 'single_bin';

export const confidence = 0.95;

/** Half-width, in standard errors, of a two-sided 95% normal interval: 1.959964. */
export const twoSidedZ: number = normalQuantile(1 - (1 - confidence) / 2);
/** Standard errors to a one-sided 95% bound: 1.644854. */
export const oneSidedZ: number = normalQuantile(confidence);
/** Standard errors a loss must be away to be ruled out by the one-sided bound at 80% power: 1.644854 + 0.841621 = 2.486475. */
export const resolvableZ: number = oneSidedZ + normalQuantile(0.8);

export function undefinedEstimate(reason: string): Estimate {
  return { value: null, low: null, high: null, standardError: null, reason };
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
