import { performance } from 'node:perf_hooks';
import { WardroundError } from '../../shared/runtime/errors.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
import type { Engine } from './engine.ts';
import { type LoopNeeds, trainRound } from './loop.ts';
import { tasksRowsInOrder } from './order-of-time.ts';
import type { EngineName, Trainer, TrainingResult, TrainingTask } from './trainer.ts';
import { TrainingError } from './training-error.ts';

/** An engine, led through a round by the one loop. */
export class EngineTrainer implements Trainer {
  readonly #engine: Engine;
  readonly #needs: LoopNeeds;
  #disposed = false;

  constructor(engine: Engine, needs: Partial<LoopNeeds> = {}) {
    this.#engine = engine;
    this.#needs = { log: needs.log ?? silentLogger, nowMs: needs.nowMs ?? (() => performance.now()) };
  }

  get engine(): EngineName {
    return this.#engine.engine;
  }

  get description(): string {
    return this.#engine.description;
  }

  async train(task: TrainingTask, signal: AbortSignal): Promise<TrainingResult> {
    signal.throwIfAborted();
    if (this.#disposed) throw new TrainingError('disposed');
    try {
      return await trainRound(this.#engine, tasksRowsInOrder(task), signal, this.#needs);
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof WardroundError) throw cause;
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new TrainingError('engine_failed', `${this.#engine.description} failed: ${message}`, {}, cause);
    }
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#engine.dispose();
  }
}
