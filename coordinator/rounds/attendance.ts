import type { Clock } from '../../shared/runtime/clock.ts';
import { WardroundError } from '../../shared/runtime/errors.ts';
import { type Digest, isDigest, type RunId, type SiteName, type TaskId } from '../../shared/runtime/ids.ts';
import { errorFields, type Logger } from '../../shared/runtime/logger.ts';
import { createQueue, type Queue } from '../../shared/runtime/queue.ts';
import { untilAborted } from '../../shared/runtime/until-aborted.ts';
import type { CoordinatorMessage, SiteIdentity, SiteMessage, TaskOffer } from '../../shared/wire/messages.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import { plainText } from './plain-text.ts';

/** What is known of a site that attends. */
export interface Presence {
  readonly site: SiteName;
  readonly approvedPlans: ReadonlySet<Digest>;
  readonly software: string;
  readonly sinceMs: number;
  readonly lastHeardMs: number;
}

interface Session {
  readonly identity: SiteIdentity;
  readonly outbox: Queue<CoordinatorMessage>;
  readonly abort: AbortController;
  readonly sent: Map<TaskId, TaskOffer>;
  readonly plans: Set<RunId>;
  approvedPlans: ReadonlySet<Digest>;
  software: string;
  silenceMs: number;
  readonly sinceMs: number;
  lastHeardMs: number;
}

/** What stands open for a site: asked whenever something may have changed. */
export interface Assignments {
  plans(site: SiteName): readonly { readonly run: RunId; readonly plan: Digest }[];
  tasks(site: SiteName): readonly TaskOffer[];
}

/** Heartbeat a site may ask for. */
const heartbeatBoundsMs = [500, 60_000] as const;
const maximumApprovedPlans = 10_000;
/** Messages that may wait for a site to read them; one further behind is taken for dead. */
const maximumWaiting = 10_000;

function say(session: Session, message: CoordinatorMessage): void {
  if (session.outbox.push(message) || session.outbox.closed) return;
  session.outbox.fail(new WireError('deadline_exceeded', 'The site does not read what is sent to it.'));
}

/**
 * Who is here. One stream a site: a newer one ends the older, for a site that dials again has lost its old connection.
 * What is said on a stream follows from the state of the runs alone, so that a site that comes back is told the same.
 */
export interface Attendance {
  attend(
    identity: SiteIdentity,
    messages: AsyncIterable<SiteMessage>,
    signal: AbortSignal,
  ): AsyncIterable<CoordinatorMessage>;
  present(): ReadonlyMap<SiteName, Presence>;
  /** When each site was last heard of since this process began. */
  lastHeardMs(site: SiteName): number | null;
  softwareOf(site: SiteName): string | null;
  /** Brings every stream up to what stands open. */
  sync(assignments: Assignments): void;
  /** The site is answering this task now: a `withdrawn` would only cut its own call short. */
  answering(site: SiteName, task: TaskId): void;
  onChange(listener: () => void): () => void;
  /** Resolves at the next change; rejects with the signal's reason. */
  changed(signal: AbortSignal): Promise<void>;
  /** Ends the streams opened with these certificates. */
  end(serials: readonly string[], reason: WireError): void;
  /** Tells every site to dial again later. */
  drain(): void;
  close(): void;
}

