import type { Kysely } from 'kysely';
import type { RunId } from '../../shared/runtime/ids.ts';
import { errorFields, type Logger } from '../../shared/runtime/logger.ts';
import type { Database } from '../store/database.ts';
import type { Traffic } from './run-view.ts';

/** Bytes moved for each round, counted where they are moved, those of broken transfers too. */
export interface TrafficBook {
  /** Reads what was counted before. */
  load(): Promise<void>;
  add(run: RunId, round: number, moved: { readonly up?: number; readonly down?: number }): void;
  of(run: RunId): ReadonlyMap<number, Traffic>;
  flush(): Promise<void>;
}

/** A count that cannot be stored (disk full) is kept in memory and stored with the next. */
export function createTrafficBook(needs: { readonly db: Kysely<Database>; readonly log: Logger }): TrafficBook {
  const { db, log } = needs;
  const book = new Map<RunId, Map<number, Traffic>>();
  const dirty = new Map<string, { readonly run: RunId; readonly round: number }>();
  let writing: Promise<void> | null = null;
  const write = async (): Promise<void> => {
    for (;;) {
      const [key, entry] = dirty.entries().next().value ?? [];
      if (key === undefined || entry === undefined) return;
      dirty.delete(key);
      const { bytesUp, bytesDown } = book.get(entry.run)?.get(entry.round) ?? { bytesUp: 0, bytesDown: 0 };
      try {
        await db
          .insertInto('traffic')
          .values({ run: entry.run, round: entry.round, bytes_up: bytesUp, bytes_down: bytesDown })
          .onConflict((conflict) =>
            conflict.columns(['run', 'round']).doUpdateSet({ bytes_up: bytesUp, bytes_down: bytesDown }),
          )
          .execute();
      } catch (error) {
        dirty.set(key, entry);
        log.warn(errorFields(error), 'traffic could not be stored');
        return;
      }
    }
  };
  return {
    async load() {
      for (const row of await db.selectFrom('traffic').selectAll().execute()) {
        const run = row.run as RunId;
        const rounds = book.get(run) ?? new Map<number, Traffic>();
        rounds.set(row.round, { bytesUp: row.bytes_up, bytesDown: row.bytes_down });
        book.set(run, rounds);
      }
    },
    add(run, round, { up = 0, down = 0 }) {
      if (up === 0 && down === 0) return;
      const rounds = book.get(run) ?? new Map<number, Traffic>();
      const { bytesUp, bytesDown } = rounds.get(round) ?? { bytesUp: 0, bytesDown: 0 };
      rounds.set(round, { bytesUp: bytesUp + up, bytesDown: bytesDown + down });
      book.set(run, rounds);
      dirty.set(`${run} ${round}`, { run, round });
      writing ??= write().finally(() => {
        writing = null;
      });
    },
    of: (run) => book.get(run) ?? new Map(),
    async flush() {
      await writing;
      await write();
    },
  };
}
