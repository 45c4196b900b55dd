import { describe, expect, it } from 'vitest';
import { binIndex, countBins } from '../../../shared/statistics/binning.ts';
import { oneSidedZ, resolvableZ, twoSidedZ } from '../../../shared/statistics/estimate.ts';
import { benjaminiHochberg } from '../../../shared/statistics/multiplicity.ts';
import { kolmogorovDistance, quantileOfSorted } from '../../../shared/statistics/ordered.ts';
import { wilsonInterval } from '../../../shared/statistics/proportions.ts';
import { StatisticsError } from '../../../shared/statistics/statistics-error.ts';
import { readReference } from '../../reference/read.ts';

// Made by R's p.adjust, prop.test, ecdf and quantile: Rscript test/reference/statistics.R
const reference = readReference<{
  benjaminiHochberg: { p: number[]; adjusted: number[] };
  wilson: { k: number; n: number; low: number; high: number }[];
  kolmogorov: { x: number[]; y: number[]; d: number }[];
  quantiles: { x: number[]; p: number[]; q: number[] };
}>('statistics.json');

describe('small figures against R', () => {
  it('Benjamini-Hochberg', () => {
    const found = benjaminiHochberg(reference.benjaminiHochberg.p);
    for (const [index, expected] of reference.benjaminiHochberg.adjusted.entries()) {
      expect(found[index]).toBeCloseTo(expected, 14);
    }
    // A test that could not be made is not a test.
    expect(benjaminiHochberg([null, 0.01, null, 0.04])).toEqual([null, 0.02, null, 0.04]);
    expect(benjaminiHochberg([])).toEqual([]);
    expect(() => benjaminiHochberg([Number.NaN])).toThrow(StatisticsError);
  });

  it.each(reference.wilson)('Wilson interval of $k of $n', ({ k, n, low, high }) => {
    const found = wilsonInterval(k, n);
    expect(found.low).toBeCloseTo(low, 9);
    expect(found.high).toBeCloseTo(high, 9);
  });

  it('Wilson interval of nothing is undefined', () => {
    expect(wilsonInterval(0, 0)).toMatchObject({ value: null, low: null, high: null, reason: 'no_rows' });
    expect(() => wilsonInterval(2, 1)).toThrow(StatisticsError);
  });

  it.each(reference.kolmogorov)('Kolmogorov-Smirnov distance $d', ({ x, y, d }) => {
    expect(kolmogorovDistance(x, y)).toBeCloseTo(d, 12);
    expect(kolmogorovDistance(y, x)).toBeCloseTo(d, 12);
  });

  it('quantiles', () => {
    const { x, p, q } = reference.quantiles;
    for (const [index, probability] of p.entries()) {
      expect(quantileOfSorted(x, probability)).toBeCloseTo(q[index] as number, 12);
    }
    expect(quantileOfSorted([], 0.5)).toBeNull();
    expect(kolmogorovDistance([], [1])).toBeNull();
  });

  it('normal bounds', () => {
    // R: qnorm(c(.975, .95, .8)) gives 1.95996398454005 1.64485362695147 0.841621233572914
    expect(twoSidedZ).toBeCloseTo(1.95996398454005, 13);
    expect(oneSidedZ).toBeCloseTo(1.64485362695147, 13);
    expect(resolvableZ).toBeCloseTo(1.64485362695147 + 0.841621233572914, 13);
  });
});

describe('binning', () => {
  it('is left-closed and open-ended, missing last', () => {
    const edges = [10, 20];
    expect([-5, 9.99, 10, 19.99, 20, 1e9, Number.NaN].map((value) => binIndex(value, edges))).toEqual([
      0, 0, 1, 1, 2, 2, 3,
    ]);
    const column = { name: 'x', kind: 'continuous', unit: 'u', range: [0, 100], missing: 'impute', edges } as const;
    expect(countBins([5, 10, 15, 25, Number.NaN], { ...column, range: [0, 100], edges: [10, 20] })).toEqual([
      1, 2, 1, 1,
    ]);
  });

  it('counts levels and refuses an index that is none', () => {
    const column = { name: 'c', kind: 'categorical' as const, levels: ['a', 'b'], missing: 'indicator' as const };
    expect(countBins([0, 1, 1, Number.NaN], column)).toEqual([1, 2, 1]);
    expect(() => countBins([2], column)).toThrow(RangeError);
    expect(() => countBins([0.5], column)).toThrow(RangeError);
  });
});
