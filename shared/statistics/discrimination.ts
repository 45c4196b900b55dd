import type { Estimate } from '../plan/judgement.ts';
import { oneSidedZ, pointEstimate, resolvableZ, twoSidedZ, undefinedEstimate, waldEstimate } from './estimate.ts';
import { assertFinite, assertSameLength, countEvents } from './inputs.ts';

/** Ranks from 1, ties at the mean of the ranks they share. O(n log n). */
export function midRanks(values: ArrayLike<number>): Float64Array {
  const order = Uint32Array.from({ length: values.length }, (_, index) => index);
  order.sort((a, b) => (values[a] as number) - (values[b] as number));
  const ranks = new Float64Array(values.length);
  let start = 0;
  while (start < order.length) {
    const value = values[order[start] as number];
    let end = start + 1;
    while (end < order.length && values[order[end] as number] === value) end++;
    for (let place = start; place < end; place++) ranks[order[place] as number] = (start + 1 + end) / 2;
    start = end;
  }
  return ranks;
}

/** AUROCs of several scores of the same rows, with DeLong's structural components. */
export interface DeLong {
  readonly events: number;
  readonly nonEvents: number;
  /** AUROC of each score: P(score of an event > score of a non-event) + half the ties. */
  readonly auroc: readonly number[];
  /** Covariance matrix of the estimates [scores, scores]; null with fewer than two events or two non-events. */
  readonly covariance: readonly (readonly number[])[] | null;
  /** Mid-ranks of each score over all rows, to tell equal rankings from unequal ones. */
  readonly ranks: readonly Float64Array[];
}

/**
 * E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson (1988), Biometrics 44:837, computed from mid-ranks:
 * X. Sun, W. Xu (2014), IEEE Signal Processing Letters 21:1389, equations 5 to 8. Exact with ties, O(n log n).
 *
 * @param scores one vector a score, each [rows]; labels [rows] are 0 or 1.
 * @returns null when either class is absent.
 * @throws StatisticsError for lengths that differ, scores that are not finite, labels that are not 0 or 1.
 */
export function deLong(scores: readonly ArrayLike<number>[], labels: ArrayLike<number>): DeLong | null {
  for (const [index, score] of scores.entries()) {
    assertSameLength(score, labels, 'scores and labels');
    assertFinite(score, `scores[${index}]`);
  }
  const events = countEvents(labels);
  const nonEvents = labels.length - events;
  if (events === 0 || nonEvents === 0) return null;

  const auroc: number[] = [];
  const ranks: Float64Array[] = [];
  // Structural components: for each event the share of non-events below it, for each non-event the share of events above it.
  const ofEvents: Float64Array[] = [];
  const ofNonEvents: Float64Array[] = [];
  for (const score of scores) {
    const ofClass = (wanted: number): Float64Array => {
      const values: number[] = [];
      for (let row = 0; row < labels.length; row++) if (labels[row] === wanted) values.push(score[row] as number);
      return midRanks(Float64Array.from(values));
    };
    const all = midRanks(score);
    const within = [ofClass(0), ofClass(1)] as const;
    const v10 = new Float64Array(events);
    const v01 = new Float64Array(nonEvents);
    const next = [0, 0];
    let rankSum = 0;
    for (let row = 0; row < labels.length; row++) {
      const rank = all[row] as number;
      if (labels[row] === 1) {
        const place = next[1] as number;
        next[1] = place + 1;
        v10[place] = (rank - (within[1][place] as number)) / nonEvents;
        rankSum += rank;
      } else {
        const place = next[0] as number;
        next[0] = place + 1;
        v01[place] = 1 - (rank - (within[0][place] as number)) / events;
      }
    }
    auroc.push((rankSum - (events * (events + 1)) / 2) / (events * nonEvents));
    ranks.push(all);
    ofEvents.push(v10);
    ofNonEvents.push(v01);
  }
  if (events < 2 || nonEvents < 2) return { events, nonEvents, auroc, covariance: null, ranks };
  const covariance = scores.map((_, i) =>
    scores.map(
      (_, j) =>
        sampleCovariance(ofEvents[i] as Float64Array, ofEvents[j] as Float64Array) / events +
        sampleCovariance(ofNonEvents[i] as Float64Array, ofNonEvents[j] as Float64Array) / nonEvents,
    ),
  );
  return { events, nonEvents, auroc, covariance, ranks };
}

