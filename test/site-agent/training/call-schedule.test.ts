import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchSchedule } from '../../../site-agent/training/batches.ts';
import { callSchedule } from '../../../site-agent/training/call-schedule.ts';
import { heartPlan } from '../../support/plans.ts';

const { training } = heartPlan();

function calls(
  rows: number,
  batch: number | 'full',
  work: typeof training.work,
  stepsPerCall: number,
  byEpoch = false,
) {
  const schedule = batchSchedule(rows, { ...training, batch, work }, 1);
  return callSchedule(schedule, { stepsPerCall, stepsPerCheckpoint: 4, byEpoch });
}

const lengths = (made: ReturnType<typeof calls>): number[] => made.map(({ steps }) => steps);

describe('calls of a round', () => {
  it('hold steps of one size: the smaller last batch of an epoch is a call of its own', () => {
    // 10 rows in batches of 3: 3, 3, 3, 1 an epoch.
    expect(lengths(calls(10, 3, { epochs: 2 }, 100))).toEqual([3, 1, 3, 1]);
    expect(lengths(calls(10, 3, { steps: 7 }, 100))).toEqual([3, 1, 3]);
  });

  it('go across epochs where all batches are equal, and end with them where epochs are looked at', () => {
    expect(lengths(calls(12, 3, { epochs: 3 }, 100))).toEqual([12]);
    expect(lengths(calls(12, 3, { epochs: 3 }, 100, true))).toEqual([4, 4, 4]);
    expect(lengths(calls(300, 'full', { steps: 10 }, 4))).toEqual([4, 4, 2]);
  });

  it('are as equal as can be', () => {
    expect(lengths(calls(90, 3, { epochs: 1 }, 20))).toEqual([15, 15]);
    expect(lengths(calls(93, 3, { epochs: 1 }, 10))).toEqual([8, 8, 8, 7]);
  });

  it('say where a checkpoint is due, and never at the end', () => {
    const made = calls(12, 3, { epochs: 3 }, 3);
    expect(made.map(({ checkpoint }) => checkpoint)).toEqual([false, true, false, false]);
    expect(
      calls(12, 3, { epochs: 3 }, 1)
        .filter(({ checkpoint }) => checkpoint)
        .map(({ first }) => first),
    ).toEqual([3, 7]);
  });

  it('cover every step once, in order, within the limit, whatever the numbers', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 90 }),
        fc.integer({ min: 1, max: 15 }),
        fc.boolean(),
        (rows, batch, steps, stepsPerCall, byEpoch) => {
          const schedule = batchSchedule(rows, { ...training, batch, work: { steps } }, 1);
          const made = callSchedule(schedule, { stepsPerCall, stepsPerCheckpoint: 5, byEpoch });
          let next = 0;
          for (const call of made) {
            expect(call.first).toBe(next);
            expect(call.steps).toBeGreaterThan(0);
            expect(call.steps).toBeLessThanOrEqual(stepsPerCall);
            next += call.steps;
            const sizes = new Set(
              Array.from({ length: call.steps }, (_, at) => schedule.rowsOf(call.first + at).length),
            );
            expect(sizes.size).toBe(1);
            const epochs = new Set(
              Array.from({ length: call.steps }, (_, at) => Math.floor((call.first + at) / schedule.stepsPerEpoch)),
            );
            if (byEpoch) expect(epochs.size).toBe(1);
          }
          expect(next).toBe(steps);
        },
      ),
    );
  });
});
