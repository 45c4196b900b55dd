import type { AgentStore } from '../agent/store.ts';

/** What can leave a site. */
export type LedgerSubject = 'summary' | 'delta' | 'update' | 'judgement' | 'notice' | 'decline';

/**
 * `sending`: under way. `interrupted`: the agent ended while sending, so any part of it may have left.
 * `blocked`: the release checker found a small count in it, and nothing left. The rest is what the other side answered; `failed`: no
 * answer, bytes may have left.
 */
export type LedgerOutcome =
  | 'sending'
  | 'sent'
  | 'accepted'
  | 'duplicate'
  | 'refused'
  | 'failed'
  | 'interrupted'
  | 'blocked';

/** One thing sent, or tried to be sent. A second try is a second entry. */
export interface LedgerEntry {
  readonly sequence: number;
  readonly startedMs: number;
  readonly finishedMs: number | null;
  readonly what: LedgerSubject;
  /** Whose address it went to. */
  readonly recipient: string;
  readonly task: string;
  readonly run: string;
  readonly round: number;
  /** SHA-256 of the content: of the file for a delta, else of the canonical JSON of what was said. */
  readonly digest: string;
  /** Bytes of that content (from the offset on, for an upload that resumed). */
  readonly bytes: number;
  /** Bytes handed to the transport; null while sending or when interrupted. */
  readonly bytesSent: number | null;
  readonly outcome: LedgerOutcome;
  /** Error or admission code, where there is one. */
  readonly code: string | null;
  /** What was withheld from it or blocked, and why, as JSON; null where nothing was. Names of tables and cells, never a count. */
  readonly detail: string | null;
}

export type LedgerOpening = Omit<
  LedgerEntry,
  'sequence' | 'finishedMs' | 'bytesSent' | 'outcome' | 'code' | 'detail'
> & {
  readonly detail?: string | null;
};

/** Record of everything that left this site, written before it leaves. Entries are never changed once closed, and never deleted. */
export interface Ledger {
  /** Writes the entry to disk; only then may anything be sent. */
  open(entry: LedgerOpening): number;
  close(sequence: number, finishedMs: number, bytesSent: number, outcome: LedgerOutcome, code: string | null): void;
  /** Marks what was under way when the agent last ended. */
  markInterrupted(): number;
  entries(options?: { readonly after?: number; readonly limit?: number }): readonly LedgerEntry[];
}

export function createLedger(store: AgentStore): Ledger {
  return {
    open: (entry) =>
      store.run(
        `insert into ledger (started_ms, what, recipient, task, run, round, digest, bytes, detail, outcome)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, 'sending')`,
        entry.startedMs,
        entry.what,
        entry.recipient,
        entry.task,
        entry.run,
        entry.round,
        entry.digest,
        entry.bytes,
        entry.detail ?? null,
      ).rowId,
    close(sequence, finishedMs, bytesSent, outcome, code) {
      store.run(
        `update ledger set finished_ms = ?, bytes_sent = ?, outcome = ?, code = ? where sequence = ? and outcome = 'sending'`,
        finishedMs,
        bytesSent,
        outcome,
        code,
        sequence,
      );
    },
    markInterrupted: () => store.run(`update ledger set outcome = 'interrupted' where outcome = 'sending'`).changes,
    entries: (options = {}) =>
      store.all<LedgerEntry>(
        `select sequence, started_ms as "startedMs", finished_ms as "finishedMs", what, recipient, task, run, round,
           digest, bytes, bytes_sent as "bytesSent", outcome, code, detail
         from ledger where sequence > ? order by sequence limit ?`,
        options.after ?? 0,
        options.limit ?? -1,
      ),
  };
}
