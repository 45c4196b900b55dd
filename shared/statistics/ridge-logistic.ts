import { logistic } from './estimate.ts';
import { assertFinite, assertSameLength, countEvents } from './inputs.ts';
import { assertMatrix, type Matrix } from './matrix.ts';
import { cholesky, solveFromCholesky } from './positive-definite.ts';
import { StatisticsError } from './statistics-error.ts';

export interface RidgeLogisticFit {
  readonly intercept: number;
  /** One a column. */
  readonly coefficients: Float64Array;
  /** Without the penalty. */
  readonly logLikelihood: number;
}

const maximumSteps = 50;

/**
 * Logistic regression with an L2 penalty ridge/2 · |b|² on the coefficients, not on the intercept, by Newton's method with step halving
 * (S. le Cessie, J. van Houwelingen 1992, Applied Statistics 41:191); ridge 1 is scikit-learn's C = 1. Rows are added up in the order given.
 *
 * @param design [rows, columns], columns of similar scale. @param labels 0 or 1. @param options `start`: an earlier fit to begin from.
 * @returns null where a class is absent, the information is singular (ridge 0) or the maximum is not reached in 50 steps.
 * @throws StatisticsError for input that is not finite, not 0 or 1, or of unequal length.
 */
export function fitRidgeLogistic(
  design: Matrix,
  labels: ArrayLike<number>,
  options: { readonly ridge: number; readonly start?: RidgeLogisticFit | undefined },
): RidgeLogisticFit | null {
  assertMatrix(design, 'design');
  assertSameLength({ length: design.rows }, labels, 'rows and labels');
  const { ridge } = options;
  if (!(ridge >= 0 && Number.isFinite(ridge))) {
    throw new StatisticsError('out_of_range', `fitRidgeLogistic: ridge is ${ridge}, and it is never negative`);
  }
  const events = countEvents(labels);
  if (events === 0 || events === labels.length) return null;
  const width = design.columns + 1;
  let parameters = new Float64Array(width);
  if (options.start === undefined) parameters[0] = Math.log(events / (labels.length - events));
  else {
    parameters[0] = options.start.intercept;
    parameters.set(options.start.coefficients, 1);
  }
  let current = evaluate(design, labels, parameters, ridge);
  for (let step = 0; step < maximumSteps; step++) {
    const factor = cholesky(current.information, width);
    if (factor === null) return null;
    const move = solveFromCholesky(factor, width, current.gradient);
    // Newton's decrement bounds how far the objective still is from its maximum.
    let decrement = 0;
    for (let index = 0; index < width; index++)
      decrement += (move[index] as number) * (current.gradient[index] as number);
    // Without a penalty separated classes have no maximum: the likelihood climbs to 1 as the coefficients grow without end.
    if (ridge === 0 && current.logLikelihood > -1e-6) return null;
    if (decrement <= 1e-18 * (1 + Math.abs(current.objective))) {
      return {
        intercept: parameters[0] as number,
        coefficients: parameters.slice(1),
        logLikelihood: current.logLikelihood,
      };
    }
    let share = 1;
    let next = current;
    let candidate = parameters;
    for (; share > 1e-8; share /= 2) {
      const part = share;
      candidate = parameters.map((value, index) => value + part * (move[index] as number));
      next = evaluate(design, labels, candidate, ridge);
      if (next.objective >= current.objective - 1e-12 * Math.abs(current.objective)) break;
    }
    parameters = candidate;
    current = next;
  }
  return null;
}

/** Probabilities of label 1 for the rows of a design. */
export function predictLogistic(fit: RidgeLogisticFit, design: Matrix): Float64Array {
  assertFinite(fit.coefficients, 'coefficients');
  const { rows, columns, values } = design;
  return Float64Array.from({ length: rows }, (_, row) => {
    let eta = fit.intercept;
    for (let column = 0; column < columns; column++) {
      eta += (fit.coefficients[column] as number) * (values[row * columns + column] as number);
    }
    return logistic(eta);
  });
}

function evaluate(design: Matrix, labels: ArrayLike<number>, parameters: Float64Array, ridge: number) {
  const { rows, columns, values } = design;
  const width = columns + 1;
  const gradient = new Float64Array(width);
  const information = new Float64Array(width * width);
  const x = new Float64Array(width);
  x[0] = 1;
  let logLikelihood = 0;
  for (let row = 0; row < rows; row++) {
    let eta = parameters[0] as number;
    const start = row * columns - 1;
    for (let index = 1; index < width; index++) {
      const value = values[start + index] as number;
      x[index] = value;
      eta += value * (parameters[index] as number);
    }
    const label = labels[row] as number;
    const small = Math.exp(-Math.abs(eta));
    const p = eta >= 0 ? 1 / (1 + small) : small / (1 + small);
    logLikelihood += label * eta - (Math.max(0, eta) + Math.log1p(small));
    const residual = label - p;
    const weight = small / ((1 + small) * (1 + small));
    for (let i = 0; i < width; i++) {
      const xi = x[i] as number;
      gradient[i] = (gradient[i] as number) + residual * xi;
      const weighted = weight * xi;
      const place = i * width;
      for (let j = 0; j <= i; j++)
        information[place + j] = (information[place + j] as number) + weighted * (x[j] as number);
    }
  }
  let penalty = 0;
  for (let i = 0; i < width; i++) {
    if (i > 0) {
      const b = parameters[i] as number;
      penalty += (ridge / 2) * b * b;
      gradient[i] = (gradient[i] as number) - ridge * b;
      information[i * width + i] = (information[i * width + i] as number) + ridge;
    }
    for (let j = 0; j < i; j++) information[j * width + i] = information[i * width + j] as number;
  }
  return { logLikelihood, objective: logLikelihood - penalty, gradient, information };
}
