import { describe, expect, it } from 'vitest';
import { gradientCases, laterOperators } from '../../../bench/gradients/cases.ts';
import { compareGradients } from '../../../bench/gradients/comparison.ts';
import { runOnnx } from '../../../bench/gradients/onnx-run.ts';
import { randomCases, randomOperators } from '../../../bench/gradients/random-cases.ts';
import type { Graph, Value } from '../../../shared/graph/graph.ts';
import { GraphBuilder } from '../../../shared/graph/graph-builder.ts';
import { gradients } from '../../../shared/graph/reverse-mode.ts';
import { halfBits } from '../../../shared/graph/vector-jacobian/numbers.ts';
import { differentiableOperators } from '../../../shared/graph/vector-jacobian.ts';
import { randomStream } from '../../../shared/runtime/random.ts';
import { evaluateGraph } from '../../support/graph-evaluator.ts';

const operators = [...new Set(gradientCases.map(({ operator }) => operator))].sort();

describe('gradients equal central differences in float64, and onnxruntime in float32', () => {
  it.each(operators)('%s', async (operator) => {
    for (const one of gradientCases.filter((own) => own.operator === operator)) {
      const { centralDifferences, onnxForward, onnxGradient } = await compareGradients(one, 3);
      expect(centralDifferences, one.title).toBeLessThan(1e-7);
      expect(onnxForward, one.title).toBeLessThan(1e-5);
      expect(onnxGradient, one.title).toBeLessThan(1e-5);
    }
  });

  it.each(randomOperators)('%s of random shapes', async (operator) => {
    for (const one of randomCases(operator, 4, 2)) {
      const { centralDifferences, onnxForward, onnxGradient } = await compareGradients(one, 1);
      expect(centralDifferences, one.title).toBeLessThan(1e-7);
      expect(onnxForward, one.title).toBeLessThan(1e-5);
      expect(onnxGradient, one.title).toBeLessThan(1e-5);
    }
  });

  it('has cases for every operator with a derivative', () => {
    expect(operators).toEqual([...differentiableOperators(), ...laterOperators].sort());
  });
});

/** The gradient of Σ r w, w = 1, 2, 3, ..., by the first input of an operator at given numbers. */
function gradientAt(
  shape: readonly number[],
  numbers: readonly number[],
  apply: (b: GraphBuilder, x: Value) => Value,
): { graph: Graph; inputs: { x: { shape: readonly number[]; data: Float64Array } } } {
  const b = new GraphBuilder('at');
  const x = b.input('x', 'float', shape);
  const result = apply(b, x);
  const lengths = result.shape.map(Number);
  const size = lengths.reduce((product, length) => product * length, 1);
  const weights = b.constant(
    'weights',
    lengths,
    Float32Array.from({ length: size }, (_, index) => index + 1),
  );
  const [gradient] = gradients(b, b.sum(b.mul(result, weights)), [x]);
  b.output('gradient', gradient as Value);
  return { graph: b.finish(), inputs: { x: { shape, data: Float64Array.from(numbers) } } };
}

async function expectGradient(
  shape: readonly number[],
  numbers: readonly number[],
  apply: (b: GraphBuilder, x: Value) => Value,
  expected: readonly number[],
): Promise<void> {
  const { graph, inputs } = gradientAt(shape, numbers, apply);
  // -0 and 0 are one number here.
  const plain = (values: Iterable<number>): number[] => Array.from(values, (value) => value + 0);
  expect(plain(evaluateGraph(graph, inputs).gradient?.data ?? [])).toEqual(expected);
  expect(plain((await runOnnx(graph, inputs)).gradient ?? [])).toEqual(expected);
}

const window = { kernel_shape: { ints: [2] }, strides: { ints: [1] } };

