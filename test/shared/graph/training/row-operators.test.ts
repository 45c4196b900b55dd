import { describe, expect, it } from 'vitest';
import type { Attributes, Value } from '../../../../shared/graph/graph.ts';
import { GraphBuilder } from '../../../../shared/graph/graph-builder.ts';
import { gradients } from '../../../../shared/graph/reverse-mode.ts';
import { compactGraph } from '../../../../shared/graph/training/compact-graph.ts';
import { clippedSum } from '../../../../shared/graph/training/row-clipping.ts';
import { randomStream } from '../../../../shared/runtime/random.ts';
import { evaluateGraph, type Float64Tensor } from '../../../support/graph-evaluator.ts';
import { runOnnx } from '../../../support/run-onnx.ts';
import { clippedRowSum } from './clipped-row-sum.ts';
import { inDoubles } from './row-feeds.ts';

const rows = 4;

type Make = (b: GraphBuilder, x: Value, tensors: Record<string, Value>) => Value;

interface Case {
  readonly title: string;
  /** Of one row. */
  readonly x: readonly number[];
  readonly tensors: Readonly<Record<string, readonly number[]>>;
  readonly make: Make;
  /** Values of x; standard normal when absent. */
  readonly draw?: (normal: () => number) => number;
}

const size = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);
const shaped = (b: GraphBuilder, value: Value, shape: readonly number[]): Value =>
  b.op('Reshape', [value, b.integers('shape', shape)]);
const turned = (b: GraphBuilder, value: Value, perm: readonly number[]): Value =>
  b.op('Transpose', [value], { perm: { ints: perm } });
const at = (tensors: Record<string, Value>, name: string): Value => tensors[name] as Value;
const ints = (numbers: readonly number[]) => ({ ints: numbers });
const even = (b: GraphBuilder, count: number, value: number): Value =>
  b.constant('even', [count], new Float32Array(count).fill(value));
/** An operator on x and the tensors w and v where there are such. */
const plain =
  (operator: string, attributes: Attributes = {}): Make =>
  (b, x, { w, v }) =>
    b.op(operator, [x, ...(w === undefined ? [] : [w]), ...(v === undefined ? [] : [v])], attributes);
/** x times what is made of w, and a second use of w by itself. */
const through =
  (make: (b: GraphBuilder, w: Value) => Value): Make =>
  (b, x, tensors) =>
    b.mul(x, b.op('Tanh', [make(b, at(tensors, 'w'))]));

