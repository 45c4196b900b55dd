import { OnnxError, type OnnxErrorCode } from './onnx-error.ts';
import { type FieldBudget, WireReader } from './wire-format.ts';

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

function text(bytes: Uint8Array, where: string): string {
  if (bytes.byteLength === 0) return '';
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

/**
 * Reads a message by its table. Numbers of a list may be packed or not; a single field that comes twice is refused,
 * since readers differ in which of the two they believe.
 * @returns by name of field: lists of numbers as arrays, float lists that come in one piece as Float32Array
 * @throws OnnxError
 */
export function readMessage(table: MessageTable, bytes: Uint8Array, budget: Budget): Message {
  const reader = new WireReader(bytes, budget);
  const found = new Map<string, unknown>();
  const listOf = <T>(name: string): T[] => {
    const known = found.get(name);
    if (known !== undefined) return known as T[];
    const list: T[] = [];
    found.set(name, list);
    return list;
  };
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
    const where = `${table.name}.${name}`;
    const expect = (expected: number): void => {
      if (kind !== expected) throw new OnnxError('malformed', `${where} is written in a form of another field`);
    };
    const set = (value: unknown): void => {
      if (found.has(name)) throw new OnnxError('malformed', `${where} is there twice`);
      found.set(name, value);
    };
    const add = <T>(value: T, most: number, entries = 1): void => {
      budget.entries -= entries;
      if (budget.entries < 0) {
        throw new OnnxError('over_limit', `${where}: the file holds more names, numbers and nodes than are read`);
      }
      const list = listOf<T>(name);
      if (!Array.isArray(list)) throw new OnnxError('malformed', `${where} comes in several pieces`);
      if (list.length >= most) {
        throw new OnnxError('over_limit', `${where} has more than ${most} entries`, { field: where, most });
      }
      list.push(value);
    };
    if (type === 'skip') reader.skip(kind);
    else if (type === 'string') {
      expect(2);
      set(text(reader.part(), where));
    } else if (type === 'bytes') {
      expect(2);
      set(reader.part());
    } else if (type === 'int64') {
      expect(0);
      set(reader.int64());
    } else if (type === 'float') {
      expect(5);
      set(reader.float());
    } else if ('texts' in type) {
      expect(2);
      add(text(reader.part(), where), type.texts, entriesOfPart);
    } else if ('numbers' in type) {
      const { numbers, most } = type;
      const read = numberReaders[numbers];
      if (kind !== 2) {
        expect(read.kind);
        add(read.next(reader), most);
        continue;
      }
      const part = reader.part();
      if (read.bytes !== null && part.byteLength / read.bytes > most) {
        throw new OnnxError('over_limit', `${where} has more than ${most} entries`, { field: where, most });
      }
      const packed = new WireReader(part, budget);
      if (numbers === 'float' && !found.has(name)) {
        if (part.byteLength % 4 !== 0) throw new OnnxError('malformed', `${where} is not a whole number of floats`);
        // Laid out anew: the part may lie at any address, and must not keep the whole file in memory.
        set(new Float32Array(part.slice().buffer));
        continue;
      }
      if (found.get(name) instanceof Float32Array) throw new OnnxError('malformed', `${where} comes in several pieces`);
      while (!packed.done) add(read.next(packed), most);
    } else if ('refuse' in type) throw new OnnxError(type.refuse, `${where}: ${type.why}`, { field: where });
    else if ('message' in type) {
      expect(2);
      set(readMessage(type.message, reader.part(), budget));
    } else {
      expect(2);
      add(readMessage(type.messages, reader.part(), budget), type.most, entriesOfPart);
    }
  }
  return found;
}
