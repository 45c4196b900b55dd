import type { Estimate } from '../plan/judgement.ts';
import { undefinedEstimate, waldEstimate } from './estimate.ts';
import { exactSum } from './exact-sum.ts';
import { assertCounts, assertFinite, assertProbabilities, assertSameLength, countEvents } from './inputs.ts';
import { kolmogorovSmirnov } from './kolmogorov.ts';
import { assertMatrix, type Matrix } from './matrix.ts';
import { StatisticsError } from './statistics-error.ts';

export type LabelShiftReason = 'no_rows' | 'single_class' | 'not_identifiable';

export interface ClassPriors {
  /** Share of each class at the target, as solved: may lie outside 0 to 1. Null with a reason when undefined. */
  readonly raw: readonly number[] | null;
  /** The same, moved to the nearest probability vector of non-negative shares (negative ones at 0, the others scaled), with 95% intervals. */
  readonly priors: readonly Estimate[] | null;
  /**
   * False when a share lies outside 0 to 1 by more than its error allows: no mixture of the source's classes looks like the target, so that
   * something other than the classes' frequency has changed and the shares are not to be believed. Null when undefined.
   */
  readonly explained: boolean | null;
  /** priors / source priors: what to weight source rows of each class with. */
  readonly weights: readonly number[] | null;
  readonly reason: LabelShiftReason | null;
}

/** Means of a class's outputs, and the covariance matrix of these means. */
interface OutputMeans {
  readonly mean: readonly number[];
  readonly covariance: readonly (readonly number[])[];
}

/** A pivot below this share of the largest entry: the classes' outputs are alike to rounding. */
const smallestPivot = 1e-9;
/** Standard errors by which two classes' mean outputs must differ, and by which a share may lie outside 0 to 1. */
const fewestStandardErrors = 1.96;

/**
 * Black-box shift estimation from counts of hard predictions: Z. Lipton, Y.-X. Wang, A. Smola (2018), ICML, equation 3. Solves
 * Σ_j P(predicted i | class j)·q_j = P_target(predicted i) for the target's class shares q; intervals by the delta method, from the
 * multinomial errors of both sides.
 *
 * `not_identifiable` when the matrix is singular, as it is where a class is never predicted, or where two classes are predicted alike
 * within the sampling error; no pseudo-inverse is taken. See `explained` before believing a share on the border.
 *
 * @param confusion at the source: rows by predicted class, then by true class [predicted][true].
 * @param predicted rows of the target by predicted class.
 * @throws StatisticsError for counts that are none, or a table that is not square.
 */
export function bbseFromCounts(confusion: readonly ArrayLike<number>[], predicted: ArrayLike<number>): ClassPriors {
  const classes = confusion.length;
  for (const [index, row] of confusion.entries()) {
    assertCounts(row, `confusion[${index}]`);
    if (row.length !== classes) {
      throw new StatisticsError('length_mismatch', `confusion[${index}] has ${row.length} cells, not ${classes}`);
    }
  }
  assertCounts(predicted, 'predicted');
  assertSameLength(predicted, { length: classes }, 'predicted and confusion');
  const calls = Array.from(predicted);
  const target = calls.reduce((sum, count) => sum + count, 0);
  const ofClass = Array.from({ length: classes }, (_, column) => confusion.map((row) => row[column] as number));
  const sizes = ofClass.map((cells) => cells.reduce((sum, count) => sum + count, 0));
  if (target === 0 || sizes.every((size) => size === 0)) return undefinedPriors('no_rows');
  if (sizes.some((size) => size === 0)) return undefinedPriors('single_class');
  return solvePriors(
    ofClass.map((cells, column) => multinomialMeans(cells, sizes[column] as number)),
    multinomialMeans(calls, target),
    sizes,
  );
}

function multinomialMeans(counts: readonly number[], total: number): OutputMeans {
  const mean = counts.map((count) => count / total);
  return {
    mean,
    covariance: mean.map((a, i) => mean.map((b, j) => ((i === j ? a : 0) - a * b) / total)),
  };
}

/**
 * Black-box shift estimation from hard two-class predictions at a threshold (see `bbseFromCounts`).
 * @param threshold a row is predicted an event at or above it.
 */
