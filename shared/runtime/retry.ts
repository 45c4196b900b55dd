import type { Clock } from './clock.ts';
import { WardroundError } from './errors.ts';

export interface RetryOptions {
  /** Tries in all, the first one included. */
  readonly attempts: number;
  /** Longest wait before the second try. */
  readonly firstDelayMs: number;
  /** Longest wait before any try. */
  readonly maximumDelayMs: number;
  /** Stop when the next wait would pass this much time since the first try; no limit when absent. */
  readonly maximumTotalMs?: number;
  readonly clock: Clock;
  /** Uniform on [0, 1): spreads callers that failed together. */
  readonly random: () => number;
  readonly signal?: AbortSignal;
  /** Whether this failure may pass by itself. Default: a WardroundError whose advice is `retry`. */
  readonly shouldRetry?: (error: unknown) => boolean;
  readonly onRetry?: (error: unknown, attempt: number, delayMs: number) => void;
}

/**
 * Longest wait before try `attempt` (2, 3, ...): doubling, capped, then a uniform draw from its upper half,
 * so that the cap bounds the wait and no two callers keep step.
 */
export function retryDelayMs(attempt: number, firstDelayMs: number, maximumDelayMs: number, draw: number): number {
  // 2 ** 1024 is infinite, and infinity times a first delay of 0 is NaN.
  const doubled = firstDelayMs * 2 ** Math.min(attempt - 2, 60);
  const capped = Math.min(doubled, maximumDelayMs);
  return capped / 2 + (capped / 2) * draw;
}

/**
 * Calls `operation` until it succeeds, fails for good, or tries and time are used up; then throws its last error.
 * An abort ends the wait at once with the signal's reason.
 */
export async function retry<T>(
  operation: (attempt: number, signal: AbortSignal | undefined) => Promise<T>,
  options: RetryOptions,
): Promise<T> {
  const { clock, signal } = options;
  const shouldRetry =
    options.shouldRetry ?? ((error: unknown) => error instanceof WardroundError && error.advice === 'retry');
  const startMs = clock.now();
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await operation(attempt, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt >= options.attempts || !shouldRetry(error)) throw error;
      const delayMs = retryDelayMs(attempt + 1, options.firstDelayMs, options.maximumDelayMs, options.random());
      const limitMs = options.maximumTotalMs ?? Number.POSITIVE_INFINITY;
      if (clock.now() - startMs + delayMs > limitMs) throw error;
      options.onRetry?.(error, attempt, delayMs);
      await clock.sleep(delayMs, signal);
    }
  }
}
