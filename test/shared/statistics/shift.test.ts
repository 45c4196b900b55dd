import { describe, expect, it } from 'vitest';
import { randomStream } from '../../../shared/runtime/random.ts';
import { poolSparseBins, populationStability, twoSampleChiSquare } from '../../../shared/statistics/shift.ts';
import { StatisticsError } from '../../../shared/statistics/statistics-error.ts';
import { readReference } from '../../reference/read.ts';

interface Case {
  readonly name: string;
  readonly a: number[];
  readonly b: number[];
  readonly statistic: number;
  readonly df: number;
  readonly p: number;
  readonly smallest: number;
  readonly psi: number;
}

// Made by R's chisq.test(correct = FALSE) and pchisq: Rscript test/reference/statistics.R
const { chiSquare } = readReference<{ chiSquare: Case[] }>('statistics.json');

describe('two-sample chi-square and PSI against R', () => {
  it.each(chiSquare)('$name', ({ a, b, statistic, df, p, smallest, psi }) => {
    const found = twoSampleChiSquare(a, b);
    expect(found.statistic).toBeCloseTo(statistic, 9);
    expect(found.degreesOfFreedom).toBe(df);
    // 'far apart' lies below the smallest double, in R as here.
    if (p === 0) expect(found.p).toBe(0);
    else expect(Math.abs((found.p as number) / p - 1)).toBeLessThan(1e-10);
    expect(found.smallestExpected).toBeCloseTo(smallest, 10);
    expect(populationStability(a, b)).toBeCloseTo(psi, 12);
    expect(populationStability(b, a)).toBeCloseTo(psi, 12);
  });
});

describe('two-sample chi-square', () => {
  it('is undefined with a reason', () => {
    expect(twoSampleChiSquare([0, 0], [3, 4])).toMatchObject({ statistic: null, p: null, reason: 'no_rows' });
    expect(twoSampleChiSquare([3, 0], [4, 0])).toMatchObject({ statistic: null, p: null, reason: 'single_bin' });
    expect(populationStability([0, 0], [3, 4])).toBeNull();
  });

  it('refuses negative counts, NaN and unequal lengths', () => {
    for (const wrong of [
      () => twoSampleChiSquare([1, -1], [1, 1]),
      () => twoSampleChiSquare([1, Number.NaN], [1, 1]),
      () => twoSampleChiSquare([1], [1, 1]),
      () => populationStability([1, 2], [1]),
    ]) {
      expect(wrong).toThrow(StatisticsError);
    }
  });

  it('raises a false alarm about as often as its level says, also with sparse bins once they are pooled', () => {
    // 2000 comparisons of samples from one distribution: 5% ± 3 standard errors of sqrt(.05 · .95 / 2000) = .0049.
    const stream = randomStream(20240501, 'chi-square-null');
    const cumulative = [0.5, 0.8, 0.95, 0.985, 1];
    const sample = (n: number): number[] => {
      const counts = [0, 0, 0, 0, 0];
      for (let row = 0; row < n; row++) {
        const draw = stream.uniform();
        const bin = cumulative.findIndex((edge) => draw < edge);
        counts[bin] = (counts[bin] as number) + 1;
      }
      return counts;
    };
    for (const [n, m] of [
      [800, 800],
      [800, 60],
    ] as const) {
      let alarms = 0;
      let tests = 0;
      for (let turn = 0; turn < 2000; turn++) {
        const pooled = poolSparseBins(sample(n), sample(m), 5);
        const { p } = twoSampleChiSquare(pooled.first, pooled.second);
        if (p === null) continue;
        tests++;
        if (p <= 0.05) alarms++;
      }
      expect(tests).toBeGreaterThan(1900);
      expect(alarms / tests).toBeGreaterThan(0.035);
      expect(alarms / tests).toBeLessThan(0.065);
    }
  });
});

describe('pooling of sparse bins', () => {
  it('pools by the margins, keeps totals and drops what is empty in both', () => {
    // Shares 1/2: expected in either sample are half the totals 40, 4, 6, 0, 30. Both sparse bins make one of 10, that is 5 each.
    expect(poolSparseBins([20, 1, 4, 0, 15], [20, 3, 2, 0, 15], 5)).toEqual({
      first: [20, 15, 5],
      second: [20, 15, 5],
    });
    // One sparse bin alone takes the next smallest with it.
    expect(poolSparseBins([50, 20, 1], [50, 20, 1], 5)).toEqual({ first: [50, 21], second: [50, 21] });
    expect(poolSparseBins([50, 20], [50, 20], 5)).toEqual({ first: [50, 20], second: [50, 20] });
    expect(poolSparseBins([3, 1], [1, 1], 5)).toEqual({ first: [4], second: [2] });
  });
});