export function bbseHard(
  source: { readonly probabilities: ArrayLike<number>; readonly labels: ArrayLike<number> },
  target: ArrayLike<number>,
  threshold: number,
): ClassPriors {
  assertSameLength(source.probabilities, source.labels, 'source: probabilities and labels');
  assertProbabilities(source.probabilities);
  assertProbabilities(target);
  countEvents(source.labels);
  assertFinite([threshold], 'threshold');
  const confusion: [[number, number], [number, number]] = [
    [0, 0],
    [0, 0],
  ];
  for (let row = 0; row < source.labels.length; row++) {
    confusion[(source.probabilities[row] as number) >= threshold ? 1 : 0][source.labels[row] as 0 | 1]++;
  }
  const predicted: [number, number] = [0, 0];
  for (let row = 0; row < target.length; row++) predicted[(target[row] as number) >= threshold ? 1 : 0]++;
  return bbseFromCounts(confusion, predicted);
}

/**
 * Black-box shift estimation with the mean score of each class in place of the share predicted: the soft form of Lipton, Wang, Smola
 * (2018), section 4; K. Azizzadenesheli et al. (2019), ICLR, section 2. Two classes; needs no threshold and no calibrated scores.
 */
export function bbseSoft(
  source: { readonly probabilities: ArrayLike<number>; readonly labels: ArrayLike<number> },
  target: ArrayLike<number>,
): ClassPriors {
  assertSameLength(source.probabilities, source.labels, 'source: probabilities and labels');
  assertProbabilities(source.probabilities);
  assertProbabilities(target);
  const events = countEvents(source.labels);
  const n = source.labels.length;
  if (n === 0 || target.length === 0) return undefinedPriors('no_rows');
  if (events === 0 || events === n) return undefinedPriors('single_class');
  const ofClass = (wanted: 0 | 1): Float64Array =>
    Float64Array.from(source.probabilities).filter((_, row) => source.labels[row] === wanted);
  return solvePriors([scoreMeans(ofClass(0)), scoreMeans(ofClass(1))], scoreMeans(Float64Array.from(target)), [
    n - events,
    events,
  ]);
}

/** Mean of (1 - p, p), with its sampling covariance. */
function scoreMeans(scores: Float64Array): OutputMeans {
  const n = scores.length;
  const mean = exactSum(scores) / n;
  const variance = n < 2 ? Number.NaN : exactSum(scores.map((score) => (score - mean) ** 2)) / (n - 1) / n;
  return {
    mean: [1 - mean, mean],
    covariance: [
      [variance, -variance],
      [-variance, variance],
    ],
  };
}

function undefinedPriors(reason: LabelShiftReason): ClassPriors {
  return { raw: null, priors: null, explained: null, weights: null, reason };
}

function solvePriors(
  classes: readonly OutputMeans[],
  target: OutputMeans,
  sourceSizes: readonly number[],
): ClassPriors {
  const width = classes.length;
  const matrix = Array.from({ length: width }, (_, i) => classes.map(({ mean }) => mean[i] as number));
  const inverse = invert(matrix);
  if (inverse === null || !distinguishable(classes)) return undefinedPriors('not_identifiable');
  const raw = inverse.map((row) => row.reduce((sum, value, j) => sum + value * (target.mean[j] as number), 0));
  const positive = raw.map((share) => Math.max(0, share));
  const scale = positive.reduce((sum, share) => sum + share, 0);
  const shares = positive.map((share) => share / scale);
  // q = A⁻¹ μ, so dq = A⁻¹ (dμ - dA·q): the errors of the target's means and of each class's, the latter q_j-fold.
  const middle = Array.from({ length: width }, (_, i) =>
    Array.from({ length: width }, (_, j) =>
      classes.reduce(
        (sum, { covariance }, column) => sum + (raw[column] as number) ** 2 * (covariance[i]?.[j] as number),
        target.covariance[i]?.[j] as number,
      ),
    ),
  );
  const errors = raw.map((_, k): number => {
    const row = inverse[k] as readonly number[];
    let variance = 0;
    for (let i = 0; i < width; i++) {
      for (let j = 0; j < width; j++) variance += (row[i] as number) * (middle[i]?.[j] as number) * (row[j] as number);
    }
    return Math.sqrt(Math.max(0, variance));
  });
  const explained = !raw.some((share, k) => Math.max(-share, share - 1) > fewestStandardErrors * (errors[k] as number));
  const priors = raw.map((_, k): Estimate => {
    const value = shares[k] as number;
    if (!Number.isFinite(errors[k])) {
      return { value, low: null, high: null, standardError: null, reason: 'too_few_for_interval' };
    }
    const interval = waldEstimate(raw[k] as number, errors[k] as number);
    const inside = (bound: number): number => Math.min(1, Math.max(0, bound));
    return {
      value,
      low: inside(interval.low as number),
      high: inside(interval.high as number),
      standardError: interval.standardError ?? null,
    };
  });
  const sourceTotal = sourceSizes.reduce((sum, size) => sum + size, 0);
  return {
    raw,
    priors,
    explained,
    weights: shares.map((share, k) => share / ((sourceSizes[k] as number) / sourceTotal)),
    reason: null,
  };
}

