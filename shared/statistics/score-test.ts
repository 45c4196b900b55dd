import { chiSquareUpper } from './gamma.ts';

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
 * Whether columns have the same means in two groups within each stratum: the score test of a logistic regression of the group on the
 * columns with an intercept a stratum, with the permutation variance (the conditional likelihood's; N. Mantel, J. Fleiss 1980, Am. J.
 * Epidemiol. 112:129, for many columns). U = Σ_s Σ_i (g_i - ḡ_s)·z_i, V = Σ_s n₁n₀ / (n(n - 1)) · Σ_i (z_i - z̄_s)(z_i - z̄_s)', and U'V⁻U
 * has a chi-square law with rank(V) degrees. No iteration, and nothing to diverge when the groups are wholly apart.
 *
 * @param design row-major [rows, columns]. @param group 0 or 1 [rows]. @param stratum whole numbers from 0 [rows].
 */
export function stratifiedScoreTest(
  design: { readonly rows: number; readonly columns: number; readonly values: Float64Array },
  group: ArrayLike<number>,
  stratum: ArrayLike<number>,
  strata: number,
): ScoreTestResult {
  const { rows, columns, values } = design;
  const none = { statistic: null, degreesOfFreedom: null, p: null };
  const sizes = Array.from({ length: strata }, () => [0, 0] as [number, number]);
  const sums = Array.from({ length: strata }, () => new Float64Array(columns));
  for (let row = 0; row < rows; row++) {
    const s = stratum[row] as number;
    (sizes[s] as [number, number])[group[row] as 0 | 1]++;
    const into = sums[s] as Float64Array;
    for (let column = 0; column < columns; column++) {
      into[column] = (into[column] as number) + (values[row * columns + column] as number);
    }
  }
  const smaller = sizes.reduce((sum, [a, b]) => sum + Math.min(a, b), 0);
  if (smaller < rowsAColumn) return { ...none, reason: 'too_few_rows' };
  const u = new Float64Array(columns);
  const v = new Float64Array(columns * columns);
  const z = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    const s = stratum[row] as number;
    const [n0, n1] = sizes[s] as [number, number];
    const n = n0 + n1;
    if (n0 === 0 || n1 === 0) continue;
    const scale = (n1 * n0) / (n * (n - 1));
    const residual = (group[row] as number) - n1 / n;
    const sum = sums[s] as Float64Array;
    for (let i = 0; i < columns; i++) {
      const centred = (values[row * columns + i] as number) - (sum[i] as number) / n;
      z[i] = centred;
      u[i] = (u[i] as number) + residual * centred;
      for (let j = 0; j <= i; j++)
        v[i * columns + j] = (v[i * columns + j] as number) + scale * centred * (z[j] as number);
    }
  }
  mirror(v, columns);
  const { value, rank } = quadraticForm(u, v, columns);
  if (rank === 0) return { ...none, reason: 'constant_columns' };
  if (smaller < rowsAColumn * rank) return { ...none, reason: 'too_few_rows' };
  return { statistic: value, degreesOfFreedom: rank, p: chiSquareUpper(value, rank), reason: null };
}

export function mirror(matrix: Float64Array, width: number): void {
  for (let i = 0; i < width; i++) for (let j = 0; j < i; j++) matrix[j * width + i] = matrix[i * width + j] as number;
}
