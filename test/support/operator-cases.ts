import type { Attributes, ElementType, Value } from '../../shared/graph/graph.ts';
import { GraphBuilder } from '../../shared/graph/graph-builder.ts';
import { elementTypes } from '../../shared/graph/onnx-file.ts';
import { randomStream } from '../../shared/runtime/random.ts';

/** One input of a case: its numbers are drawn, or given. */
export interface CaseInput {
  readonly shape: readonly number[];
  readonly type?: ElementType;
  /** `apart`: no two are equal or near 0, so that a small step crosses no kink. Normal when absent. */
  readonly draw?: 'normal' | 'positive' | 'apart' | 'boolean' | { readonly below: number };
  /** Whether gradients by it are compared; floats are when absent. */
  readonly varied?: boolean;
}

/** One way of using an operator. */
export interface OperatorCase {
  readonly operator: string;
  /** What is special about it. */
  readonly what: string;
  readonly inputs: readonly CaseInput[];
  /** Inputs after the drawn ones: shapes, axes and the like. */
  readonly constants?: (builder: GraphBuilder) => Value[];
  readonly attributes?: Attributes;
  readonly outputs?: number;
  /** Of another form than one operator. */
  readonly build?: (builder: GraphBuilder, values: readonly Value[]) => Value[];
  /** False where the operator has no useful derivative. */
  readonly smooth?: boolean;
}