/** Whether every two classes differ in some mean output by more than its sampling error. */
function distinguishable(classes: readonly OutputMeans[]): boolean {
  return classes.every((a, i) =>
    classes.slice(i + 1).every((b) =>
      a.mean.some((value, output) => {
        const difference = Math.abs(value - (b.mean[output] as number));
        const variance = (a.covariance[output]?.[output] as number) + (b.covariance[output]?.[output] as number);
        return difference > 0 && !(difference <= fewestStandardErrors * Math.sqrt(variance));
      }),
    ),
  );
}

/** Inverse by Gauss-Jordan elimination with partial pivoting; null when singular. */
function invert(matrix: readonly (readonly number[])[]): number[][] | null {
  const width = matrix.length;
  const work = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  const largest = Math.max(...matrix.flat().map(Math.abs));
  for (let column = 0; column < width; column++) {
    let pivot = column;
    for (let row = column + 1; row < width; row++) {
      if (Math.abs(work[row]?.[column] as number) > Math.abs(work[pivot]?.[column] as number)) pivot = row;
    }
    const held = work[pivot] as number[];
    if (!(Math.abs(held[column] as number) > smallestPivot * largest)) return null;
    work[pivot] = work[column] as number[];
    work[column] = held.map((value) => value / (held[column] as number));
    for (let row = 0; row < width; row++) {
      if (row === column) continue;
      const factor = work[row]?.[column] as number;
      work[row] = (work[row] as number[]).map((value, j) => value - factor * (work[column]?.[j] as number));
    }
  }
  return work.map((row) => row.slice(width));
}

export interface EmPrior {
  /** Prevalence at the target, with Wald's interval on the log-odds scale from the observed information. */
  readonly prevalence: Estimate;
  readonly iterations: number;
}

const maximumIterations = 10_000;

/**
 * Prevalence of an unlabelled target under label shift by expectation maximisation: M. Saerens, P. Latinne, C. Decaestecker (2002), Neural
 * Computation 14:21, equations 2.9. Needs scores that are calibrated at the source. On the border the interval is undefined.
 *
 * @param probabilities of the source's model on the target's rows. @param sourcePrevalence between 0 and 1.
 * Undefined: `no_rows`; `not_identifiable` when every score equals the source's prevalence and says nothing.
 */
