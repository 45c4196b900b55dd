import type { Estimate } from '../plan/judgement.ts';
import { binIndex } from './binning.ts';
import type { Calibration } from './calibration.ts';
import { type DomainClassifierOptions, domainClassifier } from './domain-classifier.ts';
import { undefinedEstimate, waldEstimate } from './estimate.ts';
import { exactSum } from './exact-sum.ts';
import { assertCounts, assertProbabilities, assertSameLength, assertSquarable, countEvents } from './inputs.ts';
import { columnOf, type Matrix, take } from './matrix.ts';
import { StatisticsError } from './statistics-error.ts';

/**
 * What one side adds up for a split, without showing a row: with w the row's weight towards the shared distribution and l its loss. The
 * first six give the terms and effective size; the others their standard errors.
 */
export interface DomainSums {
  readonly rows: number;
  readonly loss: number;
  readonly lossSquared: number;
  readonly weight: number;
  readonly weightLoss: number;
  readonly weightSquared: number;
  readonly weightLossSquared: number;
  readonly weightSquaredLoss: number;
  readonly weightSquaredLossSquared: number;
}

/**
 * Sums of one side. The weight leads to the shared distribution with density proportional to p·q / (p + q) (Cai, Namkoong, Yadlowsky,
 * section 2.2), whatever share of the rows the classifier saw was the target's: with π = P(target | x) and that share a,
 * w = π / (a(1 - π) + π(1 - a)) for a source row and (1 - π) / (a(1 - π) + π(1 - a)) for a target row. Sums are correctly rounded, so
 * that the order of rows has no effect.
 *
 * @param targetShare share of target rows among those the classifier was fitted on, between 0 and 1.
 */
export function domainSums(
  probabilities: ArrayLike<number>,
  losses: ArrayLike<number>,
  targetShare: number,
  side: 'source' | 'target',
): DomainSums {
  assertSameLength(probabilities, losses, 'probabilities and losses');
  assertProbabilities(probabilities);
  assertSquarable(losses, 'losses');
  if (!(targetShare > 0 && targetShare < 1)) {
    throw new StatisticsError('out_of_range', `domainSums: targetShare is ${targetShare}, not between 0 and 1`);
  }
  const length = losses.length;
  const weights = Float64Array.from({ length }, (_, row) => {
    const p = probabilities[row] as number;
    return (side === 'source' ? p : 1 - p) / (targetShare * (1 - p) + p * (1 - targetShare));
  });
  const sum = (term: (w: number, l: number) => number): number =>
    exactSum(Float64Array.from({ length }, (_, row) => term(weights[row] as number, losses[row] as number)));
  return {
    rows: length,
    loss: sum((_, l) => l),
    lossSquared: sum((_, l) => l * l),
    weight: sum((w) => w),
    weightLoss: sum((w, l) => w * l),
    weightSquared: sum((w) => w * w),
    weightLossSquared: sum((w, l) => w * l * l),
    weightSquaredLoss: sum((w, l) => w * w * l),
    weightSquaredLossSquared: sum((w, l) => w * w * l * l),
  };
}

export type GapReason =
  | 'no_rows'
  | 'too_few_rows'
  | 'constant_columns'
  | 'not_converged'
  | 'effective_size'
  | 'poor_overlap'
  | 'domain_probabilities_miscalibrated';

export interface GapTerms {
  readonly sourceLoss: number;
  readonly targetLoss: number;
  /** targetLoss - sourceLoss, the sum of the three terms. */
  readonly gap: Estimate;
  /** Other patients, on the source's side: shared distribution less source, both with the source's losses. */
  readonly sourceToShared: Estimate;
  /** Other outcomes of like patients: target's losses less the source's, on the shared distribution. */
  readonly outcomeGivenFeatures: Estimate;
  /** Other patients, on the target's side: target less shared distribution, both with the target's losses. */
  readonly sharedToTarget: Estimate;
}

