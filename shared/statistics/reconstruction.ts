import { deriveSeed } from '../runtime/random.ts';
import { exactSum } from './exact-sum.ts';
import { assertMatrix, canonicalOrder, type Matrix, takeRows } from './matrix.ts';
import { squaringScale } from './squaring-scale.ts';
import { StatisticsError } from './statistics-error.ts';
import { welchTest } from './welch.ts';

export interface ReconstructionResult {
  /** Mean Euclidean error of rebuilding a standardised row from the kept components: reference rows the components were not fitted on. */
  readonly reference: number | null;
  readonly current: number | null;
  /** current - reference. Rises when the columns no longer go together as they did, even if each alone looks the same. */
  readonly change: number | null;
  /** Welch's test, two-sided. */
  readonly p: number | null;
  readonly components: number | null;
  readonly used: { readonly fitted: number; readonly reference: number; readonly current: number };
  readonly reason: 'too_few_rows' | 'constant_columns' | null;
}

/**
 * Change of the reconstruction error of a principal component analysis: components of the correlation matrix of one half of the reference
 * that hold at least a share of its variance (I. Jolliffe 2002, Principal Component Analysis, section 6.1), errors of the other half against
 * those of the current rows, so that the reference is not flattered by having been fitted. Halves and subsamples follow the canonical order.
 *
 * @param options `variance` share kept, .65 unless given; `maximumRows` of either sample, 20,000 unless given.
 * Undefined: `too_few_rows` (under 4 of the reference or 2 current), `constant_columns`.
 */
export function reconstructionChange(
  reference: Matrix,
  current: Matrix,
  options: { readonly seed: number; readonly variance?: number; readonly maximumRows?: number },
): ReconstructionResult {
  assertMatrix(reference, 'reference');
  assertMatrix(current, 'current');
  const variance = options.variance ?? 0.65;
  if (reference.columns !== current.columns || !(variance > 0 && variance <= 1)) {
    throw new StatisticsError(
      'out_of_range',
      `reconstructionChange: ${reference.columns} and ${current.columns} columns, variance ${variance}`,
    );
  }
  const maximumRows = options.maximumRows ?? 20_000;
  const ordered = (matrix: Matrix, side: string) =>
    takeRows(
      matrix,
      canonicalOrder([matrix], deriveSeed(options.seed, 'reconstruction', side)).subarray(0, maximumRows),
    );
  const all = ordered(reference, 'reference');
  const now = ordered(current, 'current');
  const half = Math.ceil(all.rows / 2);
  const used = { fitted: half, reference: all.rows - half, current: now.rows };
  const none = { reference: null, current: null, change: null, p: null, components: null, used };
  if (all.rows < 4 || now.rows < 2) return { ...none, reason: 'too_few_rows' };
  const columns = reference.columns;
  const fitted = { rows: half, columns, values: all.values.subarray(0, half * columns) };
  const held = { rows: all.rows - half, columns, values: all.values.subarray(half * columns) };

  const scale = scalesOf(fitted);
  const kept = scale.flatMap(({ sd }, column) => (sd > 0 ? [column] : []));
  if (kept.length === 0) return { ...none, reason: 'constant_columns' };
  const standard = (matrix: Matrix): Float64Array => {
    const values = new Float64Array(matrix.rows * kept.length);
    for (let row = 0; row < matrix.rows; row++) {
      for (const [place, column] of kept.entries()) {
        const { mean, sd } = scale[column] as { mean: number; sd: number };
        values[row * kept.length + place] = ((matrix.values[row * columns + column] as number) - mean) / sd;
      }
    }
    return values;
  };
  const width = kept.length;
  const z = standard(fitted);
  const correlation = new Float64Array(width * width);
  for (let row = 0; row < half; row++) {
    for (let i = 0; i < width; i++) {
      for (let j = 0; j <= i; j++) {
        correlation[i * width + j] =
          (correlation[i * width + j] as number) + (z[row * width + i] as number) * (z[row * width + j] as number);
      }
    }
  }
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) {
      correlation[i * width + j] = (correlation[i * width + j] as number) / half;
      correlation[j * width + i] = correlation[i * width + j] as number;
    }
  }
  const { values: eigenvalues, vectors } = symmetricEigen(correlation, width);
  const total = eigenvalues.reduce((sum, value) => sum + value, 0);
  let components = 0;
  let explained = 0;
  while (components < width && explained < variance * total * (1 - 1e-12))
    explained += eigenvalues[components++] as number;

  const errorsOf = (matrix: Matrix): Float64Array => {
    const rows = standard(matrix);
    return Float64Array.from({ length: matrix.rows }, (_, row) => {
      // Vectors are orthonormal: the squared error is the row's squared norm less those of its kept coordinates.
      let left = 0;
      const residual = rows.slice(row * width, (row + 1) * width);
      for (let component = 0; component < components; component++) {
        let coordinate = 0;
        for (let i = 0; i < width; i++) {
          coordinate += (rows[row * width + i] as number) * (vectors[i * width + component] as number);
        }
        for (let i = 0; i < width; i++) {
          residual[i] = (residual[i] as number) - coordinate * (vectors[i * width + component] as number);
        }
      }
      for (const value of residual) left += value * value;
      if (!Number.isFinite(left)) {
        throw new StatisticsError('out_of_range', 'reconstructionChange: a row is too many standard deviations out');
      }
      return Math.sqrt(left);
    });
  };
  const before = errorsOf(held);
  const after = errorsOf(now);
  const moments = (errors: Float64Array) => ({
    rows: errors.length,
    sum: exactSum(errors),
    sumOfSquares: exactSum(errors.map((error) => error * error)),
  });
  const a = moments(before);
  const b = moments(after);
  const tails = [welchTest(a, b).p, welchTest(b, a).p] as const;
  const referenceError = a.sum / a.rows;
  const currentError = b.sum / b.rows;
  return {
    reference: referenceError,
    current: currentError,
    change: currentError - referenceError,
    p: tails[0] === null || tails[1] === null ? null : Math.min(1, 2 * Math.min(tails[0], tails[1])),
    components,
    used,
    reason: null,
  };
}

