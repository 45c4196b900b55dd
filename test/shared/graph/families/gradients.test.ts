import { describe, expect, it } from 'vitest';
import type { Value } from '../../../../shared/graph/graph.ts';
import { gradients } from '../../../../shared/graph/reverse-mode.ts';
import { buildObjective } from '../../../../shared/graph/training/objective.ts';
import type { Plan } from '../../../../shared/plan/plan.ts';
import { randomStream } from '../../../../shared/runtime/random.ts';
import { evaluateGraph, type Float64Tensor } from '../../../support/graph-evaluator.ts';
import {
  drawnTensors,
  fits,
  type ModelKind,
  modelKinds,
  modelPlan,
  smallModels,
  taskKinds,
} from '../../../support/model-plans.ts';
import { fedObjective } from '../../../support/objective-feeds.ts';
import { runOnnx } from '../../../support/run-onnx.ts';

/** Families with one last layer for every task, which the tables try. */
const reading: readonly ModelKind[] = ['tcn', 'gru', 'transformer', 'cnn', 'resnet'];
const rows = 4;
const step = 3e-5;

function inDoubles(feeds: Readonly<Record<string, { shape: readonly number[]; data: Float32Array }>>) {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { shape, data }]): [string, Float64Tensor] => [
      name,
      { shape, data: Float64Array.from(data) },
    ]),
  );
}

/**
 * Slope of the float64 loss along a random direction of length 1 in each tensor, by central differences with an error of about 1e-9, against
 * the derived gradient in float64 (to 1e-7), and onnxruntime's in float32 against that (to 1e-4), relative to 1 + the largest gradient.
 */
async function checkGradients(plan: Plan): Promise<void> {
  const { objective, feeds } = fedObjective(plan, drawnTensors(plan), { rows });
  const { builder, moving, trained, loss } = objective;
  const values = moving.map((name) => trained.get(name)?.value as Value);
  const found = gradients(builder, loss, values);
  builder.output('loss', loss);
  for (const [index, name] of moving.entries()) builder.output(`gradient/${name}`, found[index] as Value);
  const graph = builder.finish();
  const inputs = inDoubles(feeds);
  const forward = buildObjective(plan, { rows });
  forward.builder.output('loss', forward.loss);
  const lossOnly = forward.builder.finish();
  const exact = evaluateGraph(graph, inputs);
  const single = await runOnnx(graph, feeds);
  const stream = randomStream(1, 'directions');
  expect(moving.length).toBeGreaterThan(0);
  for (const name of moving) {
    const point = inputs[name] as Float64Tensor;
    const derived = exact[`gradient/${name}`] as Float64Tensor;
    expect(derived.shape, name).toEqual(point.shape);
    const drawn = point.data.map(() => stream.normal());
    const length = Math.hypot(...drawn);
    const direction = drawn.map((value) => value / length);
    const lossAt = (by: number): number => {
      const data = point.data.map((value, at) => value + by * (direction[at] as number));
      return (evaluateGraph(lossOnly, { ...inputs, [name]: { shape: point.shape, data } }).loss as Float64Tensor)
        .data[0] as number;
    };
    const slope = (lossAt(step) - lossAt(-step)) / (2 * step);
    const expected = derived.data.reduce((sum, value, at) => sum + value * (direction[at] as number), 0);
    const scale = 1 + Math.max(...derived.data.map(Math.abs));
    expect(Math.abs(slope - expected) / scale, `${name}: ${expected} by formula, ${slope} by differences`).toBeLessThan(
      1e-7,
    );
    for (const [at, value] of derived.data.entries()) {
      const inFloat = single[`gradient/${name}`]?.data[at] as number;
      expect(Math.abs(inFloat - value) / scale, `${name}[${at}]`).toBeLessThan(1e-4);
    }
  }
}

describe('gradients of every family equal central differences', () => {
  const combinations = modelKinds.flatMap((kind) =>
    taskKinds
      .filter((task) => fits(kind, task) && (!reading.includes(kind) || task === 'binary' || task === 'ordinal'))
      .map((task) => ({ kind, task })),
  );

  it.each(combinations)('$kind, $task', async ({ kind, task }) => {
    await checkGradients(modelPlan(smallModels[kind], task, { l2: 0.1 }));
  });

  it.each(['relu', 'tanh', 'sigmoid', 'leaky-relu', 'elu', 'gelu', 'hard-swish'])(
    'activation %s',
    async (activation) => {
      await checkGradients(modelPlan({ family: 'mlp', hidden: [6], activation }));
    },
  );

  it.each([
    { ...smallModels.mlp, dropout: 0.3 },
    { ...smallModels.tcn, dropout: 0.3 },
    { ...smallModels.gru, dropout: 0.3 },
    { ...smallModels.cnn, dropout: 0.3 },
    { ...smallModels.transformer, dropout: 0.3 },
    { ...smallModels.cnn, normalisation: 'none' },
    { ...smallModels.cnn, normalisation: 'group' },
    { ...smallModels.resnet, normalisation: 'none' },
    { ...smallModels.resnet, normalisation: 'batch' },
  ])('$family with dropout $dropout, normalisation $normalisation', async (model) => {
    await checkGradients(modelPlan(model));
  });

  it.each(['last-layer', { names: ['block1.attention.*'] }, { lora: { rank: 2, alpha: 6, and: ['last.*'] } }])(
    'transformer of which %j trains',
    async (trainable) => {
      await checkGradients(modelPlan(smallModels.transformer, 'binary', { trainable }));
    },
  );
});
