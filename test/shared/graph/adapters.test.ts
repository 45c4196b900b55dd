import { describe, expect, it } from 'vitest';
import {
  effectiveWeights,
  frozenParameters,
  frozenWeights,
  mergeAdapters,
  trainedParameters,
} from '../../../shared/graph/adapters.ts';
import { checkWeights, initialWeights, layerNames, modelTensors } from '../../../shared/graph/families.ts';
import type { Value } from '../../../shared/graph/graph.ts';
import { GraphBuilder } from '../../../shared/graph/graph-builder.ts';
import { buildInferenceModel } from '../../../shared/graph/inference-model.ts';
import { networkOf } from '../../../shared/graph/network.ts';
import { productMatrices } from '../../../shared/graph/product-matrices.ts';
import { matching } from '../../../shared/graph/trainable.ts';
import type { Plan } from '../../../shared/plan/plan.ts';
import { randomStream } from '../../../shared/runtime/random.ts';
import { encodeSafetensors } from '../../../shared/tensors/safetensors.ts';
import type { NamedTensors } from '../../../shared/tensors/tensor.ts';
import { drawnTensors, modelPlan, smallModels } from '../../support/model-plans.ts';
import { drawnRowInputs } from '../../support/objective-feeds.ts';
import { preprocessingFor } from '../../support/preprocessing.ts';
import { type FloatTensor, runOnnx } from '../../support/run-onnx.ts';

const transformer = { family: 'transformer', width: 16, heads: 4, blocks: 2 };
const plain = modelPlan(transformer);
const rank4 = modelPlan(transformer, 'binary', { trainable: { lora: { rank: 4, alpha: 8 } } });
const names = (plan: Plan): string[] => trainedParameters(plan).map(({ name }) => name);

/** Outputs of the network whose weights are made in the graph from the trained and the frozen ones. */
async function outputsOf(plan: Plan, trained: NamedTensors, frozen: NamedTensors): Promise<Float32Array> {
  const builder = new GraphBuilder('adapted');
  const network = networkOf(plan);
  const feeds: Record<string, FloatTensor> = drawnRowInputs(plan, 5, randomStream(3, 'rows'));
  const inputs = new Map(
    network.inputs.map(({ name, shape }) => [name, builder.input(name, 'float', [5, ...shape])] as const),
  );
  const given = (prefix: string, tensors: NamedTensors): Map<string, Value> =>
    new Map(
      [...tensors].map(([name, tensor]) => {
        feeds[prefix + name] = tensor;
        return [name, builder.input(prefix + name, 'float', tensor.shape)];
      }),
    );
  const weights = effectiveWeights(builder, plan, given('', trained), given('frozen/', frozen));
  builder.output('outputs', network.forward({ builder, inputs, weights, random: null }).outputs);
  return (await runOnnx(builder.finish(), feeds)).outputs?.data as Float32Array;
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return Math.max(...a.map((value, at) => Math.abs(value - (b[at] as number))));
}

