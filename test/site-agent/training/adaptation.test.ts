import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../../shared/plan/plan.ts';
import { OnnxTrainer } from '../../../site-agent/training/onnx-trainer.ts';
import { TfjsTrainer } from '../../../site-agent/training/tfjs-trainer.ts';
import type { Trainer, TrainingTask } from '../../../site-agent/training/trainer.ts';
import { regressionPlan } from '../../support/families.ts';
import { heartPlan } from '../../support/plans.ts';
import { inSmallTiles, installedTfjsBackends } from '../../support/tfjs.ts';
import { drawnWeights, relativeDistance, trainingTask } from '../../support/training.ts';

const never = new AbortController().signal;
const mlp: Plan['model'] = { family: 'mlp', hidden: [6, 4], activation: 'tanh' };
const last = ['layer3.bias', 'layer3.weight'];
const optimisers: Readonly<Record<string, Plan['training']['optimiser']>> = {
  sgd: { kind: 'sgd', rate: 0.02, momentum: 0 },
  momentum: { kind: 'sgd', rate: 0.01, momentum: 0.9 },
  adam: { kind: 'adam', rate: 0.005, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
};
const adaptations: Readonly<Record<string, Pick<TrainingTask, 'proximal' | 'trainable'>>> = {
  pull: { proximal: 0.5 },
  'last layer': { trainable: last },
  'last layer with pull': { trainable: last, proximal: 0.5 },
};

function asked(optimiser: string, change: Pick<TrainingTask, 'proximal' | 'trainable'>): TrainingTask {
  const base = heartPlan({ model: mlp });
  const plan: Plan = {
    ...base,
    training: {
      ...base.training,
      optimiser: optimisers[optimiser] as Plan['training']['optimiser'],
      batch: 16,
      work: { epochs: 3 },
      l2: 0.05,
    },
  };
  return { ...trainingTask(plan, 45, drawnWeights(plan)), ...change };
}

describe('training that keeps near a release', () => {
  let onnx: Trainer;
  const tfjs: Record<string, Trainer> = {};
  beforeAll(async () => {
    onnx = new OnnxTrainer();
    for (const backend of await installedTfjsBackends()) {
      inSmallTiles(backend);
      tfjs[backend.name] = new TfjsTrainer(backend);
    }
  });
  afterAll(async () => {
    for (const trainer of [onnx, ...Object.values(tfjs)]) await trainer.dispose();
  });

  it.each(
    Object.keys(adaptations).flatMap((adaptation) =>
      Object.keys(optimisers).map((optimiser) => ({ adaptation, optimiser })),
    ),
  )('both engines agree: $adaptation, $optimiser', async ({ adaptation, optimiser }) => {
    const task = asked(optimiser, adaptations[adaptation] ?? {});
    const first = await onnx.train(task, never);
    const free = await onnx.train(asked(optimiser, {}), never);
    expect(relativeDistance(first.delta, free.delta)).toBeGreaterThan(1e-3);
    expect(Object.keys(tfjs).length).toBeGreaterThan(0);
    for (const trainer of Object.values(tfjs)) {
      const second = await trainer.train(task, never);
      expect(relativeDistance(second.delta, first.delta)).toBeLessThan(1e-5);
      expect(second.metrics.lossFirst / first.metrics.lossFirst).toBeCloseTo(1, 5);
      expect(second.metrics.lossLast / first.metrics.lossLast).toBeCloseTo(1, 5);
      for (const [name, { data }] of second.delta) {
        const frozen = task.trainable !== undefined && !task.trainable.includes(name);
        expect(
          data.every((value) => value === 0),
          name,
        ).toBe(frozen);
        expect(
          first.delta.get(name)?.data.every((value) => value === 0),
          name,
        ).toBe(frozen);
      }
    }
  });

  it('the pull ends where the gradient of loss and pull is zero, by plain algebra', async () => {
    const base = regressionPlan({ model: { family: 'logistic' } });
    const plan: Plan = {
      ...base,
      training: {
        ...base.training,
        optimiser: { kind: 'sgd', rate: 0.05, momentum: 0 },
        batch: 'full',
        work: { steps: 2000 },
        l2: 0,
      },
    };
    const task: TrainingTask = { ...trainingTask(plan, 40, drawnWeights(plan)), proximal: 0.7 };
    const { delta } = await onnx.train(task, never);
    const { rows, features, values, labels } = task.data;
    const trained = (name: string): number[] =>
      Array.from(task.weights.get(name)?.data ?? [], (start, at) => start + (delta.get(name)?.data[at] ?? Number.NaN));
    const weight = trained('layer1.weight');
    const bias = trained('layer1.bias')[0] as number;
    // Mean of (x·w + b - y)² + 0.35·|w - w0|²: 2/N·Σ residual·x + 0.7·(w - w0) = 0.
    const gradient = new Float64Array(features + 1);
    for (let row = 0; row < rows; row++) {
      let residual = bias - (labels[row] as number);
      for (let column = 0; column < features; column++) {
        residual += (values[row * features + column] as number) * (weight[column] as number);
      }
      for (let column = 0; column <= features; column++) {
        const x = column === features ? 1 : (values[row * features + column] as number);
        gradient[column] = (gradient[column] as number) + (2 / rows) * residual * x;
      }
    }
    const moved = [...(delta.get('layer1.weight')?.data ?? []), delta.get('layer1.bias')?.data[0] as number];
    expect(Math.hypot(...moved)).toBeGreaterThan(0.5);
    for (const [column, value] of moved.entries()) {
      expect((gradient[column] as number) + 0.7 * value).toBeCloseTo(0, 4);
    }
  });

  it('a stronger pull moves less, and gives the same bits when repeated', async () => {
    const size = async (proximal: number): Promise<number> => {
      const { delta } = await onnx.train(asked('sgd', { proximal }), never);
      return Math.hypot(...[...delta.values()].flatMap(({ data }) => [...data]));
    };
    const sizes = [await size(0), await size(1), await size(10)];
    expect(sizes[0]).toBeGreaterThan(sizes[1] as number);
    expect(sizes[1]).toBeGreaterThan(sizes[2] as number);
    expect(await size(1)).toBe(sizes[1]);
  });

  it.each([
    [{ proximal: -1 }, 'proximal_invalid'],
    [{ proximal: Number.NaN }, 'proximal_invalid'],
    [{ trainable: [] }, 'trainable_invalid'],
    [{ trainable: ['layer9.weight'] }, 'trainable_invalid'],
  ])('refuses %o', async (change, code) => {
    for (const trainer of [onnx, ...Object.values(tfjs)]) {
      await expect(trainer.train(asked('sgd', change), never)).rejects.toMatchObject({ code });
    }
  });
});
