import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomStream } from '../../../shared/runtime/random.ts';
import { binIndex } from '../../../shared/statistics/binning.ts';
import {
  hellingerDistance,
  jensenShannonDistance,
  jensenShannonDivergence,
  kullbackLeibler,
  quantileEdges,
  totalVariation,
} from '../../../shared/statistics/distances.ts';
import { fisherExact, fisherExactTable, fisherMonteCarlo } from '../../../shared/statistics/fisher-exact.ts';
import { binnedKolmogorov, kolmogorovSmirnov, kolmogorovUpper } from '../../../shared/statistics/kolmogorov.ts';
import { binnedRankTest } from '../../../shared/statistics/rank-test.ts';
import { populationStability, populationStabilityBoth } from '../../../shared/statistics/shift.ts';
import { StatisticsError } from '../../../shared/statistics/statistics-error.ts';
import { binnedWasserstein, wasserstein } from '../../../shared/statistics/wasserstein.ts';
import { readReference } from '../../reference/read.ts';

interface Python {
  readonly samples: {
    readonly name: string;
    readonly a: number[];
    readonly b: number[];
    readonly ks: number;
    readonly exact: number;
    readonly limit: number;
    readonly w1: number;
    readonly sd: number | null;
  }[];
  readonly binned: {
    readonly name: string;
    readonly a: number[];
    readonly b: number[];
    readonly js: number;
    readonly tv: number;
    readonly hellinger: number;
    readonly kl: number | null;
    readonly ks: number;
    readonly limit: number;
    readonly rank: { readonly u: number; readonly plain: number; readonly corrected: number };
  }[];
  readonly wasserstein: {
    readonly name: string;
    readonly edges: number[];
    readonly a: number[];
    readonly b: number[];
    readonly low: number;
    readonly high: number;
    readonly value: number;
  }[];
  readonly edges: { readonly name: string; readonly values: number[]; readonly edges: number[] }[];
}

interface R {
  readonly fisher2: {
    readonly a: number;
    readonly b: number;
    readonly c: number;
    readonly d: number;
    readonly p: number;
  }[];
  readonly fisherTables: { readonly name: string; readonly table: number[][]; readonly p: number }[];
  readonly ranks: { readonly a: number[]; readonly b: number[]; readonly u: number; readonly p: number }[];
}

// Made by scipy: /usr/bin/python3 test/reference/shift.py
const python = readReference<Python>('shift.json');
// Made by R: Rscript test/reference/shift.R
const r = readReference<R>('shift-r.json');

/** Relative agreement; 0 only with 0. */
function expectClose(found: number | null, wanted: number, tolerance = 1e-10): void {
  expect(found).not.toBeNull();
  if (wanted === 0) expect(Math.abs(found as number)).toBeLessThan(1e-14);
  else expect(Math.abs((found as number) / wanted - 1)).toBeLessThan(tolerance);
}