describe('low-rank adapters of rank 4 on a transformer', () => {
  it('are all that travels', () => {
    const travelling = names(rank4);
    expect(travelling.length).toBeGreaterThan(0);
    expect(travelling.every((name) => name.endsWith('.lora_a') || name.endsWith('.lora_b'))).toBe(true);
    // Per block: query, key, value, output [16, 16], in [16, 64], out [64, 16]; rank 4 takes 4 (in + out) values of each.
    const values = 2 * 4 * (4 * (16 + 16) + (16 + 64) + (64 + 16));
    const weights = initialWeights(rank4);
    expect([...weights.values()].reduce((sum, { data }) => sum + data.length, 0)).toBe(values);
    const headerBytes = encodeSafetensors(weights).byteLength - 4 * values;
    expect(headerBytes).toBeLessThan(200 * weights.size);
    expect(() => checkWeights(rank4, weights)).not.toThrow();
    expect(() => checkWeights(rank4, initialWeights(plain))).toThrow(
      expect.objectContaining({ code: 'wrong_weights' }),
    );
  });

  it('leave every tensor of the network frozen', () => {
    expect(frozenParameters(rank4)).toEqual(networkOf(rank4).parameters);
    expect(frozenWeights(rank4)).toEqual(initialWeights(plain));
  });

  it('change nothing at first, to the bit', async () => {
    const base = await outputsOf(plain, initialWeights(plain), new Map());
    expect(await outputsOf(rank4, initialWeights(rank4), frozenWeights(rank4))).toEqual(base);
  });

  it('give, merged, what they give apart, to 1e-5', async () => {
    const [trained, frozen] = [drawnTensors(rank4, 5, 0.2), frozenWeights(rank4)];
    const apart = await outputsOf(rank4, trained, frozen);
    const merged = mergeAdapters(rank4, trained, frozen);
    expect([...merged.keys()]).toEqual(networkOf(rank4).parameters.map(({ name }) => name));
    expect(largestDifference(await outputsOf(plain, merged, new Map()), apart)).toBeLessThan(1e-5);
    // Far from what they started at, so that the above means something.
    expect(largestDifference(await outputsOf(rank4, initialWeights(rank4), frozen), apart)).toBeGreaterThan(0.01);
  });

  it('are merged as worked out by hand: W + (alpha / rank) A B', () => {
    const plan = modelPlan({ family: 'mlp', hidden: [6, 6], activation: 'relu' }, 'binary', {
      trainable: { lora: { rank: 1, alpha: 3, on: ['layer2.*'] } },
    });
    expect(names(plan)).toEqual(['layer2.weight.lora_a', 'layer2.weight.lora_b']);
    const trained = drawnTensors(plan);
    const frozen = frozenWeights(plan);
    const of = (tensors: NamedTensors, name: string) => tensors.get(name)?.data as Float32Array;
    const merged = of(mergeAdapters(plan, trained, frozen), 'layer2.weight');
    const [a, b] = [of(trained, 'layer2.weight.lora_a'), of(trained, 'layer2.weight.lora_b')];
    for (const [row, column] of [
      [0, 0],
      [4, 1],
      [5, 5],
    ] as const) {
      const base = of(frozen, 'layer2.weight')[row * 6 + column] as number;
      expect(merged[row * 6 + column]).toBe(Math.fround(base + 3 * (a[row] as number) * (b[column] as number)));
    }
    expect(of(mergeAdapters(plan, trained, frozen), 'layer1.weight')).toBe(of(frozen, 'layer1.weight'));
  });

  it('are inside the released file as plain matrices', () => {
    const merged = mergeAdapters(rank4, drawnTensors(rank4), frozenWeights(rank4));
    const released = buildInferenceModel(rank4, preprocessingFor(plain), drawnTensors(rank4));
    expect(Buffer.compare(released, buildInferenceModel(plain, preprocessingFor(plain), merged))).toBe(0);
  });

  it('are put on matrices that are multiplied by, not on tables, positions or kernels', () => {
    expect([...productMatrices(plain).keys()].filter((name) => !name.startsWith('block'))).toEqual([
      'input.weight',
      'last.weight',
    ]);
    expect([...productMatrices(modelPlan(smallModels.embedded)).keys()]).toEqual(['layer1.weight', 'layer2.weight']);
    expect([...productMatrices(modelPlan(smallModels.cnn)).keys()]).toEqual(['hidden1.weight', 'last.weight']);
    expect([...productMatrices(modelPlan(smallModels.gru)).keys()]).toEqual([
      'last.weight',
      'layer1.input.weight',
      'layer1.state.weight',
      'layer2.input.weight',
      'layer2.state.weight',
    ]);
  });

  it('come with tensors trained as a whole, and those get none', () => {
    const plan = modelPlan(transformer, 'binary', {
      trainable: { lora: { rank: 2, on: ['*.query.weight', 'block2.*'], and: ['last.*', 'block2.feedforward.*'] } },
    });
    expect(names(plan)).toEqual([
      'block1.attention.query.weight.lora_a',
      'block1.attention.query.weight.lora_b',
      ...['key', 'output', 'query', 'value'].flatMap((part) => [
        `block2.attention.${part}.weight.lora_a`,
        `block2.attention.${part}.weight.lora_b`,
      ]),
      'block2.feedforward.in.bias',
      'block2.feedforward.in.weight',
      'block2.feedforward.norm.scale',
      'block2.feedforward.norm.shift',
      'block2.feedforward.out.bias',
      'block2.feedforward.out.weight',
      'last.bias',
      'last.weight',
    ]);
    expect(layerNames(plan)).toEqual({ last: ['last.bias', 'last.weight'], all: names(plan) });
  });
});

