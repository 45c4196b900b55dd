import { afterAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import { trainRound } from '../../../site-agent/training/loop.ts';
import { cpuProvider } from '../../../site-agent/training/onnx/provider.ts';
import { OnnxTrainer } from '../../../site-agent/training/onnx-trainer.ts';
import { openTfjsBackend } from '../../../site-agent/training/tfjs-backends.ts';
import { TfjsTrainer } from '../../../site-agent/training/tfjs-trainer.ts';
import type { Checkpoint, Progress, Trainer, TrainingTask } from '../../../site-agent/training/trainer.ts';
import { fakeEngine } from '../../support/fake-engine.ts';
import { drawnTensors, modelPlan, smallModels } from '../../support/model-plans.ts';
import { trainingTask } from '../../support/training.ts';

const never = new AbortController().signal;
const trainers: Readonly<Record<string, Trainer>> = {
  'onnx, steps together': new OnnxTrainer(),
  'onnx, step by step': new OnnxTrainer({ provider: { ...cpuProvider, workPerCall: 0 } }),
  'onnx in half precision': new OnnxTrainer({ provider: { ...cpuProvider, float16: true } }),
  tfjs: new TfjsTrainer(await openTfjsBackend(silentLogger, 'wasm')),
};
afterAll(async () => {
  for (const trainer of Object.values(trainers)) await trainer.dispose();
});

/** Rows whose gradient is longer than the bound, from the formula: (p - y) · [x, 1] is the gradient of a row of a logistic model. */
function longerThan({ data, weights }: TrainingTask, most: number): number {
  const weight = weights.get('layer1.weight')?.data as Float32Array;
  const bias = weights.get('layer1.bias')?.data[0] as number;
  let count = 0;
  for (let row = 0; row < data.rows; row++) {
    const x = data.values.subarray(row * data.features, (row + 1) * data.features);
    const logit = x.reduce((sum, value, at) => sum + value * (weight[at] as number), bias);
    const error = 1 / (1 + Math.exp(-logit)) - (data.labels[row] as number);
    if (Math.abs(error) * Math.hypot(...x, 1) > most) count += 1;
  }
  return count;
}

describe('rows clipped in a round', () => {
  const most = 1;
  // A rate at which the weights stay where they are: each epoch clips the same rows.
  const plan = modelPlan(smallModels.logistic, 'binary', {
    batch: 8,
    work: { epochs: 3 },
    optimiser: { kind: 'sgd', rate: 1e-9 },
    perExampleClip: most,
    precision: 'mixed',
  });
  const task = trainingTask(plan, 21, drawnTensors(plan));
  const inEpoch = longerThan(task, most);

  it.each(Object.entries(trainers))('are those the formula says: %s, whole and in parts', async (_, trainer) => {
    expect(inEpoch).toBeGreaterThan(4);
    expect(inEpoch).toBeLessThan(17);
    const told: Progress[] = [];
    const whole = await trainer.train({ ...task, onProgress: (progress) => told.push(progress) }, never);
    expect(whole.clipping).toEqual({ rows: 63, clipped: 3 * inEpoch });
    expect(told.at(-1)?.clipping).toEqual(whole.clipping);
    expect(told.map(({ clipping }) => clipping?.rows)).toEqual(
      [...told].map(({ step }) => 21 * Math.floor(step / 3) + 8 * (step % 3)),
    );
    const parts = await trainer.train({ ...task, mostRows: 3 }, never);
    expect(parts.clipping).toEqual(whole.clipping);
  });

  it.each(Object.entries(trainers))('end the round where one has a norm beyond float32: %s', async (_, trainer) => {
    const values = task.data.values.slice();
    values[5 * task.data.features] = -1e25;
    const plain = { ...plan, training: { ...plan.training, precision: 'float32' as const } };
    const failed = trainer.train({ ...task, plan: plain, data: { ...task.data, values } }, never);
    await expect(failed).rejects.toMatchObject({ code: expect.stringMatching(/^not_finite_(loss|delta)$/) });
  });

  it('are no number where rows are not clipped, and no metric', async () => {
    const { perExampleClip: _, ...training } = plan.training;
    for (const trainer of Object.values(trainers)) {
      const result = await trainer.train({ ...task, plan: { ...plan, training } }, never);
      expect(result).not.toHaveProperty('clipping');
      expect(Object.keys((await trainer.train(task, never)).metrics)).toEqual(['lossFirst', 'lossLast']);
    }
  });
});

const provider = { name: 'cpu', keepsOnDevice: false, workPerCall: 1, workPerCheckpoint: 1 } as const;

describe('a round that is broken off', () => {
  const halved = { ...smallModels.mlp, dropout: 0.3 };

  it.each([
    ['float32', false, smallModels.gru, {}],
    ['half precision', true, halved, {}],
    ['half precision, in parts', true, halved, { mostRows: 3 }],
  ] as const)(
    'ends with the same bits and the same counts from every checkpoint: %s',
    async (_, float16, model, cut) => {
      const plan = modelPlan(model, 'regression', {
        batch: 8,
        work: { epochs: 3 },
        optimiser: { kind: 'adam', rate: 0.01 },
        perExampleClip: 1,
        precision: 'mixed',
      });
      // One label so large that in half precision steps are taken again.
      const drawn = trainingTask(plan, 20, drawnTensors(plan));
      const labels = drawn.data.labels.map((label, row) => (row === 3 ? 400 : label));
      const task = { ...drawn, data: { ...drawn.data, labels }, ...cut };
      const trainer = new OnnxTrainer({ provider: { ...provider, float16 } });
      const kept: Checkpoint[] = [];
      const whole = await trainer.train({ ...task, onCheckpoint: async (one) => void kept.push(one) }, never);
      expect(whole.clipping?.rows).toBe(60);
      expect(whole.clipping?.clipped).toBeGreaterThan(0);
      expect(whole.clipping?.clipped).toBeLessThan(60);
      if (float16) expect(whole.stepsAgain).toBeGreaterThan(0);
      expect(kept.length).toBeGreaterThan(3);
      for (const checkpoint of kept) {
        const resume = { ...checkpoint, record: JSON.parse(JSON.stringify(checkpoint.record)) };
        const resumed = await trainer.train({ ...task, resume }, never);
        expect(resumed).toEqual(whole);
      }
      await trainer.dispose();
    },
  );

  it('begins anew from a checkpoint that has no counts, or has some where none belong', async () => {
    const plan = modelPlan(smallModels.logistic, 'binary', { batch: 8, work: { epochs: 2 }, perExampleClip: 1 });
    const task = trainingTask(plan, 20);
    const engine = () => fakeEngine({ workPerCheckpoint: 1, clippedOf: (step) => step % 3 });
    const run = (own: TrainingTask, used = engine()) =>
      trainRound(used, own, never, { log: silentLogger, nowMs: () => 0 });
    const kept: Checkpoint[] = [];
    const whole = await run({ ...task, onCheckpoint: async (one) => void kept.push(structuredClone(one)) });
    // Steps 0 to 5 clip 0, 1, 2, 0, 1, 2 rows of 8, 8, 4, 8, 8, 4.
    expect(whole.clipping).toEqual({ rows: 40, clipped: 6 });
    const resume = kept[2] as Checkpoint;
    expect((await run({ ...task, resume })).clipping).toEqual({ rows: 40, clipped: 6 });
    const { clipping: _, ...without } = resume.record;
    const anew = engine();
    expect((await run({ ...task, resume: { ...resume, record: without } }, anew)).clipping).toEqual(whole.clipping);
    expect(anew.calls).toHaveLength(6);
    const free = { ...plan, training: { ...plan.training, perExampleClip: undefined } };
    const other = engine();
    await run({ ...task, plan: free as never, resume }, other);
    expect(other.calls).toHaveLength(6);
  });
});