export interface GapSplit {
  /** Null when refused; then `reason` says why. */
  readonly terms: GapTerms | null;
  readonly effectiveRows: { readonly source: number; readonly target: number } | null;
  /** ∫ 2pq / (p + q), from either side: 1 for equal distributions, 0 for disjoint ones. They agree when the probabilities are calibrated. */
  readonly overlap: { readonly source: number; readonly target: number } | null;
  readonly reason: GapReason | null;
}

export interface GapLimits {
  /** Refused below; 100 unless given. */
  readonly minimumEffectiveRows?: number;
  /** Refused when the overlap from either side is below; .2 unless given: about where a domain AUROC exceeds .95. */
  readonly minimumOverlap?: number;
}

/**
 * Three-term split of the gap between two sides' mean losses, from each side's sums: T. Cai, H. Namkoong, S. Yadlowsky (2023), Diagnosing
 * model performance under distribution shift, Operations Research, doi 10.1287/opre.2023.0217, equation 2. The terms add up to the gap.
 * Intervals take the weights as given.
 *
 * @param targetShare as in `domainSums`, for the overlap.
 * Refused: `no_rows`, `effective_size` ((Σw)² / Σw² under the minimum), `poor_overlap`.
 */
export function gapSplitFromSums(
  source: DomainSums,
  target: DomainSums,
  targetShare: number,
  limits: GapLimits = {},
): GapSplit {
  const none = { terms: null, effectiveRows: null, overlap: null };
  if (source.rows === 0 || target.rows === 0) return { ...none, reason: 'no_rows' };
  // w is q / (p + q) / (1 - a) at a source row and p / (p + q) / a at a target row; twice the mean of the former factor is the overlap.
  const overlap = {
    source: (2 * (1 - targetShare) * source.weight) / source.rows,
    target: (2 * targetShare * target.weight) / target.rows,
  };
  const effective = (side: DomainSums): number =>
    side.weightSquared > 0 ? (side.weight * side.weight) / side.weightSquared : 0;
  const effectiveRows = { source: effective(source), target: effective(target) };
  const found = { effectiveRows, overlap };
  if (Math.min(effectiveRows.source, effectiveRows.target) < (limits.minimumEffectiveRows ?? 100)) {
    return { terms: null, ...found, reason: 'effective_size' };
  }
  if (Math.min(overlap.source, overlap.target) < (limits.minimumOverlap ?? 0.2)) {
    return { terms: null, ...found, reason: 'poor_overlap' };
  }
  const plain = (side: DomainSums): number => side.loss / side.rows;
  const shared = (side: DomainSums): number => side.weightLoss / side.weight;
  const varianceOfPlain = (side: DomainSums): number =>
    Math.max(0, side.lossSquared - side.loss * plain(side)) / (side.rows * side.rows);
  const varianceOfShared = (side: DomainSums): number => {
    const mean = shared(side);
    return (
      Math.max(
        0,
        side.weightSquaredLossSquared - 2 * mean * side.weightSquaredLoss + mean * mean * side.weightSquared,
      ) /
      (side.weight * side.weight)
    );
  };
  /** Of the weighted mean and the plain one, over the same rows. */
  const covariance = (side: DomainSums): number =>
    (side.weightLossSquared -
      shared(side) * side.weightLoss -
      plain(side) * (side.weightLoss - shared(side) * side.weight)) /
    (side.weight * side.rows);
  const within = (side: DomainSums): number =>
    Math.sqrt(Math.max(0, varianceOfPlain(side) + varianceOfShared(side) - 2 * covariance(side)));
  const sourceLoss = plain(source);
  const targetLoss = plain(target);
  const gap = targetLoss - sourceLoss;
  const first = shared(source) - sourceLoss;
  const last = targetLoss - shared(target);
  return {
    terms: {
      sourceLoss,
      targetLoss,
      gap: waldEstimate(gap, Math.sqrt(varianceOfPlain(source) + varianceOfPlain(target))),
      sourceToShared: waldEstimate(first, within(source)),
      outcomeGivenFeatures: waldEstimate(
        shared(target) - shared(source),
        Math.sqrt(varianceOfShared(source) + varianceOfShared(target)),
      ),
      sharedToTarget: waldEstimate(last, within(target)),
    },
    ...found,
    reason: null,
  };
}

