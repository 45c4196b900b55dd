import type { Clock } from '../../shared/runtime/clock.ts';

export interface RateLimitSettings {
  /** Tries allowed at once, and per window. */
  readonly tries: number;
  readonly windowMs: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
  /** Tries refused since the last one that was let through. */
  refused: number;
}

/**
 * Token buckets by key (RFC 2697 in spirit: a full bucket at first, refilled evenly over the window). Memory is bounded:
 * when there are more keys than `maximumKeys`, the one untouched for longest starts anew.
 */
export function createRateLimit(clock: Clock, settings: RateLimitSettings, maximumKeys = 10_000) {
  const buckets = new Map<string, Bucket>();
  return {
    /** Takes one try. `refused` counts the tries of this key that were refused in a row, this one included. */
    take(key: string): { readonly allowed: boolean; readonly refused: number } {
      const nowMs = clock.now();
      const bucket = buckets.get(key) ?? { tokens: settings.tries, atMs: nowMs, refused: 0 };
      const elapsedMs = Math.max(0, nowMs - bucket.atMs);
      bucket.tokens = Math.min(settings.tries, bucket.tokens + (elapsedMs * settings.tries) / settings.windowMs);
      bucket.atMs = nowMs;
      buckets.delete(key);
      buckets.set(key, bucket);
      if (buckets.size > maximumKeys) buckets.delete(buckets.keys().next().value as string);
      if (bucket.tokens < 1) {
        bucket.refused += 1;
        return { allowed: false, refused: bucket.refused };
      }
      bucket.tokens -= 1;
      bucket.refused = 0;
      return { allowed: true, refused: 0 };
    },
  };
}
