import type { DataContract } from '../../shared/plan/contract.ts';
import { rowColumn } from '../../shared/plan/payload.ts';
import type { HoldoutConfig } from '../config.ts';
import { cellBoolean, cellNumber, cellShown, cellText, cellTimeMs, isMissing } from './cells.ts';
import { GrowingColumn } from './growing-column.ts';
import { locateColumns } from './locate-columns.ts';
import { attachPayload } from './payload/attach-payload.ts';
import type { PayloadReport, PayloadSource } from './payload/payload-source.ts';
import { ProblemCollector, type ProblemReport, type ProblemRule } from './problems.ts';
import { type QueryBlock, type QueryLimits, runQuery } from './query.ts';
import { categoricalReader, continuousReader, eventReader, labelReader, type Reader, type Reading } from './readers.ts';
import { Repeats } from './repeats.ts';
import { type RowSink, RowsInParts } from './rows-in-parts.ts';
import type { SiteTable } from './site-table.ts';
import { TableBuilder } from './table-builder.ts';

/** What is asked of the query beyond the contract's own columns. */
export interface RowDemands {
  /** False for prediction: the outcome is not known yet, and a row may lack its column. */
  readonly label: boolean;
  readonly holdoutColumn: string | null;
  /** Where series or images are; needed where the contract has a payload. */
  readonly payload: PayloadSource | null;
}

/** Numbers of one column outside the plan's range, and the times of their rows (NaN without one). */
export interface OutOfRange {
  readonly values: Float64Array;
  readonly times: Float64Array;
}

/** Rows that passed the contract, and what was wrong with the others. */
export interface LoadedRows {
  readonly table: SiteTable;
  readonly rowsRead: number;
  readonly problems: ProblemReport;
  /** Columns of the query the plan does not name; they are ignored. */
  readonly ignoredColumns: readonly string[];
  /** Numbers of the first sound rows whose outcome is not known, 1 for the first the query yields. */
  readonly rowsWithoutOutcome: readonly number[];
  /** What the series or images had beside the rows'; null without a payload, and where rows are taken in parts. */
  readonly payload: PayloadReport | null;
  /** By column: numbers outside the plan's range: the usual sign of another unit. */
  readonly outOfRange: ReadonlyMap<string, OutOfRange>;
  /** By column: times of the rows left out for a level the plan does not know (NaN without one). */
  readonly unknownLevels: ReadonlyMap<string, Float64Array>;
}

type Range = readonly [number, number];
const withoutOutcomeAtMost = 20;

/** The names the query must yield for this contract. */
function wantedColumns(contract: DataContract, demands: RowDemands): readonly string[] {
  const { columns, label, patientKey, payload, time } = contract;
  const wanted = columns.flatMap((column) => (isComputed(column) ? [] : [column.name]));
  wanted.push(patientKey);
  if (payload !== undefined) wanted.push(rowColumn(payload));
  if (demands.label) wanted.push(label.name, ...('event' in label ? [label.event] : []));
  if (time !== null) wanted.push(time);
  if (demands.holdoutColumn !== null) wanted.push(demands.holdoutColumn);
  return [...new Set(wanted)];
}

/** Whether a column comes from the payload instead of the query. */
function isComputed(column: DataContract['columns'][number]): boolean {
  return column.kind === 'continuous' && column.summary !== undefined;
}

/** The column that a holdout by column reads, or null. */
export function holdoutColumnOf(contract: DataContract, holdout: HoldoutConfig | undefined): string | null {
  if (contract.time !== null && contract.trainingCutoff !== null) return null;
  return holdout !== undefined && 'column' in holdout ? holdout.column : null;
}

function entryOf<Value>(map: Map<string, Value>, name: string, create: () => Value): Value {
  let value = map.get(name);
  if (value === undefined) {
    value = create();
    map.set(name, value);
  }
  return value;
}

const keyOf = (cell: unknown): string | undefined => (isMissing(cell) ? undefined : cellText(cell));

/**
 * Runs the query and checks every row against the contract; then fetches the series or images of the sound ones and checks those. A row
 * with any problem is left out and named.
 *
 * With a `sink` the rows go there in parts, the returned table is empty, and a second row of the same patient and time is not looked
 * for: whoever takes the rows must. A second row of the same series or image is a problem there too, wherever it stands.
 *
 * @returns table columns in the contract's order; values as in `SiteTable`; rows in the order of the query
 * @throws DataError for what no row can mend: the query, its columns, ambiguous levels
 */
