import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Evidence } from '../../../shared/plan/judgement.ts';
import { canonicalDigest, canonicalJson } from '../../../shared/runtime/canonical.ts';
import type { SiteName } from '../../../shared/runtime/ids.ts';
import { permutation, randomStream } from '../../../shared/runtime/random.ts';
import type { SiteTable } from '../../../site-agent/data/site-table.ts';
import { type JudgeInput, judgeRelease } from '../../../site-agent/judging/judge-release.ts';
import { policyOf } from '../../support/evidence.ts';
import { cohort, consortiumReference, logisticWeights, packageOf, smallPlan } from '../../support/judging.ts';

const small = smallPlan();
const plan = {
  ...small,
  data: {
    ...small.data,
    outcomeWindowDays: 30,
    subgroups: [
      { name: 'women', column: 'sex', level: 'female' },
      { name: 'old', column: 'age', atLeast: 65 },
      { name: 'nobody', column: 'age', atLeast: 200 },
    ],
  },
};
const reference = consortiumReference(plan);
const release = packageOf(plan, reference, logisticWeights(plan, reference, 0.08, 1, -0.7), 'heart-disease/2');
const current = packageOf(plan, reference, logisticWeights(plan, reference, 0.07, 0.9, -0.6), 'heart-disease/1');
const policy = policyOf({ netBenefit: { threshold: 0.4 } });

async function evidenceOf(table: SiteTable, change: Partial<JudgeInput> = {}): Promise<Evidence> {
  const { evidence } = await judgeRelease({
    site: 'north' as SiteName,
    plan,
    planDigest: canonicalDigest(plan),
    policy,
    table,
    preprocessing: null,
    release,
    current,
    nowMs: Date.parse('2024-11-10T00:00:00Z'),
    heldSinceMs: null,
    ...change,
  });
  return evidence;
}

function pickRows(table: SiteTable, order: ArrayLike<number>): SiteTable {
  const pick = (values: Float64Array): Float64Array => Float64Array.from(order, (row) => values[row] as number);
  return {
    ...table,
    rows: order.length,
    columns: table.columns.map((column) => ({ ...column, values: pick(column.values) })),
    labels: pick(table.labels),
    times: pick(table.times),
    patientKeys: Array.from(order, (row) => table.patientKeys[row] as string),
    holdout: new Uint8Array(order.length),
  };
}

/** Every figure of some evidence, with the path to it. */
function* figures(value: unknown, path: string): Generator<readonly [string, unknown, Record<string, unknown>]> {
  if (value === null || typeof value !== 'object') return;
  for (const [key, inner] of Object.entries(value)) {
    yield [`${path}.${key}`, inner, value as Record<string, unknown>];
    yield* figures(inner, `${path}.${key}`);
  }
}

function assertDefined(evidence: Evidence): void {
  for (const [path, value, holder] of figures(evidence, 'evidence')) {
    if (typeof value === 'number') expect(Number.isFinite(value), path).toBe(true);
    // An estimate without a value says why.
    if (value === null && path.endsWith('.value') && 'low' in holder)
      expect(holder.reason, path).toEqual(expect.any(String));
  }
}

