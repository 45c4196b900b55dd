import type { Logger } from '../../shared/runtime/logger.ts';
import type { NamedTensors, Tensor } from '../../shared/tensors/tensor.ts';
import type { StepCall } from './call-schedule.ts';
import { type ClipCounts, noRows } from './clip-counts.ts';
import type { EarlyStopping, StoppingRecord } from './early-stopping.ts';
import type { LossRecord, LossSums } from './loss-record.ts';
import { firstScale, type LossScale } from './loss-scale.ts';
import type { StepPlan } from './step-plan.ts';
import type { Checkpoint, TrainingTask } from './trainer.ts';

/** Where the loop stands between two calls. */
export interface LoopState {
  /** Steps done. */
  readonly step: number;
  readonly state: NamedTensors;
  readonly partRows: number;
  readonly losses: LossRecord;
  /** Of the step that comes next; null in float32. */
  readonly lossScale: LossScale | null;
  readonly clipping: ClipCounts | null;
  readonly stopping: EarlyStopping | null;
  /** Description of the engine. */
  readonly runsOn: string;
}

/** `Checkpoint.record` of this loop. */
interface StoredRecord {
  readonly format: 1;
  readonly partRows: number;
  readonly losses: LossSums;
  /** In half precision. */
  readonly lossScale?: LossScale;
  /** Where rows are clipped one by one. */
  readonly clipping?: ClipCounts;
  readonly stopping: StoppingRecord | null;
  /** What made it; checkpoints of before do not say. */
  readonly runsOn?: string;
}

/** Where a round begins. */
export interface LoopStart {
  readonly step: number;
  readonly state: NamedTensors;
  readonly partRows?: number;
  readonly losses?: LossSums;
  readonly lossScale: LossScale | null;
  readonly clipping: ClipCounts | null;
  readonly stopping?: { readonly record: StoppingRecord; readonly tensors: NamedTensors };
}

const bestPrefix = 'best/';

export function storedLoop(loop: LoopState): Checkpoint {
  const { step, state, partRows, losses, lossScale, clipping, stopping, runsOn } = loop;
  const record: StoredRecord = {
    format: 1,
    partRows,
    losses: losses.sums,
    ...(lossScale === null ? {} : { lossScale }),
    ...(clipping === null ? {} : { clipping }),
    stopping: stopping?.record ?? null,
    runsOn,
  };
  const best = [...(stopping?.tensors ?? [])].map(([name, tensor]) => [bestPrefix + name, tensor] as const);
  return { step, tensors: new Map([...state, ...best]), record: { ...record } };
}

function sameShape(tensor: Tensor | undefined, shape: readonly number[]): tensor is Tensor {
  return (
    tensor !== undefined &&
    tensor.shape.length === shape.length &&
    tensor.shape.every((length, axis) => length === shape[axis]) &&
    tensor.data.every(Number.isFinite)
  );
}

function fresh(task: TrainingTask, { slots, precision }: StepPlan): LoopStart {
  const state = new Map<string, Tensor>(task.weights);
  for (const { name, shape, initial } of slots) {
    const data = new Float32Array(shape.reduce((product, length) => product * length, 1));
    state.set(name, { shape, data: data.fill(initial) });
  }
  return {
    step: 0,
    state,
    lossScale: precision === 'mixed' ? firstScale : null,
    clipping: task.plan.training.perExampleClip === undefined ? null : noRows,
  };
}

/**
 * Where the round goes on: at its checkpoint, when that is one of this task's on this engine, or at the beginning. Engines agree to rounding: a
 * round that two of them shared would give bits that neither gives again.
 */
export function restoreLoop(
  task: TrainingTask,
  step: StepPlan,
  calls: readonly StepCall[],
  { log, runsOn }: { readonly log: Logger; readonly runsOn: string },
): LoopStart {
  const { resume } = task;
  const start = fresh(task, step);
  if (resume === undefined) return start;
  const record = resume.record as unknown as StoredRecord;
  const state = new Map<string, Tensor>();
  for (const [name, { shape }] of start.state) {
    const tensor = resume.tensors.get(name);
    if (sameShape(tensor, shape)) state.set(name, tensor);
  }
  const best = new Map<string, Tensor>();
  for (const [name, tensor] of resume.tensors) {
    if (name.startsWith(bestPrefix)) best.set(name.slice(bestPrefix.length), tensor);
  }
  const fits =
    record.format === 1 &&
    (record.runsOn ?? runsOn) === runsOn &&
    state.size === start.state.size &&
    (record.lossScale === undefined) === (start.lossScale === null) &&
    (record.clipping === undefined) === (start.clipping === null) &&
    calls.some((call) => call.checkpoint && call.first + call.steps === resume.step);
  if (!fits) {
    log.warn(
      { step: resume.step, madeOn: record.runsOn, runsOn },
      'the checkpoint is not one of this task on this engine: the round begins anew',
    );
    return start;
  }
  log.info(
    { step: resume.step, steps: (calls.at(-1)?.first ?? 0) + (calls.at(-1)?.steps ?? 0) },
    'the round goes on from its checkpoint',
  );
  return {
    step: resume.step,
    state,
    partRows: record.partRows,
    losses: record.losses,
    lossScale: record.lossScale ?? null,
    clipping: record.clipping ?? null,
    ...(record.stopping === null ? {} : { stopping: { record: record.stopping, tensors: best } }),
  };
}
