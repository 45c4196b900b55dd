import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../../../shared/graph/onnx-read/limits.ts';
import { OnnxError, type OnnxErrorCode, onnxErrors } from '../../../../shared/graph/onnx-read/onnx-error.ts';
import { readOnnx } from '../../../../shared/graph/onnx-read/read-onnx.ts';
import { exportedFile } from '../../../support/brought-plans.ts';
import {
  attributes,
  bytes,
  float,
  int,
  joined,
  linearFile,
  node,
  type OnnxParts,
  onnxFile,
  tensor,
  types,
  value,
} from '../../../support/onnx-bytes.ts';

function refusal(file: Uint8Array): OnnxError {
  try {
    readOnnx(file);
  } catch (error) {
    if (error instanceof OnnxError) return error;
    throw error;
  }
  throw new Error('the file was taken');
}

const relu = (input: string, output: string): Uint8Array => node('Relu', [input], [output]);
const chain = (...nodes: Uint8Array[]): OnnxParts => ({
  nodes,
  inputs: [value('x', ['rows', 4])],
  outputs: [value('y', ['rows', 4])],
});
const withTensor = (...parts: Parameters<typeof tensor>): Uint8Array => linearFile(2, { tensors: [tensor(...parts)] });

describe('a sound file', () => {
  it('is read with values, shapes and attributes', () => {
    const file = readOnnx(linearFile(3));
    expect(file.operatorSet).toBe(17);
    expect(file.producer).toBe('hand');
    expect(file.inputs).toEqual([{ name: 'x', type: 'float', shape: ['?rows', 3] }]);
    expect(file.initializers.get('weight')).toEqual({
      name: 'weight',
      type: 'float',
      shape: [3, 1],
      data: Float32Array.of(0.1, 0.2, 0.3),
    });
    expect(file.nodes).toMatchObject([{ operator: 'Gemm', inputs: ['x', 'weight', 'bias'], outputs: ['logits'] }]);
  });

  it('holds numbers in lists as well as in bytes', () => {
    const packed = joined(int(1, 2), int(1, 1), int(2, types.float), bytes(8, 'weight'));
    const list = bytes(4, new Uint8Array(Float32Array.of(1.5, -2).buffer));
    const file = readOnnx(linearFile(2, { tensors: [joined(packed, list), tensor('bias', [1], [0])] }));
    expect(Array.from(file.initializers.get('weight')?.data ?? [], Number)).toEqual([1.5, -2]);
  });

  it.each(['residual', 'gru', 'transformer-dynamo'])('%s exported from PyTorch is one', (name) => {
    expect(readOnnx(exportedFile(name)).producer).toMatch(/^pytorch 2\.13/);
  });
});

