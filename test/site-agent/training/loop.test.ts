import { describe, expect, it } from 'vitest';
import type { Plan } from '../../../shared/plan/plan.ts';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import { trainRound } from '../../../site-agent/training/loop.ts';
import type { Checkpoint, Progress, TrainingTask } from '../../../site-agent/training/trainer.ts';
import { type FakeEngine, fakeEngine } from '../../support/fake-engine.ts';
import { modelPlan } from '../../support/model-plans.ts';
import { heartPlan } from '../../support/plans.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { drawnMatrix, trainingTask } from '../../support/training.ts';

const never = new AbortController().signal;

function planWith(training: Partial<Plan['training']>, model: Plan['model'] = { family: 'logistic' }): Plan {
  const base = heartPlan({ model });
  return { ...base, training: { ...base.training, batch: 10, work: { epochs: 4 }, ...training } };
}

const round = (engine: FakeEngine, task: TrainingTask, signal = never) =>
  trainRound(engine, task, signal, { log: silentLogger, nowMs: () => 0 });

/** Steps that the weights of a delta have seen: the engine adds 1 each. */
const stepsIn = (delta: ReadonlyMap<string, { readonly data: Float32Array }>): number =>
  Math.round([...delta.values()][0]?.data[0] ?? Number.NaN);

describe('the loop', () => {
  it('feeds each step its rows, its scalars and its own random values', async () => {
    const engine = fakeEngine();
    const plan = planWith({
      optimiser: { kind: 'sgd', rate: 0.5, momentum: 0 },
      schedule: { kind: 'exponential', per: 'round', factor: 0.5 },
    });
    const result = await round(engine, { ...trainingTask(plan, 25), round: 3 });
    expect(result.steps).toBe(12);
    expect(stepsIn(result.delta)).toBe(12);
    expect(engine.calls.map(({ steps }) => steps[0]?.rows.length)).toEqual([
      10, 10, 5, 10, 10, 5, 10, 10, 5, 10, 10, 5,
    ]);
    expect(engine.calls.every(({ steps }) => steps[0]?.scalars.rate === 0.5 * 0.5 ** 3)).toBe(true);
    expect(engine.disposals).toBe(1);
  });

  it('puts small steps together in one call, with the rows they would have had alone', async () => {
    const alone = fakeEngine();
    const together = fakeEngine({ workPerCall: 1e12 });
    const plan = planWith({ work: { epochs: 3 } });
    await round(alone, trainingTask(plan, 40));
    await round(together, trainingTask(plan, 40));
    expect(together.calls.map(({ steps }) => steps.length)).toEqual([12]);
    expect(together.calls.flatMap(({ steps }) => steps.map(({ rows }) => [...rows]))).toEqual(
      alone.calls.flatMap(({ steps }) => steps.map(({ rows }) => [...rows])),
    );
  });

  it('tells how far it is, and how long it will take', async () => {
    let nowMs = 0;
    const told: Progress[] = [];
    const engine = fakeEngine({
      beforeCall: () => {
        nowMs += 500;
      },
    });
    const task = {
      ...trainingTask(planWith({ work: { steps: 4 } }), 20),
      onProgress: (one: Progress) => told.push(one),
    };
    await trainRound(engine, task, never, { log: silentLogger, nowMs: () => nowMs });
    expect(told.map(({ step, steps, epoch, secondsLeft }) => [step, steps, epoch, secondsLeft])).toEqual([
      [1, 4, 1, 1.5],
      [2, 4, 1, 1],
      [3, 4, 2, 0.5],
      [4, 4, 2, 0],
    ]);
  });

  it('stops within a call of an abort, and gives the engine its task back', async () => {
    const controller = new AbortController();
    const engine = fakeEngine({
      beforeCall: (call) => {
        if (call === 2) controller.abort(new Error('withdrawn'));
      },
    });
    await expect(round(engine, trainingTask(planWith({}), 25), controller.signal)).rejects.toThrow('withdrawn');
    expect(engine.calls).toHaveLength(2);
    expect(engine.disposals).toBe(1);
  });

  it('names the step whose loss is not finite', async () => {
    const engine = fakeEngine({ workPerCall: 1e12, lossOf: (step) => (step < 6 ? 1 : Number.NaN) });
    await expect(round(engine, trainingTask(planWith({}), 20))).rejects.toMatchObject({
      code: 'not_finite_loss',
      details: { step: 7 },
    });
    expect(engine.disposals).toBe(1);
  });

  it('refuses control variates of other tensors', async () => {
    const task = trainingTask(planWith({}), 20);
    const control = new Map([...task.weights, ['layer9.weight', { shape: [1], data: Float32Array.of(1) }]]);
    await expect(round(fakeEngine(), { ...task, control })).rejects.toMatchObject({ code: 'control_invalid' });
  });

  it('refuses control variates that leave out a tensor that trains, and no other', async () => {
    const task = trainingTask(planWith({}), 20);
    const [first] = task.weights.keys();
    const control = new Map([...task.weights].filter(([name]) => name !== first));
    await expect(round(fakeEngine(), { ...task, control })).rejects.toMatchObject({
      code: 'control_invalid',
      message: expect.stringContaining(first as string),
    });
    await round(fakeEngine(), { ...task, control, trainable: [...control.keys()] });
  });
});

