import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LadderEvidence, LadderStep } from '../../../../shared/plan/judgement.ts';
import { canonicalDigest, canonicalJson } from '../../../../shared/runtime/canonical.ts';
import { permutation, randomStream } from '../../../../shared/runtime/random.ts';
import { applyRecalibration } from '../../../../shared/statistics/recalibration.ts';
import type { Recalibration } from '../../../../shared/statistics/recalibration-kinds.ts';
import type { SiteTable } from '../../../../site-agent/data/site-table.ts';
import { selectRows } from '../../../../site-agent/judging/judged-rows.ts';
import { ladderStepPasses } from '../../../../site-agent/judging/ladder/ladder-step-passes.ts';
import { type LadderResult, runLadder } from '../../../../site-agent/judging/ladder/run-ladder.ts';
import { hashShare } from '../../../../site-agent/judging/ladder/split-judged.ts';
import { scoreModel } from '../../../../site-agent/judging/ladder/trained-steps.ts';
import { modelFile } from '../../../../site-agent/judging/release-package.ts';
import { type LocalVariant, updateOf } from '../../../../site-agent/models/local-variant.ts';
import { TrainingError } from '../../../../site-agent/training/training-error.ts';
import { distorted, everyStep, ladderInput, ladderPolicy, nowMs, plan, releaseOf, right } from './ladder-support.ts';

const never = new AbortController().signal;
const climb = async (table: SiteTable, change: Parameters<typeof ladderInput>[1] = {}): Promise<LadderResult> =>
  runLadder(await ladderInput(table, change), never);
const stepOf = (evidence: LadderEvidence, step: LadderStep): LadderEvidence['steps'][number] =>
  evidence.steps.find((one) => one.step === step) as LadderEvidence['steps'][number];
const lowered = distorted(11, 2000, (truth) => truth - 1.3);
/** Twice the log odds of the truth. */
const steep = releaseOf(0.16, 2, -1.4);

