import { baseWeightsFile } from '../../../shared/graph/onnx-read/base-weights.ts';
import { recalibratedModel } from '../../../shared/graph/recalibrated-model.ts';
import type {
  Estimate,
  LadderEvidence,
  LadderStep,
  LadderStepEvidence,
  PairedFigure,
  ShiftReading,
} from '../../../shared/plan/judgement.ts';
import type { Plan } from '../../../shared/plan/plan.ts';
import type { Policy } from '../../../shared/plan/policy.ts';
import type { Preprocessing } from '../../../shared/plan/preprocessing.ts';
import { canonicalDigest } from '../../../shared/runtime/canonical.ts';
import { WardroundError } from '../../../shared/runtime/errors.ts';
import type { Digest, ReleaseVersion, SiteName } from '../../../shared/runtime/ids.ts';
import { deriveSeed, permutation, randomStream } from '../../../shared/runtime/random.ts';
import { type ClosedTest, closedTest } from '../../../shared/statistics/closed-testing.ts';
import { aurocDifference, aurocEstimate } from '../../../shared/statistics/discrimination.ts';
import { type Levels, undefinedEstimate } from '../../../shared/statistics/estimate.ts';
import { logLoss } from '../../../shared/statistics/log-loss.ts';
import { applyRecalibration } from '../../../shared/statistics/recalibration.ts';
import type { Recalibration } from '../../../shared/statistics/recalibration-kinds.ts';
import { encodeSafetensors } from '../../../shared/tensors/safetensors.ts';
import type { NamedTensors } from '../../../shared/tensors/tensor.ts';
import type { SiteTable } from '../../data/site-table.ts';
import { buildVariant, type LocalVariant } from '../../models/local-variant.ts';
import type { Trainer } from '../../training/trainer.ts';
import { TrainingError } from '../../training/training-error.ts';
import { modelFile, planFile, preprocessingFile, type ReleasePackage } from '../release-package.ts';
import { consortiumCaseMix } from './case-mix.ts';
import { forgetting, nothingForgotten } from './forgetting.ts';
import { gapClosed, rowLosses } from './gap-closed.ts';
import { ladderOrder, ladderStepPasses } from './ladder-step-passes.ts';
import { fitRecalibrations, type RecalibrationStep } from './recalibration-steps.ts';
import { splitJudged } from './split-judged.ts';
import { stepCalibration, undefinedCalibration } from './step-calibration.ts';
import {
  labelsOf,
  localReference,
  releaseBase,
  releaseWeights,
  scoreOrReason,
  type TrainedWeights,
  type TrainingGround,
  trainableOf,
  trainStep,
  weightsFile,
} from './trained-steps.ts';

/** Most later rows that forgetting is estimated on, drawn at random. */
const mostForgettingRows = 20_000;
/** Furthest the variant's file may be from the risks that were judged: rounding of float32 and no more. */
const fileTolerance = 1e-6;

/** What the ladder needs beside rows: an engine, and the names a variant would have. */
export interface LadderMeans {
  /** Version of the variant, should there be one: the release's, `+` and the next counter. */
  readonly version: ReleaseVersion;
  /** Such as `wardround/1.2.0`. */
  readonly software: string;
  /** The same engine each time, so that a repeated judgement gives the same bytes. The ladder disposes of it. */
  openTrainer(): Promise<Trainer>;
}

export interface LadderInput {
  readonly site: SiteName;
  readonly plan: Plan;
  readonly planDigest: Digest;
  readonly policy: Policy;
  readonly table: SiteTable;
  /** Judged rows of the table, one a patient, in an order that does not depend on the table's. */
  readonly judged: Uint32Array;
  /** Rows that trained at this site. */
  readonly training: Uint32Array;
  readonly kind: 'prospective' | 'retrospective';
  /** Risk of the release for each judged row. */
  readonly scores: Float64Array;
  /** Risk of the model in use for each; null without one. */
  readonly current: Float64Array | null;
  readonly release: ReleasePackage;
  readonly preprocessing: Preprocessing | null;
  /** What the shift was read as; null when it was not. */
  readonly reading: ShiftReading | null;
  /** Levels of this look. */
  readonly levels: Levels;
  readonly means: LadderMeans;
  /** Megabytes that scoring with a model may take, and training it; the usual when undefined. */
  readonly memoryMegabytes?: number | undefined;
}

export interface LadderResult {
  readonly evidence: LadderEvidence;
  /** The model made of the chosen step; null when none was chosen. The caller installs it if the decision accepts with an update. */
  readonly variant: LocalVariant | null;
}

