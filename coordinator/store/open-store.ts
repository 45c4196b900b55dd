import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Kysely, SqliteDialect } from 'kysely';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import type { Database } from './database.ts';
import { holdLock } from './lock.ts';
import { migrate } from './migrate.ts';
import { migrations as allMigrations } from './migrations/all.ts';
import type { Migration } from './migrations/migration.ts';
import { openSqlite } from './sqlite.ts';
import { asStoreError, StoreError } from './store-error.ts';

export interface Store {
  readonly path: string;
  readonly db: Kysely<Database>;
  close(): Promise<void>;
}

export interface StoreOptions {
  /** How long a statement waits for another process's write before it fails as `locked`. */
  readonly busyTimeoutMs?: number;
  readonly migrations?: readonly Migration[];
  readonly now?: () => number;
}

/**
 * Opens the coordinator's database, makes it when absent and brings it to the newest schema.
 * Write-ahead log with full synchronisation: what was committed survives a crash of the machine.
 * @throws StoreError `locked`, `newer_version`, `corrupt`, `storage_full`, `not_writable`, with nothing changed.
 */
export async function openStore(path: string, options: StoreOptions = {}): Promise<Store> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw asStoreError(cause, path);
  }
  const lock = holdLock(`${path}.lock`);
  try {
    const sqlite = openSqlite(path, options.busyTimeoutMs ?? 5_000);
    try {
      sqlite.pragma('journal_mode = wal');
      sqlite.pragma('synchronous = full');
      sqlite.pragma('foreign_keys = on');
      const [verdict] = sqlite.pragma('quick_check(1)') as { quick_check?: string }[];
      if (verdict?.quick_check !== 'ok') {
        throw new StoreError(
          'corrupt',
          `${path}: the database file is damaged (${verdict?.quick_check ?? 'no answer'}).`,
          {
            path,
          },
        );
      }
    } catch (cause) {
      sqlite.close();
      throw cause;
    }
    const db = new Kysely<Database>({ dialect: new SqliteDialect({ database: sqlite }) });
    try {
      await migrate(db, path, options.migrations ?? allMigrations, (options.now ?? systemClock.now)());
    } catch (cause) {
      await db.destroy();
      throw cause;
    }
    return {
      path,
      db,
      async close() {
        try {
          // libsql leaves the log behind on closing: put it into the file, so that a copy of the file alone is whole.
          sqlite.pragma('wal_checkpoint(truncate)');
        } catch {
          // Nothing is lost: the log is read again when the database is next opened.
        }
        await db.destroy();
        lock.release();
      },
    };
  } catch (cause) {
    lock.release();
    throw asStoreError(cause, path);
  }
}
