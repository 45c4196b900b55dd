import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluatedOperators } from '../../../bench/gradients/evaluator.ts';
import { runOnnx } from '../../../bench/gradients/onnx-run.ts';
import type { Attributes, Dimension, Value } from '../../../shared/graph/graph.ts';
import { GraphBuilder } from '../../../shared/graph/graph-builder.ts';
import { GraphError } from '../../../shared/graph/graph-error.ts';
import { productOf, quotientOf } from '../../../shared/graph/operators/dimensions.ts';
import { broadcastShape, knownOperators } from '../../../shared/graph/operators.ts';
import { randomStream } from '../../../shared/runtime/random.ts';
import { evaluateGraph } from '../../support/graph-evaluator.ts';

/** The shape a use of an operator is said to have, given the shapes of its float inputs. */
function inferred(
  operator: string,
  shapes: readonly (readonly Dimension[])[],
  attributes: Attributes = {},
  others: (b: GraphBuilder) => readonly Value[] = () => [],
): readonly Dimension[] {
  const b = new GraphBuilder('shapes');
  const inputs = shapes.map((shape, index) => b.input(`x${index}`, 'float', shape));
  return b.op(operator, [...inputs, ...others(b)], attributes).shape;
}

const whole =
  (...lists: readonly number[][]) =>
  (b: GraphBuilder): Value[] =>
    lists.map((list) => b.integers('whole', list));

const lengths = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 });

describe('broadcasting', () => {
  it('is symmetric, and gives the shape of an element-wise sum', () => {
    fc.assert(
      fc.property(
        lengths,
        fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
        fc.nat(4),
        fc.nat(4),
        (full, ones, i, j) => {
          const left = full.slice(Math.min(i, full.length)).map((length, axis) => (ones[axis] === true ? 1 : length));
          const right = full
            .slice(Math.min(j, full.length))
            .map((length, axis) => (ones[axis + 4] === true ? 1 : length));
          const both = broadcastShape(left, right);
          expect(broadcastShape(right, left)).toEqual(both);
          const zeros = (shape: number[]) => ({
            shape,
            data: new Float64Array(shape.reduce((product, length) => product * length, 1)),
          });
          const b = new GraphBuilder('sum');
          b.output('y', b.add(b.input('a', 'float', left), b.input('b', 'float', right)));
          const result = evaluateGraph(b.finish(), { a: zeros(left), b: zeros(right) }).y;
          expect(result?.shape).toEqual(both);
        },
      ),
      { seed: 7 },
    );
  });

  it('refuses lengths that differ and are not 1', () => {
    fc.assert(
      fc.property(lengths, fc.nat(3), fc.integer({ min: 2, max: 5 }), (shape, place, more) => {
        fc.pre(shape.length > 0);
        const axis = place % shape.length;
        const own = shape.with(axis, 2);
        expect(() => broadcastShape(own, own.with(axis, 2 + more))).toThrow(GraphError);
      }),
      { seed: 7 },
    );
  });

  it('lets a named length meet itself and 1, and nothing else', () => {
    expect(broadcastShape(['N', 1, 3], [4, 3])).toEqual(['N', 4, 3]);
    expect(broadcastShape(['N', 3], [1, 3])).toEqual(['N', 3]);
    expect(broadcastShape(['N'], ['N'])).toEqual(['N']);
    expect(() => broadcastShape(['N'], [3])).toThrow(expect.objectContaining({ code: 'shape_mismatch' }));
    expect(() => broadcastShape(['N'], ['M'])).toThrow(expect.objectContaining({ code: 'shape_mismatch' }));
  });
});

