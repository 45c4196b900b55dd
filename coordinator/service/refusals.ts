import type { Clock } from '../../shared/runtime/clock.ts';
import type { ServiceLimits } from '../../shared/wire/limits.ts';
import type { Audit } from './ports.ts';

/** Addresses whose refusals are counted one by one; beyond, the ones longest unseen share what is left. */
const mostKeys = 4096;

/** Records `flush` makes of single addresses; what else was counted becomes one sum. */
const mostFlushed = 100;

export interface Refusals {
  /**
   * Records a refusal: `event` such as `credentials.certificate_revoked`, who it was if known, from which address.
   * A flood is counted, not written: after a burst, one record an interval says how many were left out before it.
   */
  record(event: string, actor: string | null, address: string, details: Readonly<Record<string, unknown>>): void;
  /** Writes what was counted and not yet said. */
  flush(): void;
}

interface Bucket {
  tokens: number;
  refilledMs: number;
  suppressed: number;
  readonly event: string;
  readonly address: string;
}

/** A token bucket an address and event, and one for all addresses together: many addresses must not fill the disk either. */
export function createRefusals(
  audit: Audit,
  clock: Clock,
  limits: Pick<ServiceLimits, 'refusalBurst' | 'refusalEveryMs'>,
): Refusals {
  const buckets = new Map<string, Bucket>();
  const all: Bucket = {
    tokens: limits.refusalBurst * 20,
    refilledMs: clock.now(),
    suppressed: 0,
    event: '',
    address: '',
  };

  const take = (bucket: Bucket, burst: number, everyMs: number): boolean => {
    const nowMs = clock.now();
    const gained = Math.floor((nowMs - bucket.refilledMs) / everyMs);
    if (gained > 0) {
      bucket.tokens = Math.min(burst, bucket.tokens + gained);
      bucket.refilledMs += gained * everyMs;
    }
    if (bucket.tokens <= 0) return false;
    bucket.tokens--;
    return true;
  };
  const sayCounted = (bucket: Bucket): void => {
    audit.record(bucket.event, null, { address: bucket.address, suppressed: bucket.suppressed });
  };

  return {
    record(event, actor, address, details) {
      const key = `${event} ${address}`;
      let bucket = buckets.get(key);
      if (bucket === undefined) {
        bucket = { tokens: limits.refusalBurst, refilledMs: clock.now(), suppressed: 0, event, address };
      }
      // Taken out and put back: the order of the map is the order of use.
      buckets.delete(key);
      buckets.set(key, bucket);
      if (buckets.size > mostKeys) {
        const [oldest] = buckets;
        if (oldest !== undefined) {
          all.suppressed += oldest[1].suppressed;
          buckets.delete(oldest[0]);
        }
      }
      if (
        take(bucket, limits.refusalBurst, limits.refusalEveryMs) &&
        take(all, limits.refusalBurst * 20, limits.refusalEveryMs / 10)
      ) {
        const suppressed = bucket.suppressed + all.suppressed;
        bucket.suppressed = 0;
        all.suppressed = 0;
        audit.record(event, actor, { address, ...details, ...(suppressed === 0 ? {} : { suppressed }) });
      } else {
        bucket.suppressed++;
      }
    },
    flush() {
      let said = 0;
      for (const bucket of buckets.values()) {
        if (bucket.suppressed === 0) continue;
        if (said++ < mostFlushed) sayCounted(bucket);
        else all.suppressed += bucket.suppressed;
        bucket.suppressed = 0;
      }
      if (all.suppressed > 0) audit.record('wire.refusals', null, { suppressed: all.suppressed });
      all.suppressed = 0;
    },
  };
}
