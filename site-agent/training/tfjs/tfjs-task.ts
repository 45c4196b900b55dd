import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Tensor } from '@tensorflow/tfjs-core';
import { buildEvaluation, type Evaluation } from '../../../shared/graph/training/evaluation.ts';
import type { FedTensor } from '../../../shared/graph/training/feeds.ts';
import { buildUpdate, type UpdateGraph } from '../../../shared/graph/training/gradient-part.ts';
import type { NamedTensors } from '../../../shared/tensors/tensor.ts';
import type { EngineStep, EngineTask, OpenedTask, StepOutcome } from '../engine.ts';
import { everyRow, gatherBatch } from '../gathered-batch.ts';
import { partOfValues, partSizes } from '../parts.ts';
import type { TfjsBackend } from '../tfjs-backends.ts';
import type { DesignMatrix } from '../trainer.ts';
import { GraphProgram } from './interpreter.ts';
import { type PartGradients, type PartResult, partGradients } from './part-gradients.ts';
import { failureOn, libraryError } from './runtime-errors.ts';
import { disposeAll, disposeOthers, floatTensor, placed, readAll, type TensorMap } from './tensor-store.ts';

interface Program<Built> {
  readonly built: Built;
  readonly program: GraphProgram;
}

/** A task whose weights and optimiser state lie in tensors of a backend. Every tensor it makes is disposed of by `dispose` at the latest. */
export class TfjsTask implements OpenedTask {
  readonly #backend: TfjsBackend;
  readonly #task: EngineTask;
  /** What stays as it is: frozen tensors, anchors and control variates, by their inputs' names. */
  readonly #constants: TensorMap;
  readonly #parts = new Map<string, PartGradients>();
  readonly #evaluations = new Map<number, Program<Evaluation>>();
  #update: Program<UpdateGraph> | undefined;
  #fullBatch: TensorMap = new Map();
  #state: TensorMap;
  #disposed = false;

