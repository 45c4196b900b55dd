/** Writes ONNX files by hand, field by field, right and wrong ones. Field numbers are those of onnx.proto. */

type Part = Uint8Array;

function varint(value: bigint | number): Part {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

export const joined = (...parts: readonly Part[]): Part => Uint8Array.from(Buffer.concat(parts));
export const int = (field: number, value: bigint | number): Part => joined(varint(field * 8), varint(value));
export const bytes = (field: number, content: Part | string): Part => {
  const part = typeof content === 'string' ? Uint8Array.from(Buffer.from(content)) : content;
  return joined(varint(field * 8 + 2), varint(part.byteLength), part);
};
export const float = (field: number, value: number): Part =>
  joined(varint(field * 8 + 5), new Uint8Array(Float32Array.of(value).buffer));

/** Numbers of element types. */
export const types = { float: 1, int8: 3, int64: 7, string: 8, bool: 9, float16: 10, double: 11 } as const;

export function tensor(
  name: string,
  dims: readonly (number | bigint)[],
  values: readonly number[] | Part,
  type: number = types.float,
  ...more: readonly Part[]
): Part {
  const raw =
    values instanceof Uint8Array
      ? values
      : type === types.int64
        ? new Uint8Array(BigInt64Array.from(values, BigInt).buffer)
        : new Uint8Array(Float32Array.from(values).buffer);
  return joined(...dims.map((dim) => int(1, dim)), int(2, type), bytes(8, name), bytes(9, raw), ...more);
}

export const attributes = {
  int: (name: string, value: number): Part => bytes(5, joined(bytes(1, name), int(3, value), int(20, 2))),
  ints: (name: string, values: readonly number[]): Part =>
    bytes(5, joined(bytes(1, name), ...values.map((value) => int(8, value)), int(20, 7))),
  float: (name: string, value: number): Part => bytes(5, joined(bytes(1, name), float(2, value), int(20, 1))),
  floats: (name: string, values: readonly number[]): Part =>
    bytes(5, joined(bytes(1, name), ...values.map((value) => float(7, value)), int(20, 6))),
  text: (name: string, value: string): Part => bytes(5, joined(bytes(1, name), bytes(4, value), int(20, 3))),
  tensor: (name: string, value: Part): Part => bytes(5, joined(bytes(1, name), bytes(5, value), int(20, 4))),
};

export function node(
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  ...more: readonly Part[]
): Part {
  return joined(
    ...inputs.map((name) => bytes(1, name)),
    ...outputs.map((name) => bytes(2, name)),
    bytes(4, operator),
    ...more,
  );
}

export function value(name: string, dims: readonly (number | string)[], type: number = types.float): Part {
  const dim = dims.map((length) => bytes(1, typeof length === 'number' ? int(1, length) : bytes(2, length)));
  return joined(bytes(1, name), bytes(2, bytes(1, joined(int(1, type), bytes(2, joined(...dim))))));
}

export interface OnnxParts {
  readonly nodes?: readonly Part[];
  readonly tensors?: readonly Part[];
  readonly inputs?: readonly Part[];
  readonly outputs?: readonly Part[];
  readonly graph?: readonly Part[];
  readonly model?: readonly Part[];
  readonly operatorSet?: number;
  readonly ir?: number;
}

/** A file of these parts. */
export function onnxFile(parts: OnnxParts): Part {
  const graph = joined(
    ...(parts.nodes ?? []).map((one) => bytes(1, one)),
    bytes(2, 'graph'),
    ...(parts.tensors ?? []).map((one) => bytes(5, one)),
    ...(parts.inputs ?? []).map((one) => bytes(11, one)),
    ...(parts.outputs ?? []).map((one) => bytes(12, one)),
    ...(parts.graph ?? []),
  );
  return joined(
    int(1, parts.ir ?? 8),
    bytes(2, 'hand'),
    bytes(7, graph),
    bytes(8, int(2, parts.operatorSet ?? 17)),
    ...(parts.model ?? []),
  );
}

/** A logistic regression of `features` inputs with changes. */
export function linearFile(features: number, change: OnnxParts = {}): Part {
  return onnxFile({
    nodes: [node('Gemm', ['x', 'weight', 'bias'], ['logits'])],
    tensors: [
      tensor(
        'weight',
        [features, 1],
        Array.from({ length: features }, (_, at) => (at + 1) / 10),
      ),
      tensor('bias', [1], [0.5]),
    ],
    inputs: [value('x', ['rows', features])],
    outputs: [value('logits', ['rows', 1])],
    ...change,
  });
}
