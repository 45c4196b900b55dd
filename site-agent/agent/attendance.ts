import type { Clock } from '../../shared/runtime/clock.ts';
import { WardroundError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { retryDelayMs } from '../../shared/runtime/retry.ts';
import type { CoordinatorMessage, SiteMessage } from '../../shared/wire/messages.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import type { FederationInbound } from '../egress/port.ts';

const firstDelayMs = 250;
const maximumDelayMs = 30_000;
/** A certificate that is refused will hardly be taken a second later: an operator has to act. */
const refusedDelayMs = 60_000;

/** What the agent has to say on the stream. At most one message of each kind waits: a slow line never fills memory. */
class Outbox implements AsyncIterable<SiteMessage> {
  readonly #waiting = new Map<SiteMessage['kind'], SiteMessage>();
  #wake: (() => void) | null = null;
  #closed = false;

  push(message: SiteMessage): void {
    this.#waiting.set(message.kind, message);
    this.#wake?.();
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<SiteMessage> {
    for (;;) {
      const [first] = this.#waiting;
      if (first !== undefined) {
        this.#waiting.delete(first[0]);
        yield first[1];
      } else if (this.#closed) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = null;
      }
    }
  }
}

export interface AttendanceParts {
  readonly inbound: FederationInbound;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly heartbeatMs: number;
  /** Made anew for every connection: the approvals may have changed. */
  readonly hello: () => SiteMessage;
  /** Called in order; must not wait for work to be done. */
  readonly onMessage: (message: CoordinatorMessage) => void;
  /** Called on the first message of every connection. */
  readonly onConnected?: () => void;
}

/** The agent's standing connection: dials, says who it is, beats, listens, and dials again when it hears nothing. */
export interface Attendance {
  /** Ends when the signal aborts; never throws for what the network does. */
  run(signal: AbortSignal): Promise<void>;
  /** Says something on the present connection; without one, the next hello says it. */
  say(message: SiteMessage): void;
  /** Drops the present connection and dials again: what is offered then is offered anew. */
  redial(): void;
}

export function createAttendance(parts: AttendanceParts): Attendance {
  const { clock, heartbeatMs, log } = parts;
  let outbox: Outbox | null = null;
  let connection: AbortController | null = null;

  /** One connection, from hello to its end. Resolves with whether anything was heard on it. */
  async function attendOnce(signal: AbortSignal): Promise<{ heard: boolean; error: unknown }> {
    const controller = new AbortController();
    const both = AbortSignal.any([signal, controller.signal]);
    const sayings = new Outbox();
    connection = controller;
    outbox = sayings;
    sayings.push(parts.hello());
    let lastHeardMs = clock.now();
    let heard = false;
    const watch = (async () => {
      while (!both.aborted) {
        await clock.sleep(heartbeatMs, both);
        if (clock.now() - lastHeardMs >= 2 * heartbeatMs) {
          controller.abort(new WireError('unavailable', 'Nothing was heard for two heartbeats.'));
        } else sayings.push({ kind: 'beat' });
      }
    })().catch(() => {});
    try {
      for await (const message of parts.inbound.attend(sayings, both)) {
        lastHeardMs = clock.now();
        if (!heard) {
          log.info({}, 'connected to the coordinator');
          parts.onConnected?.();
        }
        heard = true;
        parts.onMessage(message);
        if (message.kind === 'drain') {
          log.info({}, 'the coordinator asks to dial again');
          break;
        }
      }
      return { heard, error: controller.signal.reason };
    } catch (error) {
      return { heard, error: controller.signal.aborted ? controller.signal.reason : error };
    } finally {
      sayings.close();
      controller.abort(new WireError('cancelled', 'The connection was closed.'));
      connection = null;
      outbox = null;
      await watch;
    }
  }

  return {
    async run(signal) {
      let failures = 0;
      while (!signal.aborted) {
        const { heard, error } = await attendOnce(signal);
        if (signal.aborted) return;
        failures = heard ? 0 : failures + 1;
        const refused = error instanceof WardroundError && error.advice === 'fix';
        const delayMs = refused
          ? refusedDelayMs * (0.5 + parts.random() / 2)
          : retryDelayMs(Math.max(2, failures + 1), firstDelayMs, maximumDelayMs, parts.random());
        const code = error instanceof WardroundError ? error.fullCode : error instanceof Error ? error.name : null;
        if (refused) log.error({ code, delayMs }, 'the coordinator refuses this site; a person has to act');
        else log.info({ code, delayMs }, 'disconnected, dialling again');
        try {
          await clock.sleep(delayMs, signal);
        } catch {
          return;
        }
      }
    },
    say: (message) => outbox?.push(message),
    redial: () => connection?.abort(new WireError('unavailable', 'The agent dials again.')),
  };
}
