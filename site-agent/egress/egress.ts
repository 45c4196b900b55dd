import { open } from 'node:fs/promises';
import type { Judgement } from '../../shared/plan/judgement.ts';
import type { ModelNotice } from '../../shared/plan/notice.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { SiteSummary } from '../../shared/plan/preprocessing.ts';
import type { SharedJudgement, SharingHistory } from '../../shared/plan/shared-judgement.ts';
import { derivableFromJudgement } from '../../shared/privacy/judgement-check.ts';
import { judgementUnder, summaryUnder } from '../../shared/privacy/other-plans.ts';
import type { Exposure } from '../../shared/privacy/release-checker.ts';
import { shareJudgement } from '../../shared/privacy/share-judgement.ts';
import { derivableFromSummary, shareSummary } from '../../shared/privacy/share-summary.ts';
import { canonicalDigest, canonicalJson } from '../../shared/runtime/canonical.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import { WardroundError } from '../../shared/runtime/errors.ts';
import type { Digest, RunId, TaskId } from '../../shared/runtime/ids.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { retry } from '../../shared/runtime/retry.ts';
import type { FederationOutbound } from '../../shared/wire/federation-port.ts';
import {
  chunkBytes,
  type DeclineReason,
  type ObjectRef,
  type Receipt,
  type UpdateHeader,
} from '../../shared/wire/messages.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import { declineText } from './declines.ts';
import { EgressError } from './egress-error.ts';
import type { Ledger, LedgerOutcome, LedgerSubject } from './ledger.ts';
import type { SharingRecord } from './sharing-record.ts';

/** Which task something is sent for. */
export interface TaskContext {
  readonly id: TaskId;
  readonly run: RunId;
  readonly round: number;
}

/**
 * The only way out of a site. Everything sent is in the ledger first, with its digest; what the other side answers is
 * noted after. Failures that may pass are tried again, each try an entry of its own; a repeat counts nothing twice.
 */
export interface Egress {
  /**
   * Sends a summary, less what would tell small counts together with what left before under its plan.
   * @throws EgressError as `sendJudgement`
   */
  sendSummary(task: TaskContext, summary: SiteSummary, signal: AbortSignal): Promise<Receipt>;
  /** Uploads the delta (what the coordinator lacks of it), then submits the update that names it. */
  sendUpdate(update: UpdateHeader, deltaPath: string, signal: AbortSignal): Promise<Receipt>;
  /**
   * Sends of a judgement what may leave (`shareJudgement`); the whole of it stays here.
   * @throws EgressError `small_cell` when the release checker finds a small count in that all the same: then nothing is sent.
   */
  sendJudgement(task: TaskContext, judgement: Judgement, signal: AbortSignal): Promise<Receipt>;
  /** Tells the consortium that the state of a model changed here. A repeat is harmless. */
  sendNotice(notice: ModelNotice, signal: AbortSignal): Promise<Receipt>;
  /** @param code a code of ours, such as `data.wrong_unit`, added to the fixed sentence of the reason */
  decline(task: TaskContext, reason: DeclineReason, code: string | null, signal: AbortSignal): Promise<void>;
}

export interface EgressParts {
  readonly outbound: FederationOutbound;
  readonly ledger: Ledger;
  readonly sharing: SharingRecord;
  /** The plan of a digest; every plan something is sent under is here. */
  readonly planOf: (plan: Digest) => Plan | null;
  /** Address of the coordinator, as the ledger names it. */
  readonly recipient: string;
  readonly clock: Clock;
  /** Uniform on [0, 1), for the jitter of retries. */
  readonly random: () => number;
  readonly log: Logger;
}

/** A message is told by its canonical JSON. */
function contentOf(message: unknown): ObjectRef {
  const text = canonicalJson(message);
  return { digest: digestOf(text), bytes: Buffer.byteLength(text, 'utf8') };
}

const retries = { attempts: 6, firstDelayMs: 250, maximumDelayMs: 10_000 } as const;

