import { describe, expect, it } from 'vitest';
import { steppedClock } from '../../../simulations/faults/stepped-clock.ts';

describe('a stepped clock', () => {
  it('ends waits in the order of simulated time, those of one moment together', async () => {
    const clock = steppedClock(1000);
    const ended: string[] = [];
    const wait = async (name: string, delayMs: number): Promise<void> => {
      await clock.sleep(delayMs);
      ended.push(`${name} ${clock.now()}`);
    };
    const all = [wait('day', 86_400_000), wait('minute', 60_000), wait('second', 1000), wait('other second', 1000)];
    await clock.step();
    expect(ended).toEqual(['second 2000', 'other second 2000']);
    await clock.step();
    expect(ended.slice(2)).toEqual(['minute 61000']);
    await clock.step();
    await Promise.all(all);
    expect(clock.now()).toBe(86_401_000);
  });

  it('stands when nobody waits, and does not wait for what has passed', async () => {
    const clock = steppedClock(5);
    await clock.step();
    await clock.sleep(0);
    await clock.sleep(-1);
    expect(clock.now()).toBe(5);
  });

  it("rejects a wait with its signal's reason, also one that had begun", async () => {
    const clock = steppedClock(0);
    const controller = new AbortController();
    const waiting = clock.sleep(1000, controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(clock.sleep(1000, controller.signal)).rejects.toThrow('enough');
    await clock.step();
    expect(clock.now()).toBe(0);
  });
});
