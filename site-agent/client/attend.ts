import { linkSignals, raceAbort } from '../../shared/runtime/abort.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { createQueue } from '../../shared/runtime/queue.ts';
import type { DuplexCall } from '../../shared/wire/calls.ts';
import { decodeCoordinatorMessage, encodeSiteMessage } from '../../shared/wire/federation-codec.ts';
import type * as Wire from '../../shared/wire/generated/federation.ts';
import { type CoordinatorMessage, defaultHeartbeatMs, type SiteMessage } from '../../shared/wire/messages.ts';
import { WireError } from '../../shared/wire/wire-error.ts';

/** Messages that may wait for the agent. The coordinator offers a handful of tasks; beats never pile up. */
const mostWaiting = 1000;

export interface AttendSettings {
  /** Dials. */
  readonly open: () => DuplexCall<Wire.SiteMessage, Wire.CoordinatorMessage>;
  readonly clock: Clock;
  /** Time for the first word of the coordinator, dialling included. */
  readonly connectMs: number;
  /** Calls back when the stream should move to another channel; returns the way to stop listening. */
  readonly onReplaced: (listener: () => void) => () => void;
}

/**
 * The site's stream. Beats whenever the agent says nothing for half a heartbeat, and ends with `unavailable` when nothing
 * comes for two. After the identity was replaced it says `drain`: dial again, the new certificate is used then.
 */
export async function* attendStream(
  settings: AttendSettings,
  messages: AsyncIterable<SiteMessage>,
  signal: AbortSignal,
): AsyncGenerator<CoordinatorMessage, void, void> {
  signal.throwIfAborted();
  const { clock } = settings;
  const call = settings.open();
  const link = linkSignals(signal);
  const incoming = createQueue<CoordinatorMessage>(mostWaiting);
  let heartbeatMs = defaultHeartbeatMs;
  let saidMs = clock.now();
  let heardMs: number | null = null;
  let sending: Promise<void> = Promise.resolve();
  const say = (message: SiteMessage): Promise<void> => {
    saidMs = clock.now();
    sending = sending.then(() => call.send(encodeSiteMessage(message)));
    return sending;
  };

  let begun = (): void => undefined;
  // The rhythm is the hello's, so nothing beats before it.
  const hello = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const speak = async (): Promise<void> => {
    for await (const message of messages) {
      if (link.signal.aborted) return;
      if (message.kind === 'hello' && message.heartbeatMs > 0) heartbeatMs = message.heartbeatMs;
      begun();
      await say(message);
    }
    call.end();
  };
  const listen = async (): Promise<void> => {
    for await (const wire of call.messages) {
      heardMs = clock.now();
      const message = decodeCoordinatorMessage(wire);
      // A beat is news only to an agent that has read all others.
      if (message.kind === 'beat' && incoming.size > 0) continue;
      if (!(await incoming.send(message, link.signal))) return;
    }
  };
  const keep = async (): Promise<void> => {
    await raceAbort(hello, link.signal);
    const beganMs = clock.now();
    let lastMs = beganMs;
    for (;;) {
      await clock.sleep(heartbeatMs / 2, link.signal);
      const nowMs = clock.now();
      // When this process itself stood still (a long computation, a suspended machine), the silence was ours.
      if (nowMs - lastMs > heartbeatMs && heardMs !== null) heardMs = Math.max(heardMs, nowMs - heartbeatMs);
      lastMs = nowMs;
      if (heardMs === null ? nowMs - beganMs > settings.connectMs : nowMs - heardMs > 2 * heartbeatMs) {
        throw new WireError('unavailable', 'Nothing was heard from the coordinator for two heartbeats.');
      }
      if (heardMs !== null && nowMs - saidMs >= heartbeatMs / 2) say({ kind: 'beat' }).catch(() => undefined);
    }
  };

  const stopListening = settings.onReplaced(() => {
    incoming.push({ kind: 'drain' });
  });
  // A stream that failed to send says why when it is read.
  speak().catch((error: unknown) => {
    if (!link.signal.aborted && error instanceof WireError === false) incoming.fail(error);
  });
  listen().then(
    () => incoming.end(),
    (error: unknown) => incoming.fail(error),
  );
  keep().catch((error: unknown) => incoming.fail(error));
  const onAbort = (): void => incoming.fail(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    yield* incoming;
  } finally {
    signal.removeEventListener('abort', onAbort);
    stopListening();
    link.abort(new WireError('cancelled'));
    call.cancel();
  }
}
