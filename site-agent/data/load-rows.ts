import type { CategoricalColumn, ContinuousColumn, DataContract } from '../../shared/plan/contract.ts';
import { normaliseLevel } from '../../shared/plan/level.ts';
import type { HoldoutConfig } from '../config.ts';
import { cellBoolean, cellNumber, cellShown, cellText, cellTimeMs, isMissing } from './cells.ts';
import { DataError } from './data-error.ts';
import { ProblemCollector, type ProblemReport, type ProblemRule } from './problems.ts';
import { type QueryBlock, type QueryLimits, runQuery } from './query.ts';
import type { SiteColumn, SiteTable } from './site-table.ts';

/** What is asked of the query beyond the contract's own columns. */
export interface RowDemands {
  /** False for prediction: the outcome is not known yet, and a row may lack its column. */
  readonly label: boolean;
  readonly holdoutColumn: string | null;
}

/** Rows that passed the contract, and what was wrong with the others. */
export interface LoadedRows {
  readonly table: SiteTable;
  readonly rowsRead: number;
  readonly problems: ProblemReport;
  /** Columns of the query the plan does not name; they are ignored. */
  readonly ignoredColumns: readonly string[];
  /** By column: numbers outside the plan's range, and the times of their rows (NaN without one): the usual sign of another unit. */
  readonly outOfRange: ReadonlyMap<string, { readonly values: Float64Array; readonly times: Float64Array }>;
  /** By column: times of the rows left out for a level the plan does not know (NaN without one). */
  readonly unknownLevels: ReadonlyMap<string, Float64Array>;
}

/** Takes rows in parts as they are read, so that memory does not grow with them. */
export interface RowSink {
  /** A part is handed on when it has at least so many rows; a block of the query is not divided. */
  readonly batchRows: number;
  take(table: SiteTable): Promise<void>;
}

/** A column of float64 that grows by doubling; rows stay out of the JavaScript object heap. */
class GrowingColumn {
  #values = new Float64Array(1024);
  #length = 0;

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = new Float64Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length++] = value;
  }

  /** The column at its length; nothing is kept, so that a table in the making is not held twice. */
  finish(): Float64Array {
    const values = this.#values.slice(0, this.#length);
    this.#values = new Float64Array(0);
    return values;
  }
}

/** What became of one cell: a number for the table, or the rule it breaks. */
type Reading = { readonly value: number } | { readonly rule: ProblemRule };
type Reader = (cell: unknown) => Reading;
type Range = readonly [number, number];

/** Distinct cells of one column remembered with their reading. */
const rememberedAtMost = 4096;

/**
 * A reader that remembers what became of a text: levels come again and again, and comparing each anew is most of the time of a large
 * table. Everything else is read each time.
 */
function remembering(read: Reader): Reader {
  const known = new Map<unknown, Reading>();
  return (cell) => {
    if (typeof cell === 'object' && cell !== null) return read(cell);
    let reading = known.get(cell);
    if (reading === undefined) {
      reading = read(cell);
      if (known.size < rememberedAtMost) known.set(cell, reading);
    }
    return reading;
  };
}

function levelIndex(name: string, levels: readonly string[]): ReadonlyMap<string, number> {
  const index = new Map<string, number>();
  for (const [position, level] of levels.entries()) {
    const plain = normaliseLevel(level);
    const other = index.get(plain);
    if (other !== undefined) {
      throw new DataError(
        'levels_ambiguous',
        `Column "${name}" of the plan has the levels "${levels[other]}" and "${level}", which are the same number.`,
        { column: name, value: level },
      );
    }
    index.set(plain, position);
  }
  return index;
}

function continuousReader(column: Pick<ContinuousColumn, 'range'> & { missing: string }): Reader {
  const [low, high] = column.range;
  return (cell) => {
    if (isMissing(cell)) return column.missing === 'forbid' ? { rule: 'missing' } : { value: Number.NaN };
    const value = cellNumber(cell);
    if (value === undefined) return { rule: typeof cell === 'number' ? 'not_finite' : 'text_in_number' };
    return value < low || value > high ? { rule: 'out_of_range' } : { value };
  };
}

function categoricalReader(column: Pick<CategoricalColumn, 'name' | 'levels'> & { missing: string }): Reader {
  const index = levelIndex(column.name, column.levels);
  return remembering((cell) => {
    if (isMissing(cell)) return column.missing === 'forbid' ? { rule: 'missing' } : { value: Number.NaN };
    const text = cellText(cell);
    if (text === undefined) return { rule: typeof cell === 'number' ? 'not_finite' : 'not_text' };
    const position = index.get(normaliseLevel(text));
    return position === undefined ? { rule: 'unknown_level' } : { value: position };
  });
}