describe('out of memory', () => {
  const plan = planWith({ batch: 16, work: { epochs: 1 } });

  it('halves the rows computed at once until they fit, and says so with both numbers', async () => {
    const { log, lines } = recordingLogger();
    const engine = fakeEngine({ fits: 5, workPerCall: 1e12 });
    const result = await trainRound(engine, trainingTask(plan, 48), never, { log, nowMs: () => 0 });
    expect(result).toMatchObject({ steps: 3, rowsAtOnce: 4 });
    expect(engine.calls.map(({ steps, partRows }) => [steps.length, partRows])).toEqual([
      [1, 4],
      [1, 4],
      [1, 4],
    ]);
    expect(lines.filter(({ message }) => message.startsWith('out of memory')).map(({ fields }) => fields)).toEqual([
      { rowsBefore: 16, rowsAtOnce: 8 },
      { rowsBefore: 8, rowsAtOnce: 4 },
    ]);
  });

  it('gives up when one row does not fit', async () => {
    await expect(round(fakeEngine({ fits: 0 }), trainingTask(plan, 48))).rejects.toMatchObject({
      code: 'out_of_memory',
      details: { rows: 1 },
    });
  });

  it('does not cut a batch whose rows are compared with each other, and says what would help', async () => {
    const cox = modelPlan({ family: 'cox' }, 'survival', { batch: 16, work: { epochs: 1 } });
    const task = trainingTask(cox, 48);
    await expect(round(fakeEngine({ fits: 5 }), task)).rejects.toMatchObject({
      code: 'out_of_memory',
      details: { rows: 16 },
    });
    await expect(round(fakeEngine({ fits: 5 }), task)).rejects.toThrow(/partial likelihood.*smaller batch/s);
    await expect(round(fakeEngine(), { ...task, mostRows: 8 })).rejects.toMatchObject({ code: 'batch_whole' });
  });

  it('cuts beforehand as the task asks', async () => {
    const engine = fakeEngine();
    const result = await round(engine, { ...trainingTask(plan, 48), mostRows: 7 });
    expect(result.rowsAtOnce).toBe(7);
    expect(engine.calls.every(({ partRows }) => partRows === 7)).toBe(true);
  });
});

