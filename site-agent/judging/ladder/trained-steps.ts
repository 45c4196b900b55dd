import { frozenWeights } from '../../../shared/graph/adapters.ts';
import { initialWeights, layerNames } from '../../../shared/graph/families.ts';
import { buildInferenceModel } from '../../../shared/graph/inference-model.ts';
import { baseWeightsFile, baseWeightsObject, readBaseWeights } from '../../../shared/graph/onnx-read/base-weights.ts';
import { OnnxError } from '../../../shared/graph/onnx-read/onnx-error.ts';
import type { Plan } from '../../../shared/plan/plan.ts';
import type { Preprocessing } from '../../../shared/plan/preprocessing.ts';
import { WardroundError } from '../../../shared/runtime/errors.ts';
import { deriveSeed, permutation, randomStream } from '../../../shared/runtime/random.ts';
import { exactSum } from '../../../shared/statistics/exact-sum.ts';
import { decodeSafetensors } from '../../../shared/tensors/safetensors.ts';
import type { NamedTensors } from '../../../shared/tensors/tensor.ts';
import type { SiteTable } from '../../data/site-table.ts';
import { designMatrix } from '../../training/design-matrix.ts';
import { rawRows } from '../../training/raw-rows.ts';
import type { Trainer, TrainingTask } from '../../training/trainer.ts';
import { TrainingError } from '../../training/training-error.ts';
import { checkTrainingMemory } from '../../training/training-memory.ts';
import { type TrainingRows, trainingRows } from '../../training/training-rows.ts';
import { JudgingError } from '../judging-error.ts';
import { modelFile, type ReleasePackage } from '../release-package.ts';
import { openScorer, type ScorerOptions } from '../scorer.ts';
import { rowLosses } from './gap-closed.ts';
import { hashShare } from './split-judged.ts';

/** Where a release carries its weights. */
export const weightsFile = 'model.safetensors';

/** Strengths of the pull that are tried, strongest first: T. Li et al. (2020), MLSys, section 5.1. */
const pulls = [1, 0.1, 0.01, 0.001];
/** Share of the update's patients, by a hash of their keys, that chooses among them. */
const validationShare = 0.25;
/** Events, and patients without, below which no network is trained: a quarter of them choose the pull. */
const fewestOfClass = 50;
/** Most rows of one training, drawn at random; most steps; most rows seen in all of them. They bound the time, not the method. */
const mostRows = 20_000;
const mostSteps = 2000;
const mostRowsSeen = 4_000_000;

/** What training at the site starts from. */
export interface TrainingGround {
  readonly plan: Plan;
  readonly preprocessing: Preprocessing;
  /** Weights of the plan's ONNX file; absent for plans without one. */
  readonly base?: NamedTensors | undefined;
  readonly table: SiteTable;
  readonly trainer: Trainer;
  readonly seed: number;
  /** Megabytes that scoring with a model may take, and training it; the usual when undefined. */
  readonly memoryMegabytes?: number | undefined;
  readonly signal: AbortSignal;
}

export interface TrainedWeights {
  readonly weights: NamedTensors;
  /** The inference model of them. */
  readonly model: Uint8Array;
  readonly parameters: {
    readonly trainable: readonly string[];
    /** Strength of the pull towards the release's weights. */
    readonly proximal: number;
    readonly rows: number;
    readonly steps: number;
    readonly seed: number;
    readonly engine: string;
  };
}

/**
 * The weights of the plan's ONNX file, from the release's package; undefined for plans without one.
 * @returns a reason where they are not there (`no_weights`), or are not those the plan names (`weights_differ`)
 */
export function releaseBase(
  release: Pick<ReleasePackage, 'files'>,
  plan: Plan,
): NamedTensors | undefined | { readonly reason: string } {
  if (baseWeightsObject(plan) === null) return undefined;
  const bytes = release.files.get(baseWeightsFile);
  if (bytes === undefined) return { reason: 'no_weights' };
  try {
    return readBaseWeights(plan, bytes);
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
    return { reason: 'weights_differ' };
  }
}

/**
 * The release's weights, from its package.
 * @returns a reason where they are not there (`no_weights`), or are not those its model is made of (`weights_differ`)
 */