/** The updated model of a step on the later rows, or why there is none. */
type Fitted =
  | { readonly kind: 'recalibrated'; readonly recalibration: Recalibration; readonly risks: Float64Array }
  | { readonly kind: 'trained'; readonly trained: TrainedWeights; readonly risks: Float64Array }
  | { readonly kind: 'none'; readonly reason: string };

/**
 * The adaptation ladder: what repairing the release at this site would do, from the simplest step to the most, each fitted on the earlier
 * judged rows and judged on the later ones. Recalibrations are always fitted; the network is trained only where the policy allows it. Chosen
 * is the simplest allowed step that the closed test (Vergouwe et al. 2017) does not call too simple and that passes the policy on the later
 * rows; a step more in the policy can therefore only add a repair, never take one away.
 *
 * Equal arguments give equal evidence and an equal variant.
 */
export async function runLadder(input: LadderInput, signal: AbortSignal): Promise<LadderResult> {
  const { plan, policy, table, judged } = input;
  const dated = input.kind === 'prospective';
  const split = splitJudged(
    dated ? Float64Array.from(judged, (row) => table.times[row] as number) : null,
    Array.from(judged, (row) => table.patientKeys[row] as string),
    policy.update.updateShare,
  );
  const pick = (values: ArrayLike<number>, places: Uint32Array): Float64Array =>
    Float64Array.from(places, (place) => values[place] as number);
  const updateRows = Uint32Array.from(split.update, (place) => judged[place] as number);
  const laterRows = Uint32Array.from(split.later, (place) => judged[place] as number);
  const updateLabels = labelsOf(table, updateRows);
  const labels = labelsOf(table, laterRows);
  const before = pick(input.scores, split.later);
  const current = input.current === null ? null : pick(input.current, split.later);
  const seed = deriveSeed(plan.training.seed, 'ladder', input.release.ref.digest);
  // Of the plan alone: a rule of the policy looks at it, and the same patients should give the same verdict on the same model.
  const calibrationSeed = deriveSeed(plan.training.seed, 'ladder calibration');

  const updateScores = pick(input.scores, split.update);
  const recalibrations = fitRecalibrations({
    probabilities: updateScores,
    labels: updateLabels,
    policy,
    reading: input.reading,
    preprocessing: input.preprocessing,
  });
  const fitted = new Map<LadderStep, Fitted>();
  for (const step of Object.keys(recalibrations) as RecalibrationStep[]) {
    const { recalibration, reason } = recalibrations[step];
    fitted.set(
      step,
      recalibration === null
        ? { kind: 'none', reason: reason ?? 'not_fitted' }
        : { kind: 'recalibrated', recalibration, risks: applyRecalibration(recalibration, before) },
    );
  }
  let reference: Float64Array | null = null;
  const { preprocessing } = input;
  const trainer = preprocessing === null ? 'no_reference' : await openEngine(input.means);
  try {
    const base = releaseBase(input.release, plan);
    const noBase = base !== undefined && 'reason' in base ? (base.reason as string) : null;
    if (typeof trainer !== 'string' && preprocessing !== null && noBase === null) {
      const ground: TrainingGround = {
        plan,
        preprocessing,
        base: base as NamedTensors | undefined,
        table,
        trainer,
        seed,
        memoryMegabytes: input.memoryMegabytes,
        signal,
      };
      for (const step of ['last_layer', 'full'] as const) {
        fitted.set(step, await trained(step, input, ground, updateRows, laterRows));
      }
      const own = await localReference(ground, Uint32Array.from([...input.training, ...updateRows]));
      const ofOwn =
        'reason' in own || laterRows.length === 0 ? null : await scoreOrReason(own, table, laterRows, ground);
      if (ofOwn !== null && !('reason' in ofOwn)) reference = ofOwn;
    } else {
      const reason = typeof trainer === 'string' ? trainer : (noBase ?? 'no_reference');
      for (const step of ['last_layer', 'full'] as const) fitted.set(step, { kind: 'none', reason });
    }
  } finally {
    if (typeof trainer !== 'string') await trainer.dispose();
  }

  const test = closedTest(updateScores, updateLabels, policy.update.alpha);
  const forgottenBy = forgettingOn(input, laterRows, before, labels, seed);
  const losses = { before: rowLosses(before, labels), reference: reference && rowLosses(reference, labels) };
  const steps = ladderOrder.map((step): LadderStepEvidence => {
    const model = fitted.get(step) ?? { kind: 'none', reason: 'not_fitted' };
    const p = testedAgainstSimpler(test, step);
    if (model.kind === 'none') return { ...unfitted(model.reason), step, p };
    const { risks } = model;
    return {
      step,
      reason: null,
      p,
      calibration: stepCalibration(risks, labels, calibrationSeed),
      auroc: aurocEstimate(risks, labels),
      loss: logLoss(risks, labels),
      difference: current === null ? noCurrent : compared(risks, current, labels, input.levels),
      forgetting: leavesRanking(model) ? nothingForgotten : forgottenBy(risks),
      gapClosed: gapClosed(losses.before, rowLosses(risks, labels), losses.reference, seed),
    };
  });
  const chosen = steps.find((step) => isKept(test, step.step) && ladderStepPasses(policy, step))?.step ?? null;
  const evidence: LadderEvidence = {
    updateRows: updateRows.length,
    updateEvents: updateLabels.reduce((sum, label) => sum + label, 0),
    judgedFrom: split.judgedFromMs === null ? null : new Date(split.judgedFromMs).toISOString(),
    rows: laterRows.length,
    events: labels.reduce((sum, label) => sum + label, 0),
    steps,
    chosen,
    variant: null,
  };
  const model = chosen === null ? undefined : fitted.get(chosen);
  if (chosen === null || model === undefined || model.kind === 'none') return { evidence, variant: null };
  const built = await variantOf(input, evidence, chosen, model, { updateRows, laterRows }, signal);
  if ('reason' in built) {
    // The step stands as judged; but a file that does not give its risks is no model.
    const told = steps.map((step) => (step.step === chosen ? { ...step, reason: built.reason } : step));
    return { evidence: { ...evidence, steps: told, chosen: null }, variant: null };
  }
  const { version, digest } = built;
  return { evidence: { ...evidence, variant: { version, digest } }, variant: built };
}

