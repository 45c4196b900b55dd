import { describe, expect, it } from 'vitest';
import { judgementSchema } from '../../../shared/plan/judgement-schema.ts';
import { canonicalDigest, canonicalJson } from '../../../shared/runtime/canonical.ts';
import type { SiteName } from '../../../shared/runtime/ids.ts';
import { permutation, randomStream } from '../../../shared/runtime/random.ts';
import type { SiteTable } from '../../../site-agent/data/site-table.ts';
import { createJudge } from '../../../site-agent/judging/create-judge.ts';
import { decide } from '../../../site-agent/judging/decide.ts';
import { type JudgeInput, judgeRelease } from '../../../site-agent/judging/judge-release.ts';
import { policyOf } from '../../support/evidence.ts';
import {
  type Cohort,
  cohort,
  consortiumReference,
  logisticWeights,
  packageOf,
  smallPlan,
} from '../../support/judging.ts';

const plan = smallPlan();
const reference = consortiumReference(plan);
const rightWeights = logisticWeights(plan, reference, 0.08, 1, -0.7);
const right = packageOf(plan, reference, rightWeights, 'heart-disease/2');
const earlier = packageOf(plan, reference, logisticWeights(plan, reference, 0.07, 0.9, -0.6), 'heart-disease/1');
/** Older patients and men called healthier: wrong on purpose. */
const harmful = packageOf(plan, reference, logisticWeights(plan, reference, -0.08, -1, 0.3), 'heart-disease/3');

const usual: Cohort = { seed: 7, training: 500, judged: 900 };
const policy = policyOf();

function input(table: SiteTable, change: Partial<JudgeInput> = {}): JudgeInput {
  return {
    site: 'north' as SiteName,
    plan,
    planDigest: canonicalDigest(plan),
    policy,
    table,
    preprocessing: null,
    release: right,
    current: earlier,
    nowMs: Date.parse('2024-12-01T00:00:00Z'),
    heldSinceMs: null,
    ...change,
  };
}

const codes = (judgement: Awaited<ReturnType<typeof judgeRelease>>): string[] =>
  judgement.decision.reasons.map(({ code }) => code);

