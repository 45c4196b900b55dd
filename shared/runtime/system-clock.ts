import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from './clock.ts';

/** Longest delay `setTimeout` takes; a longer one would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(delayMs, signal) {
    signal?.throwIfAborted();
    let leftMs = delayMs;
    while (leftMs > 0) {
      const turnMs = Math.min(leftMs, longestTimerMs);
      try {
        await delay(turnMs, undefined, signal === undefined ? {} : { signal });
      } catch (cause) {
        signal?.throwIfAborted();
        throw cause;
      }
      leftMs -= turnMs;
    }
  },
};