export interface GapSide {
  readonly features: Matrix;
  /** Loss of the same model on each row, such as log loss. */
  readonly losses: ArrayLike<number>;
}

export interface RowGapSplit extends GapSplit {
  /** How well the sides are told apart. */
  readonly domainAuroc: Estimate;
  /** Slope and intercept of the domain probabilities: a slope whose interval misses 1 by far makes the weights doubtful. */
  readonly domainCalibration: Calibration | null;
  readonly rows: { readonly source: number; readonly target: number };
}

/** A slope of the domain probabilities outside these bounds, with its whole interval, refuses the split. */
const slopeBounds = [0.7, 1.3] as const;

/**
 * DISDE on rows of both sides (see `gapSplitFromSums`): weights from a cross-fitted domain classifier, squares included unless switched
 * off. Where a classifier cannot tell the sides apart its slope says nothing, and the weights are all near 1.
 *
 * Refused besides: `too_few_rows`, `constant_columns`, `not_converged`, and `domain_probabilities_miscalibrated` when the whole interval of
 * their slope lies outside .7 to 1.3.
 */
export function gapSplit(
  source: GapSide,
  target: GapSide,
  options: Omit<DomainClassifierOptions, 'companions'> & GapLimits,
): RowGapSplit {
  for (const [name, side] of [
    ['source', source],
    ['target', target],
  ] as const) {
    assertSameLength({ length: side.features.rows }, side.losses, `${name}: rows and losses`);
    assertSquarable(side.losses, `${name}.losses`);
  }
  const domain = domainClassifier(source.features, target.features, {
    squares: true,
    ...options,
    companions: { source: [columnOf(source.losses)], target: [columnOf(target.losses)] },
  });
  const common = {
    domainAuroc: domain.auroc,
    domainCalibration: domain.calibration,
    rows: { source: domain.source?.rows.length ?? 0, target: domain.target?.rows.length ?? 0 },
  };
  if (domain.source === null || domain.target === null) {
    const reason = (domain.auroc.reason ?? 'not_converged') as GapReason;
    return { ...common, terms: null, effectiveRows: null, overlap: null, reason };
  }
  const share = common.rows.target / (common.rows.source + common.rows.target);
  const split = gapSplitFromSums(
    domainSums(domain.source.probabilities, take(source.losses, domain.source.rows), share, 'source'),
    domainSums(domain.target.probabilities, take(target.losses, domain.target.rows), share, 'target'),
    share,
    options,
  );
  const slope = domain.calibration?.slope;
  const toldApart = (domain.auroc.low ?? 0) > 0.5;
  if (
    split.reason === null &&
    toldApart &&
    ((slope?.high ?? slopeBounds[0]) < slopeBounds[0] || (slope?.low ?? slopeBounds[1]) > slopeBounds[1])
  ) {
    return { ...common, ...split, terms: null, reason: 'domain_probabilities_miscalibrated' };
  }
  return { ...common, ...split };
}

/** A score's counts by outcome over bins between public edges. */
export interface OutcomeHistogram {
  /** Ascending, inside (0, 1) [bins - 1]. */
  readonly edges: readonly number[];
  readonly events: readonly number[];
  readonly nonEvents: readonly number[];
}

export type CountLoss = 'log' | 'brier';

/**
 * The same split with x the bin of the model's score, from two histograms over the same edges: what counts alone can say. "Like patients"
 * are here patients of like predicted risk. Losses are those of the bin's middle (the outer bins reach to 0 and 1), or of `representatives`.
 * Shares are exact, so that no classifier is needed. Refused as in `gapSplitFromSums`.
 *
 * @throws StatisticsError for edges that differ or do not ascend inside (0, 1), counts of the wrong length or negative.
 */
