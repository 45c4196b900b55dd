import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { poolSummaries } from '../../../shared/algorithms/federated-scaling.ts';
import { ScalingError } from '../../../shared/algorithms/scaling-error.ts';
import { summaryProblem } from '../../../shared/algorithms/summary-check.ts';
import type { Plan } from '../../../shared/plan/plan.ts';
import type { SiteSummary } from '../../../shared/plan/preprocessing.ts';
import { preprocessingSchema, siteSummarySchema } from '../../../shared/plan/preprocessing-schema.ts';
import { canonicalDigest } from '../../../shared/runtime/canonical.ts';
import type { SiteName } from '../../../shared/runtime/ids.ts';
import { randomStream } from '../../../shared/runtime/random.ts';
import { summarise } from '../../../site-agent/data/site-summary.ts';
import type { SiteTable } from '../../../site-agent/data/site-table.ts';
import { heartPlan } from '../../support/plans.ts';

const plan = planWith(11);
const digest = canonicalDigest(plan);

function planWith(minimumCount: number): Plan {
  const heart = heartPlan();
  return {
    ...heart,
    data: {
      ...heart.data,
      columns: [
        { name: 'x', kind: 'continuous', unit: 'u', range: [-1000, 1000], missing: 'impute', edges: [0, 10, 20] },
        { name: 'c', kind: 'categorical', levels: ['a', 'b', 'd'], missing: 'indicator' },
      ],
      subgroups: [],
    },
    federation: { ...heart.federation, minimumCount },
  };
}

function tableOf(x: readonly number[], c: readonly number[], labels: readonly number[]): SiteTable {
  return {
    rows: x.length,
    columns: [
      { name: 'x', kind: 'continuous', values: Float64Array.from(x) },
      { name: 'c', kind: 'categorical', values: Float64Array.from(c) },
    ],
    labels: Float64Array.from(labels),
    patientKeys: x.map((_, row) => `patient ${row}`),
    times: Float64Array.from(x, () => 0),
    holdout: new Uint8Array(x.length),
  };
}

const allRows = (table: SiteTable): Uint32Array => Uint32Array.from({ length: table.rows }, (_, row) => row);

function randomTable(seed: number, rows: number, missingShare = 0.2): SiteTable {
  const stream = randomStream(seed, 'table');
  const draw = (): number => (stream.uniform() < missingShare ? Number.NaN : Math.round(10 + 12 * stream.normal()));
  return tableOf(
    Array.from({ length: rows }, draw),
    Array.from({ length: rows }, () => stream.integer(3)),
    Array.from({ length: rows }, () => stream.integer(2)),
  );
}

