import type { Plan } from '../../shared/plan/plan.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import type { DesignMatrix, EngineName } from './trainer.ts';

/**
 * What an engine is asked to carry out: the arithmetic of one round. Which rows a step takes, its scalars and its random values are the
 * loop's (`loop.ts`), the same for every engine.
 */
export interface EngineTask {
  readonly plan: Plan;
  readonly data: DesignMatrix;
  /** Rows that `evaluate` is about. */
  readonly validation?: DesignMatrix;
  /** Every trained tensor as the round began: where the pull draws to. */
  readonly anchors: NamedTensors;
  /** Values of `frozenParameters(plan)`. */
  readonly frozen: NamedTensors;
  /** Added to the gradient of each moving tensor at every step; none when absent. */
  readonly control?: NamedTensors;
  /** Strength of the pull; 0: none. */
  readonly proximal: number;
  /** Names of the trained tensors that move; all when absent. */
  readonly trainable?: readonly string[];
  /** Compute in float16 where the plan allows it and the engine can; see `Engine.mixed`. */
  readonly precision: 'float32' | 'mixed';
  /** Where to begin: every trained tensor by name and the optimiser's state as `SLOT/NAME`. The engine copies what it keeps. */
  readonly state: NamedTensors;
}

/** One training step. */
export interface EngineStep {
  /** Rows of the batch, 0-based places in the task's data. */
  readonly rows: Uint32Array;
  /** Every row of the data in its own order, at each step: what was put on a device may stay there. */
  readonly everyRow: boolean;
  /** Scalars of the step by the name of the graph's input: those of `stepScalars`, and in mixed precision `lossScale`. */
  readonly scalars: Readonly<Record<string, number>>;
  /** Uniforms in [0, 1) for the whole batch by the name of the graph's input, `random/K`: the shapes of `buildObjective(plan, { rows })`, row after row. */
  readonly random: ReadonlyMap<string, Float32Array>;
}

/** What is told of a step. */
export interface StepOutcome {
  /** Of the batch, before the update. */
  readonly loss: number;
  /** How many of its rows had a gradient longer than `training.perExampleClip`; absent where rows are not clipped one by one. */
  readonly clipped?: number;
  /** In mixed precision: a gradient was not finite at the step's scale of the loss. */
  readonly overflowed?: boolean;
}

/** A task whose weights and optimiser state an engine holds, on its device where it has one. */
export interface OpenedTask {
  /**
   * Carries out the steps, one after the other. All have equally many rows. With more than `partRows` rows a step's gradients are added up
   * over parts of at most so many, all but the last of equal size; `partRows` is below a step's rows only where the plan's objective
   * can be cut, and then there is one step.
   * @returns one a step; where one overflowed it is the last, and the state is as before the call
   * @throws TrainingError `out_of_memory` (the state is then as before the call), `engine_failed`; the signal's reason, within one step of
   *   its abort, after which nothing but `dispose` may be called
   */
  run(steps: readonly EngineStep[], partRows: number, signal: AbortSignal): Promise<readonly StepOutcome[]>;
  /** Mean loss over the task's validation rows without penalties and random values, at most `partRows` rows at once. Errors as `run`. */
  evaluate(partRows: number, signal: AbortSignal): Promise<number>;
  /** Copies of what `EngineTask.state` names, as they are now. */
  state(): Promise<NamedTensors>;
  /** Never waits for a call under way: what that yields is thrown away when it comes. */
  dispose(): Promise<void>;
}

/** A way of carrying out training steps: a runtime on a device. Several tasks may be open at once. */
export interface Engine {
  readonly engine: EngineName;
  /** What it runs on, for the log: `onnxruntime-node 1.30 cpu, 1 thread`. */
  readonly description: string;
  /** Whether it can compute in float16. */
  readonly mixed: boolean;
  /**
   * Arithmetic, in multiply-adds, that one call of `run` should hold: steps below it are put together. 0: a step a call.
   * A constant, never a measurement: calls fall on the same steps each time.
   */
  readonly workPerCall: number;
  /** Arithmetic between two checkpoints, some twenty seconds' worth; as constant. */
  readonly workPerCheckpoint: number;
  /** @throws TrainingError `out_of_memory`, `engine_failed`; the signal's reason */
  open(task: EngineTask, signal: AbortSignal): Promise<OpenedTask>;
  dispose(): Promise<void>;
}