// Each is one thing wrong with a file that is otherwise sound.
const wrong: readonly (readonly [string, OnnxErrorCode, () => Uint8Array])[] = [
  ['nothing', 'malformed', () => new Uint8Array()],
  ['a text', 'malformed', () => Uint8Array.from(Buffer.from('not an ONNX file at all'))],
  ['a file cut off', 'malformed', () => linearFile(3).subarray(0, -3)],
  ['junk behind the end', 'malformed', () => joined(linearFile(3), Uint8Array.of(1, 2, 3))],
  ['a second file behind it', 'malformed', () => joined(linearFile(3), linearFile(3))],
  ['an unknown field', 'malformed', () => linearFile(3, { graph: [int(77, 1)] })],
  ['a name that is not UTF-8', 'malformed', () => linearFile(3, { graph: [bytes(1, bytes(4, Uint8Array.of(0xff)))] })],
  ['a field in another form', 'malformed', () => linearFile(3, { graph: [int(1, 5)] })],
  ['no graph', 'malformed', () => joined(int(1, 8), bytes(8, int(2, 17)))],
  ['a length beyond the file', 'malformed', () => joined(int(1, 8), Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0x7f))],
  ['an operator set too old', 'unsupported_version', () => linearFile(3, { operatorSet: 12 })],
  ['an operator set too new', 'unsupported_version', () => linearFile(3, { operatorSet: 999 })],
  ['a format version too new', 'unsupported_version', () => linearFile(3, { ir: 99 })],
  ['an unknown domain', 'unknown_domain', () => onnxFile(chain(node('Relu', ['x'], ['y'], bytes(7, 'com.example'))))],
  [
    'scikit-learn without its operator set',
    'unknown_domain',
    () => onnxFile(chain(node('Scaler', ['x'], ['y'], bytes(7, 'ai.onnx.ml')))),
  ],
  ['If', 'subgraph', () => onnxFile(chain(node('If', ['x'], ['y'])))],
  [
    'a graph as attribute',
    'subgraph',
    () => onnxFile(chain(node('Relu', ['x'], ['y'], bytes(5, joined(bytes(1, 'a'), bytes(6, new Uint8Array())))))),
  ],
  ['a function of its own', 'local_function', () => linearFile(3, { model: [bytes(25, bytes(1, 'f'))] })],
  ['a training algorithm', 'training_info', () => linearFile(3, { model: [bytes(20, new Uint8Array())] })],
  [
    'values in another file',
    'external_data',
    () =>
      withTensor(
        'weight',
        [2, 1],
        [1, 2],
        types.float,
        bytes(13, joined(bytes(1, 'location'), bytes(2, '/etc/passwd'))),
      ),
  ],
  ['values said to be elsewhere', 'external_data', () => withTensor('weight', [2, 1], [1, 2], types.float, int(14, 1))],
  ['too few values', 'tensor_size', () => withTensor('weight', [2, 2], [1, 2])],
  ['too many values', 'tensor_size', () => withTensor('weight', [1, 1], [1, 2])],
  ['a negative dimension', 'tensor_size', () => withTensor('weight', [-2n, -1n], [1, 2])],
  ['a huge dimension', 'over_limit', () => withTensor('weight', [2n ** 62n], [1])],
  // 2^32 · 2^32 is 0 in 64 bits, and so would pass with no values at all.
  ['dimensions whose product overflows', 'over_limit', () => withTensor('weight', [65536, 65536, 65536, 65536], [])],
  ['a zero that hides a huge product', 'over_limit', () => withTensor('weight', [0, 65536, 65536, 65536], [])],
  [
    'too many axes',
    'over_limit',
    () =>
      withTensor(
        'weight',
        Array.from({ length: 9 }, () => 1),
        [1],
      ),
  ],
  ['texts', 'unsupported_type', () => withTensor('weight', [1], [], types.string, bytes(6, 'text'))],
  ['eight-bit integers', 'unsupported_type', () => withTensor('weight', [1], Uint8Array.of(1), types.int8)],
  ['sparse tensors', 'unsupported_type', () => linearFile(3, { graph: [bytes(15, new Uint8Array())] })],
  ['quantisation', 'unsupported_type', () => linearFile(3, { graph: [bytes(14, new Uint8Array())] })],
  [
    'a sequence for output',
    'unsupported_type',
    () => linearFile(3, { outputs: [joined(bytes(1, 'logits'), bytes(2, bytes(4, new Uint8Array())))] }),
  ],
  [
    'two tensors of one name',
    'duplicate_name',
    () => linearFile(1, { tensors: [tensor('weight', [1, 1], [1]), tensor('weight', [1, 1], [1])] }),
  ],
  ['two values of one name', 'duplicate_name', () => onnxFile(chain(relu('x', 'y'), relu('x', 'y')))],
  [
    'a node that overwrites a tensor',
    'duplicate_name',
    () => linearFile(1, { nodes: [relu('x', 'weight'), relu('weight', 'logits')] }),
  ],
  [
    'two attributes of one name',
    'duplicate_name',
    () => onnxFile(chain(node('Softmax', ['x'], ['y'], attributes.int('axis', 1), attributes.int('axis', 0)))),
  ],
  ['a value nobody makes', 'undefined_value', () => onnxFile(chain(relu('z', 'y')))],
  ['an output nobody makes', 'undefined_value', () => onnxFile(chain(relu('x', 'z')))],
  ['a value used before it is made', 'used_before_made', () => onnxFile(chain(relu('z', 'y'), relu('x', 'z')))],
  ['a cycle', 'cycle', () => onnxFile(chain(node('Add', ['x', 'z'], ['y']), relu('y', 'z')))],
  ['a node that feeds itself', 'cycle', () => onnxFile(chain(node('Add', ['x', 'y'], ['y'])))],
  ['a name from JavaScript', 'name_invalid', () => onnxFile(chain(relu('x', '__proto__'), relu('__proto__', 'y')))],
  [
    'a name that moves the cursor',
    'name_invalid',
    () => onnxFile(chain(relu('x', 'a\u001b[2J'), relu('a\u001b[2J', 'y'))),
  ],
  ['a name without end', 'name_invalid', () => onnxFile(chain(relu('x', 'a'.repeat(1001)), relu('x', 'y')))],
  ['an operator that is a path', 'name_invalid', () => onnxFile(chain(node('../Relu', ['x'], ['y'])))],
  [
    'ten thousand inputs of a node',
    'over_limit',
    () =>
      onnxFile(
        chain(
          node(
            'Sum',
            Array.from({ length: 10_000 }, () => 'x'),
            ['y'],
          ),
        ),
      ),
  ],
  [
    'an attribute of several types',
    'malformed',
    () =>
      onnxFile(chain(node('Softmax', ['x'], ['y'], bytes(5, joined(bytes(1, 'axis'), int(3, 1), bytes(4, 'text')))))),
  ],
];

