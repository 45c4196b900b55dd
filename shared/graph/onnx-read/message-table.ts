import { OnnxError, type OnnxErrorCode } from './onnx-error.ts';
import { type FieldBudget, type WireKind, WireReader } from './wire-format.ts';

/** A field that makes the file refused when it is there (with anything in it). */
export interface RefusedField {
  readonly refuse: OnnxErrorCode;
  readonly why: string;
}

/** What a field holds. `skip` is known to the format and of no account here, such as a comment. */
export type FieldKind =
  | 'string'
  | 'bytes'
  | 'int64'
  | 'float'
  | 'skip'
  | { readonly texts: number }
  /** A list of numbers, with the most there may be. */
  | { readonly numbers: 'int64' | 'float' | 'double'; readonly most: number }
  | RefusedField
  | { readonly message: MessageTable }
  | { readonly messages: MessageTable; readonly most: number };

/** The fields of one message by number. Any other number is refused: it is no part of the format. */
export interface MessageTable {
  readonly name: string;
  readonly fields: Readonly<Record<number, readonly [string, FieldKind]>>;
}

export type Message = ReadonlyMap<string, unknown>;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes of a text that are looked at one by one: most names are short and in ASCII, and a decoder takes longer to begin than to decode them. */
const shortText = 64;

function isAscii(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.byteLength; at++) if ((bytes[at] as number) >= 0x80) return false;
  return true;
}

function text(bytes: Uint8Array, table: MessageTable, name: string): string {
  if (bytes.byteLength <= shortText && isAscii(bytes)) return String.fromCharCode(...bytes);
  const where = `${table.name}.${name}`;
  if (bytes.byteLength > longestText) {
    throw new OnnxError('over_limit', `${where} is a text of ${bytes.byteLength} bytes; the most is ${longestText}`);
  }
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new OnnxError('malformed', `${where} is not UTF-8`, {}, cause);
  }
}

const numberReaders = {
  int64: { kind: 0, bytes: null, next: (from: WireReader) => from.int64() },
  float: { kind: 5, bytes: 4, next: (from: WireReader) => from.float() },
  double: { kind: 1, bytes: 8, next: (from: WireReader) => from.double() },
} as const;

/** What may still be decoded of a file. A few bytes become an entry of many, so entries are bounded beside the file's bytes. */
export interface Budget extends FieldBudget {
  entries: number;
}

/** A name or a message takes that much more than a number. */
const entriesOfPart = 16;

/** Longest text that is decoded. What is a name is held to its own, smaller bound. */
const longestText = 8192;

type Found = Map<string, unknown>;

function expectKind(kind: WireKind, expected: number, table: MessageTable, name: string): void {
  if (kind !== expected) {
    throw new OnnxError('malformed', `${table.name}.${name} is written in a form of another field`);
  }
}

function setOnce(found: Found, table: MessageTable, name: string, value: unknown): void {
  if (found.has(name)) throw new OnnxError('malformed', `${table.name}.${name} is there twice`);
  found.set(name, value);
}

/** The bounds that an entry of a list is held to. */
interface ListUse {
  readonly table: MessageTable;
  readonly name: string;
  readonly most: number;
  /** What one entry takes of the budget. */
  readonly entries: number;
}

function addTo(found: Found, budget: Budget, { table, name, most, entries }: ListUse, value: unknown): void {
  budget.entries -= entries;
  if (budget.entries < 0) {
    throw new OnnxError(
      'over_limit',
      `${table.name}.${name}: the file holds more names, numbers and nodes than are read`,
    );
  }
  const list = found.get(name);
  if (list === undefined && most > 0) {
    found.set(name, [value]);
    return;
  }
  if (list !== undefined && !Array.isArray(list)) {
    throw new OnnxError('malformed', `${table.name}.${name} comes in several pieces`);
  }
  if (list === undefined || list.length >= most) {
    const field = `${table.name}.${name}`;
    throw new OnnxError('over_limit', `${field} has more than ${most} entries`, { field, most });
  }
  list.push(value);
}

function readNumbers(
  reader: WireReader,
  kind: WireKind,
  found: Found,
  budget: Budget,
  numbers: keyof typeof numberReaders,
  use: ListUse,
): void {
  const { table, name, most } = use;
  const read = numberReaders[numbers];
  if (kind !== 2) {
    expectKind(kind, read.kind, table, name);
    addTo(found, budget, use, read.next(reader));
    return;
  }
  const part = reader.part();
  const field = `${table.name}.${name}`;
  if (read.bytes !== null && part.byteLength / read.bytes > most) {
    throw new OnnxError('over_limit', `${field} has more than ${most} entries`, { field, most });
  }
  const packed = new WireReader(part, budget);
  if (numbers === 'float' && !found.has(name)) {
    if (part.byteLength % 4 !== 0) throw new OnnxError('malformed', `${field} is not a whole number of floats`);
    // Laid out anew: the part may lie at any address, and must not keep the whole file in memory.
    found.set(name, new Float32Array(part.slice().buffer));
    return;
  }
  if (found.get(name) instanceof Float32Array) throw new OnnxError('malformed', `${field} comes in several pieces`);
  while (!packed.done) addTo(found, budget, use, read.next(packed));
}

/**
 * Reads a message by its table. Numbers of a list may be packed or not; a single field that comes twice is refused,
 * since readers differ in which of the two they believe.
 * @returns by name of field: lists of numbers as arrays, float lists that come in one piece as Float32Array
 * @throws OnnxError
 */
export function readMessage(table: MessageTable, bytes: Uint8Array, budget: Budget): Message {
  const reader = new WireReader(bytes, budget);
  const found: Found = new Map();
  while (!reader.done) {
    const { field, kind } = reader.tag();
    const entry = Object.hasOwn(table.fields, field) ? table.fields[field] : undefined;
    if (entry === undefined) {
      throw new OnnxError(
        'malformed',
        `${table.name} has no field ${field}: the file is damaged, or goes on after its end`,
      );
    }
    const [name, type] = entry;
    if (type === 'skip') reader.skip(kind);
    else if (type === 'string') {
      expectKind(kind, 2, table, name);
      setOnce(found, table, name, text(reader.part(), table, name));
    } else if (type === 'bytes') {
      expectKind(kind, 2, table, name);
      setOnce(found, table, name, reader.part());
    } else if (type === 'int64') {
      expectKind(kind, 0, table, name);
      setOnce(found, table, name, reader.int64());
    } else if (type === 'float') {
      expectKind(kind, 5, table, name);
      setOnce(found, table, name, reader.float());
    } else if ('texts' in type) {
      expectKind(kind, 2, table, name);
      const use = { table, name, most: type.texts, entries: entriesOfPart };
      addTo(found, budget, use, text(reader.part(), table, name));
    } else if ('numbers' in type) {
      readNumbers(reader, kind, found, budget, type.numbers, { table, name, most: type.most, entries: 1 });
    } else if ('refuse' in type) {
      throw new OnnxError(type.refuse, `${table.name}.${name}: ${type.why}`, { field: `${table.name}.${name}` });
    } else if ('message' in type) {
      expectKind(kind, 2, table, name);
      setOnce(found, table, name, readMessage(type.message, reader.part(), budget));
    } else {
      expectKind(kind, 2, table, name);
      const use = { table, name, most: type.most, entries: entriesOfPart };
      addTo(found, budget, use, readMessage(type.messages, reader.part(), budget));
    }
  }
  return found;
}