export function createAttendance(needs: {
  readonly clock: Clock;
  readonly log: Logger;
  readonly heartbeatMs: number;
}): Attendance {
  const { clock, log, heartbeatMs } = needs;
  const sessions = new Map<SiteName, Session>();
  const heard = new Map<SiteName, { lastMs: number; software: string }>();
  /**
   * Open tasks that sites are giving their answers to: when they are over the sites need not be told. A site that answers may dial again
   * meanwhile, so this outlives its stream.
   */
  const answering = new Map<SiteName, Set<TaskId>>();
  const listeners = new Set<() => void>();
  let assignments: Assignments = { plans: () => [], tasks: () => [] };
  let draining = false;
  const changed = (): void => {
    for (const listener of [...listeners]) listener();
  };

  const bring = (session: Session): void => {
    const { site } = session.identity;
    for (const { run, plan } of assignments.plans(site)) {
      if (session.plans.has(run)) continue;
      session.plans.add(run);
      say(session, { kind: 'plan', run, plan });
    }
    const open = new Map(assignments.tasks(site).map((task) => [task.id, task]));
    for (const id of [...session.sent.keys()]) {
      if (open.has(id)) continue;
      session.sent.delete(id);
      if (answering.get(site)?.has(id) !== true)
        say(session, { kind: 'withdrawn', task: id, reason: 'The task has been answered or is over.' });
    }
    for (const [id, task] of open) {
      if (session.sent.has(id)) continue;
      session.sent.set(id, task);
      say(session, { kind: 'task', task });
    }
  };

  const forgetAnswered = (): void => {
    for (const [site, tasks] of answering) {
      const open = new Set(assignments.tasks(site).map(({ id }) => id));
      for (const task of tasks) if (!open.has(task)) tasks.delete(task);
      if (tasks.size === 0) answering.delete(site);
    }
  };

  const approvals = (plans: readonly Digest[]): ReadonlySet<Digest> => {
    if (!Array.isArray(plans) || plans.length > maximumApprovedPlans || !plans.every((plan) => isDigest(plan))) {
      throw new WireError('invalid_argument', 'approvedPlans must be a list of digests.', { field: 'approvedPlans' });
    }
    return new Set(plans);
  };

  /** Returns whether the site has come in by this message. */
  const hear = (session: Session, message: SiteMessage, greeted: boolean): boolean => {
    const { site } = session.identity;
    session.lastHeardMs = clock.now();
    if (!greeted) {
      if (message.kind !== 'hello') {
        throw new WireError('invalid_argument', 'The first message of a stream must be hello.', { site });
      }
      const [least, most] = heartbeatBoundsMs;
      if (!(message.heartbeatMs >= least && message.heartbeatMs <= most)) {
        throw new WireError('invalid_argument', `heartbeatMs must be ${least} to ${most}.`, {
          field: 'heartbeatMs',
          value: message.heartbeatMs,
        });
      }
      session.approvedPlans = approvals(message.approvedPlans);
      session.software = plainText(message.software, 100);
      session.silenceMs = 2 * message.heartbeatMs;
      sessions.get(site)?.abort.abort(new WireError('cancelled', 'The site has opened another stream.'));
      sessions.set(site, session);
      log.info({ site, software: session.software }, 'site attends');
    } else if (message.kind === 'approvals') {
      session.approvedPlans = approvals(message.approvedPlans);
    } else if (message.kind === 'hello') {
      throw new WireError('invalid_argument', 'hello may come only once.', { site });
    }
    heard.set(site, { lastMs: session.lastHeardMs, software: session.software });
    if (!greeted || message.kind === 'approvals') {
      bring(session);
      changed();
    }
    return true;
  };

  const listen = async (session: Session, messages: AsyncIterable<SiteMessage>, signal: AbortSignal): Promise<void> => {
    let greeted = false;
    for await (const message of untilAborted(messages, signal)) {
      greeted = hear(session, message, greeted);
    }
    session.outbox.end();
  };

  const beat = async (session: Session, signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await clock.sleep(Math.min(heartbeatMs, session.silenceMs), signal);
      const silentMs = clock.now() - session.lastHeardMs;
      if (silentMs > session.silenceMs) {
        throw new WireError('deadline_exceeded', `Nothing was heard of the site for ${silentMs} ms.`, { silentMs });
      }
      say(session, { kind: 'beat', nowMs: clock.now() });
    }
  };

  async function* attend(
    identity: SiteIdentity,
    messages: AsyncIterable<SiteMessage>,
    signal: AbortSignal,
  ): AsyncGenerator<CoordinatorMessage, void, void> {
    const { site } = identity;
    if (draining) throw new WireError('unavailable', 'The coordinator is stopping; dial again.');
    const abort = new AbortController();
    const both = AbortSignal.any([signal, abort.signal]);
    const session: Session = {
      identity,
      outbox: createQueue(maximumWaiting),
      abort,
      sent: new Map(),
      plans: new Set(),
      approvedPlans: new Set(),
      software: '',
      silenceMs: 2 * heartbeatMs,
      sinceMs: clock.now(),
      lastHeardMs: clock.now(),
    };
    const fail = (error: unknown): void => session.outbox.fail(error);
    const onAbort = (): void => {
      // The caller who aborts goes away in peace; any other end is told.
      if (signal.aborted) session.outbox.end();
      else fail(both.reason);
    };
    both.addEventListener('abort', onAbort, { once: true });
    if (both.aborted) onAbort();
    const work = [listen(session, messages, both), beat(session, both)].map((part) => part.catch(fail));
    try {
      yield* session.outbox;
    } catch (error) {
      log.info({ site, ...errorFields(error) }, 'stream of a site ends');
      throw error instanceof WardroundError ? error : new WireError('unavailable', 'The stream broke.', {}, error);
    } finally {
      both.removeEventListener('abort', onAbort);
      abort.abort(new WireError('cancelled'));
      if (sessions.get(site) === session) {
        sessions.delete(site);
        log.info({ site }, 'site has gone');
        changed();
      }
      await Promise.all(work);
    }
  }

  return {
    attend,
    present: () =>
      new Map(
        [...sessions].map(([site, session]) => [
          site,
          {
            site,
            approvedPlans: session.approvedPlans,
            software: session.software,
            sinceMs: session.sinceMs,
            lastHeardMs: session.lastHeardMs,
          },
        ]),
      ),
    lastHeardMs: (site) => heard.get(site)?.lastMs ?? null,
    softwareOf: (site) => heard.get(site)?.software ?? null,
    sync(next) {
      assignments = next;
      for (const session of sessions.values()) bring(session);
      forgetAnswered();
    },
    answering(site, task) {
      if (!assignments.tasks(site).some(({ id }) => id === task)) return;
      answering.set(site, (answering.get(site) ?? new Set()).add(task));
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    changed(signal) {
      return new Promise((resolve, reject) => {
        if (signal.aborted) {
          reject(signal.reason);
          return;
        }
        const done = (): void => {
          listeners.delete(onChange);
          signal.removeEventListener('abort', onAbort);
        };
        const onChange = (): void => {
          done();
          resolve();
        };
        const onAbort = (): void => {
          done();
          reject(signal.reason);
        };
        listeners.add(onChange);
        signal.addEventListener('abort', onAbort, { once: true });
      });
    },
    end(serials, reason) {
      for (const session of [...sessions.values()]) {
        if (serials.includes(session.identity.serial)) session.abort.abort(reason);
      }
    },
    drain() {
      draining = true;
      for (const session of sessions.values()) say(session, { kind: 'drain' });
    },
    close() {
      draining = true;
      for (const session of [...sessions.values()]) {
        session.abort.abort(new WireError('unavailable', 'The coordinator is stopping; dial again.'));
      }
    },
  };
}