describe('a site summary', () => {
  it('holds counts, sums and sums of squares of the training rows alone', () => {
    const table = tableOf(
      [...new Array<number>(12).fill(5), ...new Array<number>(11).fill(15), 999],
      [...new Array<number>(11).fill(0), ...new Array<number>(12).fill(2), 1],
      [...new Array<number>(12).fill(1), ...new Array<number>(11).fill(0), 1],
    );
    const summary = summarise(
      table,
      Uint32Array.from({ length: 23 }, (_, row) => row),
      plan,
      digest,
    );
    expect(summary).toEqual({
      wardround: 'summary/1',
      plan: digest,
      rows: 23,
      labelCounts: [11, 12],
      columns: [
        // 12 · 5 + 11 · 15 = 225; 12 · 25 + 11 · 225 = 2775.
        { name: 'x', sums: { count: 23, sum: 225, sumOfSquares: 2775 }, counts: [0, 12, 11, 0, 0] },
        { name: 'c', sums: null, counts: [11, 0, 12, 0] },
      ],
    });
  });

  it('says nothing of fewer rows than the minimum', () => {
    const table = randomTable(1, 10);
    expect(summarise(table, allRows(table), plan, digest)).toEqual({
      wardround: 'summary/1',
      plan: digest,
      rows: null,
      labelCounts: null,
      columns: [
        { name: 'x', sums: null, counts: [null, null, null, null, null] },
        { name: 'c', sums: null, counts: [null, null, null, null] },
      ],
    });
  });

  it('does not let 1 to 10 missing values follow from the number of values behind the sums', () => {
    for (const missing of [1, 4, 10]) {
      const x = Array.from({ length: 60 }, (_, row) => (row < missing ? Number.NaN : row / 3));
      const table = tableOf(x, new Array<number>(60).fill(0), new Array<number>(60).fill(1));
      const [column] = summarise(table, allRows(table), plan, digest).columns;
      expect(column?.counts[4]).toBeNull();
      expect(column?.sums?.count).toBe(60 - 11);
    }
  });

  it('withholds sums that few distinct values could be solved from', () => {
    const x = Array.from({ length: 60 }, (_, row) => (row < 4 ? 1 : 0));
    const table = tableOf(x, new Array<number>(60).fill(0), new Array<number>(60).fill(1));
    expect(summarise(table, allRows(table), plan, digest).columns[0]?.sums).toBeNull();
  });

  it('counts patients, not rows: many rows of a few patients are few', () => {
    // 60 patients with a row each, and one with 61 rows, all with a value, a level and an outcome of her own.
    const own = 61;
    const x = [...Array.from({ length: 60 }, (_, row) => 1 + (row % 30) * 0.3), ...new Array<number>(own).fill(25)];
    const c = [...new Array<number>(60).fill(0), ...new Array<number>(own).fill(2)];
    const labels = [...Array.from({ length: 60 }, (_, row) => row % 2), ...new Array<number>(own).fill(1)];
    const base = tableOf(x, c, labels);
    const keysOf = (rows: number): string[] => base.patientKeys.map((key, row) => (row < rows ? key : 'her'));
    const table: SiteTable = { ...base, patientKeys: keysOf(60) };
    const summary = summarise(table, allRows(table), plan, digest);
    const [first, second] = summary.columns;
    // 61 rows above 20 would be published, were they of 61 patients.
    expect(summarise(base, allRows(base), plan, digest).columns[0]?.counts[3]).toBe(own);
    expect(first?.counts[3]).toBeNull();
    expect(second?.counts[2]).toBeNull();
    expect(first?.counts.filter((cell) => cell === null).length).toBeGreaterThanOrEqual(2);
    expect(summary.rows).toBe(60 + own);

    // She alone lacks the value: how often she does must not follow from the number of values behind the sums.
    const without = { ...table, columns: [...table.columns] };
    without.columns[0] = {
      name: 'x',
      kind: 'continuous',
      values: Float64Array.from(x, (value, row) => (row < 60 ? value : Number.NaN)),
    };
    const lacking = summarise(without, allRows(without), plan, digest).columns[0];
    expect(lacking?.sums).toBeNull();
    expect(lacking?.counts[4]).toBeNull();

    // Ten patients are too few for any figure, however many rows they have.
    const few: SiteTable = { ...base, patientKeys: base.patientKeys.map((_, row) => `patient ${row % 10}`) };
    expect(summarise(few, allRows(few), plan, digest)).toMatchObject({
      rows: null,
      labelCounts: null,
      columns: [{ sums: null, counts: [null, null, null, null, null] }, { counts: [null, null, null, null] }],
    });
  });

  it('lets no observer derive a cell of 1 to minimum - 1 from cells, totals, sums and class counts', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1_000_000 }),
        fc.integer({ min: 0, max: 90 }),
        fc.double({ min: 0, max: 0.6, noNaN: true }),
        fc.constantFrom(2, 5, 11),
        (seed, rows, missingShare, minimumCount) => {
          const ownPlan = planWith(minimumCount);
          const ownDigest = canonicalDigest(ownPlan);
          const table = randomTable(seed, rows, missingShare);
          const summary = summarise(table, allRows(table), ownPlan, ownDigest);
          expect(siteSummarySchema.parse(JSON.parse(JSON.stringify(summary)))).toEqual(summary);
          expect(summaryProblem(ownPlan, ownDigest, summary)).toBeNull();
          const vectors = [...summary.columns.map(({ counts }) => counts), summary.labelCounts ?? []];
          for (const cells of vectors) {
            const hidden = cells.filter((cell) => cell === null).length;
            const shown = cells.reduce<number>((sum, cell) => sum + (cell ?? 0), 0);
            for (const cell of cells) if (cell !== null) expect(cell === 0 || cell >= minimumCount).toBe(true);
            if (hidden === 0 || summary.rows === null) continue;
            // The one equation over hidden cells: they hold the rest of the rows. Two at least, and room for the minimum.
            expect(hidden).toBeGreaterThanOrEqual(2);
            expect(summary.rows - shown).toBeGreaterThanOrEqual(minimumCount);
          }
          // Values behind the sums: what is not among them is nothing, or the minimum and more; and where missing is hidden, not its count.
          const [x] = summary.columns;
          if (x?.sums == null || summary.rows === null) return;
          const rest = summary.rows - x.sums.count;
          expect(rest === 0 || rest >= minimumCount).toBe(true);
          const missing = x.counts[x.counts.length - 1];
          if (missing !== null) expect(missing).toBe(rest);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is the same for the same rows in any order', () => {
    const table = randomTable(3, 80);
    const order = allRows(table).reverse();
    const turned: SiteTable = {
      ...table,
      columns: table.columns.map((column) => ({ ...column, values: column.values.slice().reverse() })),
      labels: table.labels.slice().reverse(),
      patientKeys: [...table.patientKeys].reverse(),
    };
    expect(summarise(turned, order, plan, digest).columns.map(({ counts }) => counts)).toEqual(
      summarise(table, allRows(table), plan, digest).columns.map(({ counts }) => counts),
    );
  });
});

