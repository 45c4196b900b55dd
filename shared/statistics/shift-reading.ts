import type { Estimate } from '../plan/judgement.ts';
import { deriveSeed } from '../runtime/random.ts';
import { type BinomialFit, fitBinomial } from './binomial-fit.ts';
import { logitOf } from './binomial-groups.ts';
import { encodeDesign } from './encoded-design.ts';
import { logistic, undefinedEstimate, waldEstimate } from './estimate.ts';
import { chiSquareUpper } from './gamma.ts';
import { assertProbabilities, assertSameLength, countEvents } from './inputs.ts';
import { assertMatrix, canonicalOrder, columnOf, type Matrix, take, takeRows } from './matrix.ts';
import { holm } from './multiplicity.ts';
import { fitRidgeLogistic } from './ridge-logistic.ts';
import { mirror, quadraticForm, type ScoreTestResult, stratifiedScoreTest } from './score-test.ts';
import { twoSampleChiSquare } from './shift.ts';
import { StatisticsError } from './statistics-error.ts';

export interface ShiftSide {
  /** Encoded features of each row; NaN where missing. Null where only scores are at hand. */
  readonly features: Matrix | null;
  /** 0 or 1 [rows]. */
  readonly labels: ArrayLike<number>;
  /** The same model's probabilities [rows]. */
  readonly probabilities: ArrayLike<number>;
}

export type ShiftName = 'none' | 'covariate' | 'label' | 'concept' | 'mixed';

export interface ShiftReading {
  /** Null when a test could not be made; then `reason` says which and why. */
  readonly name: ShiftName | null;
  /** One sentence without figures, for a reader who is no statistician. Null without a name. */
  readonly sentence: string | null;
  /** The three tests that name the shift, adjusted together (Holm). */
  readonly tests: {
    /** P(X): do the patients look alike? */
    readonly features: ScoreTestResult & { readonly adjustedP: number | null };
    /** P(Y | X): do like patients have like outcomes? */
    readonly outcomeGivenFeatures: ScoreTestResult & { readonly adjustedP: number | null };
    /** P(X | Y): do patients of like outcome look alike? */
    readonly featuresGivenOutcome: ScoreTestResult & { readonly adjustedP: number | null };
  };
  /** The same gap seen in the two usual ways. Their shares do not add up across the two, and neither is a part of the other. */
  readonly framings: {
    readonly covariateAndConcept: { readonly assumption: string; readonly p: readonly [number | null, number | null] };
    readonly label: { readonly assumption: string; readonly p: readonly [number | null, number | null] };
  };
  /** P(Y): two-sample chi-square of the class counts, and the prevalences' difference, target less source. */
  readonly prevalence: { readonly p: number | null; readonly difference: Estimate };
  /**
   * Recalibration y ~ offset(logit p) + domain + domain·logit p: likelihood ratio on 2 degrees, and what the target adds to the source's
   * intercept and slope. Part of the test of P(Y | X).
   */
  readonly recalibration: { readonly p: number | null; readonly intercept: Estimate; readonly slope: Estimate };
  readonly rows: { readonly source: number; readonly target: number };
  readonly reason: string | null;
}

export interface ReadShiftOptions {
  readonly seed: number;
  /** Family-wise level of the three tests; .05 unless given. */
  readonly alpha?: number;
  /** Rows of either side at most; a seeded subsample beyond. 20,000 unless given. */
  readonly maximumRows?: number;
  /** Whether P(X) and P(X | Y) also compare squares, to see changes of spread; yes unless given. */
  readonly squares?: boolean;
}

const sentences: Readonly<Record<ShiftName, string>> = {
  none: 'Neither the patients nor their outcomes are shown to differ from those the model was checked on.',
  covariate:
    'The patients here differ from those the model was checked on, but patients alike have outcomes alike: a shift of the population.',
  label:
    'The outcome is more or less frequent here than where the model was checked, while patients of like outcome look alike: a shift of prevalence.',
  concept:
    'The patients look like those the model was checked on, but patients alike have other outcomes here: what leads to the outcome, or how it is recorded, differs.',
  mixed:
    'Both the patients and the outcomes of like patients differ from those the model was checked on; no single cause explains it.',
};

