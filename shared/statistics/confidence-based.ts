import type { Estimate } from '../plan/judgement.ts';
import { logitOf } from './binomial-groups.ts';
import { type DomainClassifierOptions, domainClassifier } from './domain-classifier.ts';
import { pointEstimate, undefinedEstimate, waldEstimate } from './estimate.ts';
import { exactSum } from './exact-sum.ts';
import { assertFinite, assertProbabilities, assertSameLength, countEvents } from './inputs.ts';
import { isotonicFit, isotonicValue } from './isotonic.ts';
import { columnOf, type Matrix } from './matrix.ts';
import { ascendingOrder } from './sorted-order.ts';
import { StatisticsError } from './statistics-error.ts';

/** How a model's scores are turned into probabilities of the outcome, learnt on labelled reference rows. */
export type Calibrator = 'none' | 'logistic' | 'isotonic';

export interface ReferenceSide {
  readonly probabilities: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
}

/** Performance estimated on rows without outcomes. The intervals are bands for the figure that would be observed. */
export interface UnlabelledPerformance {
  readonly auroc: Estimate;
  readonly brier: Estimate;
  /** Expected prevalence. */
  readonly prevalence: Estimate;
  /** What was used; `isotonic` needs 1000 rows and 200 events unless asked for. */
  readonly calibrator: Calibrator | null;
  /** (Σw)² / Σw² of the reference rows behind the calibration. */
  readonly effectiveReferenceRows: number;
  readonly reason: string | null;
}

const isotonicRows = 1000;
const isotonicEvents = 200;

/**
 * Expected AUROC and Brier score of scores when each row is an event with a probability of its own, independently. AUROC: expected
 * pairs ranked rightly, ties at half, over expected events times expected non-events, the area under the expected curve as NannyML
 * computes it (J. Białek et al. 2024, arXiv 2401.08348, section 3) with rows of equal score taken as one step. Brier: mean of
 * c(1 - s)² + (1 - c)s². Bands: ±1.96 standard deviations of what outcomes drawn so would give, for AUROC to first order.
 *
 * @param scores the model's probabilities, which rank the rows [n]. @param chances of an event [n].
 */
export function expectedPerformance(
  scores: ArrayLike<number>,
  chances: ArrayLike<number>,
): { readonly auroc: Estimate; readonly brier: Estimate; readonly prevalence: Estimate } {
  assertSameLength(scores, chances, 'scores and chances');
  assertProbabilities(scores);
  assertProbabilities(chances);
  const n = scores.length;
  if (n === 0) {
    const none = undefinedEstimate('no_rows');
    return { auroc: none, brier: none, prevalence: none };
  }
  const by = (term: (s: number, c: number) => number): number =>
    exactSum(Float64Array.from({ length: n }, (_, row) => term(scores[row] as number, chances[row] as number)));
  const events = by((_, c) => c);
  const nonEvents = by((_, c) => 1 - c);
  const spread = by((_, c) => c * (1 - c));
  const brier = by((s, c) => c * (1 - s) ** 2 + (1 - c) * s ** 2) / n;
  const brierVariance = by((s, c) => c * (1 - c) * (1 - 2 * s) ** 2) / (n * n);
  return {
    auroc: expectedAuroc(scores, chances, events, nonEvents),
    brier: waldEstimate(brier, Math.sqrt(brierVariance), 0, 1),
    prevalence: waldEstimate(events / n, Math.sqrt(spread) / n, 0, 1),
  };
}

