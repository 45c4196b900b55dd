import { describe, expect, it } from 'vitest';
import { randomStream } from '../../../shared/runtime/random.ts';
import { kolmogorovSmirnov } from '../../../shared/statistics/kolmogorov.ts';
import { bbseFromCounts, bbseHard, bbseSoft, blackBoxShift, emPrior } from '../../../shared/statistics/label-shift.ts';
import { StatisticsError } from '../../../shared/statistics/statistics-error.ts';
import { readReference } from '../../reference/read.ts';

interface Reference {
  readonly hard: {
    readonly name: string;
    readonly confusion: number[][];
    readonly predicted: number[];
    readonly prior: number[];
    readonly spread: number[];
  }[];
  readonly soft: {
    readonly probabilities: number[];
    readonly labels: number[];
    readonly target: number[];
    readonly prior: number;
    readonly se: number;
  };
  readonly em: {
    readonly name: string;
    readonly probabilities: number[];
    readonly source: number;
    readonly prior: number;
    readonly se: number | null;
  }[];
}

// Made by numpy: /usr/bin/python3 test/reference/label-shift.py
const { hard, soft, em } = readReference<Reference>('label-shift.json');

describe('BBSE against numpy', () => {
  it.each(hard)('hard: $name', ({ name, confusion, predicted, prior, spread }) => {
    const found = bbseFromCounts(confusion, predicted);
    // Six standard errors above 1: no mixture of the two classes gives so many positives.
    expect(found.explained).toBe(!name.endsWith('outside 0 to 1'));
    expect(found.reason).toBeNull();
    for (const [index, value] of prior.entries()) {
      expect(found.raw?.[index]).toBeCloseTo(value, 10);
      const estimate = found.priors?.[index];
      expect(estimate?.value).toBeGreaterThanOrEqual(0);
      expect(estimate?.value).toBeLessThanOrEqual(1);
      // The delta method against 20,000 bootstrap draws.
      expect(Math.abs((estimate?.standardError as number) / (spread[index] as number) - 1)).toBeLessThan(0.06);
    }
    expect(found.priors?.reduce((sum, { value }) => sum + (value as number), 0)).toBeCloseTo(1, 12);
  });

  it('soft', () => {
    const found = bbseSoft(soft, soft.target);
    expect(found.raw?.[1]).toBeCloseTo(soft.prior, 10);
    expect(found.priors?.[1]?.standardError).toBeCloseTo(soft.se, 10);
    // The rows were drawn at prevalence .55.
    expect(found.priors?.[1]?.low).toBeLessThan(0.55);
    expect(found.priors?.[1]?.high).toBeGreaterThan(0.55);
  });

  it('hard from rows is hard from their counts', () => {
    const confusion = [
      [0, 0],
      [0, 0],
    ] as [[number, number], [number, number]];
    for (const [row, p] of soft.probabilities.entries()) confusion[p >= 0.4 ? 1 : 0][soft.labels[row] as 0 | 1]++;
    const events = soft.target.filter((p) => p >= 0.4).length;
    expect(bbseHard(soft, soft.target, 0.4)).toEqual(bbseFromCounts(confusion, [soft.target.length - events, events]));
  });

  it('is not identifiable where a class is never predicted, or predictions say nothing; never a pseudo-inverse', () => {
    const nothing = { raw: null, priors: null, explained: null, weights: null, reason: 'not_identifiable' };
    expect(
      bbseFromCounts(
        [
          [80, 20],
          [0, 0],
        ],
        [50, 0],
      ),
    ).toEqual(nothing);
    expect(
      bbseFromCounts(
        [
          [50, 50],
          [50, 50],
        ],
        [30, 20],
      ),
    ).toEqual(nothing);
    // 52% against 50% of 100 rows each is chance.
    expect(
      bbseFromCounts(
        [
          [50, 48],
          [50, 52],
        ],
        [30, 20],
      ),
    ).toEqual(nothing);
    expect(
      bbseFromCounts(
        [
          [5000, 4000],
          [5000, 6000],
        ],
        [30, 20],
      ).reason,
    ).toBeNull();
    expect(bbseSoft({ probabilities: [0.3, 0.3, 0.3, 0.3], labels: [0, 1, 0, 1] }, [0.3])).toEqual(nothing);
    expect(bbseHard(soft, soft.target, 1.1)).toEqual(nothing);
  });

  it('moves a share that lies outside by chance to the border', () => {
    // 81 of 100 predicted positive where 80% of events are: a share of 1.013 with an error of .07.
    const found = bbseFromCounts(
      [
        [70, 20],
        [10, 80],
      ],
      [19, 81],
    );
    expect(found.raw?.[1]).toBeGreaterThan(1);
    expect(found.explained).toBe(true);
    expect(found.priors?.[1]).toMatchObject({ value: 1, high: 1 });
    expect(found.priors?.[1]?.low).toBeLessThan(0.95);
  });

  it('is undefined without rows or with one class, and refuses what is no table', () => {
    expect(
      bbseFromCounts(
        [
          [0, 0],
          [0, 0],
        ],
        [1, 1],
      ).reason,
    ).toBe('no_rows');
    expect(
      bbseFromCounts(
        [
          [3, 0],
          [2, 0],
        ],
        [1, 1],
      ).reason,
    ).toBe('single_class');
    expect(bbseSoft({ probabilities: [0.2], labels: [0] }, [0.4]).reason).toBe('single_class');
    expect(bbseSoft({ probabilities: [], labels: [] }, [0.4]).reason).toBe('no_rows');
    const two = bbseSoft({ probabilities: [0.2, 0.8], labels: [0, 1] }, [0.5]);
    expect(two.priors?.[1]).toMatchObject({ value: 0.5, low: null, reason: 'too_few_for_interval' });
    expect(() => bbseFromCounts([[1, 2]], [1])).toThrow(StatisticsError);
    expect(() =>
      bbseFromCounts(
        [
          [1, -2],
          [1, 1],
        ],
        [1, 1],
      ),
    ).toThrow(StatisticsError);
  });

  it('has intervals that cover, and weights that undo the shift', () => {
    const stream = randomStream(3, 'bbse-cover');
    const draw = (n: number, prevalence: number) => {
      const labels = Array.from({ length: n }, () => Number(stream.uniform() < prevalence));
      return { labels, probabilities: labels.map((y) => 1 / (1 + Math.exp(-(stream.normal() + 1.5 * y - 1)))) };
    };
    let covered = 0;
    const turns = 200;
    for (let turn = 0; turn < turns; turn++) {
      const { priors } = bbseSoft(draw(200, 0.3), draw(150, 0.5).probabilities);
      if ((priors?.[1]?.low as number) <= 0.5 && (priors?.[1]?.high as number) >= 0.5) covered++;
    }
    // 95% of 200 with four standard errors of 3.1.
    expect(covered).toBeGreaterThanOrEqual(178);
    const { weights } = bbseFromCounts(
      [
        [60, 10],
        [10, 20],
      ],
      [40, 60],
    );
    expect(0.7 * (weights?.[0] as number) + 0.3 * (weights?.[1] as number)).toBeCloseTo(1, 12);
  });
});

