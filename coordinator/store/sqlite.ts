import type { SqliteDatabase, SqliteStatement } from 'kysely';
import Libsql from 'libsql';
import { asStoreError } from './store-error.ts';

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
        run: (parameters) => guarded(() => statement.run(...parameters)),
        iterate: (parameters) => guarded(() => statement.iterate(...parameters)),
      };
    },
  };
}