/** A machine without an engine can still recalibrate: why it cannot train is said at the steps that would. */
async function openEngine(means: LadderMeans): Promise<Trainer | string> {
  try {
    return await means.openTrainer();
  } catch (error) {
    if (error instanceof TrainingError) return error.code;
    throw error;
  }
}

async function trained(
  step: 'last_layer' | 'full',
  input: LadderInput,
  ground: TrainingGround,
  updateRows: Uint32Array,
  laterRows: Uint32Array,
): Promise<Fitted> {
  if (!input.policy.update.allowed.includes(step)) return { kind: 'none', reason: 'not_allowed' };
  const trainable = trainableOf(ground.plan, step);
  if (trainable === null) return { kind: 'none', reason: 'single_layer' };
  const start = releaseWeights(input.release, ground.plan, ground.preprocessing, ground.base);
  if ('reason' in start) return { kind: 'none', reason: start.reason as string };
  const result = await trainStep(ground, updateRows, start, trainable);
  if ('reason' in result) return { kind: 'none', reason: result.reason };
  const risks = await scoreOrReason(result.model, ground.table, laterRows, ground);
  if ('reason' in risks) return { kind: 'none', reason: risks.reason };
  return risks.every((risk) => risk >= 0 && risk <= 1)
    ? { kind: 'trained', trained: result, risks }
    : { kind: 'none', reason: 'no_probability' };
}

const noCurrent: PairedFigure = {
  estimate: undefinedEstimate('no_current_model'),
  oneSidedLower: null,
  twoSidedUpper: null,
};

function compared(risks: Float64Array, current: Float64Array, labels: Float64Array, levels: Levels): PairedFigure {
  const { estimate, oneSidedLower, twoSidedUpper } = aurocDifference(risks, current, labels, levels);
  return { estimate, oneSidedLower, twoSidedUpper };
}

function unfitted(reason: string): Omit<LadderStepEvidence, 'step' | 'p'> {
  const none = undefinedEstimate(reason);
  return {
    reason,
    calibration: undefinedCalibration(reason),
    auroc: none,
    loss: none,
    difference: { estimate: none, oneSidedLower: null, twoSidedUpper: null },
    forgetting: none,
    gapClosed: none,
  };
}

/** A strictly rising map leaves every pair in its order; isotonic regression makes ties, and training makes another order. */
function leavesRanking(model: Fitted): boolean {
  return model.kind === 'recalibrated' && model.recalibration.kind !== 'isotonic';
}

