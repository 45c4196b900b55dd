import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { DataContract } from '../../shared/plan/contract.ts';
import { DataError } from './data-error.ts';
import type { PayloadSource } from './payload/payload-source.ts';
import type { QueryLimits } from './query.ts';

const formats: Readonly<Record<string, string>> = { csv: 'read_csv', parquet: 'read_parquet', json: 'read_json' };

/** The SELECT that reads a whole file, by its ending. @param option the command's, for the message. @throws DataError `file_missing` */
export function inputSql(path: string, option = '--input'): string {
  const extension = /\.(csv|parquet|json|jsonl|ndjson)$/i.exec(path)?.[1]?.toLowerCase() ?? '';
  const reader = formats[extension === 'jsonl' || extension === 'ndjson' ? 'json' : extension];
  if (reader === undefined) {
    throw new DataError('file_missing', `${option} ${path}: a .csv, .parquet, .json or .ndjson file is read.`, {
      file: path,
    });
  }
  // A file is itself, whatever its name: DuckDB takes [1] for a pattern, and would read another file.
  const plain = existsSync(path) ? path.replaceAll(/[*?[]/g, '[$&]') : path;
  return `SELECT * FROM ${reader}('${plain.replaceAll("'", "''")}')`;
}

/** Limits of reading a file that a person names. */
export const inputLimits: QueryLimits = { memoryMegabytes: 1024, threads: 1 };

/** Files beside the rows, for plans that read series or images. */
export interface PayloadFiles {
  /** A file with the series, long: key, minute and a column a channel. */
  readonly series?: string;
  /** The folder of the images; that of the rows when absent. */
  readonly images?: string;
}

/**
 * Where the series or images of the rows in a file are.
 * @throws DataError `payload_source_missing`, `file_missing`
 */
export function payloadFiles(contract: DataContract, input: string, files: PayloadFiles): PayloadSource | null {
  const { payload } = contract;
  if (payload === undefined) return null;
  if (payload.kind === 'images') return { kind: 'images', folder: resolve(files.images ?? dirname(resolve(input))) };
  if (files.series === undefined) {
    throw new DataError(
      'payload_source_missing',
      `The plan reads series beside ${input}: name their file with --series. It has ${payload.key}, ${payload.minute} and a column a channel, in the plan's units.`,
    );
  }
  const full = resolve(files.series);
  return { kind: 'series', directory: dirname(full), sql: inputSql(full, '--series'), limits: inputLimits };
}
