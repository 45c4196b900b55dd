import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import Libsql from 'libsql';
import { AgentError, asStorageError } from './agent-error.ts';
import { migrations } from './migrations.ts';

/** A value SQLite takes as it is. */
export type SqlValue = string | number | null;

/**
 * The agent's state: one SQLite file, written ahead and synchronised in full, so that what was committed survives
 * the loss of power. Commands such as `site approve` open it beside the running agent.
 */
export interface AgentStore {
  readonly path: string;
  all<Row>(sql: string, ...values: readonly SqlValue[]): readonly Row[];
  get<Row>(sql: string, ...values: readonly SqlValue[]): Row | undefined;
  run(sql: string, ...values: readonly SqlValue[]): { readonly changes: number; readonly rowId: number };
  /** Everything or nothing. Transactions do not nest. */
  transaction<Result>(body: () => Result): Result;
  /** Grows when another connection has committed a change. */
  dataVersion(): number;
  close(): void;
}

function asAgentError(cause: unknown, path: string): unknown {
  const code = (cause as { code?: unknown } | null)?.code;
  const text = cause instanceof Error ? cause.message : '';
  const details = { path };
  if (typeof code === 'string') {
    if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
      return new AgentError('state_locked', `${path} is locked by another program; try again.`, details, cause);
    }
    if (code.startsWith('SQLITE_FULL')) return new AgentError('storage_full', undefined, details, cause);
    if (code.startsWith('SQLITE_NOTADB') || code.startsWith('SQLITE_CORRUPT')) {
      return new AgentError('state_corrupt', `${path} is damaged or no database; restore it.`, details, cause);
    }
    if (/^SQLITE_(READONLY|CANTOPEN|PERM|IOERR)/.test(code)) {
      return new AgentError('state_unwritable', `${path} cannot be written to (${code}).`, details, cause);
    }
  }
  if (/ConnectionFailed|EACCES|EROFS|ENOTDIR|EEXIST/.test(`${text} ${String(code)}`)) {
    return new AgentError('state_unwritable', `${path} cannot be opened.`, details, cause);
  }
  return asStorageError(cause, path);
}

function migrate(database: Libsql.Database, path: string): void {
  const version = (): number =>
    Number((database.prepare('pragma user_version').all()[0] as { user_version: number }).user_version);
  const found = version();
  if (found > migrations.length) {
    throw new AgentError(
      'state_newer',
      `${path} has version ${found}; this Wardround knows ${migrations.length}. Install the version that wrote it, or a later one.`,
      { path, found, known: migrations.length },
    );
  }
  if (found === migrations.length) return;
  database.exec('begin immediate');
  try {
    // Another process may have migrated while this one waited for the lock.
    for (const step of migrations.slice(version())) database.exec(step);
    database.exec(`pragma user_version = ${migrations.length}`);
    database.exec('commit');
  } catch (cause) {
    // A full disk has SQLite roll back by itself; the cause is what counts.
    if (database.inTransaction) database.exec('rollback');
    throw cause;
  }
}

/**
 * Opens `state/agent.sqlite` of a site directory, makes it when absent, brings it to the newest schema.
 * @throws AgentError `state_locked`, `state_newer`, `state_corrupt`, `state_unwritable`, `storage_full`
 */
export function openAgentStore(directory: string, options: { readonly busyTimeoutMs?: number } = {}): AgentStore {
  const path = join(directory, 'state', 'agent.sqlite');
  const guarded = <Result>(action: () => Result): Result => {
    try {
      return action();
    } catch (cause) {
      throw asAgentError(cause, path);
    }
  };
  const database = guarded(() => {
    mkdirSync(join(directory, 'state'), { recursive: true, mode: 0o700 });
    // SQLite gives its log and index the mode of the database; made by SQLite, that would be readable by everybody.
    closeSync(openSync(path, 'a', 0o600));
    const opened = new Libsql(path, { timeout: options.busyTimeoutMs ?? 5000 });
    try {
      opened.pragma('journal_mode = wal');
      opened.pragma('synchronous = full');
      opened.pragma('foreign_keys = on');
      migrate(opened, path);
    } catch (cause) {
      opened.close();
      throw cause;
    }
    return opened;
  });
  const statements = new Map<string, Libsql.Statement<unknown[]>>();
  const prepare = (sql: string): Libsql.Statement<unknown[]> => {
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = database.prepare(sql);
      statements.set(sql, statement);
    }
    return statement;
  };
  // `get` of libsql adds a field of its own to the row; `all` does not.
  const all = <Row>(sql: string, values: readonly SqlValue[]): readonly Row[] =>
    guarded(() => prepare(sql).all(...values) as Row[]);

  return {
    path,
    all: (sql, ...values) => all(sql, values),
    get: <Row>(sql: string, ...values: readonly SqlValue[]) => all<Row>(sql, values)[0],
    run: (sql, ...values) =>
      guarded(() => {
        const result = prepare(sql).run(...values);
        return { changes: result.changes, rowId: Number(result.lastInsertRowid) };
      }),
    transaction(body) {
      guarded(() => database.exec('begin immediate'));
      try {
        const result = body();
        guarded(() => database.exec('commit'));
        return result;
      } catch (cause) {
        try {
          database.exec('rollback');
        } catch {
          // A full disk has SQLite roll back by itself; the cause is what counts.
        }
        throw cause;
      }
    },
    dataVersion: () =>
      (all<{ data_version: number }>('pragma data_version', [])[0] as { data_version: number }).data_version,
    close() {
      statements.clear();
      try {
        // libsql leaves the log behind on closing: put it into the file, so that a copy of the file alone is whole.
        database.pragma('wal_checkpoint(truncate)');
      } catch {
        // Nothing is lost: the log is read again at the next opening.
      }
      database.close();
    },
  };
}
