import { StatisticsError } from './statistics-error.ts';

/** Squares of values between 2^-400 and 2^400, and sums of many of them, are well inside what a double holds. */
const safeExponent = 400;
/** Its inverse is a double too. */
const largestExponent = 1000;

/**
 * Power of two to multiply values by before they are squared, so that squares neither overflow nor vanish: 1 unless the largest lies beyond
 * 2^400 or under 2^-400. Such a product is exact. NaN (missing) does not count.
 */
export function squaringScale(...samples: readonly ArrayLike<number>[]): number {
  let largest = 0;
  for (const values of samples) {
    for (let index = 0; index < values.length; index++) {
      const size = Math.abs(values[index] as number);
      if (size > largest) largest = size;
    }
  }
  const exponent = Math.log2(largest);
  if (largest === 0 || Math.abs(exponent) <= safeExponent) return 1;
  return 2 ** -Math.max(-largestExponent, Math.min(largestExponent, Math.round(exponent)));
}

/** A figure of scaled values in their own unit again. @throws StatisticsError `out_of_range` where no double holds it. */
export function unscaled(figure: number, scale: number, name: string): number {
  const value = figure / scale;
  if (!Number.isFinite(value)) {
    throw new StatisticsError('out_of_range', `${name}: the values lie further apart than any number that can be held`);
  }
  return value;
}
