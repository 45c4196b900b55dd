import { chiSquareUpper } from './gamma.ts';
import type { Matrix } from './matrix.ts';

export interface ScoreTestResult {
  readonly statistic: number | null;
  readonly degreesOfFreedom: number | null;
  readonly p: number | null;
  /** Null when `p` is known; why not otherwise. */
  readonly reason: 'too_few_rows' | 'constant_columns' | 'not_converged' | null;
}

/** What is left of a column after those before it, as a share of its variance, for it to count as one of its own. */
const smallestShare = 1e-8;

/**
 * U' V⁻ U for a symmetric non-negative V [width, width], leaving out columns that depend on those before them, and how many were used.
 * By forward substitution along a Cholesky factor that skips such columns.
 */
export function quadraticForm(u: ArrayLike<number>, v: Float64Array, width: number): { value: number; rank: number } {
  const factor = new Float64Array(width * width);
  const solved = new Float64Array(width);
  const used: number[] = [];
  let value = 0;
  for (let i = 0; i < width; i++) {
    let right = u[i] as number;
    for (const j of used) {
      let sum = v[i * width + j] as number;
      for (const k of used) {
        if (k >= j) break;
        sum -= (factor[i * width + k] as number) * (factor[j * width + k] as number);
      }
      factor[i * width + j] = sum / (factor[j * width + j] as number);
      right -= (factor[i * width + j] as number) * (solved[j] as number);
    }
    let pivot = v[i * width + i] as number;
    for (const j of used) pivot -= (factor[i * width + j] as number) ** 2;
    if (!(pivot > smallestShare * (v[i * width + i] as number))) continue;
    factor[i * width + i] = Math.sqrt(pivot);
    solved[i] = right / (factor[i * width + i] as number);
    value += (solved[i] as number) ** 2;
    used.push(i);
  }
  return { value, rank: used.length };
}

/** Rows a column, under which the chi-square law of the score test does not hold well. */
const rowsAColumn = 5;

/**
 * Whether columns have the same means in two groups within each stratum: the sum over strata of score tests of a logistic regression of the
 * group on the columns, with the permutation variance. In a stratum, U = Σ_i (g_i - ḡ)·z_i, V = n₁n₀ / (n(n - 1)) · Σ_i (z_i - z̄)(z_i - z̄)',
 * and U'V⁻U has a chi-square law with rank(V) degrees: C. R. Rao (1948), Proc. Cambridge Phil. Soc. 44:50. No iteration, and nothing to
 * diverge when the groups are wholly apart. The strata's statistics add up, not their U, so that differences which point one way in one
 * stratum and the other way in the next do not cancel.
 *
 * Strata with fewer than 5 rows of the smaller group for each column are left out; without another one the test is undefined
 * (`too_few_rows`), as it is where no column varies (`constant_columns`).
 *
 * @param design row-major [rows, columns]. @param group 0 or 1 [rows]. @param stratum whole numbers from 0 to strata - 1 [rows].
 */
export function stratifiedScoreTest(
  design: Matrix,
  group: ArrayLike<number>,
  stratum: ArrayLike<number>,
  strata: number,
): ScoreTestResult {
  const none = { statistic: null, degreesOfFreedom: null, p: null };
  let statistic = 0;
  let degreesOfFreedom = 0;
  let constant = false;
  for (let wanted = 0; wanted < strata; wanted++) {
    const { value, rank, smaller } = scoreWithin(design, group, stratum, wanted);
    if (smaller >= rowsAColumn && rank === 0) constant = true;
    if (rank === 0 || smaller < rowsAColumn * rank) continue;
    statistic += value;
    degreesOfFreedom += rank;
  }
  if (degreesOfFreedom === 0) return { ...none, reason: constant ? 'constant_columns' : 'too_few_rows' };
  return { statistic, degreesOfFreedom, p: chiSquareUpper(statistic, degreesOfFreedom), reason: null };
}

function scoreWithin(
  { rows, columns, values }: Matrix,
  group: ArrayLike<number>,
  stratum: ArrayLike<number>,
  wanted: number,
): { readonly value: number; readonly rank: number; readonly smaller: number } {
  const sizes: [number, number] = [0, 0];
  const means = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    if (stratum[row] !== wanted) continue;
    sizes[group[row] as 0 | 1]++;
    for (let column = 0; column < columns; column++) {
      means[column] = (means[column] as number) + (values[row * columns + column] as number);
    }
  }
  const n = sizes[0] + sizes[1];
  const smaller = Math.min(...sizes);
  if (smaller === 0) return { value: 0, rank: 0, smaller };
  for (let column = 0; column < columns; column++) means[column] = (means[column] as number) / n;
  const scale = (sizes[0] * sizes[1]) / (n * (n - 1));
  const u = new Float64Array(columns);
  const v = new Float64Array(columns * columns);
  const z = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    if (stratum[row] !== wanted) continue;
    const residual = (group[row] as number) - sizes[1] / n;
    for (let i = 0; i < columns; i++) {
      const centred = (values[row * columns + i] as number) - (means[i] as number);
      z[i] = centred;
      u[i] = (u[i] as number) + residual * centred;
      for (let j = 0; j <= i; j++) {
        v[i * columns + j] = (v[i * columns + j] as number) + scale * centred * (z[j] as number);
      }
    }
  }
  mirror(v, columns);
  return { ...quadraticForm(u, v, columns), smaller };
}

/** Copies the lower triangle of a square matrix to the upper one. */
export function mirror(matrix: Float64Array, width: number): void {
  for (let i = 0; i < width; i++) for (let j = 0; j < i; j++) matrix[j * width + i] = matrix[i * width + j] as number;
}