export interface BuiltCase {
  readonly builder: GraphBuilder;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly feeds: ReadonlyMap<
    string,
    { readonly shape: readonly number[]; readonly data: Float32Array | BigInt64Array | Uint8Array }
  >;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

function drawn(input: CaseInput, index: number, seed: number): Float32Array | BigInt64Array | Uint8Array {
  const stream = randomStream(seed, 'case', index);
  const length = sizeOf(input.shape);
  const draw = input.draw ?? 'normal';
  if (typeof draw === 'object') {
    const integers = BigInt64Array.from({ length }, () => BigInt(Math.floor(stream.uniform() * draw.below)));
    return input.type === 'float' ? Float32Array.from(integers, Number) : integers;
  }
  if (draw === 'boolean') return Uint8Array.from({ length }, () => Number(stream.uniform() < 0.5));
  if (draw === 'positive') return Float32Array.from({ length }, () => 0.3 + 2 * stream.uniform());
  if (draw === 'apart') {
    const places = Array.from({ length }, (_, at) => at).sort(() => stream.uniform() - 0.5);
    return Float32Array.from(places, (place) => (place - length / 2 + 0.5) * (4 / length));
  }
  return Float32Array.from({ length }, () => stream.normal());
}

/** The case as a graph, with numbers for its inputs. */
export function builtCase(one: OperatorCase, seed = 5): BuiltCase {
  const builder = new GraphBuilder('case');
  const inputs = one.inputs.map((input, index) => builder.input(`input${index}`, input.type ?? 'float', input.shape));
  const values = [...inputs, ...(one.constants?.(builder) ?? [])];
  const outputs =
    one.build?.(builder, values) ?? builder.ops(one.operator, values, one.attributes ?? {}, one.outputs ?? 1);
  const feeds = new Map(
    one.inputs.map(
      (input, index) => [`input${index}`, { shape: input.shape, data: drawn(input, index, seed) }] as const,
    ),
  );
  return { builder, inputs, outputs, feeds };
}

const x = (...shape: number[]): CaseInput => ({ shape });
const apart = (...shape: number[]): CaseInput => ({ shape, draw: 'apart' });
const positive = (...shape: number[]): CaseInput => ({ shape, draw: 'positive' });
const booleans = (...shape: number[]): CaseInput => ({ shape, type: 'bool', draw: 'boolean' });
const indices = (below: number, ...shape: number[]): CaseInput => ({ shape, type: 'int64', draw: { below } });
const ints = (...values: number[]) => ({ ints: values });
const integers =
  (...lists: number[][]) =>
  (builder: GraphBuilder): Value[] =>
    lists.map((list) => builder.integers('list', list));
const each = (
  operators: readonly string[],
  what: string,
  inputs: readonly CaseInput[],
  smooth = true,
): OperatorCase[] => operators.map((operator) => ({ operator, what, inputs, smooth }));

/** Every operator that both engines run, in the forms that differ. */
export const operatorCases: readonly OperatorCase[] = [
  ...['equal shapes', 'broadcast right', 'broadcast left', 'broadcast both', 'a scalar'].flatMap((what, index) => {
    const shapes: [number[], number[]][] = [
      [
        [3, 4],
        [3, 4],
      ],
      [
        [2, 3, 4],
        [3, 1],
      ],
      [[4], [2, 3, 4]],
      [
        [2, 1, 4],
        [3, 1],
      ],
      [[2, 3], []],
    ];
    const [a, b] = shapes[index] as [number[], number[]];
    return [
      ...each(['Add', 'Sub', 'Mul', 'Min', 'Max'], what, [b.length === 0 ? apart(...a) : x(...a), apart(...b)]),
      ...each(['Div', 'Pow'], what, [positive(...a), positive(...b)]),
      ...each(['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'], what, [x(...a), x(...b)], false),
      ...each(['And', 'Or', 'Xor'], what, [booleans(...a), booleans(...b)], false),
    ];
  }),
  ...each(['Max', 'Min', 'Sum', 'Mean'], 'three inputs', [x(2, 3), x(3), x(2, 1)]),
  { operator: 'Pow', what: 'a square of negative numbers', inputs: [x(3, 4)], constants: (b) => [b.scalar(2)] },
  { operator: 'Add', what: 'integers', inputs: [indices(9, 3), indices(9, 3)], smooth: false },
  { operator: 'Equal', what: 'integers', inputs: [indices(3, 9), indices(3, 9)], smooth: false },
  { operator: 'Mod', what: 'integers', inputs: [indices(9, 6)], constants: integers([4]), smooth: false },
  ...each(['Neg', 'Exp', 'Tanh', 'Sigmoid', 'Softplus', 'Erf', 'Identity', 'Sin', 'Cos'], 'values of either sign', [
    x(3, 5),
  ]),
  ...each(
    ['Abs', 'Relu', 'LeakyRelu', 'Elu', 'Selu', 'Celu', 'Softsign', 'HardSwish', 'HardSigmoid'],
    'values of either sign',
    [apart(4, 5)],
  ),
  ...each(['Sign', 'Floor', 'Ceil', 'Round'], 'values of either sign', [apart(4, 5)], false),
  ...each(['Sqrt', 'Log', 'Reciprocal'], 'positive values', [positive(3, 5)]),
  { operator: 'LeakyRelu', what: 'another slope', inputs: [apart(4, 5)], attributes: { alpha: { float: 0.3 } } },
  { operator: 'Elu', what: 'another alpha', inputs: [apart(4, 5)], attributes: { alpha: { float: 0.7 } } },
  {
    operator: 'HardSigmoid',
    what: 'another line',
    inputs: [apart(4, 5)],
    attributes: { alpha: { float: 0.4 }, beta: { float: 0.3 } },
  },
  { operator: 'PRelu', what: 'a slope a channel', inputs: [apart(2, 3, 4), x(3, 1)] },
  { operator: 'Not', what: 'truth values', inputs: [booleans(3, 4)], smooth: false },
  { operator: 'IsNaN', what: 'numbers', inputs: [x(3, 4)], smooth: false },
  { operator: 'Clip', what: 'both ends', inputs: [apart(4, 5)], constants: (b) => [b.scalar(-0.73), b.scalar(1.11)] },
  { operator: 'Clip', what: 'the lower end', inputs: [apart(4, 5)], constants: (b) => [b.scalar(0.21)] },
  { operator: 'Where', what: 'equal shapes', inputs: [booleans(3, 4), x(3, 4), x(3, 4)] },
  { operator: 'Where', what: 'all broadcast', inputs: [booleans(3, 1), x(2, 1, 4), x(3, 4)] },
  {
    operator: 'Cast',
    what: 'to integers',
    inputs: [apart(3, 4)],
    attributes: { to: { int: elementTypes.int64 } },
    smooth: false,
  },
  {
    operator: 'Cast',
    what: 'from truth values',
    inputs: [booleans(3, 4)],
    attributes: { to: { int: elementTypes.float } },
    smooth: false,
  },
  {
    operator: 'Cast',
    what: 'to truth values',
    inputs: [x(3, 4)],
    attributes: { to: { int: elementTypes.bool } },
    smooth: false,
  },

  ...[
    'ReduceMean',
    'ReduceProd',
    'ReduceSumSquare',
    'ReduceL1',
    'ReduceL2',
    'ReduceLogSumExp',
    'ReduceMax',
    'ReduceMin',
  ].flatMap((operator): OperatorCase[] => [
    { operator, what: 'one axis', inputs: [apart(3, 4, 2)], attributes: { axes: ints(1), keepdims: { int: 0 } } },
    { operator, what: 'two axes kept', inputs: [apart(3, 4, 2)], attributes: { axes: ints(-1, 0) } },
    { operator, what: 'all', inputs: [apart(3, 4)], attributes: { keepdims: { int: 0 } } },
  ]),
  {
    operator: 'ReduceSum',
    what: 'one axis',
    inputs: [x(3, 4, 2)],
    constants: integers([1]),
    attributes: { keepdims: { int: 0 } },
  },
  { operator: 'ReduceSum', what: 'two axes kept', inputs: [x(3, 4, 2)], constants: integers([-1, 0]) },
  { operator: 'ReduceSum', what: 'all', inputs: [x(3, 4)], attributes: { keepdims: { int: 0 } } },
  ...[-1, 0, 1].flatMap((axis) =>
    ['Softmax', 'LogSoftmax'].map(
      (operator): OperatorCase => ({
        operator,
        what: `axis ${axis}`,
        inputs: [x(3, 4, 5)],
        attributes: { axis: { int: axis } },
      }),
    ),
  ),
  {
    operator: 'ArgMax',
    what: 'last axis dropped',
    inputs: [apart(3, 4)],
    attributes: { axis: { int: -1 }, keepdims: { int: 0 } },
    smooth: false,
  },
  {
    operator: 'ArgMin',
    what: 'first axis kept',
    inputs: [apart(3, 4)],
    attributes: { axis: { int: 0 } },
    smooth: false,
  },
  {
    operator: 'CumSum',
    what: 'forward',
    inputs: [x(3, 4)],
    constants: (b) => [b.constant('axis', [], BigInt64Array.of(1n), 'int64')],
  },
  {
    operator: 'CumSum',
    what: 'backward, exclusive',
    inputs: [x(3, 4)],
    constants: (b) => [b.constant('axis', [], BigInt64Array.of(0n), 'int64')],
    attributes: { exclusive: { int: 1 }, reverse: { int: 1 } },
  },

  { operator: 'MatMul', what: 'two matrices', inputs: [x(3, 4), x(4, 2)] },
  { operator: 'MatMul', what: 'stacks of matrices', inputs: [x(2, 3, 4, 5), x(2, 3, 5, 2)] },
  { operator: 'MatMul', what: 'one matrix on the right', inputs: [x(2, 3, 4), x(4, 5)] },
  { operator: 'MatMul', what: 'one matrix on the left', inputs: [x(3, 4), x(2, 4, 5)] },
  { operator: 'MatMul', what: 'leading axes broadcast', inputs: [x(2, 1, 3, 4), x(3, 4, 2)] },
  { operator: 'MatMul', what: 'a vector on the left', inputs: [x(4), x(2, 4, 3)] },
  { operator: 'MatMul', what: 'a vector on the right', inputs: [x(2, 3, 4), x(4)] },
  { operator: 'Gemm', what: 'plain', inputs: [x(3, 4), x(4, 2)] },
  { operator: 'Gemm', what: 'with a bias', inputs: [x(3, 4), x(4, 2), x(2)] },
  {
    operator: 'Gemm',
    what: 'transposed, scaled',
    inputs: [x(4, 3), x(2, 4), x(3, 1)],
    attributes: { transA: { int: 1 }, transB: { int: 1 }, alpha: { float: 0.7 }, beta: { float: 1.3 } },
  },
  ...['ij,jk->ik', 'bij,bkj->bik', 'bhid,bhjd->bhij', 'ij,ij->', 'ijk->kj', 'ij->j'].map((equation): OperatorCase => {
    const lengths: Record<string, number> = { b: 2, h: 3, i: 4, j: 5, k: 3, d: 2 };
    const inputs = (equation.split('->')[0] as string)
      .split(',')
      .map((term) => x(...[...term].map((axis) => lengths[axis] as number)));
    return { operator: 'Einsum', what: equation, inputs, attributes: { equation: { string: equation } } };
  }),

  { operator: 'Reshape', what: 'with 0 and -1', inputs: [x(2, 3, 4)], constants: integers([0, -1]) },
  { operator: 'Flatten', what: 'axis 2', inputs: [x(2, 3, 4, 5)], attributes: { axis: { int: 2 } } },
  { operator: 'Transpose', what: 'given order', inputs: [x(2, 3, 4)], attributes: { perm: ints(2, 0, 1) } },
  { operator: 'Transpose', what: 'reversed', inputs: [x(2, 3, 4)] },
  {
    operator: 'Transpose',
    what: 'seven axes, laid flat',
    inputs: [x(1, 3, 1, 2, 2, 3, 2)],
    build: (b, [value]) => {
      const moved = b.op('Transpose', [value as Value], { perm: ints(5, 3, 4, 2, 0, 6, 1) });
      return [b.op('Reshape', [moved, ...integers([72])(b)])];
    },
  },
  { operator: 'Squeeze', what: 'two axes', inputs: [x(1, 3, 1, 2)], constants: integers([0, -2]) },
  { operator: 'Unsqueeze', what: 'two axes', inputs: [x(3, 2)], constants: integers([0, -1]) },
  { operator: 'Expand', what: 'to more axes', inputs: [x(3, 1)], constants: integers([2, 1, 4]) },
  { operator: 'Tile', what: 'two axes', inputs: [x(2, 3)], constants: integers([2, 3]) },
  {
    operator: 'Concat',
    what: 'three along the last axis',
    inputs: [x(2, 3), x(2, 1), x(2, 2)],
    attributes: { axis: { int: -1 } },
  },
  {
    operator: 'Split',
    what: 'given sizes',
    inputs: [x(2, 6)],
    constants: integers([1, 3, 2]),
    attributes: { axis: { int: 1 } },
    outputs: 3,
  },
  { operator: 'Split', what: 'equal parts', inputs: [x(6, 2)], outputs: 3 },
  { operator: 'Slice', what: 'both axes', inputs: [x(5, 6)], constants: integers([1, -4], [4, 9], [0, 1]) },
  { operator: 'Slice', what: 'steps', inputs: [x(5, 7)], constants: integers([0, 6], [5, -8], [0, 1], [2, -2]) },
  { operator: 'Slice', what: 'backwards from the middle', inputs: [x(3, 9)], constants: integers([6], [0], [1], [-2]) },
  { operator: 'Pad', what: 'zeros', inputs: [x(2, 3)], constants: integers([1, 0, 2, 3]) },
  {
    operator: 'Pad',
    what: 'a number',
    inputs: [x(2, 3)],
    constants: (b) => [...integers([0, 2, 1, 0])(b), b.scalar(1.5)],
  },
  {
    operator: 'Pad',
    what: 'reflected',
    inputs: [x(3, 4)],
    constants: integers([1, 2, 2, 3]),
    attributes: { mode: { string: 'reflect' } },
  },
  {
    operator: 'Pad',
    what: 'edges repeated',
    inputs: [x(3, 4)],
    constants: integers([1, 2, 2, 3]),
    attributes: { mode: { string: 'edge' } },
  },
  { operator: 'Gather', what: 'rows, several times', inputs: [x(4, 3), indices(4, 2, 5)] },
  { operator: 'Gather', what: 'a later axis', inputs: [x(2, 5, 3), indices(5, 4)], attributes: { axis: { int: 1 } } },
  {
    operator: 'Gather',
    what: 'one index',
    inputs: [x(4, 3)],
    constants: (b) => [b.constant('index', [], BigInt64Array.of(-1n), 'int64')],
  },
  {
    operator: 'GatherElements',
    what: 'the last axis',
    inputs: [x(3, 4), indices(4, 3, 2)],
    attributes: { axis: { int: 1 } },
  },
  { operator: 'GatherND', what: 'pairs', inputs: [x(3, 4, 2), indices(3, 5, 2)] },
  {
    operator: 'ScatterElements',
    what: 'added',
    inputs: [x(3, 4), indices(4, 3, 2), x(3, 2)],
    attributes: { axis: { int: 1 }, reduction: { string: 'add' } },
  },
  {
    operator: 'ScatterElements',
    what: 'laid over',
    inputs: [x(3, 4)],
    constants: (b) => [
      b.constant('places', [3, 2], BigInt64Array.of(0n, 2n, 1n, -1n, 3n, 0n), 'int64'),
      b.constant('updates', [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6)),
    ],
    attributes: { axis: { int: 1 } },
  },
  {
    operator: 'ScatterND',
    what: 'added',
    inputs: [x(3, 4, 2), indices(3, 5, 2), x(5, 2)],
    attributes: { reduction: { string: 'add' } },
  },
  { operator: 'Trilu', what: 'lower', inputs: [x(2, 4, 4)], attributes: { upper: { int: 0 } } },
  {
    operator: 'OneHot',
    what: 'the last axis',
    inputs: [indices(4, 2, 3)],
    constants: (b) => [
      b.constant('depth', [], BigInt64Array.of(4n), 'int64'),
      b.constant('values', [2], Float32Array.of(-0.5, 2)),
    ],
    smooth: false,
  },
  {
    operator: 'Shape',
    what: 'and a reshape by it',
    inputs: [x(2, 3), x(3, 2)],
    build: (b, [one, two]) => [b.op('Reshape', [one as Value, b.op('Shape', [two as Value])])],
  },
  {
    operator: 'Size',
    what: 'as a float',
    inputs: [x(2, 3)],
    build: (b, [one]) => [b.cast(b.op('Size', [one as Value]), 'float')],
    smooth: false,
  },
  {
    operator: 'ConstantOfShape',
    what: 'of a number',
    inputs: [x(2, 3)],
    build: (b, [one]) => [
      b.add(
        one as Value,
        b.op('ConstantOfShape', [b.integers('shape', [2, 3])], {
          value: { tensor: b.constant('fill', [1], Float32Array.of(2.5)) },
        }),
      ),
    ],
  },

  { operator: 'Dropout', what: 'in use', inputs: [x(3, 4)] },
  {
    operator: 'Range',
    what: 'of integers',
    inputs: [x(4)],
    build: (b, [one]) => [
      b.add(
        one as Value,
        b.cast(
          b.op(
            'Range',
            [0, 4, 1].map((number) => b.constant('bound', [], BigInt64Array.of(BigInt(number)), 'int64')),
          ),
          'float',
        ),
      ),
    ],
  },
  {
    operator: 'Constant',
    what: 'of floats',
    inputs: [x(2, 2)],
    build: (b, [one]) => [
      b.mul(one as Value, b.op('Constant', [], { value: { tensor: b.constant('held', [2], Float32Array.of(2, -3)) } })),
    ],
  },
  {
    operator: 'Where',
    what: 'a condition that depends on a variable',
    inputs: [apart(3, 4)],
    build: (b, [one]) => [
      b.op('Where', [
        b.op('Greater', [one as Value, b.scalar(0.1)]),
        b.mul(one as Value, one as Value),
        b.neg(one as Value),
      ]),
    ],
  },

  ...convolutionCases(),
  ...poolCases(),
  { operator: 'BatchNormalization', what: 'in use', inputs: [x(3, 4, 5), x(4), x(4), x(4), positive(4)] },
  {
    operator: 'BatchNormalization',
    what: 'in training',
    inputs: [x(5, 4, 3, 2), x(4), x(4), x(4), positive(4)].map((input, index) =>
      index < 3 ? input : { ...input, varied: false },
    ),
    attributes: { training_mode: { int: 1 }, momentum: { float: 0.8 }, epsilon: { float: 1e-3 } },
    outputs: 3,
  },
  {
    operator: 'BatchNormalization',
    what: 'of rows',
    inputs: [x(6, 4), x(4), x(4), x(4), positive(4)].map((input, index) =>
      index < 3 ? input : { ...input, varied: false },
    ),
    attributes: { training_mode: { int: 1 } },
    outputs: 3,
  },
  { operator: 'LayerNormalization', what: 'the last axis', inputs: [x(3, 2, 6), x(6), x(6)] },
  {
    operator: 'LayerNormalization',
    what: 'two axes',
    inputs: [x(3, 2, 4), x(2, 4), x(2, 4)],
    attributes: { axis: { int: 1 }, epsilon: { float: 1e-2 } },
  },
  { operator: 'InstanceNormalization', what: 'images', inputs: [x(2, 3, 4, 3), x(3), x(3)] },
  {
    operator: 'InstanceNormalization',
    what: 'series',
    inputs: [x(2, 3, 7), x(3), x(3)],
    attributes: { epsilon: { float: 1e-3 } },
  },
];

function convolutionCases(): OperatorCase[] {
  const one = (
    what: string,
    shape: number[],
    weight: number[],
    attributes: Attributes = {},
    bias = true,
  ): OperatorCase => ({
    operator: 'Conv',
    what,
    inputs: [x(...shape), x(...weight), ...(bias ? [x(weight[0] as number)] : [])],
    attributes,
  });
  const back = (
    what: string,
    shape: number[],
    weight: number[],
    groups: number,
    attributes: Attributes = {},
  ): OperatorCase => ({
    operator: 'ConvTranspose',
    what,
    inputs: [x(...shape), x(...weight), x((weight[1] as number) * groups)],
    attributes: { ...attributes, ...(groups === 1 ? {} : { group: { int: groups } }) },
  });
  return [
    one('1-D', [2, 3, 9], [4, 3, 3]),
    one('1-D, dilated, causal', [2, 3, 9], [4, 3, 3], { dilations: ints(2), pads: ints(4, 0) }),
    one('1-D, strides', [2, 3, 10], [4, 3, 3], { strides: ints(2), pads: ints(1, 1) }),
    one('2-D', [2, 3, 6, 5], [4, 3, 3, 3], {}, false),
    one('2-D, padded', [2, 3, 6, 5], [4, 3, 3, 3], { pads: ints(1, 1, 1, 1) }),
    one('2-D, strides, unequal padding', [2, 3, 7, 6], [4, 3, 3, 2], { strides: ints(2, 3), pads: ints(0, 1, 2, 0) }),
    one('2-D, dilated', [2, 3, 7, 8], [4, 3, 3, 3], { dilations: ints(2, 1), pads: ints(2, 1, 2, 1) }),
    one('2-D, dilated and strides', [2, 3, 9, 8], [4, 3, 3, 3], {
      dilations: ints(2, 2),
      strides: ints(2, 2),
      pads: ints(1, 1, 1, 1),
    }),
    one('2-D, one place', [2, 3, 4, 5], [4, 3, 1, 1]),
    one('2-D, one place, strides', [2, 3, 5, 5], [4, 3, 1, 1], { strides: ints(2, 2) }),
    one('2-D, groups', [2, 4, 5, 5], [6, 2, 3, 3], { group: { int: 2 }, pads: ints(1, 1, 1, 1) }),
    one('2-D, a filter a channel', [2, 3, 6, 5], [6, 1, 3, 3], { group: { int: 3 }, strides: ints(2, 1) }),
    one('2-D, same size', [2, 3, 6, 5], [4, 3, 3, 2], { auto_pad: { string: 'SAME_UPPER' }, strides: ints(2, 2) }),
    back('1-D', [2, 3, 5], [3, 4, 3], 1),
    back('1-D, strides', [2, 3, 5], [3, 4, 3], 1, { strides: ints(2), pads: ints(1, 1), output_padding: ints(1) }),
    back('1-D, groups', [2, 4, 5], [4, 1, 3], 2),
    back('2-D', [2, 3, 4, 3], [3, 4, 3, 2], 1),
    back('2-D, strides, padding, dilations', [2, 3, 4, 3], [3, 2, 3, 3], 1, {
      strides: ints(2, 2),
      pads: ints(1, 0, 1, 1),
      dilations: ints(1, 2),
      output_padding: ints(1, 0),
    }),
    back('2-D, groups', [2, 4, 3, 3], [4, 3, 2, 2], 2, { strides: ints(2, 2) }),
  ];
}

function poolCases(): OperatorCase[] {
  const one = (operator: string, what: string, shape: number[], attributes: Attributes): OperatorCase => ({
    operator,
    what,
    inputs: [apart(...shape)],
    attributes,
  });
  return ['MaxPool', 'AveragePool']
    .flatMap((operator) => [
      one(operator, '1-D', [2, 3, 8], { kernel_shape: ints(2), strides: ints(2) }),
      one(operator, '2-D', [2, 3, 6, 6], { kernel_shape: ints(2, 2), strides: ints(2, 2) }),
      one(operator, '2-D, overlapping, padded', [2, 3, 7, 5], {
        kernel_shape: ints(3, 3),
        strides: ints(2, 1),
        pads: ints(1, 1, 1, 1),
      }),
      one(operator, '2-D, a rest', [1, 2, 6, 5], {
        kernel_shape: ints(3, 2),
        strides: ints(2, 2),
        ceil_mode: { int: 1 },
      }),
    ])
    .concat([
      one('AveragePool', 'padding counted', [2, 3, 5, 5], {
        kernel_shape: ints(3, 3),
        pads: ints(1, 1, 1, 1),
        count_include_pad: { int: 1 },
      }),
      one('MaxPool', 'dilated', [2, 3, 8, 7], { kernel_shape: ints(2, 3), dilations: ints(3, 2) }),
      {
        operator: 'MaxPool',
        what: 'with places',
        inputs: [apart(2, 3, 7, 5)],
        attributes: { kernel_shape: ints(3, 3), strides: ints(2, 1), pads: ints(1, 1, 1, 1) },
        outputs: 2,
      },
      one('GlobalAveragePool', 'images', [2, 3, 4, 5], {}),
      one('GlobalMaxPool', 'series', [2, 3, 6], {}),
    ]);
}
