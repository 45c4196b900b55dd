import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { abortReason, isAbort, linkSignals, raceAbort, withTimeout } from '../../../shared/runtime/abort.ts';
import { manualClock } from '../../support/clock.ts';

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;
const stop = new Error('stop');

describe('linkSignals', () => {
  it('aborts with the first parent and its reason, and lets go of the others', () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const link = linkSignals(first.signal, undefined, second.signal);
    expect([listeners(first.signal), listeners(second.signal)]).toEqual([1, 1]);
    second.abort(stop);
    expect(link.signal.reason).toBe(stop);
    expect([listeners(first.signal), listeners(second.signal)]).toEqual([0, 0]);
    first.abort(new Error('later'));
    expect(link.signal.reason).toBe(stop);
  });

  it('is aborted at once when a parent is', () => {
    const other = new AbortController();
    const link = linkSignals(other.signal, AbortSignal.abort(stop));
    expect(link.signal.reason).toBe(stop);
    expect(listeners(other.signal)).toBe(0);
  });

  it('leaves no listener on a long-lived parent', () => {
    const parent = new AbortController();
    for (let request = 0; request < 100; request++) linkSignals(parent.signal).release();
    expect(listeners(parent.signal)).toBe(0);
  });

  it('aborts alone without touching its parents', () => {
    const parent = new AbortController();
    linkSignals(parent.signal).abort(stop);
    expect(parent.signal.aborted).toBe(false);
    expect(listeners(parent.signal)).toBe(0);
  });
});

describe('raceAbort', () => {
  it('passes the result and the failure on, and removes its listener', async () => {
    const { signal } = new AbortController();
    await expect(raceAbort(Promise.resolve(3), signal)).resolves.toBe(3);
    await expect(raceAbort(Promise.reject(stop), signal)).rejects.toBe(stop);
    await expect(raceAbort(Promise.resolve(4), undefined)).resolves.toBe(4);
    expect(listeners(signal)).toBe(0);
  });

  it('rejects on abort, and hands over what comes late', async () => {
    const controller = new AbortController();
    const late: number[] = [];
    let finish: (value: number) => void = () => undefined;
    const work = new Promise<number>((resolve) => {
      finish = resolve;
    });
    const raced = raceAbort(work, controller.signal, (value) => late.push(value));
    controller.abort(stop);
    await expect(raced).rejects.toBe(stop);
    finish(7);
    await work;
    expect(late).toEqual([7]);
  });

  it('swallows a failure that comes after the abort', async () => {
    let fail: (error: Error) => void = () => undefined;
    const work = new Promise<number>((_, reject) => {
      fail = reject;
    });
    const raced = raceAbort(work, AbortSignal.abort(stop));
    fail(new Error('late'));
    // An unhandled rejection would fail the whole test run.
    await expect(raced).rejects.toBe(stop);
  });
});

describe('withTimeout', () => {
  const slow = () => new Promise<never>(() => undefined);

  it('gives the result, and leaves neither timer nor listener', async () => {
    const clock = manualClock();
    const { signal } = new AbortController();
    const result = await withTimeout(() => Promise.resolve(5), { timeoutMs: 100, clock, signal, reason: () => stop });
    expect(result).toBe(5);
    expect(clock.sleeping).toBe(0);
    expect(listeners(signal)).toBe(0);
  });

  it('rejects with its reason after the time, also when the work does not listen', async () => {
    const clock = manualClock();
    let seen: AbortSignal | undefined;
    const running = withTimeout(
      (signal) => {
        seen = signal;
        return slow();
      },
      { timeoutMs: 100, clock, reason: () => stop },
    );
    const outcome = expect(running).rejects.toBe(stop);
    await clock.advance(99);
    expect(seen?.aborted).toBe(false);
    await clock.advance(1);
    await outcome;
    expect(seen?.reason).toBe(stop);
  });

  it("rejects with the caller's reason before the time", async () => {
    const clock = manualClock();
    const controller = new AbortController();
    const running = withTimeout(slow, {
      timeoutMs: 100,
      clock,
      signal: controller.signal,
      reason: () => new Error('time'),
    });
    controller.abort(stop);
    await expect(running).rejects.toBe(stop);
    expect(clock.sleeping).toBe(0);
    expect(listeners(controller.signal)).toBe(0);
  });

  it('does not begin when the caller has stopped already', async () => {
    let begun = false;
    const running = withTimeout(
      () => {
        begun = true;
        return Promise.resolve();
      },
      { timeoutMs: 1, clock: manualClock(), signal: AbortSignal.abort(stop), reason: () => new Error('time') },
    );
    await expect(running).rejects.toBe(stop);
    expect(begun).toBe(false);
  });
});

it('tells a stop on request from a failure', () => {
  const signal = AbortSignal.abort(stop);
  expect(isAbort(stop, signal)).toBe(true);
  expect(isAbort(new Error('other'), signal)).toBe(false);
  expect(isAbort(AbortSignal.abort().reason)).toBe(true);
  expect(abortReason(AbortSignal.abort('because')).message).toBe('because');
  expect(abortReason(signal)).toBe(stop);
});
