import type { ShiftReading } from '../../../../shared/plan/judgement.ts';
import { type Policy, policySchema } from '../../../../shared/plan/policy.ts';
import { canonicalDigest } from '../../../../shared/runtime/canonical.ts';
import type { ReleaseVersion, SiteName } from '../../../../shared/runtime/ids.ts';
import { createLogger } from '../../../../shared/runtime/logger.ts';
import { randomStream } from '../../../../shared/runtime/random.ts';
import { encodeSafetensors } from '../../../../shared/tensors/safetensors.ts';
import type { SiteTable } from '../../../../site-agent/data/site-table.ts';
import { selectRows } from '../../../../site-agent/judging/judged-rows.ts';
import type { LadderInput } from '../../../../site-agent/judging/ladder/run-ladder.ts';
import { scoreModel } from '../../../../site-agent/judging/ladder/trained-steps.ts';
import { modelFile } from '../../../../site-agent/judging/release-package.ts';
import { openTrainer } from '../../../../site-agent/training/open-trainer.ts';
import { cohort, consortiumReference, logisticWeights, packageOf, smallPlan } from '../../../support/judging.ts';

export const plan = smallPlan();
export const reference = consortiumReference(plan);
export const nowMs = Date.parse('2024-12-01T00:00:00Z');
export const log = createLogger({ level: 'silent', name: 'ladder-test' });

export const everyStep = ['intercept', 'prior', 'logistic', 'isotonic', 'last_layer', 'full'] as const;

export function ladderPolicy(update: object = {}, more: object = {}): Policy {
  return policySchema.parse({ wardround: 'policy/1', update: { allowed: [...everyStep], ...update }, ...more });
}

/** A release of log odds by age, sex and constant, with its weights as a coordinator packs them. */
export function releaseOf(perYear: number, male: number, constant: number, version = 'heart-disease/2') {
  const weights = logisticWeights(plan, reference, perYear, male, constant);
  return packageOf(plan, reference, weights, version, (files) => {
    files.set('model.safetensors', encodeSafetensors(weights));
  });
}

export const right = releaseOf(0.08, 1, -0.7);

/** Judged patients whose outcome follows log odds of the true log odds the cohort is made with: 0.08·(age - 58) + male - 0.7. */
export function distorted(
  seed: number,
  judged: number,
  logOdds: (truth: number, row: { readonly cholesterol: number }) => number,
  training = 600,
): SiteTable {
  const table = cohort({ seed, training, judged });
  const [age, cholesterol, sex] = table.columns.map(({ values }) => values);
  const stream = randomStream(seed, 'distorted');
  const labels = table.labels.map((label, row) => {
    if (row < training) return label;
    const truth = 0.08 * ((age?.[row] as number) - 58) + (sex?.[row] as number) - 0.7;
    const odds = logOdds(truth, { cholesterol: cholesterol?.[row] as number });
    return stream.uniform() < 1 / (1 + Math.exp(-odds)) ? 1 : 0;
  });
  return { ...table, labels };
}

export async function ladderInput(
  table: SiteTable,
  change: {
    readonly policy?: Policy;
    readonly release?: typeof right;
    readonly reading?: ShiftReading | null;
    readonly current?: typeof right | null;
  } = {},
): Promise<LadderInput> {
  const release = change.release ?? right;
  const { judged, training, kind } = selectRows(table, plan.data, { cutoffs: [plan.data.trainingCutoff], nowMs });
  const score = (model: typeof right): Promise<Float64Array> =>
    scoreModel(model.files.get(modelFile) as Uint8Array, table, judged);
  return {
    site: 'north' as SiteName,
    plan,
    planDigest: canonicalDigest(plan),
    policy: change.policy ?? ladderPolicy(),
    table,
    judged,
    training,
    kind,
    scores: await score(release),
    current: change.current == null ? null : await score(change.current),
    release,
    preprocessing: reference,
    reading: change.reading ?? null,
    levels: { oneSided: 0.05, twoSided: 0.05 },
    means: {
      version: `${release.ref.version}+1` as ReleaseVersion,
      software: 'wardround/test',
      openTrainer: () => openTrainer('onnx', log),
    },
  };
}
