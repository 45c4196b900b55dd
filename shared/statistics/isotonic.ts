import { groupByProbability } from './binomial-groups.ts';
import { assertFinite, assertSameLength } from './inputs.ts';
import type { RecalibrationFit } from './recalibration-kinds.ts';
import { StatisticsError } from './statistics-error.ts';

/** A non-decreasing step function through blocks of pooled points. */
export interface IsotonicFit {
  /** First and last score of each block, ascending; once where they are equal. */
  readonly scores: readonly number[];
  /** Value at each of them, non-decreasing. */
  readonly values: readonly number[];
  /** Fitted value of each given point, in the order given. */
  readonly fitted: Float64Array;
}

/**
 * Weighted least squares under monotony, by pooling adjacent violators. R. E. Barlow et al. (1972), Statistical Inference under Order
 * Restrictions, section 1.2. Exact, O(n log n). Points of equal score are one point at their weighted mean (the secondary treatment of
 * ties of J. B. Kruskal 1964, Psychometrika 29:115), so equal scores get equal values. Points of weight 0 do not count.
 *
 * @param weights not negative; 1 each when absent.
 * @returns null when no weight is positive.
 * @throws StatisticsError for lengths that differ, values that are not finite, negative weights.
 */
export function isotonicFit(
  scores: ArrayLike<number>,
  outcomes: ArrayLike<number>,
  weights?: ArrayLike<number>,
): IsotonicFit | null {
  assertSameLength(scores, outcomes, 'scores and outcomes');
  assertFinite(scores, 'scores');
  assertFinite(outcomes, 'outcomes');
  if (weights !== undefined) {
    assertSameLength(scores, weights, 'scores and weights');
    assertFinite(weights, 'weights');
    for (let row = 0; row < weights.length; row++) {
      if ((weights[row] as number) < 0) {
        throw new StatisticsError('out_of_range', `weights[${row}] is ${weights[row]}, and a weight is never negative`);
      }
    }
  }
  const weightOf = (row: number): number => (weights === undefined ? 1 : (weights[row] as number));
  const order = Uint32Array.from({ length: scores.length }, (_, row) => row).sort(
    (a, b) =>
      (scores[a] as number) - (scores[b] as number) ||
      (outcomes[a] as number) - (outcomes[b] as number) ||
      weightOf(a) - weightOf(b),
  );
  const distinct: number[] = [];
  const sums: number[] = [];
  const totals: number[] = [];
  for (const row of order) {
    const weight = weightOf(row);
    if (weight === 0) continue;
    const score = (scores[row] as number) + 0;
    if (distinct.length === 0 || distinct[distinct.length - 1] !== score) {
      distinct.push(score);
      sums.push(0);
      totals.push(0);
    }
    const last = sums.length - 1;
    sums[last] = (sums[last] as number) + weight * (outcomes[row] as number);
    totals[last] = (totals[last] as number) + weight;
  }
  if (distinct.length === 0) return null;
  const blocks = poolAdjacentViolators(distinct, sums, totals);
  const fitted = Float64Array.from({ length: scores.length }, (_, row) =>
    isotonicValue(blocks.scores, blocks.values, scores[row] as number),
  );
  return { ...blocks, fitted };
}

function poolAdjacentViolators(
  scores: ArrayLike<number>,
  sums: ArrayLike<number>,
  weights: ArrayLike<number>,
): { readonly scores: number[]; readonly values: number[] } {
  const first: number[] = [];
  const last: number[] = [];
  const sum: number[] = [];
  const weight: number[] = [];
  for (let point = 0; point < scores.length; point++) {
    first.push(point);
    last.push(point);
    sum.push(sums[point] as number);
    weight.push(weights[point] as number);
    while (sum.length > 1) {
      const top = sum.length - 1;
      // Means compared by cross multiplication: exact for counts.
      const below = (sum[top - 1] as number) * (weight[top] as number);
      const above = (sum[top] as number) * (weight[top - 1] as number);
      if (below < above) break;
      last[top - 1] = last[top] as number;
      sum[top - 1] = (sum[top - 1] as number) + (sum[top] as number);
      weight[top - 1] = (weight[top - 1] as number) + (weight[top] as number);
      for (const column of [first, last, sum, weight]) column.pop();
    }
  }
  const outScores: number[] = [];
  const values: number[] = [];
  for (let block = 0; block < sum.length; block++) {
    const value = (sum[block] as number) / (weight[block] as number);
    outScores.push(scores[first[block] as number] as number);
    values.push(value);
    if (last[block] !== first[block]) {
      outScores.push(scores[last[block] as number] as number);
      values.push(value);
    }
  }
  return { scores: outScores, values };
}

/** Value at a score: a straight line between the neighbouring points, constant beyond the ends. `scores` ascending and distinct. */
export function isotonicValue(scores: readonly number[], values: readonly number[], score: number): number {
  let low = 0;
  let high = scores.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((scores[middle] as number) <= score) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return values[0] as number;
  const below = scores[low - 1] as number;
  const valueBelow = values[low - 1] as number;
  if (low === scores.length || below === score) return valueBelow;
  const share = (score - below) / ((scores[low] as number) - below);
  return valueBelow + share * ((values[low] as number) - valueBelow);
}

/**
 * Isotonic recalibration (B. Zadrozny, C. Elkan 2002, KDD): the monotone map with the smallest squared error, straight lines between
 * blocks. Null: `no_rows`, `single_class`, `constant_scores`.
 */
export function fitIsotonicUpdate(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
): RecalibrationFit<'isotonic'> {
  const groups = groupByProbability(probabilities, labels);
  if (groups.totalRows === 0) return { recalibration: null, reason: 'no_rows' };
  if (groups.totalEvents === 0 || groups.totalEvents === groups.totalRows) {
    return { recalibration: null, reason: 'single_class' };
  }
  if (groups.probabilities.length === 1) return { recalibration: null, reason: 'constant_scores' };
  const { scores, values } = poolAdjacentViolators(groups.probabilities, groups.events, groups.rows);
  return { recalibration: { kind: 'isotonic', scores, values }, reason: null };
}
