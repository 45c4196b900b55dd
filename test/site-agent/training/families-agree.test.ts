import { afterAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../../shared/plan/plan.ts';
import { webgpuProvider } from '../../../site-agent/training/onnx/provider.ts';
import { OnnxTrainer } from '../../../site-agent/training/onnx-trainer.ts';
import type { TfjsBackend } from '../../../site-agent/training/tfjs-backends.ts';
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
import { inSmallTiles, installedTfjsBackends, nativeDirectory, webgpuDirectory } from '../../support/tfjs.ts';
import { relativeDistance, trainingTask } from '../../support/training.ts';
import { vulkanDriver } from '../../support/vulkan.ts';

const onnx: Trainer = new OnnxTrainer();
const backends = await installedTfjsBackends();
const trainers = backends.map((backend) => [`tfjs on ${backend.name}`, new TfjsTrainer(backend), backend] as const);
const onWebgpu: readonly (readonly [string, Trainer, undefined])[] =
  vulkanDriver === null ? [] : [['onnx on webgpu', new OnnxTrainer({ provider: webgpuProvider(false) }), undefined]];
const compared: readonly (readonly [string, Trainer, TfjsBackend | undefined])[] = [...trainers, ...onWebgpu];
afterAll(async () => {
  for (const trainer of [onnx, ...compared.map(([, trainer]) => trainer)]) await trainer.dispose();
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
  const plan: Plan = modelPlan(model, kind, { batch: 8, ...training });
  // 20 rows: batches of 8, 8 and 4.
  return trainingTask(plan, 20, drawnTensors(plan));
}

describe('what the engines are compared on', () => {
  const names = compared.map(([name]) => name);
  it.skipIf(nativeDirectory === undefined)('TensorFlow’s own library (needs WARDROUND_TEST_TENSORFLOW)', () => {
    expect(names.some((name) => name === 'tfjs on node' || name === 'tfjs on node-gpu')).toBe(true);
  });
  it.skipIf(webgpuDirectory === undefined)('tfjs on WebGPU (needs WARDROUND_TEST_WEBGPU)', () => {
    expect(names).toContain('tfjs on webgpu');
  });
  it.skipIf(vulkanDriver === null)('onnx on WebGPU (needs WARDROUND_TEST_VULKAN)', () => {
    expect(names).toContain('onnx on webgpu');
  });
  it('WebAssembly and plain JavaScript', () => {
    expect(names).toEqual(expect.arrayContaining(['tfjs on wasm', 'tfjs on cpu']));
  });
});

/**
 * Adam's first step is the gradient's sign, whatever its size: it says of a gradient only where it points. One step is therefore also one of plain
 * descent.
 */
const optimisers = {
  adam: { kind: 'adam', rate: 0.003 },
  sgd: { kind: 'sgd', rate: 0.05, momentum: 0 },
} as const;
const cases = modelKinds.flatMap((kind) =>
  allowed.flatMap(([steps, distance]) =>
    (steps === 1 ? (['sgd', 'adam'] as const) : (['adam'] as const)).map((by) => ({ kind, steps, by, distance })),
  ),
);

describe.each(compared)('the engines agree on every family: onnx and %s', (_, other, backend) => {
  it.for(cases)('$kind after $steps steps of $by to $distance', async ({ kind, steps, by, distance }, { signal }) => {
    if (backend) inSmallTiles(backend, steps === 100);
    const task = taskOf(smallModels[kind], tasks[kind], { work: { steps }, optimiser: optimisers[by] });
    const first = await onnx.train(task, signal);
    const second = await other.train(task, signal);
    expect([...second.delta.keys()]).toEqual([...first.delta.keys()]);
    expect(relativeDistance(second.delta, first.delta)).toBeLessThan(distance);
    expect(Math.abs(second.metrics.lossLast / first.metrics.lossLast - 1)).toBeLessThan(distance);
    expect(second.steps).toBe(steps);
  });
});
