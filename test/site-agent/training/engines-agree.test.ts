import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../../shared/plan/plan.ts';
import { OnnxTrainer } from '../../../site-agent/training/onnx-trainer.ts';
import { TfjsTrainer } from '../../../site-agent/training/tfjs-trainer.ts';
import type { Trainer } from '../../../site-agent/training/trainer.ts';
import { multiclassPlan, regressionPlan } from '../../support/families.ts';
import { heartPlan } from '../../support/plans.ts';
import { installedTfjsBackends } from '../../support/tfjs.ts';
import { drawnWeights, relativeDistance, trainingTask } from '../../support/training.ts';

const plans = { binary: heartPlan, multiclass: multiclassPlan, regression: regressionPlan };
const models: Readonly<Record<string, Plan['model']>> = {
  logistic: { family: 'logistic' },
  'mlp relu': { family: 'mlp', hidden: [16, 8], activation: 'relu' },
  'mlp tanh': { family: 'mlp', hidden: [12], activation: 'tanh' },
  'mlp sigmoid': { family: 'mlp', hidden: [7, 5, 3], activation: 'sigmoid' },
};
const optimisers: Readonly<Record<string, Plan['training']['optimiser']>> = {
  sgd: { kind: 'sgd', rate: 0.02, momentum: 0 },
  momentum: { kind: 'sgd', rate: 0.01, momentum: 0.9 },
  adam: { kind: 'adam', rate: 0.005, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
};
// 45 rows in batches of 16: 16, 16, 13.
const rows = 45;
const works: Readonly<Record<string, Pick<Plan['training'], 'batch' | 'work'>>> = {
  'smaller last batch': { batch: 16, work: { epochs: 2 } },
  'full batch': { batch: 'full', work: { steps: 3 } },
};

const combinations = Object.keys(plans).flatMap((task) =>
  Object.keys(models).flatMap((model) =>
    Object.keys(optimisers).flatMap((optimiser) =>
      Object.keys(works).flatMap((work) => [0, 0.05].map((l2) => ({ task, model, optimiser, work, l2 }))),
    ),
  ),
);

describe('both engines give the same delta on the same batches', () => {
  const never = new AbortController().signal;
  let onnx: Trainer;
  const tfjs: Record<string, Trainer> = {};

  beforeAll(async () => {
    onnx = new OnnxTrainer();
    for (const backend of await installedTfjsBackends()) {
      // WebGPU, slow where it is software, has the families and the settings.
      if (backend.name !== 'webgpu') tfjs[backend.name] = new TfjsTrainer(backend);
    }
  });
  afterAll(async () => {
    for (const trainer of [onnx, ...Object.values(tfjs)]) await trainer.dispose();
  });

  it.each(combinations)('$task, $model, $optimiser, $work, l2 $l2', async ({ task, model, optimiser, work, l2 }) => {
    const base = plans[task as keyof typeof plans]({ model: models[model] as Plan['model'] });
    const plan: Plan = {
      ...base,
      training: {
        ...base.training,
        ...(works[work] as Pick<Plan['training'], 'batch' | 'work'>),
        optimiser: optimisers[optimiser] as Plan['training']['optimiser'],
        l2,
      },
    };
    const asked = trainingTask(plan, rows, drawnWeights(plan));
    const first = await onnx.train(asked, never);
    for (const trainer of Object.values(tfjs)) {
      const second = await trainer.train(asked, never);
      expect(relativeDistance(second.delta, first.delta)).toBeLessThan(1e-5);
      for (const [name, { data }] of first.delta) {
        const other = second.delta.get(name);
        expect(other?.shape).toEqual(first.delta.get(name)?.shape);
        // By norm, a tensor at a time: 1e-5 of the tensor's delta, and one rounding of its weights a step.
        const norm = (values: Float32Array): number => Math.hypot(...values);
        const rounding = first.steps * 2 ** -24 * norm(asked.weights.get(name)?.data as Float32Array);
        const apart = norm(data.map((value, index) => value - (other?.data[index] as number)));
        expect(apart, name).toBeLessThan(1e-5 * norm(data) + rounding);
      }
      expect([...second.delta.keys()]).toEqual([...first.delta.keys()]);
      expect([second.examples, second.steps]).toEqual([first.examples, first.steps]);
      expect(second.metrics.lossFirst / first.metrics.lossFirst).toBeCloseTo(1, 5);
      expect(second.metrics.lossLast / first.metrics.lossLast).toBeCloseTo(1, 5);
    }
    expect(first.steps).toBe(work === 'full batch' ? 3 : 6);
  });
});
