import { describe, expect, it } from 'vitest';
import { strataOf } from '../../../shared/privacy/column-strata.ts';
import { gaussianSigma } from '../../../shared/privacy/gaussian-mechanism.ts';
import type { SiteTable } from '../../../site-agent/data/site-table.ts';
import { countSharedCells } from '../../../site-agent/judging/share-cells.ts';
import { heartPlan } from '../../support/plans.ts';
import { judgedTable, patients, risksOf, sharingPlan } from '../../support/shared-patients.ts';

const nan = Number.NaN;

/** Five patients by hand; the last is not judged. */
const byHand: SiteTable = {
  rows: 5,
  columns: sharingPlan.data.columns.map(({ name, kind }) => ({
    name,
    kind,
    values: Float64Array.from(
      name === 'age' ? [39, 40, 65, nan, 80] : name === 'sex' ? [0, 1, 1, 0, 0] : [0, 0, nan, 1, 1],
    ),
  })),
  labels: Float64Array.from([1, 0, 1, 0, 1]),
  patientKeys: ['a', 'b', 'c', 'd', 'e'],
  times: new Float64Array(5),
  holdout: new Uint8Array(5),
};
const judged = Uint32Array.from([0, 1, 2, 3]);
const scores = { new: Float64Array.from([0.5, 0.49, 0.9, 0.0109]), current: null };

describe('what is counted of the judged rows', () => {
  const cells = countSharedCells({ plan: sharingPlan, preprocessing: null, table: byHand, judged, scores });

  it('is right by hand: left-closed bins, the missing one last, rows that do not judge in none', () => {
    expect(cells.rows).toBe(4);
    expect(cells.classes).toEqual([2, 2]);
    // Edges 40, 50, 55, 60, 70.
    expect(cells.columns[0]).toEqual({ name: 'age', counts: [1, 1, 0, 0, 1, 0, 1] });
    expect(cells.columns[1]).toEqual({ name: 'sex', counts: [2, 2, 0] });
    const { edges, events, nonEvents } = cells.scores.new ?? { edges: [], events: [], nonEvents: [] };
    expect(edges).toContain(0.5);
    const cellOf = (score: number): number => edges.filter((edge) => edge <= score).length;
    expect(events.flatMap((count, cell) => new Array<number>(count).fill(cell))).toEqual([cellOf(0.5), cellOf(0.9)]);
    expect(nonEvents.flatMap((count, cell) => new Array<number>(count).fill(cell))).toEqual([0, cellOf(0.49)]);
    expect(cellOf(0.49)).toBe(cellOf(0.5) - 1);
  });

  it('cuts columns with subgroups where edges and bounds of the subgroups cut them', () => {
    const [sex, age] = [...cells.strata].sort((a, b) => (a.column < b.column ? 1 : -1));
    // 65 is a bound of "over 65" and no edge: the bin 60 to 70 has two parts.
    expect(age?.cells.map(({ bin, subgroups }) => [bin, subgroups.length])).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
      [3, 0],
      [4, 0],
      [4, 1],
      [5, 1],
      [6, 0],
    ]);
    expect(age?.cells.map(({ events, nonEvents }) => [events, nonEvents])).toEqual([
      [1, 0],
      [0, 1],
      [0, 0],
      [0, 0],
      [0, 0],
      [1, 0],
      [0, 0],
      [0, 1],
    ]);
    expect(sex?.cells).toEqual([
      { bin: 0, subgroups: ['women'], events: 1, nonEvents: 1 },
      { bin: 1, subgroups: [], events: 1, nonEvents: 1 },
      { bin: 2, subgroups: [], events: 0, nonEvents: 0 },
    ]);
  });

  it('sums every bin and subgroup of a larger table from its parts', () => {
    const { cells: many } = judgedTable(patients(500));
    for (const strata of many.strata) {
      const column = many.columns.find(({ name }) => name === strata.column);
      const sums = (column?.counts ?? []).map((_, bin) =>
        strata.cells.filter((cell) => cell.bin === bin).reduce((sum, cell) => sum + cell.events + cell.nonEvents, 0),
      );
      expect(sums).toEqual(column?.counts);
    }
    expect(strataOf(sharingPlan).map(({ column }) => column)).toEqual(['age', 'sex']);
  });

  it('sums losses, and with the weights that give the consortium its share of events', () => {
    const table = patients(400);
    const risks = risksOf(table);
    const { cells: many } = judgedTable(table, { risks });
    const losses = [...risks].map((risk, row) => (risk - (table.labels[row] as number)) ** 2);
    const mean = (label: number): number => {
      const of = losses.filter((_, row) => table.labels[row] === label);
      return of.reduce((sum, loss) => sum + loss, 0) / of.length;
    };
    const [none, label] = many.sums;
    expect(none?.weight).toBe(400);
    expect(none?.weightedLoss).toBeCloseTo(
      losses.reduce((sum, loss) => sum + loss, 0),
      9,
    );
    // The consortium's training rows: 600 without and 400 with the event.
    expect((label?.weightedLoss ?? 0) / (label?.weight ?? 1)).toBeCloseTo(0.6 * mean(0) + 0.4 * mean(1), 9);
  });

  it('embeds only where the plan says so, with the noise of the analytic Gaussian mechanism', () => {
    expect(cells.embedding).toBeNull();
    const plain = heartPlan();
    expect(countSharedCells({ plan: plain, preprocessing: null, table: byHand, judged, scores }).embedding).toBeNull();
    const { cells: many } = judgedTable(patients(400));
    expect(many.embedding?.mean).toHaveLength(64);
    expect(many.embedding?.noiseSd).toBeCloseTo(gaussianSigma(1, 1e-6, 2 / 400), 12);
    const again = judgedTable(patients(400)).cells.embedding;
    expect(again?.mean).not.toEqual(many.embedding?.mean);
    // Two of them are the same mean with noise of their own: they differ by √2 of it in each coordinate, on average.
    const mean = (): readonly number[] => judgedTable(patients(400)).cells.embedding?.mean ?? [];
    let squared = 0;
    for (let pair = 0; pair < 20; pair++) {
      const other = mean();
      squared += mean().reduce((sum, value, at) => sum + (value - (other[at] as number)) ** 2, 0);
    }
    const apart = Math.sqrt(squared / (20 * 64)) / (many.embedding?.noiseSd ?? 1);
    // The source is not seeded: eight standard errors, each √2 / √(2 · 1280).
    expect(Math.abs(apart - Math.SQRT2)).toBeLessThan(8 / Math.sqrt(1280));
  });

  it('has a secret that changes with one patient and not with the order', () => {
    const secret = (table: SiteTable, rows = judged) =>
      countSharedCells({ plan: sharingPlan, preprocessing: null, table, judged: rows, scores: null }).secret;
    expect(secret(byHand, Uint32Array.from([3, 1, 0, 2]))).toBe(secret(byHand));
    expect(secret({ ...byHand, patientKeys: ['a', 'b', 'c', 'x', 'e'] })).not.toBe(secret(byHand));
    expect(secret({ ...byHand, labels: Float64Array.from([1, 0, 1, 1, 1]) })).not.toBe(secret(byHand));
  });
});