async function* fileChunks(path: string, offset: number, onChunk: (bytes: number) => void): AsyncIterable<Uint8Array> {
  const file = await open(path, 'r');
  try {
    for (let position = offset; ; ) {
      const buffer = new Uint8Array(chunkBytes);
      const { bytesRead } = await file.read(buffer, 0, chunkBytes, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      onChunk(bytesRead);
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

export function createEgress(parts: EgressParts): Egress {
  const { outbound, ledger, sharing, clock, log } = parts;

  /** One entry, one try. `attempt` is given a callback that counts the bytes it hands to the transport. */
  async function recorded<Result>(
    task: TaskContext,
    what: LedgerSubject,
    content: ObjectRef,
    attempt: (sent: (bytes: number) => void) => Promise<Result>,
    outcomeOf: (result: Result) => { readonly outcome: LedgerOutcome; readonly code: string | null },
    detail: string | null = null,
  ): Promise<Result> {
    let bytesSent = 0;
    const sequence = ledger.open({
      startedMs: clock.now(),
      what,
      recipient: parts.recipient,
      task: task.id,
      run: task.run,
      round: task.round,
      digest: content.digest,
      bytes: content.bytes,
      detail,
    });
    try {
      const result = await attempt((bytes) => {
        bytesSent += bytes;
      });
      const { outcome, code } = outcomeOf(result);
      ledger.close(sequence, clock.now(), bytesSent, outcome, code);
      return result;
    } catch (error) {
      const code = error instanceof WardroundError ? error.fullCode : null;
      ledger.close(sequence, clock.now(), bytesSent, 'failed', code);
      throw error;
    }
  }

  const repeated = <Result>(
    task: TaskContext,
    operation: () => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result> =>
    retry(operation, {
      ...retries,
      clock,
      random: parts.random,
      signal,
      shouldRetry: (error) => error instanceof WireError && error.advice === 'retry',
      onRetry: (error, attempt, delayMs) =>
        log.warn(
          { task: task.id, code: error instanceof WireError ? error.fullCode : null, attempt, delayMs },
          'sending failed, trying again',
        ),
    });

  /** A message whose content is told by its canonical JSON. */
  const sendMessage = <Result>(
    task: TaskContext,
    what: LedgerSubject,
    message: unknown,
    call: () => Promise<Result>,
    outcomeOf: (result: Result) => { readonly outcome: LedgerOutcome; readonly code: string | null },
    signal: AbortSignal,
    detail: string | null = null,
  ): Promise<Result> => {
    const content = contentOf(message);
    return repeated(
      task,
      () =>
        recorded(
          task,
          what,
          content,
          async (sent) => {
            sent(content.bytes);
            return call();
          },
          outcomeOf,
          detail,
        ),
      signal,
    );
  };

  const planFor = (digest: Digest): Plan => {
    const plan = parts.planOf(digest);
    if (plan === null) throw new EgressError('unknown_plan', undefined, { plan: digest });
    return plan;
  };

  /** What this site has shared of these patients before: under the plan, and before that what other plans have in common with it. */
  const historyOf = (digest: Digest, except: { readonly task: TaskId; readonly source: Digest }): SharingHistory => {
    const plan = planFor(digest);
    const own = sharing.history(digest, except);
    const summaries: SiteSummary[] = [];
    const judgements: SharedJudgement[] = [];
    for (const record of sharing.elsewhere(digest)) {
      const other = parts.planOf(record.plan);
      if (other === null) continue;
      if (record.kind === 'summary') {
        const summary = summaryUnder(plan, other, record.body);
        if (summary !== null) summaries.push(summary);
      } else {
        const judgement = judgementUnder(plan, other, record.body);
        if (judgement !== null) judgements.push(judgement);
      }
    }
    return { summaries: [...summaries, ...own.summaries], judgements: [...judgements, ...own.judgements] };
  };

  /** Nothing of a message with a small count leaves; the ledger says which table and cell it would have told. */
  const block = (task: TaskContext, what: LedgerSubject, message: unknown, exposures: readonly Exposure[]): void => {
    if (exposures.length === 0) return;
    const cells = exposures.map(({ table, cell }) => ({ table, cell }));
    const content = contentOf(message);
    const sequence = ledger.open({
      startedMs: clock.now(),
      what,
      recipient: parts.recipient,
      task: task.id,
      run: task.run,
      round: task.round,
      digest: content.digest,
      bytes: content.bytes,
      detail: canonicalJson({ blocked: cells.slice(0, 100) }),
    });
    ledger.close(sequence, clock.now(), 0, 'blocked', 'egress.small_cell');
    const [first] = cells;
    throw new EgressError(
      'small_cell',
      `A small count could be derived: ${first?.table}, ${first?.cell}${cells.length > 1 ? ` and ${cells.length - 1} more` : ''}. Nothing was sent; wardround site ledger shows what was blocked.`,
      { cells: cells.length },
    );
  };

  const receiptOutcome = (receipt: Receipt): { outcome: LedgerOutcome; code: string | null } => ({
    outcome: receipt.outcome,
    code: receipt.outcome === 'refused' ? receipt.code : null,
  });

  const upload = (task: TaskContext, object: ObjectRef, path: string, signal: AbortSignal): Promise<void> =>
    repeated(
      task,
      async () => {
        const offset = await outbound.uploadOffset(object, signal);
        if (offset >= object.bytes) return;
        await recorded(
          task,
          'delta',
          { digest: object.digest, bytes: object.bytes - offset },
          (sent) => outbound.writeObject(object, offset, fileChunks(path, offset, sent), signal),
          () => ({ outcome: 'sent', code: null }),
        );
      },
      signal,
    );

  return {
    async sendSummary(task, summary, signal) {
      const plan = summary.plan as Digest;
      const source = canonicalDigest(summary);
      const history = historyOf(plan, { task: task.id, source });
      const shared =
        sharing.find<SiteSummary>(task.id, source) ?? shareSummary(summary, planFor(plan), history.summaries);
      block(task, 'summary', shared, derivableFromSummary(shared, planFor(plan), history.summaries));
      sharing.keep({ plan, task: task.id, source, kind: 'summary', body: shared }, clock.now());
      return sendMessage(
        task,
        'summary',
        shared,
        () => outbound.submitSummary(task.id, shared, signal),
        receiptOutcome,
        signal,
      );
    },
    async sendUpdate(update, deltaPath, signal) {
      const task = { id: update.task, run: update.run, round: update.round };
      await upload(task, update.delta, deltaPath, signal);
      return sendMessage(task, 'update', update, () => outbound.submitUpdate(update, signal), receiptOutcome, signal);
    },
    async sendJudgement(task, judgement, signal) {
      const { plan, release } = judgement.evidence;
      const source = canonicalDigest(judgement);
      const history = historyOf(plan, { task: task.id, source });
      const shared =
        sharing.find<SharedJudgement>(task.id, source) ??
        shareJudgement(judgement, sharing.cellsOf(release.digest), planFor(plan), history);
      block(task, 'judgement', shared, derivableFromJudgement(shared, planFor(plan), history));
      sharing.keep({ plan, task: task.id, source, kind: 'judgement', body: shared }, clock.now());
      return sendMessage(
        task,
        'judgement',
        shared,
        () => outbound.submitJudgement(task.id, shared, signal),
        receiptOutcome,
        signal,
        shared.withheld.length === 0 ? null : canonicalJson({ withheld: shared.withheld }),
      );
    },
    sendNotice: (notice, signal) =>
      sendMessage(
        // A notice answers no task: its release stands in the place of one.
        { id: notice.release.version as string as TaskId, run: '' as RunId, round: 0 },
        'notice',
        notice,
        () => outbound.submitNotice(notice, signal),
        receiptOutcome,
        signal,
      ),
    async decline(task, reason, code, signal) {
      const text = declineText(reason, code);
      await sendMessage(
        task,
        'decline',
        { task: task.id, reason, text },
        () => outbound.decline(task.id, reason, text, signal),
        () => ({ outcome: 'sent', code: reason }),
        signal,
      );
    },
  };
}
