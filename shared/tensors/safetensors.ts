import type { NamedTensors, Tensor } from './tensor.ts';
import { TensorError } from './tensor-error.ts';
import { tensorNameText } from './tensor-name.ts';

/**
 * Safetensors (https://github.com/huggingface/safetensors, format 0.3 and later): 8 bytes little-endian length of the header,
 * the header as a JSON object `{name: {dtype, shape, data_offsets: [begin, end]}}` with an optional `__metadata__` of texts,
 * then the tensors, row-major, little-endian, one after another without gaps. Of its types only F32 is taken.
 */
export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: 'F32';
  readonly shape: readonly number[];
  /** Bytes from the start of the data, the end exclusive. */
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsIndex {
  /** Bytes before the data: the offset of the first tensor in the file. */
  readonly headerBytes: number;
  /** Bytes of the whole file. */
  readonly totalBytes: number;
  /** In the order of the data. */
  readonly entries: readonly SafetensorsEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Most bytes of the JSON header; a model of 10 000 tensors has about one. */
export const maximumHeaderBytes = 4 * 1024 * 1024;
const maximumTensors = 100_000;
const maximumNameLength = 512;
const maximumDimensions = 16;
/** Most bytes of one file's data; far below 2^53, so that sums of offsets are exact. */
const maximumDataBytes = 2 ** 40;
const bytesPerValue = 4;
const littleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function valuesOf(name: string, shape: unknown): number {
  if (!Array.isArray(shape) || shape.length > maximumDimensions) {
    throw new TensorError(
      'shape_invalid',
      `tensor ${tensorNameText(name, 80)}: shape must be a list of at most ${maximumDimensions}`,
      {
        tensor: name,
      },
    );
  }
  let values = 1;
  let positive = 1;
  for (const dimension of shape as unknown[]) {
    if (typeof dimension !== 'number' || !Number.isSafeInteger(dimension) || dimension < 0) {
      throw new TensorError(
        'shape_invalid',
        `tensor ${tensorNameText(name, 80)}: a dimension is no whole number of at least 0`,
        {
          tensor: name,
        },
      );
    }
    // A zero must not hide a product that overflows elsewhere.
    positive *= Math.max(1, dimension);
    values *= dimension;
    if (positive > maximumDataBytes / bytesPerValue) {
      throw new TensorError(
        'shape_invalid',
        `tensor ${tensorNameText(name, 80)}: too many values in [${(shape as unknown[]).map(Number).join(', ')}]`,
        {
          tensor: name,
        },
      );
    }
  }
  return values;
}

function entryOf(name: string, value: unknown): SafetensorsEntry {
  if (name === '' || name.length > maximumNameLength) {
    throw new TensorError('name_invalid', `a tensor's name must have 1 to ${maximumNameLength} characters`);
  }
  if (!isRecord(value) || Object.keys(value).length !== 3) {
    throw new TensorError(
      'header_malformed',
      `tensor ${tensorNameText(name, 80)}: needs exactly dtype, shape and data_offsets`,
      {
        tensor: name,
      },
    );
  }
  const { dtype, shape, data_offsets: offsets } = value;
  if (dtype !== 'F32') {
    throw new TensorError('dtype_unsupported', `tensor ${tensorNameText(name, 80)}: dtype must be F32`, {
      tensor: name,
    });
  }
  const values = valuesOf(name, shape);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every((at) => Number.isSafeInteger(at) && at >= 0)) {
    throw new TensorError(
      'offsets_invalid',
      `tensor ${tensorNameText(name, 80)}: data_offsets must be two whole numbers`,
      {
        tensor: name,
      },
    );
  }
  const [begin, end] = offsets as [number, number];
  if (end < begin || end > maximumDataBytes) {
    throw new TensorError(
      'offsets_invalid',
      `tensor ${tensorNameText(name, 80)}: data_offsets [${begin}, ${end}] are out of order or range`,
      {
        tensor: name,
      },
    );
  }
  if (end - begin !== values * bytesPerValue) {
    throw new TensorError(
      'size_mismatch',
      `tensor ${tensorNameText(name, 80)}: shape [${(shape as number[]).join(', ')}] needs ${values * bytesPerValue} bytes, the header gives ${end - begin}`,
      { tensor: name, needed: values * bytesPerValue, found: end - begin },
    );
  }
  return { name, dtype, shape: shape as number[], begin, end };
}

