import { assertCounts, assertSameLength } from './inputs.ts';
import { StatisticsError } from './statistics-error.ts';

/** A figure without an interval. Null where undefined; then `reason` says why. */
export interface Distance {
  readonly value: number | null;
  readonly reason: 'no_rows' | 'not_absolutely_continuous' | null;
}

interface Shares {
  readonly p: Float64Array;
  readonly q: Float64Array;
}

/** Shares of two count vectors over the same cells; null when either is empty. */
function sharesOf(name: string, first: ArrayLike<number>, second: ArrayLike<number>): Shares | null {
  assertSameLength(first, second, `${name}: the two count vectors`);
  const counts = [Array.from(first), Array.from(second)] as const;
  assertCounts(counts[0], 'first');
  assertCounts(counts[1], 'second');
  const totals = counts.map((cells) => cells.reduce((sum, count) => sum + count, 0)) as [number, number];
  if (totals[0] === 0 || totals[1] === 0) return null;
  return {
    p: Float64Array.from(counts[0], (count) => count / totals[0]),
    q: Float64Array.from(counts[1], (count) => count / totals[1]),
  };
}

function distance(shares: Shares | null, of: (shares: Shares) => number): Distance {
  return shares === null ? { value: null, reason: 'no_rows' } : { value: of(shares), reason: null };
}

function sumOver({ p, q }: Shares, term: (p: number, q: number) => number): number {
  let sum = 0;
  for (let cell = 0; cell < p.length; cell++) sum += term(p[cell] as number, q[cell] as number);
  return sum;
}

/** a·log2(a / b), 0 for a = 0. */
function bits(a: number, b: number): number {
  return a === 0 ? 0 : a * Math.log2(a / b);
}

/**
 * Jensen-Shannon divergence in bits, between 0 and 1: (KL(p‖m) + KL(q‖m)) / 2 with m = (p + q) / 2.
 * J. Lin (1991), IEEE Trans. Information Theory 37:145, equation 4.1 at equal weights, logarithm to base 2.
 * @param first counts [cells], second counts [cells]. @throws StatisticsError for counts that are none, or of unequal length.
 */
export function jensenShannonDivergence(first: ArrayLike<number>, second: ArrayLike<number>): Distance {
  return distance(sharesOf('jensenShannonDivergence', first, second), (shares) =>
    Math.min(
      1,
      Math.max(
        0,
        sumOver(shares, (p, q) => (bits(p, (p + q) / 2) + bits(q, (p + q) / 2)) / 2),
      ),
    ),
  );
}

/** Square root of `jensenShannonDivergence`, a metric between 0 and 1: D. Endres, J. Schindelin (2003), IEEE Trans. Inf. Theory 49:1858. */
export function jensenShannonDistance(first: ArrayLike<number>, second: ArrayLike<number>): Distance {
  const { value, reason } = jensenShannonDivergence(first, second);
  return { value: value === null ? null : Math.sqrt(value), reason };
}

/** Hellinger distance, between 0 and 1: √(Σ (√p - √q)² / 2). E. Hellinger (1909), J. reine angew. Math. 136:210. Counts [cells] of both. */
export function hellingerDistance(first: ArrayLike<number>, second: ArrayLike<number>): Distance {
  return distance(sharesOf('hellingerDistance', first, second), (shares) =>
    Math.min(1, Math.sqrt(sumOver(shares, (p, q) => (Math.sqrt(p) - Math.sqrt(q)) ** 2) / 2)),
  );
}

/** Total variation, between 0 and 1: Σ |p - q| / 2, the largest difference of the two probabilities of any set of cells. Counts [cells]. */
export function totalVariation(first: ArrayLike<number>, second: ArrayLike<number>): Distance {
  return distance(sharesOf('totalVariation', first, second), (shares) =>
    Math.min(1, sumOver(shares, (p, q) => Math.abs(p - q)) / 2),
  );
}

/**
 * Kullback-Leibler divergence of the first from the second, Σ p ln(p / q), in nats: S. Kullback, R. Leibler (1951), Ann. Math. Stat. 22:79.
 * Infinite, hence undefined (`not_absolutely_continuous`), where a cell is empty in the second only.
 */
export function kullbackLeibler(first: ArrayLike<number>, second: ArrayLike<number>): Distance {
  const shares = sharesOf('kullbackLeibler', first, second);
  if (shares?.p.some((p, cell) => p > 0 && shares.q[cell] === 0)) {
    return { value: null, reason: 'not_absolutely_continuous' };
  }
  return distance(shares, (both) =>
    Math.max(
      0,
      sumOver(both, (p, q) => (p === 0 ? 0 : p * Math.log(p / q))),
    ),
  );
}

/**
 * Inner edges of at most `bins` bins that hold equal shares of a reference: its quantiles (Hyndman and Fan type 7) at 1/bins, 2/bins ...,
 * for `binIndex`, whose bins are left-closed and open-ended. Distinct edges only, and none at the smallest value, below which no
 * reference row could lie. NaN (missing) is left out. Empty without at least two distinct values.
 * @throws StatisticsError `out_of_range` for fewer than two bins or infinite values.
 */
export function quantileEdges(reference: ArrayLike<number>, bins = 10): number[] {
  if (!(Number.isInteger(bins) && bins >= 2)) {
    throw new StatisticsError('out_of_range', `quantileEdges: bins is ${bins}, not a whole number from 2`);
  }
  const sorted = Float64Array.from(reference)
    .filter((value) => !Number.isNaN(value))
    .sort();
  const n = sorted.length;
  if (n === 0) return [];
  const smallest = sorted[0] as number;
  if (smallest === Number.NEGATIVE_INFINITY || sorted[n - 1] === Number.POSITIVE_INFINITY) {
    throw new StatisticsError('out_of_range', 'quantileEdges: the reference holds an infinite value');
  }
  const edges: number[] = [];
  for (let bin = 1; bin < bins; bin++) {
    const place = ((n - 1) * bin) / bins;
    const below = Math.floor(place);
    const low = sorted[below] as number;
    const high = sorted[Math.min(n - 1, below + 1)] as number;
    // Weighted, where the difference of the two may overflow.
    const share = place - below;
    const edge = Number.isFinite(high - low) ? low + share * (high - low) : low * (1 - share) + high * share;
    if (edge > (edges.at(-1) ?? smallest)) edges.push(edge);
  }
  return edges;
}