/** An outcome that is not known yet is no problem: the row waits for it. */
export function labelReader(contract: DataContract): Reader {
  const label = contract.label;
  if ('levels' in label) {
    const read = categoricalReader({ name: label.name, levels: label.levels, missing: 'indicator' });
    return (cell) => {
      const reading = read(cell);
      return 'rule' in reading ? { rule: 'label_invalid' } : reading;
    };
  }
  const read = continuousReader({ range: label.range, missing: 'impute' });
  return (cell) => {
    const reading = read(cell);
    if (!('rule' in reading)) return reading;
    return { rule: reading.rule === 'out_of_range' ? 'label_out_of_range' : 'label_invalid' };
  };
}

/**
 * Where each wanted column is in the query's result. Names match exactly, or else without regard to case, as in SQL.
 * @param file that was named instead of a query, for the message
 * @throws DataError `missing_column`, `repeated_column`
 */
export function locateColumns(
  names: readonly string[],
  wanted: readonly string[],
  file?: string,
): ReadonlyMap<string, number> {
  const located = new Map<string, number>();
  for (const name of wanted) {
    const exact = names.flatMap((other, index) => (other === name ? [index] : []));
    const loose = names.flatMap((other, index) => (other.toLowerCase() === name.toLowerCase() ? [index] : []));
    const matches = exact.length > 0 ? exact : loose;
    if (matches.length > 1) {
      throw new DataError('repeated_column', `The query yields the column "${name}" ${matches.length} times.`, {
        column: name,
      });
    }
    const match = matches[0];
    if (match === undefined) {
      throw new DataError(
        'missing_column',
        file === undefined
          ? `The query does not yield the column "${name}". It yields: ${names.join(', ')}. Add it with AS ${name}.`
          : `--input ${file}: has no column "${name}". It has: ${names.join(', ')}.`,
        { column: name, ...(file === undefined ? {} : { file }) },
      );
    }
    located.set(name, match);
  }
  return located;
}

