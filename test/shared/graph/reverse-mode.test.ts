import { describe, expect, it } from 'vitest';
import type { CaseInput, CaseUse, GradientCase } from '../../../bench/gradients/case.ts';
import { normal, positive } from '../../../bench/gradients/case.ts';
import { compareGradients } from '../../../bench/gradients/comparison.ts';
import { runOnnx } from '../../../bench/gradients/onnx-run.ts';
import type { Value } from '../../../shared/graph/graph.ts';
import { GraphBuilder } from '../../../shared/graph/graph-builder.ts';
import { encodeOnnx } from '../../../shared/graph/onnx-file.ts';
import { gradients } from '../../../shared/graph/reverse-mode.ts';
import { evaluateGraph } from '../../support/graph-evaluator.ts';

/** The value scaled down to the size of a trained weight, so that nothing saturates. */
const small = (...shape: number[]): CaseInput => ({ shape, draw: (stream) => 0.4 * stream.normal() });

/** y = conv, batch normalisation, relu, max pool, a residual connection, mean over places, gemm, log softmax. */
function residual({ b, inputs }: CaseUse): Value {
  const [x, first, scale, bias, second, last, offset] = inputs as [Value, Value, Value, Value, Value, Value, Value];
  const padded = { pads: { ints: [1, 1, 1, 1] } };
  const zero = b.cast(b.constant('zero', [2], new Float32Array(2)), x.type);
  const [normalised] = b.ops(
    'BatchNormalization',
    [b.op('Conv', [x, first], padded), scale, bias, zero, zero],
    { training_mode: { int: 1 } },
    3,
  );
  const hidden = b.op('Relu', [normalised as Value]);
  const pooled = b.op('MaxPool', [hidden], { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] } });
  const added = b.add(b.op('Conv', [pooled, second], padded), pooled);
  const means = b.op('Flatten', [b.op('GlobalAveragePool', [added])]);
  return b.op('LogSoftmax', [b.gemm(means, last, offset)], { axis: { int: 1 } });
}

/** One block of self-attention with a causal mask over an embedding of tokens, before a normalisation of layers. */
function attention({ b, inputs, number, whole }: CaseUse): Value {
  const [table, scale, bias, joint, out] = inputs as [Value, Value, Value, Value, Value];
  const tokens = b.constant('tokens', [2, 3], BigInt64Array.of(0n, 3n, 1n, 3n, 3n, 2n), 'int64');
  const embedded = b.op('Gather', [table, tokens]);
  const normalised = b.op('LayerNormalization', [embedded, scale, bias]);
  const parts = b.ops('Split', [b.op('MatMul', [normalised, joint])], { axis: { int: -1 } }, 3);
  const heads = parts.map((part) =>
    b.op('Transpose', [b.op('Reshape', [part, whole(0, 3, 2, 2)])], { perm: { ints: [0, 2, 1, 3] } }),
  ) as [Value, Value, Value];
  const turned = b.op('Transpose', [heads[1]], { perm: { ints: [0, 1, 3, 2] } });
  const scores = b.div(b.op('MatMul', [heads[0], turned]), number(Math.SQRT2));
  const seen = b.constant('seen', [3, 3], Uint8Array.of(1, 0, 0, 1, 1, 0, 1, 1, 1), 'bool');
  const weights = b.op('Softmax', [b.op('Where', [seen, scores, number(-1e4)])]);
  const mixed = b.op('Transpose', [b.op('MatMul', [weights, heads[2]])], { perm: { ints: [0, 2, 1, 3] } });
  const together = b.op('MatMul', [b.op('Reshape', [mixed, whole(0, 0, -1)]), out]);
  return b.op('ReduceMean', [b.add(embedded, together)], { axes: { ints: [1] }, keepdims: { int: 0 } });
}

/** Three steps h' = tanh(h W + c) + x V with W and c shared, W penalised besides, and another bias with the same weight at the end. */
function recurrent({ b, inputs }: CaseUse): Value {
  const [x, start, weight, bias, other, entry] = inputs as [Value, Value, Value, Value, Value, Value];
  const steps = b.ops('Split', [x], { axis: { int: 0 } }, 3).map((step) => b.squeeze(step, 0));
  let hidden = start;
  for (const step of steps) {
    const next = b.op('Tanh', [b.gemm(hidden, weight, bias)]);
    hidden = b.add(next, b.op('MatMul', [step, entry]));
  }
  const penalty = b.sum(b.mul(weight, weight), [1]);
  return b.add(b.gemm(hidden, weight, other), b.op('MatMul', [b.op('Transpose', [b.gemm(weight, weight)]), penalty]));
}

