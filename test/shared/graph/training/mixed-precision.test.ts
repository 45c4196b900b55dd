import { describe, expect, it } from 'vitest';
import type { Graph } from '../../../../shared/graph/graph.ts';
import { buildEpoch } from '../../../../shared/graph/training/epoch.ts';
import { buildGradientPart, buildUpdate } from '../../../../shared/graph/training/gradient-part.ts';
import { stepScalars } from '../../../../shared/graph/training/optimiser-update.ts';
import { buildTrainingStep } from '../../../../shared/graph/training/training-step.ts';
import type { Plan } from '../../../../shared/plan/plan.ts';
import { broughtPlan, exportedFile, images, series } from '../../../support/brought-plans.ts';
import { modelPlan, smallModels } from '../../../support/model-plans.ts';
import type { FloatTensor } from '../../../support/run-onnx.ts';
import { feedsOfRows } from './row-feeds.ts';
import {
  apart,
  batchFeeds,
  filled,
  firstSlots,
  nextOf,
  numbers,
  openGraph,
  scalar,
  type Tensors,
} from './train-steps.ts';

const rows = 8;
const optimiser = { kind: 'sgd', rate: 0.1, momentum: 0.9 };
const mixed = 'mixed' as const;
/** Of the loss, under which no gradient here leaves float16 but where a test says so. */
const usual: Tensors = { 'scaling/scale': scalar(2 ** 15) };

async function once(graph: Graph, feeds: Readonly<Tensors>): Promise<Tensors> {
  const session = await openGraph(graph);
  try {
    return await session.run(feeds);
  } finally {
    await session.close();
  }
}

/** How far two sets of weights are apart, relative to how far the second moved. */
function share(found: Readonly<Tensors>, expected: Readonly<Tensors>, begin: Readonly<Tensors>): number {
  let difference = 0;
  let moved = 0;
  for (const [name, { data }] of Object.entries(expected)) {
    for (const [index, value] of data.entries()) {
      difference += ((found[name]?.data[index] as number) - value) ** 2;
      moved += (value - (begin[name]?.data[index] as number)) ** 2;
    }
  }
  return Math.sqrt(difference / moved);
}

const typesOf = (graph: Graph, operator: string): Set<string> =>
  new Set(graph.nodes.filter((node) => node.operator === operator).map(({ inputs }) => inputs[0]?.type as string));

