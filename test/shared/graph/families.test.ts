import { describe, expect, it } from 'vitest';
import { checkWeights, initialWeights, modelTensors, outputWidth } from '../../../shared/graph/families.ts';
import { GraphBuilder } from '../../../shared/graph/graph-builder.ts';
import { networkOf } from '../../../shared/graph/network.ts';
import type { NamedTensors } from '../../../shared/tensors/tensor.ts';
import { multiclassPlan, regressionPlan } from '../../support/families.ts';
import { modelKinds, modelPlan, smallModels, type TaskKind } from '../../support/model-plans.ts';
import { heartPlan } from '../../support/plans.ts';
import { runOnnx } from '../../support/run-onnx.ts';

// The heart plan encodes to 18 features: 5 continuous, sex 1 + missing, chest pain 3 + missing, sugar 1 + missing,
// ECG 2 + missing, angina 1 + missing.
const features = 18;
const hidden = [4, 3];

describe('model tensors', () => {
  it('are one layer for a generalised linear model', () => {
    expect(modelTensors(heartPlan())).toEqual([
      { name: 'layer1.bias', shape: [1] },
      { name: 'layer1.weight', shape: [features, 1] },
    ]);
    expect(modelTensors(multiclassPlan())).toEqual([
      { name: 'layer1.bias', shape: [3] },
      { name: 'layer1.weight', shape: [features, 3] },
    ]);
    expect(outputWidth(regressionPlan())).toBe(1);
  });

  it('are a layer a hidden width and one more for an MLP, sorted by name', () => {
    expect(modelTensors(heartPlan({ model: { family: 'mlp', hidden, activation: 'relu' } }))).toEqual([
      { name: 'layer1.bias', shape: [4] },
      { name: 'layer1.weight', shape: [features, 4] },
      { name: 'layer2.bias', shape: [3] },
      { name: 'layer2.weight', shape: [4, 3] },
      { name: 'layer3.bias', shape: [1] },
      { name: 'layer3.weight', shape: [3, 1] },
    ]);
  });

  it('stay sorted by code unit with ten layers and more', () => {
    const plan = heartPlan({
      model: { family: 'mlp', hidden: Array.from({ length: 10 }, () => 2), activation: 'tanh' },
    });
    const names = modelTensors(plan).map((tensor) => tensor.name);
    expect(names).toEqual([...names].sort());
    expect([...initialWeights(plan).keys()]).toEqual(names);
  });
});

function valuesOf(weights: NamedTensors, name: string): number[] {
  return Array.from(weights.get(name)?.data ?? []);
}

describe('initial weights', () => {
  it('are zero for a generalised linear model', () => {
    const weights = initialWeights(heartPlan());
    expect(valuesOf(weights, 'layer1.weight')).toEqual(new Array(features).fill(0));
    expect(valuesOf(weights, 'layer1.bias')).toEqual([0]);
  });

  it('are the same bits on every machine, for one seed', () => {
    const plan = heartPlan({ model: { family: 'mlp', hidden, activation: 'relu' }, training: { seed: 42 } });
    const weights = initialWeights(plan);
    // Worked out apart, by the following Python with its own xoshiro128** (state: SHA-256 of the JSON of the purpose):
    //   h = hashlib.sha256(b'["stream",42,"weights","layer3.weight"]').digest()
    //   s = list(struct.unpack('<4I', h[:16])); s[3] |= 1
    //   u = ((bits(s) >> 5) * 67108864 + (bits(s) >> 6)) / 2**53
    //   weight = numpy.float32((2 * u - 1) * math.sqrt(6 / 4)); for layer1.weight math.sqrt(6 / 18)
    expect(valuesOf(weights, 'layer3.weight')).toEqual([-1.1713439226150513, 0.5959991216659546, 0.24746617674827576]);
    expect(valuesOf(weights, 'layer1.weight').slice(0, 4)).toEqual([
      0.25914904475212097, -0.1631051003932953, 0.4552611708641052, 0.047404609620571136,
    ]);
    expect(valuesOf(weights, 'layer2.bias')).toEqual([0, 0, 0]);
    expect(initialWeights(plan)).toEqual(weights);
  });

  it('fill He bounds before relu and Glorot bounds elsewhere', () => {
    const wide = heartPlan({ model: { family: 'mlp', hidden: [400], activation: 'relu' } });
    const he = valuesOf(initialWeights(wide), 'layer1.weight');
    const bound = Math.sqrt(6 / features);
    expect(Math.max(...he)).toBeLessThanOrEqual(bound);
    expect(Math.max(...he)).toBeGreaterThan(0.99 * bound);
    expect(Math.min(...he)).toBeLessThan(-0.99 * bound);
    // The mean of 7,200 uniform draws on ±bound has standard deviation bound / sqrt(3 · 7200): four of them.
    expect(Math.abs(he.reduce((sum, value) => sum + value, 0) / he.length)).toBeLessThan(
      (4 * bound) / Math.sqrt(21_600),
    );
    const glorot = valuesOf(initialWeights(wide), 'layer2.weight');
    expect(Math.max(...glorot)).toBeLessThanOrEqual(Math.sqrt(6 / 401));
    expect(Math.max(...glorot)).toBeGreaterThan(0.97 * Math.sqrt(6 / 401));
  });

  it('differ by seed and by layer', () => {
    const of = (seed: number): NamedTensors =>
      initialWeights(
        heartPlan({ model: { family: 'mlp', hidden: [4, 4, 4], activation: 'tanh' }, training: { seed } }),
      );
    expect(valuesOf(of(1), 'layer2.weight')).not.toEqual(valuesOf(of(2), 'layer2.weight'));
    expect(valuesOf(of(1), 'layer2.weight')).not.toEqual(valuesOf(of(1), 'layer3.weight'));
  });
});

