import { modelSize } from '../../shared/graph/model-size.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { NumberedRelease, RoundRecord, RunState } from '../rounds/state.ts';

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

function roundEntry(record: RoundRecord) {
  return {
    round: record.round,
    attempt: record.attempt,
    started: iso(record.startedMs),
    published: iso(record.publishedMs),
    ...(record.round === 0
      ? { preprocessing: record.object.digest }
      : { base: record.base, weights: record.object.digest }),
    updates: record.updates.map(({ site, object, examples, weight }) =>
      record.round === 0
        ? { site, digest: object.digest, examples }
        : { site, digest: object.digest, examples, weight },
    ),
    // Reasons only: what a site wrote beside its reason is for the operator, the card goes to everybody.
    excluded: record.excluded.map(({ site, reason }) => ({ site, reason })),
  };
}

/** What the model is: family, size, what of it was trained, and for a network from a file where it came from. */
function modelEntry(plan: Plan) {
  const { parameters, trained, buffers, adapters } = modelSize(plan);
  const { model, training } = plan;
  return {
    family: model.family,
    parameters,
    trained,
    buffers,
    adapters,
    trainable: training.trainable ?? 'all',
    payload: plan.data.payload?.kind ?? null,
    ...(model.family === 'onnx' ? { file: model.network?.source ?? null, startingWeights: model.weights ?? null } : {}),
  };
}

/**
 * The lineage of a release: plan, run, every round with the digests of its weights and updates, the sites in it and those left
 * out. Made of stored events alone, so that building it again gives the same bytes.
 */
export function modelCard(state: RunState, release: NumberedRelease, plan: Plan) {
  const sites = [...new Set(state.rounds.flatMap(({ updates }) => updates.map(({ site }) => site)))].sort();
  return {
    wardround: 'card/1',
    version: release.version,
    name: plan.name,
    purpose: plan.purpose,
    task: plan.task.kind,
    model: modelEntry(plan),
    plan: state.plan,
    run: state.run,
    parent: state.from,
    created: iso(release.createdMs),
    software: release.software,
    trainingCutoff: plan.data.trainingCutoff,
    sites,
    weights: state.weights?.digest ?? null,
    preprocessing: state.preprocessing?.digest ?? null,
    rounds: state.rounds.map(roundEntry),
  };
}