export async function loadRows(
  directory: string,
  sql: string,
  limits: QueryLimits,
  contract: DataContract,
  demands: RowDemands,
  signal?: AbortSignal,
  sink?: RowSink,
): Promise<LoadedRows> {
  const { label, patientKey, payload } = contract;
  const payloadColumn = payload === undefined ? null : rowColumn(payload);
  const eventColumn = 'event' in label ? label.event : null;
  const readLabel = labelReader(contract);
  const readEvent = eventReader();
  const demanded = contract.columns.flatMap((column, index) =>
    isComputed(column)
      ? []
      : [
          {
            name: column.name,
            index,
            read: column.kind === 'continuous' ? continuousReader(column) : categoricalReader(column),
            range: column.kind === 'continuous' ? column.range : null,
          },
        ],
  );
  /** By column of the contract: its place among those read from the query. */
  const placeOf = contract.columns.map((_, index) => demanded.findIndex((entry) => entry.index === index));
  const builder = new TableBuilder(contract);
  const problems = new ProblemCollector();
  const repeats = new Repeats();
  const outOfRange = new Map<string, { readonly values: GrowingColumn; readonly times: GrowingColumn }>();
  const unknownLevels = new Map<string, GrowingColumn>();
  const rowsWithoutOutcome: number[] = [];
  /** Series or images of rows that were left out: they are no strangers. */
  const refusedKeys = new Set<string>();
  let located: ReadonlyMap<string, number> = new Map();
  let ignoredColumns: readonly string[] = [];
  let rowsRead = 0;
  let report: PayloadReport | null = null;

  const labelAvailable = (): boolean =>
    demands.label || (located.has(label.name) && (eventColumn === null || located.has(eventColumn)));

  const addOutOfRange = (name: string, value: number, time: number): void => {
    const outside = entryOf(outOfRange, name, () => ({ values: new GrowingColumn(), times: new GrowingColumn() }));
    outside.values.push(value);
    outside.times.push(time);
  };

  /** What is wrong with a row that has something amiss. */
  const refuseRow = (cell: (name: string) => unknown, row: number): void => {
    const refuse = (column: string, rule: ProblemRule, value: unknown): void =>
      problems.add(row, column, rule, cellShown(value));
    const readOf = (name: string, reading: Reading): void => {
      if ('rule' in reading) refuse(name, reading.rule, cell(name));
    };
    const timeOfRow = contract.time === null ? Number.NaN : (cellTimeMs(cell(contract.time)) ?? Number.NaN);
    for (const { name, read } of demanded) {
      const reading = read(cell(name));
      if ('rule' in reading && reading.rule === 'out_of_range') {
        addOutOfRange(name, cellNumber(cell(name)) ?? Number.NaN, timeOfRow);
      }
      if ('rule' in reading && reading.rule === 'unknown_level') {
        entryOf(unknownLevels, name, () => new GrowingColumn()).push(timeOfRow);
      }
      readOf(name, reading);
    }
    if (labelAvailable()) {
      const outcome = readLabel(cell(label.name));
      readOf(label.name, outcome);
      if (eventColumn !== null) {
        const seen = readEvent(cell(eventColumn));
        readOf(eventColumn, seen);
        if ('value' in outcome && 'value' in seen && Number.isNaN(outcome.value) !== Number.isNaN(seen.value)) {
          const lacking = Number.isNaN(outcome.value) ? label.name : eventColumn;
          refuse(lacking, 'label_incomplete', cell(lacking));
        }
      }
    }
    if (keyOf(cell(patientKey)) === undefined) refuse(patientKey, 'key_missing', cell(patientKey));
    if (contract.time !== null) {
      const timeCell = cell(contract.time);
      if (isMissing(timeCell)) refuse(contract.time, 'time_missing', null);
      else if (cellTimeMs(timeCell) === undefined) refuse(contract.time, 'time_invalid', timeCell);
    }
    if (demands.holdoutColumn !== null && cellBoolean(cell(demands.holdoutColumn)) === undefined) {
      refuse(demands.holdoutColumn, 'holdout_invalid', cell(demands.holdoutColumn));
    }
    if (payloadColumn !== null) {
      const key = keyOf(cell(payloadColumn));
      if (key === undefined) refuse(payloadColumn, 'payload_key_missing', cell(payloadColumn));
      else if (sink === undefined) refusedKeys.add(key);
    }
  };

  /** Column by column, which is many times faster: the values of the block's sound rows. Rows with anything amiss are read one by one. */
  const readBlock = (block: QueryBlock): void => {
    const cellsOf = (name: string): readonly unknown[] => block.values[located.get(name) as number] ?? [];
    const amiss = new Uint8Array(block.rows);
    const valuesOf = (cells: readonly unknown[], read: Reader, range: Range | null = null): Float64Array => {
      const values = new Float64Array(block.rows);
      for (let index = 0; index < block.rows; index++) {
        const cell = cells[index];
        // Almost every cell of a numeric column: nothing of it is put on the heap.
        if (range !== null && typeof cell === 'number' && cell >= range[0] && cell <= range[1]) {
          values[index] = cell;
          continue;
        }
        const reading = read(cell);
        if ('rule' in reading) amiss[index] = 1;
        else values[index] = reading.value;
      }
      return values;
    };
    const found = demanded.map(({ name, read, range }) => valuesOf(cellsOf(name), read, range));
    const available = labelAvailable();
    const labels = available ? valuesOf(cellsOf(label.name), readLabel) : null;
    const events = available && eventColumn !== null ? valuesOf(cellsOf(eventColumn), readEvent) : null;
    const keys = cellsOf(patientKey);
    const timeCells = contract.time === null ? null : cellsOf(contract.time);
    const marks = demands.holdoutColumn === null ? null : cellsOf(demands.holdoutColumn);
    const payloadKeys = payloadColumn === null ? null : cellsOf(payloadColumn);
    for (let index = 0; index < block.rows; index++) {
      rowsRead++;
      const key = keyOf(keys[index]);
      const timeCell = timeCells === null ? null : timeCells[index];
      const time = timeCells === null ? Number.NaN : isMissing(timeCell) ? undefined : cellTimeMs(timeCell);
      const mark = marks === null ? false : cellBoolean(marks[index]);
      const payloadKey = payloadKeys === null ? '' : keyOf(payloadKeys[index]);
      const outcome = labels === null ? Number.NaN : (labels[index] as number);
      const event = events === null ? Number.NaN : (events[index] as number);
      const halfKnown = events !== null && Number.isNaN(outcome) !== Number.isNaN(event);
      if (
        amiss[index] === 1 ||
        halfKnown ||
        key === undefined ||
        time === undefined ||
        mark === undefined ||
        payloadKey === undefined
      ) {
        refuseRow((name) => cellsOf(name)[index], rowsRead);
        continue;
      }
      if (sink === undefined && repeats.ofPatient(key, time)) {
        problems.add(rowsRead, patientKey, 'duplicate', cellShown(key));
        continue;
      }
      if (payloadColumn !== null && repeats.ofPayload(payloadKey)) {
        problems.add(rowsRead, payloadColumn, 'payload_repeated', cellShown(payloadKey));
        continue;
      }
      if (Number.isNaN(outcome) && rowsWithoutOutcome.length < withoutOutcomeAtMost) rowsWithoutOutcome.push(rowsRead);
      builder.push(
        { row: rowsRead, label: outcome, event, patientKey: key, time, holdout: mark ? 1 : 0, payloadKey },
        (column) => found[placeOf[column] as number]?.[index] ?? Number.NaN,
      );
    }
  };

  const needs = { problems, addOutOfRange, refusedKeys, wholeSource: sink === undefined };
  const parts = sink === undefined ? null : new RowsInParts(sink, contract, demands.payload, needs, signal);

  const takeTable = async (): Promise<SiteTable> => {
    const part = builder.take();
    if (payload === undefined) return part.table;
    const attached = await attachPayload(part, contract, demands.payload, needs, signal);
    report = attached.report;
    return attached.table;
  };

  await runQuery(
    directory,
    sql,
    limits,
    (names) => {
      const wanted = wantedColumns(contract, demands);
      const found = new Map(locateColumns(names, wanted));
      if (!demands.label) {
        for (const name of [label.name, ...(eventColumn === null ? [] : [eventColumn])]) {
          if (names.includes(name)) found.set(name, names.indexOf(name));
        }
      }
      const used = new Set(found.values());
      located = found;
      ignoredColumns = names.filter((_, index) => !used.has(index));
    },
    async (block) => {
      readBlock(block);
      if (sink !== undefined && builder.rows >= sink.batchRows) await parts?.add(builder.take());
    },
    signal,
  );
  if (parts !== null) {
    if (builder.rows > 0) await parts.add(builder.take());
    await parts.flush();
  }

  return {
    table: sink === undefined ? await takeTable() : builder.take().table,
    rowsRead,
    problems: problems.report(),
    ignoredColumns,
    rowsWithoutOutcome,
    payload: report,
    outOfRange: new Map(
      [...outOfRange].map(([name, { values, times }]) => [name, { values: values.finish(), times: times.finish() }]),
    ),
    unknownLevels: new Map([...unknownLevels].map(([name, when]) => [name, when.finish()])),
  };
}
