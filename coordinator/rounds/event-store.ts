import type { Kysely, Transaction } from 'kysely';
import type { RunId } from '../../shared/runtime/ids.ts';
import type { Database } from '../store/database.ts';
import type { RunEvent } from './events.ts';

/** More to write in the same transaction as an event: both are there after a crash, or neither. */
export type AlsoWrite = (transaction: Transaction<Database>) => Promise<void>;

/** The events of runs, append-only. */
export interface EventStore {
  /** Stores one event under the next sequence number of its run. @throws StoreError; then nothing was stored */
  append(run: RunId, sequence: number, event: RunEvent, also?: AlsoWrite): Promise<void>;
  write(also: AlsoWrite): Promise<void>;
  /** All events of a run, in order. */
  read(run: RunId): Promise<readonly RunEvent[]>;
}

export function createEventStore(db: Kysely<Database>): EventStore {
  return {
    append: (run, sequence, event, also) =>
      db.transaction().execute(async (transaction) => {
        await also?.(transaction);
        await transaction
          .insertInto('run_events')
          .values({ run, sequence, time_ms: event.timeMs, kind: event.kind, body: JSON.stringify(event) })
          .execute();
      }),
    write: (also) => db.transaction().execute(also),
    async read(run) {
      const rows = await db
        .selectFrom('run_events')
        .select(['sequence', 'body'])
        .where('run', '=', run)
        .orderBy('sequence')
        .execute();
      return rows.map(({ body }) => JSON.parse(body) as RunEvent);
    },
  };
}
