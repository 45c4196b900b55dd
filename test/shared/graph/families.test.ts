import { describe, expect, it } from 'vitest';
import { checkWeights, initialWeights, modelTensors, outputWidth } from '../../../shared/graph/families.ts';
import type { NamedTensors } from '../../../shared/tensors/tensor.ts';
import { multiclassPlan, regressionPlan } from '../../support/families.ts';
import { heartPlan } from '../../support/plans.ts';

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