  constructor(backend: TfjsBackend, task: EngineTask) {
    backend.activate();
    const tf = backend.library;
    this.#backend = backend;
    this.#task = task;
    this.#state = placed(tf, task.state);
    this.#constants = new Map([
      ...placed(tf, task.frozen, (name) => `frozen/${name}`),
      ...(task.proximal > 0
        ? [...placed(tf, task.anchors, (name) => `anchor/${name}`), ['proximal', tf.scalar(task.proximal)] as const]
        : []),
      ...(task.control === undefined ? [] : placed(tf, task.control, (name) => `control/${name}`)),
    ]);
  }

  async run(steps: readonly EngineStep[], partRows: number, signal: AbortSignal): Promise<readonly StepOutcome[]> {
    const begun = this.#state;
    let state = begun;
    const outcomes: StepOutcome[] = [];
    try {
      for (const [index, step] of steps.entries()) {
        if (index > 0) await this.#turn(signal);
        const { outcome, next } = await this.#step(state, step, partRows, signal);
        if (state !== begun) disposeOthers(state, next, begun);
        state = next;
        outcomes.push(outcome);
      }
    } catch (cause) {
      if (state !== begun) disposeOthers(state, begun);
      signal.throwIfAborted();
      throw await failureOn(this.#backend, cause);
    }
    if (this.#disposed) disposeAll(state.values());
    else {
      disposeOthers(begun, state);
      this.#state = state;
    }
    return outcomes;
  }

  async evaluate(partRows: number, signal: AbortSignal): Promise<number> {
    const { validation, plan } = this.#task;
    if (validation === undefined) return Number.NaN;
    const tf = this.#backend.library;
    const rows = everyRow(validation);
    let total = 0;
    let begin = 0;
    try {
      for (const size of partSizes(rows.length, partRows)) {
        await this.#turn(signal);
        let found = this.#evaluations.get(size);
        if (found === undefined) {
          const built = buildEvaluation(plan, { rows: size });
          found = { built, program: new GraphProgram(tf, built.graph.nodes, built.graph.outputs) };
          this.#evaluations.set(size, found);
        }
        const { built, program } = found;
        const own = this.#rowTensors(
          validation,
          [...built.rowInputs, built.labels],
          rows.subarray(begin, begin + size),
        );
        const loss = tf.tidy(() =>
          tf.clone(program.run(new Map([...this.#constants, ...this.#state, ...own])).get('loss') as Tensor),
        );
        disposeAll(own.values());
        total += await numberOf(loss);
        this.#checkDevice();
        begin += size;
      }
      return total / rows.length;
    } catch (cause) {
      signal.throwIfAborted();
      throw await failureOn(this.#backend, cause);
    }
  }

  async state(): Promise<NamedTensors> {
    this.#backend.activate();
    const read = await readAll(this.#state);
    this.#checkDevice();
    return read;
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#backend.activate();
    disposeAll([...this.#state.values(), ...this.#constants.values(), ...this.#fullBatch.values()]);
    for (const part of this.#parts.values()) part.dispose();
    for (const { program } of this.#evaluations.values()) program.dispose();
    this.#update?.program.dispose();
  }

  /** What failed on the device ends the step: it has left zeros behind. */
  #checkDevice(): void {
    const failure = this.#backend.takeFailure();
    if (failure !== null) throw libraryError(failure);
  }

  /** The event loop turns between the parts of a step, so an abort is heard within it. */
  async #turn(signal: AbortSignal): Promise<void> {
    await nextTurn();
    signal.throwIfAborted();
    this.#backend.activate();
  }

  async #step(
    state: TensorMap,
    step: EngineStep,
    partRows: number,
    signal: AbortSignal,
  ): Promise<{ readonly outcome: StepOutcome; readonly next: TensorMap }> {
    signal.throwIfAborted();
    this.#backend.activate();
    const tf = this.#backend.library;
    const of = step.rows.length;
    let sum: PartResult | undefined;
    let updated: readonly (readonly [string, Tensor])[] = [];
    try {
      let begin = 0;
      for (const rows of partSizes(of, partRows)) {
        if (begin > 0) await this.#turn(signal);
        const found = this.#part(state, step, begin, rows);
        sum = sum === undefined ? found : this.#added(sum, found);
        begin += rows;
      }
      const { loss, clipped, gradients, buffers } = sum as PartResult;
      updated = this.#updated(state, gradients, step);
      const count = clipped === null ? null : ((await clipped.data())[0] as number);
      // Last, so that what failed on the device in any of it has been told.
      const value = (await loss.data())[0] as number;
      this.#checkDevice();
      this.#backend.activate();
      disposeAll([...told(sum as PartResult), ...gradients.values()]);
      return {
        outcome: { loss: value, ...(count === null ? {} : { clipped: count }) },
        next: new Map([...state, ...buffers, ...updated]),
      };
    } catch (error) {
      if (sum !== undefined) tf.dispose([...told(sum), ...sum.gradients.values(), ...sum.buffers.values()]);
      tf.dispose(updated.map(([, tensor]) => tensor));
      throw error;
    }
  }

  /** Loss and gradients of the rows from `begin`. */
  #part(state: TensorMap, step: EngineStep, begin: number, rows: number): PartResult {
    const { data, plan, proximal, trainable } = this.#task;
    const tf = this.#backend.library;
    const of = step.rows.length;
    const key = `${rows} of ${of}`;
    let part = this.#parts.get(key);
    if (part === undefined) {
      part = partGradients(tf, plan, {
        rows,
        of,
        pull: proximal > 0,
        ...(trainable === undefined ? {} : { trainable }),
      });
      this.#parts.set(key, part);
    }
    const { rowInputs, labels, random } = part.takes;
    const whole = step.everyRow && rows === of;
    const own =
      whole && this.#fullBatch.size > 0
        ? this.#fullBatch
        : this.#rowTensors(data, [...rowInputs, labels], step.rows.subarray(begin, begin + rows));
    if (whole) this.#fullBatch = own;
    const uniforms = new Map(
      random.map(({ name, shape }) => [
        name,
        floatTensor(tf, partOfValues(step.random.get(name) ?? new Float32Array(0), of, begin, rows), shape),
      ]),
    );
    try {
      return part.run(new Map([...this.#constants, ...state, ...own, ...uniforms]));
    } finally {
      disposeAll(uniforms.values());
      if (!whole) disposeAll(own.values());
    }
  }

  /** Sums of two parts, which are disposed of. Parts share no buffers: a batch whose rows mix is never cut. */
  #added(sum: PartResult, part: PartResult): PartResult {
    const tf = this.#backend.library;
    const result = {
      loss: tf.add(sum.loss, part.loss),
      clipped: sum.clipped === null || part.clipped === null ? null : tf.add(sum.clipped, part.clipped),
      gradients: new Map(
        [...sum.gradients].map(([name, gradient]) => [name, tf.add(gradient, part.gradients.get(name) as Tensor)]),
      ),
      buffers: part.buffers,
    };
    tf.dispose([
      ...told(sum),
      ...told(part),
      ...sum.gradients.values(),
      ...part.gradients.values(),
      ...sum.buffers.values(),
    ]);
    return result;
  }

  /** Next values of the moving tensors and of the optimiser's state. */
  #updated(state: TensorMap, gradients: TensorMap, step: EngineStep): (readonly [string, Tensor])[] {
    const { plan, trainable, control } = this.#task;
    const tf = this.#backend.library;
    if (this.#update === undefined) {
      const built = buildUpdate(plan, {
        control: control !== undefined,
        ...(trainable === undefined ? {} : { trainable }),
      });
      this.#update = { built, program: new GraphProgram(tf, built.graph.nodes, built.graph.outputs) };
    }
    const { built, program } = this.#update;
    const carried = [...built.weights, ...built.slots];
    const found = tf.tidy(() => {
      const feeds = new Map([
        ...this.#constants,
        ...state,
        ...[...gradients].map(([name, gradient]) => [`sum/${name}`, gradient] as const),
        ...Object.entries(step.scalars).map(([name, value]) => [name, tf.scalar(value)] as const),
      ]);
      const values = program.run(feeds);
      return carried.map(({ next }) => tf.clone(values.get(next) as Tensor));
    });
    return carried.map(({ name }, index) => [name, found[index] as Tensor]);
  }

  #rowTensors(data: DesignMatrix, inputs: readonly FedTensor[], rows: Uint32Array): TensorMap {
    const tf = this.#backend.library;
    const { features, payload, labels } = gatherBatch(data, rows);
    const values: Readonly<Record<string, Float32Array | null>> = { features, payload, labels };
    return new Map(
      inputs.map(({ name, shape }) => [name, tf.tensor(values[name] ?? new Float32Array(0), [...shape], 'float32')]),
    );
  }
}

const told = ({ loss, clipped }: PartResult): Tensor[] => (clipped === null ? [loss] : [loss, clipped]);

/** The number of a scalar, which is disposed of. */
async function numberOf(scalar: Tensor): Promise<number> {
  try {
    return (await scalar.data())[0] as number;
  } finally {
    scalar.dispose();
  }
}