function expectedAuroc(
  scores: ArrayLike<number>,
  chances: ArrayLike<number>,
  events: number,
  nonEvents: number,
): Estimate {
  if (!(events > 0 && nonEvents > 0)) return undefinedEstimate('single_class');
  const n = scores.length;
  // Chances sorted inside equal scores, so that sums do not depend on the order of the rows.
  const byChance = ascendingOrder(chances);
  const byScore = ascendingOrder(Float64Array.from(byChance, (row) => scores[row] as number));
  const s = Float64Array.from(byScore, (place) => scores[byChance[place] as number] as number);
  const c = Float64Array.from(byScore, (place) => chances[byChance[place] as number] as number);
  // Expected non-events and events below each row's score, ties at half.
  const below = new Float64Array(n);
  const eventsBelow = new Float64Array(n);
  let pairs = 0;
  let seenEvents = 0;
  let seenNonEvents = 0;
  for (let start = 0; start < n; ) {
    let end = start;
    let groupEvents = 0;
    let groupNonEvents = 0;
    for (; end < n && s[end] === s[start]; end++) {
      groupEvents += c[end] as number;
      groupNonEvents += 1 - (c[end] as number);
    }
    below.fill(seenNonEvents + groupNonEvents / 2, start, end);
    eventsBelow.fill(seenEvents + groupEvents / 2, start, end);
    pairs += groupEvents * (seenNonEvents + groupNonEvents / 2);
    seenEvents += groupEvents;
    seenNonEvents += groupNonEvents;
    start = end;
  }
  const value = Math.min(1, Math.max(0, pairs / (events * nonEvents)));
  // Derivative by one row's outcome: pairs it wins as an event less pairs it would win as a non-event, and the change of the denominator.
  let variance = 0;
  for (let row = 0; row < n; row++) {
    const chance = c[row] as number;
    const winsAsEvent = (below[row] as number) / (events * nonEvents);
    const lossesAsNonEvent = (events - (eventsBelow[row] as number)) / (events * nonEvents);
    const derivative = winsAsEvent - lossesAsNonEvent - value * (1 / events - 1 / nonEvents);
    variance += chance * (1 - chance) * derivative * derivative;
  }
  if (s[0] === s[n - 1]) return pointEstimate(value, 'constant_scores');
  // So few events or non-events are expected that the derivative overflows.
  if (!Number.isFinite(variance)) return pointEstimate(value, 'too_few_for_interval');
  return waldEstimate(value, Math.sqrt(variance), 0, 1);
}

/** The calibrated chance of an event at each of some scores, from weighted reference rows. */
function calibrated(
  reference: ReferenceSide,
  weights: Float64Array,
  calibrator: Calibrator,
  scores: ArrayLike<number>,
): Float64Array | null {
  if (calibrator === 'none') return Float64Array.from(scores);
  if (calibrator === 'isotonic') {
    const fit = isotonicFit(reference.probabilities, reference.labels, weights);
    if (fit === null) return null;
    return Float64Array.from(scores, (score) => isotonicValue(fit.scores, fit.values, score));
  }
  const fit = weightedLogistic(reference, weights);
  return fit === null
    ? null
    : Float64Array.from(scores, (score) => 1 / (1 + Math.exp(-(fit.intercept + fit.slope * logitOf(score)))));
}

