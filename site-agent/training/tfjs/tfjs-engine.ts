import type { Engine, EngineTask, OpenedTask } from '../engine.ts';
import type { TfjsBackend, TfjsBackendName } from '../tfjs-backends.ts';
import { failureOn } from './runtime-errors.ts';
import { TfjsTask } from './tfjs-task.ts';

/** Multiply-adds in some twenty seconds, roughly, by where they are done. */
const workPerCheckpoint: Readonly<Record<TfjsBackendName, number>> = {
  'node-gpu': 4e12,
  node: 40e9,
  webgpu: 400e9,
  wasm: 20e9,
  cpu: 4e9,
};

/** Interprets the graphs of training with TensorFlow.js, which differentiates them. */
export class TfjsEngine implements Engine {
  readonly engine = 'tfjs' as const;
  readonly description: string;
  /** The library computes in float32. */
  readonly mixed = false;
  /** Each operation is a call of its own: nothing is saved by putting steps together. */
  readonly workPerCall = 0;
  readonly workPerCheckpoint: number;
  readonly #backend: TfjsBackend;

  constructor(backend: TfjsBackend) {
    this.#backend = backend;
    this.description = backend.description;
    this.workPerCheckpoint = workPerCheckpoint[backend.name];
  }

  async open(task: EngineTask, signal: AbortSignal): Promise<OpenedTask> {
    signal.throwIfAborted();
    try {
      return new TfjsTask(this.#backend, task);
    } catch (cause) {
      throw await failureOn(this.#backend, cause);
    }
  }

  /** The backend is the process's; other trainers may use it. */
  async dispose(): Promise<void> {}
}
