import { assertFinite } from './inputs.ts';
import { StatisticsError } from './statistics-error.ts';

/**
 * Quantile of ascending values by linear interpolation between order statistics (Hyndman and Fan 1996, type 7). Null without values.
 * @throws StatisticsError `out_of_range` for a probability outside 0 to 1, `not_finite` where it lies next to what is no number.
 */
export function quantileOfSorted(sorted: ArrayLike<number>, probability: number): number | null {
  if (!(probability >= 0 && probability <= 1)) {
    throw new StatisticsError('out_of_range', `quantileOfSorted: probability is ${probability}, not from 0 to 1`);
  }
  if (sorted.length === 0) return null;
  const place = (sorted.length - 1) * probability;
  const below = Math.floor(place);
  const low = sorted[below] as number;
  const high = sorted[Math.min(sorted.length - 1, below + 1)] as number;
  if (Number.isNaN(low) || Number.isNaN(high)) {
    throw new StatisticsError(
      'not_finite',
      `quantileOfSorted: sorted[${below}] or the next is NaN; leave such rows out before`,
    );
  }
  return low + (place - below) * (high - low);
}

/**
 * Two-sample Kolmogorov-Smirnov distance: the largest gap between the right-continuous empirical distribution functions.
 * Both samples ascending. Null when either is empty. @throws StatisticsError `not_finite`.
 */
export function kolmogorovDistance(first: ArrayLike<number>, second: ArrayLike<number>): number | null {
  assertFinite(first, 'first');
  assertFinite(second, 'second');
  if (first.length === 0 || second.length === 0) return null;
  let i = 0;
  let j = 0;
  let distance = 0;
  while (i < first.length && j < second.length) {
    const value = Math.min(first[i] as number, second[j] as number);
    while (i < first.length && (first[i] as number) <= value) i++;
    while (j < second.length && (second[j] as number) <= value) j++;
    distance = Math.max(distance, Math.abs(i / first.length - j / second.length));
  }
  return distance;
}