const cases: readonly Case[] = [
  ...['Add', 'Sub', 'Mul', 'Div', 'Max'].flatMap((operator) => [
    { title: `${operator}, one number a column`, x: [3], tensors: { w: [3] }, make: plain(operator) },
    { title: `${operator}, one number`, x: [2, 3], tensors: { w: [] }, make: plain(operator) },
  ]),
  {
    title: 'Div by x',
    x: [3],
    tensors: { w: [3] },
    make: (b, x, t) => b.div(at(t, 'w'), b.add(b.mul(x, x), b.scalar(1))),
  },
  {
    title: 'Pow by a trained exponent',
    x: [3],
    tensors: { w: [3] },
    make: (b, x, t) => b.op('Pow', [b.op('Exp', [x]), at(t, 'w')]),
  },
  { title: 'PRelu', x: [3, 5], tensors: { w: [3, 1] }, make: plain('PRelu') },
  {
    title: 'Where',
    x: [3],
    tensors: { w: [3] },
    make: (b, x, t) => b.op('Where', [b.op('Greater', [x, b.scalar(0)]), x, at(t, 'w')]),
  },
  {
    title: 'Gemm with everything',
    x: [3],
    tensors: { w: [2, 3], v: [2] },
    make: plain('Gemm', { transB: { int: 1 }, alpha: { float: 0.5 }, beta: { float: 2 } }),
  },
  {
    title: 'Gemm of x turned',
    x: [3],
    tensors: { w: [3, 2], v: [1, 2] },
    make: (b, x, t) => b.op('Gemm', [turned(b, x, [1, 0]), at(t, 'w'), at(t, 'v')], { transA: { int: 1 } }),
  },
  ...[0, 1].map((transA) => ({
    title: `Gemm with the tensor on the left, transA ${transA}`,
    x: [3],
    tensors: { w: transA === 0 ? [2, 3] : [3, 2] },
    make: ((b, x, t) =>
      turned(b, b.op('Gemm', [at(t, 'w'), x], { transA: { int: transA }, transB: { int: 1 } }), [1, 0])) satisfies Make,
  })),
  { title: 'MatMul of few steps', x: [2, 6], tensors: { w: [6, 5] }, make: plain('MatMul') },
  { title: 'MatMul of many steps', x: [5, 2], tensors: { w: [2, 3] }, make: plain('MatMul') },
  { title: 'MatMul by a vector', x: [5, 2], tensors: { w: [2] }, make: plain('MatMul') },
  {
    title: 'MatMul with time first',
    x: [5, 2],
    tensors: { w: [2, 3] },
    make: (b, x, t) => turned(b, b.op('MatMul', [turned(b, x, [1, 0, 2]), at(t, 'w')]), [1, 0, 2]),
  },
  {
    title: 'MatMul of rows and steps made one',
    x: [5, 2],
    tensors: { w: [2, 3], v: [3] },
    make: (b, x, t) => shaped(b, b.add(b.op('MatMul', [shaped(b, x, [-1, 2]), at(t, 'w')]), at(t, 'v')), [-1, 5, 3]),
  },
  {
    title: 'MatMul of steps and rows made one, the steps first',
    x: [5, 2],
    tensors: { w: [2, 3], v: [3] },
    make: (b, x, t) => {
      const together = shaped(b, turned(b, x, [1, 0, 2]), [-1, 2]);
      const made = b.add(b.op('MatMul', [together, at(t, 'w')]), at(t, 'v'));
      return turned(b, shaped(b, made, [5, -1, 3]), [1, 0, 2]);
    },
  },
  {
    title: 'MatMul with the tensor on the left',
    x: [3, 5],
    tensors: { w: [2, 3] },
    make: (b, x, t) => b.op('MatMul', [at(t, 'w'), x]),
  },
  { title: 'MatMul by one matrix a head', x: [2, 5, 3], tensors: { w: [2, 3, 4] }, make: plain('MatMul') },
  {
    title: 'MatMul of one matrix a head on the left',
    x: [2, 5, 3],
    tensors: { w: [2, 4, 5] },
    make: (b, x, t) => b.op('MatMul', [at(t, 'w'), x]),
  },
  {
    title: 'MatMul by a stack, rows next to last',
    x: [3],
    tensors: { w: [2, 3, 4] },
    make: (b, x, t) => turned(b, b.op('MatMul', [x, at(t, 'w')]), [1, 0, 2]),
  },
  {
    title: 'Einsum',
    x: [5, 3],
    tensors: { w: [3, 4] },
    make: plain('Einsum', { equation: { string: 'nik,kj->nji' } }),
  },
  {
    title: 'Gather of entries that repeat in a row, some counted from the end',
    x: [6],
    tensors: { w: [4, 3] },
    draw: (normal) => Math.floor(2 * normal()) % 4,
    make: (b, x, t) => b.op('Gather', [at(t, 'w'), b.cast(x, 'int64')], { axis: { int: 0 } }),
  },
  {
    title: 'Gather of single numbers',
    x: [2],
    tensors: { w: [4] },
    draw: (normal) => Math.floor(2 * normal()) % 4,
    make: (b, x, t) => b.op('Gather', [at(t, 'w'), b.cast(x, 'int32')], { axis: { int: 0 } }),
  },
  {
    title: 'Conv, one axis, strides and dilation',
    x: [2, 11],
    tensors: { w: [3, 2, 3], v: [3] },
    make: plain('Conv', { strides: ints([2]), dilations: ints([2]), pads: ints([3, 1]) }),
  },
  {
    title: 'Conv, two axes, groups',
    x: [4, 5, 6],
    tensors: { w: [6, 2, 3, 2], v: [6] },
    make: plain('Conv', { group: { int: 2 }, strides: ints([1, 2]), pads: ints([1, 0, 1, 1]) }),
  },
  {
    title: 'Conv, a channel a group',
    x: [3, 7],
    tensors: { w: [3, 1, 2] },
    make: plain('Conv', { group: { int: 3 } }),
  },
  {
    title: 'ConvTranspose',
    x: [4, 5],
    tensors: { w: [4, 3, 3], v: [3] },
    make: plain('ConvTranspose', { strides: ints([2]), pads: ints([1, 0]), output_padding: ints([1]) }),
  },
  {
    title: 'ConvTranspose, groups',
    x: [4, 3, 4],
    tensors: { w: [4, 3, 2, 2], v: [6] },
    make: plain('ConvTranspose', { group: { int: 2 } }),
  },
  {
    title: 'LayerNormalization of several steps',
    x: [5, 4],
    tensors: { w: [4], v: [4] },
    make: plain('LayerNormalization'),
  },
  {
    title: 'LayerNormalization of two axes',
    x: [5, 4],
    tensors: { w: [5, 4], v: [5, 4] },
    make: plain('LayerNormalization', { axis: { int: 1 } }),
  },
  {
    title: 'InstanceNormalization',
    // A power of two, whose reciprocal float32 holds.
    x: [3, 4],
    tensors: { w: [3], v: [3] },
    make: plain('InstanceNormalization', { epsilon: { float: 2 ** -16 } }),
  },
  {
    title: 'BatchNormalization with fixed statistics',
    x: [3, 5],
    tensors: { w: [3], v: [3] },
    make: (b, x, t) => b.op('BatchNormalization', [x, at(t, 'w'), at(t, 'v'), even(b, 3, 0.3), even(b, 3, 2)]),
  },
  {
    title: 'Expand of a token to every row, joined before the steps',
    x: [3, 2],
    tensors: { w: [1, 1, 2] },
    make: (b, x, t) => {
      const count = b.op('Slice', [b.op('Shape', [x]), b.integers('from', [0]), b.integers('to', [1])]);
      const shape = b.op('Concat', [count, b.integers('rest', [1, 2])], { axis: { int: 0 } });
      return b.op('Concat', [b.op('Expand', [at(t, 'w'), shape]), x], { axis: { int: 1 } });
    },
  },
  {
    title: 'a tensor used twice',
    x: [3],
    tensors: { w: [3, 3] },
    make: (b, x, t) => b.gemm(b.op('Tanh', [b.gemm(x, at(t, 'w'))]), at(t, 'w'), undefined, { b: true }),
  },
  {
    title: 'adapters',
    x: [3],
    tensors: { w: [3, 4], a: [3, 2], c: [2, 4] },
    make: (b, x, t) => b.gemm(x, b.sub(at(t, 'w'), b.mul(b.gemm(at(t, 'a'), at(t, 'c')), b.scalar(1.5)))),
  },
  {
    title: 'adapters turned',
    x: [3],
    tensors: { a: [3, 2], c: [2, 4] },
    make: (b, x, t) => b.gemm(x, turned(b, b.gemm(at(t, 'c'), at(t, 'a'), undefined, { a: true, b: true }), [1, 0])),
  },
  {
    title: 'a product with a stack of matrices',
    x: [2, 3],
    tensors: { w: [2, 3, 4], v: [4, 3] },
    make: (b, x, t) =>
      b.mul(
        x,
        b.op('ReduceMax', [b.op('MatMul', [at(t, 'w'), at(t, 'v')])], { axes: ints([1]), keepdims: { int: 0 } }),
      ),
  },
  {
    title: 'Gemm of tensors with everything',
    x: [2],
    tensors: { w: [3, 2], v: [3, 4], c: [2, 1] },
    make: (b, x, t) =>
      b.op('MatMul', [
        x,
        b.op('Gemm', [at(t, 'w'), at(t, 'v'), at(t, 'c')], {
          transA: { int: 1 },
          alpha: { float: 0.5 },
          beta: { float: 3 },
        }),
      ]),
  },
  {
    title: 'rows of two convolutions apart',
    x: [2, 6],
    tensors: { w: [2, 2, 3] },
    make: (b, x, t) => b.add(b.op('Conv', [x, at(t, 'w')]), b.op('Conv', [b.op('Tanh', [x]), at(t, 'w')])),
  },
  ...Object.entries({
    Softplus: (b: GraphBuilder, w: Value) => b.op('Softplus', [w]),
    Clip: (b: GraphBuilder, w: Value) => b.op('Clip', [w, b.scalar(-0.5), b.scalar(0.5)]),
    'Mul by itself': (b: GraphBuilder, w: Value) => b.mul(w, w),
    'Mul with its sum': (b: GraphBuilder, w: Value) => b.mul(w, b.sum(w)),
    'Div by a row of it': (b: GraphBuilder, w: Value) =>
      b.div(w, b.op('Exp', [b.op('Gather', [w, b.integers('i', [1])], { axis: { int: 0 } })])),
    Softmax: (b: GraphBuilder, w: Value) => b.op('Softmax', [w], { axis: { int: 0 } }),
    LogSoftmax: (b: GraphBuilder, w: Value) => b.op('LogSoftmax', [w]),
    ReduceMean: (b: GraphBuilder, w: Value) => b.sub(w, b.op('ReduceMean', [w], { axes: ints([-1]) })),
    'ReduceSum of all': (b: GraphBuilder, w: Value) => b.add(w, b.sum(w)),
    Transpose: (b: GraphBuilder, w: Value) => turned(b, shaped(b, turned(b, w, [1, 0]), [3, 2]), [1, 0]),
    Squeeze: (b: GraphBuilder, w: Value) => b.squeeze(b.unsqueeze(w, 1), 1),
    'Concat of parts': (b: GraphBuilder, w: Value) =>
      b.op('Concat', b.ops('Split', [w], { axis: { int: 1 } }, 3).toReversed(), { axis: { int: 1 } }),
    'Split, one part unused': (b: GraphBuilder, w: Value) => b.ops('Split', [w], { axis: { int: 1 } }, 3)[1] as Value,
    Slice: (b: GraphBuilder, w: Value) =>
      b.op('Slice', [w, b.integers('s', [2]), b.integers('e', [-9]), b.integers('a', [-1]), b.integers('p', [-1])]),
    Pad: (b: GraphBuilder, w: Value) =>
      b.op('Slice', [
        b.op('Pad', [w, b.integers('p', [0, 1, 0, 0]), b.scalar(0)]),
        b.integers('s', [0]),
        b.integers('e', [3]),
        b.integers('a', [1]),
      ]),
    Expand: (b: GraphBuilder, w: Value) =>
      b.op('Expand', [b.op('ReduceMax', [w], { axes: ints([0]) }), b.integers('shape', [2, 3])]),
    Flatten: (b: GraphBuilder, w: Value) => shaped(b, b.op('Flatten', [w], { axis: { int: 0 } }), [2, 3]),
  }).map(([title, make]) => ({
    title: `a tensor through ${title}`,
    x: [2, 3],
    tensors: { w: [2, 3] },
    make: through(make),
  })),
];

