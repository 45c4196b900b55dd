import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Clock } from '../../shared/runtime/clock.ts';

/** A clock that jumps from one end of a wait to the next, when it is told to. */
export interface SteppedClock extends Clock {
  /** Moves to the end of the shortest wait under way, ends it, and lets what waited for it go on. */
  step(): Promise<void>;
  /** Lets what can go on without time go on. */
  settled(): Promise<void>;
}

/** Turns of the event loop in which everything that waited has gone on: in this process nothing takes longer without a wait or a file. */
const turnsToSettle = 5;
/** A wait that nobody steps to its end still ends, this long after its time has really passed: a defect must not stand for ever. */
const realSlackMs = 30_000;

async function settled(): Promise<void> {
  for (let turn = 0; turn < turnsToSettle; turn++) await setImmediate();
}

/** Waits end in the order of simulated time, so that deadlines, heartbeats and settling times fall as they would, without taking as long. */
export function steppedClock(startMs: number): SteppedClock {
  let nowMs = startMs;
  const waits = new Set<{ readonly untilMs: number; end(): void }>();
  return {
    now: () => nowMs,
    async sleep(delayMs, signal) {
      signal?.throwIfAborted();
      if (!(delayMs > 0)) return;
      const ended = new AbortController();
      const wait = { untilMs: nowMs + delayMs, end: () => ended.abort() };
      waits.add(wait);
      const onAbort = (): void => ended.abort();
      signal?.addEventListener('abort', onAbort, { once: true });
      try {
        // The longest delay that `setTimeout` takes is 2^31 - 1.
        const realMs = Math.min(delayMs + realSlackMs, 2 ** 31 - 1);
        await setTimeout(realMs, undefined, { signal: ended.signal }).catch(() => undefined);
      } finally {
        waits.delete(wait);
        signal?.removeEventListener('abort', onAbort);
      }
      signal?.throwIfAborted();
    },
    async step() {
      const ends = [...waits].map(({ untilMs }) => untilMs);
      if (ends.length > 0) nowMs = Math.max(nowMs, Math.min(...ends));
      for (const wait of waits) if (wait.untilMs <= nowMs) wait.end();
      await settled();
    },
    settled,
  };
}
