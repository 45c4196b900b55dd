import { deriveSeed } from '../runtime/random.ts';
import { type PairwiseOptions, type PairwiseUse, permutationTest, squaredDistances, stackSamples } from './energy.ts';
import { type Matrix, sampleRows } from './matrix.ts';
import { squaringScale, unscaled } from './squaring-scale.ts';
import { StatisticsError } from './statistics-error.ts';

export interface MmdResult {
  /** Unbiased estimate of the squared maximum mean discrepancy; may be below 0. Null with a reason when undefined. */
  readonly squared: number | null;
  /** By permutation, (1 + at least as large) / (1 + permutations). */
  readonly p: number | null;
  /** σ of the kernel exp(-|x - y|² / 2σ²), in the unit of the values. */
  readonly bandwidth: number | null;
  readonly used: PairwiseUse;
  readonly reason: 'too_few_rows' | 'constant' | null;
}

/** Median of the distances between rows of two samples together, pairs of equal rows included; of unequal rows only where that is 0. */
function medianDistance(squares: Float64Array, rows: number): number | null {
  const pairs = new Float64Array((rows * (rows - 1)) / 2);
  let place = 0;
  for (let i = 0; i < rows; i++) for (let j = 0; j < i; j++) pairs[place++] = squares[i * rows + j] as number;
  pairs.sort();
  const positive = pairs.subarray(pairs.findIndex((square) => square > 0));
  const median = (sorted: Float64Array): number => {
    const middle = sorted.length >>> 1;
    const upper = Math.sqrt(sorted[middle] as number);
    return sorted.length % 2 === 1 ? upper : (Math.sqrt(sorted[middle - 1] as number) + upper) / 2;
  };
  if (pairs.length === 0 || (pairs.at(-1) as number) === 0) return null;
  const ofAll = median(pairs);
  return ofAll > 0 ? ofAll : median(positive);
}

/**
 * Unbiased squared maximum mean discrepancy with a Gaussian kernel, and its permutation test: A. Gretton et al. (2012), JMLR 13:723,
 * equation 3; bandwidth, unless given, the median of the distances over both samples together (section 8). Columns should be of similar scale.
 * Quadratic in rows, so both samples are cut to `maximumRows`; re-ordering rows changes nothing.
 *
 * @throws StatisticsError for values that are not finite, unequal columns, or options out of range.
 */
export function mmdTest(
  first: Matrix,
  second: Matrix,
  options: PairwiseOptions & { readonly bandwidth?: number },
): MmdResult {
  const { n, m, columns, values, scale, permutations } = stackSamples(first, second, options, 'mmdTest');
  const none = { squared: null, p: null, bandwidth: null, used: { rows: [n, m] as const, permutations: 0 } };
  if (n < 2 || m < 2) return { ...none, reason: 'too_few_rows' };
  const rows = n + m;
  const squares = squaredDistances(values, rows, columns);
  if (options.bandwidth !== undefined && !(options.bandwidth > 0 && Number.isFinite(options.bandwidth))) {
    throw new StatisticsError('out_of_range', `mmdTest: bandwidth is ${options.bandwidth}, not positive`);
  }
  const found = options.bandwidth === undefined ? medianDistance(squares, rows) : options.bandwidth * scale;
  if (found === null) return { ...none, reason: 'constant' };
  const width = Math.max(Number.MIN_VALUE, found);
  const kernel = squares.map((square) => Math.exp(-0.5 * (square / width / width)));
  const { observed, p } = permutationTest(
    kernel,
    n,
    m,
    (withinFirst, withinSecond, across) =>
      withinFirst / (n * (n - 1)) + withinSecond / (m * (m - 1)) - (2 * across) / (n * m),
    permutations,
    deriveSeed(options.seed, 'mmdTest', 'permutations'),
  );
  const bandwidth = options.bandwidth ?? unscaled(found, scale, 'mmdTest');
  return { squared: observed, p, bandwidth, used: { rows: [n, m], permutations }, reason: null };
}

/** Median-heuristic bandwidth of one sample, for `fourierFeatures`; null without two unequal rows. Quadratic in at most `maximumRows` rows. */
export function medianBandwidth(matrix: Matrix, seed: number, maximumRows = 1000): number | null {
  const sample = sampleRows(matrix, maximumRows, deriveSeed(seed, 'medianBandwidth'));
  if (sample.rows < 2) return null;
  const scale = squaringScale(sample.values);
  const values = scale === 1 ? sample.values : sample.values.map((value) => value * scale);
  const median = medianDistance(squaredDistances(values, sample.rows, sample.columns), sample.rows);
  return median === null ? null : unscaled(median, scale, 'medianBandwidth');
}
