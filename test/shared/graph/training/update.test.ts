import { describe, expect, it } from 'vitest';
import { buildEvaluation } from '../../../../shared/graph/training/evaluation.ts';
import { buildUpdate } from '../../../../shared/graph/training/gradient-part.ts';
import { stepScalars } from '../../../../shared/graph/training/optimiser-update.ts';
import { buildTrainingStep } from '../../../../shared/graph/training/training-step.ts';
import type { Plan } from '../../../../shared/plan/plan.ts';
import { modelPlan, smallModels } from '../../../support/model-plans.ts';
import type { FloatTensor } from '../../../support/run-onnx.ts';
import { feedsOfRows } from './row-feeds.ts';
import { apart, batchFeeds, filled, firstSlots, nextOf, numbers, openGraph, type Tensors } from './train-steps.ts';

const sgd = { kind: 'sgd', rate: 0.5 };

async function updated(
  plan: Plan,
  sums: (name: string, shape: readonly number[]) => FloatTensor,
  control?: number,
): Promise<Tensors> {
  const update = buildUpdate(plan, { control: control !== undefined });
  const session = await openGraph(update.graph);
  const feeds: Tensors = { ...firstSlots(update.slots), ...numbers(stepScalars(plan.training, { step: 1, round: 0 })) };
  for (const { name, shape } of update.weights) feeds[name] = filled({ shape }, 1);
  for (const { name, weight, shape } of update.sums) feeds[name] = sums(weight, shape);
  for (const { name, shape } of update.control) feeds[name] = filled({ shape }, control ?? 0);
  try {
    return nextOf(await session.run(feeds));
  } finally {
    await session.close();
  }
}

describe('the update', () => {
  const plan = (training: object): Plan => modelPlan(smallModels.logistic, 'binary', { optimiser: sgd, ...training });
  const elements = 19;

  it('clips all tensors together, and only when their norm is beyond the limit', async () => {
    // 19 gradients of 2: the norm is 2 √19. w - 0.5 g · limit / norm, with limit 1: 1 - 0.5 / √19.
    const clipped = await updated(plan({ clipNorm: 1 }), (_, shape) => filled({ shape }, 2));
    for (const { data } of Object.values(clipped))
      for (const value of data) expect(value).toBeCloseTo(1 - 0.5 / Math.sqrt(elements), 6);
    const left = await updated(plan({ clipNorm: 100 }), (_, shape) => filled({ shape }, 2));
    for (const { data } of Object.values(left)) for (const value of data) expect(value).toBe(0);
  });

  it.each([0, 1e30])('gradients of %d leave finite weights', async (size) => {
    const next = await updated(plan({ clipNorm: 1 }), (_, shape) => filled({ shape }, size));
    for (const { data } of Object.values(next)) for (const value of data) expect(value).toBe(1);
  });

  it('adds control variates after clipping, which does not touch them', async () => {
    // 1 - 0.5 (2 · 1 / (2 √19) + 4)
    const next = await updated(plan({ clipNorm: 1 }), (_, shape) => filled({ shape }, 2), 4);
    for (const { data } of Object.values(next))
      for (const value of data) expect(value).toBeCloseTo(-1 - 0.5 / Math.sqrt(elements), 6);
  });

  it('leaves biases out of decoupled decay', async () => {
    const next = await updated(plan({ optimiser: { kind: 'adamw', rate: 0.5, decay: 0.2 } }), (_, shape) =>
      filled({ shape }, 0),
    );
    expect(next['layer1.weight']?.data[0]).toBeCloseTo(0.9, 6);
    expect(next['layer1.bias']?.data[0]).toBe(1);
  });

  it('moves only what is trained; the rest is handed on', async () => {
    const own = modelPlan(smallModels.mlp, 'binary', { optimiser: sgd, l2: 0.3 });
    const feeds = batchFeeds(own, 4);
    const step = buildTrainingStep(own, { rows: 4, trainable: ['layer2.weight'], pull: true, control: true });
    expect(step.control.map(({ name }) => name)).toEqual(['control/layer2.weight']);
    expect(step.anchors.map(({ name }) => name)).toEqual(['anchor/layer2.weight']);
    const session = await openGraph(step.graph);
    const next = nextOf(await session.run({ ...feeds, ...numbers(stepScalars(own.training, { step: 1, round: 0 })) }));
    await session.close();
    for (const { name } of step.weights) {
      if (name === 'layer2.weight') expect(next[name]?.data).not.toEqual(feeds[name]?.data);
      else expect(next[name]?.data, name).toEqual(feeds[name]?.data);
    }
  });
});

