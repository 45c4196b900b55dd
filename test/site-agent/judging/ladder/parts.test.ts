import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Plan } from '../../../../shared/plan/plan.ts';
import type { Preprocessing } from '../../../../shared/plan/preprocessing.ts';
import type { SiteTable } from '../../../../site-agent/data/site-table.ts';
import { type CaseMix, consortiumCaseMix } from '../../../../site-agent/judging/ladder/case-mix.ts';
import { forgetting } from '../../../../site-agent/judging/ladder/forgetting.ts';
import { gapClosed, rowLosses } from '../../../../site-agent/judging/ladder/gap-closed.ts';
import { fitRecalibrations } from '../../../../site-agent/judging/ladder/recalibration-steps.ts';
import { hashShare, splitJudged } from '../../../../site-agent/judging/ladder/split-judged.ts';
import { readReference } from '../../../reference/read.ts';
import { ladderPolicy, plan, reference } from './ladder-support.ts';

interface LadderReference {
  readonly rows: Readonly<
    Record<'age' | 'sex' | 'label' | 'release' | 'high' | 'updated' | 'risk', readonly number[]>
  > & {
    readonly cholesterol: readonly (number | null)[];
  };
  readonly counts: Readonly<Record<'age' | 'cholesterol' | 'sex' | 'label', readonly number[]>>;
  readonly weights: readonly number[];
  readonly effectiveRows: number;
  readonly auroc: { readonly release: number; readonly updated: number };
  readonly gapClosed: { readonly value: number; readonly low: number; readonly high: number };
}

const known = readReference<LadderReference>('ladder.json');
const rows = known.rows.label.length;
const everyRow = Uint32Array.from({ length: rows }, (_, row) => row);

function knownTable(): SiteTable {
  return {
    rows,
    columns: [
      { name: 'age', kind: 'continuous', values: Float64Array.from(known.rows.age) },
      {
        name: 'cholesterol',
        kind: 'continuous',
        values: Float64Array.from(known.rows.cholesterol, (value) => value ?? Number.NaN),
      },
      { name: 'sex', kind: 'categorical', values: Float64Array.from(known.rows.sex) },
    ],
    labels: Float64Array.from(known.rows.label),
    patientKeys: Array.from(everyRow, String),
    times: new Float64Array(rows),
    holdout: new Uint8Array(rows),
  };
}

function consortium(change: Partial<Record<keyof LadderReference['counts'], readonly number[]>> = {}): Preprocessing {
  const counts = { ...known.counts, ...change };
  return {
    ...reference,
    labelCounts: counts.label,
    columns: reference.columns.map((column) => ({
      ...column,
      referenceCounts: counts[column.name as 'age' | 'cholesterol' | 'sex'],
    })),
  };
}

function mixOf(preprocessing: Preprocessing | null, change: Partial<Plan> = {}) {
  return consortiumCaseMix(knownTable(), everyRow, { ...plan, ...change }, preprocessing);
}

describe("the consortium's case mix", () => {
  it('gives the weights of minimum relative entropy', () => {
    const mix = mixOf(consortium()) as CaseMix;
    for (const [row, weight] of known.weights.entries()) expect(mix.weights[row]).toBeCloseTo(weight, 4);
    expect(mix.effectiveRows).toBeCloseTo(known.effectiveRows, 2);
  });

  it('counts cells the consortium withheld from one another as one', () => {
    const grouped = consortium({ age: [250, 0, 320, 290, 140, 0] });
    const columns = grouped.columns.map((column) =>
      column.name === 'age' ? { ...column, referenceGroups: [[0, 1]] } : column,
    );
    const mix = mixOf({ ...grouped, columns }) as CaseMix;
    const young = known.rows.age.reduce((sum, age, row) => sum + (age < 50 ? (mix.weights[row] as number) : 0), 0);
    expect(young / rows).toBeCloseTo(0.25, 5);
  });

  it("is undefined without a reference, or where too few of the consortium's patients are like the site's", () => {
    expect(mixOf(null)).toEqual({ reason: 'no_reference' });
    expect(mixOf(consortium({ sex: [400, 400, 200] }))).toEqual({ reason: 'overlap_poor' });
    // Nearly all of the consortium's patients in cells where the site has a handful.
    expect(mixOf(consortium({ age: [900, 50, 20, 20, 10, 0], label: [20, 980] }))).toEqual({ reason: 'overlap_poor' });
  });

  it('forgetting is the difference of weighted AUROCs, and repeats to the bit', () => {
    const mix: CaseMix = { weights: Float64Array.from(known.weights), effectiveRows: known.effectiveRows };
    const found = forgetting(known.rows.updated, known.rows.release, known.rows.label, mix, 7);
    expect(found.value).toBeCloseTo(known.auroc.updated - known.auroc.release, 9);
    expect(found.low).toBeLessThan(found.value as number);
    expect(found.high).toBeGreaterThan(found.value as number);
    expect(forgetting(known.rows.updated, known.rows.release, known.rows.label, mix, 7)).toEqual(found);
    expect(forgetting(known.rows.release, known.rows.release, known.rows.label, mix, 7)).toMatchObject({
      value: 0,
      low: 0,
    });
    expect(
      forgetting(known.rows.updated, known.rows.release, known.rows.label, { reason: 'no_reference' }, 7),
    ).toMatchObject({ value: null, reason: 'no_reference' });
    const nobody = known.rows.label.map(() => 0);
    expect(forgetting(known.rows.updated, known.rows.release, nobody, mix, 7).reason).toBe('single_class');
  });
});

