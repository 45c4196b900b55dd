import { describe, expect, it } from 'vitest';
import { roundSeconds } from '../../../site-agent/agent/round-time.ts';

/** A training that costs `own` seconds beside its steps; what it was asked for. */
function machine(own: number, perStep: number, stopsAt = Number.POSITIVE_INFINITY) {
  const asked: number[] = [];
  const timed = async (steps: number) => {
    asked.push(steps);
    const done = Math.min(steps, stopsAt);
    return { steps: done, seconds: own + perStep * done };
  };
  return { asked, timed };
}

describe('the time of a round, from its first epoch', () => {
  it('counts what a training costs beside its steps once a round, not once an epoch', async () => {
    // A full batch: an epoch of one step, the first of which compiles. 1000 steps take 0.06 + 1 seconds; 1000 epochs would be 61.
    const { asked, timed } = machine(0.06, 0.001);
    const found = await roundSeconds({ steps: 1, seconds: 0.9 }, 1000, timed);
    expect(asked).toEqual([1, 81]);
    expect(found).toBeCloseTo(0.9 - 0.061 + (0.06 + 0.081) * (1000 / 81), 9);
  });

  it('is that of the round itself where it is short', async () => {
    const { asked, timed } = machine(0.05, 0.002);
    expect(await roundSeconds({ steps: 8, seconds: 0.9 }, 320, timed)).toBeCloseTo(0.9 - 0.066 + 0.05 + 0.64, 9);
    expect(asked).toEqual([8, 320]);
  });

  it('trains no further where the epoch took long, or is the whole round', async () => {
    const { asked, timed } = machine(0, 1);
    expect(await roundSeconds({ steps: 10, seconds: 20 }, 40, timed)).toBe(80);
    expect(await roundSeconds({ steps: 10, seconds: 3 }, 10, timed)).toBe(3);
    expect(asked).toEqual([]);
  });

  it('goes by the steps that were done where training stops early, and by the epoch where further steps fail', async () => {
    const { timed } = machine(0, 0.01, 50);
    expect(await roundSeconds({ steps: 10, seconds: 0.5 }, 100, timed)).toBeCloseTo(0.4 + 1, 9);
    const fails = async (steps: number) => (steps > 10 ? null : { steps, seconds: 0.1 });
    expect(await roundSeconds({ steps: 10, seconds: 0.5 }, 100, fails)).toBeCloseTo(0.4 + 1, 9);
    expect(await roundSeconds({ steps: 10, seconds: 0.5 }, 100, async () => null)).toBeCloseTo(5, 9);
  });
});
