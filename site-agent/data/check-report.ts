import type { ContractColumn, DataContract } from '../../shared/plan/contract.ts';
import type { SeriesPayload } from '../../shared/plan/payload.ts';
import type { SiteDataConfig } from '../config.ts';
import { DataError } from './data-error.ts';
import { readSiteData, refusalOf, type SiteData } from './load-site-data.ts';
import type { ChannelFigures, PayloadReport } from './payload/payload-source.ts';
import type { Problem, ProblemCount } from './problems.ts';
import { conversionSql, conversionsInto } from './units.ts';

/** Figures of one column over sound rows. For the hospital's own eyes: exact, small counts included. */
export interface ColumnCheck {
  readonly name: string;
  readonly kind: 'continuous' | 'categorical';
  readonly unit: string | null;
  readonly missing: number;
  readonly missingShare: number;
  /** Null for a categorical column or without values. */
  readonly range: { readonly least: number; readonly mean: number; readonly largest: number } | null;
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
  };
  readonly times: { readonly first: string; readonly last: string } | null;
  readonly split: {
    readonly kind: 'prospective' | 'retrospective';
    readonly training: number;
    /** Rows before the cut-off whose outcome is not known. */
    readonly trainingWithoutOutcome: number;
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

/** A note is written when so large a share of a column's numbers is out of range, and a conversion would mend so many of them. */
const suspiciousShare = 0.2;
const mendedShare = 0.9;
/** Series with a number out of range below which nothing is said of a unit. */
const fewestOutside = 10;

function rangeOf(values: Float64Array): ColumnCheck['range'] {
  let count = 0;
  let sum = 0;
  let least = Number.POSITIVE_INFINITY;
  let largest = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    count++;
    sum += value;
    if (value < least) least = value;
    if (value > largest) largest = value;
  }
  return count === 0 ? null : { least, mean: sum / count, largest };
}

function levelCounts(values: Float64Array, levels: readonly string[]): Readonly<Record<string, number>> {
  const counts = levels.map(() => 0);
  for (const value of values) if (!Number.isNaN(value)) counts[value] = (counts[value] ?? 0) + 1;
  return Object.fromEntries(levels.map((level, index) => [level, counts[index] ?? 0]));
}

function missingIn(values: Float64Array): number {
  return values.reduce((count, value) => count + (Number.isNaN(value) ? 1 : 0), 0);
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

/** Whether numbers out of range would be in range after a known conversion of units. */
function unitNotes(data: SiteData, contract: DataContract): string[] {
  return contract.columns.flatMap((column, index) => {
    if (column.kind !== 'continuous' || column.summary !== undefined) return [];
    const outside = data.loaded.outOfRange.get(column.name)?.values ?? new Float64Array();
    const sound = data.table.columns[index]?.values ?? new Float64Array();
    const numbers = outside.length + sound.length - missingIn(sound);
    if (outside.length === 0 || outside.length / numbers < suspiciousShare) return [];
    const [low, high] = column.range;
    for (const conversion of conversionsInto(column)) {
      const mended = outside.filter((value) => {
        const converted = value * conversion.factor + conversion.offset;
        return converted >= low && converted <= high;
      }).length;
      if (mended / outside.length >= mendedShare) {
        return [
          `${outside.length} of ${numbers} numbers of "${column.name}" are outside ${low} to ${high} ${column.unit}; ` +
            `${mended} of them would be inside if they were in ${conversion.from}. ` +
            `If they are, write in the query: ${conversionSql(column.name, conversion)}`,
        ];
      }
    }
    return [
      `${outside.length} of ${numbers} numbers of "${column.name}" are outside ${low} to ${high} ${column.unit}: is the unit right?`,
    ];
  });
}

/** Whether the numbers of a channel that are out of range would be in range after a known conversion of units. */
function channelUnitNotes(channel: SeriesPayload['channels'][number], { outOfRange }: PayloadReport): string[] {
  const outside = outOfRange.get(channel.name) ?? new Float64Array();
  if (outside.length < fewestOutside) return [];
  const [low, high] = channel.range;
  return conversionsInto(channel)
    .flatMap((conversion) => {
      const mended = outside.filter((value) => {
        const converted = value * conversion.factor + conversion.offset;
        return converted >= low && converted <= high;
      }).length;
      return mended / outside.length < mendedShare
        ? []
        : [
            `Numbers of channel "${channel.name}" in ${outside.length} series are outside ${low} to ${high} ${channel.unit}; ` +
              `in ${mended} of them they would be inside if they were in ${conversion.from}. ` +
              `If they are, write in the series query: ${conversionSql(channel.name, conversion)}`,
          ];
    })
    .slice(0, 1);
}

/** What the series or images hold that no row asks for. */
function payloadNotes(report: PayloadReport, { payload }: DataContract): string[] {
  const notes: string[] = [];
  const { withoutRow, firstWithoutRow, beyondEnd, withoutKey } = report;
  const named = `${firstWithoutRow.join(', ')}${withoutRow > firstWithoutRow.length ? ', ...' : ''}`;
  if (payload?.kind === 'images' && withoutRow > 0) {
    notes.push(`${withoutRow} image files belong to no row of the query, have no outcome and are not read: ${named}.`);
  }
  if (payload?.kind === 'series') {
    if (withoutRow > 0) notes.push(`${withoutRow} series belong to no row of the query and are not read: ${named}.`);
    if (beyondEnd > 0) {
      const minutes = payload.steps * payload.stepMinutes;
      notes.push(`${beyondEnd} rows of the series query are at minute ${minutes} or later and are not read.`);
    }
    notes.push(...payload.channels.flatMap((channel) => channelUnitNotes(channel, report)));
    if (withoutKey > 0) {
      notes.push(
        `${withoutKey} rows of the series query have no ${payload.key}, belong to no series and are not read.`,
      );
    }
  }
  return notes;
}

function otherNotes(data: SiteData, contract: DataContract, nowMs: number): string[] {
  const notes: string[] = [];
  for (const [index, column] of contract.columns.entries()) {
    const values = data.table.columns[index]?.values ?? new Float64Array();
    const range = rangeOf(values);
    if (values.length === 0) continue;
    if (range === null) notes.push(`"${column.name}" is missing in every row.`);
    else if (values.length > 1 && range.least === range.largest)
      notes.push(`"${column.name}" has one value in every row.`);
  }
  const { payload, rowsWithoutOutcome } = data.loaded;
  if (rowsWithoutOutcome.length > 0) {
    notes.push(`Rows without an outcome, the first of them: ${rowsWithoutOutcome.join(', ')}.`);
  }
  if (payload !== null) notes.push(...payloadNotes(payload, contract));
  const later = data.table.times.filter((time) => time > nowMs).length;
  if (later > 0) notes.push(`${later} rows have a time in the future.`);
  return notes;
}

/**
 * Runs the hospital's query against a plan and says what would be trained and judged on.
 * @param nowMs for the note about times in the future
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
  const data = await readSiteData(directory, config, contract, signal);
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
    },
    times:
      times === null
        ? null
        : { first: new Date(times.least).toISOString(), last: new Date(times.largest).toISOString() },
    split: {
      kind: data.kind,
      training: data.trainingRows.length,
      trainingWithoutOutcome: data.unlabelledTrainingRows,
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
    notes: [...unitNotes(data, contract), ...otherNotes(data, contract, nowMs)],
    refusal: refusal === null ? null : { code: refusal.fullCode, message: refusal.message },
  };
}
