import { randomStream } from '../runtime/random.ts';
import { exactSum } from './exact-sum.ts';
import { assertFinite } from './inputs.ts';
import { assertMatrix, type Matrix } from './matrix.ts';
import { StatisticsError } from './statistics-error.ts';

/** A map of rows to vectors whose dot products approximate a Gaussian kernel; equal on both sides that share its four figures. */
export interface FourierFeatures {
  readonly dimension: number;
  /** Frequencies D. */
  readonly features: number;
  /** Length of an embedded row and of a mean: 2D, a cosine and a sine a frequency. */
  readonly length: number;
  /** Embeds one row [dimension]; the result [2D] has norm 1. */
  embed(row: ArrayLike<number>): Float64Array;
  /** Mean of the embedded rows [2D]; null without rows. Re-ordering rows changes nothing. */
  meanEmbedding(matrix: Matrix): Float64Array | null;
}

/**
 * Random Fourier features of the kernel exp(-|x - y|² / 2σ²): A. Rahimi, B. Recht (2007), NIPS 20, algorithm 1, with a cosine and a sine
 * for each of D frequencies drawn from N(0, 1/σ²) and divided by √D, so that every embedded row has norm exactly 1 up to rounding.
 *
 * @param options `dimension` of the rows; `features` frequencies D; `bandwidth` σ in the unit of the rows; `seed` of the frequencies.
 * @throws StatisticsError `out_of_range`.
 */
export function fourierFeatures(options: {
  readonly dimension: number;
  readonly features: number;
  readonly bandwidth: number;
  readonly seed: number;
}): FourierFeatures {
  const { dimension, features, bandwidth, seed } = options;
  for (const [name, value] of [
    ['dimension', dimension],
    ['features', features],
  ] as const) {
    if (!(Number.isInteger(value) && value >= 1)) {
      throw new StatisticsError('out_of_range', `fourierFeatures: ${name} is ${value}, not a whole number from 1`);
    }
  }
  if (!(bandwidth > 0 && Number.isFinite(bandwidth))) {
    throw new StatisticsError('out_of_range', `fourierFeatures: bandwidth is ${bandwidth}, not positive`);
  }
  const stream = randomStream(seed, 'fourier-features', dimension, features);
  const frequencies = Float64Array.from({ length: features * dimension }, () => stream.normal() / bandwidth);
  const norm = Math.sqrt(1 / features);
  const length = 2 * features;

  const embedInto = (values: ArrayLike<number>, start: number, target: Float64Array): void => {
    for (let feature = 0; feature < features; feature++) {
      let angle = 0;
      for (let column = 0; column < dimension; column++) {
        angle += (frequencies[feature * dimension + column] as number) * (values[start + column] as number);
      }
      if (!Number.isFinite(angle)) {
        throw new StatisticsError('out_of_range', 'fourierFeatures: a row is too far out for this bandwidth');
      }
      target[2 * feature] = norm * Math.cos(angle);
      target[2 * feature + 1] = norm * Math.sin(angle);
    }
  };

  return {
    dimension,
    features,
    length,
    embed(row) {
      assertFinite(row, 'row');
      if (row.length !== dimension) {
        throw new StatisticsError('length_mismatch', `embed: a row of ${row.length} values, not ${dimension}`);
      }
      const target = new Float64Array(length);
      embedInto(row, 0, target);
      return target;
    },
    meanEmbedding(matrix) {
      assertMatrix(matrix, 'meanEmbedding');
      if (matrix.columns !== dimension) {
        throw new StatisticsError('length_mismatch', `meanEmbedding: ${matrix.columns} columns, not ${dimension}`);
      }
      if (matrix.rows === 0) return null;
      // Multiples of a grain so small that all their sums stay below 2^53 of it add up without rounding: row order has no effect.
      const grain = 2 ** (Math.ceil(Math.log2(matrix.rows)) - 53);
      const sums = new Float64Array(length);
      const target = new Float64Array(length);
      for (let row = 0; row < matrix.rows; row++) {
        embedInto(matrix.values, row * dimension, target);
        for (let index = 0; index < length; index++) {
          sums[index] = (sums[index] as number) + Math.round((target[index] as number) / grain);
        }
      }
      return sums.map((sum) => (sum * grain) / matrix.rows);
    },
  };
}