export function gapSplitFromCounts(
  source: OutcomeHistogram,
  target: OutcomeHistogram,
  loss: CountLoss,
  options: GapLimits & { readonly representatives?: readonly number[] } = {},
): GapSplit {
  const representatives = options.representatives ?? binMiddles(source.edges);
  assertHistogram(source, 'source');
  assertHistogram(target, 'target');
  if (source.edges.some((edge, index) => edge !== target.edges[index]) || source.edges.length !== target.edges.length) {
    throw new StatisticsError('length_mismatch', 'gapSplitFromCounts: the histograms have different edges');
  }
  assertSameLength(representatives, source.events, 'representatives and bins');
  const total = (side: OutcomeHistogram): number => sumOf(side.events) + sumOf(side.nonEvents);
  const n = total(source);
  const m = total(target);
  if (n === 0 || m === 0) return { terms: null, effectiveRows: null, overlap: null, reason: 'no_rows' };
  const share = m / (n + m);
  const sums = (side: OutcomeHistogram, which: 'source' | 'target'): DomainSums => {
    const parts = { loss: 0, lossSquared: 0, weight: 0, weightLoss: 0, weightSquared: 0 };
    const more = { weightLossSquared: 0, weightSquaredLoss: 0, weightSquaredLossSquared: 0 };
    for (const [bin, r] of representatives.entries()) {
      const inTarget = (target.events[bin] as number) + (target.nonEvents[bin] as number);
      const inSource = (source.events[bin] as number) + (source.nonEvents[bin] as number);
      if (inTarget + inSource === 0) continue;
      const p = inTarget / (inTarget + inSource);
      const w = (which === 'source' ? p : 1 - p) / (share * (1 - p) + p * (1 - share));
      for (const [count, l] of [
        [side.events[bin] as number, lossOf(loss, r, 1)],
        [side.nonEvents[bin] as number, lossOf(loss, r, 0)],
      ] as const) {
        parts.loss += count * l;
        parts.lossSquared += count * l * l;
        parts.weight += count * w;
        parts.weightLoss += count * w * l;
        parts.weightSquared += count * w * w;
        more.weightLossSquared += count * w * l * l;
        more.weightSquaredLoss += count * w * w * l;
        more.weightSquaredLossSquared += count * w * w * l * l;
      }
    }
    return { rows: total(side), ...parts, ...more };
  };
  return gapSplitFromSums(sums(source, 'source'), sums(target, 'target'), share, options);
}

/** Middle of each bin of a score, the outer ones reaching to 0 and 1. */
function binMiddles(edges: readonly number[]): number[] {
  const points = [0, ...edges, 1];
  return edges.concat(1).map((edge, bin) => ((points[bin] as number) + edge) / 2);
}

