import { describe, expect, it } from 'vitest';
import * as s from '../../../shared/statistics/index.ts';

const column = (values: readonly number[]): s.Matrix => ({ rows: values.length, columns: 1, values });
const ordinary = { first: [0.5, -1.25, 3, 2, 0.5, 7], second: [1, 4.5, -2, 3.75, 8, 1] };
/** Powers of two, so that scaled figures are the same digits. */
const factors = [2 ** 700, 2 ** -700, 2 ** 1000, 2 ** -1000];
const times = (factor: number) => ({
  first: ordinary.first.map((value) => value * factor),
  second: ordinary.second.map((value) => value * factor),
});

describe('values whose squares overflow or vanish', () => {
  it('scale energy distance, MMD, its bandwidth and Wasserstein with the unit', () => {
    const options = { seed: 1, permutations: 19 };
    const energy = s.energyTest(column(ordinary.first), column(ordinary.second), options);
    const mmd = s.mmdTest(column(ordinary.first), column(ordinary.second), options);
    const earth = s.wasserstein(ordinary.first, ordinary.second);
    expect(energy.distance).toBeGreaterThan(0);
    for (const factor of factors) {
      const { first, second } = times(factor);
      const found = s.energyTest(column(first), column(second), options);
      expect((found.distance as number) / factor).toBeCloseTo(energy.distance as number, 12);
      expect((found.statistic as number) / factor).toBeCloseTo(energy.statistic as number, 12);
      const kernel = s.mmdTest(column(first), column(second), options);
      expect(kernel.squared).toBeCloseTo(mmd.squared as number, 12);
      expect((kernel.bandwidth as number) / factor).toBeCloseTo(mmd.bandwidth as number, 12);
      expect((s.medianBandwidth(column(first), 1) as number) / factor).toBeCloseTo(
        s.medianBandwidth(column(ordinary.first), 1) as number,
        12,
      );
      const moved = s.wasserstein(first, second);
      expect((moved.value as number) / factor).toBeCloseTo(earth.value as number, 12);
      expect(moved.scaled).toBeCloseTo(earth.scaled as number, 12);
    }
  });

  it('do not change what tells two samples apart', () => {
    const rows = Array.from({ length: 60 }, (_, row) => ((row * 37) % 61) / 10);
    const moved = rows.map((value) => value + 2);
    const plain = s.domainClassifier(column(rows), column(moved), { seed: 1, folds: 2 });
    const rebuilt = s.reconstructionChange(column(rows), column(moved), { seed: 1 });
    expect(plain.auroc.value).toBeGreaterThan(0.6);
    for (const factor of factors) {
      const [a, b] = [column(rows.map((v) => v * factor)), column(moved.map((v) => v * factor))];
      expect(s.domainClassifier(a, b, { seed: 1, folds: 2 }).test.statistic).toBeCloseTo(
        plain.test.statistic as number,
        9,
      );
      expect(s.reconstructionChange(a, b, { seed: 1 }).reference).toBeCloseTo(rebuilt.reference as number, 12);
    }
  });

  it('are refused by name where a figure cannot be held', () => {
    const far = [-Number.MAX_VALUE, Number.MAX_VALUE];
    expect(() => s.wasserstein([far[0] as number], [far[1] as number])).toThrow(s.StatisticsError);
    expect(() => s.energyTest(column(far), column([0, 1]), { seed: 1 })).toThrow(s.StatisticsError);
    expect(() => s.labelShare([1, 1e200], [0, 1], 0.3)).toThrow(/losses\[1\] is 1e\+200/);
    const codes = { name: 'x', codes: new Uint8Array(2), levels: 1 };
    expect(() => s.sliceSearch([codes], [1, 1e200], null)).toThrow(/errors\[1\] is 1e\+200/);
    expect(s.quantileEdges([...far, ...far, ...far], 3).every(Number.isFinite)).toBe(true);
    const features = s.fourierFeatures({ dimension: 1, features: 2, bandwidth: 1e-9, seed: 1 });
    expect(() => features.embed([Number.MAX_VALUE])).toThrow(s.StatisticsError);
  });

  it('cannot be pooled, and end in an error rather than in a search without end', () => {
    for (const method of ['reml', 'paule-mandel', 'dersimonian-laird'] as const) {
      for (const [value, standardError] of [
        [Number.MAX_VALUE, 1],
        [1, 1e-200],
        [1, 1e200],
      ] as const) {
        const sites = [
          { value, standardError },
          { value: -value, standardError: 1 },
        ];
        expect(() => s.randomEffects(sites, { method, knappHartung: true })).toThrow(s.StatisticsError);
      }
    }
    expect(() =>
      s.randomEffects([{ value: 5e-324, standardError: 1 }], { method: 'reml', knappHartung: false, scale: 'logit' }),
    ).toThrow(s.StatisticsError);
  });
});

