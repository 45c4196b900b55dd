import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildGradientPart, buildUpdate } from '../../../../shared/graph/training/gradient-part.ts';
import { buildObjective } from '../../../../shared/graph/training/objective.ts';
import { stepScalars } from '../../../../shared/graph/training/optimiser-update.ts';
import { buildTrainingStep } from '../../../../shared/graph/training/training-step.ts';
import type { Plan } from '../../../../shared/plan/plan.ts';
import { broughtPlan, exportedFile, series } from '../../../support/brought-plans.ts';
import { modelPlan, smallModels } from '../../../support/model-plans.ts';
import { feedsOfRows } from './row-feeds.ts';
import { apart, batchFeeds, filled, firstSlots, nextOf, numbers, openGraph, type Tensors } from './train-steps.ts';

const optimiser = { kind: 'adam', rate: 0.05 };

/** One step of the whole batch, and the same step of the batch cut into parts, with everything a step can have. */
async function bothWays(plan: Plan, sizes: readonly number[]) {
  const rows = sizes.reduce((sum, size) => sum + size, 0);
  const feeds = batchFeeds(plan, rows);
  const scalars = numbers(stepScalars(plan.training, { step: 1, round: 0 }));
  const whole = buildTrainingStep(plan, { rows, pull: true, control: true });
  const session = await openGraph(whole.graph);
  const results = await session.run({ ...feeds, ...firstSlots(whole.slots), ...scalars });
  await session.close();

  let sums: Tensors = {};
  let loss = 0;
  let clipped = 0;
  let from = 0;
  for (const size of sizes) {
    const part = buildGradientPart(plan, { rows: size, of: rows, pull: true });
    if (from === 0) sums = Object.fromEntries(part.sums.map((sum) => [sum.name, filled(sum, 0)]));
    const opened = await openGraph(part.graph);
    const found = await opened.run({ ...feedsOfRows(plan, feeds, rows, from, size), ...sums });
    await opened.close();
    sums = { ...sums, ...nextOf(found) };
    loss += found.loss?.data[0] as number;
    clipped += found.clipped?.data[0] ?? 0;
    from += size;
  }
  const update = buildUpdate(plan, { control: true });
  const updating = await openGraph(update.graph);
  const updated = await updating.run({ ...feeds, ...sums, ...firstSlots(update.slots), ...scalars });
  await updating.close();
  const { loss: wholeLoss, clipped: wholeClipped } = results;
  return {
    loss: [loss, wholeLoss?.data[0] as number] as const,
    clipped: [clipped, wholeClipped?.data[0]] as const,
    apart: apart(nextOf(updated), nextOf(results)),
  };
}

describe('a batch cut into parts takes the step of the whole batch', () => {
  const dropped = { ...smallModels.mlp, dropout: 0.4 };

  it.each([
    ['mlp', dropped, {}],
    ['mlp with penalty and clipping', dropped, { l2: 0.2, clipNorm: 0.5 }],
    ['mlp with rows clipped one by one', dropped, { l2: 0.2, perExampleClip: 0.4 }],
    ['tcn', smallModels.tcn, { l2: 0.1 }],
    ['gru', { ...smallModels.gru, layers: 1, dropout: 0.4 }, {}],
    ['transformer with adapters', smallModels.transformer, { trainable: { lora: { rank: 2, and: ['last.*'] } } }],
    ['resnet', smallModels.resnet, { perExampleClip: 1 }],
  ])('%s', async (_, model, training) => {
    const found = await bothWays(
      modelPlan(model, 'binary', { optimiser: { kind: 'sgd', rate: 0.5 }, ...training }),
      [3, 3, 1],
    );
    expect(found.loss[0]).toBeCloseTo(found.loss[1], 5);
    expect(found.apart).toBeLessThan(2e-6);
    if ('perExampleClip' in training) {
      expect(found.clipped[0]).toBe(found.clipped[1]);
      expect(found.clipped[1]).toBeGreaterThan(0);
    } else {
      expect(found.clipped[1]).toBeUndefined();
    }
  });

  // As many rows as there are heads, numbers a head, and steps: no axis is taken for another.
  it.each([2, 4, 7])('down to single rows, %s of a network whose batches are not its first axis', async (count) => {
    const training = { optimiser: { kind: 'sgd', rate: 0.5 }, perExampleClip: 0.4 };
    const { plan } = broughtPlan(exportedFile('transformer-dynamo'), { payload: series, training });
    const found = await bothWays(plan, new Array<number>(count).fill(1));
    expect(found.clipped[0]).toBe(found.clipped[1]);
    expect(found.apart).toBeLessThan(2e-6);
  });

  it('in any cut', async () => {
    const plan = modelPlan(dropped, 'multiclass', {
      optimiser: { kind: 'sgd', rate: 0.5 },
      l2: 0.1,
      perExampleClip: 1,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }), async (sizes) => {
        const found = await bothWays(plan, sizes);
        expect(found.loss[0]).toBeCloseTo(found.loss[1], 5);
        expect(found.apart).toBeLessThan(2e-6);
      }),
      { numRuns: 6, seed: 11 },
    );
  });

  it.each([
    ['cox', modelPlan(smallModels.cox, 'survival'), 'cox'],
    ['batch normalisation', modelPlan(smallModels.cnn), 'BatchNormalization'],
  ] as const)('%s cannot be cut, and says so', (_, plan, what) => {
    expect(buildObjective(plan, { rows: 4 }).decomposes).toBe(false);
    expect(() => buildGradientPart(plan, { rows: 2, of: 4 })).toThrow(
      expect.objectContaining({ code: 'mixes_rows', message: expect.stringContaining(what) }),
    );
    const clipping = { ...plan, training: { ...plan.training, perExampleClip: 1 } };
    expect(() => buildTrainingStep(clipping, { rows: 4 })).toThrow(
      expect.objectContaining({ code: 'mixes_rows', message: expect.stringContaining('training.perExampleClip') }),
    );
  });

  it('a network with buffers hands them on, cut or not', async () => {
    const plan = modelPlan(smallModels.cnn, 'binary', { optimiser });
    const feeds = batchFeeds(plan, 4);
    const part = buildGradientPart(plan, { rows: 4 });
    const step = buildTrainingStep(plan, { rows: 4 });
    const [one, other] = await Promise.all([openGraph(part.graph), openGraph(step.graph)]);
    const sums = Object.fromEntries(part.sums.map((sum) => [sum.name, filled(sum, 0)]));
    const found = nextOf(await one.run({ ...feeds, ...sums }));
    const scalars = numbers(stepScalars(plan.training, { step: 1, round: 0 }));
    const expected = nextOf(await other.run({ ...feeds, ...firstSlots(step.slots), ...scalars }));
    expect(part.buffers.map(({ name }) => name).sort()).toEqual(['block1.norm.mean', 'block1.norm.variance']);
    for (const { name } of part.buffers) {
      expect(found[name]).toEqual(expected[name]);
      expect(found[name]?.data).not.toEqual(feeds[name]?.data);
    }
    await Promise.all([one.close(), other.close()]);
  });
});
