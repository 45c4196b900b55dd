import type { LoadedPlan } from '../../shared/plan/load-plan.ts';
import { deriveSeed } from '../../shared/runtime/random.ts';
import { encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import type { Receipt, SummaryOffer, TrainOffer, UpdateHeader } from '../../shared/wire/messages.ts';
import { DataError } from '../data/data-error.ts';
import { summarise } from '../data/site-summary.ts';
import { designMatrix } from '../training/design-matrix.ts';
import { AgentError } from './agent-error.ts';
import type { SiteRows, TaskParts } from './task-parts.ts';

async function trainingRows(parts: TaskParts, run: string, plan: LoadedPlan, signal: AbortSignal): Promise<SiteRows> {
  const rows = await parts.rows(run, plan, signal);
  const { minimumRows } = parts.config;
  if (rows.trainingRows.length < minimumRows) {
    throw new DataError(
      'too_few_rows',
      `${rows.trainingRows.length} training rows; site.yaml asks for ${minimumRows} (minimumRows).`,
      { rows: rows.trainingRows.length, minimumRows },
    );
  }
  return rows;
}

/** Makes the site's summary, once, and sends it. */
export async function carryOutSummary(
  parts: TaskParts,
  offer: SummaryOffer,
  plan: LoadedPlan,
  signal: AbortSignal,
): Promise<Receipt> {
  let summary = parts.tasks.result<ReturnType<typeof summarise>>(offer.id);
  if (summary === null) {
    const rows = await trainingRows(parts, offer.run, plan, signal);
    summary = summarise(rows.table, rows.trainingRows, plan.plan, plan.digest);
    signal.throwIfAborted();
    parts.tasks.finish(offer.id, summary, parts.clock.now());
  }
  return parts.egress.sendSummary(offer, summary, signal);
}

/** Forgets weights and deltas of rounds that are over. */
async function prune(parts: TaskParts, offer: TrainOffer): Promise<void> {
  for (const digest of parts.tasks.outdatedObjects(offer.run, offer.round)) {
    if (digest !== offer.base.digest && digest !== offer.preprocessing.digest) await parts.objects.remove(digest);
  }
}

async function train(
  parts: TaskParts,
  offer: TrainOffer,
  plan: LoadedPlan,
  signal: AbortSignal,
): Promise<UpdateHeader> {
  const { tasks, objects, downloads } = parts;
  const rows = await trainingRows(parts, offer.run, plan, signal);
  const preprocessing = await downloads.preprocessing(offer.preprocessing, plan.digest, signal);
  const weights = await downloads.weights(offer.base, signal);
  const data = designMatrix(rows.table, plan.plan, preprocessing, rows.trainingRows);
  const trainer = await parts.trainer();
  const result = await trainer.train(
    {
      plan: plan.plan,
      data,
      weights,
      seed: deriveSeed(plan.plan.training.seed, 'batches', offer.round, parts.site),
    },
    signal,
  );
  signal.throwIfAborted();
  const delta = await objects.write(encodeSafetensors(result.delta));
  const update: UpdateHeader = {
    task: offer.id,
    run: offer.run,
    round: offer.round,
    plan: plan.digest,
    base: offer.base.digest,
    delta,
    examples: result.examples,
    weight: Math.min(result.examples, plan.plan.federation.weightCap),
    metrics: result.metrics,
  };
  // From here on this is the task's only result: what follows may be repeated, and sends these bits.
  tasks.finish(offer.id, update, parts.clock.now());
  return update;
}

/** Trains one round, once, and sends the update; a repeated offer sends the stored one again. */
export async function carryOutTraining(
  parts: TaskParts,
  offer: TrainOffer,
  plan: LoadedPlan,
  signal: AbortSignal,
): Promise<Receipt> {
  let update = parts.tasks.result<UpdateHeader>(offer.id);
  if (update === null) {
    await prune(parts, offer);
    update = await train(parts, offer, plan, signal);
  } else if (!(await parts.objects.has(update.delta))) {
    // Training again could give other bits under the same task; a person removed the file, and the round goes on without it.
    throw new AgentError('object_invalid', `The stored update ${update.delta.digest} is not on disk any more.`, {
      task: offer.id,
    });
  }
  return parts.egress.sendUpdate(update, parts.objects.path(update.delta.digest), signal);
}
