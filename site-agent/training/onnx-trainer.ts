// First: what follows would start the library's telemetry.
import '../../shared/runtime/no-telemetry.ts';

import { availableParallelism } from 'node:os';
import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import { encodeOnnx } from '../../shared/graph/onnx-file.ts';
import type { ObjectiveOptions } from '../../shared/graph/training/objective.ts';
import { stepScalars } from '../../shared/graph/training/optimiser-update.ts';
import { buildTrainingStep, type TrainingStep } from '../../shared/graph/training/training-step.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import { batchSchedule } from './batches.ts';
import { checkTask, deltaOf } from './check-task.ts';
import { gatherBatch } from './gathered-batch.ts';
import { LossRecord } from './loss-record.ts';
import type { Trainer, TrainingResult, TrainingTask } from './trainer.ts';
import { TrainingError } from './training-error.ts';

interface Compiled {
  readonly step: TrainingStep;
  readonly session: InferenceSession;
}

/** Multiplications of one forward pass of a batch, below which a second thread costs more than it brings. */
const workForThreads = 4_000_000;
const mostThreads = 4;

/** More threads slow small models down, so their number follows the work of one step. */
export function threadsFor(task: Pick<TrainingTask, 'plan' | 'weights' | 'data'>, cores: number): number {
  const batch =
    task.plan.training.batch === 'full' ? task.data.rows : Math.min(task.plan.training.batch, task.data.rows);
  let weights = 0;
  for (const tensor of task.weights.values()) weights += tensor.data.length;
  return weights * batch < workForThreads ? 1 : Math.max(1, Math.min(mostThreads, cores));
}

/**
 * Trains by running the compiled training step in onnxruntime-node on the CPU, one call a step. Between two steps the
 * event loop turns, so heartbeats go on and an abort is seen.
 */
export class OnnxTrainer implements Trainer {
  readonly engine = 'onnx' as const;
  readonly description: string;
  readonly #cores: number;
  readonly #compiled = new Map<string, Promise<Compiled>>();
  #disposed = false;

  constructor(cores: number = availableParallelism()) {
    this.#cores = cores;
    const threads = Math.max(1, Math.min(mostThreads, cores));
    this.description = `onnxruntime-node ${env.versions.node ?? env.versions.common} cpu, ${threads === 1 ? '1 thread' : `1 to ${threads} threads by size`}`;
  }

  async train(task: TrainingTask, signal: AbortSignal): Promise<TrainingResult> {
    signal.throwIfAborted();
    if (this.#disposed) throw new TrainingError('disposed');
    checkTask(task);
    const { plan, data } = task;
    const schedule = batchSchedule(data.rows, plan.training, task.seed);
    const record = new LossRecord(schedule.steps, schedule.stepsPerEpoch);

    const { step: graph } = await this.#compile(task, schedule.rowsOf(0).length);
    const carried = [...graph.weights, ...graph.slots];
    const fetches = ['loss', ...carried.map((tensor) => tensor.next)];
    let state = new Map<string, Tensor>();
    for (const { name, shape } of graph.weights) {
      // A copy: the runtime may hold on to what it is fed.
      state.set(name, new Tensor('float32', Float32Array.from(task.weights.get(name)?.data ?? []), shape));
    }
    for (const { name, shape } of graph.slots) {
      const size = shape.reduce((product, length) => product * length, 1);
      state.set(name, new Tensor('float32', new Float32Array(size), shape));
    }

    const pull: Record<string, Tensor> = {};
    for (const { name, weight, shape } of graph.anchors) {
      pull[name] = new Tensor('float32', Float32Array.from(task.weights.get(weight)?.data ?? []), shape);
    }
    if (graph.anchors.length > 0) pull.proximal = new Tensor('float32', Float32Array.of(task.proximal ?? 0), []);

    let fullBatch: { features: Tensor; labels: Tensor } | undefined;
    for (let step = 0; step < schedule.steps; step++) {
      signal.throwIfAborted();
      const rows = schedule.rowsOf(step);
      let batch = fullBatch;
      if (batch === undefined) {
        const gathered = gatherBatch(data, rows);
        batch = {
          features: new Tensor('float32', gathered.features, [rows.length, data.features]),
          labels: new Tensor('float32', gathered.labels, [rows.length]),
        };
        if (plan.training.batch === 'full') fullBatch = batch;
      }
      const feeds: Record<string, Tensor> = { features: batch.features, labels: batch.labels };
      for (const [name, tensor] of state) feeds[name] = tensor;
      for (const [name, tensor] of Object.entries(pull)) feeds[name] = tensor;
      for (const [name, value] of Object.entries(stepScalars(plan.training.optimiser, step + 1))) {
        feeds[name] = new Tensor('float32', Float32Array.of(value), []);
      }
      const { session } = await this.#compile(task, rows.length);
      const results = await run(session, feeds, fetches);
      const [loss] = (results.loss as Tensor).data as Float32Array;
      record.add(step, loss as number, rows.length);
      const next = new Map<string, Tensor>();
      for (const tensor of carried) next.set(tensor.name, results[tensor.next] as Tensor);
      state = next;
    }
    signal.throwIfAborted();

    const trained = new Map(graph.weights.map(({ name }) => [name, state.get(name)?.data as Float32Array]));
    return {
      delta: deltaOf(task.weights, trained),
      examples: data.rows,
      steps: schedule.steps,
      metrics: record.metrics,
    };
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    const all = [...this.#compiled.values()];
    this.#compiled.clear();
    for (const compiled of all) await (await compiled).session.release();
  }

  /** A round after the first uses the session of the one before: the graph depends on the plan, the thread count and what is trained. */
  async #compile(task: TrainingTask, rows: number): Promise<Compiled> {
    const threads = threadsFor(task, this.#cores);
    const { data, model, training, task: kind } = task.plan;
    const options: ObjectiveOptions = {
      rows,
      ...(task.trainable === undefined ? {} : { trainable: task.trainable }),
      pull: task.proximal !== undefined && task.proximal > 0,
    };
    const { optimiser, l2 } = training;
    const key = canonicalJson([threads, kind, model, optimiser, l2, data.columns, data.label, options]);
    const known = this.#compiled.get(key);
    if (known !== undefined) return known;
    const made = (async () => {
      const step = buildTrainingStep(task.plan, options);
      const session = await InferenceSession.create(encodeOnnx(step.graph), {
        executionProviders: ['cpu'],
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        graphOptimizationLevel: 'all',
        logSeverityLevel: 3,
      });
      return { step, session };
    })();
    this.#compiled.set(key, made);
    try {
      return await made;
    } catch (cause) {
      this.#compiled.delete(key);
      throw new TrainingError(
        'engine_failed',
        `onnxruntime refused the training graph: ${messageOf(cause)}`,
        {},
        cause,
      );
    }
  }
}

async function run(
  session: InferenceSession,
  feeds: Record<string, Tensor>,
  fetches: readonly string[],
): Promise<Record<string, Tensor>> {
  try {
    return (await session.run(feeds, fetches)) as Record<string, Tensor>;
  } catch (cause) {
    throw new TrainingError('engine_failed', `onnxruntime failed in a training step: ${messageOf(cause)}`, {}, cause);
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