describe('lengths with names', () => {
  it('multiply and divide', () => {
    const dimension = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom('N', 'M'));
    fc.assert(
      fc.property(fc.array(dimension, { maxLength: 4 }), fc.array(dimension, { maxLength: 4 }), (a, b) => {
        expect(quotientOf([productOf([...a, ...b])], b)).toBe(productOf(a));
      }),
      { seed: 7 },
    );
    expect(productOf([2, 'N', 3, 'M'])).toBe('6*M*N');
    expect(quotientOf(['6*M*N'], [4])).toBeNull();
    expect(quotientOf(['6*M*N'], ['K'])).toBeNull();
  });

  it('pass through the layouts of an exported network', () => {
    expect(inferred('Reshape', [['N', 3, 4]], {}, whole([0, -1]))).toEqual(['N', 12]);
    expect(inferred('Reshape', [['N', 3, 4]], {}, whole([-1, 2]))).toEqual(['6*N', 2]);
    expect(inferred('Reshape', [['6*N', 2]], {}, whole([-1, 3, 4]))).toEqual(['N', 3, 4]);
    expect(inferred('Flatten', [['N', 3, 4]])).toEqual(['N', 12]);
    expect(inferred('Flatten', [['N', 3, 4]], { axis: { int: 2 } })).toEqual(['3*N', 4]);
    expect(inferred('Transpose', [['N', 3, 4]], { perm: { ints: [1, 0, 2] } })).toEqual([3, 'N', 4]);
    expect(
      inferred('MatMul', [
        ['N', 3, 4],
        [4, 5],
      ]),
    ).toEqual(['N', 3, 5]);
    expect(
      inferred('Conv', [
        ['N', 3, 8, 8],
        [6, 3, 3, 3],
      ]),
    ).toEqual(['N', 6, 6, 6]);
    expect(inferred('Slice', [['N', 8]], {}, whole([1], [5], [1]))).toEqual(['N', 4]);
    expect(inferred('Slice', [['N', 8]], {}, whole([0], [2 ** 31 - 1], [0]))).toEqual(['N', 8]);
    expect(() => inferred('Slice', [['N', 8]], {}, whole([0], [2], [0]))).toThrow(GraphError);
    expect(() => inferred('Reshape', [['N', 3]], {}, whole([-1, 2]))).toThrow(GraphError);
  });

  it('are followed through the arithmetic of shapes that exporters write', () => {
    // x.view(x.size(0), x.size(1) * x.size(2)) and x.expand(x.size(0), ...) as PyTorch's exporters write them.
    const b = new GraphBuilder('chain');
    const x = b.input('x', 'float', ['N', 3, 4]);
    const scalar = (index: number): Value => b.constant('i', [], BigInt64Array.of(BigInt(index)), 'int64');
    const lengthOf = (axis: number): Value => b.op('Gather', [b.op('Shape', [x]), scalar(axis)], { axis: { int: 0 } });
    const product = b.op('Mul', [lengthOf(1), lengthOf(2)]);
    const target = b.op('Concat', [b.unsqueeze(lengthOf(0), 0), b.unsqueeze(product, 0)], { axis: { int: 0 } });
    expect(target.dimensions).toEqual(['N', 12]);
    expect(b.op('Reshape', [x, target]).shape).toEqual(['N', 12]);
    expect(b.op('ConstantOfShape', [target]).shape).toEqual(['N', 12]);
    const rows = b.op('Slice', [b.op('Shape', [x]), b.integers('s', [0]), b.integers('e', [1])]);
    expect(
      b.op('Expand', [
        b.input('row', 'float', [1, 5]),
        b.op('Concat', [rows, b.integers('five', [5])], { axis: { int: 0 } }),
      ]).shape,
    ).toEqual(['N', 5]);
    const halved = b.op('Div', [b.op('Shape', [x], { start: { int: 2 } }), b.integers('two', [2])]);
    // Half of 5, the fraction left off.
    expect(b.op('Div', [b.integers('five', [5]), b.integers('two', [2])]).dimensions).toEqual([2]);
    expect(
      b.op('Reshape', [x, b.op('Concat', [rows, b.integers('six', [6]), halved], { axis: { int: 0 } })]).shape,
    ).toEqual(['N', 6, 2]);
  });
});

