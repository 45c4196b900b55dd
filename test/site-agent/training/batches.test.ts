import { describe, expect, it } from 'vitest';
import { permutation, randomStream } from '../../../shared/runtime/random.ts';
import { batchSchedule } from '../../../site-agent/training/batches.ts';
import { heartPlan } from '../../support/plans.ts';

const training = heartPlan().training;

function stepsOf(schedule: ReturnType<typeof batchSchedule>): number[][] {
  return Array.from({ length: schedule.steps }, (_, step) => Array.from(schedule.rowsOf(step)));
}

describe('the batch schedule', () => {
  it('cuts each epoch’s permutation into batches, the last one smaller', () => {
    const schedule = batchSchedule(10, { ...training, batch: 4, work: { epochs: 2 } }, 9);
    const steps = stepsOf(schedule);
    expect(steps.map((rows) => rows.length)).toEqual([4, 4, 2, 4, 4, 2]);
    expect(steps.slice(0, 3).flat()).toEqual(Array.from(permutation(10, randomStream(9, 'epoch', 0))));
    expect(steps.slice(3).flat()).toEqual(Array.from(permutation(10, randomStream(9, 'epoch', 1))));
    expect(steps.slice(0, 3).flat()).not.toEqual(steps.slice(3).flat());
    expect(
      steps
        .slice(3)
        .flat()
        .sort((a, b) => a - b),
    ).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('counts steps over epochs when the work is given in steps', () => {
    const epochs = batchSchedule(10, { ...training, batch: 4, work: { epochs: 2 } }, 9);
    const steps = batchSchedule(10, { ...training, batch: 4, work: { steps: 5 } }, 9);
    expect(steps.steps).toBe(5);
    expect(stepsOf(steps)).toEqual(stepsOf(epochs).slice(0, 5));
    expect(stepsOf(batchSchedule(10, { ...training, batch: 4, work: { steps: 1 } }, 9))).toHaveLength(1);
  });

  it('takes every row once a step when the batch is full', () => {
    const schedule = batchSchedule(4, { ...training, batch: 'full', work: { steps: 3 } }, 9);
    expect(stepsOf(schedule)).toEqual([
      [0, 1, 2, 3],
      [0, 1, 2, 3],
      [0, 1, 2, 3],
    ]);
  });

  it('takes a batch larger than the rows as one batch', () => {
    const schedule = batchSchedule(3, { ...training, batch: 32, work: { epochs: 2 } }, 9);
    expect(stepsOf(schedule).map((rows) => rows.length)).toEqual([3, 3]);
  });

  it('differs by seed', () => {
    const of = (seed: number) => stepsOf(batchSchedule(50, { ...training, batch: 50, work: { epochs: 1 } }, seed));
    expect(of(1)).not.toEqual(of(2));
    expect(of(1)).toEqual(of(1));
  });
});