describe('pooling summaries', () => {
  const site = (name: string): SiteName => name as SiteName;
  const summariesOf = (entries: Record<string, SiteSummary>): Map<SiteName, SiteSummary> =>
    new Map(Object.entries(entries).map(([name, summary]) => [site(name), summary]));

  it('gives the mean and population standard deviation of all rows together', () => {
    const tables = [randomTable(1, 200, 0), randomTable(2, 60, 0), randomTable(3, 120, 0)];
    const pooled = poolSummaries(
      plan,
      digest,
      summariesOf(
        Object.fromEntries(
          tables.map((table, index) => [`site-${index}`, summarise(table, allRows(table), plan, digest)]),
        ),
      ),
    );
    const all = tables.flatMap((table) => Array.from(table.columns[0]?.values ?? []));
    const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
    const scale = Math.sqrt(all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length);
    expect(pooled.columns[0]?.count).toBe(380);
    expect(pooled.columns[0]?.mean).toBeCloseTo(mean, 12);
    expect(pooled.columns[0]?.scale).toBeCloseTo(scale, 12);
    expect(pooled.columns[1]).toMatchObject({ count: 0, mean: 0, scale: 1 });
    expect(pooled.rows).toBe(380);
    expect(preprocessingSchema.parse(pooled)).toEqual(pooled);
  });

  it('does not depend on the order of arrival', () => {
    const entries = [1, 2, 3, 4].map((seed): [SiteName, SiteSummary] => {
      const table = randomTable(seed, 40 + seed, 0.1);
      return [site(`site-${seed}`), summarise(table, allRows(table), plan, digest)];
    });
    const there = poolSummaries(plan, digest, new Map(entries));
    const back = poolSummaries(plan, digest, new Map([...entries].reverse()));
    expect(canonicalDigest(back)).toBe(canonicalDigest(there));
  });

  const summary = (counts: readonly (number | null)[], rows: number): SiteSummary => ({
    wardround: 'summary/1',
    plan: digest,
    rows,
    labelCounts: null,
    columns: [
      { name: 'x', sums: null, counts },
      { name: 'c', sums: null, counts: [rows, 0, 0, 0] },
    ],
  });

  it('merges withheld cells into groups with exact totals, and names the sites that are in', () => {
    const pooled = poolSummaries(
      plan,
      digest,
      summariesOf({
        north: summary([20, 30, 40, 0, 10 + 5], 105),
        south: summary([null, null, 50, 20, 20], 120),
        // Everything withheld: nothing to count.
        west: summary([null, null, null, null, null], 15),
      }),
    );
    const [x] = pooled.columns;
    // south's withheld cells hold 120 - 90 = 30 rows; with north's 20 and 30 the group has 80.
    expect(x?.referenceCounts).toEqual([80, 0, 90, 20, 35]);
    expect(x?.referenceGroups).toEqual([[0, 1]]);
    expect(x?.referenceSites).toEqual(['north', 'south']);
  });

  // python3 -c "import numpy as n; m=n.array([40,40,90,20])/190; b=n.array([-10,0,10,20,30]); c=(b[1:]+b[:-1])/2; u=m@c; print(u, (m@((c-u)**2+100/12))**.5)"
  it('estimates mean and scale from the counts, or the range, where no site could share its sums', () => {
    const { x, alone, none } = Object.fromEntries(
      Object.entries({
        x: { north: summary([20, 30, 40, 0, 15], 105), south: summary([null, null, 50, 20, 20], 120) },
        alone: { north: summary([null, null, null, null, null], 60) },
        none: { north: summary([0, 0, 0, 0, 30], 30) },
      }).map(([name, sites]) => [name, poolSummaries(plan, digest, summariesOf(sites))]),
    );
    expect(x?.columns[0]).toMatchObject({ count: 0, estimatedFrom: 'counts' });
    expect(x?.columns[0]?.mean).toBeCloseTo(9.736842105263158, 12);
    expect(x?.columns[0]?.scale).toBeCloseTo(9.819469231715791, 12);
    for (const pooled of [alone, none]) {
      expect(pooled?.columns[0]).toMatchObject({ count: 0, mean: 0, estimatedFrom: 'range' });
      expect(pooled?.columns[0]?.scale).toBeCloseTo(2000 / Math.sqrt(12), 10);
    }
    expect(x?.columns[1]).toMatchObject({ count: 0, mean: 0, scale: 1 });
    expect(x?.columns[1]?.estimatedFrom).toBeUndefined();
    expect(preprocessingSchema.parse(x)).toEqual(x);
  });

  it('does not take a column for constant that is so only where its sums could be shared', () => {
    const constant = { count: 50, sum: 250, sumOfSquares: 1250 };
    const north = summary([0, 50, 0, 0, 0], 50);
    const shared = { ...north, columns: [{ ...north.columns[0], sums: constant }, north.columns[1]] } as SiteSummary;
    const everywhere = poolSummaries(plan, digest, summariesOf({ north: shared })).columns[0];
    expect(everywhere).toMatchObject({ count: 50, mean: 5, scale: 1 });
    expect(everywhere?.estimatedFrom).toBeUndefined();
    const south = summary([20, 30, 40, 0, 15], 105);
    const partly = poolSummaries(plan, digest, summariesOf({ north: shared, south })).columns[0];
    expect(partly).toMatchObject({ count: 50, mean: 5, estimatedFrom: 'counts' });
    expect(partly?.scale).toBeGreaterThan(5);
  });

  it('names the sites behind the counts of the outcome when they are not all', () => {
    const north = { ...summary([20, 30, 40, 0, 15], 105), labelCounts: [60, 45] };
    const south = { ...summary([20, 30, 40, 0, 15], 105), labelCounts: [null, 100] };
    const some = poolSummaries(plan, digest, summariesOf({ north, south }));
    expect(some).toMatchObject({ labelCounts: [60, 45], labelSites: ['north'] });
    expect(preprocessingSchema.parse(some)).toEqual(some);
    const all = poolSummaries(plan, digest, summariesOf({ north, south: { ...south, labelCounts: [15, 90] } }));
    expect(all.labelCounts).toEqual([75, 135]);
    expect(all.labelSites).toBeUndefined();
    expect(poolSummaries(plan, digest, summariesOf({ south })).labelSites).toBeUndefined();
  });

  it("leaves a site's counts out where they would leave too few groups", () => {
    const pooled = poolSummaries(
      plan,
      digest,
      summariesOf({ north: summary([20, 30, 40, 0, 15], 105), south: summary([null, null, null, 20, null], 120) }),
    );
    expect(pooled.columns[0]?.referenceCounts).toEqual([20, 30, 40, 0, 15]);
    expect(pooled.columns[0]?.referenceSites).toEqual(['north']);
    expect(pooled.columns[0]?.referenceGroups).toBeUndefined();
  });

  it('refuses what does not fit the plan, naming the site', () => {
    const good = summary([20, 30, 40, 0, 15], 105);
    const [x, c] = good.columns as [SiteSummary['columns'][number], SiteSummary['columns'][number]];
    const cases: [SiteSummary, string][] = [
      [{ ...good, plan: 'f'.repeat(64) }, 'wrong_plan'],
      [{ ...good, columns: [x] }, 'malformed'],
      [{ ...good, columns: [c, x] }, 'malformed'],
      [{ ...good, columns: [{ ...x, counts: [1, 2] }, c] }, 'malformed'],
      [{ ...good, columns: [{ ...x, counts: [20, 30, 40, 3, 12] }, c] }, 'small_cell'],
      [{ ...good, columns: [{ ...x, counts: [20, 30, 40, 0, 99] }, c] }, 'malformed'],
      [{ ...good, rows: 5 }, 'small_cell'],
      [{ ...good, rows: null }, 'malformed'],
      [{ ...good, labelCounts: [50, 3] }, 'small_cell'],
      [{ ...good, labelCounts: [50] }, 'malformed'],
      [{ ...good, columns: [{ ...x, sums: { count: 5, sum: 1, sumOfSquares: 1 } }, c] }, 'small_cell'],
      [{ ...good, columns: [{ ...x, sums: { count: 50, sum: 1e9, sumOfSquares: 1e20 } }, c] }, 'malformed'],
      [{ ...good, columns: [{ ...x, sums: { count: 50, sum: 500, sumOfSquares: 10 } }, c] }, 'malformed'],
      [{ ...good, columns: [x, { ...c, sums: { count: 50, sum: 5, sumOfSquares: 10 } }] }, 'malformed'],
    ];
    for (const [bad, code] of cases) {
      expect(summaryProblem(plan, digest, bad)).toMatchObject({ code });
      expect(() => poolSummaries(plan, digest, summariesOf({ north: good, south: bad }))).toThrow(ScalingError);
      expect(() => poolSummaries(plan, digest, summariesOf({ north: good, south: bad }))).toThrow(
        expect.objectContaining({ code, details: { site: 'south' } }),
      );
    }
    expect(() => poolSummaries(plan, digest, new Map())).toThrow(expect.objectContaining({ code: 'no_summary' }));
  });

  it('refuses what is not finite or not known at the door', () => {
    const good = summary([20, 30, 40, 0, 15], 105);
    expect(siteSummarySchema.safeParse(good).success).toBe(true);
    expect(siteSummarySchema.safeParse({ ...good, extra: 1 }).success).toBe(false);
    expect(siteSummarySchema.safeParse({ ...good, rows: Number.NaN }).success).toBe(false);
    expect(siteSummarySchema.safeParse({ ...good, rows: -1 }).success).toBe(false);
    const columns = [
      { name: 'x', sums: { count: 50, sum: Number.POSITIVE_INFINITY, sumOfSquares: 1 }, counts: [20, 30] },
    ];
    expect(siteSummarySchema.safeParse({ ...good, columns }).success).toBe(false);
  });
});