/** Logistic recalibration with weights, by Newton's method; null without a maximum. */
function weightedLogistic(
  { probabilities, labels }: ReferenceSide,
  weights: Float64Array,
): { readonly intercept: number; readonly slope: number } | null {
  const n = labels.length;
  // One order whatever that of the rows: by weight, outcome, then score.
  let order = ascendingOrder(weights);
  for (const key of [labels, probabilities]) {
    const held = order;
    order = ascendingOrder(Float64Array.from(held, (row) => key[row] as number)).map((place) => held[place] as number);
  }
  const x = Float64Array.from(order, (row) => logitOf(probabilities[row] as number));
  const y = Float64Array.from(order, (row) => labels[row] as number);
  const w = Float64Array.from(order, (row) => weights[row] as number);
  const total = w.reduce((sum, weight) => sum + weight, 0);
  let a = 0;
  let b = 1;
  const evaluate = (a: number, b: number) => {
    const sums = { value: 0, ga: 0, gb: 0, aa: 0, ab: 0, bb: 0 };
    for (let row = 0; row < n; row++) {
      const eta = a + b * (x[row] as number);
      const small = Math.exp(-Math.abs(eta));
      const p = eta >= 0 ? 1 / (1 + small) : small / (1 + small);
      const weight = (w[row] as number) / total;
      const residual = weight * ((y[row] as number) - p);
      const curvature = (weight * small) / ((1 + small) * (1 + small));
      sums.value += weight * ((y[row] as number) * eta - Math.max(0, eta) - Math.log1p(small));
      sums.ga += residual;
      sums.gb += residual * (x[row] as number);
      sums.aa += curvature;
      sums.ab += curvature * (x[row] as number);
      sums.bb += curvature * (x[row] as number) ** 2;
    }
    return sums;
  };
  let current = evaluate(a, b);
  for (let step = 0; step < 100; step++) {
    const { ga, gb, aa, ab, bb } = current;
    const determinant = aa * bb - ab * ab;
    if (!(determinant > 1e-14 * aa * bb)) return null;
    const moveA = (bb * ga - ab * gb) / determinant;
    const moveB = (aa * gb - ab * ga) / determinant;
    if (Math.abs(moveA) + Math.abs(moveB) <= 1e-11 * (1 + Math.abs(a) + Math.abs(b))) return { intercept: a, slope: b };
    let share = 1;
    let next = evaluate(a + moveA, b + moveB);
    while (next.value < current.value - 1e-13 * Math.abs(current.value) && share > 1e-8) {
      share /= 2;
      next = evaluate(a + share * moveA, b + share * moveB);
    }
    a += share * moveA;
    b += share * moveB;
    current = next;
    if (Math.abs(b) > 1e4) return null;
  }
  return null;
}

function nothing(reason: string, effectiveReferenceRows: number): UnlabelledPerformance {
  const none = undefinedEstimate(reason);
  return { auroc: none, brier: none, prevalence: none, calibrator: null, effectiveReferenceRows, reason };
}

/**
 * `cbpe` with the calibration fitted on reference rows of given weights, such as density ratios from elsewhere; see `pape`.
 * @param weights one a reference row, not negative; null for 1 each.
 */
export function weightedPerformance(
  reference: ReferenceSide,
  current: ArrayLike<number>,
  weights: ArrayLike<number> | null,
  asked?: Calibrator,
): UnlabelledPerformance {
  assertReference(reference, current);
  const rows = reference.labels.length;
  const w = weights === null ? new Float64Array(rows).fill(1) : Float64Array.from(weights);
  assertSameLength(w, reference.labels, 'weights and labels');
  assertFinite(w, 'weights');
  if (w.some((weight) => weight < 0)) throw new StatisticsError('out_of_range', 'a weight is never negative');
  const events = countEvents(reference.labels);
  const total = exactSum(w);
  const effective = total === 0 ? 0 : total ** 2 / exactSum(w.map((weight) => weight * weight));
  if (current.length === 0 || rows === 0) return nothing('no_rows', effective);
  if (asked !== 'none' && (events === 0 || events === rows)) return nothing('single_class', effective);
  const calibrator =
    asked ?? (effective >= isotonicRows && Math.min(events, rows - events) >= isotonicEvents ? 'isotonic' : 'logistic');
  const chances = calibrated(reference, w, calibrator, current);
  if (chances === null) return nothing('not_converged', effective);
  return { ...expectedPerformance(current, chances), calibrator, effectiveReferenceRows: effective, reason: null };
}

export interface CbpeOptions {
  /** `isotonic` where the reference has 1000 rows and 200 of either outcome, else `logistic`, unless given. */
  readonly calibrator?: Calibrator;
  /** Refused when more of the current scores than this lie outside those of the reference; .05 unless given. */
  readonly largestShareOutside?: number;
}

/**
 * Confidence-based performance estimation: what AUROC and Brier score to expect on rows without outcomes, if the outcome still depends on
 * the score as it did in the reference (NannyML's CBPE, W. Kuberski, J. Białek). Blind to a change of that dependence. The bands hold the
 * draw of the outcomes, not the error of the calibration.
 *
 * Undefined: `no_rows`, `single_class`, `not_converged`, `poor_overlap` when too many current scores lie outside the reference's.
 */
