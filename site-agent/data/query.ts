import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance, type DuckDBPreparedStatement, StatementType } from '@duckdb/node-api';
import { visible } from './cells.ts';
import { DataError } from './data-error.ts';
import { foreignFile } from './foreign-file.ts';

/** Limits of one query. */
export interface QueryLimits {
  readonly memoryMegabytes: number;
  readonly threads: number;
  /** What the query is called in messages; `query` when absent. */
  readonly name?: string;
}

/** What a query yields, block by block: `values[column][row]`, as DuckDB's own values. */
export interface QueryBlock {
  readonly rows: number;
  readonly values: readonly (readonly unknown[])[];
}

/**
 * The hospital's SQL, from `site.yaml` or the file it names.
 * @param section of `site.yaml`, for the message
 * @throws DataError `query_file_missing`
 */
export function readQuery(
  directory: string,
  data: { readonly query?: string | undefined; readonly queryFile?: string | undefined },
  section = 'data',
): string {
  if (data.queryFile === undefined) return data.query ?? '';
  const path = isAbsolute(data.queryFile) ? data.queryFile : join(directory, data.queryFile);
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new DataError(
      'query_file_missing',
      `site.yaml: ${section}.queryFile: ${path} cannot be read. Write the SELECT there, or put it under ${section}.query.`,
      { file: path },
      cause,
    );
  }
}

/** DuckDB quotes lines of files, which may be very long. */
const saidAtMost = 4000;

/** Text from DuckDB, sorted into our codes. DuckDB gives no machine-readable code, only a prefix. */
function asDataError(cause: unknown, { memoryMegabytes, name = 'query' }: QueryLimits): DataError {
  if (cause instanceof DataError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  const missing = /No files found that match the pattern "([^"]*)"/.exec(text)?.[1];
  if (missing !== undefined) {
    return new DataError(
      'file_missing',
      `The ${name} reads "${missing}", and there is no such file. Names are relative to the site directory.`,
      { file: missing },
      cause,
    );
  }
  if (/^(Failed to execute prepared statement: )?Out of Memory Error/.test(text)) {
    return new DataError(
      'out_of_memory',
      `The ${name} needs more memory than the ${memoryMegabytes} megabytes it may take: raise data.memoryMegabytes in site.yaml, or simplify the query. What sorts or joins holds its rows in memory.`,
      { memoryMegabytes },
      cause,
    );
  }
  const lines = text.split('\n').map(visible).join('\n');
  const said = lines.length > saidAtMost ? `${lines.slice(0, saidAtMost)}...` : lines;
  return new DataError('query_failed', `The ${name} failed. DuckDB says:\n${said}`, {}, cause);
}

async function prepareSelect(
  connection: DuckDBConnection,
  sql: string,
  name = 'query',
): Promise<DuckDBPreparedStatement> {
  const statements = await connection.extractStatements(sql);
  if (statements.count !== 1) {
    throw new DataError(
      'query_not_select',
      `The ${name} holds ${statements.count} statements; it must be one SELECT and nothing else.`,
      { statements: statements.count },
    );
  }
  const prepared = await statements.prepare(0);
  if (prepared.statementType !== StatementType.SELECT) {
    throw new DataError('query_not_select', `The ${name} must be one SELECT statement and nothing else.`);
  }
  return prepared;
}

/** The instance is closed and locked: nothing is installed, loaded from the network or written to disk. */
async function openLocked(directory: string, limits: QueryLimits): Promise<DuckDBInstance> {
  return DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
    allow_unsigned_extensions: 'false',
    allow_persistent_secrets: 'false',
    memory_limit: `${limits.memoryMegabytes}MB`,
    threads: String(limits.threads),
    preserve_insertion_order: 'true',
    file_search_path: directory,
    // What a query spills to disk would be patient rows in a temporary file: it fails instead.
    temp_directory: '',
    default_null_order: 'nulls_last',
  });
}

/** What whoever takes the rows threw: it is not the query's, and goes on as it is. */
class OwnFailure extends Error {}

async function own(take: () => void | Promise<void>): Promise<void> {
  try {
    await take();
  } catch (cause) {
    throw new OwnFailure('', { cause });
  }
}

/**
 * Runs one SELECT over the hospital's files and hands its blocks on as they come.
 *
 * @param directory files named in the SQL are relative to it
 * @param onColumns called once, before the first block, with the names of the columns
 * @throws DataError `query_failed`, `query_not_select`, `file_missing`, `file_ambiguous`, `out_of_memory`; what the callbacks throw
 */
export async function runQuery(
  directory: string,
  sql: string,
  limits: QueryLimits,
  onColumns: (names: readonly string[]) => void,
  onBlock: (block: QueryBlock) => void | Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  if (!existsSync(directory)) {
    throw new DataError('file_missing', `There is no site directory ${directory}.`, { file: directory });
  }
  const foreign = foreignFile(sql, directory, process.cwd());
  if (foreign !== null) {
    throw new DataError(
      'file_ambiguous',
      `The ${limits.name ?? 'query'} names "${visible(foreign)}", and there is such a file in ${process.cwd()}, where this program was started: DuckDB would read it instead of the site directory's. Start the program in ${directory} or anywhere without that file, or write the whole path in the query.`,
      { file: foreign },
    );
  }
  let instance: DuckDBInstance | undefined;
  let connection: DuckDBConnection | undefined;
  try {
    instance = await openLocked(directory, limits);
    connection = await instance.connect();
    // A date without a zone means the same on every machine.
    await connection.run("SET TimeZone = 'UTC'");
    await connection.run('SET lock_configuration = true');
    const prepared = await prepareSelect(connection, sql, limits.name);
    const result = await prepared.stream();
    await own(() => onColumns(result.columnNames()));
    for (;;) {
      signal?.throwIfAborted();
      const chunk = await result.fetchChunk();
      if (chunk === null || chunk.rowCount === 0) break;
      const values = Array.from({ length: chunk.columnCount }, (_, column) => chunk.getColumnValues(column));
      await own(() => onBlock({ rows: chunk.rowCount, values }));
    }
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof OwnFailure) throw cause.cause;
    throw asDataError(cause, limits);
  } finally {
    connection?.closeSync();
    instance?.closeSync();
  }
}
