import type { ContractColumn, DataContract } from '../../shared/plan/contract.ts';
import type { SiteDataConfig } from '../config.ts';
import { checkNotes } from './check-notes.ts';
import { missingIn, type Range, rangeOf } from './column-figures.ts';
import { DataError } from './data-error.ts';
import { readSiteData, refusalOf } from './load-site-data.ts';
import type { ChannelFigures } from './payload/payload-source.ts';
import type { Problem, ProblemCount } from './problems.ts';

/** Figures of one column over sound rows. For the hospital's own eyes: exact, small counts included. */
export interface ColumnCheck {
  readonly name: string;
  readonly kind: 'continuous' | 'categorical';
  readonly unit: string | null;
  readonly missing: number;
  readonly missingShare: number;
  /** Null for a categorical column or without values. */
  readonly range: Range | null;
  /** Rows a level; null for a continuous column. */
  readonly levels: Readonly<Record<string, number>> | null;
}

/** What a plan would find at this site. Nothing of it is sent. */
export interface DataCheck {
  readonly rowsRead: number;
  readonly rowsSound: number;
  readonly patients: number;
  readonly ignoredColumns: readonly string[];
  readonly columns: readonly ColumnCheck[];
  /** The series or images of the sound rows; null where the plan has none. */
  readonly payload: {
    readonly kind: 'series' | 'images';
    /** Of one row: [steps, channels] or [channels, height, width]. */
    readonly shape: readonly number[];
    readonly bytes: number;
    readonly channels: readonly ChannelFigures[];
  } | null;
  readonly label: {
    readonly name: string;
    readonly unknown: number;
    readonly levels: Readonly<Record<string, number>> | null;
    readonly range: ColumnCheck['range'];
    /** Of survival tasks: rows in which the event was seen; in the others that have an outcome observation ended before it. */
    readonly event: { readonly name: string; readonly seen: number } | null;
  };
  readonly times: { readonly first: string; readonly last: string } | null;
  readonly split: {
    readonly kind: 'prospective' | 'retrospective';
    readonly training: number;
    /** Rows before the cut-off whose outcome is not known. */
    readonly trainingWithoutOutcome: number;
    /** Their outcome window has not closed. */
    readonly trainingWindowOpen: number;
    readonly judging: number;
    readonly judgingWithOutcome: number;
    readonly judgingEvents: number | null;
    readonly judgingNonEvents: number | null;
  };
  readonly problems: {
    readonly rows: number;
    readonly share: number;
    readonly allowedShare: number;
    readonly counts: readonly ProblemCount[];
    readonly listed: readonly Problem[];
    readonly unlisted: number;
  };
  /** What looks wrong without breaking a rule, and what may be behind the problems. */
  readonly notes: readonly string[];
  /** Why training would be refused, or null. */
  readonly refusal: { readonly code: string; readonly message: string } | null;
}

function levelCounts(values: Float64Array, levels: readonly string[]): Readonly<Record<string, number>> {
  const counts = levels.map(() => 0);
  for (const value of values) if (!Number.isNaN(value)) counts[value] = (counts[value] ?? 0) + 1;
  return Object.fromEntries(levels.map((level, index) => [level, counts[index] ?? 0]));
}

function checkColumn(column: ContractColumn, values: Float64Array): ColumnCheck {
  const missing = missingIn(values);
  return {
    name: column.name,
    kind: column.kind,
    unit: column.kind === 'continuous' ? column.unit : null,
    missing,
    missingShare: values.length === 0 ? 0 : missing / values.length,
    range: column.kind === 'continuous' ? rangeOf(values) : null,
    levels: column.kind === 'categorical' ? levelCounts(values, column.levels) : null,
  };
}

/**
 * Runs the hospital's query against a plan and says what would be trained and judged on.
 * @param nowMs milliseconds since the epoch: for outcome windows, and the note about times in the future
 * @throws DataError for what keeps the rows from being read at all
 */
export async function checkSiteData(
  directory: string,
  config: SiteDataConfig,
  contract: DataContract,
  minimumRows: number,
  nowMs: number,
  signal?: AbortSignal,
): Promise<DataCheck> {
  const data = await readSiteData(directory, config, contract, nowMs, signal);
  const { table, loaded } = data;
  const classes = 'levels' in contract.label ? contract.label.levels : null;
  const judged = Float64Array.from(data.judgingRows, (row) => table.labels[row] as number);
  const binary = classes?.length === 2;
  const times = rangeOf(table.times);
  let refusal = refusalOf(data, contract);
  if (refusal === null && data.trainingRows.length < minimumRows) {
    refusal = new DataError(
      'too_few_rows',
      `${data.trainingRows.length} training rows; site.yaml asks for ${minimumRows} (minimumRows).`,
    );
  }
  return {
    rowsRead: loaded.rowsRead,
    rowsSound: table.rows,
    patients: new Set(table.patientKeys).size,
    ignoredColumns: loaded.ignoredColumns,
    columns: contract.columns.map((column, index) =>
      checkColumn(column, table.columns[index]?.values ?? new Float64Array()),
    ),
    payload:
      table.payload === undefined
        ? null
        : {
            kind: table.payload.kind,
            shape: table.payload.shape,
            bytes: table.payload.values.byteLength,
            channels: loaded.payload?.channels ?? [],
          },
    label: {
      name: contract.label.name,
      unknown: missingIn(table.labels),
      levels: classes === null ? null : levelCounts(table.labels, classes),
      range: classes === null ? rangeOf(table.labels) : null,
      event:
        'event' in contract.label
          ? { name: contract.label.event, seen: table.events?.filter((seen) => seen === 1).length ?? 0 }
          : null,
    },
    times:
      times === null
        ? null
        : { first: new Date(times.least).toISOString(), last: new Date(times.largest).toISOString() },
    split: {
      kind: data.kind,
      training: data.trainingRows.length,
      trainingWithoutOutcome: data.unlabelledTrainingRows,
      trainingWindowOpen: data.openTrainingRows,
      judging: judged.length,
      judgingWithOutcome: judged.length - missingIn(judged),
      judgingEvents: binary ? judged.filter((label) => label === 1).length : null,
      judgingNonEvents: binary ? judged.filter((label) => label === 0).length : null,
    },
    problems: {
      rows: loaded.problems.rows,
      share: loaded.problems.rows / loaded.rowsRead,
      allowedShare: contract.maximumProblemShare,
      counts: loaded.problems.counts,
      listed: loaded.problems.listed,
      unlisted: loaded.problems.unlisted,
    },
    notes: checkNotes(data, contract, nowMs),
    refusal: refusal === null ? null : { code: refusal.fullCode, message: refusal.message },
  };
}