describe('the gap closed', () => {
  const loss = (risks: readonly number[]): Float64Array => rowLosses(risks, known.rows.label);
  const { high, updated, risk } = known.rows;

  it('is the ratio of losses with the interval of a bootstrap', () => {
    const found = gapClosed(loss(high), loss(updated), loss(risk), 3);
    expect(found.value).toBeCloseTo(known.gapClosed.value, 9);
    // Percentiles of 1000 resamples against those of 40 000.
    const width = known.gapClosed.high - known.gapClosed.low;
    expect(Math.abs((found.low as number) - known.gapClosed.low)).toBeLessThan(0.1 * width);
    expect(Math.abs((found.high as number) - known.gapClosed.high)).toBeLessThan(0.1 * width);
    expect(gapClosed(loss(high), loss(updated), loss(risk), 3)).toEqual(found);
  });

  it('has about the same interval when rows are drawn in bundles', () => {
    const many = <Values extends readonly number[] | Float64Array>(values: Values): Float64Array =>
      Float64Array.from({ length: 20 * values.length }, (_, row) => values[row % values.length] as number);
    const found = gapClosed(many(loss(high)), many(loss(updated)), many(loss(risk)), 3);
    const width = (known.gapClosed.high - known.gapClosed.low) / Math.sqrt(20);
    expect(found.value).toBeCloseTo(known.gapClosed.value, 9);
    expect((found.high as number) - (found.low as number)).toBeGreaterThan(0.85 * width);
    expect((found.high as number) - (found.low as number)).toBeLessThan(1.15 * width);
  });

  it('is undefined where there is no gap, none to be sure of, no reference or no row', () => {
    expect(gapClosed(loss(high), loss(updated), null, 3).reason).toBe('no_reference_model');
    expect(gapClosed(loss(risk), loss(updated), loss(high), 3).reason).toBe('no_gap');
    expect(gapClosed(loss(known.rows.release), loss(updated), loss(risk), 3).reason).toBe('gap_not_shown');
    const none = new Float64Array(0);
    expect(gapClosed(none, none, none, 3).reason).toBe('no_rows');
  });
});

describe('rows that fit and rows that judge', () => {
  const day = 86_400_000;
  const patients = fc.array(fc.record({ key: fc.integer({ min: 0, max: 40 }), day: fc.integer({ min: 0, max: 25 }) }), {
    maxLength: 80,
  });

  it('never share a patient, and judging rows are strictly later', () => {
    fc.assert(
      fc.property(patients, fc.double({ min: 0.1, max: 0.9, noNaN: true }), fc.boolean(), (found, share, dated) => {
        const times = Float64Array.from(found, (row) => row.day * day);
        const keys = found.map(({ key }) => `p${key}`);
        const { update, later, judgedFromMs } = splitJudged(dated ? times : null, keys, share);
        const fitted = new Set(Array.from(update, (place) => keys[place]));
        expect(Array.from(later).filter((place) => fitted.has(keys[place]))).toEqual([]);
        expect(new Set([...update, ...later]).size).toBe(update.length + later.length);
        const latest = Math.max(Number.NEGATIVE_INFINITY, ...Array.from(update, (place) => times[place] as number));
        const earliest = Math.min(Number.POSITIVE_INFINITY, ...Array.from(later, (place) => times[place] as number));
        if (dated) {
          expect(latest).toBeLessThan(earliest);
          if (judgedFromMs !== null) {
            expect(latest).toBeLessThan(judgedFromMs);
            expect(earliest).toBeGreaterThanOrEqual(judgedFromMs);
          }
          if (new Set(times).size > 1) expect(update.length).toBeGreaterThan(0);
        } else expect(judgedFromMs).toBeNull();
      }),
      { numRuns: 300 },
    );
  });

  it('cuts between two times where the share is met most nearly', () => {
    const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const cut = (days: readonly number[], share: number): number =>
      splitJudged(Float64Array.from(days), keys.slice(0, days.length), share).update.length;
    expect(cut([1, 2, 3, 4, 5, 6, 7, 8], 0.5)).toBe(4);
    expect(cut([8, 7, 6, 5, 4, 3, 2, 1], 0.25)).toBe(2);
    // Seven of eight on one day: one before it, or seven with it.
    expect(cut([1, 2, 2, 2, 2, 2, 2, 2], 0.5)).toBe(1);
    expect(cut([1, 1, 1, 1, 1, 1, 1, 2], 0.5)).toBe(7);
    expect(cut([3, 3, 3, 3], 0.5)).toBe(0);
    expect(cut([], 0.5)).toBe(0);
    expect(cut([3], 0.5)).toBe(0);
  });

  it('without times, a patient falls to one side whoever else is judged', () => {
    const keys = Array.from({ length: 4000 }, (_, place) => `patient ${place}`);
    const { update } = splitJudged(null, keys, 0.3);
    expect(update.length / keys.length).toBeCloseTo(0.3, 1);
    const some = keys.filter((_, place) => place % 3 === 0);
    const again = splitJudged(null, some, 0.3);
    expect(Array.from(again.update, (place) => some[place])).toEqual(
      Array.from(update, (place) => keys[place] as string).filter((key) => some.includes(key)),
    );
    // First 48 bits of SHA-256 of the empty text, e3b0c44298fc, over 2^48.
    expect(hashShare('')).toBe(0xe3b0c44298fc / 2 ** 48);
  });
});

