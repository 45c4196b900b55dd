import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import type { CoordinatorMessage, SiteMessage } from '../../../shared/wire/messages.ts';
import { WireError } from '../../../shared/wire/wire-error.ts';
import { type Attendance, type AttendanceParts, createAttendance } from '../../../site-agent/agent/attendance.ts';
import { type ManualClock, manualClock } from '../../support/clock.ts';
import { createFakeCoordinator } from '../../support/fake-coordinator.ts';

type Attend = AttendanceParts['inbound']['attend'];
const heartbeatMs = 1000;

interface Bench {
  readonly clock: ManualClock;
  readonly attendance: Attendance;
  readonly dials: () => number;
  readonly taken: CoordinatorMessage[];
  stop(): Promise<void>;
}

function attendOver(attend: (dial: number, ...args: Parameters<Attend>) => ReturnType<Attend>): Bench {
  const clock = manualClock();
  const taken: CoordinatorMessage[] = [];
  let dials = 0;
  const stopping = new AbortController();
  const port = createFakeCoordinator().ports.federation({ role: 'site', site: 'north' as never, serial: '1' });
  const attendance = createAttendance({
    inbound: { ...port, attend: (messages, signal) => attend(++dials, messages, signal) },
    clock,
    random: () => 0,
    log: silentLogger,
    heartbeatMs,
    hello: () => ({ kind: 'hello', software: 'test', heartbeatMs, approvedPlans: [] }),
    onMessage: (message) => taken.push(message),
  });
  const running = attendance.run(stopping.signal);
  return {
    clock,
    attendance,
    dials: () => dials,
    taken,
    async stop() {
      stopping.abort(new Error('test over'));
      await running;
    },
  };
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

describe('the standing connection', () => {
  it('beats, and dials again when it hears nothing for two heartbeats', async () => {
    const said: SiteMessage['kind'][] = [];
    const bench = attendOver(async function* (dial, messages, signal) {
      const listen = async (): Promise<void> => {
        for await (const { kind } of messages) if (dial === 1) said.push(kind);
      };
      void listen();
      yield { kind: 'beat', nowMs: 0 };
      await aborted(signal);
    });
    await bench.clock.advance(heartbeatMs);
    expect(said).toEqual(['hello', 'beat']);
    expect(bench.dials()).toBe(1);
    await bench.clock.advance(heartbeatMs);
    // Then a wait of at most 250 ms before the second dial.
    await bench.clock.advance(250);
    expect(bench.dials()).toBe(2);
    await bench.stop();
  });

  it('stays while it hears something', async () => {
    let speak: () => void = () => {};
    const bench = attendOver(async function* (_, __, signal) {
      while (!signal.aborted) {
        yield { kind: 'beat', nowMs: 0 };
        await Promise.race([aborted(signal), new Promise<void>((resolve) => (speak = resolve))]);
      }
    });
    for (let beat = 0; beat < 5; beat++) {
      await bench.clock.advance(heartbeatMs - 1);
      speak();
      await bench.clock.advance(1);
    }
    expect(bench.dials()).toBe(1);
    expect(bench.taken.length).toBeGreaterThan(4);
    await bench.stop();
  });

  it('waits longer after each failure, up to its cap', async () => {
    const times: number[] = [];
    const bench = attendOver(async function* () {
      // The first dial comes while the bench is being made.
      await Promise.resolve();
      times.push(bench.clock.now());
      yield* [];
      throw new WireError('unavailable');
    });
    await bench.clock.advance(200_000);
    const waits = times.slice(1).map((time, index) => time - (times[index] as number));
    // Half of 250, 500, 1000, ... (the draw is 0), and never more than half of 30 s.
    expect(waits.slice(0, 8)).toEqual([125, 250, 500, 1000, 2000, 4000, 8000, 15_000]);
    await bench.stop();
  });

  it('a refused certificate is tried seldom: a person has to act', async () => {
    const bench = attendOver(async function* () {
      yield* [];
      throw new WireError('certificate_revoked');
    });
    await bench.clock.advance(29_999);
    expect(bench.dials()).toBe(1);
    await bench.clock.advance(1);
    expect(bench.dials()).toBe(2);
    await bench.stop();
  });

  it('dials again at once when asked to drain, and when told to', async () => {
    const bench = attendOver(async function* (dial, _, signal) {
      yield dial === 1 ? { kind: 'drain' } : { kind: 'beat', nowMs: 0 };
      await aborted(signal);
    });
    await bench.clock.advance(250);
    expect(bench.dials()).toBe(2);
    bench.attendance.redial();
    await bench.clock.advance(250);
    expect(bench.dials()).toBe(3);
    await bench.stop();
  });
});