describe('the adaptation ladder', () => {
  it('repairs a change of prevalence with an intercept', async () => {
    const { evidence } = await climb(lowered);
    expect(evidence.chosen).toBe('intercept');
    expect(stepOf(evidence, 'none').calibration.observedExpected.high).toBeLessThan(0.7);
    expect(stepOf(evidence, 'intercept').p).toBeLessThan(1e-6);
    expect(stepOf(evidence, 'prior')).toMatchObject({ reason: 'not_label_shift' });
    expect(stepOf(evidence, 'logistic').p).toBeGreaterThan(0.05);
    expect(stepOf(evidence, 'intercept').forgetting).toMatchObject({ value: 0, low: 0, high: 0 });
    const { low } = stepOf(evidence, 'intercept').gapClosed;
    expect(low).toBeGreaterThan(0.8);
    expect(stepOf(evidence, 'none').gapClosed.value).toBe(0);
    expect(evidence.updateRows + evidence.rows).toBe(2000);
    expect(evidence.updateRows / 2000).toBeCloseTo(0.5, 1);
  });

  it('repairs it by the prior where that is allowed and the shift was read as one of labels', async () => {
    const policy = ladderPolicy({ allowed: ['prior'] });
    expect((await climb(lowered, { policy, reading: 'label' })).evidence.chosen).toBe('prior');
    expect((await climb(lowered, { policy, reading: 'mixed' })).evidence.chosen).toBeNull();
  });

  it('repairs risks that are too extreme with a slope', async () => {
    const { evidence, variant } = await climb(
      distorted(12, 2600, (truth) => truth - 1),
      { release: steep },
    );
    expect(evidence.chosen).toBe('logistic');
    expect(stepOf(evidence, 'logistic').p).toBeLessThan(0.001);
    const card = JSON.parse(Buffer.from(variant?.files.get('card.json') ?? []).toString()) as {
      parameters: { kind: string; slope: number; intercept: number };
    };
    expect(card.parameters.kind).toBe('logistic');
    // The release's log odds are twice the truth's, and the truth fell by 1.
    expect(card.parameters.slope).toBeCloseTo(0.5, 0);
    expect(card.parameters.slope).toBeGreaterThan(0.38);
    expect(card.parameters.slope).toBeLessThan(0.62);
  });

  it('repairs a bend that no line mends with isotonic regression, where there are rows enough', async () => {
    const table = distorted(13, 6000, (truth) => (truth > 0 ? 0.1 * truth : 3 * truth));
    const { evidence } = await climb(table);
    expect(evidence.chosen).toBe('isotonic');
    expect(stepOf(evidence, 'logistic').calibration.ici.value).toBeGreaterThan(0.03);
    const few = ladderPolicy({ isotonicMinimum: { rows: 4000, events: 200 } });
    const without = await climb(table, { policy: few });
    expect(stepOf(without.evidence, 'isotonic').reason).toBe('too_few_rows');
    expect(without.evidence.chosen).not.toBe('isotonic');
  });

  it('trains again where the outcome follows something else here, and only where the policy allows', async () => {
    const table = distorted(14, 4000, (truth, { cholesterol }) => 0.7 * truth + 0.05 * (cholesterol - 220));
    const policy = ladderPolicy({}, { calibration: { slope: [0.7, 1.4], intercept: [-0.4, 0.4], ici: 0.06 } });
    const { evidence, variant } = await climb(table, { policy });
    expect(stepOf(evidence, 'logistic').auroc.value).toBeLessThan(0.7);
    expect(evidence.chosen).toBe('full');
    expect(stepOf(evidence, 'full').auroc.low).toBeGreaterThan(0.8);
    expect(stepOf(evidence, 'last_layer').reason).toBe('single_layer');
    expect(stepOf(evidence, 'full').forgetting.value).not.toBeNull();
    expect([...(variant?.files.keys() ?? [])].sort()).toEqual([
      'card.json',
      'model.onnx',
      'model.safetensors',
      'plan.json',
      'preprocessing.json',
    ]);
    const kept = ladderPolicy({ allowed: ['intercept', 'prior', 'logistic', 'isotonic'] });
    const without = await climb(table, { policy: kept });
    expect(without.evidence.chosen).toBeNull();
    expect(without.variant).toBeNull();
    expect(stepOf(without.evidence, 'full').reason).toBe('not_allowed');
    // A release without weights, or with others than its model's, cannot be trained further.
    const bare = { ...right, files: new Map([...right.files].filter(([name]) => name !== 'model.safetensors')) };
    expect(stepOf((await climb(table, { policy, release: bare })).evidence, 'full').reason).toBe('no_weights');
    const other = new Map(right.files).set('model.safetensors', steep.files.get('model.safetensors') as Uint8Array);
    const mixed = await climb(table, { policy, release: { ...right, files: other } });
    expect(stepOf(mixed.evidence, 'full').reason).toBe('weights_differ');
  });

  it('repairs nothing with too few rows, and nobody', async () => {
    const few = await climb(distorted(15, 60, (truth) => truth - 2));
    expect(few.evidence.chosen).toBeNull();
    expect(few.variant).toBeNull();
    for (const step of ['intercept', 'logistic', 'isotonic', 'full'] as const) {
      expect(stepOf(few.evidence, step).reason).toBe('too_few_rows');
    }
    for (const judged of [0, 1, 2]) {
      const { evidence } = await climb(distorted(16, judged, (truth) => truth));
      expect(evidence).toMatchObject({ chosen: null, variant: null });
      expect(evidence.updateRows + evidence.rows).toBe(judged);
    }
  });

  it('recalibrates where no engine works, and without a reference of the consortium', async () => {
    const input = await ladderInput(lowered);
    const openTrainer = () => Promise.reject(new TrainingError('engine_missing'));
    const { evidence } = await runLadder({ ...input, means: { ...input.means, openTrainer } }, never);
    expect(evidence.chosen).toBe('intercept');
    expect(stepOf(evidence, 'full').reason).toBe('engine_missing');
    expect(stepOf(evidence, 'intercept').gapClosed.reason).toBe('no_reference_model');
    const without = await runLadder({ ...input, preprocessing: null }, never);
    expect(without.evidence.chosen).toBe('intercept');
    expect(stepOf(without.evidence, 'full').reason).toBe('no_reference');
    expect(stepOf(without.evidence, 'isotonic').forgetting.reason).toBe('no_reference');
  });

  it('compares with the model in use on the later rows', async () => {
    const { evidence } = await climb(lowered, { current: releaseOf(0.02, 0.1, -0.4, 'heart-disease/1') });
    const { difference } = stepOf(evidence, 'intercept');
    expect(difference.estimate.value).toBeGreaterThan(0);
    expect(difference.oneSidedLower).toBeLessThan(difference.estimate.value as number);
    expect(stepOf((await climb(lowered)).evidence, 'intercept').difference.estimate.reason).toBe('no_current_model');
  });

  it('gives a file with the very risks that were judged', async () => {
    for (const [table, release] of [
      [lowered, right],
      [distorted(12, 2600, (truth) => truth - 1), steep],
      [distorted(13, 6000, (truth) => (truth > 0 ? 0.1 * truth : 3 * truth)), right],
    ] as const) {
      const input = await ladderInput(table, { release });
      const { variant, evidence } = await runLadder(input, never);
      const card = JSON.parse(Buffer.from(variant?.files.get('card.json') ?? []).toString()) as {
        parameters: Recalibration;
        evidence: string;
        policy: string;
        updatedUntil: string;
      };
      const risks = await scoreModel(variant?.files.get(modelFile) as Uint8Array, table, input.judged);
      const expected = applyRecalibration(card.parameters, input.scores);
      for (const [place, risk] of risks.entries()) {
        expect(Math.abs(risk - (expected[place] as number))).toBeLessThan(1e-6);
      }
      expect(card.evidence).toBe(canonicalDigest({ ...evidence, variant: null }));
      expect(card.policy).toBe(canonicalDigest(input.policy));
      expect(card.updatedUntil).toBe(evidence.judgedFrom);
      expect(evidence.variant).toEqual({ version: 'heart-disease/2+1', digest: variant?.digest });
    }
  });

  it('without times divides by patient, and those who fitted the update judge no more', async () => {
    const holdout = lowered.labels.map((_, row) => (row < 600 ? 0 : 1));
    const table: SiteTable = { ...lowered, holdout: Uint8Array.from(holdout) };
    const contract = { ...plan.data, time: null, trainingCutoff: null };
    const first = selectRows(table, contract, { cutoffs: [null], nowMs });
    const input = { ...(await ladderInput(table)), ...first, policy: ladderPolicy() };
    const { evidence, variant } = await runLadder(input, never);
    expect(first.kind).toBe('retrospective');
    expect(evidence).toMatchObject({ chosen: 'intercept', judgedFrom: null });
    expect(variant).toMatchObject({ updatedUntil: null, updateShare: 0.5 });
    const own = updateOf(variant as LocalVariant);
    expect(own).toEqual({ updateShare: 0.5 });
    const next = selectRows(table, contract, { cutoffs: [null], nowMs, ...own });
    expect(next.judged.length).toBe(evidence.rows);
    expect(next.excluded.trained_patient).toBe(evidence.updateRows);
    const judges = new Set(Array.from(next.judged, (row) => table.patientKeys[row]));
    expect(judges.size).toBe(evidence.rows);
    for (const row of first.judged) {
      const key = table.patientKeys[row] as string;
      expect(judges.has(key)).toBe(hashShare(key) >= 0.5);
    }
  });

  it('repeats to the byte, and for rows in another order', async () => {
    const table = distorted(14, 1500, (truth, { cholesterol }) => 0.7 * truth + 0.05 * (cholesterol - 220));
    const policy = ladderPolicy({ allowed: ['full'] }, { calibration: { slope: [0.6, 1.6], ici: 0.1 } });
    const first = await climb(table, { policy });
    const again = await climb(table, { policy });
    expect(first.evidence.chosen).toBe('full');
    expect(canonicalJson(again.evidence)).toBe(canonicalJson(first.evidence));
    expect(again.variant?.digest).toBe(first.variant?.digest);
    const order = permutation(table.rows, randomStream(3, 'order'));
    const pick = (values: Float64Array): Float64Array => Float64Array.from(order, (row) => values[row] as number);
    const turned: SiteTable = {
      ...table,
      columns: table.columns.map((column) => ({ ...column, values: pick(column.values as Float64Array) })),
      labels: pick(table.labels as Float64Array),
      times: pick(table.times as Float64Array),
      patientKeys: Array.from(order, (row) => table.patientKeys[row] as string),
    };
    const other = await climb(turned, { policy });
    expect(canonicalJson(other.evidence)).toBe(canonicalJson(first.evidence));
    expect(other.variant?.digest).toBe(first.variant?.digest);
  });
});

