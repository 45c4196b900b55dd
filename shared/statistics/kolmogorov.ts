import { assertCounts, assertFinite, assertSameLength } from './inputs.ts';
import { kolmogorovDistance } from './ordered.ts';
import { StatisticsError } from './statistics-error.ts';

/** Exact p is computed for samples whose sizes multiply to at most this: some 20 ms. */
const exactProductByDefault = 4_000_000;

export interface KolmogorovResult {
  /** Largest gap between the right-continuous empirical distribution functions; null with a reason when undefined. */
  readonly statistic: number | null;
  /** Two-sided p by `method`. */
  readonly p: number | null;
  readonly method: 'exact' | 'limit' | null;
  readonly reason: 'no_rows' | null;
}

/**
 * Upper tail of Kolmogorov's limit law, P(K > λ) = 2 Σ (-1)^(k-1) exp(-2k²λ²); for small λ by the theta identity
 * 1 - √(2π)/λ Σ exp(-(2k-1)²π²/8λ²). A. Kolmogorov (1933); N. Smirnov (1948), Ann. Math. Stat. 19:279.
 */
export function kolmogorovUpper(lambda: number): number {
  if (Number.isNaN(lambda)) throw new StatisticsError('not_finite', 'kolmogorovUpper: lambda is NaN');
  if (lambda <= 0) return 1;
  if (lambda < 1.18) {
    let sum = 0;
    for (let k = 1; k <= 9; k += 2) sum += Math.exp((-k * k * Math.PI * Math.PI) / (8 * lambda * lambda));
    return 1 - (Math.sqrt(2 * Math.PI) / lambda) * sum;
  }
  let sum = 0;
  for (let k = 1; k <= 6; k++) sum += (k % 2 === 1 ? 2 : -2) * Math.exp(-2 * k * k * lambda * lambda);
  return Math.min(1, Math.max(0, sum));
}

/**
 * Exact P(D >= observed) of the two-sample statistic when every interleaving of n and m untied values is equally likely
 * (J. Hodges 1958, Arkiv för Matematik 3:469): the share of lattice paths from (0, 0) to (n, m) that touch |i·m - j·n| >= `gap`.
 * Sums the paths at the step where they first touch, so that no difference of near-equal numbers is taken far in the tail.
 * O(n·m) time, O(m) memory.
 */
function exactUpper(n: number, m: number, gap: number): number {
  if (gap <= 0) return 1;
  // Mass of the paths that have not touched yet, at (i, j) for the present i.
  const mass = new Float64Array(m + 1);
  let touched = 0;
  mass[0] = 1;
  for (let i = 0; i <= n; i++) {
    for (let j = 0; j <= m; j++) {
      // From (i - 1, j) the next value is of the first sample with probability (n - i + 1) / all that are left.
      const fromLeft = i === 0 ? 0 : ((mass[j] as number) * (n - i + 1)) / (n - i + 1 + m - j);
      const fromBelow = j === 0 ? 0 : ((mass[j - 1] as number) * (m - j + 1)) / (n - i + m - j + 1);
      const here = i === 0 && j === 0 ? 1 : fromLeft + fromBelow;
      if (here > 0 && Math.abs(i * m - j * n) >= gap) {
        touched += here;
        mass[j] = 0;
      } else mass[j] = here;
    }
  }
  return Math.min(1, touched);
}

/**
 * Two-sample Kolmogorov-Smirnov test, two-sided. The exact p counts lattice paths and supposes untied values; with ties it is
 * conservative (as `scipy.stats.ks_2samp(method='exact')`), and the limit law with λ = D √(nm / (n + m)) is so too.
 *
 * @param first values, in any order; second values. NaN must be left out before.
 * @param options `exactProduct`: largest n·m for which p is exact, 4,000,000 unless given; 0 for the limit law always.
 * @throws StatisticsError `not_finite`.
 */
export function kolmogorovSmirnov(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  options: { readonly exactProduct?: number } = {},
): KolmogorovResult {
  assertFinite(first, 'first');
  assertFinite(second, 'second');
  const a = Float64Array.from(first).sort();
  const b = Float64Array.from(second).sort();
  const statistic = kolmogorovDistance(a, b);
  if (statistic === null) return { statistic: null, p: null, method: null, reason: 'no_rows' };
  const n = a.length;
  const m = b.length;
  if (n * m <= (options.exactProduct ?? exactProductByDefault)) {
    // D·n·m is a whole number; rounding it removes the error of the two divisions.
    return { statistic, p: exactUpper(n, m, Math.round(statistic * n * m)), method: 'exact', reason: null };
  }
  return { statistic, p: kolmogorovUpper(statistic * Math.sqrt((n / (n + m)) * m)), method: 'limit', reason: null };
}

/**
 * Kolmogorov-Smirnov on counts over the same ordered bins: the largest gap of the two distribution functions at the inner edges. A
 * lower bound of the distance of the values themselves, so that its limit-law p is an upper bound of theirs.
 * @param first counts [bins] in ascending order of the values, without a cell for missing values.
 */
export function binnedKolmogorov(first: ArrayLike<number>, second: ArrayLike<number>): KolmogorovResult {
  assertSameLength(first, second, 'binnedKolmogorov: the two count vectors');
  const counts = [Array.from(first), Array.from(second)] as const;
  assertCounts(counts[0], 'first');
  assertCounts(counts[1], 'second');
  const n = counts[0].reduce((sum, count) => sum + count, 0);
  const m = counts[1].reduce((sum, count) => sum + count, 0);
  if (n === 0 || m === 0) return { statistic: null, p: null, method: null, reason: 'no_rows' };
  let below = 0;
  let belowOther = 0;
  let statistic = 0;
  for (const [bin, count] of counts[0].entries()) {
    below += count;
    belowOther += counts[1][bin] as number;
    statistic = Math.max(statistic, Math.abs(below / n - belowOther / m));
  }
  return { statistic, p: kolmogorovUpper(statistic * Math.sqrt((n / (n + m)) * m)), method: 'limit', reason: null };
}
