import { setImmediate as nextTurn } from 'node:timers/promises';
import { frozenWeights } from '../../shared/graph/adapters.ts';
import { buildObjective } from '../../shared/graph/training/objective.ts';
import { stepScalars } from '../../shared/graph/training/optimiser-update.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import { batchSchedule } from './batches.ts';
import { callSchedule } from './call-schedule.ts';
import { checkTask, deltaOf } from './check-task.ts';
import { addedStep } from './clip-counts.ts';
import { EarlyStopping } from './early-stopping.ts';
import type { Engine, EngineStep } from './engine.ts';
import { type LoopState, restoreLoop, storedLoop } from './loop-state.ts';
import { LossRecord } from './loss-record.ts';
import { checkRandomByRows, drawRandom } from './random-inputs.ts';
import { RowsAtOnce } from './rows-at-once.ts';
import { runCall } from './run-call.ts';
import { stepCounts, stepPlan, whyWhole, whyWholeLoss } from './step-plan.ts';
import type { TrainingResult, TrainingTask } from './trainer.ts';
import { TrainingError } from './training-error.ts';

export interface LoopNeeds {
  readonly log: Logger;
  /** For the time left, nothing else. */
  readonly nowMs: () => number;
}

/** Steps of a call as an engine takes them. */
function makeSteps(task: TrainingTask, random: RandomInputs, schedule: ReturnType<typeof batchSchedule>) {
  const { plan, seed } = task;
  return (first: number, count: number): EngineStep[] =>
    Array.from({ length: count }, (_, index) => {
      const step = first + index;
      const rows = schedule.rowsOf(step);
      return {
        rows,
        everyRow: plan.training.batch === 'full',
        scalars: stepScalars(plan.training, { step: step + 1, round: task.round ?? 0 }),
        random: drawRandom(random(rows.length), seed, step),
      };
    });
}

type RandomInputs = (rows: number) => ReturnType<typeof buildObjective>['random'];

function randomInputsOf(task: TrainingTask): RandomInputs {
  const known = new Map<number, ReturnType<RandomInputs>>();
  return (rows) => {
    const inputs = known.get(rows) ?? buildObjective(task.plan, { rows }).random;
    known.set(rows, inputs);
    return inputs;
  };
}

/**
 * One round of local training, the same for every engine: which rows each step takes, its scalars and random values, when the state is kept,
 * when training stops. For the same task on the same machine it makes the same calls with the same arguments, also when it goes on
 * from a checkpoint.
 *
 * @throws TrainingError; GraphError `wrong_weights`; the signal's reason within one call of its abort
 */