/** Losses of rows that give every element of the result a gradient of its own. */
function lossesOf(make: Make, x: Value, tensors: Record<string, Value>, b: GraphBuilder): Value {
  const result = make(b, x, tensors);
  const [count, ...rest] = result.shape as number[];
  const weights = b.constant(
    'weights',
    rest,
    Float32Array.from({ length: size(rest) }, (_, k) => 0.5 + ((7 * k) % 5)),
  );
  const weighed = shaped(b, b.mul(b.op('Tanh', [result]), weights), [count as number, -1]);
  return b.sum(weighed, [1]);
}

function build(one: Case, count: number) {
  const b = new GraphBuilder('rows');
  const x = b.input('x', 'float', [count, ...one.x]);
  const tensors = Object.fromEntries(
    Object.entries(one.tensors).map(([name, shape]) => [name, b.input(name, 'float', shape)]),
  );
  return { b, x, tensors, losses: lossesOf(one.make, x, tensors, b) };
}

describe('gradients of rows, all at once, are those of each row alone', () => {
  it.each(cases)('$title', async (one) => {
    const stream = randomStream(6, one.title);
    const drawn = (shape: readonly number[], draw = (normal: () => number): number => normal()) => ({
      shape,
      data: Float32Array.from({ length: size(shape) }, () => draw(() => stream.normal())),
    });
    const feeds = {
      x: drawn([rows, ...one.x], one.draw),
      ...Object.fromEntries(Object.entries(one.tensors).map(([name, shape]) => [name, drawn(shape)])),
    };
    const names = Object.keys(one.tensors);

    const alone = build(one, 1);
    const found = gradients(alone.b, alone.b.sum(alone.losses), Object.values(alone.tensors));
    for (const [index, name] of names.entries()) alone.b.output(`gradient/${name}`, found[index] as Value);
    const single = compactGraph(alone.b.finish());
    const width = size(one.x);
    const each = Array.from({ length: rows }, (_, row) =>
      evaluateGraph(
        single,
        inDoubles({ ...feeds, x: { shape: [1, ...one.x], data: feeds.x.data.slice(row * width, (row + 1) * width) } }),
      ),
    );
    const norms = each.map((tensors) =>
      Math.hypot(...names.flatMap((name) => [...(tensors[`gradient/${name}`] as Float64Tensor).data])),
    );
    expect(Math.max(...norms)).toBeGreaterThan(0.01);
    // Between the norms, and above those of rows without any gradient.
    const most = Math.fround(Math.max([...norms].sort((a, b) => a - b)[1] as number, 0.2 * Math.max(...norms)));

    const { b, x, tensors, losses } = build(one, rows);
    const clipped = clippedRowSum(b, { losses, inputs: [x], random: [], variables: Object.values(tensors) }, most);
    b.output('norms', clipped.norms);
    for (const [index, name] of names.entries()) b.output(`sum/${name}`, clipped.sums[index] as Value);
    const graph = compactGraph(b.finish());
    const exact = evaluateGraph(graph, inDoubles(feeds));
    const inFloats = await runOnnx(graph, feeds);
    const scale = 1 + Math.max(...norms);
    for (const [row, norm] of norms.entries()) {
      expect(Math.abs((exact.norms?.data[row] as number) - norm) / scale, `norm of row ${row}`).toBeLessThan(1e-9);
      expect(Math.abs((inFloats.norms?.data[row] as number) - norm) / scale, `norm of row ${row}`).toBeLessThan(1e-5);
    }
    for (const name of names) {
      for (const [index, value] of (exact[`sum/${name}`] as Float64Tensor).data.entries()) {
        const expected = each.reduce(
          (total, own, row) =>
            total + ((own[`gradient/${name}`]?.data[index] as number) * most) / Math.max(most, norms[row] as number),
          0,
        );
        expect(Math.abs(value - expected) / scale, `${name}[${index}]`).toBeLessThan(1e-9);
        expect(
          Math.abs((inFloats[`sum/${name}`]?.data[index] as number) - expected) / scale,
          `${name}[${index}]`,
        ).toBeLessThan(1e-5);
      }
    }
  });
});

