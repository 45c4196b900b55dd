import '../../../../shared/runtime/no-telemetry.ts';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { frozenWeights } from '../../../../shared/graph/adapters.ts';
import { initialWeights } from '../../../../shared/graph/families.ts';
import { encodeOnnx } from '../../../../shared/graph/onnx-file.ts';
import { stepScalars } from '../../../../shared/graph/training/optimiser-update.ts';
import { buildTrainingStep } from '../../../../shared/graph/training/training-step.ts';
import type { Plan } from '../../../../shared/plan/plan.ts';
import { randomStream } from '../../../../shared/runtime/random.ts';
import { modelPlan, smallModels, type TaskKind } from '../../../support/model-plans.ts';
import { drawnRowInputs } from '../../../support/objective-feeds.ts';

const rows = 64;
const optimiser = { kind: 'adam', rate: 0.02 };

/** Labels that follow from what the network reads: from the last values of a series, the upper half of an image, the first columns. */
function learnable(plan: Plan, inputs: Readonly<Record<string, { readonly data: Float32Array }>>): Float32Array {
  const { data } = (inputs.payload ?? inputs.features) as { data: Float32Array };
  const width = data.length / rows;
  const [from, to] =
    plan.data.payload === undefined ? [0, 2] : plan.data.payload.kind === 'series' ? [width - 4, width] : [0, 36];
  const scores = Array.from({ length: rows }, (_, row) => {
    const part = data.subarray(row * width + from, row * width + to);
    return part.reduce((sum, value) => sum + value, 0) / Math.sqrt(part.length);
  });
  const grade = (score: number, grades: number): number =>
    Math.min(grades - 1, Math.max(0, Math.floor(score + grades / 2)));
  switch (plan.task.kind) {
    case 'binary':
      return Float32Array.from(scores, (score) => Number(score > 0));
    case 'regression':
      return Float32Array.from(scores);
    case 'survival':
      return Float32Array.from(scores.flatMap((score, row) => [Math.exp(-score), row % 4 === 0 ? 0 : 1]));
    default: {
      const levels = 'levels' in plan.data.label ? plan.data.label.levels.length : 0;
      return Float32Array.from(scores, (score) => grade(score, levels));
    }
  }
}

/** Losses of steps on one batch, from the plan's own start. */
async function losses(plan: Plan, steps: number): Promise<number[]> {
  const step = buildTrainingStep(plan, { rows });
  const session = await InferenceSession.create(encodeOnnx(step.graph), { logSeverityLevel: 3 });
  const inputs = drawnRowInputs(plan, rows, randomStream(6, 'learning'));
  const tensor = (data: Float32Array, shape: readonly number[]): Tensor => new Tensor('float32', data, shape);
  const feeds: Record<string, Tensor> = { labels: tensor(learnable(plan, inputs), step.labels.shape) };
  for (const { name, shape } of step.rowInputs) feeds[name] = tensor(inputs[name]?.data as Float32Array, shape);
  const weights = initialWeights(plan);
  for (const { name, shape } of step.weights) feeds[name] = tensor(weights.get(name)?.data as Float32Array, shape);
  const frozen = frozenWeights(plan);
  for (const { name, weight, shape } of step.frozen) {
    feeds[name] = tensor(frozen.get(weight)?.data as Float32Array, shape);
  }
  const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
  for (const { name, shape, initial } of step.slots) {
    feeds[name] = tensor(new Float32Array(sizeOf(shape)).fill(initial), shape);
  }
  const stream = randomStream(6, 'dropout');
  const found: number[] = [];
  for (let at = 1; at <= steps; at++) {
    for (const [name, value] of Object.entries(stepScalars(plan.training, { step: at, round: 0 }))) {
      feeds[name] = tensor(Float32Array.of(value), []);
    }
    for (const { name, shape } of step.random) {
      feeds[name] = tensor(
        Float32Array.from({ length: sizeOf(shape) }, () => stream.uniform()),
        shape,
      );
    }
    const results = await session.run(feeds);
    for (const { name, next } of [...step.weights, ...step.slots]) feeds[name] = results[next] as Tensor;
    found.push(results.loss?.data[0] as number);
  }
  await session.release();
  return found;
}

describe('60 steps of Adam lower the loss of what can be learnt, to half and less', () => {
  const cases: readonly (readonly [string, object, TaskKind, object])[] = [
    ['logistic regression', smallModels.logistic, 'binary', {}],
    ['multinomial regression', smallModels.logistic, 'multiclass', {}],
    ['linear regression', smallModels.logistic, 'regression', {}],
    ['an MLP', smallModels.mlp, 'multiclass', {}],
    ['embeddings', { ...smallModels.embedded, hidden: [16] }, 'regression', {}],
    ['temporal convolution', { ...smallModels.tcn, channels: [8, 8] }, 'binary', {}],
    ['a GRU', { ...smallModels.gru, hidden: 8 }, 'binary', {}],
    ['a transformer', smallModels.transformer, 'binary', {}],
    [
      'adapters on a transformer',
      { ...smallModels.transformer, width: 32, heads: 4 },
      'binary',
      { trainable: { lora: { rank: 4, and: ['last.*'] } } },
    ],
    ['a convolutional network', { ...smallModels.cnn, channels: [8], hidden: [] }, 'regression', {}],
    ['a residual network, group', { ...smallModels.resnet, channels: [8, 8] }, 'binary', {}],
    ['a residual network, batch', { ...smallModels.resnet, channels: [8, 8], normalisation: 'batch' }, 'binary', {}],
    ['a residual network, none', { ...smallModels.resnet, channels: [8, 8], normalisation: 'none' }, 'binary', {}],
  ];

  it.each(cases)('%s', async (_, model, task, training) => {
    const found = await losses(modelPlan(model, task, { optimiser, ...training }), 60);
    expect(found.every(Number.isFinite)).toBe(true);
    expect(found.at(-1)).toBeLessThan(0.5 * (found[0] as number));
  });

  // Their losses have no floor at 0: one of chance, and one of the order alone.
  it.each([
    ['proportional odds', smallModels.logistic, 'ordinal'],
    ['an ordinal MLP', smallModels.mlp, 'ordinal'],
    ['Cox', smallModels.cox, 'survival'],
    ['a GRU of hazards', { ...smallModels.gru, hidden: 8 }, 'survival'],
  ] as const)('or by a fifth: %s', async (_, model, task) => {
    const found = await losses(modelPlan(model, task, { optimiser }), 60);
    expect(found.every(Number.isFinite)).toBe(true);
    expect(found.at(-1)).toBeLessThan(0.8 * (found[0] as number));
  });
});

it('dropout draws other values at other steps, and none of the loss is lost', async () => {
  const plan = modelPlan({ ...smallModels.gru, hidden: 8, dropout: 0.3 }, 'binary', { optimiser });
  const found = await losses(plan, 40);
  expect(found.every(Number.isFinite)).toBe(true);
  const still = await losses(modelPlan(smallModels.gru, 'binary', { optimiser: { kind: 'sgd', rate: 1e-9 } }), 3);
  expect(still[2]).toBeCloseTo(still[0] as number, 6);
  const moving = await losses(
    modelPlan({ ...smallModels.gru, dropout: 0.3 }, 'binary', { optimiser: { kind: 'sgd', rate: 1e-9 } }),
    3,
  );
  expect(Math.abs((moving[2] as number) - (moving[0] as number))).toBeGreaterThan(1e-4);
});
