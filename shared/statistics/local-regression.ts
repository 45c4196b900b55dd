import { cholesky, solveFromCholesky } from './positive-definite.ts';

/** A local fit as a linear map: value = Σ factor · sum over the groups `first` to `first + factors.length - 1`. */
export interface LocalFit {
  readonly first: number;
  /** What the sum of outcomes of each group is multiplied by. */
  readonly factors: Float64Array;
}

export interface LocalRegressionSettings {
  /** Share of the rows in each neighbourhood, above 0 and at most 1. */
  readonly span: number;
  readonly degree: 1 | 2;
}

/**
 * Local polynomial regression at one point with tricube weights over the nearest span · n rows: W. S. Cleveland, S. J. Devlin (1988),
 * JASA 83:596, and R's `loess` with family gaussian and surface direct. The half-width is the distance of the farthest of those rows.
 * Where the neighbourhood does not determine the polynomial, the next lower degree is fitted.
 *
 * @param x ascending and distinct [groups]; rows [groups] of each.
 */
export function localFit(
  x: ArrayLike<number>,
  rows: ArrayLike<number>,
  totalRows: number,
  at: number,
  { span, degree }: LocalRegressionSettings,
): LocalFit {
  const wanted = Math.max(1, Math.floor(totalRows * span + 1e-5));
  let right = lowerBound(x, at);
  let left = right - 1;
  let seen = 0;
  let width = 0;
  while (seen < wanted && (left >= 0 || right < x.length)) {
    const below = left >= 0 ? at - (x[left] as number) : Number.POSITIVE_INFINITY;
    const above = right < x.length ? (x[right] as number) - at : Number.POSITIVE_INFINITY;
    if (below <= above) {
      seen += rows[left--] as number;
      width = below;
    } else {
      seen += rows[right++] as number;
      width = above;
    }
  }
  const first = left + 1;
  const count = right - first;
  const weights = new Float64Array(count);
  for (let index = 0; index < count; index++) {
    const distance = Math.abs((x[first + index] as number) - at);
    // All rows of the neighbourhood at the point itself: no polynomial is left, but their mean is.
    weights[index] = width === 0 ? 1 : (1 - Math.min(1, distance / width) ** 3) ** 3;
  }
  for (let power = width === 0 ? 0 : degree; ; power--) {
    const factors = polynomialFactors(x, rows, at, { first, width: width || 1, weights }, power);
    if (factors !== null) return { first, factors };
  }
}

function lowerBound(x: ArrayLike<number>, at: number): number {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((x[middle] as number) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Null when the weighted moments are singular; the constant always has a solution unless every weight is 0, when all count alike. */
function polynomialFactors(
  x: ArrayLike<number>,
  rows: ArrayLike<number>,
  at: number,
  { first, width, weights }: { readonly first: number; readonly width: number; readonly weights: Float64Array },
  degree: number,
): Float64Array | null {
  const size = degree + 1;
  const moments = new Float64Array(2 * degree + 1);
  const u = weights.map((_, index) => ((x[first + index] as number) - at) / width);
  for (let index = 0; index < weights.length; index++) {
    let term = (weights[index] as number) * (rows[first + index] as number);
    for (let power = 0; power < moments.length; power++) {
      moments[power] = (moments[power] as number) + term;
      term *= u[index] as number;
    }
  }
  const matrix = new Float64Array(size * size);
  for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) matrix[i * size + j] = moments[i + j] as number;
  const factor = cholesky(matrix, size);
  if (factor === null) {
    if (degree > 0) return null;
    const total = weights.reduce((sum, _, index) => sum + (rows[first + index] as number), 0);
    return weights.map(() => 1 / total);
  }
  const unit = new Float64Array(size);
  unit[0] = 1;
  const row = solveFromCholesky(factor, size, unit);
  return weights.map((weight, index) => {
    let polynomial = 0;
    for (let power = degree; power >= 0; power--) {
      polynomial = polynomial * (u[index] as number) + (row[power] as number);
    }
    return weight * polynomial;
  });
}

/** Value of a local fit for sums of outcomes [groups]. */
export function localValue({ first, factors }: LocalFit, sums: ArrayLike<number>): number {
  let value = 0;
  for (let index = 0; index < factors.length; index++) {
    value += (factors[index] as number) * (sums[first + index] as number);
  }
  return value;
}

/** Standard error of a local fit whose groups' sums have these variances [groups]. */
export function localError({ first, factors }: LocalFit, variances: ArrayLike<number>): number {
  let variance = 0;
  for (let index = 0; index < factors.length; index++) {
    variance += (factors[index] as number) ** 2 * (variances[first + index] as number);
  }
  return Math.sqrt(variance);
}