describe('what mixes rows is refused, by the name of the operator', () => {
  const attempts: readonly [string, Make][] = [
    ['Softmax', (b, x, t) => b.op('Softmax', [b.mul(x, at(t, 'w'))], { axis: { int: 0 } })],
    ['ReduceMean', (b, x, t) => b.sub(x, b.op('ReduceMean', [b.mul(x, at(t, 'w'))], { axes: ints([0]) }))],
    ['MatMul', (b, x, t) => b.op('MatMul', [x, turned(b, b.mul(x, at(t, 'w')), [1, 0])])],
    ['Gemm', (b, x, t) => b.gemm(b.mul(x, at(t, 'w')), x, undefined, { b: true })],
    [
      'Slice',
      (b, x, t) =>
        b.op('Slice', [b.mul(x, at(t, 'w')), b.integers('s', [1]), b.integers('e', [3]), b.integers('a', [0])]),
    ],
    [
      'CumSum',
      (b, x, t) => b.op('CumSum', [b.mul(x, at(t, 'w')), b.constant('axis', [], BigInt64Array.of(0n), 'int64')]),
    ],
    ['Concat', (b, x, t) => b.op('Concat', [b.mul(x, at(t, 'w')), x], { axis: { int: 0 } })],
    ['Reshape', (b, x, t) => shaped(b, b.mul(x, at(t, 'w')), [3, 4])],
    ['Einsum', (b, x, t) => b.op('Einsum', [x, at(t, 'w')], { equation: { string: 'nk,k->k' } })],
    [
      'BatchNormalization',
      (b, x, t) =>
        b.op('BatchNormalization', [x, at(t, 'w'), even(b, 3, 0), even(b, 3, 0), even(b, 3, 1)], {
          training_mode: { int: 1 },
        }),
    ],
  ];

  it.each(attempts)('%s', (operator, make) => {
    const b = new GraphBuilder('mixed');
    const x = b.input('x', 'float', [rows, 3]);
    const w = b.input('w', 'float', [3]);
    const result = make(b, x, { w });
    const losses = b.sum(shaped(b, result, [result.shape[0] as number, -1]), [1]);
    expect(() => clippedRowSum(b, { losses, inputs: [x], random: [], variables: [w] }, 1)).toThrow(
      expect.objectContaining({ code: 'mixes_rows', details: expect.objectContaining({ operator }) }),
    );
  });

  it('random values of rows upon a tensor without rows', () => {
    const b = new GraphBuilder('random');
    const x = b.input('x', 'float', [rows, 3]);
    const random = b.input('random', 'float', [rows, 3]);
    const w = b.input('w', 'float', [3]);
    const losses = b.sum(b.mul(b.mul(w, random), x), [1]);
    expect(() => clippedRowSum(b, { losses, inputs: [x], random: ['random'], variables: [w] }, 1)).toThrow(
      expect.objectContaining({ code: 'mixes_rows' }),
    );
  });

  it('a tensor the losses do not depend on has a gradient of zero', async () => {
    const b = new GraphBuilder('unused');
    const x = b.input('x', 'float', [rows, 3]);
    const w = b.input('w', 'float', [3]);
    const losses = b.sum(x, [1]);
    const { sums, norms } = clippedRowSum(b, { losses, inputs: [x], random: [], variables: [w] }, 1);
    b.output('sum', sums[0] as Value);
    b.output('norms', norms);
    const ones = { shape: [rows, 3], data: new Float32Array(3 * rows).fill(1) };
    const found = await runOnnx(b.finish(), { x: ones, w: { shape: [3], data: Float32Array.of(1, 2, 3) } });
    expect(Array.from(found.sum?.data ?? [])).toEqual([0, 0, 0]);
    expect(Array.from(found.norms?.data ?? [])).toEqual([0, 0, 0, 0]);
  });
});