describe('judging a release', () => {
  it('accepts a right model on later patients', async () => {
    const judgement = await judgeRelease(input(cohort(usual)));
    const { evidence } = judgement;
    expect(codes(judgement)).toEqual(['passed.all']);
    expect(judgement.decision.decision).toBe('accept');
    expect(evidence).toMatchObject({
      kind: 'prospective',
      judgedFrom: '2024-01-01T00:00:00.000Z',
      rows: 900,
      excluded: { before_cutoff: 500 },
    });
    expect(judgement.package).toMatchObject({ valid: true, problems: [], parent: null, trainingCutoff: '2024-01-01' });
    expect(evidence.auroc.new.value).toBeGreaterThan(0.7);
    expect(evidence.calibration.slope.low).toBeLessThan(1);
    expect(evidence.calibration.slope.high).toBeGreaterThan(1);
    expect(evidence.shift.filter(({ found }) => found)).toEqual([]);
    // Three columns and the label, each against the consortium and against the own rows.
    expect(evidence.shift).toHaveLength(8);
    expect(judgementSchema.parse(JSON.parse(JSON.stringify(judgement)))).toEqual(judgement);
  });

  it('gives the same bytes when replayed, and when the rows come in another order', async () => {
    const table = cohort(usual);
    const judgement = await judgeRelease(input(table));
    const again = decide(policy, judgement.package, JSON.parse(canonicalJson(judgement.evidence)));
    expect(canonicalJson(again)).toBe(canonicalJson(judgement.decision));
    const order = permutation(table.rows, randomStream(1, 'order'));
    const pick = (values: Float64Array): Float64Array => Float64Array.from(order, (row) => values[row] as number);
    const turned: SiteTable = {
      ...table,
      columns: table.columns.map((column) => ({ ...column, values: pick(column.values) })),
      labels: pick(table.labels),
      times: pick(table.times),
      patientKeys: Array.from(order, (row) => table.patientKeys[row] as string),
    };
    expect(canonicalJson(await judgeRelease(input(turned)))).toBe(canonicalJson(judgement));
  });

  it('rejects a harmful model', async () => {
    const judgement = await judgeRelease(input(cohort(usual), { release: harmful }));
    expect(judgement.decision.decision).toBe('reject');
    expect(codes(judgement).slice(0, 2)).toEqual(['harm.auroc', 'floor.auroc']);
  });

  it('judges a first model without a comparison', async () => {
    const judgement = await judgeRelease(input(cohort(usual), { current: null }));
    expect(codes(judgement)).toEqual(['passed.all', 'noted.first_model']);
    expect(judgement.evidence.auroc.difference).toMatchObject({ value: null, reason: 'no_current_model' });
    expect(judgement.evidence.current).toBeNull();
  });

  it('holds with few patients, says how many are needed, and rejects at the deadline', async () => {
    const few = cohort({ ...usual, judged: 60 });
    // Among so few the estimate itself may lie below the floor by chance, and is not what is tested here.
    const mild = policyOf({ auroc: { floor: 0.5 } });
    const judgement = await judgeRelease(input(few, { policy: mild }));
    expect(judgement.decision.decision).toBe('hold');
    expect(codes(judgement)).toContain('evidence.too_few_events');
    const late = await judgeRelease(input(few, { policy: mild, heldSinceMs: Date.parse('2024-08-01T00:00:00Z') }));
    expect(late.decision.decision).toBe('reject');
    expect(codes(late)[0]).toBe('hold.expired');
  });

  it.each([0, 1, 2])('is defined with %d judged patients', async (judged) => {
    const judgement = await judgeRelease(input(cohort({ ...usual, judged })));
    expect(judgement.decision.decision).toBe('hold');
    expect(judgement.evidence.rows).toBe(judged);
    expect(codes(judgement).includes('evidence.no_rows')).toBe(judged === 0);
    expect(judgementSchema.parse(judgement)).toEqual(judgement);
  });

  it('names a unit change and a change of prevalence', async () => {
    const mmol = await judgeRelease(input(cohort({ ...usual, cholesterol: (value) => value / 38.67 })));
    expect(mmol.decision.decision).toBe('hold');
    const unit = mmol.decision.reasons.find(({ code }) => code === 'data.unit_change');
    expect(unit?.column).toBe('cholesterol');
    expect(unit?.text).toContain('mmol/L instead of mg/dL');
    expect(mmol.evidence.shift.filter(({ kind }) => kind === 'unit').map(({ column }) => column)).toContain(
      'cholesterol',
    );

    const shocked = await judgeRelease(input(cohort({ ...usual, judgedLogOdds: 1.5 })));
    const noted = shocked.decision.reasons.filter(({ code }) => code.startsWith('noted.prevalence'));
    expect(noted.map(({ code }) => code)).toEqual(['noted.prevalence', 'noted.prevalence_change']);
    expect(noted[0]?.text).toContain('more frequent than in the consortium');
    expect(noted[1]?.text).toContain("more frequent than in this hospital's earlier rows");
    expect(shocked.evidence.prevalence.site.low).toBeGreaterThan(shocked.evidence.prevalence.consortium as number);
  });

  it('finds the unit in rows left out for lying outside the range', async () => {
    const outOfRange = new Map([
      ['cholesterol', Float64Array.from({ length: 200 }, (_, i) => (180 + (i % 90)) / 38.67)],
    ]);
    const judgement = await judgeRelease(input(cohort({ ...usual, judged: 5 }), { outOfRange, problemRows: 200 }));
    expect(codes(judgement)).toContain('data.unit_change');
    expect(judgement.evidence.excluded.problem).toBe(200);
  });

  it('holds on missing values', async () => {
    const judgement = await judgeRelease(input(cohort({ ...usual, missingShare: 0.5 })));
    expect(codes(judgement)[0]).toBe('data.missing_rate');
    const row = judgement.evidence.shift.find(
      ({ column, against }) => column === 'cholesterol' && against === 'consortium',
    );
    expect(row).toMatchObject({ found: true, kind: 'missingness', referenceMissingRate: 0 });
  });

  it('judges a declared holdout as retrospective', async () => {
    const table = cohort({ ...usual, training: 0, judged: 900 });
    const undated = { ...plan, data: { ...plan.data, time: null, trainingCutoff: null } };
    const release = packageOf(
      undated,
      { ...reference, plan: canonicalDigest(undated) },
      rightWeights,
      'heart-disease/2',
    );
    const judgement = await judgeRelease({
      ...input({
        ...table,
        times: table.times.map(() => Number.NaN),
        holdout: Uint8Array.from({ length: 900 }, (_, row) => (row < 600 ? 1 : 0)),
      }),
      plan: undated,
      planDigest: canonicalDigest(undated),
      release,
      current: null,
    });
    expect(judgement.evidence).toMatchObject({
      kind: 'retrospective',
      judgedFrom: null,
      rows: 600,
      excluded: { not_in_holdout: 300 },
    });
    expect(codes(judgement)).toEqual(['evidence.retrospective', 'noted.first_model']);
  });

  it('rejects a package that is not what it says, and computes nothing', async () => {
    const table = cohort({ ...usual, judged: 200 });
    const changed = new Map(right.files);
    changed.set('model.onnx', harmful.files.get('model.onnx') as Uint8Array);
    const broken = (files: (files: Map<string, Uint8Array>) => void): JudgeInput['release'] =>
      packageOf(plan, reference, rightWeights, 'heart-disease/2', files);
    const notANumber = new Map(
      [...rightWeights].map(([name, { shape, data }]) => [name, { shape, data: data.map(() => Number.NaN) }]),
    );
    const cases: [JudgeInput['release'], RegExp][] = [
      [{ ...right, files: changed }, /model\.onnx/],
      [{ ...right, manifest: harmful.manifest }, /manifest has digest/],
      [{ ...right, problems: ['the signature does not verify'] }, /signature/],
      [{ ...right, ref: { ...right.ref, version: harmful.ref.version } }, /version/],
      [broken((files) => files.delete('card.json')), /no card\.json/],
      [broken((files) => files.set('card.json', Buffer.from('{"version":"x/1","plan":"y"}'))), /another version/],
      [broken((files) => files.set('model.onnx', Buffer.from('no model'))), /not given to a runtime/],
      [broken((files) => files.set('preprocessing.json', Buffer.from('{}'))), /preprocessing/],
      [packageOf({ ...plan, name: 'other' }, reference, rightWeights, 'heart-disease/2'), /under plan/],
      [packageOf(plan, reference, notANumber, 'heart-disease/2'), /no usable figure/],
    ];
    for (const [release, problem] of cases) {
      const judgement = await judgeRelease(input(table, { release }));
      expect(judgement.decision.decision).toBe('reject');
      expect(codes(judgement)).toEqual(['package.invalid']);
      expect(judgement.decision.reasons[0]?.text).toMatch(problem);
      expect(judgement.evidence.auroc.new.value).toBeNull();
      expect(judgementSchema.parse(judgement)).toEqual(judgement);
    }
  });

  it('holds where the model in use cannot be compared: damaged, or made for other columns', async () => {
    const table = cohort(usual);
    const damaged = { ...earlier, files: new Map([...earlier.files, ['model.onnx', Buffer.from('x')]]) };
    const [age, cholesterol, sex] = plan.data.columns;
    if (age?.kind !== 'continuous' || cholesterol === undefined || sex === undefined) throw new Error('columns');
    const months = { ...plan, data: { ...plan.data, columns: [{ ...age, unit: 'months' }, cholesterol, sex] } };
    const otherUnit = packageOf(
      months,
      { ...reference, plan: canonicalDigest(months) },
      rightWeights,
      'heart-disease/1',
    );
    for (const current of [damaged, otherUnit]) {
      const judgement = await judgeRelease(input(table, { current }));
      expect(codes(judgement)).toEqual(['noninferiority.not_shown']);
      expect(judgement.evidence.auroc.current.reason).toBe('current_model_unusable');
    }
  });

  it('stops when asked to', async () => {
    const stop = new AbortController();
    stop.abort(new Error('stopping'));
    const judge = createJudge({ loadRows: async () => ({ table: cohort(usual) }) });
    const { table: _, ...request } = input(cohort({ ...usual, judged: 1 }));
    await expect(judge(request, stop.signal)).rejects.toThrow('stopping');
    expect((await judge(request)).decision.decision).toBe('accept');
  });
});