/**
 * The names at the top of a JSON object, each time they are written. `JSON.parse` keeps the last of two equal names
 * without a word, so two readers of one file could see different tensors. `text` is known to be valid JSON.
 */
function writtenNames(text: string): string[] {
  const names: string[] = [];
  let depth = 0;
  let expectName = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      const start = at;
      for (at++; text[at] !== '"'; at++) if (text[at] === '\\') at++;
      if (depth === 1 && expectName) {
        names.push(JSON.parse(text.slice(start, at + 1)) as string);
        expectName = false;
      }
    } else if (character === '{' || character === '[') {
      depth++;
      expectName = depth === 1;
    } else if (character === '}' || character === ']') depth--;
    else if (character === ',' && depth === 1) expectName = true;
  }
  return names;
}

function metadataOf(value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value) || !Object.values(value).every((text) => typeof text === 'string')) {
    throw new TensorError('header_malformed', '__metadata__ must hold texts only');
  }
  return value as Record<string, string>;
}

/**
 * Reads and checks the header from the first bytes of a file, so that a big file can be read in pieces.
 * `prefix` must hold at least the header: first read 8 bytes, see `safetensorsHeaderBytes`, then the rest.
 * @throws TensorError for anything that is not a plain, gapless file of float32 tensors
 */
export function readSafetensorsIndex(prefix: Uint8Array): SafetensorsIndex {
  const headerBytes = safetensorsHeaderBytes(prefix);
  if (prefix.byteLength < headerBytes) {
    throw new TensorError('truncated', `the header has ${headerBytes} bytes, only ${prefix.byteLength} are there`, {
      needed: headerBytes,
      found: prefix.byteLength,
    });
  }
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(prefix.subarray(8, headerBytes));
    // The format asks for a header that begins with {; it may be padded with spaces at its end.
    if (!text.startsWith('{')) throw new SyntaxError('does not begin with {');
    header = JSON.parse(text);
  } catch (cause) {
    throw new TensorError('header_malformed', 'the header is not a JSON object in UTF-8', {}, cause);
  }
  if (!isRecord(header)) throw new TensorError('header_malformed', 'the header is not a JSON object');
  const names = writtenNames(text);
  if (new Set(names).size !== names.length) throw new TensorError('name_invalid', 'a tensor is named twice');
  if (names.length > maximumTensors) {
    throw new TensorError(
      'header_too_large',
      `the header names ${names.length} tensors; the most is ${maximumTensors}`,
    );
  }
  const metadata = metadataOf(Object.hasOwn(header, '__metadata__') ? header.__metadata__ : undefined);
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => entryOf(name, value))
    .sort((left, right) => left.begin - right.begin || left.end - right.end);
  let expected = 0;
  for (const entry of entries) {
    if (entry.begin !== expected) {
      throw new TensorError(
        'offsets_invalid',
        `tensor ${tensorNameText(entry.name, 80)}: begins at ${entry.begin}, the one before it ends at ${expected}; tensors may neither overlap nor leave gaps`,
        { tensor: entry.name, begin: entry.begin, expected },
      );
    }
    expected = entry.end;
  }
  if (expected > maximumDataBytes) throw new TensorError('offsets_invalid', 'the tensors are too large together');
  return { headerBytes, totalBytes: headerBytes + expected, entries, metadata };
}

/** Bytes before the data, from the first 8 bytes of a file. @throws TensorError `truncated`, `header_too_large` */
export function safetensorsHeaderBytes(prefix: Uint8Array): number {
  if (prefix.byteLength < 8) {
    throw new TensorError('truncated', `a safetensors file has at least 8 bytes, found ${prefix.byteLength}`);
  }
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(maximumHeaderBytes)) {
    throw new TensorError('header_too_large', `the header claims ${length} bytes; the most is ${maximumHeaderBytes}`);
  }
  return 8 + Number(length);
}