/** Largest and smallest of many draws lie close to the bounds, and inside. */
function expectUniform(values: readonly number[], limit: number): void {
  expect(Math.max(...values)).toBeLessThanOrEqual(limit);
  expect(Math.max(...values)).toBeGreaterThan(0.95 * limit);
  expect(Math.min(...values)).toBeGreaterThanOrEqual(-limit);
  expect(Math.min(...values)).toBeLessThan(-0.95 * limit);
}

describe('initial weights of the other families', () => {
  it.each(modelKinds)('are the same on every machine for one seed, others for another: %s', (kind) => {
    const task = kind === 'cox' ? 'survival' : 'binary';
    const of = (seed: number): NamedTensors => initialWeights(modelPlan(smallModels[kind], task, { seed }));
    expect(of(1)).toEqual(of(1));
    // What starts at zero does so whatever the seed.
    if (kind !== 'logistic' && kind !== 'cox') expect(of(1)).not.toEqual(of(2));
    expect([...of(1).values()].every(({ data }) => data.every(Number.isFinite))).toBe(true);
  });

  it('of convolutions follow He by the inputs behind one output', () => {
    const weights = initialWeights(modelPlan({ family: 'resnet', channels: [16, 16], blocks: 1 }));
    expectUniform(valuesOf(weights, 'stage1.block1.convolution2.weight'), Math.sqrt(6 / (16 * 9)));
    expect(new Set(valuesOf(weights, 'stem.norm.scale'))).toEqual(new Set([1]));
    expect(new Set(valuesOf(weights, 'stem.norm.shift'))).toEqual(new Set([0]));
    const causal = initialWeights(modelPlan({ family: 'tcn', channels: [24, 24], kernel: 5, activation: 'tanh' }));
    // Glorot before tanh: both sides have 24 channels of 5 taps.
    expectUniform(valuesOf(causal, 'block2.convolution2.weight'), Math.sqrt(6 / (2 * 24 * 5)));
  });

  it('leave an unnormalised residual block the identity', () => {
    const plan = modelPlan({ family: 'resnet', channels: [4], blocks: 8, normalisation: 'none' });
    expect(new Set(valuesOf(initialWeights(plan), 'stage1.block8.convolution2.weight'))).toEqual(new Set([0]));
  });

  it('of a GRU lie within 1 / sqrt(hidden), biases too', () => {
    const weights = initialWeights(modelPlan({ family: 'gru', hidden: 64 }));
    for (const name of ['layer1.state.weight', 'layer1.state.bias', 'layer1.input.bias']) {
      expectUniform(valuesOf(weights, name), 1 / 8);
    }
  });

  it('of a transformer follow Glorot, and its positions are near zero', () => {
    const weights = initialWeights(modelPlan({ family: 'transformer', width: 64, heads: 4, blocks: 1 }));
    expectUniform(valuesOf(weights, 'block1.attention.query.weight'), Math.sqrt(6 / 128));
    expectUniform(valuesOf(weights, 'block1.feedforward.in.weight'), Math.sqrt(6 / 320));
    const positions = valuesOf(weights, 'position');
    const deviation = Math.sqrt(positions.reduce((sum, value) => sum + value ** 2, 0) / positions.length);
    // 448 normal draws: the standard deviation is right to 1 / sqrt(2 · 448) = 3.3 %, four times that.
    expect(Math.abs(deviation / 0.02 - 1)).toBeLessThan(0.14);
  });

  it('of embedded levels are about as long as the columns they stand for, with a row for missing', () => {
    const plan = modelPlan({ family: 'mlp', hidden: [4], embeddings: [{ column: 'chest_pain', width: 400 }] });
    const table = initialWeights(plan).get('embedding.chest_pain');
    expect(table?.shape).toEqual([5, 400]);
    for (let level = 0; level < 5; level++) {
      const vector = Array.from(table?.data.subarray(level * 400, (level + 1) * 400) ?? []);
      expect(Math.abs(Math.hypot(...vector) - 1)).toBeLessThan(0.15);
    }
  });
});

