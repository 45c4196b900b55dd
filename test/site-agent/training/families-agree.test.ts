// First: it sets the driver that devices are looked for with.
import '../../support/vulkan.ts';

import { afterAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../../shared/plan/plan.ts';
import { OnnxTrainer } from '../../../site-agent/training/onnx-trainer.ts';
import { TfjsTrainer } from '../../../site-agent/training/tfjs-trainer.ts';
import type { Trainer, TrainingTask } from '../../../site-agent/training/trainer.ts';
import {
  drawnTensors,
  type ModelKind,
  modelKinds,
  modelPlan,
  smallModels,
  type TaskKind,
} from '../../support/model-plans.ts';
import { installedTfjsBackends, nativeDirectory, webgpuDirectory } from '../../support/tfjs.ts';
import { relativeDistance, trainingTask } from '../../support/training.ts';

const never = new AbortController().signal;
const onnx: Trainer = new OnnxTrainer();
const trainers = (await installedTfjsBackends()).map((backend) => [backend.name, new TfjsTrainer(backend)] as const);
afterAll(async () => {
  for (const trainer of [onnx, ...trainers.map(([, trainer]) => trainer)]) await trainer.dispose();
});

/** A task for each family, so that every task stands with some. */
const tasks: Readonly<Record<ModelKind, TaskKind>> = {
  logistic: 'ordinal',
  cox: 'survival',
  mlp: 'survival',
  embedded: 'multiclass',
  tcn: 'ordinal',
  gru: 'binary',
  transformer: 'regression',
  cnn: 'multiclass',
  resnet: 'binary',
};

/** As far apart as the engines may be after so many steps, relative to the size of the delta. */
const allowed: readonly (readonly [steps: number, distance: number])[] = [
  [1, 1e-5],
  [10, 1e-4],
  [100, 1e-3],
];

function taskOf(model: object, kind: TaskKind, training: object): TrainingTask {
  const plan: Plan = modelPlan(model, kind, { batch: 8, optimiser: { kind: 'adam', rate: 0.003 }, ...training });
  // 20 rows: batches of 8, 8 and 4.
  return trainingTask(plan, 20, drawnTensors(plan));
}

describe('what the engines are compared on', () => {
  const names = trainers.map(([name]) => name);
  it.skipIf(nativeDirectory === undefined)('TensorFlow’s own library (needs WARDROUND_TEST_TENSORFLOW)', () => {
    expect(names.some((name) => name === 'node' || name === 'node-gpu')).toBe(true);
  });
  it.skipIf(webgpuDirectory === undefined)('WebGPU (needs WARDROUND_TEST_WEBGPU)', () => {
    expect(names).toContain('webgpu');
  });
  it('WebAssembly and plain JavaScript', () => {
    expect(names).toEqual(expect.arrayContaining(['wasm', 'cpu']));
  });
});

describe.each(trainers)('the engines agree on every family: onnx and tfjs on %s', (backend, tfjs) => {
  // A hundred steps of plain JavaScript take a minute.
  const asked = allowed.filter(([steps]) => backend !== 'cpu' || steps < 100);
  it.each(modelKinds.flatMap((kind) => asked.map(([steps, distance]) => ({ kind, steps, distance }))))(
    '$kind after $steps steps to $distance',
    async ({ kind, steps, distance }) => {
      const task = taskOf(smallModels[kind], tasks[kind], { work: { steps } });
      const first = await onnx.train(task, never);
      const second = await tfjs.train(task, never);
      expect([...second.delta.keys()]).toEqual([...first.delta.keys()]);
      expect(relativeDistance(second.delta, first.delta)).toBeLessThan(distance);
      expect(Math.abs(second.metrics.lossLast / first.metrics.lossLast - 1)).toBeLessThan(distance);
      expect(second.steps).toBe(steps);
    },
  );
});