/**
 * Names the shift between a source and a target from three tests: of P(X), P(Y | X) and P(X | Y).
 *
 * P(X) and P(X | Y) are score tests of the domain on the standardised features (and their squares, and logit p), the latter within each
 * outcome: see `stratifiedScoreTest`. P(Y | X) takes a logistic regression of the outcome on logit p, the features and their squares, the same
 * on both sides, and asks whether the domain adds an intercept, a slope of logit p (2 degrees) or slopes of the features (one each): the score test
 * of each group, the smaller p doubled. Without features it is the likelihood-ratio test of y ~ logit p + domain + domain·logit p.
 *
 * Reading (A. Storkey 2009, in Dataset Shift in Machine Learning, chapter 1; J. Moreno-Torres et al. 2012, Pattern Recognition 45:521):
 * nothing rejected, `none`; P(X) but not P(Y | X), `covariate`; P(Y | X) but not P(X), `concept`; P(X | Y) alone holding, `label`; all three
 * rejected, `mixed`. Where two readings stand, the one whose own hypothesis has the larger p. "Not rejected" is no proof: with few rows
 * little is. An effect that is neither straight nor a parabola on the log odds can look like a changed P(Y | X) when the patients move along it. With many rows trifles are named; the prevalence's difference and the recalibration say how large they are.
 *
 * Undefined: `no_rows`, `single_class`, or a test's own reason. @throws StatisticsError for unusable input.
 */
export function readShift(source: ShiftSide, target: ShiftSide, options: ReadShiftOptions): ShiftReading {
  const alpha = options.alpha ?? 0.05;
  if (!(alpha > 0 && alpha < 1)) {
    throw new StatisticsError('out_of_range', `readShift: alpha is ${alpha}, not between 0 and 1`);
  }
  if ((source.features === null) !== (target.features === null)) {
    throw new StatisticsError('length_mismatch', 'readShift: one side has features and the other has none');
  }
  const a = usedRows(source, options, 'source');
  const b = usedRows(target, options, 'target');
  const n = a.labels.length;
  const m = b.labels.length;
  const events = [countEvents(a.labels), countEvents(b.labels)] as const;
  const prevalence = {
    p: twoSampleChiSquare([events[0], n - events[0]], [events[1], m - events[1]]).p,
    difference: prevalenceDifference(events, [n, m]),
  };
  const early = n === 0 || m === 0 ? 'no_rows' : null;
  const single = events[0] === 0 || events[0] === n || events[1] === 0 || events[1] === m ? 'single_class' : null;
  const refusal = early ?? single;
  if (refusal !== null) {
    const none = { statistic: null, degreesOfFreedom: null, p: null, adjustedP: null, reason: null };
    return {
      name: null,
      sentence: null,
      tests: { features: none, outcomeGivenFeatures: none, featuresGivenOutcome: none },
      framings: framingsOf(null, null, null, prevalence.p),
      prevalence,
      recalibration: { p: null, intercept: undefinedEstimate(refusal), slope: undefinedEstimate(refusal) },
      rows: { source: n, target: m },
      reason: refusal,
    };
  }

  const labels = concat(a.labels, b.labels);
  const domain = Float64Array.from({ length: n + m }, (_, row) => (row < n ? 0 : 1));
  const logits = concat(a.probabilities, b.probabilities).map(logitOf);
  const withScore = (side: typeof a, from: number): Matrix =>
    withColumn(side.features, logits.subarray(from, from + side.labels.length));
  const squares = options.squares ?? true;
  const design = encodeDesign(withScore(a, 0), withScore(b, n), squares).matrix;
  const features = stratifiedScoreTest(design, domain, new Uint8Array(n + m), 1);
  const featuresGivenOutcome = stratifiedScoreTest(design, domain, labels, 2);
  const recalibration = recalibrationTest(logits, labels, domain);
  const linear = a.features === null ? null : encodeDesign(withScore(a, 0), withScore(b, n), false).matrix;
  const outcomeGivenFeatures =
    linear === null ? recalibration.test : outcomeTest(design, linear, labels, domain, logits);

  const [x, yx, xy] = holm([features.p, outcomeGivenFeatures.p, featuresGivenOutcome.p]);
  const missing = [features, outcomeGivenFeatures, featuresGivenOutcome].find(({ p }) => p === null);
  const name =
    missing === undefined
      ? nameOf(
          { p: features.p as number, rejected: (x as number) <= alpha },
          { p: outcomeGivenFeatures.p as number, rejected: (yx as number) <= alpha },
          { p: featuresGivenOutcome.p as number, rejected: (xy as number) <= alpha },
        )
      : null;
  return {
    name,
    sentence: name === null ? null : sentences[name],
    tests: {
      features: { ...features, adjustedP: x ?? null },
      outcomeGivenFeatures: { ...outcomeGivenFeatures, adjustedP: yx ?? null },
      featuresGivenOutcome: { ...featuresGivenOutcome, adjustedP: xy ?? null },
    },
    framings: framingsOf(features.p, outcomeGivenFeatures.p, featuresGivenOutcome.p, prevalence.p),
    prevalence,
    recalibration: { p: recalibration.test.p, intercept: recalibration.intercept, slope: recalibration.slope },
    rows: { source: n, target: m },
    reason: missing?.reason ?? null,
  };
}

