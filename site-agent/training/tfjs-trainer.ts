import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { WardroundError } from '../../shared/runtime/errors.ts';
import { batchSchedule } from './batches.ts';
import { checkTask, deltaOf } from './check-task.ts';
import { gatherBatch } from './gathered-batch.ts';
import { LossRecord } from './loss-record.ts';
import type { TfjsBackend } from './tfjs-backends.ts';
import { movingWeights, type TfjsAdaptation, tfjsSlots, tfjsStep } from './tfjs-step.ts';
import type { Trainer, TrainingResult, TrainingTask } from './trainer.ts';
import { TrainingError } from './training-error.ts';

function disposeAll(tensors: Iterable<Tensor>): void {
  for (const tensor of tensors) tensor.dispose();
}

/** Trains with TensorFlow.js. Every tensor made in `train` is disposed of before it returns or throws. */
export class TfjsTrainer implements Trainer {
  readonly engine = 'tfjs' as const;
  readonly description: string;
  readonly #backend: TfjsBackend;
  #disposed = false;

  constructor(backend: TfjsBackend) {
    this.#backend = backend;
    this.description = backend.description;
  }

  async train(task: TrainingTask, signal: AbortSignal): Promise<TrainingResult> {
    signal.throwIfAborted();
    if (this.#disposed) throw new TrainingError('disposed');
    checkTask(task);
    const tf = this.#backend.library;
    const { plan, data } = task;
    const schedule = batchSchedule(data.rows, plan.training, task.seed);
    const record = new LossRecord(schedule.steps, schedule.stepsPerEpoch);

    const held = new Set<Tensor>();
    const hold = <Kind extends Tensor>(tensor: Kind): Kind => {
      held.add(tensor);
      return tensor;
    };
    const release = (tensors: Iterable<Tensor>): void => {
      for (const tensor of tensors) {
        held.delete(tensor);
        tensor.dispose();
      }
    };
    try {
      this.#backend.activate();
      let weights = new Map<string, Tensor>();
      for (const [name, { shape, data: values }] of task.weights) {
        // A copy: the plain JavaScript backend keeps the array it is given.
        weights.set(name, hold(tf.tensor(Float32Array.from(values), [...shape], 'float32')));
      }
      const proximal = task.proximal ?? 0;
      const adaptation: TfjsAdaptation = {
        trainable: task.trainable,
        proximal,
        anchors: new Map(
          proximal === 0
            ? []
            : [...movingWeights(weights, task)].map(([name, tensor]) => [name, hold(tf.clone(tensor))]),
        ),
      };
      let slots = tfjsSlots(tf, plan, movingWeights(weights, task));
      for (const tensor of slots.values()) hold(tensor);

      let batch: { features: Tensor2D; labels: Tensor1D } | undefined;
      // The loop would otherwise keep the process from its heartbeats and from hearing of an abort.
      const turn = async (): Promise<void> => {
        await nextTurn();
        signal.throwIfAborted();
        this.#backend.activate();
      };
      for (let step = 0; step < schedule.steps; step++) {
        await turn();
        const rows = schedule.rowsOf(step);
        if (batch === undefined) {
          const gathered = gatherBatch(data, rows);
          batch = {
            features: hold(tf.tensor2d(gathered.features, [rows.length, data.features])),
            labels: hold(tf.tensor1d(gathered.labels)),
          };
        }
        const next = await tfjsStep(tf, plan, step + 1, batch.features, batch.labels, weights, slots, turn, adaptation);
        hold(next.loss);
        for (const tensor of [...next.weights.values(), ...next.slots.values()]) hold(tensor);
        release([...weights.values(), ...slots.values()]);
        ({ weights, slots } = next);
        const [loss] = await next.loss.data();
        release([next.loss]);
        if (plan.training.batch !== 'full') {
          release([batch.features, batch.labels]);
          batch = undefined;
        }
        record.add(step, loss as number, rows.length);
      }
      signal.throwIfAborted();

      const trained = new Map<string, Float32Array>();
      for (const [name, tensor] of weights) trained.set(name, (await tensor.data()) as Float32Array);
      return {
        delta: deltaOf(task.weights, trained),
        examples: data.rows,
        steps: schedule.steps,
        metrics: record.metrics,
      };
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof WardroundError) throw cause;
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new TrainingError('engine_failed', `tensorflow.js failed in a training step: ${message}`, {}, cause);
    } finally {
      disposeAll(held);
    }
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
  }
}