/** What a site shares of its rows: how many, the mean of their embeddings, and the noise added to each coordinate. */
export interface SharedEmbedding {
  readonly rows: number;
  /** [2D]. */
  readonly mean: ArrayLike<number>;
  /** Standard deviation of the independent noise added to every coordinate; 0 without. */
  readonly noiseSd: number;
}

/** Largest change of a mean embedding, in Euclidean norm, when one row is replaced: two vectors of norm 1, over n. */
export function meanEmbeddingSensitivity(rows: number): number {
  if (!(Number.isInteger(rows) && rows >= 1)) {
    throw new StatisticsError('out_of_range', `meanEmbeddingSensitivity: rows is ${rows}, not a whole number from 1`);
  }
  return 2 / rows;
}

export interface SharedMmd {
  /** Unbiased estimate of MMD² in the feature space; may be below 0. Null with a reason when undefined. */
  readonly squared: number | null;
  /** Standard deviation of `squared` that comes from the added noise alone; 0 without noise. */
  readonly noiseStandardDeviation: number | null;
  readonly reason: 'too_few_rows' | null;
}

/**
 * Unbiased squared MMD between two sites from what they share. With embeddings of norm 1, n|m|² = 1 + (1/n)·Σ_{i≠j} k(x_i, x_j), hence
 * the within term is (n|m|² - 1) / (n - 1); the cross term is m₁·m₂. Noise of standard deviation s on each of the L = 2D coordinates makes
 * E|m + e|² = |m|² + L·s², which is taken off each squared norm before; it adds nothing to the cross term, for the two sites' noises are
 * independent. Variance of what noise remains: (n/(n-1))²·(4 s²|m|² + 2 L s⁴) a within term, with the covariances through the same noise.
 *
 * @throws StatisticsError `length_mismatch`, `not_finite`, `out_of_range`.
 */
export function mmdFromMeans(first: SharedEmbedding, second: SharedEmbedding): SharedMmd {
  for (const [name, site] of [
    ['first', first],
    ['second', second],
  ] as const) {
    assertFinite(site.mean, `${name}.mean`);
    if (!(site.noiseSd >= 0 && Number.isFinite(site.noiseSd) && site.rows >= 0)) {
      throw new StatisticsError(
        'out_of_range',
        `mmdFromMeans: ${name} has ${site.rows} rows and noise ${site.noiseSd}`,
      );
    }
  }
  const length = first.mean.length;
  if (second.mean.length !== length) {
    throw new StatisticsError('length_mismatch', `mmdFromMeans: means of ${length} and ${second.mean.length} entries`);
  }
  if (first.rows < 2 || second.rows < 2) return { squared: null, noiseStandardDeviation: null, reason: 'too_few_rows' };
  const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
    exactSum(Float64Array.from({ length }, (_, index) => (a[index] as number) * (b[index] as number)));
  const within = ({ rows, mean, noiseSd }: SharedEmbedding): number =>
    (rows * (dot(mean, mean) - length * noiseSd * noiseSd) - 1) / (rows - 1);
  const squared = within(first) + within(second) - 2 * dot(first.mean, second.mean);
  // First order in the noise: the gradient by a site's mean is 2·(r·m - other); second order: quadratic and cross terms.
  const ratio = (site: SharedEmbedding): number => site.rows / (site.rows - 1);
  const gradient = (site: SharedEmbedding, other: SharedEmbedding): number => {
    const r = ratio(site);
    const norm =
      r * r * (dot(site.mean, site.mean) - length * site.noiseSd ** 2) -
      2 * r * dot(site.mean, other.mean) +
      (dot(other.mean, other.mean) - length * other.noiseSd ** 2);
    return 4 * site.noiseSd ** 2 * Math.max(0, norm);
  };
  const variance =
    gradient(first, second) +
    gradient(second, first) +
    2 * length * (ratio(first) ** 2 * first.noiseSd ** 4 + ratio(second) ** 2 * second.noiseSd ** 4) +
    4 * length * first.noiseSd ** 2 * second.noiseSd ** 2;
  return { squared, noiseStandardDeviation: Math.sqrt(variance), reason: null };
}
