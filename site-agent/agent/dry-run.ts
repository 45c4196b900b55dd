import { performance } from 'node:perf_hooks';
import { frozenParameters, frozenWeights } from '../../shared/graph/adapters.ts';
import { initialWeights } from '../../shared/graph/families.ts';
import { baseWeightsObject, readBaseWeights } from '../../shared/graph/onnx-read/base-weights.ts';
import { forwardWork, type Work } from '../../shared/graph/work.ts';
import type { LoadedPlan } from '../../shared/plan/load-plan.ts';
import type { Preprocessing } from '../../shared/plan/preprocessing.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { deriveSeed } from '../../shared/runtime/random.ts';
import { encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import type { SiteConfig } from '../config.ts';
import { DataError } from '../data/data-error.ts';
import { loadSiteData } from '../data/load-site-data.ts';
import { batchSchedule } from '../training/batches.ts';
import type { ClipCounts } from '../training/clip-counts.ts';
import type { EngineChoice } from '../training/engine-choice.ts';
import { openTrainer } from '../training/open-trainer.ts';
import { ownPreprocessing } from '../training/own-preprocessing.ts';
import type { TrainingResult } from '../training/trainer.ts';
import { TrainingError } from '../training/training-error.ts';
import { checkTrainingMemory, roundMultiplyAdds } from '../training/training-memory.ts';
import { trainingRows } from '../training/training-rows.ts';
import { AgentError } from './agent-error.ts';
import { engineOptions } from './engine-options.ts';
import { roundSeconds } from './round-time.ts';

/** What a dry run starts from, as far as it has reached this site. */
export interface DryRunGround {
  readonly directory: string;
  readonly config: SiteConfig;
  readonly plan: LoadedPlan;
  /** Name of the site; any before enrolment. */
  readonly site: string;
  /** Of the run; the site's own rows give one when null. */
  readonly preprocessing: Preprocessing | null;
  /** Bytes of the weights of the plan's ONNX file; null where they have not reached this site. */
  readonly baseWeights: Uint8Array | null;
  /** What is to train; that of site.yaml when absent. */
  readonly engine?: EngineChoice;
}

/** What one local epoch took and gave. */
export interface DryRun {
  readonly plan: string;
  readonly rows: number;
  readonly validationRows: number;
  readonly engine: { readonly runsOn: string; readonly because: string };
  readonly precision: 'float32' | 'mixed';
  readonly steps: number;
  readonly rowsAtOnce: number | null;
  readonly lossFirst: number;
  readonly lossLast: number;
  /** Rows of the epoch, and those clipped to `perExampleClip`; null where rows are not clipped one by one. */
  readonly clipping: ClipCounts | null;
  /** After the epoch; null without early stopping. */
  readonly validationLoss: number | null;
  readonly seconds: number;
  /** What the network takes for one row. */
  readonly workPerRow: Work;
  /** Steps of a whole round here, their multiply-adds, and the time they would take, see `roundSeconds`. */
  readonly round: { readonly steps: number; readonly multiplyAdds: number; readonly seconds: number };
  /** Most memory this process has held, with the rows and the libraries. */
  readonly peakMemoryBytes: number;
  /** Bytes an update of this site would have. */
  readonly updateBytes: number;
  readonly notes: readonly string[];
}

/** Where the round would start: the weights of round 0, and those that stay. */
function startOf(ground: DryRunGround, notes: string[]): { weights: NamedTensors; frozen: NamedTensors } {
  const { plan } = ground.plan;
  if (baseWeightsObject(plan) === null) return { weights: initialWeights(plan), frozen: frozenWeights(plan) };
  if (ground.baseWeights === null) {
    if (frozenParameters(plan).length > 0) {
      throw new AgentError(
        'base_weights_missing',
        "The plan's network comes with weights of its own of which a part stays as it is, and they have not reached this site: they come with the first round after the plan is approved. To try it before, give the plan's file with its ONNX file beside it.",
        { plan: ground.plan.digest },
      );
    }
    notes.push("The weights of the plan's ONNX file have not reached this site: it starts from drawn ones.");
    return { weights: initialWeights(plan), frozen: new Map() };
  }
  const base = readBaseWeights(plan, ground.baseWeights);
  return { weights: initialWeights(plan, base), frozen: frozenWeights(plan, base) };
}

/**
 * Trains one local epoch of the plan on this site's rows. It opens no connection and keeps nothing but, with `auto`, the engine it has chosen.
 *
 * @throws as reading the site's rows and training; AgentError `base_weights_missing`; the signal's reason within one step
 */
export async function dryRun(ground: DryRunGround, log: Logger, signal: AbortSignal): Promise<DryRun> {
  const { directory, config, site } = ground;
  const { plan, digest } = ground.plan;
  const notes: string[] = [];
  const data = await loadSiteData(directory, config.data, plan, Date.now(), signal);
  if (data.trainingRows.length < config.minimumRows) {
    throw new DataError(
      'too_few_rows',
      `${data.trainingRows.length} training rows; site.yaml asks for ${config.minimumRows} (minimumRows).`,
      { rows: data.trainingRows.length, minimumRows: config.minimumRows },
    );
  }
  const { batch } = plan.training;
  const inBatch = batch === 'full' ? data.trainingRows.length : Math.min(batch, data.trainingRows.length);
  checkTrainingMemory(plan, inBatch, config.trainingMemoryMegabytes);
  const { weights, frozen } = startOf(ground, notes);
  if (ground.preprocessing === null)
    notes.push("Columns are scaled by this site's own rows; in a run they are scaled by those of all sites together.");
  const preprocessing = ground.preprocessing ?? ownPreprocessing(data.table, plan, digest, data.trainingRows);
  const rows = trainingRows(data.table, plan, preprocessing, data.trainingRows, site);
  if (plan.training.earlyStopping !== undefined && rows.validation === undefined)
    notes.push('There are too few patients to set some aside: training would not stop early.');

  const whole = batchSchedule(rows.data.rows, plan.training, 0);
  const epoch = {
    ...plan,
    training: { ...plan.training, work: { steps: Math.min(whole.steps, whole.stepsPerEpoch) } },
  };
  const choice = ground.engine ?? config.engine;
  const trainer = await openTrainer(choice, log, engineOptions(directory, config, signal));
  let result: TrainingResult;
  let seconds: number;
  let ofRound: number;
  try {
    const task = { plan: epoch, ...rows, weights, frozen, seed: deriveSeed(plan.training.seed, 'batches', 0, site) };
    const timed = async (steps: number): Promise<[TrainingResult, number]> => {
      const begunMs = performance.now();
      const training = { ...plan.training, work: { steps } };
      const trained = await trainer.train({ ...task, plan: { ...plan, training } }, signal);
      return [trained, (performance.now() - begunMs) / 1000];
    };
    await trainer.prepare?.(task, signal);
    [result, seconds] = await timed(epoch.training.work.steps);
    ofRound = await roundSeconds({ steps: result.steps, seconds }, whole.steps, async (steps) => {
      try {
        const [trained, took] = await timed(steps);
        return { steps: trained.steps, seconds: took };
      } catch (cause) {
        signal.throwIfAborted();
        // What further steps meet, such as a loss that grows beyond all numbers, is not the question here.
        if (cause instanceof TrainingError) return null;
        throw cause;
      }
    });
  } finally {
    await trainer.dispose();
  }
  const precision = result.precision ?? 'float32';
  if (plan.training.precision === 'mixed' && precision === 'float32')
    notes.push('The plan allows float16; this engine computes in float32.');
  if (result.stepsAgain !== undefined && result.stepsAgain > 0)
    notes.push(
      `Steps were taken again ${result.stepsAgain === 1 ? 'once' : `${result.stepsAgain} times`}, with half the scale: a gradient was too large for float16.`,
    );
  return {
    plan: digest,
    rows: rows.data.rows,
    validationRows: rows.validation?.rows ?? 0,
    engine: {
      runsOn: trainer.description,
      because:
        trainer.because ?? (ground.engine === undefined ? `site.yaml names ${choice}` : `--engine names ${choice}`),
    },
    precision,
    steps: result.steps,
    rowsAtOnce: result.rowsAtOnce ?? null,
    ...result.metrics,
    clipping: result.clipping ?? null,
    validationLoss: result.validation?.losses.at(-1) ?? null,
    seconds,
    workPerRow: forwardWork(plan),
    round: {
      steps: whole.steps,
      multiplyAdds: roundMultiplyAdds(plan, Math.min(inBatch, rows.data.rows), whole.steps),
      seconds: ofRound,
    },
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    updateBytes: encodeSafetensors(result.delta).byteLength,
    notes,
  };
}
