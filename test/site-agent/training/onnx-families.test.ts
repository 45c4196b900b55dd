import { afterAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../../shared/plan/plan.ts';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import type { NamedTensors } from '../../../shared/tensors/tensor.ts';
import { EngineTrainer } from '../../../site-agent/training/engine-trainer.ts';
import { webgpuProvider } from '../../../site-agent/training/onnx/provider.ts';
import { OnnxTrainer } from '../../../site-agent/training/onnx-trainer.ts';
import { TfjsEngine } from '../../../site-agent/training/tfjs/tfjs-engine.ts';
import { openTfjsBackend } from '../../../site-agent/training/tfjs-backends.ts';
import type { Checkpoint, Trainer, TrainingTask } from '../../../site-agent/training/trainer.ts';
import { fits, modelKinds, modelPlan, smallModels, type TaskKind, taskKinds } from '../../support/model-plans.ts';
import { drawnMatrix, relativeDistance, trainingTask } from '../../support/training.ts';
import { vulkanDriver } from '../../support/vulkan.ts';

const never = new AbortController().signal;
const cpu = new OnnxTrainer();
const webgpu = vulkanDriver === null ? null : new OnnxTrainer({ provider: webgpuProvider(false) });

afterAll(async () => {
  await cpu.dispose();
  await webgpu?.dispose();
});

const training = {
  optimiser: { kind: 'sgd', rate: 0.01, momentum: 0.9 },
  batch: 8,
  work: { epochs: 2 },
  l2: 0.01,
} as const;
const cases = modelKinds.flatMap((kind) =>
  taskKinds.filter((task) => fits(kind, task)).map((task) => ({ kind, task })),
);

/** Every family once, and every task once: a software device is slow. */
const onDevice = cases.filter(({ kind, task }) => kind === 'mlp' || task === (kind === 'cox' ? 'survival' : 'binary'));

function bytesOf(delta: NamedTensors): string {
  return [...delta].map(([name, { data }]) => `${name}:${Buffer.from(data.buffer).toString('hex')}`).join('\n');
}

const planOf = (kind: (typeof modelKinds)[number], task: TaskKind, change: object = {}): Plan =>
  modelPlan(smallModels[kind], task, { ...training, ...change });

describe('every family trains', () => {
  it.each(cases)('$kind, $task, the loss goes down', async ({ kind, task }) => {
    // A small step against the gradient of all rows: it must lead downhill.
    const plan = planOf(kind, task, {
      optimiser: { kind: 'sgd', rate: 0.002, momentum: 0 },
      batch: 'full',
      work: { steps: 30 },
      l2: 0,
    });
    const { metrics, steps, delta } = await cpu.train(trainingTask(plan, 20), never);
    expect(steps).toBe(30);
    expect(metrics.lossLast).toBeLessThan(metrics.lossFirst);
    expect([...delta.values()].some(({ data }) => data.some((value) => value !== 0))).toBe(true);
  });

  // Needs a Vulkan driver, of which Chromium has one in software: WARDROUND_TEST_VULKAN=/usr/lib/chromium/vk_swiftshader_icd.json
  it.skipIf(webgpu === null).each(onDevice)(
    '$kind, $task, the same on webgpu as on the CPU (needs WARDROUND_TEST_VULKAN)',
    async ({ kind, task }) => {
      const asked = trainingTask(planOf(kind, task), 20);
      const first = await cpu.train(asked, never);
      const second = await (webgpu as Trainer).train(asked, never);
      expect(relativeDistance(second.delta, first.delta)).toBeLessThan(1e-4);
      expect(second.metrics.lossLast / first.metrics.lossLast).toBeCloseTo(1, 4);
    },
  );

  it.skipIf(webgpu === null).each(['embedded', 'tcn', 'gru', 'transformer', 'resnet'] as const)(
    '%s with rows clipped one by one, the same on webgpu as on the CPU (needs WARDROUND_TEST_VULKAN)',
    async (kind) => {
      const asked = trainingTask(planOf(kind, 'binary', { perExampleClip: 0.3 }), 20);
      const first = await cpu.train(asked, never);
      const second = await (webgpu as Trainer).train(asked, never);
      expect(first.clipping?.clipped).toBeGreaterThan(0);
      expect(second.clipping).toEqual(first.clipping);
      expect(relativeDistance(second.delta, first.delta)).toBeLessThan(1e-4);
    },
  );
});

/** Trains once without a break, then from each checkpoint on. */
async function interrupted(trainer: Trainer, task: TrainingTask): Promise<number> {
  const kept: Checkpoint[] = [];
  const whole = await trainer.train({ ...task, onCheckpoint: async (one) => void kept.push(one) }, never);
  for (const resume of kept) {
    const result = await trainer.train({ ...task, resume }, never);
    expect(bytesOf(result.delta)).toBe(bytesOf(whole.delta));
    expect(result.metrics).toEqual(whole.metrics);
    expect(result.validation).toEqual(whole.validation);
  }
  return kept.length;
}

it.skipIf(webgpu === null)(
  'a row with a norm beyond float32 ends the round on webgpu too (needs WARDROUND_TEST_VULKAN)',
  async () => {
    const asked = trainingTask(planOf('logistic', 'binary', { perExampleClip: 0.3 }), 20);
    const values = asked.data.values.slice();
    values[0] = -1e25;
    await expect((webgpu as Trainer).train({ ...asked, data: { ...asked.data, values } }, never)).rejects.toMatchObject(
      {
        code: expect.stringMatching(/^not_finite_(loss|delta)$/),
      },
    );
  },
);

describe('a round that is broken off', () => {
  const provider = { name: 'cpu', keepsOnDevice: false, float16: false, workPerCall: 1, workPerCheckpoint: 1 } as const;

  it.each(modelKinds)('ends in the same bits from every checkpoint: %s', async (kind) => {
    const trainer = new OnnxTrainer({ provider });
    const plan = planOf(kind, kind === 'cox' ? 'survival' : 'binary', {
      optimiser: { kind: 'adam', rate: 0.01 },
      earlyStopping: { share: 0.3, patience: 5, minimumDelta: 0 },
    });
    const task = { ...trainingTask(plan, 20), validation: drawnMatrix(plan, 9, 4) };
    expect(await interrupted(trainer, task)).toBe(5);
    await trainer.dispose();
  });

  it('ends in the same bits with several steps a call and random values', async () => {
    const trainer = new OnnxTrainer({ provider: { ...provider, workPerCall: 4e6 } });
    const plan = modelPlan({ family: 'mlp', hidden: [6], dropout: 0.3 }, 'binary', {
      ...training,
      optimiser: { kind: 'rmsprop', rate: 0.01, momentum: 0.5 },
      batch: 4,
      work: { epochs: 10 },
    });
    expect(await interrupted(trainer, trainingTask(plan, 30))).toBeGreaterThan(5);
    await trainer.dispose();
  });

  it.each(['wasm', 'cpu'] as const)('ends in the same bits on tfjs %s', async (name) => {
    const engine = new TfjsEngine(await openTfjsBackend(silentLogger, name));
    // A checkpoint after every step.
    Object.defineProperty(engine, 'workPerCheckpoint', { value: 1 });
    const plan = planOf('mlp', 'binary', {
      optimiser: { kind: 'adam', rate: 0.01 },
      earlyStopping: { share: 0.3, patience: 5, minimumDelta: 0 },
    });
    const task = { ...trainingTask(plan, 20), validation: drawnMatrix(plan, 9, 4) };
    expect(await interrupted(new EngineTrainer(engine), task)).toBe(5);
  });

  it('ends in the same bits in parts of a batch, and in half precision with its scale of the loss', async () => {
    const trainer = new OnnxTrainer({ provider: { ...provider, float16: true } });
    const task = { ...trainingTask(planOf('mlp', 'binary', { precision: 'mixed' }), 20), mostRows: 3 };
    expect(await interrupted(trainer, task)).toBe(5);
    const half = await trainer.train(task, never);
    const full = await cpu.train(task, never);
    expect([half.precision, full.precision]).toEqual(['mixed', 'float32']);
    const apart = relativeDistance(half.delta, full.delta);
    expect(apart).toBeGreaterThan(1e-6);
    expect(apart).toBeLessThan(2e-2);
    await trainer.dispose();
  });

  it.skipIf(webgpu === null)('ends in the same bits on webgpu (needs WARDROUND_TEST_VULKAN)', async () => {
    const trainer = new OnnxTrainer({ provider: { ...webgpuProvider(false), workPerCheckpoint: 1 } });
    expect(await interrupted(trainer, trainingTask(planOf('mlp', 'binary', { batch: 16 }), 20))).toBe(3);
    await trainer.dispose();
  });

  it.skipIf(webgpu === null)(
    'gives the same bits each time on webgpu, where thousands of rows share a code (needs WARDROUND_TEST_VULKAN)',
    async () => {
      const task = trainingTask(planOf('embedded', 'multiclass', { batch: 'full', work: { steps: 3 } }), 4000);
      const seen = new Set<string>();
      for (let time = 0; time < 3; time++) seen.add(bytesOf((await (webgpu as Trainer).train(task, never)).delta));
      expect(seen.size).toBe(1);
    },
  );
});
