import { afterAll, describe, expect, it } from 'vitest';
import { cpuProvider } from '../../../site-agent/training/onnx/provider.ts';
import { OnnxTrainer } from '../../../site-agent/training/onnx-trainer.ts';
import type { TrainingTask } from '../../../site-agent/training/trainer.ts';
import { drawnTensors, modelPlan } from '../../support/model-plans.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { drawnMatrix, trainingTask } from '../../support/training.ts';

const never = new AbortController().signal;
const { log, lines } = recordingLogger();
const half = new OnnxTrainer({ provider: { ...cpuProvider, float16: true }, log });
const full = new OnnxTrainer();
afterAll(async () => {
  await half.dispose();
  await full.dispose();
});

function taskOf(scale: number, training: object = {}): TrainingTask {
  const plan = modelPlan({ family: 'mlp', hidden: [6], activation: 'tanh' }, 'regression', {
    precision: 'mixed',
    optimiser: { kind: 'sgd', rate: 1e-4, momentum: 0 },
    batch: 10,
    work: { epochs: 6 },
    ...training,
  });
  const task = trainingTask(plan, 20, drawnTensors(plan));
  return { ...task, data: { ...task.data, labels: task.data.labels.map((label) => label * scale) } };
}

describe('steps left out in half precision', () => {
  it('are counted, told, and the rest of the steps train', async () => {
    // Errors of some hundreds: times the first scale of 2^15 their gradients are beyond float16's 65,504.
    const { skippedSteps = 0, steps, delta } = await half.train(taskOf(100), never);
    expect(skippedSteps).toBeGreaterThan(2);
    expect(skippedSteps).toBeLessThan(steps);
    expect([...delta.values()].every(({ data }) => data.some((value) => value !== 0))).toBe(true);
    expect(lines.filter(({ fields }) => fields.skippedSteps === skippedSteps)).toHaveLength(1);
  });

  it('are counted with early stopping too', async () => {
    const task = taskOf(100, { earlyStopping: { share: 0.3, patience: 6, minimumDelta: 0 } });
    const { skippedSteps } = await half.train({ ...task, validation: drawnMatrix(task.plan, 8, 4) }, never);
    expect(skippedSteps).toBeGreaterThan(2);
  });

  it('are none where gradients are small, and no number in float32', async () => {
    const { plan } = taskOf(1);
    const small = modelPlan(plan.model, 'binary', { ...plan.training, optimiser: { kind: 'sgd', rate: 0.01 } });
    expect(await half.train(trainingTask(small, 20), never)).toMatchObject({ precision: 'mixed', skippedSteps: 0 });
    expect(await full.train(taskOf(100), never)).not.toHaveProperty('skippedSteps');
  });
});
