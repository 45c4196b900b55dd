import { randomStream } from '../runtime/random.ts';
import { networkProbability } from './fisher-network.ts';
import { logGamma } from './gamma.ts';
import { assertFinite } from './inputs.ts';
import { StatisticsError } from './statistics-error.ts';

export interface FisherResult {
  /** Two-sided; null with a reason when undefined. */
  readonly p: number | null;
  readonly method: 'exact' | 'monte-carlo' | null;
  /** Random tables drawn; 0 when exact. */
  readonly draws: number;
  /** `too_large`: of `fisherExactTable` alone. */
  readonly reason: 'no_rows' | 'single_bin' | 'too_large' | null;
}

/** Tables likelier than the observed one by less than this share count as equally likely: rounding must not part ties. As in R. */
const tieTolerance = 1e-7;

/**
 * Fisher's exact test of a 2 × 2 table [[a, b], [c, d]], two-sided: the probability, with all margins fixed, of the tables that are no
 * likelier than the one seen. R. A. Fisher (1935), JRSS 98:39; as R's `fisher.test`. O(smallest margin).
 * A margin of 0 leaves nothing to test (`single_bin`; `no_rows` when all are).
 * @throws StatisticsError `not_finite` or `out_of_range` for counts that are no whole numbers from 0.
 */
export function fisherExact(a: number, b: number, c: number, d: number): FisherResult {
  assertTable([
    [a, b],
    [c, d],
  ]);
  const reason = degenerate([a + b, c + d], [a + c, b + d]);
  if (reason !== null) return { p: null, method: null, draws: 0, reason };
  const { lowest, logRelative } = hypergeometric(a + b, c + d, a + c);
  const level = (logRelative[a - lowest] as number) + Math.log1p(tieTolerance);
  let all = 0;
  let asUnlikely = 0;
  for (const value of logRelative) {
    all += Math.exp(value);
    if (value <= level) asUnlikely += Math.exp(value);
  }
  return { p: Math.min(1, asUnlikely / all), method: 'exact', draws: 0, reason: null };
}

/**
 * Logarithms of the hypergeometric probabilities of 0 .. `drawn` marked ones among `drawn` of `marked` + `others`, relative to the mode's:
 * sums of the logarithms of the ratios of neighbours, which unlike factorials lose nothing to cancellation.
 */
function hypergeometric(marked: number, others: number, drawn: number) {
  const lowest = Math.max(0, drawn - others);
  const highest = Math.min(marked, drawn);
  const mode = Math.min(highest, Math.max(lowest, Math.floor(((marked + 1) * (drawn + 1)) / (marked + others + 2))));
  const logRelative = new Float64Array(highest - lowest + 1);
  const logRatio = (x: number): number => Math.log(((marked - x) / (x + 1)) * ((drawn - x) / (others - drawn + x + 1)));
  for (let x = mode; x < highest; x++) logRelative[x + 1 - lowest] = (logRelative[x - lowest] as number) + logRatio(x);
  for (let x = mode; x > lowest; x--)
    logRelative[x - 1 - lowest] = (logRelative[x - lowest] as number) - logRatio(x - 1);
  return { lowest, logRelative };
}

/** A second or two of work. */
const stepsByDefault = 4_000_000;

/**
 * Fisher's exact test of an r × c table: the probability, with all margins fixed, of the tables that are no likelier than the one seen.
 * G. Freeman, J. Halton (1951), Biometrika 38:141; by the network algorithm, see `networkProbability`; as R's `fisher.test`.
 * Rows and columns that are empty are left out; with fewer than two of either nothing is tested (`single_bin`). Work grows steeply with rows,
 * columns and counts: `too_large` beyond `maximumSteps`, for which there is `fisherMonteCarlo`.
 *
 * @param table rows of counts [rows][columns]. @param options `maximumSteps` 4,000,000 unless given.
 * @throws StatisticsError `not_finite` or `out_of_range` for counts that are no whole numbers from 0, or rows of unequal length.
 */
export function fisherExactTable(
  table: readonly ArrayLike<number>[],
  options: { readonly maximumSteps?: number } = {},
): FisherResult {
  assertTable(table);
  const { rowTotals, columnTotals } = marginsOf(table);
  const reason = degenerate(rowTotals, columnTotals);
  if (reason !== null) return { p: null, method: null, draws: 0, reason };
  const filled = (totals: readonly number[]): number[] => totals.filter((total) => total > 0);
  const level = logFactorialsOf(table) - tieTolerance;
  const maximumSteps = options.maximumSteps ?? stepsByDefault;
  if (!(maximumSteps >= 1)) {
    throw new StatisticsError('out_of_range', `fisherExactTable: maximumSteps is ${maximumSteps}, not from 1`);
  }
  const p = networkProbability(filled(rowTotals), filled(columnTotals), level, maximumSteps);
  if (p === null) return { p: null, method: null, draws: 0, reason: 'too_large' };
  return { p, method: 'exact', draws: 0, reason: null };
}