export function emPrior(probabilities: ArrayLike<number>, sourcePrevalence: number): EmPrior {
  assertProbabilities(probabilities);
  if (!(sourcePrevalence > 0 && sourcePrevalence < 1)) {
    throw new StatisticsError('out_of_range', `emPrior: sourcePrevalence is ${sourcePrevalence}, not between 0 and 1`);
  }
  const n = probabilities.length;
  if (n === 0) return { prevalence: undefinedEstimate('no_rows'), iterations: 0 };
  const scores = Float64Array.from(probabilities).sort();
  // Likelihoods of the classes up to a factor a row: p(x | 1) ∝ p / π_S, p(x | 0) ∝ (1 - p) / (1 - π_S).
  const ofEvent = scores.map((p) => p / sourcePrevalence);
  const ofNonEvent = scores.map((p) => (1 - p) / (1 - sourcePrevalence));
  if (ofEvent.every((value, row) => Math.abs(value - (ofNonEvent[row] as number)) < 1e-12)) {
    return { prevalence: undefinedEstimate('not_identifiable'), iterations: 0 };
  }
  const step = (prior: number): number => {
    let sum = 0;
    for (let row = 0; row < n; row++) {
      const event = prior * (ofEvent[row] as number);
      const all = event + (1 - prior) * (ofNonEvent[row] as number);
      if (all > 0) sum += event / all;
    }
    return sum / n;
  };
  let prior = sourcePrevalence;
  let iterations = 0;
  for (; iterations < maximumIterations; iterations++) {
    const next = step(prior);
    const change = Math.abs(next - prior);
    prior = next;
    if (change <= 1e-13) break;
    // The likelihood is concave: Newton's step from here, where it stays inside, saves the slow end of EM.
    const better = newton(prior);
    if (better !== null) prior = better;
  }
  if (iterations === maximumIterations) return { prevalence: undefinedEstimate('not_converged'), iterations };
  const information = derivatives(prior).information;
  const atBorder = !(prior > 1e-9 && prior < 1 - 1e-9) || !(information > 0);
  if (atBorder) {
    const value = prior <= 1e-9 ? 0 : prior >= 1 - 1e-9 ? 1 : prior;
    return { prevalence: { value, low: null, high: null, standardError: null, reason: 'at_border' }, iterations };
  }
  const standardError = 1 / Math.sqrt(information);
  const logit = Math.log(prior / (1 - prior));
  const interval = waldEstimate(logit, standardError / (prior * (1 - prior)));
  const back = (x: number): number => 1 / (1 + Math.exp(-x));
  return {
    prevalence: {
      value: prior,
      low: back(interval.low as number),
      high: back(interval.high as number),
      standardError,
    },
    iterations,
  };

  function derivatives(at: number): { readonly gradient: number; readonly information: number } {
    let gradient = 0;
    let information = 0;
    for (let row = 0; row < n; row++) {
      const all = at * (ofEvent[row] as number) + (1 - at) * (ofNonEvent[row] as number);
      const part = ((ofEvent[row] as number) - (ofNonEvent[row] as number)) / all;
      gradient += part;
      information += part * part;
    }
    return { gradient, information };
  }

  function newton(at: number): number | null {
    if (!(at > 0 && at < 1)) return null;
    const { gradient, information } = derivatives(at);
    const next = at + gradient / information;
    return next > 0 && next < 1 && Number.isFinite(next) ? next : null;
  }
}

export interface BlackBoxShift {
  /** Kolmogorov-Smirnov of each output, and the smallest p times the number of outputs. */
  readonly outputs: readonly { readonly statistic: number | null; readonly p: number | null }[];
  readonly p: number | null;
  readonly reason: 'no_rows' | null;
}

/**
 * Black-box shift detection: Kolmogorov-Smirnov on each output of the model, Bonferroni over the outputs. S. Rabanser, S. Günnemann,
 * Z. Lipton (2019), NeurIPS, "Failing loudly", section 3. For two classes one output, [rows, 1], says all.
 */
export function blackBoxShift(source: Matrix, target: Matrix): BlackBoxShift {
  assertMatrix(source, 'source');
  assertMatrix(target, 'target');
  if (source.columns !== target.columns || source.columns === 0) {
    throw new StatisticsError(
      'length_mismatch',
      `outputs: ${source.columns} and ${target.columns}; equal, and at least one`,
    );
  }
  const output = (matrix: Matrix, column: number): Float64Array =>
    Float64Array.from({ length: matrix.rows }, (_, row) => matrix.values[row * matrix.columns + column] as number);
  const outputs = Array.from({ length: source.columns }, (_, column) => {
    const { statistic, p } = kolmogorovSmirnov(output(source, column), output(target, column));
    return { statistic, p };
  });
  const known = outputs.flatMap(({ p }) => (p === null ? [] : [p]));
  if (known.length === 0) return { outputs, p: null, reason: 'no_rows' };
  assertFinite(known, 'p');
  return { outputs, p: Math.min(1, outputs.length * Math.min(...known)), reason: null };
}