describe('recalibrations of the ladder', () => {
  const made = (events: number, nonEvents: number, update: object = {}, reading: 'label' | 'concept' | null = null) =>
    fitRecalibrations({
      probabilities: Float64Array.from({ length: events + nonEvents }, (_, row) => (1 + (row % 9)) / 10),
      labels: Float64Array.from({ length: events + nonEvents }, (_, row) => (row < events ? 1 : 0)),
      policy: ladderPolicy(update),
      reading,
      preprocessing: reference,
    });

  it('say why they are not fitted', () => {
    const reasons = (found: ReturnType<typeof made>): Record<string, string | null> =>
      Object.fromEntries(Object.entries(found).map(([step, { reason }]) => [step, reason]));
    expect(reasons(made(0, 0))).toMatchObject({ none: null, intercept: 'too_few_rows', isotonic: 'too_few_rows' });
    expect(reasons(made(9, 500))).toMatchObject({ intercept: 'too_few_rows', logistic: 'too_few_rows' });
    expect(reasons(made(500, 9))).toMatchObject({ intercept: 'too_few_rows' });
    expect(reasons(made(10, 500))).toMatchObject({
      intercept: null,
      logistic: 'too_few_rows',
      prior: 'not_label_shift',
    });
    expect(reasons(made(199, 2000))).toMatchObject({ isotonic: 'too_few_rows' });
    expect(reasons(made(200, 800))).toMatchObject({ isotonic: null });
    expect(reasons(made(200, 799))).toMatchObject({ isotonic: 'too_few_rows' });
    expect(reasons(made(200, 799, { isotonicMinimum: { rows: 900, events: 100 } }))).toMatchObject({ isotonic: null });
    expect(reasons(made(200, 800, {}, 'concept'))).toMatchObject({ prior: 'not_label_shift' });
    expect(
      fitRecalibrations({
        probabilities: Float64Array.from({ length: 100 }, (_, row) => (row % 5) / 5),
        labels: Float64Array.from({ length: 100 }, (_, row) => row % 2),
        policy: ladderPolicy(),
        reading: 'label',
        preprocessing: { ...reference, labelCounts: null },
      }).prior,
    ).toEqual({ recalibration: null, reason: 'prevalence_unknown' });
  });

  it("the prior adjustment goes from the consortium's share of events to the site's", () => {
    const [nonEvents, events] = reference.labelCounts as [number, number];
    expect(made(100, 300, {}, 'label').prior).toEqual({
      recalibration: { kind: 'prior', trainingPrevalence: events / (nonEvents + events), targetPrevalence: 0.25 },
      reason: null,
    });
  });

  it('isotonic regression promises nobody a risk of 0 or 1', () => {
    const { isotonic } = fitRecalibrations({
      probabilities: Float64Array.from({ length: 1000 }, (_, row) => row / 1000),
      labels: Float64Array.from({ length: 1000 }, (_, row) => (row < 500 ? 0 : 1)),
      policy: ladderPolicy(),
      reading: null,
      preprocessing: reference,
    });
    expect(isotonic.recalibration).toMatchObject({ kind: 'isotonic' });
    const { values } = isotonic.recalibration as { values: readonly number[] };
    expect(Math.min(...values)).toBeCloseTo(0.5 / 1001, 12);
    expect(Math.max(...values)).toBeCloseTo(1 - 0.5 / 1001, 12);
  });
});