interface Hypothesis {
  readonly p: number;
  readonly rejected: boolean;
}

/** See `readShift`. */
function nameOf(x: Hypothesis, yx: Hypothesis, xy: Hypothesis): ShiftName {
  const rejections = [x, yx, xy].filter(({ rejected }) => rejected).length;
  if (rejections === 0) return 'none';
  if (rejections === 3) return 'mixed';
  if (rejections === 2) {
    if (!x.rejected) return 'concept';
    return yx.rejected ? 'label' : 'covariate';
  }
  // One rejection leaves two hypotheses standing, each with the reading in which it holds.
  if (x.rejected) return yx.p >= xy.p ? 'covariate' : 'label';
  if (yx.rejected) return x.p >= xy.p ? 'concept' : 'label';
  return x.p >= yx.p ? 'concept' : 'covariate';
}

function framingsOf(
  x: number | null,
  yx: number | null,
  xy: number | null,
  y: number | null,
): ShiftReading['framings'] {
  return {
    covariateAndConcept: {
      assumption: 'Patients come first and outcomes follow from them: P(X) and P(Y | X) may change, each on its own.',
      p: [x, yx],
    },
    label: {
      assumption: 'The outcome comes first and findings follow from it: P(Y) and P(X | Y) may change, each on its own.',
      p: [y, xy],
    },
  };
}

function usedRows(side: ShiftSide, options: ReadShiftOptions, name: string) {
  assertSameLength(side.probabilities, side.labels, `${name}: probabilities and labels`);
  assertProbabilities(side.probabilities);
  countEvents(side.labels);
  const parts = [columnOf(side.probabilities), columnOf(side.labels)];
  if (side.features !== null) {
    assertMatrix(side.features, `${name}.features`, 'allowed');
    assertSameLength({ length: side.features.rows }, side.labels, `${name}: rows of features and labels`);
    parts.unshift(side.features);
  }
  const order = canonicalOrder(parts, deriveSeed(options.seed, 'read-shift', name)).subarray(
    0,
    options.maximumRows ?? 20_000,
  );
  return {
    features: side.features === null ? null : takeRows(side.features, order),
    labels: take(side.labels, order),
    probabilities: take(side.probabilities, order),
  };
}

