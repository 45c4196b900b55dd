import type { Estimate } from '../plan/judgement.ts';
import { deriveSeed } from '../runtime/random.ts';
import { type Calibration, calibrate } from './calibration.ts';
import { aurocEstimate } from './discrimination.ts';
import { type EncodedColumn, encodeDesign } from './encoded-design.ts';
import { undefinedEstimate } from './estimate.ts';
import { canonicalOrder, type Matrix, takeRows } from './matrix.ts';
import { fitRidgeLogistic, predictLogistic } from './ridge-logistic.ts';
import { type ScoreTestResult, stratifiedScoreTest } from './score-test.ts';
import { StatisticsError } from './statistics-error.ts';

export interface DomainClassifierOptions {
  /** Of subsamples and folds. */
  readonly seed: number;
  /** 5 unless given. */
  readonly folds?: number;
  /** L2 penalty on standardised columns; 1 unless given. */
  readonly ridge?: number;
  /** Also squares of the standardised columns, to see changes of spread. */
  readonly squares?: boolean;
  /** Rows of either sample at most; a seeded subsample beyond. 10,000 unless given. */
  readonly maximumRows?: number;
  /** What else the caller's figures depend on, row by row, such as losses: part of what makes two rows alike. */
  readonly companions?: { readonly source: readonly Matrix[]; readonly target: readonly Matrix[] };
}

export interface DomainCoefficient extends EncodedColumn {
  /** Change of the log odds of "target" a standard deviation. */
  readonly coefficient: number;
}

/** The rows of a sample that were used, and what the classifier says of each from the folds it was not in. */
export interface DomainSide {
  /** Rows used, in canonical order. */
  readonly rows: Uint32Array;
  /** P(target) of each of them, from a fit that has not seen it. */
  readonly probabilities: Float64Array;
}

export interface DomainClassifier {
  /**
   * How well the two samples can be told apart, with DeLong's 95% interval on the logit scale; .5 when not at all. The interval takes the
   * fits as given: without any shift it lies wholly above .5 in 3 to 7% of samples, not in 2.5% (300 simulations each of 3 to 20 columns).
   */
  readonly auroc: Estimate;
  /** Whether they differ at all, at its stated level: the score test of all columns, see `stratifiedScoreTest`. Does not say by how much. */
  readonly test: ScoreTestResult;
  /** Null when undefined; then `auroc.reason` says why. */
  readonly source: DomainSide | null;
  readonly target: DomainSide | null;
  /** Logistic recalibration of the probabilities: slope 1 and intercept 0 when they can be used as weights. */
  readonly calibration: Calibration | null;
  /** Of a fit on all used rows, largest first. */
  readonly coefficients: readonly DomainCoefficient[];
  readonly folds: number;
}

/** Fewest rows of a sample a fold is left with. */
const fewestRows = 10;

/**
 * Tells source rows from target rows: D. Lopez-Paz, M. Oquab (2017), ICLR, "Revisiting classifier two-sample tests", with an L2-penalised
 * logistic regression on standardised columns, cross-fitted: each row's probability comes from a fit on the folds without it. Missing
 * values (NaN) count by a column of their own. Folds are dealt along the canonical order of the rows, so that re-ordering changes nothing.
 *
 * Undefined: `no_rows`, `too_few_rows` (under 10 a sample and fold), `constant_columns`, `not_converged`.
 * @throws StatisticsError for infinite values, unequal columns, options out of range.
 */
export function domainClassifier(source: Matrix, target: Matrix, options: DomainClassifierOptions): DomainClassifier {
  const folds = options.folds ?? 5;
  const ridge = options.ridge ?? 1;
  const maximumRows = options.maximumRows ?? 10_000;
  if (!(Number.isInteger(folds) && folds >= 2 && Number.isInteger(maximumRows) && maximumRows >= 1 && ridge > 0)) {
    throw new StatisticsError(
      'out_of_range',
      `domainClassifier: folds is ${folds}, maximumRows ${maximumRows}, ridge ${ridge}; from 2, from 1, above 0`,
    );
  }
  const rowsOf = (matrix: Matrix, companions: readonly Matrix[], side: string): Uint32Array =>
    canonicalOrder([matrix, ...companions], deriveSeed(options.seed, 'domain-classifier', side)).slice(0, maximumRows);
  const sourceRows = rowsOf(source, options.companions?.source ?? [], 'source');
  const targetRows = rowsOf(target, options.companions?.target ?? [], 'target');
  const design = encodeDesign(takeRows(source, sourceRows), takeRows(target, targetRows), options.squares ?? false);
  const undefinedFor = (reason: string): DomainClassifier => ({
    auroc: undefinedEstimate(reason),
    test: {
      statistic: null,
      degreesOfFreedom: null,
      p: null,
      reason: reason === 'constant_columns' || reason === 'not_converged' ? reason : 'too_few_rows',
    },
    source: null,
    target: null,
    calibration: null,
    coefficients: [],
    folds,
  });
  const n = sourceRows.length;
  const m = targetRows.length;
  if (n === 0 || m === 0) return undefinedFor('no_rows');
  if (Math.min(n, m) < fewestRows * folds) return undefinedFor('too_few_rows');
  if (design.columns.length === 0) return undefinedFor('constant_columns');

  const labels = Float64Array.from({ length: n + m }, (_, row) => (row < n ? 0 : 1));
  const whole = fitRidgeLogistic(design.matrix, labels, { ridge });
  if (whole === null) return undefinedFor('not_converged');
  const probabilities = new Float64Array(n + m);
  for (let fold = 0; fold < folds; fold++) {
    const inside: number[] = [];
    const outside: number[] = [];
    for (let row = 0; row < n + m; row++) ((row < n ? row : row - n) % folds === fold ? inside : outside).push(row);
    const fit = fitRidgeLogistic(
      takeRows(design.matrix, outside),
      outside.map((row) => labels[row] as number),
      { ridge, start: whole },
    );
    if (fit === null) return undefinedFor('not_converged');
    const predicted = predictLogistic(fit, takeRows(design.matrix, inside));
    for (const [place, row] of inside.entries()) probabilities[row] = predicted[place] as number;
  }
  return {
    auroc: aurocEstimate(probabilities, labels),
    test: stratifiedScoreTest(design.matrix, labels, new Uint8Array(n + m), 1),
    source: { rows: sourceRows, probabilities: probabilities.slice(0, n) },
    target: { rows: targetRows, probabilities: probabilities.slice(n) },
    calibration: calibrate(probabilities, labels),
    coefficients: design.columns
      .map((column, index) => ({ ...column, coefficient: whole.coefficients[index] as number }))
      .sort((a, b) => Math.abs(b.coefficient) - Math.abs(a.coefficient) || a.column - b.column),
    folds,
  };
}
