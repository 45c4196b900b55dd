import { assertCounts, assertFinite } from './inputs.ts';
import { squaringScale, unscaled } from './squaring-scale.ts';
import { StatisticsError } from './statistics-error.ts';

export interface WassersteinResult {
  /** In the unit of the values; null with a reason when undefined. */
  readonly value: number | null;
  /** `value` in standard deviations of the reference. */
  readonly scaled: number | null;
  readonly reason: 'no_rows' | 'zero_variance' | 'no_reference_sd' | null;
}

/**
 * Wasserstein-1 (earth mover's) distance of two samples, ∫ |F - G|: S. Vallender (1974), Theory Probab. Appl. 18:784. `scaled` is in
 * sample standard deviations (n - 1) of the reference; without spread there only that one is undefined (`zero_variance`).
 * @param reference values, in any order; current values. NaN must be left out before. @throws StatisticsError `not_finite`.
 */
export function wasserstein(reference: ArrayLike<number>, current: ArrayLike<number>): WassersteinResult {
  assertFinite(reference, 'reference');
  assertFinite(current, 'current');
  const unit = squaringScale(reference, current);
  const a = Float64Array.from(reference, (value) => value * unit).sort();
  const b = Float64Array.from(current, (value) => value * unit).sort();
  if (a.length === 0 || b.length === 0) return { value: null, scaled: null, reason: 'no_rows' };
  let i = 0;
  let j = 0;
  let value = 0;
  let last = Math.min(a[0] as number, b[0] as number);
  while (i < a.length || j < b.length) {
    const next = Math.min(a[i] ?? Number.POSITIVE_INFINITY, b[j] ?? Number.POSITIVE_INFINITY);
    value += (next - last) * Math.abs(i / a.length - j / b.length);
    last = next;
    while (i < a.length && (a[i] as number) <= next) i++;
    while (j < b.length && (b[j] as number) <= next) j++;
  }
  return { ...scale(value, standardDeviation(a)), value: unscaled(value, unit, 'wasserstein') };
}

function scale(value: number, sd: number | null): WassersteinResult {
  if (sd === null) return { value, scaled: null, reason: 'no_reference_sd' };
  return value / sd < Number.POSITIVE_INFINITY && sd > 0
    ? { value, scaled: value / sd, reason: null }
    : { value, scaled: null, reason: 'zero_variance' };
}

/** Sample standard deviation (n - 1); exactly 0 for equal values, and for a single one. Sorted values. */
function standardDeviation(sorted: Float64Array): number {
  const n = sorted.length;
  if (n < 2 || sorted[0] === sorted[n - 1]) return 0;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / n;
  return Math.sqrt(sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
}

export interface BinnedWasserstein extends WassersteinResult {
  /** Larger of the two samples' shares in open-ended bins: what lies there counts as lying at the outermost edge. */
  readonly openShare: number | null;
}

/**
 * Wasserstein-1 distance from counts over `edges.length + 1` bins, values spread evenly inside each bin: ∫ |F - G| with both
 * distribution functions linear between edges. The outer bins reach to `range` where it is given (a public one, such as the plan's), else
 * what they hold counts as lying on the outermost edge, and `openShare` says how much that is.
 *
 * @param edges ascending and distinct, [bins - 1]; counts [bins] without a cell for missing values.
 * @param options `referenceSd` in the unit of the edges, for `scaled`; `range` lowest and highest possible value.
 * @throws StatisticsError `out_of_range` for edges that do not ascend or a range inside them, `length_mismatch`.
 */
export function binnedWasserstein(
  edges: ArrayLike<number>,
  reference: ArrayLike<number>,
  current: ArrayLike<number>,
  options: { readonly referenceSd?: number | null; readonly range?: readonly [number, number] } = {},
): BinnedWasserstein {
  assertFinite(edges, 'edges');
  const counts = [Array.from(reference), Array.from(current)] as const;
  assertCounts(counts[0], 'reference');
  assertCounts(counts[1], 'current');
  if (counts[0].length !== edges.length + 1 || counts[1].length !== edges.length + 1) {
    throw new StatisticsError(
      'length_mismatch',
      `binnedWasserstein: ${edges.length} edges make ${edges.length + 1} bins, found ${counts[0].length} and ${counts[1].length} counts`,
    );
  }
  const n = counts[0].reduce((sum, count) => sum + count, 0);
  const m = counts[1].reduce((sum, count) => sum + count, 0);
  if (n === 0 || m === 0) return { value: null, scaled: null, openShare: null, reason: 'no_rows' };
  const low = options.range?.[0] ?? (edges[0] as number);
  const high = options.range?.[1] ?? (edges[edges.length - 1] as number);
  const points = edges.length === 0 ? [low, high] : [low, ...Array.from(edges), high];
  if (options.range === undefined && edges.length === 0) {
    return { ...scale(0, options.referenceSd ?? null), openShare: 1 };
  }
  for (let place = 1; place < points.length; place++) {
    const outer = place === 1 || place === points.length - 1;
    const width = (points[place] as number) - (points[place - 1] as number);
    if (!(outer ? width >= 0 : width > 0)) {
      throw new StatisticsError('out_of_range', 'binnedWasserstein: edges must ascend, inside the range');
    }
  }
  let value = 0;
  let gap = 0;
  for (const [bin, count] of counts[0].entries()) {
    const width = (points[bin + 1] as number) - (points[bin] as number);
    const next = gap + count / n - (counts[1][bin] as number) / m;
    // The difference of the two functions is linear in the bin: a trapezium, or two triangles where it changes its sign.
    if (gap * next >= 0) value += (width * (Math.abs(gap) + Math.abs(next))) / 2;
    else value += (width * (gap * gap + next * next)) / (2 * (Math.abs(gap) + Math.abs(next)));
    gap = next;
  }
  const open = (cells: readonly number[], total: number): number =>
    ((cells[0] as number) + (cells.length > 1 ? (cells.at(-1) as number) : 0)) / total;
  const openShare = options.range === undefined ? Math.max(open(counts[0], n), open(counts[1], m)) : 0;
  return { ...scale(value, options.referenceSd ?? null), openShare };
}