describe('no row adds more than the bound', () => {
  /** One row: a sum of outer products a ⊗ g, its norm being what such a matrix's would be. */
  async function clippedRow(left: readonly number[][], right: readonly number[][], most: number) {
    const b = new GraphBuilder('products');
    const shaped = (name: string, value: readonly number[][]) =>
      b.input(name, 'float', [1, value.length, value[0]?.length ?? 0]);
    const [a, g] = [shaped('left', left), shaped('right', right)];
    const w = b.input('w', 'float', [left[0]?.length ?? 0, right[0]?.length ?? 0]);
    const { sums, norms, clipped } = clippedSum(b, [{ products: [{ left: a, right: g }], full: null }], {
      variables: [w],
      rows: 1,
      most,
    });
    b.output('sum', b.add(sums[0] as Value, b.mul(w, b.scalar(0))));
    b.output('norms', norms);
    b.output('clipped', clipped);
    const fed = ({ shape }: Value, value: readonly number[][]) => ({
      shape: shape as number[],
      data: Float32Array.from(value.flat()),
    });
    const feeds = {
      left: fed(a, left),
      right: fed(g, right),
      w: {
        shape: w.shape as number[],
        data: new Float32Array(w.shape.reduce<number>((size, length) => size * (length as number), 1)),
      },
    };
    const { sum, ...found } = await runOnnx(b.finish(), feeds);
    return {
      added: Math.hypot(...(sum?.data ?? [])),
      norm: found.norms?.data[0] as number,
      clipped: found.clipped?.data[0],
    };
  }
  const stream = randomStream(4, 'products');
  const drawn = (count: number, size: number): number[] =>
    Array.from({ length: count }, () => Math.fround(size * stream.normal()));

  it.each([1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 0])(
    'where the parts of a gradient cancel but for %s of them',
    async (left) => {
      for (let draw = 0; draw < 12; draw++) {
        const a = drawn(12, 3e3);
        const g = drawn(12, 3e3);
        // Two steps of a series that see the same values, with gradients that are each other's opposite, nearly.
        const { added, norm } = await clippedRow([a, a], [g, g.map((x) => Math.fround(-x * (1 + left)))], 1);
        expect(added).toBeLessThan(1.01);
        expect(norm).toBeGreaterThanOrEqual(0.99 * left * Math.hypot(...a) * Math.hypot(...g));
        // What cancels in full is no gradient, and stays none but for rounding.
        if (left === 0) expect(added).toBeLessThan(1e-3);
      }
    },
  );

  it('a norm beyond float32 is no number to clip by: nothing finite comes of it', async () => {
    const ones = drawn(12, 1);
    const huge = ones.map((x) => x * 1e25);
    for (const [a, g] of [
      [[huge], [ones]],
      [
        [huge, huge],
        [ones, ones.map((x) => -x)],
      ],
      [
        [huge, ones],
        [ones.map((x) => x * 1e-30), ones],
      ],
    ] as const) {
      const { added, norm, clipped } = await clippedRow(
        a.map((x) => [...x]),
        g.map((x) => [...x]),
        1,
      );
      expect(norm).not.toBeLessThan(Number.POSITIVE_INFINITY);
      expect(added).not.toBeLessThan(Number.POSITIVE_INFINITY);
      expect(clipped).toBe(1);
    }
  });
});