describe('windows', () => {
  const over = (operator: string, length: number, kernel: number, attributes: Attributes): Dimension =>
    inferred(operator, [[1, 1, length]], { kernel_shape: { ints: [kernel] }, ...attributes }).at(-1) as Dimension;

  it('are counted as PyTorch counts them', () => {
    // torch.nn.functional.max_pool1d(torch.zeros(1, 1, L), k, s, p, ceil_mode=c).shape[-1]
    const pools: readonly (readonly [number, number, number, number, 0 | 1, number])[] = [
      [7, 3, 2, 0, 0, 3],
      [8, 3, 2, 0, 0, 3],
      [8, 3, 2, 0, 1, 4],
      [5, 2, 2, 0, 1, 3],
      [6, 3, 2, 1, 1, 4],
      [5, 3, 3, 1, 0, 2],
    ];
    for (const [length, kernel, stride, pad, up, expected] of pools) {
      const attributes = { strides: { ints: [stride] }, pads: { ints: [pad, pad] }, ceil_mode: { int: up } };
      expect(over('MaxPool', length, kernel, attributes)).toBe(expected);
    }
  });

  it('are refused where onnxruntime contradicts itself', () => {
    const attributes = { strides: { ints: [2] }, ceil_mode: { int: 1 } };
    expect(() => over('MaxPool', 4, 1, attributes)).toThrow(/ceil_mode/);
  });

  it.each([
    [5, 3, 2, 'SAME_UPPER', 3],
    [5, 3, 2, 'SAME_LOWER', 3],
    [5, 3, 2, 'VALID', 2],
    [4, 2, 3, 'SAME_UPPER', 2],
  ] as const)('of %d with a kernel of %d, stride %d and %s', (length, kernel, stride, automatic, expected) => {
    const attributes = { strides: { ints: [stride] }, auto_pad: { string: automatic } };
    expect(over('AveragePool', length, kernel, attributes)).toBe(expected);
  });

  it('of ConvTranspose take an output_shape', () => {
    const attributes = { strides: { ints: [2] }, output_shape: { ints: [7] } };
    expect(
      inferred(
        'ConvTranspose',
        [
          [1, 1, 4],
          [1, 1, 3],
        ],
        attributes,
      ),
    ).toEqual([1, 1, 7]);
    expect(() =>
      inferred(
        'ConvTranspose',
        [
          [1, 1, 4],
          [1, 1, 3],
        ],
        { strides: { ints: [2] }, output_shape: { ints: [20] } },
      ),
    ).toThrow(GraphError);
  });
});

describe('uses that do not fit are refused, naming the operator', () => {
  const image = [2, 4, 5, 5];
  it.each<[string, () => unknown]>([
    [
      'MatMul',
      () =>
        inferred('MatMul', [
          [2, 3],
          [4, 2],
        ]),
    ],
    ['MatMul', () => inferred('MatMul', [[], [2]])],
    ['Gemm', () => inferred('Gemm', [[2, 3], [3, 4], [5]])],
    [
      'Gemm',
      () =>
        inferred('Gemm', [
          [2, 2, 3],
          [3, 4],
        ]),
    ],
    ['Conv', () => inferred('Conv', [image, [3, 2, 3, 3]])],
    ['Conv', () => inferred('Conv', [image, [3, 4, 7, 7]])],
    ['Conv', () => inferred('Conv', [image, [3, 4, 3, 3], [2]])],
    ['Conv', () => inferred('Conv', [image, [3, 2, 3, 3]], { group: { int: 2 } })],
    ['Conv', () => inferred('Conv', [image, [3, 4, 3, 3]], { strides: { ints: [0, 1] } })],
    ['Conv', () => inferred('Conv', [image, [3, 4, 3, 3]], { pads: { ints: [1, 1] } })],
    ['Conv', () => inferred('Conv', [image, [3, 4, 3, 3]], { auto_pad: { string: 'SAME' } })],
    ['MaxPool', () => inferred('MaxPool', [image])],
    ['MaxPool', () => inferred('MaxPool', [[2, 3]], { kernel_shape: { ints: [2] } })],
    ['Reshape', () => inferred('Reshape', [[2, 3]], {}, whole([-1, -1]))],
    ['Reshape', () => inferred('Reshape', [[2, 3]], {}, whole([4, 2]))],
    ['Reshape', () => inferred('Reshape', [[2, 3]], {}, whole([2, 3, 0]))],
    ['Reshape', () => inferred('Reshape', [[6], [2]])],
    ['Transpose', () => inferred('Transpose', [[2, 3]], { perm: { ints: [0, 0] } })],
    ['Squeeze', () => inferred('Squeeze', [[2, 3]], {}, whole([0]))],
    ['Unsqueeze', () => inferred('Unsqueeze', [[2, 3]], {}, whole([4]))],
    [
      'Concat',
      () =>
        inferred(
          'Concat',
          [
            [2, 3],
            [3, 3],
          ],
          { axis: { int: 1 } },
        ),
    ],
    ['Slice', () => inferred('Slice', [[2, 3]], {}, whole([0], [1], [0], [0]))],
    ['Pad', () => inferred('Pad', [[2, 3]], {}, whole([1, 1]))],
    ['Pad', () => inferred('Pad', [[2, 3]], {}, whole([-3, 0, 0, 0]))],
    ['Expand', () => inferred('Expand', [[2, 3]], {}, whole([4, 3]))],
    ['Tile', () => inferred('Tile', [[2, 3]], {}, whole([2]))],
    ['ReduceMean', () => inferred('ReduceMean', [[2, 3]], { axes: { ints: [2] } })],
    ['ReduceMean', () => inferred('ReduceMean', [[2, 3]], { axes: { ints: [0, -2] } })],
    ['Gather', () => inferred('Gather', [[2, 3]], { axis: { int: 2 } }, whole([0]))],
    ['Cast', () => inferred('Cast', [[2]], { to: { int: 8 } })],
    ['Where', () => inferred('Where', [[2], [2], [2]])],
    ['Softmax', () => inferred('Softmax', [[2, 3]], { axis: { int: 2 } })],
    ['PRelu', () => inferred('PRelu', [[3], [2, 3]])],
    ['Clip', () => inferred('Clip', [[3], [3]])],
    ['OneHot', () => inferred('OneHot', [[3]], {}, whole([0], [0, 1]))],
    [
      'GatherND',
      () => inferred('GatherND', [[3]], {}, (b) => [b.constant('i', [1, 2], new BigInt64Array(2), 'int64')]),
    ],
    [
      'ScatterND',
      () =>
        inferred('ScatterND', [[3, 2]], {}, (b) => [
          b.constant('i', [1, 1], new BigInt64Array(1), 'int64'),
          b.constant('u', [2], new Float32Array(2)),
        ]),
    ],
    [
      'ScatterElements',
      () =>
        inferred('ScatterElements', [[3]], {}, (b) => [
          b.integers('i', [0, 1]),
          b.constant('u', [1], new Float32Array(1)),
        ]),
    ],
    ['Add', () => inferred('Add', [[2]])],
    ['Add', () => inferred('Add', [[2], [2], [2]])],
    ['Add', () => inferred('Add', [[2]], {}, (b) => [b.doubles('d', [1, 2])])],
    ['BatchNormalization', () => inferred('BatchNormalization', [[2, 3], [2], [3], [3], [3]])],
    ['LayerNormalization', () => inferred('LayerNormalization', [[2, 3], [2]])],
    [
      'Einsum',
      () =>
        inferred(
          'Einsum',
          [
            [2, 3],
            [4, 2],
          ],
          { equation: { string: 'ij,jk->ik' } },
        ),
    ],
    ['Einsum', () => inferred('Einsum', [[2, 3]], { equation: { string: 'ij->k' } })],
    ['Einsum', () => inferred('Einsum', [[2, 3]], { equation: { string: 'ij->(i)' } })],
  ])('%s', (operator, use) => {
    expect(use).toThrow(
      expect.objectContaining({ code: 'shape_mismatch', message: expect.stringMatching(new RegExp(`^${operator}`)) }),
    );
  });

  it('and so is an operator asked for more outputs than it has', () => {
    const b = new GraphBuilder('outputs');
    const x = b.input('x', 'float', [4, 2]);
    expect(() => b.ops('Add', [x, x], {}, 2)).toThrow(expect.objectContaining({ code: 'shape_mismatch' }));
    expect(() => b.ops('Split', [x], {}, 3)).toThrow(expect.objectContaining({ code: 'shape_mismatch' }));
  });
});