const networks: readonly GradientCase[] = [
  {
    operator: 'recurrent network',
    title: 'three steps of two rows',
    inputs: [normal(3, 2, 2), small(2, 3), small(3, 3), small(3), small(3), small(2, 3)],
    apply: recurrent,
  },
  {
    operator: 'residual network',
    title: 'three images of two channels',
    inputs: [normal(3, 2, 4, 4), small(2, 2, 3, 3), positive(2), small(2), small(2, 2, 3, 3), small(2, 3), small(3)],
    apply: residual,
  },
  {
    operator: 'attention',
    title: 'two series of three tokens',
    inputs: [normal(4, 4), positive(4), small(4), small(4, 12), small(4, 4)],
    apply: attention,
  },
];

describe('gradients of whole networks', () => {
  it.each(networks)('$operator: $title', async (one) => {
    const { centralDifferences, onnxForward, onnxGradient } = await compareGradients(one, 4);
    expect(centralDifferences).toBeLessThan(1e-7);
    expect(onnxForward).toBeLessThan(1e-5);
    expect(onnxGradient).toBeLessThan(1e-5);
  });

  it('add up when a value is used twice', async () => {
    const twice: GradientCase = {
      operator: 'twice',
      title: 'x tanh x + x',
      inputs: [normal('N', 2)],
      apply: ({ b, x }) => b.add(b.mul(x, b.op('Tanh', [x])), x),
    };
    expect((await compareGradients(twice, 3)).centralDifferences).toBeLessThan(1e-7);
  });

  it('by a weight of many steps are one product', async () => {
    const b = new GraphBuilder('steps');
    const x = b.input('x', 'float', [2, 3]);
    const weight = b.input('weight', 'float', [3, 3]);
    const bias = b.input('bias', 'float', [3]);
    let hidden = x;
    for (let step = 0; step < 5; step++) hidden = b.op('Tanh', [b.gemm(hidden, weight, bias)]);
    const loss = b.sum(hidden);
    const before = b.nodes.length;
    // Asked for twice, it is given twice, and counted once.
    const found = gradients(b, loss, [weight, bias, weight]);
    const added = b.nodes.slice(before).map(({ operator }) => operator);
    // One product a step towards the step before, the first has none; one for the weight.
    expect(added.filter((operator) => operator === 'Gemm')).toHaveLength(4 + 1);
    expect(added.filter((operator) => operator === 'ReduceSum')).toHaveLength(1);
    expect(found[2]).toBe(found[0]);
  });

  it('are the same when asked for apart', () => {
    const of = (both: boolean): number[] => {
      const b = new GraphBuilder('apart');
      const x = b.input('x', 'float', [2]);
      const y = b.input('y', 'float', [2]);
      const loss = b.sum(b.mul(b.op('Exp', [x]), y));
      const [gradient] = gradients(b, loss, both ? [x, y] : [x]);
      b.output('gradient', gradient as Value);
      const inputs = { x: { shape: [2], data: Float64Array.of(1, 2) }, y: { shape: [2], data: Float64Array.of(3, 4) } };
      return Array.from(evaluateGraph(b.finish(), inputs).gradient?.data ?? []);
    };
    // 3 e and 4 e².
    expect(of(true)).toEqual([3 * Math.E, 4 * Math.exp(2)]);
    expect(of(false)).toEqual(of(true));
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

  it('does not mind one that only integers or truth values flow through', async () => {
    // A mask and a place made from the variable itself have no slope: d/dx Σ x [x > 0] + x at its largest element.
    const builder = new GraphBuilder('mask');
    const x = builder.input('x', 'float', [4]);
    const mask = builder.cast(builder.op('Not', [builder.op('LessOrEqual', [x, builder.scalar(0)])]), 'float');
    const place = builder.op('ArgMax', [x], { axis: { int: 0 }, keepdims: { int: 0 } });
    const loss = builder.add(builder.sum(builder.mul(x, mask)), builder.op('Gather', [x, place]));
    builder.output('gradient', gradients(builder, loss, [x])[0] as Value);
    const inputs = { x: { shape: [4], data: Float64Array.of(-1, 2, 5, -3) } };
    expect(Array.from((await runOnnx(builder.finish(), inputs)).gradient ?? [])).toEqual([0, 1, 2, 0]);
  });

  it('takes only a scalar', () => {
    const builder = new GraphBuilder('vector');
    const x = builder.input('x', 'float', [3]);
    expect(() => gradients(builder, x, [x])).toThrow(expect.objectContaining({ code: 'shape_mismatch' }));
  });

  it.each([['known', [2]] as const, ['named', ['N']] as const])(
    'gives zeros for a variable of %s shape the loss does not depend on',
    async (_, shape) => {
      const builder = new GraphBuilder('unused');
      const x = builder.input('x', 'float', shape);
      const y = builder.input('y', 'float', shape);
      const loss = builder.sum(x);
      const [, unused] = gradients(builder, loss, [x, y]);
      builder.output('unused', unused as Value);
      const some = { shape: [2], data: Float64Array.of(3, -4) };
      expect(Array.from((await runOnnx(builder.finish(), { x: some, y: some })).unused ?? [], Math.abs)).toEqual([
        0, 0,
      ]);
    },
  );
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