export function cbpe(
  reference: ReferenceSide,
  current: ArrayLike<number>,
  options: CbpeOptions = {},
): UnlabelledPerformance {
  assertReference(reference, current);
  const outside = shareOutside(reference.probabilities, current);
  if (outside !== null && outside > (options.largestShareOutside ?? 0.05)) {
    return nothing('poor_overlap', reference.labels.length);
  }
  return weightedPerformance(reference, current, null, options.calibrator);
}

function shareOutside(reference: ArrayLike<number>, current: ArrayLike<number>): number | null {
  if (reference.length === 0 || current.length === 0) return null;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < reference.length; row++) {
    low = Math.min(low, reference[row] as number);
    high = Math.max(high, reference[row] as number);
  }
  let outside = 0;
  for (let row = 0; row < current.length; row++) {
    const score = current[row] as number;
    if (score < low || score > high) outside++;
  }
  return outside / current.length;
}

function assertReference(reference: ReferenceSide, current: ArrayLike<number>): void {
  assertSameLength(reference.probabilities, reference.labels, 'reference: probabilities and labels');
  assertProbabilities(reference.probabilities);
  assertProbabilities(current);
  countEvents(reference.labels);
}

export interface PapeOptions extends Omit<DomainClassifierOptions, 'companions'> {
  readonly calibrator?: Calibrator;
  /** Refused below; 100 unless given. */
  readonly minimumEffectiveRows?: number;
}

/**
 * Probabilistic adaptive performance estimation: as `cbpe`, with the calibration fitted on reference rows weighted by the density ratio of
 * current to reference, π / (1 - π) · n_reference / n_current from a cross-fitted domain classifier (J. Białek et al. 2024, arXiv 2401.08348,
 * section 3.2). Follows a covariate shift under which the calibration changes too; blind to a change of P(outcome | features).
 *
 * Rows beyond the classifier's `maximumRows` are left out on both sides.
 * Undefined: as `cbpe`, `too_few_rows`, `constant_columns`, and `poor_overlap` when the weighted reference is worth too few rows.
 */
export function pape(
  reference: ReferenceSide & { readonly features: Matrix },
  current: { readonly probabilities: ArrayLike<number>; readonly features: Matrix },
  options: PapeOptions,
): UnlabelledPerformance {
  assertReference(reference, current.probabilities);
  assertSameLength({ length: reference.features.rows }, reference.labels, 'reference: rows and labels');
  assertSameLength({ length: current.features.rows }, current.probabilities, 'current: rows and probabilities');
  if (options.calibrator === 'none') {
    throw new StatisticsError('out_of_range', 'pape: calibrator is none; it estimates by weighting a calibration');
  }
  const domain = domainClassifier(reference.features, current.features, {
    squares: true,
    ...options,
    companions: {
      source: [columnOf(reference.probabilities), columnOf(reference.labels)],
      target: [columnOf(current.probabilities)],
    },
  });
  if (domain.source === null || domain.target === null) return nothing(domain.auroc.reason ?? 'not_converged', 0);
  const rows = domain.source.rows;
  const ratio = rows.length / domain.target.rows.length;
  const weights = domain.source.probabilities.map((p) => (p / (1 - p)) * ratio);
  const used = {
    probabilities: Float64Array.from(rows, (row) => reference.probabilities[row] as number),
    labels: Float64Array.from(rows, (row) => reference.labels[row] as number),
  };
  const scores = Float64Array.from(domain.target.rows, (row) => current.probabilities[row] as number);
  const squares = exactSum(weights.map((weight) => weight * weight));
  const effective = exactSum(weights) ** 2 / squares;
  if (!(effective >= (options.minimumEffectiveRows ?? 100))) {
    return nothing('poor_overlap', Number.isFinite(effective) ? effective : 0);
  }
  return weightedPerformance(used, scores, weights, options.calibrator);
}
