import { StatisticsError } from './statistics-error.ts';

/** Quantiles Harrell places knots at. F. E. Harrell (2015), Regression Modeling Strategies, 2nd ed., table 2.3. */
const knotQuantiles = {
  3: [0.1, 0.5, 0.9],
  4: [0.05, 0.35, 0.65, 0.95],
  5: [0.05, 0.275, 0.5, 0.725, 0.95],
} as const;

export type KnotCount = 3 | 4 | 5;

/** Quantile (Hyndman and Fan's type 7) of values [groups], ascending, each standing for a number of rows. Null without rows. */
export function quantileOfGroups(
  values: ArrayLike<number>,
  rows: ArrayLike<number>,
  probability: number,
): number | null {
  let total = 0;
  for (let group = 0; group < values.length; group++) total += rows[group] as number;
  if (total === 0) return null;
  const place = (total - 1) * probability;
  const below = Math.floor(place);
  let seen = 0;
  let low: number | null = null;
  for (let group = 0; group < values.length; group++) {
    seen += rows[group] as number;
    const value = values[group] as number;
    if (low === null && seen > below) low = value;
    if (low !== null && (seen > below + 1 || group === values.length - 1)) return low + (place - below) * (value - low);
  }
  return low;
}

/**
 * Knots at Harrell's quantiles of the values; of fewer knots where ties make two of them equal, and none where three distinct ones cannot be
 * had, for then only a straight line is left.
 */
export function harrellKnots(values: ArrayLike<number>, rows: ArrayLike<number>, count: KnotCount): number[] {
  for (const tried of [5, 4, 3] as const) {
    if (tried > count) continue;
    const knots = knotQuantiles[tried].map((probability) => quantileOfGroups(values, rows, probability) ?? 0);
    if (knots.every((knot, index) => index === 0 || knot > (knots[index - 1] as number))) return knots;
  }
  return [];
}

/**
 * Restricted cubic spline of x: x itself and k - 2 cubic terms that are straight beyond the outer knots, divided by the squared distance of
 * the outer knots. Harrell (2015), equations 2.25 and 2.26. Without knots x alone.
 * @throws StatisticsError `out_of_range` for one or two knots.
 */
export function splineTerms(x: number, knots: readonly number[]): number[] {
  const k = knots.length;
  if (k === 0) return [x];
  if (k < 3) throw new StatisticsError('out_of_range', `splineTerms: ${k} knots; a spline needs three`);
  const last = knots[k - 1] as number;
  const nextToLast = knots[k - 2] as number;
  const span = (last - (knots[0] as number)) ** 2;
  const cube = (knot: number): number => Math.max(0, x - knot) ** 3;
  const terms = [x];
  for (let j = 0; j < k - 2; j++) {
    const knot = knots[j] as number;
    const width = last - nextToLast;
    terms.push(
      (cube(knot) - (cube(nextToLast) * (last - knot)) / width + (cube(last) * (nextToLast - knot)) / width) / span,
    );
  }
  return terms;
}