describe('Kolmogorov-Smirnov and Wasserstein against scipy', () => {
  it.each(python.samples)('$name', ({ a, b, ks, exact, limit, w1, sd }) => {
    const found = kolmogorovSmirnov(a, b);
    expect(found.method).toBe('exact');
    expectClose(found.statistic, ks);
    expectClose(found.p, exact);
    const byLimit = kolmogorovSmirnov(b, a, { exactProduct: 0 });
    expect(byLimit.method).toBe('limit');
    expectClose(byLimit.p, limit);
    const distance = wasserstein(a, b);
    expectClose(distance.value, w1);
    if (sd === null || sd === 0) expect(distance).toMatchObject({ scaled: null, reason: 'zero_variance' });
    else expectClose(distance.scaled, w1 / sd);
  });

  it('is undefined without rows and refuses NaN', () => {
    expect(kolmogorovSmirnov([], [1])).toEqual({ statistic: null, p: null, method: null, reason: 'no_rows' });
    expect(wasserstein([1], [])).toEqual({ value: null, scaled: null, reason: 'no_rows' });
    expect(() => kolmogorovSmirnov([Number.NaN], [1])).toThrow(StatisticsError);
    expect(() => wasserstein([1], [Number.POSITIVE_INFINITY])).toThrow(StatisticsError);
  });

  it('follows the published tail of the limit law', () => {
    // N. Smirnov (1948), table: K(1.3581) = .95, K(1.6276) = .99; both forms of the series agree where they meet.
    expect(kolmogorovUpper(1.3581)).toBeCloseTo(0.05, 5);
    expect(kolmogorovUpper(1.6276)).toBeCloseTo(0.01, 5);
    expectClose(kolmogorovUpper(1.18), kolmogorovUpper(1.18 - 1e-13), 1e-10);
    expect(kolmogorovUpper(0)).toBe(1);
    expect(kolmogorovUpper(0.1)).toBe(1);
  });

  it('depends on ranks alone and not on the order of rows', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 25 }),
        fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 25 }),
        (a, b) => {
          const found = kolmogorovSmirnov(a, b);
          expect(kolmogorovSmirnov([...a].reverse(), [...b].reverse())).toEqual(found);
          const stretched = (x: number): number => Math.exp(x / 3);
          expect(kolmogorovSmirnov(a.map(stretched), b.map(stretched))).toEqual(found);
          expect(kolmogorovSmirnov(b, a).p).toBeCloseTo(found.p as number, 12);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('binned distances, rank test and KS against scipy', () => {
  it.each(python.binned)('$name', ({ a, b, js, tv, hellinger, kl, ks, limit, rank }) => {
    expectClose(jensenShannonDistance(a, b).value, js, 1e-7);
    expect(jensenShannonDivergence(a, b).value).toBeCloseTo(js * js, 12);
    expectClose(totalVariation(a, b).value, tv);
    expect(hellingerDistance(a, b).value).toBeCloseTo(hellinger, 12);
    if (kl === null) expect(kullbackLeibler(a, b)).toEqual({ value: null, reason: 'not_absolutely_continuous' });
    else expect(kullbackLeibler(a, b).value).toBeCloseTo(kl, 12);
    const binned = binnedKolmogorov(a, b);
    expectClose(binned.statistic, ks);
    expectClose(binned.p, limit);
    const found = binnedRankTest(a, b);
    expect(found.statistic).toBeCloseTo(rank.u, 9);
    expectClose(found.p, rank.plain, 1e-9);
    // scipy moves U past its mean where it lies closer than half a pair, and then gives p above what z = 0 gives.
    if (rank.corrected < 1) expectClose(binnedRankTest(a, b, true).p, rank.corrected, 1e-9);
    else expect(binnedRankTest(a, b, true).p).toBe(1);
  });

  it.each(r.ranks)("rank test as R's wilcox.test: U $u", ({ a, b, u, p }) => {
    expect(binnedRankTest(a, b).statistic).toBeCloseTo(u, 9);
    expectClose(binnedRankTest(a, b).p, p, 1e-9);
  });

  it('is undefined with a reason', () => {
    expect(binnedRankTest([0, 0], [1, 2])).toMatchObject({ p: null, reason: 'no_rows' });
    expect(binnedRankTest([3, 0], [4, 0])).toMatchObject({ p: null, effect: 0.5, reason: 'single_bin' });
    expect(binnedKolmogorov([0], [2]).reason).toBe('no_rows');
    for (const distance of [jensenShannonDivergence, hellingerDistance, totalVariation, kullbackLeibler]) {
      expect(distance([0, 0], [1, 1])).toEqual({ value: null, reason: 'no_rows' });
      expect(() => distance([1, -1], [1, 1])).toThrow(StatisticsError);
      expect(() => distance([1], [1, 1])).toThrow(StatisticsError);
    }
  });

  it('gives a lower bound of the distance of the values', () => {
    const stream = randomStream(7, 'binned-ks');
    for (let turn = 0; turn < 20; turn++) {
      const a = Array.from({ length: 60 }, () => stream.normal());
      const b = Array.from({ length: 45 }, () => 0.4 + stream.normal());
      const edges = quantileEdges(a);
      const count = (values: number[]): number[] => {
        const cells = new Array<number>(edges.length + 1).fill(0);
        for (const value of values) {
          const cell = binIndex(value, edges);
          cells[cell] = (cells[cell] as number) + 1;
        }
        return cells;
      };
      const binned = binnedKolmogorov(count(a), count(b)).statistic as number;
      expect(binned).toBeLessThanOrEqual((kolmogorovSmirnov(a, b).statistic as number) + 1e-12);
    }
  });
});

describe('Wasserstein from counts against numerical integration', () => {
  it.each(python.wasserstein)('$name', ({ edges, a, b, low, high, value }) => {
    const found = binnedWasserstein(edges, a, b, { range: [low, high], referenceSd: 2 });
    expectClose(found.value, value, 1e-6);
    expectClose(found.scaled, value / 2, 1e-6);
    expect(found.openShare).toBe(0);
  });

  it('says what lies in open bins', () => {
    // Edges 1 and 3; half of each sample inside, the middle is alike: no distance is seen, and half of the rows are out of sight.
    expect(binnedWasserstein([1, 3], [1, 2, 1], [1, 2, 1])).toEqual({
      value: 0,
      scaled: null,
      openShare: 0.5,
      reason: 'no_reference_sd',
    });
    // All of the first below 1, all of the second above 3: at least 2 apart.
    expect(binnedWasserstein([1, 3], [4, 0, 0], [0, 0, 4], { referenceSd: 4 })).toEqual({
      value: 2,
      scaled: 0.5,
      openShare: 1,
      reason: null,
    });
    expect(binnedWasserstein([1, 3], [0, 0, 0], [1, 1, 1]).reason).toBe('no_rows');
  });

  it('refuses what makes no bins', () => {
    expect(() => binnedWasserstein([1, 3], [1, 2], [1, 2])).toThrow(/3 bins/);
    expect(() => binnedWasserstein([3, 1], [1, 2, 3], [1, 2, 3])).toThrow(/ascend/);
    expect(() => binnedWasserstein([1, 3], [1, 2, 3], [1, 2, 3], { range: [2, 5] })).toThrow(/range/);
  });
});

describe('decile edges against numpy', () => {
  it.each(python.edges)('$name', ({ values, edges }) => {
    const found = quantileEdges([...values].reverse());
    expect(found.length).toBe(edges.length);
    for (const [index, edge] of edges.entries()) expect(found[index]).toBeCloseTo(edge, 12);
  });

  it('leaves missing values out, has no edge below all values, and is empty without two values', () => {
    expect(quantileEdges([1, Number.NaN, 2, 3, Number.NaN], 2)).toEqual([2]);
    expect(quantileEdges([])).toEqual([]);
    expect(quantileEdges([Number.NaN])).toEqual([]);
    expect(() => quantileEdges([1, 2], 1)).toThrow(StatisticsError);
    expect(() => quantileEdges([1, Number.POSITIVE_INFINITY])).toThrow(StatisticsError);
  });
});

describe('population stability with missing values', () => {
  it('tells a change of the missing rate from one of the values', () => {
    // Values 50/50 against 50/50; missing 0 of 100 against 20 of 120.
    const found = populationStabilityBoth([50, 50, 0], [50, 50, 20]);
    expect(found.values).toBeCloseTo(0, 15);
    const [p, q] = [1e-4, 20 / 120];
    const value = 2 * (50 / 120 - 0.5) * Math.log(50 / 120 / 0.5) + (q - p) * Math.log(q / p);
    expect(found.withMissing).toBeCloseTo(value, 12);
    expect(populationStabilityBoth([0, 0, 5], [1, 1, 0])).toMatchObject({ values: null });
    expect(populationStability([50, 50, 0], [50, 50, 20])).toBe(found.withMissing);
  });
});

describe("Fisher's exact test against R", () => {
  it.each(r.fisher2)('[[$a, $b], [$c, $d]]', ({ a, b, c, d, p }) => {
    expectClose(fisherExact(a, b, c, d).p, p, 1e-9);
    expectClose(fisherExact(c, d, a, b).p, p, 1e-9);
    expectClose(fisherExact(b, a, d, c).p, p, 1e-9);
    expectClose(fisherExact(a, c, b, d).p, p, 1e-9);
  });

  it.each(r.fisherTables)('exact table: $name', ({ table, p }) => {
    const found = fisherExactTable(table);
    expect(found).toMatchObject({ method: 'exact', draws: 0, reason: null });
    expectClose(found.p, p, 1e-9);
    const turned = (table[0] as number[]).map((_, column) => table.map((cells) => cells[column] as number));
    expectClose(fisherExactTable(turned.toReversed()).p, p, 1e-9);
    expectClose(fisherExactTable([...table, table[0]?.map(() => 0) as number[]]).p, p, 1e-9);
  });

  it.each(r.fisher2)('exact table of two by two: [[$a, $b], [$c, $d]]', ({ a, b, c, d, p }) => {
    expectClose(
      fisherExactTable([
        [a, b],
        [c, d],
      ]).p,
      p,
      1e-9,
    );
  });

  it('exact table: says what is too large, and what leaves nothing to test', () => {
    const large = Array.from({ length: 6 }, (_, row) => Array.from({ length: 6 }, (_, column) => 20 + row * column));
    expect(fisherExactTable(large, { maximumSteps: 1000 })).toEqual({
      p: null,
      method: null,
      draws: 0,
      reason: 'too_large',
    });
    expect(
      fisherExactTable([
        [1e12, 3],
        [5, 1e12],
      ]),
    ).toMatchObject({ p: null, reason: 'too_large' });
    expect(
      fisherExactTable([
        [3, 4],
        [0, 0],
      ]),
    ).toMatchObject({ p: null, reason: 'single_bin' });
    expect(fisherExactTable([])).toMatchObject({ p: null, reason: 'no_rows' });
    expect(() =>
      fisherExactTable([
        [1, 2],
        [1, Number.NaN],
      ]),
    ).toThrow(/table\[1\]\[1\] is NaN/);
    expect(() =>
      fisherExactTable(
        [
          [1, 2],
          [1, 2],
        ],
        { maximumSteps: 0 },
      ),
    ).toThrow(StatisticsError);
  });

  it.each(r.fisherTables)('random tables: $name', ({ table, p }) => {
    const draws = 20_000;
    const found = fisherMonteCarlo(table, { seed: 11, draws });
    // Four standard errors of a share of p among 20,000 tables.
    expect(Math.abs((found.p as number) - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / draws) + 1 / draws);
    expect(found.draws).toBe(draws);
    expect(fisherMonteCarlo(table, { seed: 11, draws })).toEqual(found);
    if (p < 0.9) expect(fisherMonteCarlo(table, { seed: 12, draws }).p).not.toBe(found.p);
  });

  it('never gives 0, also for counts of a million', () => {
    const table = [
      [400_000, 100_000],
      [300_000, 200_000],
    ];
    expect(fisherMonteCarlo(table, { seed: 1, draws: 99 }).p).toBe(1 / 100);
    expect(fisherExact(400_000, 100_000, 300_000, 200_000).p).toBeGreaterThanOrEqual(0);
  });

  it('agrees with the exact test where it is 2 x 2', () => {
    const exact = fisherExact(8, 2, 1, 5).p as number;
    const drawn = fisherMonteCarlo(
      [
        [8, 2],
        [1, 5],
      ],
      { seed: 3, draws: 20_000 },
    ).p as number;
    expect(Math.abs(drawn - exact)).toBeLessThan(4 * Math.sqrt((exact * (1 - exact)) / 20_000));
  });

  it('is undefined with a reason, and refuses what is no table', () => {
    expect(fisherExact(0, 5, 0, 4)).toMatchObject({ p: null, reason: 'single_bin' });
    expect(fisherExact(0, 0, 0, 0)).toMatchObject({ p: null, reason: 'no_rows' });
    expect(
      fisherMonteCarlo(
        [
          [0, 3],
          [0, 2],
        ],
        { seed: 1 },
      ),
    ).toMatchObject({ p: null, reason: 'single_bin' });
    expect(() => fisherExact(1.5, 1, 1, 1)).toThrow(StatisticsError);
    expect(() => fisherMonteCarlo([[1, 2], [1]], { seed: 1 })).toThrow(StatisticsError);
    expect(() =>
      fisherMonteCarlo(
        [
          [1, 2],
          [1, 1],
        ],
        { seed: 1, draws: 0 },
      ),
    ).toThrow(StatisticsError);
  });
});