/** The names the query must yield for this contract. */
function wantedColumns(contract: DataContract, demands: RowDemands): readonly string[] {
  const wanted = [...contract.columns.map((column) => column.name), contract.patientKey];
  if (demands.label) wanted.push(contract.label.name);
  if (contract.time !== null) wanted.push(contract.time);
  if (demands.holdoutColumn !== null) wanted.push(demands.holdoutColumn);
  return [...new Set(wanted)];
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

/**
 * Runs the query and checks every row against the contract. A row with any problem is left out and named.
 *
 * With a `sink` the rows go there in parts, the returned table is empty, and a second row of the same patient and time is not looked
 * for: whoever takes the rows must.
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
  const readers = contract.columns.map((column) =>
    column.kind === 'continuous' ? continuousReader(column) : categoricalReader(column),
  );
  const readLabel = labelReader(contract);
  const demanded = contract.columns.map((column, index) => ({
    name: column.name,
    read: readers[index] as Reader,
    range: column.kind === 'continuous' ? column.range : null,
  }));
  let columns = contract.columns.map(() => new GrowingColumn());
  let labels = new GrowingColumn();
  let times = new GrowingColumn();
  let holdout = new GrowingColumn();
  let patientKeys: string[] = [];
  const problems = new ProblemCollector();
  const outOfRange = new Map<string, { readonly values: GrowingColumn; readonly times: GrowingColumn }>();
  const unknownLevels = new Map<string, GrowingColumn>();
  const firstTimeOf = new Map<string, number>();
  const furtherTimes = new Set<string>();
  let located: ReadonlyMap<string, number> = new Map();
  let ignoredColumns: readonly string[] = [];
  let rowsRead = 0;

  const readRow = (cell: (name: string) => unknown, row: number): void => {
    let sound = true;
    const refuse = (column: string, rule: ProblemRule, value: unknown): void => {
      sound = false;
      problems.add(row, column, rule, cellShown(value));
    };
    const accept = (name: string, reading: Reading): number => {
      if ('value' in reading) return reading.value;
      refuse(name, reading.rule, cell(name));
      return Number.NaN;
    };

    const timeOfRow = (): number =>
      contract.time === null ? Number.NaN : (cellTimeMs(cell(contract.time)) ?? Number.NaN);
    const readings = demanded.map(({ name, read }) => {
      const reading = read(cell(name));
      if ('rule' in reading && reading.rule === 'out_of_range') {
        const outside = entryOf(outOfRange, name, () => ({ values: new GrowingColumn(), times: new GrowingColumn() }));
        outside.values.push(cellNumber(cell(name)) ?? Number.NaN);
        outside.times.push(timeOfRow());
      }
      if ('rule' in reading && reading.rule === 'unknown_level') {
        entryOf(unknownLevels, name, () => new GrowingColumn()).push(timeOfRow());
      }
      return accept(name, reading);
    });
    const labelAvailable = demands.label || located.has(contract.label.name);
    const label = labelAvailable ? accept(contract.label.name, readLabel(cell(contract.label.name))) : Number.NaN;

    const keyCell = cell(contract.patientKey);
    const key = isMissing(keyCell) ? undefined : cellText(keyCell);
    if (key === undefined) refuse(contract.patientKey, 'key_missing', keyCell);

    let time = Number.NaN;
    if (contract.time !== null) {
      const timeCell = cell(contract.time);
      const read = cellTimeMs(timeCell);
      if (isMissing(timeCell)) refuse(contract.time, 'time_missing', null);
      else if (read === undefined) refuse(contract.time, 'time_invalid', timeCell);
      else time = read;
    }
    let heldOut = 0;
    if (demands.holdoutColumn !== null) {
      const flag = cellBoolean(cell(demands.holdoutColumn));
      if (flag === undefined) refuse(demands.holdoutColumn, 'holdout_invalid', cell(demands.holdoutColumn));
      else heldOut = flag ? 1 : 0;
    }
    if (!sound || key === undefined) return;

    if (isRepeated(key, time)) {
      problems.add(row, contract.patientKey, 'duplicate', cellShown(key));
      return;
    }
    for (const [index, value] of readings.entries()) (columns[index] as GrowingColumn).push(value);
    labels.push(label);
    times.push(time);
    holdout.push(heldOut);
    patientKeys.push(key);
  };

  /** Whether the patient already has a row of this time; notes the time. */
  const isRepeated = (key: string, time: number): boolean => {
    if (sink !== undefined) return false;
    const first = firstTimeOf.get(key);
    if (first === undefined) {
      firstTimeOf.set(key, time);
      return false;
    }
    if (Object.is(first, time)) return true;
    const identity = `${time} ${key}`;
    if (furtherTimes.has(identity)) return true;
    furtherTimes.add(identity);
    return false;
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
    const labelAvailable = demands.label || located.has(contract.label.name);
    const label = labelAvailable ? valuesOf(cellsOf(contract.label.name), readLabel) : null;
    const keys = cellsOf(contract.patientKey);
    const timeCells = contract.time === null ? null : cellsOf(contract.time);
    const marks = demands.holdoutColumn === null ? null : cellsOf(demands.holdoutColumn);
    for (let index = 0; index < block.rows; index++) {
      rowsRead++;
      const keyCell = keys[index];
      const key = isMissing(keyCell) ? undefined : cellText(keyCell);
      const timeCell = timeCells === null ? null : timeCells[index];
      const time = timeCells === null ? Number.NaN : isMissing(timeCell) ? undefined : cellTimeMs(timeCell);
      const mark = marks === null ? false : cellBoolean(marks[index]);
      if (amiss[index] === 1 || key === undefined || time === undefined || mark === undefined) {
        readRow((name) => cellsOf(name)[index], rowsRead);
        continue;
      }
      if (isRepeated(key, time)) {
        problems.add(rowsRead, contract.patientKey, 'duplicate', cellShown(key));
        continue;
      }
      for (const [column, values] of found.entries()) (columns[column] as GrowingColumn).push(values[index] as number);
      labels.push(label === null ? Number.NaN : (label[index] as number));
      times.push(time);
      holdout.push(mark ? 1 : 0);
      patientKeys.push(key);
    }
  };

  const takeTable = (): SiteTable => {
    const table: SiteTable = {
      rows: patientKeys.length,
      columns: contract.columns.map(
        (column, index): SiteColumn => ({
          name: column.name,
          kind: column.kind,
          values: (columns[index] as GrowingColumn).finish(),
        }),
      ),
      labels: labels.finish(),
      patientKeys,
      times: times.finish(),
      holdout: Uint8Array.from(holdout.finish()),
    };
    columns = contract.columns.map(() => new GrowingColumn());
    labels = new GrowingColumn();
    times = new GrowingColumn();
    holdout = new GrowingColumn();
    patientKeys = [];
    return table;
  };

  await runQuery(
    directory,
    sql,
    limits,
    (names) => {
      const wanted = wantedColumns(contract, demands);
      const found = new Map(locateColumns(names, wanted));
      if (!demands.label && names.includes(contract.label.name)) {
        found.set(contract.label.name, names.indexOf(contract.label.name));
      }
      const used = new Set(found.values());
      located = found;
      ignoredColumns = names.filter((_, index) => !used.has(index));
    },
    async (block) => {
      readBlock(block);
      if (sink !== undefined && patientKeys.length >= sink.batchRows) await sink.take(takeTable());
    },
    signal,
  );
  if (sink !== undefined && patientKeys.length > 0) await sink.take(takeTable());

  return {
    table: takeTable(),
    rowsRead,
    problems: problems.report(),
    ignoredColumns,
    outOfRange: new Map(
      [...outOfRange].map(([name, { values, times: when }]) => [
        name,
        { values: values.finish(), times: when.finish() },
      ]),
    ),
    unknownLevels: new Map([...unknownLevels].map(([name, when]) => [name, when.finish()])),
  };
}