describe('mixed precision', () => {
  const models = {
    ...smallModels,
    'mlp, dropout': { ...smallModels.mlp, dropout: 0.3 },
    'cnn, group': { ...smallModels.cnn, normalisation: 'group' },
    'transformer, dropout': { ...smallModels.transformer, dropout: 0.3 },
  };

  const training = { optimiser, l2: 0.05, clipNorm: 2 };
  const plans: readonly (readonly [string, Plan])[] = [
    ...Object.entries(models).map(
      ([kind, model]) => [kind, modelPlan(model, kind === 'cox' ? 'survival' : 'binary', training)] as const,
    ),
    ['a brought transformer', broughtPlan(exportedFile('transformer-dynamo'), { payload: series, training }).plan],
    ['a brought convolution in groups', broughtPlan(exportedFile('grouped'), { payload: images, training }).plan],
  ];

  it.each(plans)('%s moves as in float32, to a hundredth', async (_, plan) => {
    const feeds = batchFeeds(plan, rows);
    const scalars = numbers(stepScalars(plan.training, { step: 1, round: 0 }));
    const step = buildTrainingStep(plan, { rows });
    const half = buildTrainingStep(plan, { rows, precision: mixed });
    const expected = await once(step.graph, { ...feeds, ...scalars, ...firstSlots(step.slots) });
    const found = await once(half.graph, { ...feeds, ...scalars, ...firstSlots(half.slots), ...usual });
    const next = nextOf(found);
    expect(found.overflow?.data[0]).toBe(0);
    // What is carried is what float32 carries: the scale is fed.
    expect(half.slots).toEqual(step.slots);
    expect(half.scalars).toEqual([...step.scalars, { name: 'scaling/scale', shape: [] }]);
    expect((found.loss?.data[0] as number) / (expected.loss?.data[0] as number)).toBeCloseTo(1, 2);
    expect(share(next, nextOf(expected), { ...feeds, ...firstSlots(step.slots) })).toBeLessThan(0.01);
    for (const operator of ['MatMul', 'Gemm', 'Conv', 'ConvTranspose']) {
      for (const type of typesOf(half.graph, operator)) expect(`${operator} ${type}`).toBe(`${operator} float16`);
    }
    for (const operator of [
      'ReduceSum',
      'Softmax',
      'LogSoftmax',
      'LayerNormalization',
      'InstanceNormalization',
      'Softplus',
    ]) {
      for (const type of typesOf(half.graph, operator)) expect(`${operator} ${type}`).toBe(`${operator} float`);
    }
    expect(half.graph.nodes.some(({ outputs }) => outputs[0]?.type === 'float16')).toBe(true);
    // What is carried and given is float32.
    for (const { type, name } of [...half.graph.inputs, ...half.graph.outputs]) expect(type, name).toBe('float');
  });

  const plan = modelPlan(smallModels.mlp, 'binary', { optimiser });
  const step = buildTrainingStep(plan, { rows, precision: mixed });
  const feeds = batchFeeds(plan, rows);
  const scalars = numbers(stepScalars(plan.training, { step: 1, round: 0 }));

  it('the loss scale keeps gradients that float16 alone would lose', async () => {
    // 2^-20 of the usual loss: its gradients lie below the smallest number of float16 unless they are scaled.
    const faint = modelPlan(smallModels.mlp, 'binary', {
      optimiser: { kind: 'sgd', rate: 1 },
      loss: { kind: 'cross-entropy', classWeights: [2 ** -20, 2 ** -20] },
    });
    const exact = buildTrainingStep(faint, { rows });
    const half = buildTrainingStep(faint, { rows, precision: mixed });
    const begin = { ...feeds, ...scalars };
    // Steps of 1e-7 do not show on weights of 1: they start at zero, but for those of the first layer.
    for (const { name, shape } of half.weights)
      begin[name] = filled({ shape }, name.includes('layer1') ? 2 ** -6 : 2 ** -9);
    const moved = (results: Tensors): Tensors =>
      Object.fromEntries(
        Object.entries(nextOf(results)).flatMap(([name, { shape, data }]): [string, FloatTensor][] =>
          name === 'layer3.bias' ? [[name, { shape, data: data.map((value) => (value - 2 ** -9) * 2 ** 20) }]] : [],
        ),
      );
    const slots = firstSlots(half.slots);
    const expected = moved(await once(exact.graph, begin));
    const found = moved(await once(half.graph, { ...begin, ...slots, ...usual }));
    const unscaled = moved(await once(half.graph, { ...begin, ...slots, 'scaling/scale': scalar(2 ** -5) }));
    expect(Math.abs(expected['layer3.bias']?.data[0] as number)).toBeGreaterThan(0.01);
    expect(apart(found, expected)).toBeLessThan(0.01);
    expect(unscaled['layer3.bias']?.data[0]).toBe(0);
  });

  it('tells of a step that overflows, also where one row makes it', async () => {
    const numeric = modelPlan(smallModels.mlp, 'regression', { optimiser });
    const half = buildTrainingStep(numeric, { rows, precision: mixed });
    const drawn = batchFeeds(numeric, rows);
    const told = async (scale: number, label?: number): Promise<number | undefined> => {
      const labels = (drawn.labels as FloatTensor).data.slice();
      if (label !== undefined) labels[2] = label;
      const begin = { ...drawn, ...scalars, ...firstSlots(half.slots), labels: { shape: [rows], data: labels } };
      return (await once(half.graph, { ...begin, 'scaling/scale': scalar(scale) })).overflow?.data[0];
    };
    expect(await told(2 ** 10)).toBe(0);
    // The gradient of a squared error of 2,000, one of 8 rows, is at the output 2^10 · 2 · 2,000 / 8 = 512,000, beyond 65,504.
    expect(await told(2 ** 10, 2000)).toBeNaN();
    expect(await told(1, 2000)).toBe(0);
  });

  it('in parts, the same step', async () => {
    const sizes = [5, 3];
    const begin = { ...feeds, ...scalars, ...firstSlots(step.slots), ...usual };
    const expected = nextOf(await once(step.graph, begin));
    let sums: Tensors = {};
    let from = 0;
    for (const size of sizes) {
      const part = buildGradientPart(plan, { rows: size, of: rows, precision: mixed });
      expect(part.scalars).toEqual([{ name: 'scaling/scale', shape: [] }]);
      if (from === 0) sums = Object.fromEntries(part.sums.map((sum) => [sum.name, filled(sum, 0)]));
      const cut = feedsOfRows(plan, feeds, rows, from, size);
      sums = { ...sums, ...nextOf(await once(part.graph, { ...begin, ...cut, ...sums })) };
      from += size;
    }
    const update = buildUpdate(plan, { precision: mixed });
    expect(update.graph.inputs.map(({ name }) => name)).not.toContain('scaling/scale');
    const results = await once(update.graph, { ...begin, ...sums });
    expect(results.overflow?.data[0]).toBe(0);
    const found = nextOf(results);
    expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
    expect(share(found, expected, begin)).toBeLessThan(2e-3);
  });

  it('in one call, the same steps to the bit', async () => {
    const epoch = buildEpoch(plan, { rows, steps: 2, precision: mixed });
    const begin = { ...feeds, ...firstSlots(step.slots) };
    let state: Tensors = { ...begin };
    const scales = [2 ** 15, 2 ** 9];
    for (const [index, scale] of scales.entries()) {
      const rates = stepScalars(plan.training, { step: index + 1, round: 0 });
      const fed = { ...state, ...numbers({ ...rates, 'scaling/scale': scale }) };
      state = { ...state, ...nextOf(await once(step.graph, fed)) };
    }
    const twice = ({ shape, data }: FloatTensor): FloatTensor => ({
      shape: [2, ...shape],
      data: Float32Array.of(...data, ...data),
    });
    const results = await once(epoch.graph, {
      ...begin,
      features: twice(feeds.features as FloatTensor),
      labels: twice(feeds.labels as FloatTensor),
      rate: { shape: [2], data: Float32Array.of(0.1, 0.1) },
      'scaling/scale': { shape: [2], data: Float32Array.from(scales) },
    });
    expect(results.overflow?.data).toEqual(Float32Array.of(0, 0));
    const found = nextOf(results);
    for (const [name, { data }] of Object.entries(found)) expect(data, name).toEqual(state[name]?.data);
  });
});