describe('where a function has a corner', () => {
  it('MaxPool gives all to the first of equal elements', async () => {
    // Windows (2 2), (2 2), (2 1) with weights 1, 2, 3.
    await expectGradient([1, 1, 4], [2, 2, 2, 1], (b, x) => b.op('MaxPool', [x], window), [1, 2, 3, 0]);
    // Windows (1 5), (5 5), (5 0).
    await expectGradient([1, 1, 4], [1, 5, 5, 0], (b, x) => b.op('MaxPool', [x], window), [0, 3, 3, 0]);
    const tiled = { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] } };
    await expectGradient(
      [1, 1, 2, 4],
      [0, 0, 3, 3, 0, 0, 3, 3],
      (b, x) => b.op('MaxPool', [x], tiled),
      [1, 0, 2, 0, 0, 0, 0, 0],
    );
  });

  it('ReduceMax and GlobalMaxPool give equal parts to equal elements', async () => {
    const last = { axes: { ints: [1] }, keepdims: { int: 0 } };
    await expectGradient([2, 3], [4, 4, 1, 0, 7, 2], (b, x) => b.op('ReduceMax', [x], last), [0.5, 0.5, 0, 0, 2, 0]);
    await expectGradient(
      [2, 3],
      [4, 1, 1, 0, 0, 3],
      (b, x) => b.op('ReduceMin', [x], { axes: { ints: [1] } }),
      [0, 0.5, 0.5, 1, 1, 0],
    );
    await expectGradient([1, 1, 4], [3, 3, 3, 3], (b, x) => b.op('GlobalMaxPool', [x]), [0.25, 0.25, 0.25, 0.25]);
  });

  it('Max of two equal numbers gives half to each', async () => {
    await expectGradient([3], [1, 0, -1], (b, x) => b.op('Max', [x, b.scalar(0)]), [1, 1, 0]);
  });

  it.each([
    // f at -1, 0, 1 with weights 1, 2, 3.
    ['Relu', {}, [-1, 0, 1], [0, 0, 3]],
    ['Abs', {}, [-1, 0, 1], [-1, 0, 3]],
    ['LeakyRelu', { alpha: { float: 0.25 } }, [-1, 0, 1], [0.25, 0.5, 3]],
    ['Elu', { alpha: { float: 0.5 } }, [-20, 0, 1], [0, 1, 3]],
    ['HardSigmoid', { alpha: { float: 0.5 }, beta: { float: 0.5 } }, [-1, 0, 1], [0, 1, 0]],
    ['HardSwish', {}, [-4, 0, 4], [0, 1, 3]],
  ] as const)('%s has the slope PyTorch gives it', async (operator, attributes, at, expected) => {
    const { graph, inputs } = gradientAt([3], at, (b, x) => b.op(operator, [x], attributes));
    for (const [index, value] of (await runOnnx(graph, inputs)).gradient?.entries() ?? []) {
      expect(value).toBeCloseTo(expected[index] as number, 6);
    }
    expect(evaluateGraph(graph, inputs).gradient?.data).toHaveLength(3);
  });

  it('Clip passes the gradient at its bounds', async () => {
    await expectGradient(
      [5],
      [-2, -1, 0, 1, 2],
      (b, x) => b.op('Clip', [x, b.scalar(-1), b.scalar(1)]),
      [0, 2, 3, 4, 0],
    );
  });

  it('Pow and ReduceL2 stay finite at 0', async () => {
    await expectGradient([3], [0, -1, 2], (b, x) => b.op('Pow', [x, b.scalar(0)]), [0, 0, 0]);
    await expectGradient([3], [0, -1, 2], (b, x) => b.op('Pow', [x, b.scalar(2)]), [0, -4, 12]);
    const exponents = (b: GraphBuilder): Value => b.constant('exponents', [3], Float32Array.of(0, 1, 2));
    await expectGradient([3], [0, 0, 3], (b, x) => b.op('Pow', [x, exponents(b)]), [0, 2, 18]);
    await expectGradient([2], [0, 0], (b, x) => b.op('ReduceL2', [x]), [0, 0]);
  });
});

describe('empty tensors', () => {
  it.each([
    ['Mul', (b: GraphBuilder, x: Value) => b.mul(x, x)],
    ['ReduceSum', (b: GraphBuilder, x: Value) => b.sum(x, [0])],
    ['Gemm', (b: GraphBuilder, x: Value) => b.gemm(x, b.constant('w', [3, 2], new Float32Array(6)))],
    [
      'Reshape',
      (b: GraphBuilder, x: Value) => b.op('Reshape', [x, b.integers('s', [3, 0])], { allowzero: { int: 1 } }),
    ],
    [
      'Slice',
      (b: GraphBuilder, x: Value) =>
        b.op('Slice', [x, b.integers('s', [0]), b.integers('e', [2]), b.integers('a', [1])]),
    ],
    ['Concat', (b: GraphBuilder, x: Value) => b.op('Concat', [x, x], { axis: { int: 1 } })],
  ])('%s of no rows has a gradient of no rows', async (_, apply) => {
    const { graph, inputs } = gradientAt([0, 3], [], apply);
    expect((await runOnnx(graph, inputs)).gradient).toHaveLength(0);
    expect(graph.outputs[0]?.shape).toEqual([0, 3]);
  });

  it('Slice of nothing gives zeros', async () => {
    const nothing = (b: GraphBuilder, x: Value): Value =>
      b.op('Slice', [x, b.integers('s', [2]), b.integers('e', [2])]);
    await expectGradient([3], [1, 2, 3], nothing, [0, 0, 0]);
  });
});

