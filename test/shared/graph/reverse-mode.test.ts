import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { modelTensors } from '../../../shared/graph/families.ts';
import type { Dimension, Graph, Value } from '../../../shared/graph/graph.ts';
import { GraphBuilder } from '../../../shared/graph/graph-builder.ts';
import { meanLoss, withPenalty } from '../../../shared/graph/losses.ts';
import { forward } from '../../../shared/graph/network.ts';
import { encodeOnnx } from '../../../shared/graph/onnx-file.ts';
import { gradients } from '../../../shared/graph/reverse-mode.ts';
import { differentiableOperators } from '../../../shared/graph/vector-jacobian.ts';
import { type RandomStream, randomStream } from '../../../shared/runtime/random.ts';
import { multiclassPlan, regressionPlan } from '../../support/families.ts';
import { evaluateGraph, type Float64Tensor } from '../../support/graph-evaluator.ts';
import { heartPlan } from '../../support/plans.ts';

const batch = 5;

function concrete(shape: readonly Dimension[]): number[] {
  return shape.map((length) => (typeof length === 'number' ? length : batch));
}

/** Values that float32 holds exactly, so that both evaluations see the same numbers. */
function draw(shape: readonly Dimension[], stream: RandomStream): Float64Tensor {
  const sizes = concrete(shape);
  const size = sizes.reduce((product, length) => product * length, 1);
  return { shape: sizes, data: Float64Array.from({ length: size }, () => Math.fround(1.5 * stream.normal() + 0.1)) };
}

async function runOnnx(graph: Graph, inputs: Record<string, Float64Tensor>): Promise<Record<string, Float32Array>> {
  const session = await InferenceSession.create(encodeOnnx(graph));
  const feeds = Object.fromEntries(
    graph.inputs.map(({ name }) => {
      const { shape, data } = inputs[name] as Float64Tensor;
      return [name, new Tensor('float32', Float32Array.from(data), shape)];
    }),
  );
  const results = await session.run(feeds);
  await session.release();
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]));
}

/**
 * Central differences of the float64 loss (step 1e-5, so an error of about 1e-9) against the derived gradient graph, evaluated
 * in float64 (to 1e-7) and by onnxruntime in float32 (to 1e-5), each relative to 1 + the largest gradient.
 */
async function checkGradients(graph: Graph, variables: readonly string[], inputs: Record<string, Float64Tensor>) {
  const exact = evaluateGraph(graph, inputs);
  const single = await runOnnx(graph, inputs);
  const lossAt = (changed: Record<string, Float64Tensor>): number =>
    (evaluateGraph(graph, changed).loss as Float64Tensor).data[0] as number;
  expect(single.loss?.[0]).toBeCloseTo(exact.loss?.data[0] as number, 4);
  for (const name of variables) {
    const variable = inputs[name] as Float64Tensor;
    const derived = exact[`gradient/${name}`] as Float64Tensor;
    expect(derived.shape).toEqual(variable.shape);
    const scale = 1 + Math.max(...derived.data.map(Math.abs));
    for (let index = 0; index < variable.data.length; index++) {
      const moved = (by: number): number => {
        const data = variable.data.slice();
        data[index] = (data[index] as number) + by;
        return lossAt({ ...inputs, [name]: { shape: variable.shape, data } });
      };
      const difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
      const label = `${name}[${index}]`;
      expect(Math.abs((derived.data[index] as number) - difference) / scale, label).toBeLessThan(1e-7);
      const onnx = single[`gradient/${name}`]?.[index] as number;
      expect(Math.abs(onnx - (derived.data[index] as number)) / scale, label).toBeLessThan(1e-5);
    }
  }
}

interface OperatorCase {
  readonly title: string;
  readonly operator: string;
  readonly inputs: Record<string, readonly Dimension[]>;
  readonly apply: (b: GraphBuilder, values: Record<string, Value>) => Value;
}

const at = (values: Record<string, Value>, name: string): Value => values[name] as Value;
const two =
  (operator: string) =>
  (b: GraphBuilder, v: Record<string, Value>): Value =>
    b.op(operator, [at(v, 'x'), at(v, 'y')]);
const one =
  (operator: string) =>
  (b: GraphBuilder, v: Record<string, Value>): Value =>
    b.op(operator, [at(v, 'x')]);