/** Operators without a derivative, or their outputs without one, each built on floats drawn from a seed. */
const forwards: Readonly<Record<string, (b: GraphBuilder, x: Value, y: Value) => readonly Value[]>> = {
  comparisons: (b, x, y) =>
    ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'].map((operator) =>
      b.op(operator, [x, b.op('Abs', [y])]),
    ),
  'truth values': (b, x, y) => {
    const [p, q] = [b.op('Greater', [x, b.scalar(0)]), b.op('Less', [y, b.scalar(0.5)])];
    const nan = b.div(b.sub(x, x), b.mul(b.cast(p, 'float'), b.scalar(1)));
    return [...['And', 'Or', 'Xor'].map((operator) => b.op(operator, [p, q])), b.op('Not', [p]), b.op('IsNaN', [nan])];
  },
  steps: (b, x) => ['Ceil', 'Floor', 'Round', 'Sign'].map((operator) => b.op(operator, [b.mul(x, b.scalar(2))])),
  'halves, rounded to even': (b, x) => [b.op('Round', [b.add(b.op('Floor', [x]), b.scalar(0.5))])],
  'largest and smallest places': (b, x) => [
    b.op('ArgMax', [x], { axis: { int: 1 } }),
    b.op('ArgMin', [x], { axis: { int: 0 }, keepdims: { int: 0 } }),
    b.op('ArgMax', [b.op('Sign', [x])], { axis: { int: -1 }, select_last_index: { int: 1 } }),
  ],
  'one in several': (b, x) => {
    const place = b.op('ArgMax', [x], { axis: { int: 1 }, keepdims: { int: 0 } });
    const values = b.constant('values', [2], Float32Array.of(-1, 2));
    return [0, -1].map((axis) => b.op('OneHot', [place, b.integers('depth', [4]), values], { axis: { int: axis } }));
  },
  'whole numbers': (b, x) => {
    const numbers = b.cast(b.mul(x, b.scalar(10)), 'int64');
    const three = b.integers('three', [3]);
    return ['Add', 'Sub', 'Mul', 'Div', 'Mod', 'Min', 'Max'].map((operator) => b.op(operator, [numbers, three]));
  },
  remainders: (b, x, y) => [b.op('Mod', [x, b.op('Abs', [y])], { fmod: { int: 1 } })],
  'product of an axis': (b, x) => [b.op('ReduceProd', [x], { axes: { ints: [1] } })],
  shapes: (b, x) => [
    b.op('Shape', [x]),
    b.op('Shape', [x], { start: { int: -1 } }),
    b.op('Size', [x]),
    b.op('ConstantOfShape', [b.op('Shape', [x])], {
      value: { tensor: { name: 'v', type: 'int64', shape: [1], constant: BigInt64Array.of(7n) } },
    }),
  ],
  ranges: (b) => {
    const number = (value: number): Value => b.constant('n', [], BigInt64Array.of(BigInt(value)), 'int64');
    return [b.op('Range', [number(2), number(11), number(3)]), b.op('Range', [number(3), number(-2), number(-2)])];
  },
  constants: (b) => [
    b.op('Constant', [], {
      value: { tensor: { name: 'v', type: 'float', shape: [2], constant: Float32Array.of(3, 4) } },
    }),
  ],
  'places of a pool': (b, x) =>
    b.ops('MaxPool', [b.op('Reshape', [x, b.integers('s', [1, 3, 4])])], { kernel_shape: { ints: [2] } }, 2),
  'running means': (b, x) => {
    const four = (hint: string, ...values: number[]): Value => b.constant(hint, [4], Float32Array.from(values));
    const state = [four('s', 1, 2, 3, 4), four('b', 0, 1, 0, 1), four('m', 1, 2, 3, 4), four('v', 1, 1, 2, 2)];
    return b.ops('BatchNormalization', [x, ...state], { training_mode: { int: 1 }, momentum: { float: 0.75 } }, 3);
  },
  'mean and deviation of a layer': (b, x) =>
    b.ops('LayerNormalization', [x, b.constant('s', [4], Float32Array.of(1, 2, 3, 4))], {}, 3),
  'kept by dropout': (b, x) => b.ops('Dropout', [x], {}, 2),
  scan: (b, x) => {
    const inside = new GraphBuilder('body');
    const sum = inside.input('sum', 'float', [4]);
    const row = inside.input('row', 'float', [4]);
    const next = inside.add(sum, row);
    inside.output('next', next);
    inside.output('square', inside.mul(next, row));
    const body = { graph: inside.finish() };
    const start = b.constant('start', [4], new Float32Array(4));
    return b.ops('Scan', [start, x], { body, num_scan_inputs: { int: 1 } }, 2);
  },
};