describe('a file is refused', () => {
  it.each(wrong)('for %s (%s)', (_, code, file) => {
    expect(refusal(file()).code).toBe(code);
  });

  it('for a million nodes, without decoding one', () => {
    const one = bytes(1, node('Relu', ['x'], ['x']));
    const graph = Buffer.concat(Array.from({ length: 1_000_000 }, () => one));
    const before = process.memoryUsage().heapUsed;
    expect(refusal(joined(int(1, 8), bytes(7, graph), bytes(8, int(2, 17)))).code).toBe('over_limit');
    // A million decoded nodes would take hundreds of MiB.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 * 1024);
  });

  const often = (field: Uint8Array, times: number): Uint8Array =>
    Uint8Array.from(Buffer.alloc(field.length * times, field));
  const names = (count: number): Uint8Array => joined(bytes(4, 'Sum'), often(bytes(1, 'x'), count), bytes(2, 'y'));

  it.each([
    // NodeProto.input and attribute, GraphProto.valueInfo, ModelProto.metadataProps, TensorProto.docString.
    ['names', () => onnxFile(chain(...Array.from({ length: 2000 }, () => names(500))))],
    [
      'attributes of a node',
      () => onnxFile(chain(joined(node('Relu', ['x'], ['y']), often(bytes(5, int(3, 1)), 1_000_000)))),
    ],
    ['shapes somebody worked out', () => linearFile(3, { graph: [often(bytes(13, bytes(1, 'x')), 5_000_000)] })],
    ['words about the file', () => linearFile(3, { model: [often(bytes(14, ''), 5_000_000)] })],
    [
      'words about a tensor',
      () => linearFile(3, { tensors: [joined(int(1, 1), int(2, 1), often(bytes(12, ''), 5_000_000))] }),
    ],
    [
      'floats written one by one',
      () => linearFile(3, { tensors: [joined(int(1, 3), int(2, 1), often(float(4, 1), 3_000_000))] }),
    ],
  ])('for millions of %s, when they have been counted', (_, file) => {
    const bomb = file();
    const before = process.memoryUsage();
    expect(refusal(bomb).code).toBe('over_limit');
    const after = process.memoryUsage();
    expect(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(100e6);
  });

  it.each([
    ['a tag', Uint8Array.of(0x8a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 0x00)],
    ['a length', Uint8Array.of(0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00)],
  ])('for %s of more bytes than any number needs', (_, field) => {
    expect(refusal(linearFile(3, { graph: [field] })).code).toBe('malformed');
  });

  it('for a text of megabytes, which is not decoded', () => {
    const long = bytes(3, new Uint8Array(100e6).fill(0x61));
    const before = process.memoryUsage().heapUsed;
    expect(refusal(linearFile(3, { model: [long] })).code).toBe('over_limit');
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(50e6);
  });

  it('for more bytes than allowed', () => {
    expect(() => readOnnx(linearFile(3), { ...defaultLimits, bytes: 50 })).toThrowError(/more|the most is 50/);
  });

  it('for nesting, however deep, by its first level', () => {
    let inner = new Uint8Array();
    for (let depth = 0; depth < 2000; depth++)
      inner = Uint8Array.from(bytes(5, joined(bytes(1, 'a'), bytes(6, bytes(1, inner)))));
    expect(refusal(onnxFile(chain(node('Relu', ['x'], ['y'], inner)))).code).toBe('subgraph');
  });

  it('with a message that shows no control characters', () => {
    expect(refusal(onnxFile(chain(relu('z\u202e', 'y')))).message).not.toMatch(/\u202e/u);
  });
});

describe('whatever the bytes are', () => {
  const files = ['gru', 'grouped-dynamo', 'lstm-dynamo'].map(exportedFile);
  const closed = (file: Uint8Array): boolean => {
    try {
      readOnnx(file, { ...defaultLimits, elements: 1_000_000 });
    } catch (error) {
      if (!(error instanceof OnnxError)) throw error;
      return Object.hasOwn(onnxErrors, error.code);
    }
    return true;
  };

  it('a damaged file is read or refused with a code', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...files),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 }),
        fc.option(fc.nat()),
        (file, changes, cut) => {
          const damaged = Uint8Array.from(cut === null ? file : file.subarray(0, cut % file.length));
          for (const [at, byte] of changes) if (damaged.length > 0) damaged[at % damaged.length] = byte;
          return closed(damaged);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('any bytes are refused with a code', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (any) => closed(any)),
      { numRuns: 400 },
    );
  });
});
