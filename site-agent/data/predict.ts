import { open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Plan } from '../../shared/plan/plan.ts';
import { type RawRows, rawRows } from '../training/raw-rows.ts';
import { DataError } from './data-error.ts';
import { inputLimits, inputSql, type PayloadFiles, payloadFiles } from './input-file.ts';
import { loadRows } from './load-rows.ts';
import { type ProblemReport, problemMeanings } from './problems.ts';
import type { SiteTable } from './site-table.ts';

/** A model that gives figures for raw rows; see `judging/scorer.ts`. */
export interface RowScorer {
  score(rows: RawRows, signal?: AbortSignal): Promise<Float32Array>;
}

export interface PredictionResult {
  readonly rowsRead: number;
  /** Rows written, one for each sound row of the input, in its order. */
  readonly rowsWritten: number;
  readonly problems: ProblemReport;
  readonly ignoredColumns: readonly string[];
}

function csvCell(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Names of the figures a model gives for one row. */
function outputNames(plan: Plan): readonly string[] {
  if (plan.task.kind === 'regression') return ['prediction'];
  if (plan.task.kind === 'survival') return ['risk'];
  if (plan.task.kind === 'binary') return ['probability'];
  return 'levels' in plan.data.label ? plan.data.label.levels.map((level) => `probability_${level}`) : [];
}

function* outputRows(
  table: SiteTable,
  plan: Plan,
  figures: Float32Array,
): Generator<Readonly<Record<string, unknown>>> {
  const names = outputNames(plan);
  for (let row = 0; row < table.rows; row++) {
    const time = table.times[row] as number;
    yield {
      [plan.data.patientKey]: table.patientKeys[row],
      ...(plan.data.time === null ? {} : { [plan.data.time]: new Date(time).toISOString() }),
      ...Object.fromEntries(names.map((name, index) => [name, figures[row * names.length + index]])),
    };
  }
}

async function writeRows(path: string, rows: Iterable<Readonly<Record<string, unknown>>>): Promise<number> {
  const json = /\.(json|ndjson|jsonl)$/i.test(path);
  const array = /\.json$/i.test(path);
  if (!json && !/\.csv$/i.test(path)) {
    throw new DataError('output_failed', `--output ${path}: a .csv, .json or .ndjson file is written.`, { file: path });
  }
  const partial = `${path}.part`;
  let written = 0;
  try {
    const file = await open(partial, 'w', 0o600);
    try {
      let buffer = array ? '[' : '';
      for (const row of rows) {
        if (json)
          buffer += `${array && written > 0 ? ',' : ''}${array ? '\n' : ''}${JSON.stringify(row)}${array ? '' : '\n'}`;
        else {
          if (written === 0) buffer += `${Object.keys(row).map(csvCell).join(',')}\n`;
          buffer += `${Object.values(row)
            .map((value) => csvCell(String(value)))
            .join(',')}\n`;
        }
        written++;
        if (buffer.length > 1_000_000) {
          await file.writeFile(buffer);
          buffer = '';
        }
      }
      await file.writeFile(array ? `${buffer}\n]\n` : buffer);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true });
    throw new DataError('output_failed', `--output ${path}: cannot be written.`, { file: path }, cause);
  }
  return written;
}

/**
 * Scores a file with the contract's columns (in the plan's units, under the same checks as training) and writes
 * patient key, time and the model's figures. Rows with problems are left out and reported.
 * @throws DataError
 */
export async function predictFile(
  needs: { readonly plan: Plan; readonly scorer: RowScorer },
  files: PayloadFiles & { readonly input: string; readonly output: string },
  signal?: AbortSignal,
): Promise<PredictionResult> {
  const { plan, scorer } = needs;
  const loaded = await loadRows(
    dirname(resolve(files.input)),
    inputSql(resolve(files.input)),
    inputLimits,
    plan.data,
    { label: false, holdoutColumn: null, payload: payloadFiles(plan.data, files.input, files) },
    signal,
  );
  if (loaded.rowsRead === 0) throw new DataError('empty_table', `${files.input} holds no rows.`, { file: files.input });
  const { table } = loaded;
  const share = loaded.problems.rows / loaded.rowsRead;
  if (share > plan.data.maximumProblemShare) {
    const first = loaded.problems.listed[0];
    throw new DataError(
      'too_many_problems',
      `${loaded.problems.rows} of ${loaded.rowsRead} rows of ${files.input} have problems, more than the plan allows; nothing was written.` +
        (first === undefined
          ? ''
          : ` The first is in row ${first.row}, column "${first.column}": ${problemMeanings[first.rule]}.`),
      { rows: loaded.rowsRead, problems: loaded.problems.rows },
    );
  }
  const figures = table.rows === 0 ? new Float32Array() : await scorer.score(rawRows(table), signal);
  const expected = table.rows * outputNames(plan).length;
  if (figures.length !== expected || figures.some((figure) => !Number.isFinite(figure))) {
    throw new DataError(
      'output_failed',
      `The model gave ${figures.length} figures for ${table.rows} rows, or one that is not finite; nothing was written.`,
      { rows: table.rows, figures: figures.length },
    );
  }
  const rowsWritten = await writeRows(resolve(files.output), outputRows(table, plan, figures));
  return { rowsRead: loaded.rowsRead, rowsWritten, problems: loaded.problems, ignoredColumns: loaded.ignoredColumns };
}