function sampleCovariance(a: Float64Array, b: Float64Array): number {
  const n = a.length;
  let meanA = 0;
  let meanB = 0;
  for (let index = 0; index < n; index++) {
    meanA += a[index] as number;
    meanB += b[index] as number;
  }
  meanA /= n;
  meanB /= n;
  let sum = 0;
  for (let index = 0; index < n; index++) sum += ((a[index] as number) - meanA) * ((b[index] as number) - meanB);
  return sum / (n - 1);
}

export type AurocInterval = 'plain' | 'logit';

/**
 * AUROC with DeLong's 95% interval. `plain` is Wald's, cut at 0 and 1; `logit` is Wald's on log odds, transformed back
 * (M. S. Pepe 2003, section 5.2.4), which stays inside (0, 1) and covers better near 1.
 * The interval is undefined for constant scores, for fewer than two rows of a class, and where the variance is 0.
 */
export function aurocEstimate(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  interval: AurocInterval = 'logit',
): Estimate {
  const result = deLong([scores], labels);
  if (result === null) return undefinedEstimate(labels.length === 0 ? 'no_rows' : 'single_class');
  const value = result.auroc[0] as number;
  if (isConstant(scores)) return pointEstimate(value, 'constant_scores');
  if (result.covariance === null) return pointEstimate(value, 'too_few_for_interval');
  const variance = result.covariance[0]?.[0] as number;
  if (value === 0 || value === 1) return pointEstimate(value, 'perfect_separation');
  if (!(variance > 0)) return pointEstimate(value, 'zero_variance');
  const standardError = Math.sqrt(variance);
  if (interval === 'plain') return waldEstimate(value, standardError, 0, 1);
  const logit = Math.log(value / (1 - value));
  const half = (twoSidedZ * standardError) / (value * (1 - value));
  return { value, low: logistic(logit - half), high: logistic(logit + half), standardError };
}

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

function isConstant(values: ArrayLike<number>): boolean {
  for (let index = 1; index < values.length; index++) if (values[index] !== values[0]) return false;
  return true;
}

/** AUROC of a first score minus that of a second one on the same rows. */
export interface AurocDifference {
  readonly estimate: Estimate;
  /** One-sided 95% lower bound; null when undefined. */
  readonly oneSidedLower: number | null;
  /** Upper end of the two-sided 95% interval; null when undefined. */
  readonly twoSidedUpper: number | null;
  /** Smallest loss that would be ruled out with 80% power: 2.486 standard errors; null when undefined. */
  readonly resolvableMargin: number | null;
}

/**
 * Paired difference of two AUROCs with DeLong's covariance: variance = V11 + V22 - 2·V12.
 * Two scores that rank every row alike differ by exactly 0; otherwise a variance of 0 leaves the bounds undefined (`zero_variance`).
 */
export function aurocDifference(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  labels: ArrayLike<number>,
): AurocDifference {
  const none = { oneSidedLower: null, twoSidedUpper: null, resolvableMargin: null };
  const result = deLong([first, second], labels);
  if (result === null) {
    return { estimate: undefinedEstimate(labels.length === 0 ? 'no_rows' : 'single_class'), ...none };
  }
  const value = (result.auroc[0] as number) - (result.auroc[1] as number);
  if (result.covariance === null) return { estimate: pointEstimate(value, 'too_few_for_interval'), ...none };
  const ranks = result.ranks as readonly [Float64Array, Float64Array];
  if (ranks[0].every((rank, row) => rank === ranks[1][row])) {
    return {
      estimate: { value: 0, low: 0, high: 0, standardError: 0 },
      oneSidedLower: 0,
      twoSidedUpper: 0,
      resolvableMargin: 0,
    };
  }
  const [[v11, v12], [, v22]] = result.covariance as unknown as [[number, number], [number, number]];
  const variance = v11 + v22 - 2 * v12;
  // Rounding alone may leave a remainder of the order of the parts' last digits.
  if (!(variance > 1e-14 * (v11 + v22))) return { estimate: pointEstimate(value, 'zero_variance'), ...none };
  const standardError = Math.sqrt(variance);
  const estimate = waldEstimate(value, standardError, -1, 1);
  return {
    estimate,
    oneSidedLower: Math.max(-1, value - oneSidedZ * standardError),
    twoSidedUpper: estimate.high,
    resolvableMargin: resolvableZ * standardError,
  };
}
