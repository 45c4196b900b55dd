import { frozenWeights } from '../../shared/graph/adapters.ts';
import { buildInferenceModel } from '../../shared/graph/inference-model.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { Preprocessing } from '../../shared/plan/preprocessing.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { Digest, SiteName } from '../../shared/runtime/ids.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { undefinedEstimate } from '../../shared/statistics/estimate.ts';
import { encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import { openTrainer } from '../../site-agent/training/open-trainer.ts';
import type { EngineName, Trainer } from '../../site-agent/training/trainer.ts';
import { TrainingError } from '../../site-agent/training/training-error.ts';
import { type TrainingRows, trainingRows } from '../../site-agent/training/training-rows.ts';
import type { BaselineKind, BaselineResult } from './baseline.ts';
import { type BaselineSite, comparison, judgedScores } from './baseline-site.ts';
import { stackedRows, trainInOnePlace } from './train-baseline.ts';

/** What a run released, and the hospitals that took part. */
export interface BaselineInput {
  readonly plan: Plan;
  /** The time of the gates, in milliseconds since the epoch. */
  readonly nowMs: number;
  readonly kinds: readonly BaselineKind[];
  readonly engine: EngineName;
  /** Weights of the plan's ONNX file; absent for plans without one. */
  readonly base?: NamedTensors | undefined;
  readonly sites: readonly BaselineSite[];
  /** `model.onnx` and the preprocessing of the release. */
  readonly release: { readonly model: Uint8Array; readonly preprocessing: Preprocessing };
}

/** What a hospital trains on. */
interface SiteTraining {
  readonly site: SiteName;
  readonly rows: TrainingRows;
}

interface Trained {
  readonly rows: number;
  /** Null when there is no model; then `reason` says why. */
  readonly model: { readonly onnx: Uint8Array; readonly weights: Digest } | null;
  readonly reason: string | null;
}

async function trained(
  input: BaselineInput,
  kind: BaselineKind,
  sites: readonly SiteTraining[],
  trainer: Trainer,
  signal: AbortSignal,
): Promise<Trained> {
  const { plan, release } = input;
  const [first, ...others] = sites;
  if (first === undefined) return { rows: 0, model: null, reason: 'no_rows' };
  const rows = stackedRows(sites.map((one) => one.rows));
  const { data } = rows;
  try {
    const weights = await trainInOnePlace(
      { plan, rows, name: others.length === 0 ? first.site : kind, base: input.base },
      trainer,
      signal,
    );
    const onnx = buildInferenceModel(plan, release.preprocessing, weights, frozenWeights(plan, input.base));
    return { rows: data.rows, model: { onnx, weights: digestOf(encodeSafetensors(weights)) }, reason: null };
  } catch (error) {
    // A baseline that diverges is a finding, and no reason to lose the run it is compared with.
    if (!(error instanceof TrainingError)) throw error;
    return { rows: data.rows, model: null, reason: error.fullCode };
  }
}

async function judged(
  input: BaselineInput,
  kind: BaselineKind,
  { site, data, refusal }: BaselineSite,
  { rows: trainingRows, model, reason }: Trained,
  signal: AbortSignal,
): Promise<BaselineResult> {
  const { plan, release } = input;
  const base = { kind, site, trainingRows, weights: model?.weights ?? null };
  const nothing = (why: string) => ({
    auroc: undefinedEstimate(why),
    federated: undefinedEstimate(why),
    difference: undefinedEstimate(why),
  });
  if (data === null) return { ...base, judgedRows: 0, events: null, ...nothing(refusal ?? 'no_rows') };
  const rows = judgedScores(data, plan, input.nowMs, signal);
  const judgedRows = rows.rows;
  if (plan.task.kind !== 'binary') return { ...base, judgedRows, events: null, ...nothing('task_not_judged') };
  const events = rows.labels.reduce((sum, label) => sum + label, 0);
  const federated = await rows.score(release.model);
  if (model === null) {
    const why = reason ?? 'no_rows';
    const own = comparison(federated, federated, rows.labels).federated;
    return { ...base, judgedRows, events, ...nothing(why), federated: own };
  }
  return { ...base, judgedRows, events, ...comparison(federated, await rows.score(model.onnx), rows.labels) };
}

/**
 * Trains and judges the baselines of a run: the release's preprocessing, the run's amount of work a round and number of rounds, its
 * engine, the rows its gates judged. In the order of kinds, then of site names.
 *
 * @throws the signal's reason when aborted
 */
export async function runBaselines(input: BaselineInput, log: Logger, signal: AbortSignal): Promise<BaselineResult[]> {
  const { plan, release } = input;
  const sites = [...input.sites].sort((a, b) => (a.site < b.site ? -1 : 1));
  const trainingOf = ({ site, data, refusal }: BaselineSite): SiteTraining[] =>
    data === null || refusal !== null
      ? []
      : [{ site, rows: trainingRows(data.table, plan, release.preprocessing, data.trainingRows, site) }];
  const results: BaselineResult[] = [];
  const trainer = await openTrainer(input.engine, log);
  try {
    for (const kind of input.kinds) {
      const pooled = kind === 'pooled' ? await trained(input, kind, sites.flatMap(trainingOf), trainer, signal) : null;
      for (const site of sites) {
        const one = pooled ?? {
          ...(await trained(input, kind, trainingOf(site), trainer, signal)),
          ...(site.refusal === null ? {} : { reason: site.refusal }),
        };
        results.push(await judged(input, kind, site, one, signal));
      }
    }
  } finally {
    await trainer.dispose();
  }
  return results;
}
