import { describe, expect, it } from 'vitest';
import { chiSquareUpper, gammaLower, gammaUpper, logGamma } from '../../../shared/statistics/gamma.ts';
import { normalCdf, normalQuantile, normalUpper } from '../../../shared/statistics/normal.ts';
import { StatisticsError } from '../../../shared/statistics/statistics-error.ts';
import { readReference } from '../../reference/read.ts';

interface Reference {
  readonly normalUpper: [number, number][];
  readonly normalLowerOfPositive: [number, number][];
  readonly normalQuantile: [number, number][];
  readonly logGamma: [number, number][];
  readonly chiSquareUpper: [number, number, number][];
  readonly chiSquareLower: [number, number, number][];
}

// Made by mpmath with 50 figures: /usr/bin/python3 test/reference/special-functions.py
const reference = readReference<Reference>('special-functions.json');
const relative = (found: number, expected: number): number =>
  expected === 0 ? Math.abs(found) : Math.abs(found - expected) / Math.abs(expected);

describe('special functions against mpmath', () => {
  it.each(reference.normalUpper)('P(Z > %d)', (x, expected) => {
    expect(relative(normalUpper(x), expected)).toBeLessThan(1e-13);
    expect(relative(normalCdf(-x), expected)).toBeLessThan(1e-13);
  });

  it.each(reference.normalLowerOfPositive)('P(Z <= %d)', (x, expected) => {
    expect(relative(normalCdf(x), expected)).toBeLessThan(1e-14);
  });

  it.each(reference.normalQuantile)('quantile at %d', (p, expected) => {
    // Next to 1 the quantile magnifies the rounding of p itself: Python's p is the same double, so none is seen here.
    expect(Math.abs(normalQuantile(p) - expected)).toBeLessThan(1e-13 * Math.max(1, Math.abs(expected)));
  });

  it.each(reference.logGamma)('log Γ(%d)', (x, expected) => {
    expect(Math.abs(logGamma(x) - expected)).toBeLessThan(4e-14 * Math.max(1, Math.abs(expected)));
  });

  it.each(reference.chiSquareUpper)('chi-square upper tail, %d df, %d', (df, x, expected) => {
    expect(relative(chiSquareUpper(x, df), expected)).toBeLessThan(1e-12);
  });

  it.each(reference.chiSquareLower)('chi-square lower tail, %d df, %d', (df, x, expected) => {
    expect(relative(gammaLower(df / 2, x / 2), expected)).toBeLessThan(1e-12);
  });

  it('has the right ends and refuses the rest', () => {
    expect(normalUpper(Number.POSITIVE_INFINITY)).toBe(0);
    for (const far of [39, 1e160, 1.7e307, Number.MAX_VALUE]) {
      expect(normalUpper(far)).toBeLessThan(1e-300);
      expect(normalUpper(-far)).toBe(1);
    }
    expect(normalCdf(Number.NEGATIVE_INFINITY)).toBe(0);
    expect(gammaUpper(2, 0)).toBe(1);
    expect(gammaUpper(2, Number.POSITIVE_INFINITY)).toBe(0);
    for (const wrong of [
      () => normalUpper(Number.NaN),
      () => normalQuantile(0),
      () => normalQuantile(1),
      () => normalQuantile(Number.NaN),
      () => logGamma(0),
      () => gammaUpper(0, 1),
      () => gammaUpper(1, -1),
      () => gammaLower(1, Number.NaN),
    ]) {
      expect(wrong).toThrow(StatisticsError);
    }
  });
});