function concat(first: Float64Array, second: Float64Array): Float64Array {
  const both = new Float64Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** Features with one more column, the first. */
function withColumn(features: Matrix | null, column: Float64Array): Matrix {
  if (features === null) return columnOf(column);
  const columns = features.columns + 1;
  const values = new Float64Array(features.rows * columns);
  for (let row = 0; row < features.rows; row++) {
    values[row * columns] = column[row] as number;
    for (let place = 0; place < features.columns; place++) {
      values[row * columns + 1 + place] = features.values[row * features.columns + place] as number;
    }
  }
  return { rows: features.rows, columns, values };
}

function prevalenceDifference(events: readonly [number, number], rows: readonly [number, number]): Estimate {
  if (rows[0] === 0 || rows[1] === 0) return undefinedEstimate('no_rows');
  const shares = [events[0] / rows[0], events[1] / rows[1]] as const;
  const variance = (shares[0] * (1 - shares[0])) / rows[0] + (shares[1] * (1 - shares[1])) / rows[1];
  return waldEstimate(shares[1] - shares[0], Math.sqrt(variance), -1, 1);
}

const noTest = { statistic: null, degreesOfFreedom: null, p: null } as const;

/** Likelihood ratio of y ~ logit p against y ~ logit p + domain + domain·logit p, and the two added coefficients. */
function recalibrationTest(logits: Float64Array, labels: Float64Array, domain: Float64Array) {
  const rows = { events: labels, rows: new Float64Array(labels.length).fill(1) };
  const ones = rows.rows;
  const spread = Math.max(...[0, 1].map((side) => rangeOf(logits.filter((_, row) => domain[row] === side))));
  const undefinedFor = (reason: 'not_converged' | 'constant_columns') => ({
    test: { ...noTest, reason } as ScoreTestResult,
    intercept: undefinedEstimate(reason),
    slope: undefinedEstimate(reason),
  });
  if (!(spread > 0)) return undefinedFor('constant_columns');
  const restricted = fitBinomial([ones, logits], rows);
  const crossed = logits.map((logit, row) => logit * (domain[row] as number));
  const full: BinomialFit | null = fitBinomial([ones, logits, domain, crossed], rows);
  if (restricted === null || full === null) return undefinedFor('not_converged');
  const statistic = Math.max(0, 2 * (full.logLikelihood - restricted.logLikelihood));
  const added = (index: number): Estimate =>
    waldEstimate(full.coefficients[index] as number, Math.sqrt(full.covariance[index]?.[index] as number));
  return {
    test: { statistic, degreesOfFreedom: 2, p: chiSquareUpper(statistic, 2), reason: null } as ScoreTestResult,
    intercept: added(2),
    slope: added(3),
  };
}

function rangeOf(values: Float64Array): number {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return values.length === 0 ? 0 : high - low;
}

/** A trace of a penalty keeps the null fit finite where classes separate; it moves no test by a visible digit. */
const nullRidge = 1e-5;

/**
 * Score test, in a logistic regression of the outcome on an intercept and the design, of domain and domain·logit p (2 degrees), and of
 * domain·each linear column; the smaller p doubled. The null fit is the same on both sides; squares in the design let a curved effect be
 * curved, so that a shift of the patients along the curve is not taken for one of the outcome.
 */
function outcomeTest(
  design: Matrix,
  linear: Matrix,
  labels: Float64Array,
  domain: Float64Array,
  logits: Float64Array,
): ScoreTestResult {
  const fit = fitRidgeLogistic(design, labels, { ridge: nullRidge });
  if (fit === null) return { ...noTest, reason: 'not_converged' };
  const { rows, columns, values } = design;
  const meanLogit = logits.reduce((sum, logit) => sum + logit, 0) / rows;
  const residuals = new Float64Array(rows);
  const weights = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    let eta = fit.intercept;
    for (let column = 0; column < columns; column++) {
      eta += (fit.coefficients[column] as number) * (values[row * columns + column] as number);
    }
    const p = logistic(eta);
    residuals[row] = (labels[row] as number) - p;
    weights[row] = p * (1 - p);
  }
  const overall = addedScoreTest(design, residuals, weights, 2, (row, into) => {
    into[0] = domain[row] as number;
    into[1] = (domain[row] as number) * ((logits[row] as number) - meanLogit);
  });
  const single = addedScoreTest(design, residuals, weights, linear.columns, (row, into) => {
    for (let column = 0; column < linear.columns; column++) {
      into[column] = (domain[row] as number) * (linear.values[row * linear.columns + column] as number);
    }
  });
  const chosen = (single.p ?? 1) < (overall.p ?? 1) ? single : overall;
  return chosen.p === null ? chosen : { ...chosen, p: Math.min(1, 2 * chosen.p) };
}

/** Score test of columns added to a fitted logistic regression: U'(V_aa - V_ab V_bb⁻¹ V_ba)⁻U with b the intercept and the design. */
function addedScoreTest(
  design: Matrix,
  residuals: Float64Array,
  weights: Float64Array,
  added: number,
  addedColumns: (row: number, into: Float64Array) => void,
): ScoreTestResult {
  const { rows, columns, values } = design;
  const fixed = columns + 1;
  const width = fixed + added;
  const joint = new Float64Array(width * width);
  const u = new Float64Array(width);
  const x = new Float64Array(width);
  const extra = x.subarray(fixed);
  x[0] = 1;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) x[1 + column] = values[row * columns + column] as number;
    addedColumns(row, extra);
    const weight = weights[row] as number;
    const residual = residuals[row] as number;
    for (let i = 0; i < width; i++) {
      const xi = x[i] as number;
      if (xi === 0) continue;
      u[i] = (u[i] as number) + residual * xi;
      const weighted = weight * xi;
      const place = i * width;
      for (let j = 0; j <= i; j++) joint[place + j] = (joint[place + j] as number) + weighted * (x[j] as number);
    }
  }
  mirror(joint, width);
  // The fit has made the fixed part of U vanish, so the whole form is that of the added part given the fixed one.
  u.fill(0, 0, fixed);
  const all = quadraticForm(u, joint, width);
  const withoutAdded = quadraticForm(u.subarray(0, fixed), leading(joint, width, fixed), fixed);
  const rank = all.rank - withoutAdded.rank;
  if (rank === 0) return { ...noTest, reason: 'constant_columns' };
  return { statistic: all.value, degreesOfFreedom: rank, p: chiSquareUpper(all.value, rank), reason: null };
}

function leading(matrix: Float64Array, width: number, size: number): Float64Array {
  return Float64Array.from({ length: size * size }, (_, place) => {
    return matrix[Math.floor(place / size) * width + (place % size)] as number;
  });
}