export function releaseWeights(
  release: ReleasePackage,
  plan: Plan,
  preprocessing: Preprocessing,
  base?: NamedTensors,
): NamedTensors | { readonly reason: string } {
  const bytes = release.files.get(weightsFile);
  const model = release.files.get(modelFile);
  if (bytes === undefined || model === undefined) return { reason: 'no_weights' };
  try {
    const weights = decodeSafetensors(bytes);
    if (Buffer.compare(modelOf({ plan, preprocessing, base }, weights), model) === 0) return weights;
  } catch (error) {
    if (!(error instanceof WardroundError)) throw error;
  }
  return { reason: 'weights_differ' };
}

/** Names of the tensors a step trains; null where it would be none, or all of them, so that `full` is all there is. */
export function trainableOf(plan: Plan, step: 'last_layer' | 'full'): readonly string[] | null {
  const { last, all } = layerNames(plan);
  if (step === 'full') return all;
  return last.length === 0 || last.length === all.length ? null : last;
}

/**
 * Trains the release further on the update rows: its last layer, or all of it, with a pull towards its weights (FedProx). The strength of the
 * pull is the one that does best on a quarter of the update's patients, by log loss; then all of them train.
 *
 * @param rows update rows of the table, in an order that does not depend on the table's.
 * @returns a reason: `too_few_rows`, or the code of the training error that ended it.
 */
export async function trainStep(
  ground: TrainingGround,
  rows: Uint32Array,
  start: NamedTensors,
  trainable: readonly string[],
): Promise<TrainedWeights | { readonly reason: string }> {
  const { table } = ground;
  if (!hasEnough(table, rows)) return { reason: 'too_few_rows' };
  const drawn = drawRows(rows, ground.seed);
  const validates = (row: number): boolean => hashShare(table.patientKeys[row] as string) < validationShare;
  const validation = drawn.filter(validates);
  const fitting = drawn.filter((row) => !validates(row));
  const further = async (on: Uint32Array, proximal: number) => {
    const steps = stepsOf(ground.plan, on.length);
    const data = designMatrix(table, ground.plan, ground.preprocessing, on);
    const seed = deriveSeed(ground.seed, 'ladder batches');
    return { steps, weights: await train(ground, { data }, start, { steps, seed, trainable, proximal }) };
  };
  try {
    checkMemory(ground, drawn.length);
    let best: { readonly proximal: number; readonly loss: number } | null = null;
    for (const proximal of pulls) {
      const tried = await further(fitting, proximal);
      const labels = labelsOf(table, validation);
      const risks = await scoreOrReason(modelOf(ground, tried.weights), table, validation, ground);
      if ('reason' in risks) return risks;
      const loss = exactSum(rowLosses(risks, labels)) / validation.length;
      if (Number.isFinite(loss) && (best === null || loss < best.loss)) best = { proximal, loss };
    }
    if (best === null) return { reason: 'too_few_rows' };
    const { weights, steps } = await further(drawn, best.proximal);
    return {
      weights,
      model: modelOf(ground, weights),
      parameters: {
        trainable,
        proximal: best.proximal,
        rows: drawn.length,
        steps,
        seed: ground.seed,
        engine: ground.trainer.description,
      },
    };
  } catch (error) {
    ground.signal.throwIfAborted();
    if (error instanceof TrainingError) return { reason: error.code };
    throw error;
  }
}

/**
 * A model of the plan's family trained at this site alone, from the plan's own starting weights, on all its rows before those that judge:
 * what the site could have without the consortium. With the release's work, so that neither is helped by more steps, and in rounds as the release was
 * trained: each has a fresh optimiser, its place in the schedule, and early stopping where the plan has it.
 */
export async function localReference(
  ground: TrainingGround,
  rows: Uint32Array,
): Promise<Uint8Array | { readonly reason: string }> {
  const { plan, preprocessing, base, table, seed } = ground;
  if (!hasEnough(table, rows)) return { reason: 'too_few_rows' };
  try {
    const drawn = trainingRows(table, plan, preprocessing, drawRows(rows, seed), 'reference');
    checkMemory(ground, drawn.data.rows);
    const steps = stepsOf(plan, drawn.data.rows);
    const ofRound = stepsOfRound(plan, drawn.data.rows);
    let weights = initialWeights(plan, base);
    for (let round = 0, done = 0; done < steps; round++, done += ofRound) {
      weights = await train(ground, drawn, weights, {
        steps: Math.min(ofRound, steps - done),
        round,
        seed: deriveSeed(seed, 'reference batches', round),
      });
    }
    return modelOf(ground, weights);
  } catch (error) {
    ground.signal.throwIfAborted();
    if (error instanceof TrainingError) return { reason: error.code };
    throw error;
  }
}

