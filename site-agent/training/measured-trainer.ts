import { performance } from 'node:perf_hooks';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { batchSchedule } from './batches.ts';
import { type ChoiceStore, type Measurement, type RecordedChoice, rememberedChoices } from './choice-store.ts';
import type { DeviceChoice } from './engine-choice.ts';
import type { DesignMatrix, EngineName, Trainer, TrainingResult, TrainingTask } from './trainer.ts';
import { TrainingError } from './training-error.ts';

/** Steps of one measurement. It is done twice: the first time compiles, and warms up. */
const measuredSteps = 8;
/**
 * A training has a cost of its own beside its steps. Where the steps were done sooner than this, as many are measured as take about so long, and no more than
 * a round has: else it would be that cost that is compared.
 */
const enoughMs = 250;
/** A candidate that takes longer than this, and than five times the best so far, for both measurements is passed over. */
const patienceMs = 3000;
const patienceFactor = 5;

export interface Candidate {
  readonly name: DeviceChoice;
  readonly trainer: Trainer;
}

export interface MeasuredTrainerNeeds {
  readonly log: Logger;
  readonly choices?: ChoiceStore;
  readonly nowMs?: () => number;
  /** For the record. */
  readonly today?: () => Date;
}

/**
 * Chooses between engines by timing a few steps of the task at hand on each; nothing of these steps is kept. The choice is recorded with
 * its reason and holds for every later round of the same network, rows of a batch and rule of update, also after a restart.
 */
export class MeasuredTrainer implements Trainer {
  readonly #candidates: readonly [Candidate, ...Candidate[]];
  readonly #log: Logger;
  readonly #choices: ChoiceStore;
  readonly #nowMs: () => number;
  readonly #today: () => Date;
  #latest: Trainer | null = null;
  #because: string | undefined;

  constructor(candidates: readonly [Candidate, ...Candidate[]], needs: MeasuredTrainerNeeds) {
    this.#candidates = candidates;
    this.#log = needs.log;
    this.#choices = needs.choices ?? rememberedChoices();
    this.#nowMs = needs.nowMs ?? (() => performance.now());
    this.#today = needs.today ?? (() => new Date());
  }

  /** The engine last used; the first candidate before any training. */
  get engine(): EngineName {
    return (this.#latest ?? this.#candidates[0].trainer).engine;
  }

  get description(): string {
    return this.#latest === null
      ? `auto: ${this.#candidates.map(({ trainer }) => trainer.description).join(' or ')}`
      : `auto: ${this.#latest.description}`;
  }

  get because(): string | undefined {
    return this.#because;
  }

  async train(task: TrainingTask, signal: AbortSignal): Promise<TrainingResult> {
    signal.throwIfAborted();
    const { name, trainer } = await this.#candidateFor(task, signal);
    this.#latest = trainer;
    try {
      return await trainer.train(task, signal);
    } catch (cause) {
      // A device that has gone since it was chosen would fail every later round.
      if (!signal.aborted && cause instanceof TrainingError && cause.code === 'engine_failed') {
        this.#log.warn({ engine: name }, 'the chosen engine failed: the next task measures anew');
        await this.#choices.forget(kindOf(task));
      }
      throw cause;
    }
  }

  async prepare(task: TrainingTask, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#candidateFor(task, signal);
  }

  async dispose(): Promise<void> {
    for (const { trainer } of this.#candidates) await trainer.dispose();
  }

  async #candidateFor(task: TrainingTask, signal: AbortSignal): Promise<Candidate> {
    const key = kindOf(task);
    const recorded = await this.#choices.read(key);
    const known = this.#recorded(recorded);
    if (known !== undefined && recorded !== null) {
      this.#because = `${recorded.because}, as measured ${recorded.at.slice(0, 10)}`;
      if (this.#latest === null)
        this.#log.info(
          { engine: known.name, runsOn: recorded.runsOn, at: recorded.at },
          'training engine as chosen before',
        );
      return known;
    }
    if (recorded !== null) await this.#choices.forget(key);
    const timed = await this.#measure(task, signal);
    const sound = timed.filter(({ stepMs }) => stepMs !== null);
    const measured = timed.map(({ steps: _steps, ...entry }): Measurement => entry);
    // When none could do the steps, the first says why in the training itself.
    const chosen = this.#candidates.find(({ name }) => name === sound[0]?.engine) ?? this.#candidates[0];
    const because =
      sound.length === 0
        ? 'none of the engines could do the measured steps; this is the first of them'
        : sound.length === 1
          ? 'the only engine that did the measured steps'
          : `the fastest on ${sound[0]?.steps} steps of the task`;
    this.#because = because;
    this.#log.info(
      { engine: chosen.name, runsOn: chosen.trainer.description, because, measured },
      'training engine chosen',
    );
    // A failure of all may be the task's own, and pass: it is not remembered.
    if (sound.length === 0) return chosen;
    const kept = await this.#choices.write(key, {
      engine: chosen.name,
      runsOn: chosen.trainer.description,
      because,
      measured,
      at: this.#today().toISOString(),
    });
    // A dry run beside the agent may have been first, and found another.
    return this.#recorded(kept) ?? chosen;
  }

  #recorded(choice: RecordedChoice | null): Candidate | undefined {
    return this.#candidates.find(
      ({ name, trainer }) => name === choice?.engine && trainer.description === choice.runsOn,
    );
  }

  /** Fastest first; those without a figure last. */
  async #measure(task: TrainingTask, signal: AbortSignal): Promise<TimedMeasurement[]> {
    const few = fewSteps(task, measuredSteps);
    const found: TimedMeasurement[] = [];
    let bestMs = Number.POSITIVE_INFINITY;
    for (const { name, trainer } of this.#candidates) {
      const tooLong = new AbortController();
      const limitMs = Math.max(patienceMs, patienceFactor * bestMs);
      const timer = setTimeout(() => tooLong.abort(), Number.isFinite(limitMs) ? limitMs : 2 ** 31 - 1);
      const entry = { engine: name, runsOn: trainer.description };
      try {
        const both = AbortSignal.any([signal, tooLong.signal]);
        const startedMs = this.#nowMs();
        await trainer.train(few, both);
        const begunMs = this.#nowMs();
        const trained = await trainer.train(few, both);
        const endedMs = this.#nowMs();
        bestMs = Math.min(bestMs, endedMs - startedMs);
        clearTimeout(timer);
        const timed = await this.#measureMore(task, trainer, timedSteps(trained, endedMs - begunMs), signal);
        found.push({ ...entry, stepMs: Number((timed.tookMs / timed.steps).toPrecision(4)), steps: timed.steps });
      } catch (cause) {
        signal.throwIfAborted();
        if (tooLong.signal.aborted) {
          found.push({ ...entry, stepMs: null, reason: 'slower by far than another', steps: 0 });
        } else if (cause instanceof TrainingError) {
          this.#log.warn({ engine: name, error: cause }, 'training engine failed while it was measured');
          found.push({ ...entry, stepMs: null, reason: cause.fullCode, steps: 0 });
        } else throw cause;
      } finally {
        clearTimeout(timer);
      }
    }
    return found.sort((a, b) => (a.stepMs ?? Number.POSITIVE_INFINITY) - (b.stepMs ?? Number.POSITIVE_INFINITY));
  }

  async #measureMore(
    task: TrainingTask,
    trainer: Trainer,
    timed: TimedSteps,
    signal: AbortSignal,
  ): Promise<TimedSteps> {
    const ofRound = batchSchedule(task.data.rows, task.plan.training, task.seed).steps;
    const steps = Math.min(ofRound, Math.floor((timed.steps * enoughMs) / Math.max(timed.tookMs, 0.1)));
    if (steps <= timed.steps) return timed;
    const more = fewSteps(task, steps);
    try {
      await trainer.train(more, signal);
      const begunMs = this.#nowMs();
      const trained = await trainer.train(more, signal);
      return timedSteps(trained, this.#nowMs() - begunMs);
    } catch (cause) {
      signal.throwIfAborted();
      // The few steps were done: what further ones meet is the training's to tell.
      if (cause instanceof TrainingError) return timed;
      throw cause;
    }
  }
}

