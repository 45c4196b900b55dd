import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../shared/runtime/system-clock.ts';
import { manualClock } from '../../support/clock.ts';

describe('systemClock', () => {
  it('sleeps, and not at all for 0 or less', async () => {
    const startMs = systemClock.now();
    await systemClock.sleep(20);
    expect(systemClock.now() - startMs).toBeGreaterThanOrEqual(18);
    await systemClock.sleep(0);
    await systemClock.sleep(-5);
  });

  it("rejects with the signal's own reason, before and during the wait", async () => {
    const reason = new Error('stop');
    await expect(systemClock.sleep(10_000, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const sleeping = systemClock.sleep(10_000, controller.signal);
    controller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('does not wake at once from a wait longer than a timer can hold', async () => {
    const controller = new AbortController();
    const outcome = await Promise.race([
      systemClock.sleep(Number.POSITIVE_INFINITY, controller.signal).catch(() => 'stopped'),
      systemClock.sleep(30).then(() => 'still asleep'),
    ]);
    expect(outcome).toBe('still asleep');
    controller.abort();
  });
});

describe('manualClock', () => {
  beforeEach(() => {
    vi.spyOn(Date, 'now').mockReturnValue(0);
  });
  afterEach(() => vi.restoreAllMocks());

  it('wakes sleepers in the order of their times, each at its own time', async () => {
    const clock = manualClock(1000);
    const seen: [string, number][] = [];
    const sleeper = async (name: string, ...delaysMs: number[]) => {
      for (const delayMs of delaysMs) {
        await clock.sleep(delayMs);
        seen.push([name, clock.now()]);
      }
    };
    const all = Promise.all([sleeper('late', 50), sleeper('twice', 10, 10), sleeper('tie', 10)]);
    await clock.advance(30);
    expect(seen).toEqual([
      ['twice', 1010],
      ['tie', 1010],
      ['twice', 1020],
    ]);
    expect([clock.now(), clock.sleeping]).toEqual([1030, 1]);
    await clock.advance(20);
    await all;
    expect(seen.at(-1)).toEqual(['late', 1050]);
  });

  it('rejects with the reason of an abort', async () => {
    const clock = manualClock();
    const controller = new AbortController();
    const sleeping = clock.sleep(10, controller.signal);
    controller.abort(new Error('stop'));
    await expect(sleeping).rejects.toThrow('stop');
    expect(clock.sleeping).toBe(0);
  });
});