function lossOf(loss: CountLoss, probability: number, outcome: 0 | 1): number {
  if (loss === 'brier') return (probability - outcome) ** 2;
  const right = outcome === 1 ? probability : 1 - probability;
  return -Math.log(Math.max(right, 2 ** -24));
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function assertHistogram({ edges, events, nonEvents }: OutcomeHistogram, name: string): void {
  assertCounts(events, `${name}.events`);
  assertCounts(nonEvents, `${name}.nonEvents`);
  if (events.length !== edges.length + 1 || nonEvents.length !== edges.length + 1) {
    throw new StatisticsError(
      'length_mismatch',
      `${name}: ${edges.length} edges make ${edges.length + 1} bins, found ${events.length} and ${nonEvents.length} counts`,
    );
  }
  const points = [0, ...edges, 1];
  if (points.some((point, index) => index > 0 && !(point > (points[index - 1] as number)))) {
    throw new StatisticsError('out_of_range', `${name}.edges must ascend inside 0 and 1`);
  }
}

/** Counts of a score by outcome, for `gapSplitFromCounts`. */
export function outcomeHistogram(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  edges: readonly number[],
): OutcomeHistogram {
  assertSameLength(probabilities, labels, 'probabilities and labels');
  assertProbabilities(probabilities);
  countEvents(labels);
  const events = new Array<number>(edges.length + 1).fill(0);
  const nonEvents = new Array<number>(edges.length + 1).fill(0);
  for (let row = 0; row < labels.length; row++) {
    const counts = labels[row] === 1 ? events : nonEvents;
    const bin = binIndex(probabilities[row] as number, edges);
    counts[bin] = (counts[bin] as number) + 1;
  }
  return { edges, events, nonEvents };
}

/**
 * What prevalence alone would do to the loss: the source's mean losses by class, mixed at the target's prevalence, less the source's mean
 * loss. The reading in which patients of each class are alike and only their numbers differ; it does not add up with the terms of DISDE.
 *
 * @param losses of the source's rows [n], labels 0 or 1 [n]. @returns undefined: `no_rows`, `single_class`.
 */
export function labelShare(losses: ArrayLike<number>, labels: ArrayLike<number>, targetPrevalence: number): Estimate {
  assertSameLength(losses, labels, 'losses and labels');
  assertSquarable(losses, 'losses');
  assertPrevalence(targetPrevalence);
  const events = countEvents(labels);
  const n = labels.length;
  if (n === 0) return undefinedEstimate('no_rows');
  if (events === 0 || events === n) return undefinedEstimate('single_class');
  const ofClass = (wanted: 0 | 1): ClassLosses => {
    const values = Float64Array.from(losses).filter((_, row) => labels[row] === wanted);
    const mean = exactSum(values) / values.length;
    const variance = exactSum(values.map((value) => (value - mean) ** 2)) / (values.length - 1);
    return { rows: values.length, mean, variance: values.length < 2 ? null : variance };
  };
  return reweighted(ofClass(0), ofClass(1), targetPrevalence);
}

/** `labelShare` from the counts of the source's score by outcome, with the losses of `gapSplitFromCounts`. */
export function labelShareFromCounts(
  source: OutcomeHistogram,
  loss: CountLoss,
  targetPrevalence: number,
  representatives: readonly number[] = binMiddles(source.edges),
): Estimate {
  assertHistogram(source, 'source');
  assertSameLength(representatives, source.events, 'representatives and bins');
  assertPrevalence(targetPrevalence);
  const ofClass = (counts: readonly number[], outcome: 0 | 1): ClassLosses => {
    const rows = sumOf(counts);
    const each = representatives.map((probability) => lossOf(loss, probability, outcome));
    const mean = counts.reduce((sum, count, bin) => sum + count * (each[bin] as number), 0) / rows;
    const squares = counts.reduce((sum, count, bin) => sum + count * ((each[bin] as number) - mean) ** 2, 0);
    return { rows, mean, variance: rows < 2 ? null : squares / (rows - 1) };
  };
  const [nonEvents, events] = [ofClass(source.nonEvents, 0), ofClass(source.events, 1)];
  if (nonEvents.rows + events.rows === 0) return undefinedEstimate('no_rows');
  if (nonEvents.rows === 0 || events.rows === 0) return undefinedEstimate('single_class');
  return reweighted(nonEvents, events, targetPrevalence);
}

interface ClassLosses {
  readonly rows: number;
  readonly mean: number;
  /** Sample variance; null for one row. */
  readonly variance: number | null;
}

/** (π_T - π_S) · (mean loss of events - mean loss of non-events), with the errors of the two means and of the source's own prevalence. */
function reweighted(nonEvents: ClassLosses, events: ClassLosses, targetPrevalence: number): Estimate {
  const n = nonEvents.rows + events.rows;
  const prevalence = events.rows / n;
  const change = targetPrevalence - prevalence;
  const difference = events.mean - nonEvents.mean;
  const value = change * difference + 0;
  if (nonEvents.variance === null || events.variance === null) {
    return { value, low: null, high: null, standardError: null, reason: 'too_few_for_interval' };
  }
  const variance =
    change * change * (nonEvents.variance / nonEvents.rows + events.variance / events.rows) +
    (difference * difference * prevalence * (1 - prevalence)) / n;
  return waldEstimate(value, Math.sqrt(variance));
}

function assertPrevalence(prevalence: number): void {
  if (!(prevalence >= 0 && prevalence <= 1)) {
    throw new StatisticsError('out_of_range', `labelShare: targetPrevalence is ${prevalence}, not from 0 to 1`);
  }
}
