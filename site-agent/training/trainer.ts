import type { Plan } from '../../shared/plan/plan.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';

export type EngineName = 'onnx' | 'tfjs';

/** Encoded rows, ready for a network: imputed, scaled, one-hot (see `shared/graph/encoding.ts`). */
export interface DesignMatrix {
  readonly rows: number;
  readonly features: number;
  /** Row-major [rows, features]. */
  readonly values: Float32Array;
  /** [rows]: class index, or the numeric outcome. */
  readonly labels: Float32Array;
}

export interface TrainingTask {
  readonly plan: Plan;
  readonly data: DesignMatrix;
  /** Starting weights, names and shapes of `modelTensors(plan)`. */
  readonly weights: NamedTensors;
  /** Seed of this site's batch order in this round. */
  readonly seed: number;
  /** Adds (mu / 2) · |w - w0|² to the loss, w0 the starting weights (FedProx, Li et al. 2020, equation 2). Not below 0; none when absent. */
  readonly proximal?: number;
  /** Names of the tensors that are trained; the others stay as they are, with a delta of 0. All when absent. */
  readonly trainable?: readonly string[];
}

export interface TrainingResult {
  /** Trained minus starting weights, float32. */
  readonly delta: NamedTensors;
  readonly examples: number;
  readonly steps: number;
  /** Mean loss over the first and the last epoch (or all steps when less than one epoch). */
  readonly metrics: { readonly lossFirst: number; readonly lossLast: number };
}

/** One way of carrying out local training. Two engines given the same task agree to float32 tolerance. */
export interface Trainer {
  readonly engine: EngineName;
  /** What it runs on, for the log: `onnxruntime-node 1.30 cpu, 1 thread`. */
  readonly description: string;
  /** Rejects with the signal's reason within one step of its abort. */
  train(task: TrainingTask, signal: AbortSignal): Promise<TrainingResult>;
  dispose(): Promise<void>;
}