describe('operators without a derivative', () => {
  it.each(Object.keys(forwards))('%s are what onnxruntime makes of them', async (title) => {
    const b = new GraphBuilder('forward');
    const inputs = [b.input('x', 'float', [3, 4]), b.input('y', 'float', [3, 4])] as const;
    const results = forwards[title]?.(b, ...inputs) ?? [];
    for (const [index, result] of results.entries()) {
      b.output(`result/${index}`, result.type === 'float' ? result : b.cast(result, 'float'));
    }
    const stream = randomStream(5, 'forwards', title);
    const drawn = () => ({
      shape: [3, 4],
      data: Float64Array.from({ length: 12 }, () => Math.fround(stream.normal())),
    });
    const graph = b.finish();
    const feeds = { x: drawn(), y: drawn() };
    const exact = evaluateGraph(graph, feeds);
    const single = await runOnnx(graph, feeds);
    expect(Object.keys(single)).toHaveLength(results.length);
    for (const [name, { data }] of Object.entries(exact)) {
      const found = Array.from(single[name] ?? []);
      expect(found, name).toHaveLength(data.length);
      for (const [index, value] of data.entries()) expect(found[index], `${name}[${index}]`).toBeCloseTo(value, 5);
    }
  });

  it('are all known to the evaluator, as are the others', () => {
    expect(knownOperators().filter((operator) => !evaluatedOperators().includes(operator))).toEqual([]);
  });
});
