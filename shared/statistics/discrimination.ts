import type { Estimate } from '../plan/judgement.ts';
import { type Levels, logitEstimate, pointEstimate, singleLook, undefinedEstimate, waldEstimate } from './estimate.ts';
import { assertFinite, assertSameLength, countEvents, isConstant, isSame } from './inputs.ts';
import { noDifference, type PairedDifference, unboundedDifference, waldDifference } from './paired-difference.ts';
import { ascendingOrder } from './sorted-order.ts';

/** Ranks from 1, ties at the mean of the ranks they share. O(n). @throws StatisticsError `not_finite`. */
export function midRanks(values: ArrayLike<number>): Float64Array {
  assertFinite(values, 'values');
  const order = ascendingOrder(values);
  const ranks = new Float64Array(values.length);
  let start = 0;
  while (start < order.length) {
    const end = endOfTies(values, order, start);
    for (let place = start; place < end; place++) ranks[order[place] as number] = (start + 1 + end) / 2;
    start = end;
  }
  return ranks;
}

function endOfTies(values: ArrayLike<number>, order: Uint32Array, start: number): number {
  const value = values[order[start] as number];
  let end = start + 1;
  while (end < order.length && values[order[end] as number] === value) end++;
  return end;
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
 * One score's structural components in half pairs, whole numbers so that sums over rows are exact in any order:
 * of an event, 2·(non-events below it) + ties; of a non-event, 2·(events above it) + ties.
 */
interface Components {
  readonly ofEvents: Float64Array;
  readonly ofNonEvents: Float64Array;
  /** Over events; twice the pairs in order. */
  readonly halfPairs: number;
  readonly ranks: Float64Array;
}

function components(
  score: ArrayLike<number>,
  labels: ArrayLike<number>,
  events: number,
  placeOfRow: Uint32Array,
): Components {
  const nonEvents = labels.length - events;
  const order = ascendingOrder(score);
  const ofEvents = new Float64Array(events);
  const ofNonEvents = new Float64Array(nonEvents);
  const ranks = new Float64Array(labels.length);
  let halfPairs = 0;
  let eventsBelow = 0;
  let start = 0;
  while (start < order.length) {
    const end = endOfTies(score, order, start);
    let tiedEvents = 0;
    for (let place = start; place < end; place++) tiedEvents += labels[order[place] as number] as number;
    const tiedNonEvents = end - start - tiedEvents;
    const nonEventsBelow = start - eventsBelow;
    const ofEvent = 2 * nonEventsBelow + tiedNonEvents;
    const ofNonEvent = 2 * (events - eventsBelow - tiedEvents) + tiedEvents;
    halfPairs += tiedEvents * ofEvent;
    for (let place = start; place < end; place++) {
      const row = order[place] as number;
      ranks[row] = (start + 1 + end) / 2;
      if (labels[row] === 1) ofEvents[placeOfRow[row] as number] = ofEvent;
      else ofNonEvents[placeOfRow[row] as number] = ofNonEvent;
    }
    eventsBelow += tiedEvents;
    start = end;
  }
  return { ofEvents, ofNonEvents, halfPairs, ranks };
}

function allComponents(
  scores: readonly ArrayLike<number>[],
  labels: ArrayLike<number>,
): { readonly events: number; readonly nonEvents: number; readonly parts: readonly Components[] } | null {
  for (const [index, score] of scores.entries()) {
    assertSameLength(score, labels, 'scores and labels');
    assertFinite(score, `scores[${index}]`);
  }
  const events = countEvents(labels);
  const nonEvents = labels.length - events;
  if (events === 0 || nonEvents === 0) return null;
  const placeOfRow = new Uint32Array(labels.length);
  const next: [number, number] = [0, 0];
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as 0 | 1;
    placeOfRow[row] = next[label]++;
  }
  return { events, nonEvents, parts: scores.map((score) => components(score, labels, events, placeOfRow)) };
}