describe('a policy that allows fewer steps', () => {
  it('never accepts what one that allows more would not', async () => {
    const tables = [
      { evidence: (await climb(lowered, { reading: 'label' })).evidence },
      {
        evidence: (
          await climb(
            distorted(12, 2600, (truth) => truth - 1),
            { release: steep },
          )
        ).evidence,
      },
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...tables),
        fc.subarray([...everyStep]),
        fc.subarray([...everyStep]),
        (one, some, more) => {
          const passes = (allowed: readonly string[]): boolean =>
            one.evidence.steps.some((step) => ladderStepPasses(ladderPolicy({ allowed: [...new Set(allowed)] }), step));
          expect(passes(some) && !passes([...some, ...more])).toBe(false);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('by running the ladder itself', async () => {
    const chosen = async (allowed: readonly string[]): Promise<LadderStep | null> =>
      (await climb(lowered, { policy: ladderPolicy({ allowed }), reading: 'label' })).evidence.chosen;
    expect(await chosen([])).toBeNull();
    expect(await chosen(['isotonic'])).toBe('isotonic');
    expect(await chosen(['logistic'])).toBe('logistic');
    expect(await chosen(['logistic', 'prior'])).toBe('prior');
    expect(await chosen(['logistic', 'prior', 'intercept'])).toBe('intercept');
  });
});
