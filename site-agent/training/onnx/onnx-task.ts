// First: what follows would start the library's telemetry.
import '../../../shared/runtime/no-telemetry.ts';

import type { Tensor } from 'onnxruntime-node';
import type { Graph } from '../../../shared/graph/graph.ts';
import { GraphBuilder } from '../../../shared/graph/graph-builder.ts';
import { buildEpoch } from '../../../shared/graph/training/epoch.ts';
import { buildEvaluation } from '../../../shared/graph/training/evaluation.ts';
import { buildGradientPart, buildUpdate } from '../../../shared/graph/training/gradient-part.ts';
import { overflowName } from '../../../shared/graph/training/loss-scaling.ts';
import {
  buildTrainingStep,
  type CarriedTensor,
  type StepOptions,
} from '../../../shared/graph/training/training-step.ts';
import type { NamedTensors } from '../../../shared/tensors/tensor.ts';
import type { EngineStep, EngineTask, OpenedTask, StepOutcome } from '../engine.ts';
import { partOfValues, partSizes, wholeOutcome } from '../parts.ts';
import { TrainingError } from '../training-error.ts';
import { chosen, type Feeds, floats, randomFeeds, rowFeeds, scalars, sizeOf, stackedFeeds } from './feeds.ts';
import { runtimeError } from './runtime-errors.ts';
import type { Compiled, Session } from './sessions.ts';

/** What a task needs of its engine. */
export interface OnnxTaskNeeds {
  /** The session of a graph of this task; `kind` tells graphs of one task apart. */
  take<Built extends { readonly graph: Graph }>(kind: string, build: () => Built): Promise<Compiled<Built>>;
  /** Gives the sessions of this task back; so many that nobody uses stay, for the next task. */
  giveBack(keepIdle?: number): Promise<void>;
}

type State = ReadonlyMap<string, Tensor>;

/** A task of the onnx engine: its state as tensors of the runtime, on the device where the provider keeps them there. */
export class OnnxTask implements OpenedTask {
  readonly #task: EngineTask;
  readonly #needs: OnnxTaskNeeds;
  readonly #options: Omit<StepOptions, 'rows'>;
  /** `frozen/NAME`, `anchor/NAME`, `control/NAME` and `proximal`: the same at each step. */
  readonly #constants: State;
  /** Rows of a full batch, which are the same at each step. */
  #fullBatch: Feeds | null = null;
  #state: State;