/** Risks of rows of the table by a model file, as the hospital would use it. */
export async function scoreModel(
  model: Uint8Array,
  table: SiteTable,
  rows: Uint32Array,
  means: Pick<ScorerOptions, 'memoryMegabytes'> & { readonly signal?: AbortSignal } = {},
): Promise<Float64Array> {
  const scorer = await openScorer(model, { model: 'the updated model', memoryMegabytes: means.memoryMegabytes });
  try {
    return Float64Array.from(await scorer.score(rawRows(table, rows), means.signal));
  } finally {
    await scorer.dispose();
  }
}

/** The same, or the code of the error where the model takes more memory than the site gives it, or more work than a row may. */
export async function scoreOrReason(
  ...given: Parameters<typeof scoreModel>
): Promise<Float64Array | { readonly reason: string }> {
  try {
    return await scoreModel(...given);
  } catch (error) {
    const tooMuch =
      error instanceof JudgingError && (error.code === 'model_too_large' || error.code === 'model_too_slow');
    if (tooMuch) return { reason: error.code };
    throw error;
  }
}

/** @throws TrainingError `plan_too_large` */
function checkMemory({ plan, memoryMegabytes }: TrainingGround, rows: number): void {
  checkTrainingMemory(plan, rowsOfStep(plan, rows), memoryMegabytes);
}

export function labelsOf(table: SiteTable, rows: Uint32Array): Float64Array {
  return Float64Array.from(rows, (row) => table.labels[row] as number);
}

const modelOf = (
  { plan, preprocessing, base }: Pick<TrainingGround, 'plan' | 'preprocessing' | 'base'>,
  weights: NamedTensors,
): Uint8Array => buildInferenceModel(plan, preprocessing, weights, frozenWeights(plan, base));

function hasEnough(table: SiteTable, rows: Uint32Array): boolean {
  const events = rows.reduce((sum, row) => sum + (table.labels[row] as number), 0);
  return Math.min(events, rows.length - events) >= fewestOfClass;
}

/** The rows, or as many of them as are trained on, drawn without replacement; their order stays. */
function drawRows(rows: Uint32Array, seed: number): Uint32Array {
  if (rows.length <= mostRows) return rows;
  const places = permutation(rows.length, randomStream(seed, 'training rows')).subarray(0, mostRows).sort();
  return Uint32Array.from(places, (place) => rows[place] as number);
}

/** Rows of one step. */
const rowsOfStep = ({ training: { batch } }: Plan, rows: number): number =>
  batch === 'full' ? rows : Math.min(batch, rows);

function stepsOfRound(plan: Plan, rows: number): number {
  const { work } = plan.training;
  return 'steps' in work ? work.steps : work.epochs * Math.ceil(rows / rowsOfStep(plan, rows));
}

/** The work of a whole run at one site, within bounds. */
function stepsOf(plan: Plan, rows: number): number {
  const wanted = stepsOfRound(plan, rows) * plan.federation.rounds;
  return Math.max(1, Math.min(wanted, mostSteps, Math.floor(mostRowsSeen / rowsOfStep(plan, rows))));
}

/** What one training is told beside its rows and where it starts. */
type TrainingTerms = Pick<TrainingTask, 'seed' | 'round' | 'trainable' | 'proximal'> & { readonly steps: number };

async function train(
  { plan, base, trainer, signal }: TrainingGround,
  rows: TrainingRows,
  start: NamedTensors,
  { steps, ...terms }: TrainingTerms,
): Promise<NamedTensors> {
  const task: TrainingTask = {
    plan: { ...plan, training: { ...plan.training, work: { steps } } },
    ...rows,
    weights: start,
    frozen: frozenWeights(plan, base),
    ...terms,
  };
  const { delta } = await trainer.train(task, signal);
  return new Map(
    [...start].map(([name, { shape, data: values }]) => [
      name,
      { shape, data: values.map((value, at) => value + (delta.get(name)?.data[at] ?? 0)) },
    ]),
  );
}
