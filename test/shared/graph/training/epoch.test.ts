import { describe, expect, it } from 'vitest';
import { buildEpoch } from '../../../../shared/graph/training/epoch.ts';
import { stepScalars } from '../../../../shared/graph/training/optimiser-update.ts';
import { buildTrainingStep } from '../../../../shared/graph/training/training-step.ts';
import { modelPlan, smallModels } from '../../../support/model-plans.ts';
import type { FloatTensor } from '../../../support/run-onnx.ts';
import { batchFeeds, firstSlots, nextOf, numbers, openGraph, type Tensors } from './train-steps.ts';

const rows = 4;
const steps = 3;

function stacked(parts: readonly FloatTensor[]): FloatTensor {
  const [first] = parts as [FloatTensor];
  return { shape: [parts.length, ...first.shape], data: Float32Array.from(parts.flatMap(({ data }) => [...data])) };
}

describe('an epoch in one call is its steps one by one', () => {
  const schedule = { kind: 'cosine', per: 'step', over: 5, warmup: 1 };

  it.each([
    ['logistic, Adam', smallModels.logistic, { optimiser: { kind: 'adam', rate: 0.05 } }],
    [
      'mlp, schedule',
      { ...smallModels.mlp, dropout: 0.3 },
      { optimiser: { kind: 'rmsprop', rate: 0.05, momentum: 0.5 }, schedule, clipNorm: 1 },
    ],
    ['mlp, rows clipped', smallModels.mlp, { perExampleClip: 0.5, l2: 0.1 }],
    ['gru', smallModels.gru, { optimiser: { kind: 'adagrad', rate: 0.1 } }],
    ['transformer with adapters', smallModels.transformer, { trainable: { lora: { rank: 2 } } }],
    ['cnn with running means', smallModels.cnn, {}],
  ])('%s, to the bit', async (_, model, training) => {
    const plan = modelPlan(model, 'binary', training);
    const options = { rows, pull: true, control: true } as const;
    const step = buildTrainingStep(plan, options);
    const epoch = buildEpoch(plan, { ...options, steps });
    const perStep = [...step.rowInputs, step.labels, ...step.random].map(({ name }) => name);
    const batches = Array.from({ length: steps }, (_batch, index) => ({
      ...Object.fromEntries(
        Object.entries(batchFeeds(plan, rows, 20 + index)).filter(([name]) => perStep.includes(name)),
      ),
      ...numbers(stepScalars(plan.training, { step: index + 1, round: 0 })),
    })) as Tensors[];
    const begin = { ...batchFeeds(plan, rows), ...firstSlots(step.slots) };

    const single = await openGraph(step.graph);
    let state: Tensors = begin;
    const losses: number[] = [];
    for (const batch of batches) {
      const results = await single.run({ ...state, ...batch });
      losses.push(results.loss?.data[0] as number);
      state = { ...state, ...nextOf(results) };
    }
    await single.close();

    const whole = await openGraph(epoch.graph);
    const names = Object.keys(batches[0] as Tensors);
    const together = Object.fromEntries(
      names.map((name) => [name, stacked(batches.map((batch) => batch[name] as FloatTensor))]),
    );
    for (const { name, shape } of [...epoch.rowInputs, epoch.labels, ...epoch.random, ...epoch.scalars]) {
      expect(together[name]?.shape, name).toEqual(shape);
    }
    const results = await whole.run({ ...begin, ...together });
    await whole.close();
    expect(Array.from(results.loss?.data ?? [])).toEqual(losses);
    const found = nextOf(results);
    const carried = [...step.weights, ...step.slots].map(({ name }) => name);
    expect(Object.keys(found).sort()).toEqual([...carried].sort());
    for (const name of carried) expect(found[name]?.data, name).toEqual(state[name]?.data);
    expect(
      carried.some(
        (name) =>
          !Buffer.from(found[name]?.data.buffer as ArrayBuffer).equals(
            Buffer.from(begin[name]?.data.buffer as ArrayBuffer),
          ),
      ),
    ).toBe(true);
  });
});
