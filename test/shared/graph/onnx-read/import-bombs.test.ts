import { describe, expect, it } from 'vitest';
import { encodedFeatures } from '../../../../shared/graph/encoding.ts';
import { importNetwork } from '../../../../shared/graph/onnx-read/import-network.ts';
import { OnnxError } from '../../../../shared/graph/onnx-read/onnx-error.ts';
import { planAround } from '../../../support/brought-plans.ts';
import { attributes, bytes, int, joined, linearFile, node, tensor, types, value } from '../../../support/onnx-bytes.ts';

const plan = planAround({});
const features = encodedFeatures(plan).length;
const own = [tensor('weight', [features, 1], new Uint8Array(4 * features)), tensor('bias', [1], [0.5])];
const zeros = (length: number): Uint8Array => new Uint8Array(length);
const integers = (name: string, values: number[]): Uint8Array => tensor(name, [values.length], values, types.int64);
const integer = (name: string, one: number): Uint8Array => tensor(name, [], [one], types.int64);

/** The linear model, and the mean of something large added to it. */
const withMean = (nodes: Uint8Array[], of: string, tensors: Uint8Array[]): Uint8Array =>
  linearFile(features, {
    nodes: [
      node('Gemm', ['x', 'weight', 'bias'], ['l0']),
      ...nodes,
      node('Cast', [of], ['floats'], attributes.int('to', 1)),
      node('ReduceMean', ['floats'], ['mean'], attributes.int('keepdims', 0)),
      node('Add', ['l0', 'mean'], ['logits']),
    ],
    tensors: [...own, ...tensors],
  });
const spread = (count: number, make: (at: number) => Uint8Array): Uint8Array[] =>
  Array.from({ length: count }, (_, at) => make(at));

const bombs: readonly [string, () => Uint8Array][] = [
  [
    'ConstantOfShape',
    () => withMean([node('ConstantOfShape', ['shape'], ['c'])], 'c', [integers('shape', [60_000_000])]),
  ],
  [
    'Expand',
    () =>
      withMean([node('Expand', ['one', 'shape'], ['c']), node('Mul', ['c', 'c'], ['d'])], 'd', [
        integers('shape', [60_000_000]),
        integer('one', 1),
      ]),
  ],
  [
    'Range',
    () =>
      withMean([node('Range', ['from', 'to', 'by'], ['c'])], 'c', [
        integer('from', 0),
        integer('to', 60_000_000),
        integer('by', 1),
      ]),
  ],
  ['Tile', () => withMean([node('Tile', ['one', 'by'], ['c'])], 'c', [integers('one', [1]), integers('by', [1e9])])],
  [
    'Concat doubling sixty times',
    () =>
      withMean(
        spread(60, (at) =>
          node(
            'Concat',
            at === 0 ? ['one', 'one'] : [`k${at - 1}`, `k${at - 1}`],
            [`k${at}`],
            attributes.int('axis', 0),
          ),
        ),
        'k59',
        [integers('one', [1])],
      ),
  ],
  ['Pad', () => withMean([node('Pad', ['l0', 'by'], ['c'])], 'c', [integers('by', [0, 0, 0, 2_000_000_000])])],
  [
    'one table taken apart two thousand times',
    () =>
      withMean(
        spread(2000, (at) => node('Slice', ['table', 'from', 'to'], [`k${at}`])).concat(
          spread(4, (part) =>
            node(
              'Sum',
              Array.from({ length: 500 }, (_, at) => `k${part * 500 + at}`),
              [`s${part}`],
            ),
          ),
          node('Sum', ['s0', 's1', 's2', 's3'], ['s']),
        ),
        's',
        [tensor('table', [1_000_000], zeros(8_000_000), types.int64), integers('from', [0]), integers('to', [1])],
      ),
  ],
  [
    'one table read by two thousand nodes',
    () =>
      withMean(
        spread(2000, (at) => node('Gather', ['two', 'table'], [`k${at}`])).concat(
          spread(4, (part) =>
            node(
              'Sum',
              Array.from({ length: 500 }, (_, at) => `k${part * 500 + at}`),
              [`s${part}`],
            ),
          ),
          node('Sum', ['s0', 's1', 's2', 's3'], ['s']),
        ),
        's',
        [tensor('two', [2, 1], [1, 2]), tensor('table', [200_000], zeros(1_600_000), types.int64)],
      ),
  ],
  [
    'sixty million integers written as lists',
    () =>
      linearFile(features, {
        tensors: [
          ...own,
          ...spread(60, (at) => joined(int(1, 1_000_000), int(2, 7), bytes(8, `t${at}`), bytes(7, zeros(1_000_000)))),
        ],
      }),
  ],
  [
    'five million names without a letter',
    () =>
      linearFile(features, {
        nodes: spread(9900, () =>
          joined(zeros(0), ...[bytes(4, 'Sum'), Uint8Array.from(Buffer.from('0a00'.repeat(510), 'hex'))]),
        ),
        inputs: [value('x', ['rows', features])],
      }),
  ],
];

describe('a small file that would become a large one', () => {
  it.each(bombs)('by %s is refused before it does', (_, file) => {
    const bomb = file();
    const before = process.memoryUsage().arrayBuffers;
    let found: unknown = null;
    try {
      importNetwork(bomb, plan);
    } catch (error) {
      found = error;
    }
    expect(found).toBeInstanceOf(OnnxError);
    expect((found as OnnxError).code).toBe('over_limit');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(200e6);
  });
});