describe('early stopping', () => {
  const plan = planWith({
    batch: 10,
    work: { epochs: 9 },
    earlyStopping: { share: 0.2, patience: 2, minimumDelta: 0.05 },
  });
  const task: TrainingTask = { ...trainingTask(plan, 20), validation: drawnMatrix(plan, 8, 5) };
  /** By epoch. The third is lower, but by too little; the fourth is not a number. */
  const losses = [0.9, 0.7, 0.68, Number.NaN, 0.1];

  it('keeps the weights of the best epoch', async () => {
    const engine = fakeEngine({ workPerCall: 1e12, validationLoss: (steps) => losses[steps / 2 - 1] as number });
    const result = await round(engine, task);
    expect(engine.evaluations).toEqual([2, 4, 6, 8]);
    expect(result.steps).toBe(8);
    expect(stepsIn(result.delta)).toBe(4);
    expect(result.validation).toEqual({ losses: losses.slice(0, 4), best: 2 });
  });

  it('goes through with all epochs while they get better, and looks after a last one that is not whole', async () => {
    const engine = fakeEngine({ validationLoss: (steps) => 10 - steps });
    const steps: TrainingTask = { ...task, plan: { ...plan, training: { ...plan.training, work: { steps: 5 } } } };
    const result = await round(engine, steps);
    expect(engine.evaluations).toEqual([2, 4, 5]);
    expect(stepsIn(result.delta)).toBe(5);
  });

  it('is off without rows to validate on', async () => {
    const engine = fakeEngine();
    const result = await round(engine, trainingTask(plan, 20));
    expect(engine.evaluations).toEqual([]);
    expect(result.validation).toBeUndefined();
  });

  it('gives no delta when no epoch had a finite loss', async () => {
    await expect(round(fakeEngine({ validationLoss: () => Number.NaN }), task)).rejects.toMatchObject({
      code: 'not_finite_loss',
    });
  });
});

describe('checkpoints', () => {
  const plan = planWith({ work: { epochs: 6 }, earlyStopping: { share: 0.2, patience: 9, minimumDelta: 0 } });
  const task: TrainingTask = { ...trainingTask(plan, 25), validation: drawnMatrix(plan, 8, 5) };
  const behaviour = {
    workPerCheckpoint: 1,
    fits: 7,
    lossOf: (step: number) => 1 / (step + 1),
    validationLoss: (steps: number) => Math.abs(steps - 11),
  };

  it('carry everything: from each of them the round ends the same, and makes the same calls', async () => {
    const whole = fakeEngine(behaviour);
    const kept: Checkpoint[] = [];
    const expected = await round(whole, { ...task, onCheckpoint: async (one) => void kept.push(structuredClone(one)) });
    expect(kept.map(({ step }) => step)).toEqual(Array.from({ length: 17 }, (_, index) => index + 1));
    for (const checkpoint of kept) {
      const resumed = fakeEngine(behaviour);
      const resume = { ...checkpoint, record: JSON.parse(JSON.stringify(checkpoint.record)) };
      expect(await round(resumed, { ...task, resume })).toEqual(expected);
      expect(resumed.calls).toEqual(whole.calls.slice(-resumed.calls.length));
      expect(resumed.calls.length).toBe(18 - checkpoint.step);
    }
  });

  it('of another task do not count', async () => {
    const { log, lines } = recordingLogger();
    const kept: Checkpoint[] = [];
    await round(fakeEngine(behaviour), { ...task, onCheckpoint: async (one) => void kept.push(one) });
    const [first] = kept as [Checkpoint];
    const bad: Checkpoint[] = [
      { ...first, step: 4000 },
      { ...first, record: { ...first.record, format: 2 } },
      // Made before another engine was named, or chosen: it would share the round with this one.
      { ...first, record: { ...first.record, runsOn: 'another engine' } },
      { ...first, tensors: new Map([...first.tensors].slice(1)) },
      {
        ...first,
        tensors: new Map(
          [...first.tensors].map(([name, { shape, data }]) => [name, { shape, data: data.map(() => Number.NaN) }]),
        ),
      },
    ];
    for (const resume of bad) {
      const engine = fakeEngine(behaviour);
      const result = await trainRound(engine, { ...task, resume }, never, { log, nowMs: () => 0 });
      expect(result.steps).toBe(18);
      expect(engine.calls).toHaveLength(18);
    }
    expect(lines.filter(({ message }) => message.includes('begins anew'))).toHaveLength(bad.length);
    const { runsOn, ...before } = first.record as Readonly<Record<string, unknown>>;
    expect(runsOn).toBe('an engine that counts');
    const engine = fakeEngine(behaviour);
    await round(engine, { ...task, resume: { ...first, record: before } as Checkpoint });
    expect(engine.calls).toHaveLength(17);
  });
});