const cases: readonly OperatorCase[] = [
  ...['Add', 'Sub', 'Mul'].flatMap((operator) => [
    { title: 'same shape', operator, inputs: { x: ['N', 3], y: ['N', 3] }, apply: two(operator) },
    { title: 'row repeated', operator, inputs: { x: ['N', 3], y: [3] }, apply: two(operator) },
    { title: 'column repeated', operator, inputs: { x: ['N', 1], y: ['N', 3] }, apply: two(operator) },
    { title: 'both repeated', operator, inputs: { x: ['N', 1], y: [1, 3] }, apply: two(operator) },
    { title: 'scalar', operator, inputs: { x: [], y: ['N', 3] }, apply: two(operator) },
  ]),
  ...['Neg', 'Relu', 'Tanh', 'Sigmoid', 'Softplus'].map((operator) => ({
    title: 'element-wise',
    operator,
    inputs: { x: ['N', 3] },
    apply: one(operator),
  })),
  {
    title: 'last axis',
    operator: 'LogSoftmax',
    inputs: { x: ['N', 4] },
    apply: (b, v) => b.op('LogSoftmax', [at(v, 'x')], { axis: { int: 1 } }),
  },
  {
    title: 'with bias',
    operator: 'Gemm',
    inputs: { x: ['N', 3], y: [3, 2], z: [2] },
    apply: (b, v) => b.gemm(at(v, 'x'), at(v, 'y'), at(v, 'z')),
  },
  {
    title: 'without bias',
    operator: 'Gemm',
    inputs: { x: ['N', 3], y: [3, 2] },
    apply: (b, v) => b.gemm(at(v, 'x'), at(v, 'y')),
  },
  { title: 'second axis', operator: 'Squeeze', inputs: { x: ['N', 1] }, apply: (b, v) => b.squeeze(at(v, 'x'), 1) },
  { title: 'all axes', operator: 'ReduceSum', inputs: { x: ['N', 3] }, apply: (b, v) => b.sum(at(v, 'x')) },
  { title: 'one axis', operator: 'ReduceSum', inputs: { x: ['N', 3] }, apply: (b, v) => b.sum(at(v, 'x'), [1]) },
  {
    title: 'one axis kept',
    operator: 'ReduceSum',
    inputs: { x: ['N', 3] },
    apply: (b, v) => b.sum(at(v, 'x'), [0], true),
  },
  { title: 'all axes', operator: 'ReduceMean', inputs: { x: ['N', 3] }, apply: (b, v) => b.mean(at(v, 'x')) },
  {
    title: 'one axis',
    operator: 'ReduceMean',
    inputs: { x: ['N', 3] },
    apply: (b, v) => b.op('ReduceMean', [at(v, 'x')], { axes: { ints: [1] }, keepdims: { int: 0 } }),
  },
];

describe('gradients of operators equal central differences', () => {
  it.each(cases)('$operator: $title', async ({ operator, title, inputs, apply }) => {
    const builder = new GraphBuilder('case');
    const stream = randomStream(3, operator, title);
    const values = Object.fromEntries(
      Object.entries(inputs).map(([name, shape]) => [name, builder.input(name, 'float', shape)]),
    );
    const result = apply(builder, values);
    // Squared and weighted, so that every element of the result has a gradient of its own.
    const weight = builder.input('weights', 'float', result.shape);
    const loss = builder.sum(builder.mul(builder.mul(result, result), weight));
    const found = gradients(builder, loss, Object.values(values));
    builder.output('loss', loss);
    for (const [index, name] of Object.keys(inputs).entries())
      builder.output(`gradient/${name}`, found[index] as Value);
    const drawn = Object.fromEntries(Object.entries(inputs).map(([name, shape]) => [name, draw(shape, stream)]));
    await checkGradients(builder.finish(), Object.keys(inputs), { ...drawn, weights: draw(result.shape, stream) });
  });

  it('covers every operator with a derivative', () => {
    expect([...new Set(cases.map((one) => one.operator))].sort()).toEqual(differentiableOperators());
  });

  it('adds up when a value is used twice', async () => {
    const builder = new GraphBuilder('twice');
    const x = builder.input('x', 'float', ['N', 2]);
    const loss = builder.sum(builder.add(builder.mul(x, builder.op('Tanh', [x])), x));
    const [gradient] = gradients(builder, loss, [x]);
    builder.output('loss', loss);
    builder.output('gradient/x', gradient as Value);
    await checkGradients(builder.finish(), ['x'], { x: draw(['N', 2], randomStream(3, 'twice')) });
  });
});

const tasks = {
  binary: heartPlan(),
  multiclass: multiclassPlan(),
  regression: regressionPlan(),
};

const labelsOf = {
  binary: [0, 1, 1, 0, 1],
  multiclass: [0, 2, 1, 2, 0],
  regression: [0.5, -1.25, 3, 0, 2],
};

