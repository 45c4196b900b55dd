import type { Digest, SiteName } from '../../shared/runtime/ids.ts';
import { untilAborted } from '../../shared/runtime/until-aborted.ts';
import type { FederationPort } from '../../shared/wire/federation-port.ts';
import type { CoordinatorMessage, ObjectRef, SiteMessage } from '../../shared/wire/messages.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import type { FaultKind } from './fault-schema.ts';
import { spoilDelta } from './spoil-delta.ts';

/** What the stage wants to know of a line, and what it decides about it. */
export interface LineWatch {
  faultIn(round: number): FaultKind | null;
  /** The site is about to say that it approves a plan; resolves when it may. */
  approving(): Promise<void>;
  /** The coordinator has offered the site its task of this round. */
  offered(round: number): void;
  /** The site begins to give its answer; resolves when it may go on its way. */
  answering(round: number): Promise<void>;
  /** The coordinator has the answer. */
  answered(round: number): void;
  /** The site has an answer ready that will not arrive in time. */
  holding(round: number): void;
}

/** One site's way to the coordinator, which can be cut and mended. */
export interface FaultyLine {
  readonly site: SiteName;
  readonly port: FederationPort;
  readonly isCut: boolean;
  /** Whether the coordinator has spoken on the present connection. */
  readonly isHeard: boolean;
  /** Plans the site has said it approves, on the present connection. */
  readonly approvedPlans: readonly Digest[];
  cut(): void;
  mend(): void;
}

async function joined(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return new Uint8Array(Buffer.concat(parts));
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Puts faults on the way between a site and the coordinator. Both ends are the production code and know nothing of it. */
export function createFaultyLine(site: SiteName, port: FederationPort, isCut: boolean, watch: LineWatch): FaultyLine {
  let connection: AbortController | null = null;
  let mended = new AbortController();
  let cut = isCut;
  let heard = false;
  let approvedPlans: readonly Digest[] = [];
  /** Round of the task under way; null between tasks and while judging. */
  let round: number | null = null;
  const spoiled = new Map<Digest, ObjectRef>();

  /** A line without signal says nothing, neither yes nor no, until it is mended. */
  const untilMended = async (signal: AbortSignal): Promise<void> => {
    while (cut) {
      await aborted(AbortSignal.any([signal, mended.signal]));
      signal.throwIfAborted();
    }
  };

  /** A task that was offered before the line is cut is still answered: its round has no fault, or another one. */
  const reach = <Call>(call: () => Call): Call => {
    if (cut && round === null) throw new WireError('unavailable', `${site} cannot reach the coordinator.`, { site });
    return call();
  };

  async function* overheard(messages: AsyncIterable<SiteMessage>): AsyncGenerator<SiteMessage> {
    for await (const message of messages) {
      if (message.kind === 'approvals') await watch.approving();
      if (message.kind !== 'beat') approvedPlans = message.approvedPlans;
      yield message;
    }
  }

  const note = (message: CoordinatorMessage): void => {
    heard = true;
    if (message.kind !== 'task') return;
    round = message.task.kind === 'judge' ? null : message.task.round;
    if (round !== null) watch.offered(round);
  };

  async function* attend(
    messages: AsyncIterable<SiteMessage>,
    signal: AbortSignal,
  ): AsyncGenerator<CoordinatorMessage> {
    await untilMended(signal);
    const controller = new AbortController();
    connection = controller;
    try {
      const both = AbortSignal.any([signal, controller.signal]);
      for await (const message of untilAborted(port.attend(overheard(messages), both), both)) {
        note(message);
        yield message;
      }
    } catch (error) {
      if (signal.aborted || !controller.signal.aborted) throw error;
    } finally {
      if (connection === controller) {
        connection = null;
        heard = false;
        approvedPlans = [];
      }
    }
    if (!controller.signal.aborted) return;
    await untilMended(signal);
    throw new WireError('unavailable', 'The connection was lost.', { site });
  }

  /** An answer on its way: the stage may change before the last one of a round arrives. */
  const answer = async <Result>(of: number, send: () => Promise<Result>): Promise<Result> => {
    await watch.answering(of);
    const result = await send();
    round = null;
    watch.answered(of);
    return result;
  };

  /** The site itself gives up at the deadline, as it does when its own line is slow. */
  const neverInTime = async (of: number, signal: AbortSignal | undefined): Promise<never> => {
    watch.holding(of);
    try {
      if (signal === undefined) throw new WireError('deadline_exceeded', 'A slow answer cannot wait without a signal.');
      await aborted(signal);
      throw signal.reason;
    } finally {
      round = null;
    }
  };

  const isSpoiling = (): boolean => round !== null && watch.faultIn(round) === 'corrupt-update';

  return {
    site,
    get isCut() {
      return cut;
    },
    get isHeard() {
      return heard;
    },
    get approvedPlans() {
      return approvedPlans;
    },
    cut() {
      cut = true;
      mended = new AbortController();
      connection?.abort(new WireError('unavailable', 'The connection was lost.', { site }));
    },
    mend() {
      cut = false;
      mended.abort();
    },
    port: {
      attend,
      readPlan: async (plan, signal) => reach(() => port.readPlan(plan, signal)),
      readObject: (object, offset, signal) => reach(() => port.readObject(object, offset, signal)),
      readReleaseSignature: async (release, signal) => reach(() => port.readReleaseSignature(release, signal)),
      renewCertificate: async (request, signal) => reach(() => port.renewCertificate(request, signal)),
      uploadOffset: async (object, signal) => (isSpoiling() ? 0 : reach(() => port.uploadOffset(object, signal))),
      async writeObject(object, offset, chunks, signal) {
        if (!isSpoiling()) return reach(() => port.writeObject(object, offset, chunks, signal));
        const other = spoilDelta(await joined(chunks));
        spoiled.set(object.digest, other.object);
        return port.writeObject(other.object, 0, once(other.bytes), signal);
      },
      submitSummary: async (task, summary, signal) =>
        reach(() => answer(0, () => port.submitSummary(task, summary, signal))),
      async submitUpdate(header, signal) {
        if (watch.faultIn(header.round) === 'slow') return neverInTime(header.round, signal);
        const delta = spoiled.get(header.delta.digest) ?? header.delta;
        return reach(() => answer(header.round, () => port.submitUpdate({ ...header, delta }, signal)));
      },
      submitJudgement: async (task, judgement, signal) => reach(() => port.submitJudgement(task, judgement, signal)),
      submitNotice: async (notice, signal) => reach(() => port.submitNotice(notice, signal)),
      async decline(task, reason, text, signal) {
        const decline = (): Promise<void> => port.decline(task, reason, text, signal);
        return reach(() => (round === null ? decline() : answer(round, decline)));
      },
    },
  };
}
