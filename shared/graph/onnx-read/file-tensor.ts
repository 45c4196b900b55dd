import type { ConstantData, ElementType } from '../graph.ts';
import type { FileTensor } from './file-model.ts';
import type { OnnxLimits } from './limits.ts';
import type { Message } from './message-table.ts';
import { OnnxError, shown } from './onnx-error.ts';

const types: ReadonlyMap<number, ElementType> = new Map([
  [1, 'float'],
  [6, 'int32'],
  [7, 'int64'],
  [9, 'bool'],
  [10, 'float16'],
  [11, 'double'],
]);
const widths: Readonly<Record<ElementType, number>> = { float: 4, int32: 4, int64: 8, bool: 1, float16: 2, double: 8 };

/** @throws OnnxError `unsupported_type` */
export function elementType(number: unknown, where: string): ElementType {
  const found = types.get(Number(number ?? 0));
  if (found === undefined) {
    throw new OnnxError(
      'unsupported_type',
      `${where} has the element type ${String(number ?? 0)}; float, double, int32, int64, bool and float16 are read. Export the network in float32, without quantisation.`,
    );
  }
  return found;
}

/** Number of values of a shape, with every bound checked before anything is multiplied beyond it. */
export function countOf(
  dims: readonly bigint[],
  where: string,
  limits: OnnxLimits,
): { shape: number[]; count: number } {
  if (dims.length > limits.rank) {
    throw new OnnxError('over_limit', `${where} has ${dims.length} dimensions; the most is ${limits.rank}`);
  }
  let count = 1;
  let positive = 1;
  const shape: number[] = [];
  for (const dim of dims) {
    if (dim < 0n) throw new OnnxError('tensor_size', `${where} has the negative dimension ${dim}`);
    if (dim > BigInt(limits.elements)) {
      throw new OnnxError('over_limit', `${where} has the dimension ${dim}; the most is ${limits.elements}`);
    }
    shape.push(Number(dim));
    count *= Number(dim);
    // A zero must not hide a product that overflows elsewhere.
    positive *= Math.max(1, Number(dim));
    if (positive > limits.elements) {
      throw new OnnxError('over_limit', `${where} has more than ${limits.elements} values: [${dims.join(', ')}]`);
    }
  }
  return { shape, count };
}

function fromRaw(type: ElementType, raw: Uint8Array): ConstantData {
  // The part of the file may lie at any address, and must not keep the whole file in memory.
  const bytes = new Uint8Array(raw.byteLength);
  bytes.set(raw);
  if (type === 'float') return new Float32Array(bytes.buffer);
  if (type === 'double') return new Float64Array(bytes.buffer);
  if (type === 'int32') return new Int32Array(bytes.buffer);
  if (type === 'int64') return new BigInt64Array(bytes.buffer);
  if (type === 'float16') return new Uint16Array(bytes.buffer);
  return bytes.map((value) => (value === 0 ? 0 : 1));
}

function fromList(type: ElementType, values: ArrayLike<number | bigint>): ConstantData {
  if (values instanceof Float32Array) return values;
  if (type === 'int64') return BigInt64Array.from(Array.from(values, BigInt));
  const numbers = Array.from(values, Number);
  if (type === 'float') return Float32Array.from(numbers);
  if (type === 'double') return Float64Array.from(numbers);
  if (type === 'int32') return Int32Array.from(numbers);
  if (type === 'float16') return Uint16Array.from(numbers);
  return Uint8Array.from(numbers, (value) => (value === 0 ? 0 : 1));
}

const listField: Readonly<Record<ElementType, string>> = {
  float: 'floatData',
  double: 'doubleData',
  int64: 'int64Data',
  int32: 'int32Data',
  bool: 'int32Data',
  float16: 'int32Data',
};

/** @throws OnnxError */
export function fileTensor(message: Message, limits: OnnxLimits, fallbackName = ''): FileTensor {
  const name = (message.get('name') as string | undefined) ?? fallbackName;
  const where = `tensor ${shown(name)}`;
  if (((message.get('dataLocation') as bigint | undefined) ?? 0n) !== 0n) {
    throw new OnnxError(
      'external_data',
      `${where} keeps its values in another file, which is refused; export with external_data=False (torch.onnx.export), or save with save_as_external_data=False (onnx.save)`,
      { tensor: name },
    );
  }
  const type = elementType(message.get('dataType'), where);
  const { shape, count } = countOf((message.get('dims') as bigint[] | undefined) ?? [], where, limits);
  const raw = message.get('rawData') as Uint8Array | undefined;
  const filled = ['floatData', 'doubleData', 'int64Data', 'int32Data'].filter((field) => message.has(field));
  const [list] = filled;
  if (
    filled.length > 1 ||
    (raw !== undefined && list !== undefined) ||
    (list !== undefined && list !== listField[type])
  ) {
    throw new OnnxError('tensor_size', `${where} holds values in more than one field, or in that of another type`);
  }
  if (raw !== undefined) {
    if (raw.byteLength !== count * widths[type]) {
      throw new OnnxError(
        'tensor_size',
        `${where} of ${type} [${shape.join(', ')}] needs ${count * widths[type]} bytes and has ${raw.byteLength}`,
        { tensor: name, needed: count * widths[type], found: raw.byteLength },
      );
    }
    return { name, type, shape, data: fromRaw(type, count > limits.kept ? new Uint8Array() : raw) };
  }
  const values = list === undefined ? [] : (message.get(list) as ArrayLike<number | bigint>);
  if (values.length !== count) {
    throw new OnnxError(
      'tensor_size',
      `${where} of ${type} [${shape.join(', ')}] needs ${count} values and has ${values.length}`,
      { tensor: name, needed: count, found: values.length },
    );
  }
  return { name, type, shape, data: fromList(type, count > limits.kept ? [] : values) };
}