describe('half precision', () => {
  it('rounds constants to the nearest half, ties to even', () => {
    // Expected: numpy.float16(x).view(numpy.uint16) of each.
    const expected: [number, number][] = [
      [0, 0x0000],
      [-0, 0x8000],
      [1, 0x3c00],
      [-2, 0xc000],
      [0.1, 0x2e66],
      [65504, 0x7bff],
      [65519, 0x7bff],
      [65520, 0x7c00],
      [1e9, 0x7c00],
      [6.1e-5, 0x03ff],
      [5.96e-8, 0x0001],
      [2.98e-8, 0x0000],
      [2 ** -25, 0x0000],
      [3 * 2 ** -25, 0x0002],
      [1 + 2 ** -11, 0x3c00],
      [1 + 3 * 2 ** -11, 0x3c02],
      [Number.POSITIVE_INFINITY, 0x7c00],
      [Number.NaN, 0x7e00],
    ];
    for (const [number, bits] of expected) expect(halfBits(number), String(number)).toBe(bits);
  });

  it('is differentiated in half precision, up to the cast', async () => {
    const build = (type: 'float' | 'float16'): { graph: Graph; products: string[] } => {
      const b = new GraphBuilder('half');
      const x = b.input('x', 'float', [2, 3]);
      const w = b.constant('w', [3, 2], Float32Array.of(1, 2, -0.5, 1, 3, -1));
      const [half, weight] = type === 'float' ? [x, w] : [b.cast(x, type), b.cast(w, type)];
      const result = b.op('Gemm', [b.op('Tanh', [half]), weight]);
      const loss = b.sum(b.cast(b.mul(result, result), 'float'));
      b.output('gradient', gradients(b, loss, [x])[0] as Value);
      const products = b.nodes.filter(({ operator }) => operator === 'Gemm');
      return { graph: b.finish(), products: products.map(({ outputs }) => outputs[0]?.type ?? '') };
    };
    const inputs = { x: { shape: [2, 3], data: Float64Array.of(0.5, -1, 0.25, 0.75, 1, -0.5) } };
    const { graph, products } = build('float16');
    expect(products).toEqual(['float16', 'float16']);
    const half = await runOnnx(graph, inputs);
    const single = await runOnnx(build('float').graph, inputs);
    // A half has 11 bits: 2^-11 of the largest, some operators on.
    for (const [index, value] of single.gradient?.entries() ?? []) {
      expect(Math.abs((half.gradient?.[index] as number) - value)).toBeLessThan(0.02);
    }
  });
});

describe('an embedding', () => {
  it('adds up the gradients of a row in one order, whatever the threads', async () => {
    const b = new GraphBuilder('embedding');
    const [rows, width, uses] = [3, 16, 20_000];
    const table = b.input('table', 'float', [rows, width]);
    const weights = b.input('weights', 'float', [uses, width]);
    const indices = b.constant(
      'indices',
      [uses],
      BigInt64Array.from({ length: uses }, (_, use) => BigInt(use % rows)),
      'int64',
    );
    const [gradient] = gradients(b, b.sum(b.mul(b.op('Gather', [table, indices]), weights)), [table]);
    b.output('gradient', gradient as Value);
    const stream = randomStream(2, 'embedding');
    const drawn = Float64Array.from({ length: uses * width }, () => Math.fround(stream.normal()));
    // One after another in float32, as the rows come.
    const expected = new Float32Array(rows * width);
    for (const [index, value] of drawn.entries()) {
      const place = (Math.floor(index / width) % rows) * width + (index % width);
      expected[place] = (expected[place] as number) + value;
    }
    const inputs = {
      table: { shape: [rows, width], data: new Float64Array(rows * width) },
      weights: { shape: [uses, width], data: drawn },
    };
    const graph = b.finish();
    for (let run = 0; run < 3; run++) expect((await runOnnx(graph, inputs, 4)).gradient).toEqual(expected);
  });
});

describe('a use without a derivative is refused by the operator’s name', () => {
  it.each([
    ['Floor', (b: GraphBuilder, x: Value) => b.op('Floor', [x])],
    ['ReduceProd', (b: GraphBuilder, x: Value) => b.op('ReduceProd', [x])],
    [
      'ScatterND',
      (b: GraphBuilder, x: Value) => {
        const one = b.constant('one', [1, 1], BigInt64Array.of(1n), 'int64');
        const update = b.constant('update', [1, 3], new Float32Array(3));
        return b.op('ScatterND', [x, one, update], { reduction: { string: 'mul' } });
      },
    ],
    [
      'Einsum',
      (b: GraphBuilder, x: Value) =>
        b.op('Einsum', [b.gemm(x, x, undefined, { b: true })], { equation: { string: 'ii->i' } }),
    ],
    [
      'Dropout',
      (b: GraphBuilder, x: Value) =>
        b.op('Dropout', [x, b.scalar(0.5), b.constant('training', [], Uint8Array.of(1), 'bool')]),
    ],
    [
      'BatchNormalization',
      (b: GraphBuilder, x: Value) => {
        const ones = b.constant('ones', [3], new Float32Array(3).fill(1));
        const training = { training_mode: { int: 1 } };
        return b.ops('BatchNormalization', [x, ones, ones, ones, ones], training, 3)[1] as Value;
      },
    ],
  ])('%s', (operator, apply) => {
    const b = new GraphBuilder('refused');
    const x = b.input('x', 'float', [2, 3]);
    const loss = b.sum(apply(b, x));
    expect(() => gradients(b, loss, [x])).toThrow(
      expect.objectContaining({ code: 'not_differentiable', details: expect.objectContaining({ operator }) }),
    );
  });
});
