import type { SqliteDatabase, SqliteStatement } from 'kysely';
import Libsql from 'libsql';
import { asStoreError } from './store-error.ts';

/**
 * SQLite ends a transaction by itself when the disk is full or fails. Kysely rolls back all the same, and the error of that would
 * stand in place of the one that matters: a full disk, which passes, would look like a defect, which ends a run.
 */
function isNeedlessRollback(sql: string, cause: unknown): boolean {
  return /^\s*rollback\s*;?\s*$/i.test(sql) && cause instanceof Error && /no transaction is active/.test(cause.message);
}

/** Opens a file for Kysely's SQLite dialect, with every error in the form of `StoreError`. */
export function openSqlite(
  path: string,
  busyTimeoutMs: number,
): SqliteDatabase & { pragma(text: string): readonly unknown[] } {
  const guarded = <Result>(action: () => Result): Result => {
    try {
      return action();
    } catch (cause) {
      throw asStoreError(cause, path);
    }
  };
  const database = guarded(() => new Libsql(path, { timeout: busyTimeoutMs }));
  return {
    pragma: (text) => guarded(() => database.prepare(`pragma ${text}`).all()),
    close: () => guarded(() => database.close()),
    prepare(sql): SqliteStatement {
      const statement = guarded(() => database.prepare(sql));
      return {
        reader: statement.reader,
        all: (parameters) => guarded(() => statement.all(...parameters)),
        run: (parameters) =>
          guarded(() => {
            try {
              return statement.run(...parameters);
            } catch (cause) {
              if (isNeedlessRollback(sql, cause)) return { changes: 0, lastInsertRowid: 0 };
              throw cause;
            }
          }),
        iterate: (parameters) => guarded(() => statement.iterate(...parameters)),
      };
    },
  };
}
