import { frozenParameters, frozenWeights } from '../../shared/graph/adapters.ts';
import { modelTensors } from '../../shared/graph/families.ts';
import { modelSize } from '../../shared/graph/model-size.ts';
import { baseWeightsObject, readBaseWeights } from '../../shared/graph/onnx-read/base-weights.ts';
import type { LoadedPlan } from '../../shared/plan/load-plan.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { canonicalDigest } from '../../shared/runtime/canonical.ts';
import { deriveSeed } from '../../shared/runtime/random.ts';
import { encodeSafetensors, safetensorsHeader } from '../../shared/tensors/safetensors.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import type { Receipt, SummaryOffer, TrainOffer, UpdateHeader } from '../../shared/wire/messages.ts';
import { DataError } from '../data/data-error.ts';
import { summarise } from '../data/site-summary.ts';
import { siteSoftware } from '../software.ts';
import type { Progress } from '../training/trainer.ts';
import { checkTrainingMemory } from '../training/training-memory.ts';
import { rowsDigest, trainingRows } from '../training/training-rows.ts';
import { AgentError } from './agent-error.ts';
import type { SiteRows, TaskParts } from './task-parts.ts';

async function trainableRows(parts: TaskParts, run: string, plan: LoadedPlan, signal: AbortSignal): Promise<SiteRows> {
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
    const rows = await trainableRows(parts, offer.run, plan, signal);
    summary = summarise(rows.table, rows.trainingRows, plan.plan, plan.digest);
    signal.throwIfAborted();
    parts.tasks.finish(offer.id, summary, parts.clock.now());
  }
  return parts.egress.sendSummary(offer, summary, signal);
}

/** Forgets weights, deltas and checkpoints of rounds that are over. */
async function prune(parts: TaskParts, offer: TrainOffer): Promise<void> {
  await parts.checkpoints.prune(offer.id);
  for (const digest of parts.tasks.outdatedObjects(offer.run, offer.round)) {
    if (digest !== offer.base.digest && digest !== offer.preprocessing.digest) await parts.objects.remove(digest);
  }
}

/** How often a round under way is told of, in the log and for `site status`. */
const progressLogMs = 30_000;
const progressNoteMs = 2_000;

/** Tells people how far a round is, without telling them too often. */
function progressOf(parts: TaskParts, offer: TrainOffer, runsOn: () => string): (progress: Progress) => void {
  const { log, tasks, clock } = parts;
  let loggedMs = clock.now();
  let notedMs = Number.NEGATIVE_INFINITY;
  return (progress) => {
    const nowMs = clock.now();
    if (nowMs - notedMs >= progressNoteMs) {
      notedMs = nowMs;
      tasks.progressed(offer.id, { ...progress, runsOn: runsOn(), atMs: nowMs });
    }
    if (nowMs - loggedMs < progressLogMs) return;
    loggedMs = nowMs;
    const { step, steps, epoch, secondsLeft } = progress;
    log.info(
      { task: offer.id, run: offer.run, round: offer.round, step, steps, epoch, secondsLeft: Math.round(secondsLeft) },
      'training',
    );
  };
}

/**
 * What stays of a network that came with weights of its own. They are fetched once by the digest in the plan, only where something
 * stays; null for other plans, whose frozen tensors follow from the seed.
 */
async function frozenTensors(parts: TaskParts, plan: Plan, signal: AbortSignal): Promise<NamedTensors | null> {
  const object = baseWeightsObject(plan);
  if (object === null) return null;
  if (frozenParameters(plan).length === 0) return new Map();
  return frozenWeights(plan, readBaseWeights(plan, await parts.downloads.bytes(object, signal)));
}

/** What a file of weights may say beside its tensors. */
const mostMetadataBytes = 64 * 1024;

/** The plan says how large its weights are: more is not fetched. */
function checkWeightsObject({ id, base }: TrainOffer, plan: Plan): void {
  const tensors = modelTensors(plan);
  const most = safetensorsHeader(tensors).byteLength + modelSize(plan).bytesEachWay + mostMetadataBytes;
  if (base.bytes <= most) return;
  throw new AgentError(
    'object_too_large',
    `The weights offered have ${base.bytes} bytes; those of the plan's model have at most ${most}.`,
    { task: id, digest: base.digest, bytes: base.bytes },
  );
}

async function train(
  parts: TaskParts,
  offer: TrainOffer,
  plan: LoadedPlan,
  signal: AbortSignal,
): Promise<UpdateHeader> {
  const { tasks, objects, downloads, checkpoints, log } = parts;
  const rows = await trainableRows(parts, offer.run, plan, signal);
  const { batch } = plan.plan.training;
  checkTrainingMemory(
    plan.plan,
    batch === 'full' ? rows.trainingRows.length : Math.min(batch, rows.trainingRows.length),
    parts.config.trainingMemoryMegabytes,
  );
  checkWeightsObject(offer, plan.plan);
  const preprocessing = await downloads.preprocessing(offer.preprocessing, plan.digest, signal);
  const weights = await downloads.weights(offer.base, signal);
  const frozen = await frozenTensors(parts, plan.plan, signal);
  const encoded = trainingRows(rows.table, plan.plan, preprocessing, rows.trainingRows, parts.site);
  if (plan.plan.training.earlyStopping !== undefined && encoded.validation === undefined)
    log.warn({ task: offer.id }, 'there are too few patients to set some aside: training does not stop early');
  // What the bits of the result depend on: a checkpoint made on another ground does not count.
  const ground = canonicalDigest([
    plan.digest,
    offer.round,
    offer.base.digest,
    offer.preprocessing.digest,
    rowsDigest(encoded),
    siteSoftware(),
  ]);
  const resume = await checkpoints.read(offer.id, ground);
  const trainer = await parts.trainer();
  const result = await trainer.train(
    {
      plan: plan.plan,
      ...encoded,
      weights,
      ...(frozen === null ? {} : { frozen }),
      seed: deriveSeed(plan.plan.training.seed, 'batches', offer.round, parts.site),
      // Round 0 of a run is that of the summaries: schedules begin with the first that trains.
      round: Math.max(0, offer.round - 1),
      onProgress: progressOf(parts, offer, () => trainer.description),
      async onCheckpoint(checkpoint) {
        try {
          await checkpoints.write(offer.id, ground, checkpoint);
        } catch (cause) {
          // The round does not need it unless it is broken off.
          log.warn({ task: offer.id, error: cause }, 'a checkpoint was not written; the round goes on');
        }
      },
      ...(resume === null ? {} : { resume }),
    },
    signal,
  );
  signal.throwIfAborted();
  if (result.clipping !== undefined) {
    // For this site's eyes: how many of its rows are unlike the others is nothing an update may tell.
    const { rows: rowsTaken, clipped: rowsClipped } = result.clipping;
    log.info(
      {
        ...{ task: offer.id, run: offer.run, round: offer.round },
        ...{ rowsTaken, rowsClipped, shareClipped: Number((rowsClipped / rowsTaken).toPrecision(4)) },
      },
      'rows clipped to perExampleClip',
    );
  }
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
  await checkpoints.prune();
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
