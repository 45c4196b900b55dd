import { describe, expect, it } from 'vitest';
import { retry, retryDelayMs } from '../../../shared/runtime/retry.ts';
import { WireError } from '../../../shared/wire/wire-error.ts';
import { manualClock } from '../../support/clock.ts';

/** An operation that fails with these errors, one a call, then succeeds. */
function failing(...errors: Error[]) {
  const calls: number[] = [];
  return {
    calls,
    operation: (attempt: number): Promise<string> => {
      calls.push(attempt);
      const error = errors[attempt - 1];
      return error === undefined ? Promise.resolve('done') : Promise.reject(error);
    },
  };
}

const unavailable = () => new WireError('unavailable');
const base = { attempts: 4, firstDelayMs: 100, maximumDelayMs: 250, random: () => 0.5 };

describe('retryDelayMs', () => {
  it('doubles, is capped, and then drawn from the upper half', () => {
    // First delay 100, cap 250: 100, 200, 250, 250; halves of it when the draw is 0, nearly all when it is near 1.
    expect([2, 3, 4, 5].map((attempt) => retryDelayMs(attempt, 100, 250, 0))).toEqual([50, 100, 125, 125]);
    expect([2, 3, 4, 5].map((attempt) => retryDelayMs(attempt, 100, 250, 0.5))).toEqual([75, 150, 187.5, 187.5]);
    expect(retryDelayMs(2, 100, 250, 0.999999)).toBeLessThan(100);
  });

  it('stays a number after any number of tries', () => {
    expect(retryDelayMs(5000, 100, 250, 0)).toBe(125);
    expect(retryDelayMs(5000, 0, 250, 0.9)).toBe(0);
  });
});

describe('retry', () => {
  it('calls again after growing waits until it succeeds', async () => {
    const clock = manualClock();
    const { calls, operation } = failing(unavailable(), unavailable());
    const waits: number[] = [];
    const running = retry(operation, { ...base, clock, onRetry: (_, __, delayMs) => waits.push(delayMs) });
    await clock.waitForSleepers(1);
    await clock.advance(74);
    expect(calls).toEqual([1]);
    await clock.advance(1);
    expect(calls).toEqual([1, 2]);
    await clock.advance(150);
    expect(await running).toBe('done');
    expect(calls).toEqual([1, 2, 3]);
    expect(waits).toEqual([75, 150]);
  });

  it('gives up after the last try, with its error', async () => {
    const clock = manualClock();
    const last = new WireError('unavailable', 'the fourth');
    const { calls, operation } = failing(unavailable(), unavailable(), unavailable(), last);
    const outcome = expect(retry(operation, { ...base, clock })).rejects.toBe(last);
    await clock.advance(10_000);
    await outcome;
    expect(calls).toEqual([1, 2, 3, 4]);
    expect(clock.sleeping).toBe(0);
  });

  it('does not repeat what will not pass by itself, nor a defect', async () => {
    const clock = manualClock();
    for (const error of [new WireError('certificate_revoked'), new TypeError('defect')]) {
      const { calls, operation } = failing(error);
      await expect(retry(operation, { ...base, clock })).rejects.toBe(error);
      expect(calls).toEqual([1]);
    }
  });

  it('lets the caller choose what to repeat', async () => {
    const clock = manualClock();
    const { operation } = failing(new TypeError('once'));
    const running = retry(operation, { ...base, clock, shouldRetry: (error) => error instanceof TypeError });
    await clock.advance(100);
    expect(await running).toBe('done');
  });

  it('is bounded in time as in tries', async () => {
    const clock = manualClock();
    const { calls, operation } = failing(unavailable(), unavailable(), unavailable());
    // Waits 75, then 150: the third try would begin after 225 ms.
    const outcome = expect(retry(operation, { ...base, clock, maximumTotalMs: 200 })).rejects.toThrow(WireError);
    await clock.advance(1000);
    await outcome;
    expect(calls).toEqual([1, 2]);
  });

  it('stops waiting as soon as it is told to', async () => {
    const clock = manualClock();
    const controller = new AbortController();
    const { calls, operation } = failing(unavailable());
    const outcome = expect(retry(operation, { ...base, clock, signal: controller.signal })).rejects.toThrow('enough');
    await clock.waitForSleepers(1);
    controller.abort(new Error('enough'));
    await outcome;
    expect(calls).toEqual([1]);
    expect(clock.sleeping).toBe(0);
  });

  it('does not begin when it was stopped before', async () => {
    const { calls, operation } = failing();
    const signal = AbortSignal.abort(new Error('before'));
    await expect(retry(operation, { ...base, clock: manualClock(), signal })).rejects.toThrow('before');
    expect(calls).toEqual([]);
  });
});