/**
 * E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson (1988), Biometrics 44:837, computed from ranks:
 * X. Sun, W. Xu (2014), IEEE Signal Processing Letters 21:1389, equations 5 to 8. Exact with ties, O(n), the same in any order of rows.
 *
 * @param scores one vector a score, each [rows]; labels [rows] are 0 or 1.
 * @returns null when either class is absent.
 * @throws StatisticsError for lengths that differ, scores that are not finite, labels that are not 0 or 1.
 */
export function deLong(scores: readonly ArrayLike<number>[], labels: ArrayLike<number>): DeLong | null {
  const all = allComponents(scores, labels);
  if (all === null) return null;
  const { events, nonEvents, parts } = all;
  const auroc = parts.map(({ halfPairs }) => halfPairs / (2 * events * nonEvents));
  const ranks = parts.map((part) => part.ranks);
  if (events < 2 || nonEvents < 2) return { events, nonEvents, auroc, covariance: null, ranks };
  const covariance = parts.map((a) =>
    parts.map(
      (b) =>
        sampleCovariance(a.ofEvents, b.ofEvents) / (4 * nonEvents * nonEvents * events) +
        sampleCovariance(a.ofNonEvents, b.ofNonEvents) / (4 * events * events * nonEvents),
    ),
  );
  return { events, nonEvents, auroc, covariance, ranks };
}

/** Sample covariance of two vectors of whole numbers, its sums exact: (n·Σab - Σa·Σb) / (n (n - 1)). */
function sampleCovariance(a: Float64Array, b: Float64Array): number {
  const n = BigInt(a.length);
  const products = exactSumOf(a.length, (index) => (a[index] as number) * (b[index] as number));
  const sumA = exactSumOf(a.length, (index) => a[index] as number);
  const sumB = exactSumOf(b.length, (index) => b[index] as number);
  return Number(n * products - sumA * sumB) / Number(n * (n - 1n));
}

/** A double holds every whole number up to this, so a running sum is emptied into a BigInt before it gets there. */
const emptyAt = 2 ** 52;

function exactSumOf(length: number, term: (index: number) => number): bigint {
  let total = 0n;
  let running = 0;
  for (let index = 0; index < length; index++) {
    running += term(index);
    if (running > emptyAt || running < -emptyAt) {
      total += BigInt(running);
      running = 0;
    }
  }
  return total + BigInt(running);
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
  return interval === 'plain' ? waldEstimate(value, standardError, 0, 1) : logitEstimate(value, standardError);
}

export type AurocDifference = PairedDifference;

/**
 * Paired difference of two AUROCs, first minus second, with DeLong's covariance: variance = V11 + V22 - 2·V12, taken from the
 * differences of the structural components so that nothing cancels.
 * Two scores that rank every row alike differ by exactly 0; otherwise a variance of 0 leaves the bounds undefined (`zero_variance`).
 *
 * @param levels error levels of the two bounds; those of a look among several come from `spendingBoundaries`.
 */
export function aurocDifference(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  labels: ArrayLike<number>,
  levels: Levels = singleLook,
): AurocDifference {
  const all = allComponents([first, second], labels);
  if (all === null) return unboundedDifference(null, labels.length === 0 ? 'no_rows' : 'single_class');
  const { events, nonEvents } = all;
  const [a, b] = all.parts as readonly [Components, Components];
  const value = (a.halfPairs - b.halfPairs) / (2 * events * nonEvents);
  if (events < 2 || nonEvents < 2) return unboundedDifference(value, 'too_few_for_interval');
  if (isSame(a.ranks, b.ranks)) return noDifference;
  const ofEvents = a.ofEvents.map((half, index) => half - (b.ofEvents[index] as number));
  const ofNonEvents = a.ofNonEvents.map((half, index) => half - (b.ofNonEvents[index] as number));
  const variance =
    sampleCovariance(ofEvents, ofEvents) / (4 * nonEvents * nonEvents * events) +
    sampleCovariance(ofNonEvents, ofNonEvents) / (4 * events * events * nonEvents);
  if (!(variance > 0)) return unboundedDifference(value, 'zero_variance');
  return waldDifference(value, Math.sqrt(variance), levels, -1, 1);
}
