import type { Plan } from '../../shared/plan/plan.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import type { ClipCounts } from './clip-counts.ts';

export type EngineName = 'onnx' | 'tfjs';

/** Series or images of the rows, as `shared/plan/payload.ts` has them. */
export interface PayloadRows {
  readonly kind: 'series' | 'images';
  /** Of one row: [steps, channels] or [channels, height, width]. */
  readonly shape: readonly number[];
  /** [rows, ...shape]: series laid out and scaled; images the bytes of their pixels. */
  readonly values: Float32Array | Uint8Array;
  /** A number a channel, for bytes: the network sees (pixel - mean) / scale. */
  readonly mean?: readonly number[];
  readonly scale?: readonly number[];
}

/** Encoded rows, ready for a network: imputed, scaled, one-hot (see `shared/graph/encoding.ts`). */
export interface DesignMatrix {
  readonly rows: number;
  readonly features: number;
  /** Row-major [rows, features]. */
  readonly values: Float32Array;
  /** [rows]: class index or numeric outcome. For survival [rows, 2]: time, and 1 where the event was seen. */
  readonly labels: Float32Array;
  readonly payload?: PayloadRows;
}

/** Where a round stood after a step: enough to go on from there with the same bits. */
export interface Checkpoint {
  /** Steps done. */
  readonly step: number;
  /** Trained tensors by name and the optimiser's state as `SLOT/NAME`, and what early stopping keeps as `best/NAME`. */
  readonly tensors: NamedTensors;
  /** The rest of the loop's state, as JSON. */
  readonly record: Readonly<Record<string, unknown>>;
}

export interface Progress {
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly loss: number;
  /** Of the round so far. Absent where rows are not clipped one by one. */
  readonly clipping?: ClipCounts;
  /** Estimated from the steps so far. */
  readonly secondsLeft: number;
}

export interface TrainingTask {
  readonly plan: Plan;
  readonly data: DesignMatrix;
  /** Starting values of the tensors that travel, names and shapes of `modelTensors(plan)`. */
  readonly weights: NamedTensors;
  /** Values of the tensors that stay (`frozenParameters`); those of `frozenWeights(plan)` when absent. */
  readonly frozen?: NamedTensors;
  /** Seed of this site's batch order and other random values in this round. */
  readonly seed: number;
  /** Rounds that trained before this one, for schedules counted in rounds. 0 when absent. */
  readonly round?: number;
  /** Adds (mu / 2) · |w - w0|² to the loss, w0 the starting weights (FedProx, Li et al. 2020, equation 2). Not below 0; none when absent. */
  readonly proximal?: number;
  /** Added to the gradient at every step: c - c_i of SCAFFOLD (Karimireddy et al. 2020, equation 3). None when absent. */
  readonly control?: NamedTensors;
  /** Names of the travelling tensors that are trained; the others stay as they are, with a delta of 0. All when absent. */
  readonly trainable?: readonly string[];
  /** Rows that early stopping validates on. */
  readonly validation?: DesignMatrix;
  /** Rows computed at once, at most: a larger batch is cut and its gradients added up. What keeps within some hundred megabytes when absent. */
  readonly mostRows?: number;
  readonly resume?: Checkpoint;
  /** Called now and then, always at the same steps for the same task. Training waits for it. */
  readonly onCheckpoint?: (checkpoint: Checkpoint) => Promise<void>;
  readonly onProgress?: (progress: Progress) => void;
}

export interface TrainingResult {
  /** Trained minus starting weights, float32. */
  readonly delta: NamedTensors;
  readonly examples: number;
  /** Steps done; fewer than the plan's work where training stopped early. */
  readonly steps: number;
  /** Mean loss over the first and the last epoch (or all steps when less than one epoch). */
  readonly metrics: { readonly lossFirst: number; readonly lossLast: number };
  /** Validation loss after each epoch, and the epoch (1 first) whose weights the delta has. Absent without early stopping. */
  readonly validation?: { readonly losses: readonly number[]; readonly best: number };
  /** Rows of a batch that were computed at once in the end. */
  readonly rowsAtOnce?: number;
  /** What was computed in: float32 where the engine has no float16, whatever the plan allows. */
  readonly precision?: 'float32' | 'mixed';
  /** How often a step was taken again with half the scale of the loss, because a gradient was too large for float16. Absent in float32. */
  readonly stepsAgain?: number;
  /** Steps that were computed and thrown away for it: all those of the calls in which one was to be taken again. Absent in float32. */
  readonly stepsThrown?: number;
  /** Absent where rows are not clipped one by one. It stays at the site. */
  readonly clipping?: ClipCounts;
}

/** One way of carrying out local training. Two engines given the same task agree to float32 tolerance. */
export interface Trainer {
  readonly engine: EngineName;
  /** What it runs on, for the log: `onnxruntime-node 1.30 cpu, 1 thread`. */
  readonly description: string;
  /** Why this engine, in a sentence, where it was chosen and not named; absent before it is known. */
  readonly because?: string | undefined;
  /** Rejects with the signal's reason within one step of its abort. */
  train(task: TrainingTask, signal: AbortSignal): Promise<TrainingResult>;
  /** Does beforehand what takes time only once, such as choosing an engine by measuring. */
  prepare?(task: TrainingTask, signal: AbortSignal): Promise<void>;
  dispose(): Promise<void>;
}
