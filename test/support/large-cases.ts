import type { Value } from '../../shared/graph/graph.ts';
import type { GraphBuilder } from '../../shared/graph/graph-builder.ts';
import type { CaseInput, OperatorCase } from './operator-cases.ts';

const x = (...shape: number[]): CaseInput => ({ shape });
const ints = (...values: number[]) => ({ ints: values });
const integers =
  (...lists: number[][]) =>
  (builder: GraphBuilder): Value[] =>
    lists.map((list) => builder.integers('list', list));
const turned = (a: number, b: number) => ({ transA: { int: a }, transB: { int: b } });

/**
 * Sizes at which libraries take another way than for a few numbers: products with an inner axis of two thousand and more, sums of many
 * numbers, rows that do not fill a tile, many inputs.
 */
export const largeCases: readonly OperatorCase[] = [
  { operator: 'MatMul', what: 'a long inner axis', inputs: [x(16, 2500), x(2500, 16)] },
  { operator: 'MatMul', what: 'a long inner axis, in a stack', inputs: [x(2, 12, 2052), x(2, 2052, 12)] },
  { operator: 'MatMul', what: 'a long inner axis of the gradient', inputs: [x(40, 28), x(28, 2500)] },
  { operator: 'MatMul', what: 'a batch of thousands of rows', inputs: [x(2500, 24), x(24, 20)] },
  { operator: 'MatMul', what: 'a long inner axis, odd', inputs: [x(13, 2003), x(2003, 15)] },
  { operator: 'MatMul', what: 'few results of a long inner axis', inputs: [x(3, 4001), x(4001, 2)] },
  { operator: 'MatMul', what: 'many tiles', inputs: [x(150, 70), x(70, 130)] },
  ...[0, 1].flatMap((a) =>
    [0, 1].map(
      (b): OperatorCase => ({
        operator: 'Gemm',
        what: `a long inner axis, transA ${a}, transB ${b}`,
        inputs: [x(...(a === 1 ? [2500, 16] : [16, 2500])), x(...(b === 1 ? [20, 2500] : [2500, 20])), x(20)],
        attributes: turned(a, b),
      }),
    ),
  ),
  {
    operator: 'Einsum',
    what: 'a long inner axis',
    inputs: [x(16, 2100), x(12, 2100)],
    attributes: { equation: { string: 'ij,kj->ik' } },
  },
  {
    operator: 'Conv',
    what: 'many channels',
    inputs: [x(1, 240, 6, 5), x(16, 240, 3, 3), x(16)],
    attributes: { pads: ints(1, 1, 1, 1) },
  },
  { operator: 'Conv', what: 'many channels, 1 × 1', inputs: [x(2, 2048, 4, 4), x(12, 2048, 1, 1)] },
  { operator: 'Conv', what: 'a kernel as large as the image', inputs: [x(20, 8, 16, 16), x(12, 8, 16, 16)] },
  { operator: 'Conv', what: '1-D, long', inputs: [x(2, 3, 700), x(4, 3, 5)] },
  { operator: 'ReduceSum', what: 'of 40,000', inputs: [x(2, 40_000)], constants: integers([1]) },
  { operator: 'ReduceSum', what: 'over the first axis', inputs: [x(5000, 3)], constants: integers([0]) },
  { operator: 'ReduceMean', what: 'over axes apart', inputs: [x(30, 9, 40)], attributes: { axes: ints(0, 2) } },
  {
    operator: 'ReduceMax',
    what: 'of 5,000',
    inputs: [{ shape: [2, 5000], draw: 'apart' }],
    attributes: { axes: ints(1) },
  },
  { operator: 'Softmax', what: 'of 5,000', inputs: [x(3, 5000)] },
  { operator: 'LayerNormalization', what: 'of 4,100', inputs: [x(4, 4100), x(4100), x(4100)] },
  {
    operator: 'BatchNormalization',
    what: 'of images',
    inputs: [
      x(6, 5, 20, 21),
      x(5),
      x(5),
      { shape: [5], varied: false },
      { shape: [5], draw: 'positive', varied: false },
    ],
    attributes: { training_mode: { int: 1 }, momentum: { float: 0.7 } },
    outputs: 3,
  },
  { operator: 'Add', what: 'a row of a thousand', inputs: [x(3, 1000), x(1000)] },
  { operator: 'Mul', what: 'a column of a thousand', inputs: [x(1000, 1), x(1, 60)] },
  { operator: 'Transpose', what: 'no multiple of a tile', inputs: [x(45, 70)], attributes: { perm: ints(1, 0) } },
  { operator: 'Transpose', what: 'three axes', inputs: [x(7, 33, 20)], attributes: { perm: ints(2, 0, 1) } },
  {
    operator: 'CumSum',
    what: 'of 700',
    inputs: [x(2, 700)],
    constants: (builder) => [builder.constant('axis', [], BigInt64Array.of(1n), 'int64')],
  },
  {
    operator: 'Concat',
    what: 'twenty inputs',
    inputs: Array.from({ length: 20 }, (_, at) => x(3, 1 + (at % 4))),
    attributes: { axis: { int: 1 } },
  },
  {
    operator: 'Gather',
    what: 'a table asked often',
    inputs: [x(30, 40), { shape: [500], type: 'int64', draw: { below: 30 } }],
    attributes: { axis: { int: 0 } },
  },
  {
    operator: 'MaxPool',
    what: 'a large image',
    inputs: [{ shape: [1, 2, 40, 41], draw: 'apart' }],
    attributes: { kernel_shape: ints(3, 3), strides: ints(2, 2), pads: ints(1, 1, 1, 1) },
  },
];
