import { cholesky, invertFromCholesky, solveFromCholesky } from './positive-definite.ts';

const maximumSteps = 100;

export interface BinomialFit {
  /** One a column, in the order given. */
  readonly coefficients: readonly number[];
  /** Inverse of the expected information at the maximum [columns, columns]. */
  readonly covariance: readonly (readonly number[])[];
  readonly logLikelihood: number;
}

export interface BinomialData {
  /** Events of each group [groups]. */
  readonly events: ArrayLike<number>;
  /** Rows of each group [groups]. */
  readonly rows: ArrayLike<number>;
  /** Added to the linear predictor [groups]; absent for 0. */
  readonly offset?: ArrayLike<number> | undefined;
}

/**
 * Maximum likelihood of logit P(event) = offset + columns · coefficients over binomial groups, by Newton's method with step halving
 * (P. McCullagh, J. A. Nelder 1989, Generalized Linear Models, section 4.4). The log likelihood is the rows' own, without the binomial
 * coefficient, so grouping does not change it. Columns must include the intercept where one is wanted, and be of similar size.
 *
 * @param columns each [groups].
 * @param start coefficients to begin from; 0 when absent.
 * @returns null where the information is singular or the maximum is not reached in 100 steps (columns dependent, classes separated).
 */
export function fitBinomial(
  columns: readonly ArrayLike<number>[],
  data: BinomialData,
  start?: ArrayLike<number>,
): BinomialFit | null {
  const width = columns.length;
  let coefficients: Float64Array = start === undefined ? new Float64Array(width) : Float64Array.from(start);
  let current = evaluate(columns, data, coefficients);
  for (let step = 0; step < maximumSteps; step++) {
    const factor = cholesky(current.information, width);
    if (factor === null) return null;
    const move = solveFromCholesky(factor, width, current.gradient);
    let share = 1;
    let next = evaluate(columns, data, along(coefficients, move, share));
    // Newton's step may overshoot far from the maximum; halve it until the likelihood does not fall.
    while (next.logLikelihood < current.logLikelihood - 1e-12 * Math.abs(current.logLikelihood) && share > 1e-8) {
      share /= 2;
      next = evaluate(columns, data, along(coefficients, move, share));
    }
    coefficients = along(coefficients, move, share);
    current = next;
    if (
      move.every((change, index) => Math.abs(share * change) <= 1e-12 * (1 + Math.abs(coefficients[index] as number)))
    ) {
      const last = cholesky(current.information, width);
      if (last === null) return null;
      return {
        coefficients: Array.from(coefficients),
        covariance: invertFromCholesky(last, width),
        logLikelihood: current.logLikelihood,
      };
    }
  }
  return null;
}

/** Log likelihood of given linear predictors [groups]: Σ events·eta - rows·log(1 + e^eta). */
export function binomialLogLikelihood(eta: ArrayLike<number>, data: BinomialData): number {
  let sum = 0;
  for (let group = 0; group < data.rows.length; group++) {
    const value = (eta[group] as number) + (data.offset?.[group] ?? 0);
    sum += (data.events[group] as number) * value - (data.rows[group] as number) * softplus(value);
  }
  return sum;
}

/** log(1 + e^x) without overflow. */
export function softplus(x: number): number {
  return Math.max(0, x) + Math.log1p(Math.exp(-Math.abs(x)));
}

function along(from: Float64Array, move: Float64Array, share: number): Float64Array {
  return from.map((value, index) => value + share * (move[index] as number));
}

/** Covariance of the coefficients if these were the true ones: inverse expected information. Null where it is singular. */
export function covarianceAt(
  columns: readonly ArrayLike<number>[],
  data: BinomialData,
  coefficients: ArrayLike<number>,
): number[][] | null {
  const factor = cholesky(evaluate(columns, data, Float64Array.from(coefficients)).information, columns.length);
  return factor === null ? null : invertFromCholesky(factor, columns.length);
}

function evaluate(columns: readonly ArrayLike<number>[], data: BinomialData, coefficients: Float64Array) {
  const width = columns.length;
  const groups = data.rows.length;
  const gradient = new Float64Array(width);
  const information = new Float64Array(width * width);
  const x = new Float64Array(width);
  let logLikelihood = 0;
  for (let group = 0; group < groups; group++) {
    let eta = data.offset?.[group] ?? 0;
    for (let i = 0; i < width; i++) {
      const value = (columns[i] as ArrayLike<number>)[group] as number;
      x[i] = value;
      eta += value * (coefficients[i] as number);
    }
    const events = data.events[group] as number;
    const rows = data.rows[group] as number;
    const small = Math.exp(-Math.abs(eta));
    const p = eta >= 0 ? 1 / (1 + small) : small / (1 + small);
    logLikelihood += events * eta - rows * (Math.max(0, eta) + Math.log1p(small));
    const residual = events - rows * p;
    const weight = (rows * small) / ((1 + small) * (1 + small));
    for (let i = 0; i < width; i++) {
      const xi = x[i] as number;
      gradient[i] = (gradient[i] as number) + residual * xi;
      const weighted = weight * xi;
      for (let j = 0; j <= i; j++) {
        const place = i * width + j;
        information[place] = (information[place] as number) + weighted * (x[j] as number);
      }
    }
  }
  for (let i = 0; i < width; i++) {
    for (let j = 0; j < i; j++) information[j * width + i] = information[i * width + j] as number;
  }
  return { logLikelihood, gradient, information };
}