/** Steps the closed test speaks of, from the simplest. The prior adjustment is a shift of log odds as the intercept is. */
const rank: Readonly<Record<LadderStep, number>> = {
  none: 0,
  intercept: 1,
  prior: 1,
  logistic: 2,
  isotonic: 3,
  last_layer: 3,
  full: 3,
};

/** Whether the closed test leaves this step standing: nothing simpler than the step it stopped at. */
function isKept({ step }: ClosedTest, asked: LadderStep): boolean {
  if (step === null) return false;
  return rank[asked] >= (step === 'revision' ? rank.isotonic : rank[step]);
}

function testedAgainstSimpler({ pValues }: ClosedTest, step: LadderStep): number | null {
  if (step === 'intercept') return pValues.none;
  return step === 'logistic' ? pValues.intercept : null;
}

/** Forgetting of a step, on the consortium's case mix over the later rows, which is made when it is first needed. */
function forgettingOn(
  input: LadderInput,
  laterRows: Uint32Array,
  release: Float64Array,
  labels: Float64Array,
  seed: number,
): (updated: Float64Array) => Estimate {
  let places: Uint32Array | undefined;
  let mix: ReturnType<typeof consortiumCaseMix> = { reason: 'no_rows' };
  const pick = (values: Float64Array): Float64Array =>
    Float64Array.from(places ?? [], (place) => values[place] as number);
  return (updated) => {
    if (places === undefined) {
      places = drawnPlaces(laterRows.length, seed);
      const drawn = places.map((place) => laterRows[place] as number);
      mix = consortiumCaseMix(input.table, drawn, input.plan, input.preprocessing);
    }
    return forgetting(pick(updated), pick(release), pick(labels), mix, seed);
  };
}

function drawnPlaces(rows: number, seed: number): Uint32Array {
  if (rows <= mostForgettingRows) return Uint32Array.from({ length: rows }, (_, place) => place);
  return permutation(rows, randomStream(seed, 'forgetting rows')).slice(0, mostForgettingRows).sort();
}

/** The chosen step as a package, with the proof that its file gives the risks that were judged. */
async function variantOf(
  input: LadderInput,
  evidence: LadderEvidence,
  step: LadderStep,
  fitted: Exclude<Fitted, { kind: 'none' }>,
  { updateRows, laterRows }: { readonly updateRows: Uint32Array; readonly laterRows: Uint32Array },
  signal: AbortSignal,
): Promise<LocalVariant | { readonly reason: string }> {
  const { release, table, policy, plan, means } = input;
  let model: Uint8Array;
  try {
    model =
      fitted.kind === 'trained'
        ? fitted.trained.model
        : recalibratedModel(release.files.get(modelFile) as Uint8Array, fitted.recalibration);
  } catch (error) {
    if (error instanceof WardroundError && error.code === 'not_extendable') return { reason: error.code };
    throw error;
  }
  const risks = await scoreOrReason(model, table, laterRows, { memoryMegabytes: input.memoryMegabytes, signal });
  if ('reason' in risks) return risks;
  if (!risks.every((risk, place) => Math.abs(risk - (fitted.risks[place] as number)) <= fileTolerance)) {
    return { reason: 'variant_differs' };
  }
  const files = new Map<string, Uint8Array>([[modelFile, model]]);
  const carried = fitted.kind === 'trained' ? [baseWeightsFile] : [];
  for (const name of [planFile, preprocessingFile, ...carried]) {
    const bytes = release.files.get(name);
    if (bytes !== undefined) files.set(name, bytes);
  }
  if (fitted.kind === 'trained') files.set(weightsFile, encodeSafetensors(fitted.trained.weights));
  const dated = input.kind === 'prospective';
  return buildVariant(
    {
      version: means.version,
      plan: input.planDigest,
      parent: release.ref,
      step,
      updatedUntil: evidence.judgedFrom,
      updateShare: dated ? null : policy.update.updateShare,
    },
    {
      site: input.site,
      parameters: fitted.kind === 'trained' ? fitted.trained.parameters : fitted.recalibration,
      policy: canonicalDigest(policy),
      evidence: canonicalDigest(evidence),
      updateRows: evidence.updateRows,
      updateEvents: evidence.updateEvents,
      updatedFrom: dated ? earliest(table, updateRows) : null,
      software: means.software,
      trainingCutoff: plan.data.trainingCutoff,
    },
    files,
  );
}

function earliest(table: SiteTable, rows: Uint32Array): string | null {
  let first = Number.POSITIVE_INFINITY;
  for (const row of rows) first = Math.min(first, table.times[row] as number);
  return Number.isFinite(first) ? new Date(first).toISOString() : null;
}
