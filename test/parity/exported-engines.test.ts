import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { frozenWeights } from '../../shared/graph/adapters.ts';
import { initialWeights } from '../../shared/graph/families.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import { openTrainer } from '../../site-agent/training/open-trainer.ts';
import type { TrainingTask } from '../../site-agent/training/trainer.ts';
import { broughtPlan, exportedFile, images, series } from '../support/brought-plans.ts';

// Rows of test/parity/exported-networks.py.
const { batches } = JSON.parse(readFileSync(new URL('../fixtures/exported/losses.json', import.meta.url), 'utf8')) as {
  batches: Readonly<Record<'images' | 'series', { shape: number[]; x: number[][]; y: number[][] }>>;
};

function taskOf(name: string): TrainingTask {
  const kind = name.startsWith('res') || name.startsWith('gro') ? 'images' : 'series';
  const { shape, x, y } = batches[kind];
  const { plan, weights } = broughtPlan(exportedFile(name), {
    payload: kind === 'images' ? images : series,
    training: { optimiser: { kind: 'sgd', rate: 0.05 }, batch: 12, work: { steps: 4 } },
  });
  const labels = Float32Array.from(y.flat());
  const rows = labels.length;
  const values = Float32Array.from(x.flat());
  return {
    plan,
    data: { rows, features: 18, values: new Float32Array(rows * 18), labels, payload: { kind, shape, values } },
    weights: initialWeights(plan, weights),
    frozen: frozenWeights(plan, weights),
    seed: 1,
  };
}

async function deltaOf(engine: 'onnx-cpu' | 'tfjs-cpu', task: TrainingTask): Promise<NamedTensors> {
  const trainer = await openTrainer(engine, silentLogger);
  try {
    return (await trainer.train(task, new AbortController().signal)).delta;
  } finally {
    await trainer.dispose();
  }
}

// TensorFlow.js differentiates the same operators itself. Seen: at most 1e-6 of the largest change.
describe('both engines train a brought network alike, 4 steps', () => {
  it.each(['residual', 'grouped', 'gru', 'lstm-dynamo', 'transformer'])('%s', async (name) => {
    const task = taskOf(name);
    const [onnx, tfjs] = [await deltaOf('onnx-cpu', task), await deltaOf('tfjs-cpu', task)];
    let apart = 0;
    let largest = 0;
    for (const [tensor, { data }] of onnx) {
      for (const [at, change] of data.entries()) {
        apart = Math.max(apart, Math.abs(change - (tfjs.get(tensor)?.data[at] as number)));
        largest = Math.max(largest, Math.abs(change));
      }
    }
    expect(largest).toBeGreaterThan(1e-3);
    expect(apart).toBeLessThan(1e-5 * largest);
  });
});