describe('the last layer of a task', () => {
  const last = (task: TaskKind) => networkOf(modelPlan(smallModels.gru, task)).lastLayer;

  it('has a bias, thresholds in its place for grades, and neither for hazards', () => {
    expect(last('binary')).toEqual(['last.bias', 'last.weight']);
    expect(last('ordinal')).toEqual(['last.gap', 'last.threshold', 'last.weight']);
    expect(last('survival')).toEqual(['last.weight']);
  });

  it('puts a score less rising thresholds out for grades, whatever the numbers in them', async () => {
    const plan = modelPlan(smallModels.logistic, 'ordinal');
    const network = networkOf(plan);
    const outputs = async (threshold: number, gaps: readonly number[], weight: number): Promise<number[]> => {
      const builder = new GraphBuilder('grades');
      const features = builder.input('features', 'float', ['N', 18]);
      const value = (name: string, shape: readonly number[], data: readonly number[]) =>
        [name, builder.constant(name, shape, Float32Array.from(data))] as const;
      const weights = new Map([
        value('layer1.threshold', [1], [threshold]),
        value('layer1.gap', [2], gaps),
        value('layer1.weight', [18, 1], new Array<number>(18).fill(weight)),
      ]);
      const found = network.forward({ builder, inputs: new Map([['features', features]]), weights, random: null });
      builder.output('outputs', found.outputs);
      const results = await runOnnx(builder.finish(), {
        features: { shape: [1, 18], data: new Float32Array(18).fill(1) },
      });
      return Array.from(results.outputs?.data ?? []);
    };
    // Score 18 · 0.5 = 9; thresholds 1, 1 + softplus(2) = 3.126928, and softplus(-3) = 0.0485874 more.
    const found = await outputs(1, [2, -3], 0.5);
    for (const [at, expected] of [8, 9 - 3.126928, 9 - 3.1755154].entries()) expect(found[at]).toBeCloseTo(expected, 5);
    for (const gaps of [
      [-20, -20],
      [30, -10],
      [0, 0],
    ]) {
      const [above0, above1, above2] = (await outputs(0, gaps, 0)) as [number, number, number];
      expect(above0).toBeGreaterThanOrEqual(above1);
      expect(above1).toBeGreaterThanOrEqual(above2);
    }
  });

  it('starts grades around the middle', () => {
    const weights = initialWeights(modelPlan(smallModels.logistic, 'ordinal'));
    // Three boundaries ln 2 apart: -ln 2, 0, ln 2.
    expect(valuesOf(weights, 'layer1.threshold')).toEqual([Math.fround(-Math.LN2)]);
    expect(valuesOf(weights, 'layer1.gap')).toEqual([0, 0]);
  });
});

describe('checking weights', () => {
  const plan = heartPlan();
  const good = initialWeights(plan);
  const bias = { shape: [1], data: new Float32Array(1) };

  it('takes the plan’s own', () => {
    expect(() => checkWeights(plan, good)).not.toThrow();
  });

  it.each([
    ['a missing tensor', new Map([['layer1.bias', bias]]), /layer1\.weight \[18, 1\]/],
    ['another shape', new Map([...good, ['layer1.bias', { shape: [2], data: new Float32Array(2) }]]), /\[2\].*\[1\]/],
    ['too few values', new Map([...good, ['layer1.bias', { shape: [1], data: new Float32Array(0) }]]), /0 values/],
    ['a tensor too many', new Map([...good, ['layer2.bias', bias]]), /layer2\.bias/],
  ])('refuses %s', (_, weights, message) => {
    expect(() => checkWeights(plan, weights)).toThrow(
      expect.objectContaining({ code: 'wrong_weights', message: expect.stringMatching(message) }),
    );
  });
});