export async function trainRound(
  engine: Engine,
  task: TrainingTask,
  signal: AbortSignal,
  { log, nowMs }: LoopNeeds,
): Promise<TrainingResult> {
  signal.throwIfAborted();
  checkTask(task);
  const { plan, data, validation } = task;
  const schedule = batchSchedule(data.rows, plan.training, task.seed);
  const batch = schedule.rowsOf(0).length;
  const precision = plan.training.precision === 'mixed' && engine.mixed ? 'mixed' : 'float32';
  if (plan.training.precision === 'mixed' && precision === 'float32')
    log.info({ runsOn: engine.description }, 'the plan allows float16, which this engine does not have: float32 it is');
  const step = stepPlan(task, batch, precision);
  const stopsEarly = validation !== undefined && plan.training.earlyStopping !== undefined;
  const calls = callSchedule(schedule, { ...stepCounts(step, engine), byEpoch: stopsEarly });
  const random = randomInputsOf(task);
  const begun = restoreLoop(task, step, calls, { log, runsOn: engine.description });

  const rowsAtOnce = new RowsAtOnce(begun.partRows ?? Math.min(task.mostRows ?? step.partRows, batch), whyWhole(plan), {
    log,
    onCut: () => checkRandomByRows(random, batch),
  });
  rowsAtOnce.checkBatch(batch);
  const validationAtOnce = new RowsAtOnce(
    whyWholeLoss(plan) === null ? rowsAtOnce.rows : (validation?.rows ?? 1),
    whyWholeLoss(plan),
    { log, onCut: () => {} },
  );
  const losses = new LossRecord(schedule.steps, schedule.stepsPerEpoch, begun.losses);
  const stopping = stopsEarly
    ? new EarlyStopping(plan.training.earlyStopping as NonNullable<typeof plan.training.earlyStopping>, begun.stopping)
    : null;
  const stepsOf = makeSteps(task, random, schedule);
  const startedMs = nowMs();

  const opened = await engine.open(
    {
      plan,
      data,
      anchors: task.weights,
      frozen: task.frozen ?? frozenWeights(plan),
      proximal: task.proximal ?? 0,
      precision,
      state: begun.state,
      ...(validation === undefined ? {} : { validation }),
      ...(task.control === undefined ? {} : { control: task.control }),
      ...(task.trainable === undefined ? {} : { trainable: task.trainable }),
    },
    signal,
  );
  let done = begun.step;
  let { clipping, lossScale: scale } = begun;
  try {
    for (const call of calls) {
      if (call.first < begun.step) continue;
      // The loop would otherwise keep the process from its heartbeats and from hearing of an abort.
      await nextTurn();
      signal.throwIfAborted();
      const found = await runCall({ opened, stepsOf, rowsAtOnce }, call, scale, signal);
      signal.throwIfAborted();
      scale = found.scale;
      const taken = schedule.rowsOf(call.first).length;
      for (const [index, { loss, clipped }] of found.outcomes.entries()) {
        losses.add(done + index, loss, taken);
        if (clipping !== null && clipped !== undefined) clipping = addedStep(clipping, taken, clipped);
      }
      done += call.steps;
      task.onProgress?.({
        step: done,
        steps: schedule.steps,
        epoch: Math.ceil(done / schedule.stepsPerEpoch),
        loss: losses.epochMean,
        ...(clipping === null ? {} : { clipping }),
        secondsLeft: ((nowMs() - startedMs) / 1000 / (done - begun.step)) * (schedule.steps - done),
      });
      if (stopping !== null && call.endsEpoch) {
        const loss = await validationAtOnce.during((rows) => opened.evaluate(rows, signal), validation?.rows ?? 1);
        signal.throwIfAborted();
        const weights = stopping.improves(loss) ? weightsOf(await opened.state(), task.weights) : null;
        if (stopping.add(loss, weights)) break;
      }
      if (call.checkpoint && task.onCheckpoint !== undefined) {
        const state: LoopState = {
          step: done,
          state: await opened.state(),
          partRows: rowsAtOnce.rows,
          losses,
          lossScale: scale,
          clipping,
          stopping,
          runsOn: engine.description,
        };
        await task.onCheckpoint(storedLoop(state));
        signal.throwIfAborted();
      }
    }
    const trained = stopping === null ? weightsOf(await opened.state(), task.weights) : bestOf(stopping);
    signal.throwIfAborted();
    if (scale !== null && scale.halved > 0)
      log.info(
        { times: scale.halved, steps: done, scale: scale.scale },
        'steps taken again with half the scale: a gradient was too large for float16',
      );
    return {
      delta: deltaOf(task.weights, new Map([...trained].map(([name, tensor]) => [name, tensor.data]))),
      examples: data.rows,
      steps: done,
      metrics: losses.metrics(done < schedule.steps),
      rowsAtOnce: Math.min(batch, rowsAtOnce.rows),
      precision,
      ...(scale === null ? {} : { stepsAgain: scale.halved, stepsThrown: scale.thrown }),
      ...(clipping === null ? {} : { clipping }),
      ...(stopping === null ? {} : { validation: { losses: stopping.record.losses, best: stopping.record.best } }),
    };
  } finally {
    await opened.dispose();
  }
}

const weightsOf = (state: NamedTensors, weights: NamedTensors): NamedTensors =>
  new Map(
    [...weights.keys()].map((name) => [name, state.get(name)] as const).filter((entry) => entry[1] !== undefined),
  ) as NamedTensors;

function bestOf(stopping: EarlyStopping): NamedTensors {
  if (stopping.record.best === 0) {
    throw new TrainingError(
      'not_finite_loss',
      `the validation loss is ${stopping.record.losses.at(-1)} after every epoch; a smaller rate in the plan, or a look at extreme values with \`site check\`, may mend it`,
    );
  }
  return stopping.tensors;
}