/** With the steps it was measured on. */
type TimedMeasurement = Measurement & { readonly steps: number };

interface TimedSteps {
  readonly steps: number;
  readonly tookMs: number;
}

/**
 * Without the share of steps that half precision threw away: a round has them at its beginning, until it has found the scale, and not for each
 * of its steps.
 */
function timedSteps({ steps, stepsThrown = 0 }: TrainingResult, tookMs: number): TimedSteps {
  return { steps, tookMs: (tookMs * steps) / (steps + stepsThrown) };
}

/** Rows of one step, of those there are. */
function batchOf({ plan, data }: TrainingTask): number {
  return plan.training.batch === 'full' ? data.rows : Math.min(plan.training.batch, data.rows);
}

/** Tasks of one kind take the same time a step: the plan's network, loss and rule of update on as many rows. */
function kindOf(task: TrainingTask): string {
  const { model, training, data, task: aim } = task.plan;
  const { seed: _seed, work: _work, earlyStopping: _stopping, schedule: _schedule, ...rest } = training;
  const { columns, payload, label } = data;
  const rows = batchOf(task);
  // All rows of a site are some more after a restart in the middle of a run: about as many are the same.
  const inStep = rows === training.batch ? rows : `up to ${2 ** Math.ceil(Math.log2(rows))}`;
  return digestOf(
    canonicalJson([
      aim,
      model,
      rest,
      columns,
      payload ?? null,
      label,
      inStep,
      task.trainable ?? null,
      (task.proximal ?? 0) > 0,
      task.control !== undefined,
    ]),
  );
}

/** The first rows, as many as the measured steps take at most, without copying. */
function firstRows(data: DesignMatrix, rows: number): DesignMatrix {
  if (rows >= data.rows) return data;
  const { payload } = data;
  const width = data.labels.length / data.rows;
  return {
    rows,
    features: data.features,
    values: data.values.subarray(0, rows * data.features),
    labels: data.labels.subarray(0, rows * width),
    ...(payload === undefined
      ? {}
      : { payload: { ...payload, values: payload.values.subarray(0, (payload.values.length / data.rows) * rows) } }),
  };
}

/** The task for some steps, from which nothing is kept, and of which nobody is told. */
function fewSteps(task: TrainingTask, steps: number): TrainingTask {
  const { plan, data, weights, frozen, seed, round, proximal, control, trainable, mostRows } = task;
  const { earlyStopping: _stopping, ...training } = plan.training;
  return {
    plan: { ...plan, training: { ...training, work: { steps } } },
    data: firstRows(data, batchOf(task) * 4),
    weights,
    seed,
    ...(frozen === undefined ? {} : { frozen }),
    ...(round === undefined ? {} : { round }),
    ...(proximal === undefined ? {} : { proximal }),
    ...(control === undefined ? {} : { control }),
    ...(trainable === undefined ? {} : { trainable }),
    ...(mostRows === undefined ? {} : { mostRows }),
  };
}
