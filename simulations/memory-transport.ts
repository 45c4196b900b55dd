import type { CoordinatorPorts } from '../coordinator/service/ports.ts';
import { canonicalJson } from '../shared/runtime/canonical.ts';
import type { FederationPort } from '../shared/wire/federation-port.ts';
import { chunkBytes, type OperatorIdentity, type SiteIdentity } from '../shared/wire/messages.ts';
import type { OperatorPort } from '../shared/wire/operator-port.ts';
import { WireError } from '../shared/wire/wire-error.ts';

/**
 * A message as it would arrive over a network: through its canonical JSON, so that the two sides share no object and
 * what JSON cannot hold (NaN, infinities) is refused as the wire refuses it.
 */
function carried<Message>(message: Message): Message {
  try {
    return JSON.parse(canonicalJson(message)) as Message;
  } catch (cause) {
    throw new WireError('invalid_argument', 'The message holds a value that cannot be sent.', {}, cause);
  }
}

async function* carriedEach<Message>(messages: AsyncIterable<Message>): AsyncGenerator<Message> {
  for await (const message of messages) yield carried(message);
}

/** The same bytes as copies, in chunks of the size the wire has. */
async function* copied(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    for (let begin = 0; begin < chunk.byteLength; begin += chunkBytes) {
      yield Uint8Array.from(chunk.subarray(begin, begin + chunkBytes));
    }
  }
}

/** Messages of a stream until the signal aborts; then it throws the signal's reason and lets the source go. */
async function* untilAborted<Message>(messages: AsyncIterable<Message>, signal: AbortSignal): AsyncGenerator<Message> {
  const iterator = messages[Symbol.asyncIterator]();
  let stop: () => void = () => undefined;
  const aborted = new Promise<null>((resolve) => {
    stop = () => resolve(null);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await Promise.race([iterator.next(), aborted]);
      if (next === null) throw signal.reason;
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    // Not awaited: a source that waits for its next message would answer only after it.
    void iterator.return?.();
  }
}

/** A site's way to a coordinator in the same process: the port of its identity, with every message and byte copied on the way. */
export function memoryFederation(coordinator: CoordinatorPorts, identity: SiteIdentity): FederationPort {
  const port = coordinator.federation(identity);
  return {
    attend: (messages, signal) => carriedEach(untilAborted(port.attend(carriedEach(messages), signal), signal)),
    readPlan: async (plan, signal) => Uint8Array.from(await port.readPlan(plan, signal)),
    readObject: (object, offset, signal) => copied(port.readObject(object, offset, signal)),
    readReleaseSignature: async (release, signal) => carried(await port.readReleaseSignature(release, signal)),
    renewCertificate: async (request, signal) => carried(await port.renewCertificate(Uint8Array.from(request), signal)),
    uploadOffset: (object, signal) => port.uploadOffset(carried(object), signal),
    writeObject: (object, offset, chunks, signal) => port.writeObject(carried(object), offset, copied(chunks), signal),
    submitSummary: async (task, summary, signal) => carried(await port.submitSummary(task, carried(summary), signal)),
    submitUpdate: async (update, signal) => carried(await port.submitUpdate(carried(update), signal)),
    submitJudgement: async (task, judgement, signal) =>
      carried(await port.submitJudgement(task, carried(judgement), signal)),
    submitNotice: async (notice, signal) => carried(await port.submitNotice(carried(notice), signal)),
    decline: (task, reason, text, signal) => port.decline(task, reason, text, signal),
  };
}

/** An operator's way to a coordinator in the same process. */
export function memoryOperator(coordinator: CoordinatorPorts, identity: OperatorIdentity): OperatorPort {
  const port = coordinator.operator(identity);
  return {
    writeObject: (object, chunks, signal) => port.writeObject(carried(object), copied(chunks), signal),
    startRun: async (planText, options) => carried(await port.startRun(planText, carried(options))),
    listRuns: async () => carried(await port.listRuns()),
    showRun: async (run) => carried(await port.showRun(run)),
    watchRun: (run, signal) => carriedEach(untilAborted(port.watchRun(run, signal), signal)),
    pauseRun: async (run) => carried(await port.pauseRun(run)),
    resumeRun: async (run) => carried(await port.resumeRun(run)),
    stopRun: async (run) => carried(await port.stopRun(run)),
    inviteSite: async (site, options) => carried(await port.inviteSite(site, carried(options))),
    listSites: async () => carried(await port.listSites()),
    revokeSite: async (site, reason) => carried(await port.revokeSite(site, reason)),
    readmitSite: async (site) => carried(await port.readmitSite(site)),
    listReleases: async () => carried(await port.listReleases()),
    showRelease: async (version) => carried(await port.showRelease(version)),
    readObject: (object, offset, signal) => copied(port.readObject(object, offset, signal)),
    readReleaseObjects: async (version) => carried(await port.readReleaseObjects(version)),
    listAudit: async (options) => carried(await port.listAudit(carried(options))),
  };
}