describe('the evaluation', () => {
  it.each([
    ['dropout', { ...smallModels.mlp, dropout: 0.5 }],
    ['running means', smallModels.cnn],
  ])('adds up over rows in any parts, with %s out of play', async (_, model) => {
    const plan = modelPlan(model, 'binary', { l2: 0.5 });
    const rows = 6;
    const feeds = batchFeeds(plan, rows);
    const lossOf = async (from: number, count: number): Promise<number> => {
      const evaluation = buildEvaluation(plan, { rows: count });
      expect(evaluation.graph.inputs.some(({ name }) => name.startsWith('random/'))).toBe(false);
      const session = await openGraph(evaluation.graph);
      const found = await session.run(feedsOfRows(plan, feeds, rows, from, count));
      await session.close();
      return found.loss?.data[0] as number;
    };
    const parts = [await lossOf(0, 2), await lossOf(2, 1), await lossOf(3, 3)];
    expect((parts[0] as number) + (parts[1] as number) + (parts[2] as number)).toBeCloseTo(await lossOf(0, rows), 4);
  });

  it('is the training loss where nothing is random and nothing penalised', async () => {
    const plan = modelPlan(smallModels.cox, 'survival');
    const feeds = batchFeeds(plan, 7);
    const evaluation = await openGraph(buildEvaluation(plan, { rows: 7 }).graph);
    const step = buildTrainingStep(plan, { rows: 7 });
    const training = await openGraph(step.graph);
    const scalars = numbers(stepScalars(plan.training, { step: 1, round: 0 }));
    const sum = (await evaluation.run(feeds)).loss?.data[0] as number;
    const mean = (await training.run({ ...feeds, ...firstSlots(step.slots), ...scalars })).loss?.data[0] as number;
    expect(sum / 7).toBeCloseTo(mean, 5);
    expect(mean).toBeGreaterThan(0.1);
    await Promise.all([evaluation.close(), training.close()]);
  });
});

it('the pull draws to the anchors with its strength, and penalties leave biases alone', async () => {
  const plan = modelPlan(smallModels.logistic, 'binary', { optimiser: { kind: 'sgd', rate: 1 }, l2: 0.25 });
  const plain = modelPlan(smallModels.logistic, 'binary', { optimiser: { kind: 'sgd', rate: 1 } });
  const feeds = { ...batchFeeds(plan, 4), rate: { shape: [], data: Float32Array.of(1) } };
  const run = async (of: Plan, pull: boolean): Promise<Tensors> => {
    const session = await openGraph(buildTrainingStep(of, { rows: 4, pull }).graph);
    const next = nextOf(await session.run(feeds));
    await session.close();
    return next;
  };
  const [without, both] = [await run(plain, false), await run(plan, true)];
  const expected: Tensors = Object.fromEntries(
    Object.entries(without).map(([name, { shape, data }]) => {
      const own = feeds[name as keyof typeof feeds] as FloatTensor;
      const anchor = (feeds as Tensors)[`anchor/${name}`] as FloatTensor;
      const l2 = name.endsWith('.weight') ? 0.25 : 0;
      const moved = data.map((value, index) => {
        const w = own.data[index] as number;
        return value - l2 * w - 0.3 * (w - (anchor.data[index] as number));
      });
      return [name, { shape, data: moved }];
    }),
  );
  expect(apart(both, expected)).toBeLessThan(1e-6);
  expect(apart(without, expected)).toBeGreaterThan(1e-3);
});
