import { networkOf } from '../../shared/graph/network.ts';
import { lossDecomposes } from '../../shared/graph/training/losses.ts';
import { batchMayBeCut, type FedTensor } from '../../shared/graph/training/objective.ts';
import { buildTrainingStep, type CarriedTensor, type SlotTensor } from '../../shared/graph/training/training-step.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { graphCost } from './graph-cost.ts';
import type { TrainingTask } from './trainer.ts';

/**
 * Bytes of a step's values, as estimated, beyond which a batch is cut beforehand. The runtime's arena holds about twice as many: what a
 * hospital's machine can spare beside its other work.
 */
const mostStepBytes = 128 * 1024 ** 2;
/** Bytes of rows and random values that one call is given at most. */
const mostCallBytes = 32 * 1024 ** 2;
/** Steps of one call at most: their losses are looked at after it. */
const mostStepsPerCall = 256;
/** The same in half precision, where a call is thrown away for each step of it that overflows: once in 200 steps where the scale is as large as it may be. */
const mostMixedStepsPerCall = 32;
/** Rows of the graph that costs are read off, where they grow in proportion to the rows. */
const probeRows = 16;

/** What a step of the plan takes on some rows, worked out from its graph: the same on every machine. */
export interface StepPlan {
  readonly weights: readonly CarriedTensor[];
  readonly slots: readonly SlotTensor[];
  readonly precision: 'float32' | 'mixed';
  /** Multiply-adds. */
  readonly work: number;
  /** Rows at once that keep the step's values within bounds; at least 1, at most the batch. */
  readonly partRows: number;
  /** Bytes fed for one step. */
  readonly fedBytes: number;
  /** Why a batch cannot be cut; null: it can. */
  readonly whole: string | null;
}

/** Why the losses of parts of the rows would not add up to that of all of them, where nothing is trained. */
export function whyWholeLoss(plan: Plan): string | null {
  return lossDecomposes(plan) ? null : "Cox's partial likelihood compares each row with all others of its batch";
}

/** Why the losses of a batch's parts would not add up to the batch's in training. */
export function whyWhole(plan: Plan): string | null {
  if (batchMayBeCut(plan)) return null;
  const { mixesRows } = networkOf(plan);
  return mixesRows === null ? whyWholeLoss(plan) : `${mixesRows} looks at all rows of a batch together`;
}

const bytesOf = (tensors: readonly FedTensor[]): number =>
  tensors.reduce((sum, { shape }) => sum + 4 * shape.reduce((product, length) => product * length, 1), 0);

/** @param batch rows of a batch */
export function stepPlan(
  task: Pick<TrainingTask, 'plan' | 'trainable' | 'proximal'>,
  batch: number,
  precision: 'float32' | 'mixed' = 'float32',
): StepPlan {
  const whole = whyWhole(task.plan);
  const at = (rows: number) => {
    const step = buildTrainingStep(task.plan, {
      rows,
      precision,
      ...(task.trainable === undefined ? {} : { trainable: task.trainable }),
      pull: (task.proximal ?? 0) > 0,
    });
    return { step, cost: graphCost(step.graph) };
  };
  const { step, cost } = at(whole === null ? Math.min(batch, probeRows) : batch);
  const rows = step.labels.shape[0] as number;
  const fed = bytesOf([...step.rowInputs, step.labels, ...step.random]);
  const { weights, slots } = step;
  if (rows === batch) {
    return { weights, slots, precision, work: cost.work, partRows: batch, fedBytes: fed, whole };
  }
  const more = at(2 * rows).cost;
  const bytesPerRow = (more.peakBytes - cost.peakBytes) / rows;
  const workPerRow = (more.work - cost.work) / rows;
  return {
    weights,
    slots,
    precision,
    work: cost.work + workPerRow * (batch - rows),
    partRows: Math.max(1, Math.min(batch, Math.floor(mostStepBytes / bytesPerRow))),
    fedBytes: (fed / rows) * batch,
    whole,
  };
}

/** Steps that one call holds and that lie between two checkpoints. */
export function stepCounts(
  step: Pick<StepPlan, 'work' | 'fedBytes' | 'precision'>,
  engine: { readonly workPerCall: number; readonly workPerCheckpoint: number },
): { readonly stepsPerCall: number; readonly stepsPerCheckpoint: number } {
  const byWork = engine.workPerCall / step.work;
  const byBytes = mostCallBytes / step.fedBytes;
  const most = step.precision === 'mixed' ? mostMixedStepsPerCall : mostStepsPerCall;
  return {
    stepsPerCall: Math.max(1, Math.floor(Math.min(byWork, byBytes, most))),
    stepsPerCheckpoint: Math.max(1, Math.ceil(engine.workPerCheckpoint / step.work)),
  };
}
