import { linkSignals, raceAbort } from '../../shared/runtime/abort.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { createQueue } from '../../shared/runtime/queue.ts';
import { decodeSiteMessage, encodeCoordinatorMessage } from '../../shared/wire/federation-codec.ts';
import type { FederationPort } from '../../shared/wire/federation-port.ts';
import type * as Wire from '../../shared/wire/generated/federation.ts';
import type { ServiceLimits } from '../../shared/wire/limits.ts';
import type { SiteMessage } from '../../shared/wire/messages.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import type { CallContext } from './guard.ts';

/** Messages of one site that may wait for the coordinator; there are few but beats, and those do not pile up. */
const mostWaiting = 100;

export interface AttendOptions {
  readonly port: FederationPort;
  readonly requests: AsyncIterable<Wire.SiteMessage>;
  readonly send: (message: Wire.CoordinatorMessage) => Promise<void>;
  readonly context: CallContext;
  readonly clock: Clock;
  readonly limits: ServiceLimits;
  /** Streams to tell of a drain. */
  readonly drains: Set<() => void>;
}

/**
 * Serves one site's stream until either side ends it. Beats whenever nothing else was said for one heartbeat; ends the
 * stream when the site says nothing, or takes nothing, for two.
 */
export async function attend(options: AttendOptions): Promise<void> {
  const { port, context, clock, limits, drains } = options;
  const link = linkSignals(context.signal);
  const { signal } = link;
  const requests = options.requests[Symbol.asyncIterator]();
  let heardMs = clock.now();
  let saidMs = clock.now();
  let sendingSinceMs: number | null = null;
  // One message at a time, in the order they were said.
  let sending: Promise<void> = Promise.resolve();

  const say = (message: Wire.CoordinatorMessage): Promise<void> => {
    sending = sending.then(async () => {
      sendingSinceMs = clock.now();
      await options.send(message);
      sendingSinceMs = null;
      saidMs = clock.now();
    });
    return sending;
  };

  const first = await withinHandshake(requests.next(), options);
  if (first.done === true) throw new WireError('invalid_argument', 'The stream ended before hello.');
  const hello = decodeSiteMessage(first.value);
  if (hello.kind !== 'hello') throw new WireError('invalid_argument', 'The first message must be hello.');
  const heartbeatMs = Math.min(Math.max(hello.heartbeatMs, limits.heartbeatMinimumMs), limits.heartbeatMaximumMs);
  heardMs = clock.now();

  // Read on at once, however slow the coordinator is with them: what is heard late must not look like silence.
  const incoming = createQueue<SiteMessage>(mostWaiting);
  incoming.push(hello);
  const listen = async (): Promise<void> => {
    for (;;) {
      const next = await raceAbort(requests.next(), signal);
      if (next.done === true) break;
      heardMs = clock.now();
      const message = decodeSiteMessage(next.value);
      if (message.kind === 'hello') throw new WireError('invalid_argument', 'hello is said once.');
      if (message.kind === 'beat' && incoming.size > 0) continue;
      if (!(await incoming.send(message, signal))) return;
    }
    incoming.end();
  };

  const beat = async (): Promise<void> => {
    let lastMs = clock.now();
    for (;;) {
      await clock.sleep(heartbeatMs / 2, signal);
      const nowMs = clock.now();
      // When this process itself stood still, the silence was ours.
      if (nowMs - lastMs > heartbeatMs) heardMs = Math.max(heardMs, nowMs - heartbeatMs);
      lastMs = nowMs;
      if (nowMs - heardMs > 2 * heartbeatMs) {
        throw new WireError('unavailable', 'Nothing was heard from the site for two heartbeats.');
      }
      if (sendingSinceMs !== null && nowMs - sendingSinceMs > 2 * heartbeatMs) {
        throw new WireError('unavailable', 'The site took nothing for two heartbeats.');
      }
      if (sendingSinceMs === null && nowMs - saidMs >= heartbeatMs / 2) {
        say({ beat: { nowMs: Math.round(nowMs) } }).catch(() => undefined);
      }
    }
  };
  const serve = async (): Promise<void> => {
    for await (const message of port.attend(incoming, signal)) await say(encodeCoordinatorMessage(message));
  };
  const drain = (): void => {
    say({ drain: {} }).catch(() => undefined);
  };

  drains.add(drain);
  listen().catch((error: unknown) => incoming.fail(error));
  const beating = beat();
  const serving = serve();
  // Whichever ends first ends the stream; the other must not fail unheard.
  beating.catch(() => undefined);
  serving.catch(() => undefined);
  try {
    await Promise.race([beating, serving]);
    await sending;
  } finally {
    drains.delete(drain);
    link.abort(new WireError('cancelled'));
    sending.catch(() => undefined);
  }
}

/** A stream that says nothing at all must not stay. */
async function withinHandshake<T>(work: Promise<T>, { clock, context, limits }: AttendOptions): Promise<T> {
  const timer = linkSignals(context.signal);
  const late = clock.sleep(limits.handshakeMs, timer.signal).then(() => {
    throw new WireError('unavailable', 'The site said no hello in time.');
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
}
