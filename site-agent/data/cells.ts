import {
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
} from '@duckdb/node-api';
import { normaliseLevel } from '../../shared/plan/level.ts';

const dayMs = 86_400_000;
const numberPattern = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const isoPattern =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d{2}(?::?\d{2})?)?)?$/;

/** Whether a cell holds nothing: NULL, or text that is empty or only white space. */
export function isMissing(cell: unknown): boolean {
  return cell === null || cell === undefined || (typeof cell === 'string' && cell.trim() === '');
}

/** A finite number, or undefined where the cell is none. Text counts when it is a decimal number with a point. */
export function cellNumber(cell: unknown): number | undefined {
  let value: number;
  if (typeof cell === 'number') value = cell;
  else if (typeof cell === 'bigint') value = Number(cell);
  else if (typeof cell === 'boolean') value = cell ? 1 : 0;
  else if (cell instanceof DuckDBDecimalValue) value = Number(cell.toString());
  else if (typeof cell === 'string') {
    const text = cell.trim();
    if (!numberPattern.test(text)) return undefined;
    value = Number(text);
  } else return undefined;
  return Number.isFinite(value) ? value : undefined;
}

/** The cell as text, as a level or a key is compared; undefined for lists, structures and blobs. */
export function cellText(cell: unknown): string | undefined {
  if (typeof cell === 'string') return cell.trim();
  if (typeof cell === 'number') return Number.isFinite(cell) ? String(cell) : undefined;
  if (typeof cell === 'bigint' || typeof cell === 'boolean') return String(cell);
  if (cell instanceof DuckDBDecimalValue) return cell.toString();
  if (cellTimeMs(cell) !== undefined) return String(cell);
  const type = (cell as { constructor?: { name?: string } } | null)?.constructor?.name;
  return type === 'DuckDBUUIDValue' ? String(cell) : undefined;
}

function isoTimeMs(text: string): number | undefined {
  const match = isoPattern.exec(text);
  if (match === null) return undefined;
  const part = (index: number): number => Number(match[index] ?? '0');
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)];
  const date = new Date(Date.UTC(year, month - 1, day));
  // Date.UTC turns 30 February into 1 March, and years below 100 into the 1900s.
  if (date.getUTCFullYear() !== year || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const fractionMs = Math.trunc(Number(`0.${match[7] ?? '0'}`) * 1000);
  let zoneMinutes = 0;
  const zone = match[8];
  if (zone !== undefined && zone !== 'Z') {
    const zoneHour = Number(zone.slice(1, 3));
    const zoneMinute = Number(zone.replace(':', '').slice(3, 5) || '0');
    if (zoneHour > 15 || zoneMinute > 59) return undefined;
    zoneMinutes = (zone.startsWith('-') ? -1 : 1) * (zoneHour * 60 + zoneMinute);
  }
  return date.getTime() + ((hour * 60 + minute - zoneMinutes) * 60 + second) * 1000 + fractionMs;
}

/** Milliseconds since the epoch, UTC; undefined where the cell is no time. Text must be ISO 8601; without a zone it is UTC. */
export function cellTimeMs(cell: unknown): number | undefined {
  if (cell instanceof DuckDBDateValue) return cell.isFinite ? cell.days * dayMs : undefined;
  if (cell instanceof DuckDBTimestampValue || cell instanceof DuckDBTimestampTZValue) {
    const ms = Number(cell.micros / 1000n);
    // DuckDB's `infinity` is the largest 64-bit number.
    return Math.abs(ms) <= 8.64e15 ? ms : undefined;
  }
  if (cell instanceof DuckDBTimestampSecondsValue) return boundedMs(Number(cell.seconds) * 1000);
  if (cell instanceof DuckDBTimestampMillisecondsValue) return boundedMs(Number(cell.millis));
  if (cell instanceof DuckDBTimestampNanosecondsValue) return boundedMs(Number(cell.nanos / 1_000_000n));
  if (typeof cell === 'string') return isoTimeMs(cell.trim());
  return undefined;
}

function boundedMs(ms: number): number | undefined {
  return Math.abs(ms) <= 8.64e15 ? ms : undefined;
}

/** True/false as hospitals write it; undefined for anything else. */
export function cellBoolean(cell: unknown): boolean | undefined {
  if (typeof cell === 'boolean') return cell;
  const text = cellText(cell);
  if (text === undefined) return undefined;
  const word = normaliseLevel(text).toLowerCase();
  if (word === '1' || word === 'true' || word === 't' || word === 'yes') return true;
  if (word === '0' || word === 'false' || word === 'f' || word === 'no') return false;
  return undefined;
}

/** Characters that no one sees, or that a terminal obeys, as \\u{...}: a name or value out of a file cannot write over a list. */
export function visible(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (sign) => `\\u{${sign.codePointAt(0)?.toString(16)}}`);
}

/** The cell as it is shown to the hospital's own people in the list of problems; never sent, never logged. */
export function cellShown(cell: unknown): string | null {
  if (cell === null || cell === undefined) return null;
  const text = visible(String(cell));
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