describe('prior by expectation maximisation against a long run of plain EM', () => {
  it.each(em)('$name', ({ probabilities, source, prior, se }) => {
    const found = emPrior(probabilities, source);
    expect(found.prevalence.value).toBeCloseTo(prior, 6);
    if (se === null) expect(found.prevalence).toMatchObject({ low: null, reason: 'at_border' });
    else expect(Math.abs((found.prevalence.standardError as number) / se - 1)).toBeLessThan(1e-4);
    expect(emPrior([...probabilities].reverse(), source)).toEqual(found);
  });

  it('is undefined without rows and where scores say nothing', () => {
    expect(emPrior([], 0.3).prevalence.reason).toBe('no_rows');
    expect(emPrior([0.3, 0.3], 0.3).prevalence.reason).toBe('not_identifiable');
    expect(() => emPrior([0.2], 0)).toThrow(StatisticsError);
    expect(() => emPrior([1.2], 0.4)).toThrow(StatisticsError);
  });
});

describe('black-box shift detection', () => {
  it('is Kolmogorov-Smirnov for one output and Bonferroni for several', () => {
    const a = [0.1, 0.4, 0.35, 0.8];
    const b = [0.5, 0.9, 0.95, 0.7, 0.6];
    const one = blackBoxShift({ rows: 4, columns: 1, values: a }, { rows: 5, columns: 1, values: b });
    expect(one.p).toBe(kolmogorovSmirnov(a, b).p);
    const both = (values: number[]) => ({ rows: values.length, columns: 2, values: values.flatMap((p) => [p, 1 - p]) });
    const two = blackBoxShift(both(a), both(b));
    expect(two.p).toBeCloseTo(Math.min(1, 2 * (one.p as number)), 12);
    expect(blackBoxShift({ rows: 0, columns: 1, values: [] }, { rows: 5, columns: 1, values: b })).toMatchObject({
      p: null,
      reason: 'no_rows',
    });
    expect(() => blackBoxShift(both(a), { rows: 5, columns: 1, values: b })).toThrow(StatisticsError);
  });
});