function scalesOf({ rows, columns, values }: Matrix): { readonly mean: number; readonly sd: number }[] {
  return Array.from({ length: columns }, (_, column) => {
    const of = Float64Array.from({ length: rows }, (_, row) => values[row * columns + column] as number);
    if (of.every((value) => value === of[0])) return { mean: of[0] as number, sd: 0 };
    const scale = squaringScale(of);
    const mean = exactSum(of.map((value) => value * scale)) / rows;
    const sd = Math.sqrt(exactSum(of.map((value) => (value * scale - mean) ** 2)) / rows);
    return { mean: mean / scale, sd: sd / scale };
  });
}

/**
 * Eigenvalues, largest first, and eigenvectors in columns, of a symmetric matrix, by cyclic Jacobi rotations: G. Golub, C. Van Loan (2013),
 * algorithm 8.5.3.
 */
export function symmetricEigen(
  matrix: Float64Array,
  width: number,
): { readonly values: Float64Array; readonly vectors: Float64Array } {
  const a = matrix.slice();
  const v = new Float64Array(width * width);
  for (let i = 0; i < width; i++) v[i * width + i] = 1;
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    let diagonal = 0;
    for (let i = 0; i < width; i++) {
      diagonal += (a[i * width + i] as number) ** 2;
      for (let j = 0; j < i; j++) off += (a[i * width + j] as number) ** 2;
    }
    if (off <= 1e-30 * diagonal) break;
    for (let p = 0; p < width; p++) {
      for (let q = p + 1; q < width; q++) rotate(a, v, width, p, q);
    }
  }
  const order = Array.from({ length: width }, (_, index) => index).sort(
    (i, j) => (a[j * width + j] as number) - (a[i * width + i] as number) || i - j,
  );
  return {
    values: Float64Array.from(order, (index) => a[index * width + index] as number),
    vectors: Float64Array.from({ length: width * width }, (_, place) => {
      return v[Math.floor(place / width) * width + (order[place % width] as number)] as number;
    }),
  };
}

function rotate(a: Float64Array, v: Float64Array, width: number, p: number, q: number): void {
  const apq = a[p * width + q] as number;
  if (apq === 0) return;
  const theta = ((a[q * width + q] as number) - (a[p * width + p] as number)) / (2 * apq);
  const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let k = 0; k < width; k++) {
    const akp = a[k * width + p] as number;
    const akq = a[k * width + q] as number;
    a[k * width + p] = c * akp - s * akq;
    a[k * width + q] = s * akp + c * akq;
  }
  for (let k = 0; k < width; k++) {
    const apk = a[p * width + k] as number;
    const aqk = a[q * width + k] as number;
    a[p * width + k] = c * apk - s * aqk;
    a[q * width + k] = s * apk + c * aqk;
    const vkp = v[k * width + p] as number;
    const vkq = v[k * width + q] as number;
    v[k * width + p] = c * vkp - s * vkq;
    v[k * width + q] = s * vkp + c * vkq;
  }
}
