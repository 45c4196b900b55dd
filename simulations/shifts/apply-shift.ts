import { permutation, type RandomStream } from '../../shared/runtime/random.ts';
import { columnIndex, mapColumn, type SiteRows } from '../cohorts/site-rows.ts';
import { SimulationError } from '../simulation-error.ts';
import type { Shift } from './shift-schema.ts';

/** Which exported columns carry what a shift needs to know. */
export interface ShiftContext {
  readonly timeColumn: string | null;
  readonly holdoutColumn: string | null;
  readonly labelColumn: string;
  /** How the event is written in the label's column. */
  readonly eventLevel: string;
}

/** `1.0` and `1` are one code. */
function code(cell: string): string {
  const text = cell.trim();
  return text !== '' && Number.isFinite(Number(text)) ? String(Number(text)) : text;
}

/** Six significant digits, as an analyser's printout would have; never in exponent form. */
function formatNumber(value: number): string {
  const decimals = value === 0 ? 0 : Math.min(12, Math.max(0, 5 - Math.floor(Math.log10(Math.abs(value)))));
  return String(Number(value.toFixed(decimals)));
}

function concerned(shift: Shift, table: SiteRows, context: ShiftContext): (row: readonly string[]) => boolean {
  if (shift.from === 'always') return () => true;
  const column = shift.from === 'holdout' ? context.holdoutColumn : context.timeColumn;
  if (column === null) {
    const lacking = shift.from === 'holdout' ? 'a declared holdout column' : 'a time of prediction';
    throw new SimulationError(
      'shift_invalid',
      `The shift of ${shift.site} begins at "${shift.from}", and this cohort has no ${lacking.slice(2)}; write another \`from\`.`,
      { site: shift.site, from: shift.from },
    );
  }
  const position = columnIndex(table, column);
  if (shift.from === 'holdout') return (row) => code(row[position] as string) === '1';
  const fromMs = Date.parse(shift.from);
  return (row) => Date.parse(row[position] as string) >= fromMs;
}

function numeric(shift: Shift & { column: string }, table: SiteRows, change: (value: number) => number): SiteRows {
  return mapColumn(table, shift.column, (cell) => {
    if (cell.trim() === '') return cell;
    const value = Number(cell);
    if (!Number.isFinite(value)) {
      throw new SimulationError(
        'shift_invalid',
        `The column "${shift.column}" of ${shift.site} holds "${cell}", which is no number; a ${shift.kind} shift needs numbers.`,
        { site: shift.site, column: shift.column },
      );
    }
    return formatNumber(change(value));
  });
}

/** Leaves events or others out, at random, until the share of events is the one asked for; the order of the rest stays. */
function resample(
  shift: Extract<Shift, { kind: 'prevalence' }>,
  table: SiteRows,
  context: ShiftContext,
  stream: RandomStream,
): SiteRows {
  const label = columnIndex(table, context.labelColumn);
  const known = table.rows.filter((row) => (row[label] as string).trim() !== '');
  const events = known.filter((row) => code(row[label] as string) === code(context.eventLevel));
  const others = known.filter((row) => code(row[label] as string) !== code(context.eventLevel));
  if (events.length === 0 || others.length === 0) {
    throw new SimulationError(
      'shift_invalid',
      `The prevalence of ${shift.site} cannot be changed: ${events.length} events and ${others.length} others from ${shift.from} on.`,
      { site: shift.site, events: events.length, others: others.length },
    );
  }
  const total = Math.min(events.length / shift.prevalence, others.length / (1 - shift.prevalence));
  const draw = (rows: readonly (readonly string[])[], count: number): readonly (readonly string[])[] =>
    Array.from(permutation(rows.length, stream).subarray(0, count), (index) => rows[index] as readonly string[]);
  const kept = new Set([
    ...draw(events, Math.round(total * shift.prevalence)),
    ...draw(others, Math.round(total * (1 - shift.prevalence))),
  ]);
  return { ...table, rows: table.rows.filter((row) => kept.has(row)) };
}

function change(shift: Shift, table: SiteRows, context: ShiftContext, stream: RandomStream): SiteRows {
  switch (shift.kind) {
    case 'prevalence':
      return resample(shift, table, context, stream);
    case 'distribution':
      return numeric(shift, table, (value) => value * shift.multiply + shift.add);
    case 'unit':
      return numeric(shift, table, (value) => value * shift.factor);
    case 'recode': {
      const codes = new Map(Object.entries(shift.codes).map(([from, to]) => [code(from), to]));
      return mapColumn(table, shift.column, (cell) => codes.get(code(cell)) ?? cell);
    }
  }
}

/** Whether a column is a channel of the series instead of a column of the rows. */
function ofSeries(column: string, { header, series }: SiteRows): boolean {
  return !header.includes(column) && series !== undefined && series.header.includes(column) && series.key !== column;
}

/** The series of the rows concerned, changed like a table of their own. */
function changedSeries(
  shift: Shift,
  table: SiteRows,
  concerned: readonly (readonly string[])[],
  context: ShiftContext,
  stream: RandomStream,
): SiteRows {
  const { series } = table;
  if (series === undefined) return table;
  const position = columnIndex(table, series.key);
  const keys = new Set(concerned.map((row) => row[position]));
  const place = series.header.indexOf(series.key);
  const isConcerned = (row: readonly string[]): boolean => keys.has(row[place]);
  const own: SiteRows = { site: table.site, header: series.header, rows: series.rows.filter(isConcerned) };
  const changed = change(shift, own, context, stream).rows;
  let next = 0;
  const rows = series.rows.map((row) => (isConcerned(row) ? (changed[next++] as readonly string[]) : row));
  return { ...table, series: { ...series, rows } };
}

/**
 * The rows of one hospital after a shift; rows before it, and their order, stay as they are.
 *
 * A column that only the series have is a channel of theirs.
 *
 * @param stream used by a prevalence shift only
 * @throws SimulationError `shift_invalid` when the rows have no date, holdout, number or outcome the shift needs; `cohort_invalid` for an unknown column
 */
export function applyShift(shift: Shift, table: SiteRows, context: ShiftContext, stream: RandomStream): SiteRows {
  const isConcerned = concerned(shift, table, context);
  const later = table.rows.filter(isConcerned);
  if (later.length === 0) {
    throw new SimulationError(
      'shift_invalid',
      `No row of ${shift.site} is concerned by its ${shift.kind} shift from ${shift.from} on.`,
      { site: shift.site, from: shift.from },
    );
  }
  if (shift.kind !== 'prevalence' && ofSeries(shift.column, table))
    return changedSeries(shift, table, later, context, stream);
  const changed = change(shift, { ...table, rows: later }, context, stream).rows;
  if (shift.kind === 'prevalence') {
    const kept = new Set(changed);
    return { ...table, rows: table.rows.filter((row) => !isConcerned(row) || kept.has(row)) };
  }
  let next = 0;
  return { ...table, rows: table.rows.map((row) => (isConcerned(row) ? (changed[next++] as readonly string[]) : row)) };
}
