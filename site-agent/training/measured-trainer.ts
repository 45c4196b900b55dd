import { performance } from 'node:perf_hooks';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import type { EngineName, Trainer, TrainingResult, TrainingTask } from './trainer.ts';
import { TrainingError } from './training-error.ts';

/** Steps before the clock starts (compiling, warming up), and steps timed. */
const warmSteps = 2;
const timedSteps = 5;

/**
 * Chooses between engines by timing a few steps of the task at hand on each; nothing of these steps is kept.
 * The choice holds for later rounds of the same network and batch size, so a run does not change engines half way.
 */
export class MeasuredTrainer implements Trainer {
  readonly #candidates: readonly [Trainer, ...Trainer[]];
  readonly #log: Logger;
  readonly #nowMs: () => number;
  readonly #chosen = new Map<string, Trainer>();
  #latest: Trainer;

  constructor(
    candidates: readonly [Trainer, ...Trainer[]],
    log: Logger,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#candidates = candidates;
    this.#log = log;
    this.#nowMs = nowMs;
    this.#latest = candidates[0];
  }

  /** The engine last used; the first candidate before any training. */
  get engine(): EngineName {
    return this.#latest.engine;
  }

  get description(): string {
    return this.#chosen.size === 0
      ? `auto: ${this.#candidates.map((candidate) => candidate.description).join(' or ')}`
      : `auto: ${this.#latest.description}`;
  }

  async train(task: TrainingTask, signal: AbortSignal): Promise<TrainingResult> {
    const { model, training, data } = task.plan;
    const key = canonicalJson([model, training.optimiser.kind, training.batch, data.columns]);
    let trainer = this.#chosen.get(key);
    if (trainer === undefined) {
      trainer = await this.#choose(task, signal);
      this.#chosen.set(key, trainer);
    }
    this.#latest = trainer;
    return trainer.train(task, signal);
  }

  async dispose(): Promise<void> {
    for (const candidate of this.#candidates) await candidate.dispose();
  }

  async #choose(task: TrainingTask, signal: AbortSignal): Promise<Trainer> {
    const timings: { readonly trainer: Trainer; readonly stepMs: number }[] = [];
    for (const trainer of this.#candidates) {
      try {
        await trainer.train(withSteps(task, warmSteps), signal);
        const begin = this.#nowMs();
        await trainer.train(withSteps(task, timedSteps), signal);
        timings.push({ trainer, stepMs: (this.#nowMs() - begin) / timedSteps });
      } catch (cause) {
        signal.throwIfAborted();
        if (!(cause instanceof TrainingError)) throw cause;
        this.#log.warn({ engine: trainer.engine, error: cause }, 'training engine failed while it was measured');
      }
    }
    timings.sort((a, b) => a.stepMs - b.stepMs);
    // When none could do the steps, the first says why in the training itself.
    const chosen = timings[0]?.trainer ?? this.#candidates[0];
    this.#log.info(
      {
        engine: chosen.engine,
        runsOn: chosen.description,
        measured: timings.map(({ trainer, stepMs }) => ({ engine: trainer.engine, stepMs: Number(stepMs.toFixed(3)) })),
      },
      'training engine chosen: the fastest of those measured',
    );
    return chosen;
  }
}

function withSteps(task: TrainingTask, steps: number): TrainingTask {
  return { ...task, plan: { ...task.plan, training: { ...task.plan.training, work: { steps } } } };
}
