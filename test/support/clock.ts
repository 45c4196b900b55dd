import { EventEmitter } from 'node:events';
import type { Clock } from '../../shared/runtime/clock.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';

export interface ManualClock extends Clock {
  /** Moves time on, waking sleepers in the order of their times, each with `now()` at its own time. */
  advance(byMs: number): Promise<void>;
  /** Sleepers that wait. */
  readonly sleeping: number;
  /** Resolves when at least `count` sleepers wait: what is under test has come to its pause. */
  waitForSleepers(count: number): Promise<void>;
}

interface Sleeper {
  readonly atMs: number;
  readonly order: number;
  readonly wake: () => void;
}

/** Lets promise callbacks that are due run, through several turns of the event loop. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A clock that stands still until it is advanced by hand. */
export function manualClock(startMs: number = Date.UTC(2025, 0, 1)): ManualClock {
  let nowMs = startMs;
  let order = 0;
  const sleepers = new Set<Sleeper>();
  return {
    now: () => nowMs,
    get sleeping() {
      return sleepers.size;
    },
    sleep(delayMs, signal) {
      return new Promise<void>((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(signal.reason);
          return;
        }
        if (delayMs <= 0) {
          resolve();
          return;
        }
        const onAbort = (): void => {
          sleepers.delete(sleeper);
          reject(signal?.reason);
        };
        const sleeper: Sleeper = {
          atMs: nowMs + delayMs,
          order: order++,
          wake: () => {
            signal?.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    },
    async advance(byMs) {
      const untilMs = nowMs + byMs;
      await settle();
      for (;;) {
        const next = [...sleepers]
          .filter(({ atMs }) => atMs <= untilMs)
          .sort((left, right) => left.atMs - right.atMs || left.order - right.order)[0];
        if (next === undefined) break;
        sleepers.delete(next);
        nowMs = next.atMs;
        next.wake();
        await settle();
      }
      nowMs = untilMs;
      await settle();
    },
    async waitForSleepers(count) {
      // A bound, so that a test of something that never sleeps fails by itself; of time, for turns are short where the disk is slow.
      const endMs = performance.now() + 20_000;
      while (sleepers.size < count) {
        if (performance.now() > endMs) {
          throw new Error(`manualClock: ${sleepers.size} sleepers after 20 s, expected ${count}`);
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

/** The system's clock, which can be moved forward: whoever sleeps until a moment passed over wakes. For what waits on a network too. */
export interface MovableClock extends Clock {
  move(byMs: number): void;
}

export function movableClock(): MovableClock {
  let aheadMs = 0;
  const moved = new EventEmitter().setMaxListeners(0);
  const clock: MovableClock = {
    now: () => Date.now() + aheadMs,
    async sleep(delayMs, signal) {
      const until = clock.now() + delayMs;
      while (clock.now() < until) {
        const again = new AbortController();
        const wake = (): void => again.abort();
        moved.once('moved', wake);
        try {
          const either = signal === undefined ? again.signal : AbortSignal.any([signal, again.signal]);
          await systemClock.sleep(until - clock.now(), either);
        } catch (error) {
          if (!again.signal.aborted) throw error;
          signal?.throwIfAborted();
        } finally {
          moved.off('moved', wake);
        }
      }
    },
    move(byMs) {
      aheadMs += byMs;
      moved.emit('moved');
    },
  };
  return clock;
}