function marginsOf(table: readonly ArrayLike<number>[]): {
  readonly rowTotals: readonly number[];
  readonly columnTotals: readonly number[];
} {
  return {
    rowTotals: table.map((cells) => Array.from(cells).reduce((sum, count) => sum + count, 0)),
    columnTotals: Array.from(table[0] ?? [], (_, column) =>
      table.reduce((sum, cells) => sum + (cells[column] as number), 0),
    ),
  };
}

function logFactorial(count: number): number {
  return count < 2 ? 0 : logGamma(count + 1);
}

/** The larger, the less likely is a table with the same margins. */
function logFactorialsOf(table: readonly ArrayLike<number>[]): number {
  let sum = 0;
  for (const cells of table)
    for (let column = 0; column < cells.length; column++) sum += logFactorial(cells[column] as number);
  return sum;
}

/**
 * Fisher's exact test of an r × c table by random tables with its margins (R. C. Patefield 1981, Applied Statistics 30:91, by conditional
 * hypergeometric draws), p = (1 + tables no likelier than the one seen) / (1 + draws): A. Davison, D. Hinkley (1997), equation 4.11.
 * Rows and columns that are empty are left out; with fewer than two of either nothing is tested (`single_bin`).
 *
 * @param table rows of counts [rows][columns]. @param options `draws` tables, from the stream of `seed`.
 * @throws StatisticsError `not_finite` or `out_of_range` for counts that are no whole numbers from 0, or rows of unequal length.
 */
export function fisherMonteCarlo(
  table: readonly ArrayLike<number>[],
  options: { readonly seed: number; readonly draws?: number },
): FisherResult {
  assertTable(table);
  const draws = options.draws ?? 2000;
  if (!(Number.isInteger(draws) && draws >= 1)) {
    throw new StatisticsError('out_of_range', `fisherMonteCarlo: draws is ${draws}, not a whole number from 1`);
  }
  const { rowTotals, columnTotals } = marginsOf(table);
  const reason = degenerate(rowTotals, columnTotals);
  if (reason !== null) return { p: null, method: null, draws: 0, reason };
  const stream = randomStream(options.seed, 'fisher', ...rowTotals, '|', ...columnTotals);
  const level = logFactorialsOf(table) - tieTolerance;
  let extreme = 0;
  for (let draw = 0; draw < draws; draw++) {
    const left = columnTotals.slice();
    let remaining = rowTotals.reduce((sum, count) => sum + count, 0);
    let statistic = 0;
    for (const rowTotal of rowTotals) {
      // The row takes its cells one after another, each hypergeometric given those before it.
      let toPlace = rowTotal;
      let others = remaining;
      for (const [column, available] of left.entries()) {
        others -= available;
        const count = drawHypergeometric(available, others, toPlace, stream.uniform());
        left[column] = available - count;
        toPlace -= count;
        statistic += logFactorial(count);
      }
      remaining -= rowTotal;
    }
    if (statistic >= level) extreme++;
  }
  return { p: (1 + extreme) / (1 + draws), method: 'monte-carlo', draws, reason: null };
}

/** Marked ones among `drawn` of `marked` + `others`, by inversion from the mode outwards: O(standard deviation). */
function drawHypergeometric(marked: number, others: number, drawn: number, uniform: number): number {
  const lowest = Math.max(0, drawn - others);
  const highest = Math.min(marked, drawn);
  if (lowest === highest) return lowest;
  const mode = Math.min(highest, Math.max(lowest, Math.floor(((marked + 1) * (drawn + 1)) / (marked + others + 2))));
  const choose = (n: number, k: number): number => logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);
  const atMode = Math.exp(choose(marked, mode) + choose(others, drawn - mode) - choose(marked + others, drawn));
  const ratio = (x: number): number => ((marked - x) / (x + 1)) * ((drawn - x) / (others - drawn + x + 1));
  let rest = uniform - atMode;
  if (rest < 0) return mode;
  let low = mode;
  let high = mode;
  let atLow = atMode;
  let atHigh = atMode;
  while (low > lowest || high < highest) {
    if (high < highest) {
      atHigh *= ratio(high);
      high++;
      rest -= atHigh;
      if (rest < 0) return high;
    }
    if (low > lowest) {
      low--;
      atLow /= ratio(low);
      rest -= atLow;
      if (rest < 0) return low;
    }
  }
  // Rounding left the probabilities a hair short of 1.
  return mode;
}

function assertTable(table: readonly ArrayLike<number>[]): void {
  const width = table[0]?.length ?? 0;
  for (const [index, cells] of table.entries()) {
    assertFinite(cells, `table[${index}]`);
    if (cells.length !== width) {
      throw new StatisticsError('length_mismatch', `table[${index}] has ${cells.length} cells, table[0] has ${width}`);
    }
    const wrong = Array.from(cells).find((count) => !(Number.isInteger(count) && count >= 0));
    if (wrong !== undefined) {
      throw new StatisticsError('out_of_range', `table[${index}] holds ${wrong}, and a count is a whole number from 0`);
    }
  }
}

function degenerate(rows: readonly number[], columns: readonly number[]): 'no_rows' | 'single_bin' | null {
  const kept = (totals: readonly number[]): number => totals.filter((total) => total > 0).length;
  if (kept(rows) === 0) return 'no_rows';
  return kept(rows) < 2 || kept(columns) < 2 ? 'single_bin' : null;
}
