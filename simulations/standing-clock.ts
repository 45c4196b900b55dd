import type { Clock } from '../shared/runtime/clock.ts';
import { systemClock } from '../shared/runtime/system-clock.ts';

/** A clock that moves only when it is told to. Waits take their real time. */
export interface StandingClock extends Clock {
  advance(byMs: number): void;
}

/**
 * Time that stands still. Rounds end when the work is done, never by the clock, so nothing in a simulation depends on how fast the
 * machine is: the same seed gives the same bits in releases, evidence and reports.
 */
export function standingClock(startMs: number): StandingClock {
  let nowMs = startMs;
  return {
    now: () => nowMs,
    sleep: (delayMs, signal) => systemClock.sleep(delayMs, signal),
    advance(byMs) {
      nowMs += byMs;
    },
  };
}