describe('gradients of whole losses equal central differences', () => {
  const kinds = ['binary', 'multiclass', 'regression'] as const;
  const models = [
    { family: 'logistic' },
    { family: 'mlp', hidden: [4, 3], activation: 'tanh' },
    { family: 'mlp', hidden: [4], activation: 'relu' },
    { family: 'mlp', hidden: [3], activation: 'sigmoid' },
  ] as const;
  const combinations = kinds.flatMap((kind) => models.map((model) => ({ kind, model, title: JSON.stringify(model) })));

  it.each(combinations)('$kind, $title, with l2', async ({ kind, model }) => {
    const base = tasks[kind];
    const plan = { ...base, model: 'hidden' in model ? { ...model, hidden: [...model.hidden] } : model };
    const builder = new GraphBuilder('loss');
    const stream = randomStream(5, kind, JSON.stringify(model));
    const tensors = modelTensors(plan);
    const width = tensors.find((tensor) => tensor.name === 'layer1.weight')?.shape[0] as number;
    const features = builder.input('features', 'float', ['N', width]);
    const labels = builder.input('labels', 'float', ['N']);
    const weights = new Map(tensors.map(({ name, shape }) => [name, builder.input(name, 'float', shape)]));
    const loss = withPenalty(
      builder,
      meanLoss(builder, plan, forward(builder, plan, features, weights), labels),
      weights,
      0.3,
    );
    const found = gradients(builder, loss, [...weights.values()]);
    builder.output('loss', loss);
    for (const [index, { name }] of tensors.entries()) builder.output(`gradient/${name}`, found[index] as Value);
    await checkGradients(
      builder.finish(),
      tensors.map((tensor) => tensor.name),
      {
        features: draw(['N', width], stream),
        labels: { shape: [batch], data: Float64Array.from(labelsOf[kind]) },
        ...Object.fromEntries(tensors.map(({ name, shape }) => [name, draw(shape, stream)])),
      },
    );
  });
});

describe('what cannot be differentiated is refused', () => {
  it('names the operator without a derivative', () => {
    const builder = new GraphBuilder('floor');
    const x = builder.input('x', 'float', [3]);
    const loss = builder.sum(builder.op('Floor', [x]));
    expect(() => gradients(builder, loss, [x])).toThrow(
      expect.objectContaining({ code: 'not_differentiable', details: expect.objectContaining({ operator: 'Floor' }) }),
    );
  });

  it('does not mind one that no variable flows through', () => {
    const builder = new GraphBuilder('constant path');
    const x = builder.input('x', 'float', [3]);
    const y = builder.input('y', 'float', [3]);
    const loss = builder.sum(builder.mul(x, builder.op('Floor', [y])));
    expect(gradients(builder, loss, [x])).toHaveLength(1);
  });

  it('takes only a scalar', () => {
    const builder = new GraphBuilder('vector');
    const x = builder.input('x', 'float', [3]);
    expect(() => gradients(builder, x, [x])).toThrow(expect.objectContaining({ code: 'shape_mismatch' }));
  });

  it('gives zeros for a variable the loss does not depend on', async () => {
    const builder = new GraphBuilder('unused');
    const x = builder.input('x', 'float', [2]);
    const y = builder.input('y', 'float', [2]);
    const loss = builder.sum(x);
    const [, unused] = gradients(builder, loss, [x, y]);
    builder.output('unused', unused as Value);
    const zero = { shape: [2], data: Float64Array.of(3, -4) };
    expect(Array.from((await runOnnx(builder.finish(), { x: zero, y: zero })).unused ?? [], Math.abs)).toEqual([0, 0]);
  });
});

describe('the builder', () => {
  it('refuses operators not on the list, and names of the object prototype', () => {
    const builder = new GraphBuilder('unknown');
    const x = builder.input('x', 'float', [2]);
    expect(() => builder.op('Loop', [x])).toThrow(expect.objectContaining({ code: 'unknown_operator' }));
    expect(() => builder.op('constructor', [x])).toThrow(expect.objectContaining({ code: 'unknown_operator' }));
  });

  it('refuses shapes that do not fit, where they are written', () => {
    const builder = new GraphBuilder('shapes');
    const x = builder.input('x', 'float', ['N', 3]);
    const y = builder.input('y', 'float', [4, 2]);
    expect(() => builder.gemm(x, y)).toThrow(expect.objectContaining({ code: 'shape_mismatch' }));
    expect(() => builder.add(x, y)).toThrow(expect.objectContaining({ code: 'shape_mismatch' }));
    expect(() => builder.constant('c', [3], new Float32Array(2))).toThrow(
      expect.objectContaining({ code: 'shape_mismatch' }),
    );
    expect(() => builder.input('x', 'float', [])).toThrow(expect.objectContaining({ code: 'duplicate_name' }));
  });

  it('gives equal bytes for equal graphs', () => {
    const build = (): Uint8Array => {
      const builder = new GraphBuilder('same');
      const x = builder.input('x', 'float', ['N', 2]);
      builder.output('y', builder.mul(x, builder.scalar(2)));
      return encodeOnnx(builder.finish(), { a: 'b' });
    };
    expect(Buffer.from(build()).equals(Buffer.from(build()))).toBe(true);
  });
});
