import { deriveSeed, permutation, randomStream } from '../runtime/random.ts';
import { assertMatrix, type Matrix, sampleRows } from './matrix.ts';
import { squaringScale, unscaled } from './squaring-scale.ts';
import { StatisticsError } from './statistics-error.ts';

/** What a test that looks at every pair of rows needs to know. */
export interface PairwiseOptions {
  /** Of the subsample and of the permutations. */
  readonly seed: number;
  /** Random relabellings for p; 199 unless given. 0 for no p. */
  readonly permutations?: number;
  /** Rows of either sample at most; a seeded subsample beyond. 1000 unless given: time and memory grow with its square. */
  readonly maximumRows?: number;
}

/** How many rows and permutations stand behind a figure. */
export interface PairwiseUse {
  readonly rows: readonly [number, number];
  readonly permutations: number;
}

export interface EnergyResult {
  /**
   * Squared energy distance 2 E|X - Y| - E|X - X'| - E|Y - Y'|, in the unit of the values; null with a reason when undefined. For one column
   * its root is what `scipy.stats.energy_distance` gives.
   */
  readonly distance: number | null;
  /** nm / (n + m) times the distance. */
  readonly statistic: number | null;
  /** By permutation, (1 + at least as large) / (1 + permutations). */
  readonly p: number | null;
  readonly used: PairwiseUse;
  readonly reason: 'no_rows' | 'constant' | null;
}

const rowsByDefault = 1000;
const permutationsByDefault = 199;

/** The two samples' subsamples, one under the other, multiplied by `scale`. */
export function stackSamples(first: Matrix, second: Matrix, options: PairwiseOptions, name: string) {
  assertMatrix(first, `${name}: first`);
  assertMatrix(second, `${name}: second`);
  if (first.columns !== second.columns) {
    throw new StatisticsError(
      'length_mismatch',
      `${name}: the samples have ${first.columns} and ${second.columns} columns`,
    );
  }
  const maximumRows = options.maximumRows ?? rowsByDefault;
  const permutations = options.permutations ?? permutationsByDefault;
  if (!(Number.isInteger(maximumRows) && maximumRows >= 2 && Number.isInteger(permutations) && permutations >= 0)) {
    throw new StatisticsError(
      'out_of_range',
      `${name}: maximumRows is ${maximumRows} and permutations ${permutations}; whole numbers from 2 and from 0`,
    );
  }
  const a = sampleRows(first, maximumRows, deriveSeed(options.seed, name, 'first'));
  const b = sampleRows(second, maximumRows, deriveSeed(options.seed, name, 'second'));
  const scale = squaringScale(first.values, second.values);
  const values = new Float64Array(a.values.length + b.values.length);
  values.set(a.values);
  values.set(b.values, a.values.length);
  if (scale !== 1)
    for (let place = 0; place < values.length; place++) values[place] = (values[place] as number) * scale;
  return { n: a.rows, m: b.rows, columns: first.columns, values, scale, permutations };
}

/** Squared Euclidean distances of all pairs [rows, rows], row-major. */
export function squaredDistances(values: Float64Array, rows: number, columns: number): Float64Array {
  const squares = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < i; j++) {
      let sum = 0;
      for (let column = 0; column < columns; column++) {
        const difference = (values[i * columns + column] as number) - (values[j * columns + column] as number);
        sum += difference * difference;
      }
      squares[i * rows + j] = sum;
      squares[j * rows + i] = sum;
    }
  }
  return squares;
}

/**
 * A two-sample statistic that is a function of the three sums of a symmetric pairwise matrix, and its permutation p. From the rows' own
 * sums only the block within the smaller sample has to be added up anew for each relabelling.
 *
 * @param statistic of the sums over ordered pairs i ≠ j within the first n, within the other m, and across (each pair once).
 */
export function permutationTest(
  pairs: Float64Array,
  n: number,
  m: number,
  statistic: (withinFirst: number, withinSecond: number, across: number) => number,
  permutations: number,
  seed: number,
): { readonly observed: number; readonly p: number | null } {
  const rows = n + m;
  const rowSums = new Float64Array(rows);
  let total = 0;
  for (let i = 0; i < rows; i++) {
    let sum = 0;
    for (let j = 0; j < rows; j++) if (j !== i) sum += pairs[i * rows + j] as number;
    rowSums[i] = sum;
    total += sum;
  }
  const smaller = Math.min(n, m);
  const evaluate = (chosen: Uint32Array): number => {
    let within = 0;
    let touching = 0;
    for (let a = 0; a < smaller; a++) {
      const i = chosen[a] as number;
      touching += rowSums[i] as number;
      const start = i * rows;
      for (let b = 0; b < a; b++) within += pairs[start + (chosen[b] as number)] as number;
    }
    within *= 2;
    const across = touching - within;
    const other = total - 2 * across - within;
    return n <= m ? statistic(within, other, across) : statistic(other, within, across);
  };
  const identity = Uint32Array.from({ length: smaller }, (_, index) => (n <= m ? index : n + index));
  const observed = evaluate(identity);
  if (permutations === 0) return { observed, p: null };
  const stream = randomStream(seed, 'permutation-test');
  // Equal figures reached by sums in another order must count as equal.
  const level = observed - 1e-12 * (Math.abs(observed) + Math.abs(total) / (rows * rows));
  let extreme = 0;
  for (let turn = 0; turn < permutations; turn++) {
    if (evaluate(permutation(rows, stream)) >= level) extreme++;
  }
  return { observed, p: (1 + extreme) / (1 + permutations) };
}

/**
 * Energy distance of two samples of rows, with the test of equal distributions: G. Székely, M. Rizzo (2013), J. Stat. Plan. Inference
 * 143:1249, equation 6.1 (means over all pairs, a row with itself included), as R's `energy::eqdist.etest`. Columns should be of similar
 * scale. Quadratic in rows, so both samples are cut to `maximumRows`; re-ordering rows changes nothing.
 *
 * @throws StatisticsError for values that are not finite, unequal columns, or options out of range.
 */
export function energyTest(first: Matrix, second: Matrix, options: PairwiseOptions): EnergyResult {
  const { n, m, columns, values, scale, permutations } = stackSamples(first, second, options, 'energyTest');
  const none = { distance: null, statistic: null, p: null, used: { rows: [n, m] as const, permutations: 0 } };
  if (n === 0 || m === 0) return { ...none, reason: 'no_rows' };
  const rows = n + m;
  const pairs = squaredDistances(values, rows, columns).map(Math.sqrt);
  if (pairs.every((distance) => distance === 0)) return { ...none, reason: 'constant' };
  const { observed, p } = permutationTest(
    pairs,
    n,
    m,
    (withinFirst, withinSecond, across) => (2 * across) / (n * m) - withinFirst / (n * n) - withinSecond / (m * m),
    permutations,
    deriveSeed(options.seed, 'energyTest', 'permutations'),
  );
  const distance = unscaled(Math.max(0, observed), scale, 'energyTest');
  const statistic = unscaled(((n * m) / rows) * Math.max(0, observed), scale, 'energyTest');
  return { distance, statistic, p, used: { rows: [n, m], permutations }, reason: null };
}