describe('the evidence of a judgement', () => {
  const table = cohort({ seed: 5, training: 600, judged: 1200 });

  it('has every figure, on the same rows for both models', async () => {
    const evidence = await evidenceOf(table);
    assertDefined(evidence);
    // 300 days of patients in turn, from the day after the cut-off; those of the last weeks wait for their outcome.
    expect(evidence.excluded.window_open).toBeGreaterThan(0);
    expect(evidence.unlabelled?.rows).toBe(evidence.excluded.window_open);
    const { performance, comparison } = evidence;
    expect(performance?.new.auroc).toEqual(evidence.auroc.new);
    expect(performance?.current?.auroc).toEqual(evidence.auroc.current);
    expect(comparison?.auroc.oneSidedLower).toBe(evidence.difference.oneSidedLower);
    const { events, nonEvents } = performance?.new.risks ?? { events: [], nonEvents: [] };
    expect([...events, ...nonEvents].reduce((sum, count) => sum + count, 0)).toBe(evidence.rows);
    expect(events.reduce((sum, count) => sum + count, 0)).toBe(evidence.events);
    expect(performance?.new.calibration.curve.length).toBeGreaterThan(10);
    expect(performance?.new.decisionCurve[0]?.threshold).toBe(0.05);
    expect(performance?.new.decisionCurve.at(-1)?.threshold).toBe(0.5);
    expect(performance?.new.classification?.threshold).toBe(0.4);
    expect(comparison?.bootstrap).toBeNull();
    expect(evidence.multivariate?.domainClassifier.low).toBeLessThan(0.55);
    expect(evidence.gap?.reading).toBe('none');
    expect(evidence.gap?.terms).not.toBeNull();
    const expected = evidence.unlabelled?.auroc.confidenceBased;
    expect(evidence.auroc.new.value).toBeGreaterThan(expected?.low as number);
    expect(evidence.auroc.new.value).toBeLessThan(expected?.high as number);
    // Patients of the same kind: the share of events that the scores tell is the one that was seen.
    const { soft, expectationMaximisation } = evidence.labelShift as NonNullable<Evidence['labelShift']>;
    for (const { low, high } of [soft, expectationMaximisation]) {
      expect(evidence.prevalence.site.value).toBeGreaterThan(low as number);
      expect(evidence.prevalence.site.value).toBeLessThan(high as number);
    }
    expect(evidence.power.eventsPerWeek).toBeGreaterThan(0);
    expect(evidence.look).toMatchObject({ number: 1, informationFraction: 1 });
    expect(evidence.data.pendingShare).toBe(0);
    expect(Date.parse(evidence.data.latestRowAt as string)).toBeLessThanOrEqual(Date.parse('2024-10-11T00:00:00Z'));
  });

  it('has the figures of each subgroup, as the subgroup alone would have them', async () => {
    const evidence = await evidenceOf(table);
    const women = table.columns[2]?.values as Float64Array;
    const alone = await evidenceOf(
      pickRows(
        table,
        Array.from(women.keys()).filter((row) => women[row] === 0),
      ),
    );
    const [ofWomen, old, nobody] = evidence.subgroups;
    expect(ofWomen).toMatchObject({
      name: 'women',
      rows: alone.rows,
      events: alone.events,
      nonEvents: alone.nonEvents,
    });
    expect(ofWomen?.auroc.new).toEqual(alone.auroc.new);
    expect(ofWomen?.auroc.difference).toEqual(alone.auroc.difference);
    expect(ofWomen?.sensitivity.difference).toEqual(alone.comparison?.sensitivity.difference);
    expect(ofWomen?.resolvableMargin).toBe(alone.resolvableMargin);
    expect(old?.rows).toBeLessThan(evidence.rows);
    expect(nobody).toMatchObject({ rows: 0, events: 0, auroc: { new: { value: null, reason: 'no_rows' } } });
  });

  it('is the same whatever the order of the rows', async () => {
    const stream = randomStream(3, 'gaps');
    // Missing values, ties, patients with several rows, and rows that wait.
    const messy: SiteTable = {
      ...table,
      columns: table.columns.map((column) => ({
        ...column,
        values: column.values.map((value) => (stream.uniform() < 0.1 ? Number.NaN : value)),
      })),
      patientKeys: table.patientKeys.map((key, row) => (row % 9 === 0 ? `again-${row % 90}` : key)),
      labels: table.labels.map((label) => (stream.uniform() < 0.05 ? Number.NaN : label)),
    };
    const first = canonicalJson(await evidenceOf(messy));
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const order = permutation(messy.rows, randomStream(seed, 'order'));
        expect(canonicalJson(await evidenceOf(pickRows(messy, order)))).toBe(first);
      }),
      { numRuns: 3 },
    );
  });

  it.each([0, 1, 2, 3, 12])('is null with a reason, and never NaN, with %d judged patients', async (judged) => {
    const few = cohort({ seed: 5, training: 100, judged });
    for (const one of [current, null]) assertDefined(await evidenceOf(few, { current: one }));
    assertDefined(await evidenceOf(few, { policy: policyOf() }));
  });

  it.each([0, 1])('is null with a reason where every outcome is %d', async (label) => {
    const single = { ...cohort({ seed: 5, training: 200, judged: 300 }) };
    const evidence = await evidenceOf({ ...single, labels: single.labels.map(() => label) });
    assertDefined(evidence);
    expect(evidence.auroc.new).toMatchObject({ value: null, reason: 'single_class' });
    expect(evidence.comparison?.bootstrap).toBeNull();
    expect(evidence.gap?.reading).toBeNull();
  });

  it('has no earlier rows to compare with where none trained here', async () => {
    const evidence = await evidenceOf(cohort({ seed: 5, training: 0, judged: 300 }));
    assertDefined(evidence);
    expect(evidence.gap).toBeNull();
    expect(evidence.multivariate?.domainClassifier).toMatchObject({ value: null, reason: 'no_rows' });
  });

  it('resamples where events are few', async () => {
    const evidence = await evidenceOf(cohort({ seed: 8, training: 300, judged: 70 }));
    expect(evidence.events).toBeLessThan(50);
    expect(evidence.comparison?.bootstrap).toMatchObject({ resamples: 2000 });
    expect(evidence.comparison?.bootstrap?.estimate.value).toBeCloseTo(evidence.auroc.difference.value as number, 12);
  });

  it('finds the patients among whom the model fails, and none where it is right', async () => {
    expect((await evidenceOf(table)).slices).toEqual([]);
    const stream = randomStream(11, 'planted');
    const large = cohort({ seed: 6, training: 600, judged: 3000 });
    const age = large.columns[0]?.values as Float64Array;
    // Above 70 years the outcome is a coin that the model knows nothing of.
    const planted = {
      ...large,
      labels: large.labels.map((label, row) => ((age[row] as number) >= 70 ? Number(stream.uniform() < 0.3) : label)),
    };
    const { slices, lossTree } = await evidenceOf(planted);
    expect(slices[0]?.conditions.some(({ text }) => text === 'age from 70 years')).toBe(true);
    expect(slices[0]?.loss).toBeGreaterThan(slices[0]?.lossElsewhere as number);
    expect(lossTree[0]?.conditions.some(({ text }) => text.startsWith('age from 70 years'))).toBe(true);
  });

  it('counts levels the plan does not know among the rows that would judge', async () => {
    const at = (date: string): number => Date.parse(date);
    const unknownLevels = new Map([
      ['sex', Float64Array.of(at('2023-05-01'), at('2024-05-01'), at('2024-06-01'), at('2025-06-01'))],
    ]);
    const { data, rows, excluded } = await evidenceOf(table, { unknownLevels });
    const period = rows + (excluded.window_open as number);
    expect(data.unseenLevels).toEqual([{ column: 'sex', rows: 2, share: 2 / (2 + period) }]);
  });
});