  constructor(task: EngineTask, needs: OnnxTaskNeeds) {
    this.#task = task;
    this.#needs = needs;
    this.#options = {
      pull: task.proximal > 0,
      control: task.control !== undefined,
      precision: task.precision,
      ...(task.trainable === undefined ? {} : { trainable: task.trainable }),
    };
    const tensors = (prefix: string, of: NamedTensors): [string, Tensor][] =>
      // Copies: the runtime may hold on to what it is fed.
      [...of].map(([name, { shape, data }]) => [prefix + name, floats(data.slice(), shape)]);
    this.#state = new Map(tensors('', task.state));
    this.#constants = new Map([
      ...tensors('frozen/', task.frozen),
      ...tensors('anchor/', task.anchors),
      ...tensors('control/', task.control ?? new Map()),
      ...Object.entries(scalars({ proximal: task.proximal })),
    ]);
  }

  run(steps: readonly EngineStep[], partRows: number, signal: AbortSignal): Promise<readonly StepOutcome[]> {
    return this.#inMemory(() => this.#steps(steps, partRows, signal));
  }

  evaluate(partRows: number, signal: AbortSignal): Promise<number> {
    return this.#inMemory(() => this.#validate(partRows, signal));
  }

  /** A session that ran out of memory keeps what it got: it is closed, so that smaller parts find room. */
  async #inMemory<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof TrainingError && cause.code === 'out_of_memory') await this.#needs.giveBack(0);
      throw cause;
    }
  }

  async #steps(steps: readonly EngineStep[], partRows: number, signal: AbortSignal): Promise<readonly StepOutcome[]> {
    const [first, ...more] = steps;
    if (first === undefined) return [];
    if (more.length > 0) return this.#together(steps, signal);
    return partRows < first.rows.length ? this.#inParts(first, partRows, signal) : this.#whole(first, signal);
  }

  async #validate(partRows: number, signal: AbortSignal): Promise<number> {
    const { validation, plan } = this.#task;
    if (validation === undefined) throw new TrainingError('engine_failed', 'there are no rows to validate on');
    let sum = 0;
    let begin = 0;
    for (const rows of partSizes(validation.rows, partRows)) {
      const { built, session } = await this.#needs.take(`evaluation ${rows}`, () => buildEvaluation(plan, { rows }));
      const places = Uint32Array.from({ length: rows }, (_, index) => begin + index);
      const feeds = {
        ...this.#given(built.frozen),
        ...chosen(this.#state, built.weights),
        ...rowFeeds(validation, [...built.rowInputs, built.labels], places),
      };
      sum += numberOf((await call(session, feeds, ['loss'], signal)).loss);
      begin += rows;
    }
    return sum / validation.rows;
  }

  async state(): Promise<NamedTensors> {
    let read: Readonly<Record<string, Tensor>> = Object.fromEntries(this.#state);
    if ([...this.#state.values()].some(({ location }) => location !== 'cpu')) {
      // Asked for the bytes of a tensor on a device, the binding ends the process: a graph hands them out.
      const { built, session } = await this.#needs.take('read', () => copies(this.#state));
      const results = await call(session, Object.fromEntries(this.#state), built.outputs, null);
      read = Object.fromEntries([...this.#state.keys()].map((name) => [name, results[`copy/${name}`] as Tensor]));
    }
    return new Map(
      Object.entries(read).map(([name, { dims, data }]) => [
        name,
        { shape: [...dims], data: Float32Array.from(data as Float32Array) },
      ]),
    );
  }

  async dispose(): Promise<void> {
    this.#replace(new Map());
    await this.#needs.giveBack();
  }

  async #whole(step: EngineStep, signal: AbortSignal): Promise<readonly StepOutcome[]> {
    const { plan } = this.#task;
    const rows = step.rows.length;
    const { built, session } = await this.#needs.take(`step ${rows}`, () =>
      buildTrainingStep(plan, { ...this.#options, rows }),
    );
    const carried = [...built.weights, ...built.slots];
    const feeds = {
      ...this.#given([...built.frozen, ...this.#pull(built.anchors), ...built.control]),
      ...chosen(
        this.#state,
        carried.map(({ name }) => name),
      ),
      ...this.#rows(step, [...built.rowInputs, built.labels]),
      ...randomFeeds(built.random, step),
      ...scalarsOf(step, built.scalars),
    };
    const fetches = [...this.#told, ...this.#overflow, ...carried.map(({ next }) => next)];
    const results = await call(session, feeds, fetches, signal);
    return this.#kept(this.#outcomes(results, 1), carried, results);
  }

  /** Steps in one call of the runtime, which hands the state from one to the next itself. */
  async #together(steps: readonly EngineStep[], signal: AbortSignal): Promise<readonly StepOutcome[]> {
    const { plan, data } = this.#task;
    const rows = steps[0]?.rows.length ?? 0;
    const { built, session } = await this.#needs.take(`${steps.length} steps ${rows}`, () =>
      buildEpoch(plan, { ...this.#options, rows, steps: steps.length }),
    );
    const carried = [...built.weights, ...built.slots];
    const places = new Uint32Array(steps.length * rows);
    for (const [index, step] of steps.entries()) places.set(step.rows, index * rows);
    const feeds = {
      ...this.#given([...built.frozen, ...this.#pull(built.anchors), ...built.control]),
      ...chosen(
        this.#state,
        carried.map(({ name }) => name),
      ),
      ...rowFeeds(data, [...built.rowInputs, built.labels], places),
      ...stackedFeeds(built.random, (step, name) => step.random.get(name), steps),
      ...stackedFeeds(built.scalars, (step, name) => Float32Array.of(step.scalars[name] ?? Number.NaN), steps),
    };
    const fetches = [...this.#told, ...this.#overflow, ...carried.map(({ next }) => next)];
    const results = await call(session, feeds, fetches, signal);
    return this.#kept(this.#outcomes(results, steps.length), carried, results);
  }

  async #inParts(step: EngineStep, partRows: number, signal: AbortSignal): Promise<readonly StepOutcome[]> {
    const { plan, data } = this.#task;
    const of = step.rows.length;
    const parts: StepOutcome[] = [];
    let begin = 0;
    let sums: State = new Map();
    for (const rows of partSizes(of, partRows)) {
      const { built, session } = await this.#needs.take(`part ${rows} of ${of}`, () =>
        buildGradientPart(plan, { pull: this.#options.pull === true, rows, of, ...this.#moving() }),
      );
      if (sums.size === 0)
        sums = new Map(built.sums.map(({ name, shape }) => [name, floats(new Float32Array(sizeOf(shape)), shape)]));
      const feeds = {
        ...this.#given([...built.frozen, ...this.#pull(built.anchors)]),
        ...chosen(this.#state, built.weights),
        ...Object.fromEntries(sums),
        ...rowFeeds(data, [...built.rowInputs, built.labels], step.rows.subarray(begin, begin + rows)),
        ...Object.fromEntries(
          built.random.map(({ name, shape }) => [
            name,
            floats(partOfValues(step.random.get(name) ?? new Float32Array(0), of, begin, rows), shape),
          ]),
        ),
        ...scalarsOf(step, built.scalars),
      };
      const results = await call(session, feeds, [...this.#told, ...built.sums.map(({ next }) => next)], signal);
      for (const tensor of sums.values()) drop(tensor);
      sums = new Map(built.sums.map(({ name, next }) => [name, results[next] as Tensor]));
      parts.push(...this.#outcomes(results, 1));
      begin += rows;
    }
    const { built, session } = await this.#needs.take('update', () =>
      buildUpdate(plan, { control: this.#options.control === true, ...this.#moving() }),
    );
    const carried = [...built.weights, ...built.slots];
    const feeds = {
      ...this.#given(built.control),
      ...chosen(
        this.#state,
        carried.map(({ name }) => name),
      ),
      ...Object.fromEntries(sums),
      ...scalarsOf(step, built.scalars),
    };
    const results = await call(session, feeds, [...this.#overflow, ...carried.map(({ next }) => next)], signal);
    for (const tensor of sums.values()) drop(tensor);
    return this.#kept([{ ...wholeOutcome(parts), ...overflowOf(results, 0) }], carried, results);
  }

  /** Takes the results of steps over as the state, unless one overflowed: then they are thrown away, and what came after it is not told. */
  #kept(
    outcomes: readonly StepOutcome[],
    carried: readonly CarriedTensor[],
    results: Readonly<Record<string, Tensor>>,
  ): readonly StepOutcome[] {
    const next = carried.map(({ name, next }) => [name, results[next] as Tensor] as const);
    const overflow = outcomes.findIndex(({ overflowed }) => overflowed === true);
    if (overflow === -1) {
      this.#replace(new Map([...this.#state, ...next]));
      return outcomes;
    }
    for (const [, tensor] of next) drop(tensor);
    return outcomes.slice(0, overflow + 1);
  }

  /** Outputs that say how a step went. */
  get #told(): readonly string[] {
    return this.#task.plan.training.perExampleClip === undefined ? ['loss'] : ['loss', 'clipped'];
  }

  /** The output that says whether a gradient went beyond float16, where that may be. */
  get #overflow(): readonly string[] {
    return this.#task.precision === 'mixed' ? [overflowName] : [];
  }

  /** @param results of so many steps */
  #outcomes(results: Readonly<Record<string, Tensor>>, steps: number): StepOutcome[] {
    const numbers = (name: string): Float32Array | undefined => results[name]?.data as Float32Array | undefined;
    const [losses, clipped] = [numbers('loss'), numbers('clipped')];
    return Array.from({ length: steps }, (_, step) => ({
      loss: losses?.[step] ?? Number.NaN,
      ...(clipped === undefined ? {} : { clipped: clipped[step] as number }),
      ...overflowOf(results, step),
    }));
  }

  #moving(): Pick<StepOptions, 'trainable' | 'precision'> {
    const { trainable, precision = 'float32' } = this.#options;
    return trainable === undefined ? { precision } : { trainable, precision };
  }

  #pull(anchors: readonly { readonly name: string }[]): readonly { readonly name: string }[] {
    return anchors.length === 0 ? [] : [...anchors, { name: 'proximal' }];
  }

  #given(inputs: readonly { readonly name: string }[]): Feeds {
    return chosen(
      this.#constants,
      inputs.map(({ name }) => name),
    );
  }

  #rows(step: EngineStep, inputs: Parameters<typeof rowFeeds>[1]): Feeds {
    if (!step.everyRow) return rowFeeds(this.#task.data, inputs, step.rows);
    this.#fullBatch ??= rowFeeds(this.#task.data, inputs, step.rows);
    return this.#fullBatch;
  }

  #replace(state: State): void {
    for (const [name, tensor] of this.#state) if (state.get(name) !== tensor) drop(tensor);
    this.#state = state;
  }
}

/** Gives a device's memory back at once; what lies in the process's own is the garbage collector's. */
function drop(tensor: Tensor): void {
  if (tensor.location !== 'cpu') tensor.dispose();
}

/** The binding computes within the call, on this thread: an abort can be heard before it, and after. */
async function call(
  session: Session,
  feeds: Feeds,
  fetches: readonly string[],
  signal: AbortSignal | null,
): Promise<Readonly<Record<string, Tensor>>> {
  signal?.throwIfAborted();
  try {
    return await session.run(feeds, fetches);
  } catch (cause) {
    throw runtimeError(cause, 'failed in a training step');
  }
}

/** What a step told of its gradients; nothing in float32. */
function overflowOf(results: Readonly<Record<string, Tensor>>, step: number): Pick<StepOutcome, 'overflowed'> {
  const told = results[overflowName]?.data as Float32Array | undefined;
  return told === undefined ? {} : { overflowed: told[step] !== 0 };
}

/** Those of a step's scalars that a graph takes. */
function scalarsOf(step: EngineStep, inputs: readonly { readonly name: string }[]): Feeds {
  return scalars(Object.fromEntries(inputs.map(({ name }) => [name, step.scalars[name] ?? Number.NaN])));
}

const numberOf = (tensor: Tensor | undefined): number => (tensor?.data as Float32Array | undefined)?.[0] ?? Number.NaN;

/** Hands the tensors out as they are. */
function copies(state: State): { readonly graph: Graph; readonly outputs: readonly string[] } {
  const builder = new GraphBuilder('read');
  const outputs: string[] = [];
  for (const [name, { dims }] of state) {
    outputs.push(`copy/${name}`);
    builder.output(`copy/${name}`, builder.input(name, 'float', dims));
  }
  return { graph: builder.finish(), outputs };
}