function copyValues(bytes: Uint8Array): Float32Array {
  const values = new Float32Array(bytes.byteLength / bytesPerValue);
  // Not `bytes.slice()`: that of a Buffer is a view of the memory it shares with others.
  new Uint8Array(values.buffer).set(littleEndian ? bytes : swapped(bytes));
  return values;
}

function swapped(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(Buffer.from(bytes).swap32());
}

/**
 * Reads a whole safetensors file.
 * @returns tensors sorted by name, each with its own memory
 * @throws TensorError; whatever the bytes are, nothing else is thrown
 */
export function decodeSafetensors(bytes: Uint8Array): NamedTensors {
  const index = readSafetensorsIndex(bytes);
  if (bytes.byteLength !== index.totalBytes) {
    throw new TensorError(
      'size_mismatch',
      `the header describes a file of ${index.totalBytes} bytes, found ${bytes.byteLength}`,
      { needed: index.totalBytes, found: bytes.byteLength },
    );
  }
  const tensors = new Map<string, Tensor>();
  for (const entry of [...index.entries].sort((left, right) => compareNames(left.name, right.name))) {
    const data = copyValues(bytes.subarray(index.headerBytes + entry.begin, index.headerBytes + entry.end));
    tensors.set(entry.name, { shape: entry.shape, data });
  }
  return tensors;
}

/** Order of names everywhere: by UTF-16 code unit, the same on every machine and in every locale. */
export function compareNames(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/**
 * The header of a file with these tensors in this order, padded with spaces so that the data is aligned to 8 bytes.
 * @throws TensorError for a name or shape no reader would take
 */
export function safetensorsHeader(
  tensors: readonly { readonly name: string; readonly shape: readonly number[] }[],
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const header: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  if (metadata !== undefined && Object.keys(metadata).length > 0) {
    header.__metadata__ = Object.fromEntries(
      Object.entries(metadata).sort(([left], [right]) => compareNames(left, right)),
    );
  }
  const parts: string[] = Object.entries(header).map(
    ([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`,
  );
  const seen = new Set<string>();
  let offset = 0;
  for (const { name, shape } of tensors) {
    if (name === '' || name === '__metadata__' || name.length > maximumNameLength || seen.has(name)) {
      throw new TensorError('name_invalid', `${JSON.stringify(name)} cannot name a tensor, or names two`, {
        tensor: name,
      });
    }
    seen.add(name);
    const end = offset + valuesOf(name, shape) * bytesPerValue;
    parts.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype: 'F32', shape, data_offsets: [offset, end] })}`);
    offset = end;
  }
  const json = new TextEncoder().encode(`{${parts.join(',')}}`);
  const length = Math.ceil(json.byteLength / 8) * 8;
  if (length > maximumHeaderBytes) {
    throw new TensorError(
      'header_too_large',
      `the header would have ${length} bytes; the most is ${maximumHeaderBytes}`,
    );
  }
  const bytes = new Uint8Array(8 + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  return bytes;
}

/**
 * Writes tensors as one safetensors file, sorted by name; equal tensors and metadata give equal bytes.
 * @throws TensorError `size_mismatch` when data and shape disagree, or for names and shapes that cannot be written
 */
export function encodeSafetensors(tensors: NamedTensors, metadata?: Readonly<Record<string, string>>): Uint8Array {
  const sorted = [...tensors].sort(([left], [right]) => compareNames(left, right));
  const header = safetensorsHeader(
    sorted.map(([name, tensor]) => ({ name, shape: tensor.shape })),
    metadata,
  );
  let total = header.byteLength;
  for (const [name, { shape, data }] of sorted) {
    const needed = valuesOf(name, shape);
    if (data.length !== needed) {
      throw new TensorError(
        'size_mismatch',
        `tensor ${tensorNameText(name, 80)}: shape [${shape.join(', ')}] has ${needed} values, the data ${data.length}`,
        { tensor: name, needed, found: data.length },
      );
    }
    total += data.byteLength;
  }
  const bytes = new Uint8Array(total);
  bytes.set(header, 0);
  let offset = header.byteLength;
  for (const [, { data }] of sorted) {
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    bytes.set(littleEndian ? raw : swapped(raw), offset);
    offset += data.byteLength;
  }
  return bytes;
}