describe('probabilities next to 0', () => {
  it('leave O/E undefined where the ratio overflows', () => {
    expect(s.observedExpected([5e-324], [1])).toMatchObject({ value: null, reason: 'nothing_expected' });
    expect(s.observedExpected([0, 0], [0, 1])).toMatchObject({ value: null, reason: 'nothing_expected' });
  });

  it('leave the band of an expected AUROC undefined', () => {
    const { auroc } = s.expectedPerformance([0.2, 0.6, 0.4], [5e-324, 0, 5e-324]);
    expect(auroc).toMatchObject({ low: null, high: null, reason: 'too_few_for_interval' });
  });

  it('never give -0', () => {
    const { brier, prevalence } = s.expectedPerformance([0, 0], [-0, -0]);
    for (const value of [brier.value, prevalence.value, prevalence.standardError]) expect(value).toBe(0);
    expect(s.exactSum([-0, -0])).toBe(0);
    expect(s.labelShare([0.3, 0.3], [0, 1], 0.1).value).toBe(0);
  });

  it('are moved to another prevalence only as probabilities', () => {
    for (const probability of [Number.NaN, -0.1, 1.1]) {
      expect(() => s.adjustPrior(probability, 0.2, 0.3)).toThrow(s.StatisticsError);
    }
    expect(s.adjustPrior(0.5, 5e-324, 0.5)).toBe(1);
  });
});

describe('counts and p values in typed arrays', () => {
  it('give what plain arrays give', () => {
    const a = [30, 8, 0, 2, 1];
    const b = [20, 18, 0, 1, 1];
    const confusion = [
      [30, 5],
      [10, 25],
    ];
    const predicted = [33, 17];
    for (const of of [Float64Array, Float32Array, Uint32Array]) {
      const [x, y] = [of.from(a), of.from(b)];
      expect(s.twoSampleChiSquare(x, y)).toEqual(s.twoSampleChiSquare(a, b));
      expect(s.populationStability(x, y)).toBe(s.populationStability(a, b));
      expect(s.poolSparseBins(x, y, 5)).toEqual(s.poolSparseBins(a, b, 5));
      expect(
        s.bbseFromCounts(
          confusion.map((row) => of.from(row)),
          of.from(predicted),
        ),
      ).toEqual(s.bbseFromCounts(confusion, predicted));
    }
    const p = [0.04, 0.001, 0.5];
    expect(s.benjaminiHochberg(Float64Array.from(p))).toEqual(s.benjaminiHochberg(p));
    expect(s.holm(Float64Array.from(p))).toEqual(s.holm(p));
  });

  it('are refused with the place of what is no count', () => {
    expect(() => s.poolSparseBins([1, -2], [1, 2], 5)).toThrow(/first\[1\] is -2/);
    expect(() => s.twoSampleChiSquare([1, Number.NaN], [1, 2])).toThrow(/first\[1\] is NaN/);
  });
});

describe('groups of equal width', () => {
  it('hold their own lower edge, however many there are', () => {
    for (const groups of [10, 49, 100, 1000]) {
      const edges = Array.from({ length: groups }, (_, group) => group / groups);
      const found = s.calibrationError(edges, new Uint8Array(groups), groups);
      expect(found.groups.map(({ rows }) => rows)).toEqual(edges.map(() => 1));
    }
  });
});

describe('NaN and what lies out of range', () => {
  it('are refused, not ranked, interpolated or summed', () => {
    expect(() => s.midRanks([0.1, Number.NaN])).toThrow(/values\[1\] is NaN/);
    expect(() => s.quantileOfSorted([1, 2], 1.5)).toThrow(s.StatisticsError);
    expect(() => s.quantileOfSorted([1, Number.NaN], 0.5)).toThrow(s.StatisticsError);
    expect(() => s.cusumIncrement(Number.NaN, 1, 2)).toThrow(s.StatisticsError);
    expect(() => s.cusumIncrement(2, 0, 0.1)).toThrow(s.StatisticsError);
    const source = { probabilities: [0.1, 0.9], labels: [0, 1] };
    expect(() => s.bbseHard(source, [0.5], Number.NaN)).toThrow(s.StatisticsError);
  });
});
