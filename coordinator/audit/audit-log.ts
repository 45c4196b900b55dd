import type { Kysely, Selectable } from 'kysely';
import { canonicalDigest } from '../../shared/runtime/canonical.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { errorFields, type Logger } from '../../shared/runtime/logger.ts';
import type { AuditEntry } from '../../shared/wire/operator-port.ts';
import type { Audit } from '../service/ports.ts';
import type { AuditTable, Database } from '../store/database.ts';

/** What stands in place of the hash before the first entry. */
const beginning = '0'.repeat(64);
/** Most entries one call lists. */
const maximumListed = 1_000;

export interface AuditLog extends Audit {
  /** Entries after `afterSequence`, oldest first. */
  list(options: { readonly afterSequence?: number; readonly limit?: number }): Promise<readonly AuditEntry[]>;
  /** Resolves when everything recorded so far is on disk. */
  flush(): Promise<void>;
}

type Row = Selectable<AuditTable>;

function hashOf(row: Omit<Row, 'hash'>): string {
  return canonicalDigest([row.sequence, row.time_ms, row.event, row.actor, row.details, row.previous]);
}

/** The first entry whose hash or link is wrong, null when the whole chain holds. */
export async function firstBrokenEntry(db: Kysely<Database>): Promise<number | null> {
  let previous = beginning;
  let expected = 1;
  for await (const row of db.selectFrom('audit').selectAll().orderBy('sequence').stream(1_000)) {
    if (row.sequence !== expected || row.previous !== previous || row.hash !== hashOf(row)) return expected;
    previous = row.hash;
    expected++;
  }
  return null;
}

/**
 * Opens the audit: append-only, each entry holding the SHA-256 of the one before it, so that a change or a gap shows.
 * `record` does not wait for the disk; entries are written in order, and those that cannot be written (disk full) are tried again.
 */
export async function openAuditLog(needs: {
  readonly db: Kysely<Database>;
  readonly clock: Clock;
  readonly log: Logger;
}): Promise<AuditLog> {
  const { db, clock, log } = needs;
  const last = await db.selectFrom('audit').selectAll().orderBy('sequence', 'desc').limit(1).executeTakeFirst();
  let sequence = last?.sequence ?? 0;
  let previous = last?.hash ?? beginning;
  const waiting: Row[] = [];
  let writing: Promise<void> | null = null;

  const write = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, 100);
      await db.insertInto('audit').values(batch).execute();
      waiting.splice(0, batch.length);
    }
  };
  const start = (): Promise<void> => {
    writing ??= write().finally(() => {
      writing = null;
    });
    return writing;
  };

  return {
    record(event, actor, details) {
      sequence++;
      const row = {
        sequence,
        time_ms: clock.now(),
        event,
        actor,
        details: JSON.stringify(details),
        previous,
      };
      previous = hashOf(row);
      waiting.push({ ...row, hash: previous });
      start().catch((error: unknown) =>
        log.error({ ...errorFields(error), waiting: waiting.length }, 'audit entries wait to be written'),
      );
    },
    async list(options) {
      const rows = await db
        .selectFrom('audit')
        .selectAll()
        .where('sequence', '>', options.afterSequence ?? 0)
        .orderBy('sequence')
        .limit(Math.min(options.limit ?? maximumListed, maximumListed))
        .execute();
      return rows.map((row) => ({
        sequence: row.sequence,
        timeMs: row.time_ms,
        event: row.event,
        actor: row.actor,
        details: JSON.parse(row.details) as Record<string, unknown>,
      }));
    },
    async flush() {
      while (waiting.length > 0) await start();
    },
  };
}