describe('what trains', () => {
  it('is everything unless said', () => {
    expect(names(plain)).toEqual(networkOf(plain).parameters.map(({ name }) => name));
    expect(frozenParameters(plain)).toEqual([]);
    const all = modelPlan(transformer, 'binary', { trainable: 'all' });
    expect(names(all)).toEqual(names(plain));
  });

  it('is the last layer alone', () => {
    const plan = modelPlan(transformer, 'binary', { trainable: 'last-layer' });
    expect(modelTensors(plan)).toEqual([
      { name: 'last.bias', shape: [1] },
      { name: 'last.weight', shape: [17, 1] },
    ]);
    expect(frozenParameters(plan)).toHaveLength(networkOf(plan).parameters.length - 2);
  });

  it('is what the names say, and the buffers travel with it', () => {
    const plan = modelPlan(smallModels.cnn, 'binary', { trainable: { names: ['last.*', 'hidden1.bias'] } });
    expect(names(plan)).toEqual([
      'block1.norm.mean',
      'block1.norm.variance',
      'hidden1.bias',
      'last.bias',
      'last.weight',
    ]);
    expect(frozenParameters(plan).map(({ name }) => name)).toEqual([
      'block1.convolution.weight',
      'block1.norm.scale',
      'block1.norm.shift',
      'hidden1.weight',
    ]);
    expect(layerNames(plan).all).toEqual(['hidden1.bias', 'last.bias', 'last.weight']);
  });

  it('starts as the whole network does, whatever of it trains', () => {
    const whole = initialWeights(plain);
    for (const trainable of ['last-layer', { names: ['block1.*'] }]) {
      const plan = modelPlan(transformer, 'binary', { trainable });
      const parts = new Map([...frozenWeights(plan), ...initialWeights(plan)]);
      expect(parts.size).toBe(whole.size);
      for (const [name, tensor] of whole) expect(parts.get(name)).toEqual(tensor);
    }
  });

  it('starts from the weights of a base where there is one', () => {
    const base = drawnTensors(plain, 9);
    expect(initialWeights(plain, base)).toEqual(base);
    expect(frozenWeights(rank4, base)).toEqual(base);
    expect(initialWeights(rank4, base)).toEqual(initialWeights(rank4));
    expect(() => initialWeights(plain, new Map())).toThrow(expect.objectContaining({ code: 'wrong_weights' }));
    const misshapen = new Map([...base, ['last.bias', { shape: [2], data: new Float32Array(2) }]]);
    expect(() => initialWeights(plain, misshapen)).toThrow(
      expect.objectContaining({ code: 'wrong_weights', message: expect.stringContaining('last.bias [1]') }),
    );
  });

  it('is matched letter by letter, * being any characters', () => {
    const known = ['a.weight', 'ab.weight', 'a.bias', 'a+b'];
    expect(matching('a.weight', known)).toEqual(['a.weight']);
    expect(matching('a*.weight', known)).toEqual(['a.weight', 'ab.weight']);
    expect(matching('*', known)).toEqual(known);
    expect(matching('a+b', known)).toEqual(['a+b']);
    expect(matching('weight', known)).toEqual([]);
    expect(matching('*b*', known)).toEqual(['ab.weight', 'a.bias', 'a+b']);
    expect(matching('a*a*', known)).toEqual(['a.bias']);
    // A part is not used twice.
    expect(matching('a.b*bias', known)).toEqual([]);
    expect(matching('**', [''])).toEqual(['']);
    const hard = `${'*a'.repeat(99)}*b`;
    expect(matching(hard, ['a'.repeat(400)])).toEqual([]);
    expect(matching(hard, [`${'a'.repeat(400)}b`])).toHaveLength(1);
  });
});
