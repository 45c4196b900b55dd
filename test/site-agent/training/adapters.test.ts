import { describe, expect, it } from 'vitest';
import { frozenWeights, mergeAdapters } from '../../../shared/graph/adapters.ts';
import { initialWeights } from '../../../shared/graph/families.ts';
import { buildInferenceModel } from '../../../shared/graph/inference-model.ts';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import { encodeSafetensors } from '../../../shared/tensors/safetensors.ts';
import type { NamedTensors } from '../../../shared/tensors/tensor.ts';
import { openTrainer } from '../../../site-agent/training/open-trainer.ts';
import type { EngineName } from '../../../site-agent/training/trainer.ts';
import { modelPlan } from '../../support/model-plans.ts';
import { preprocessingFor } from '../../support/preprocessing.ts';
import { rawInputs } from '../../support/raw-inputs.ts';
import { type FloatTensor, runOnnx } from '../../support/run-onnx.ts';
import { relativeDistance, trainingTask } from '../../support/training.ts';

const transformer = { family: 'transformer', width: 16, heads: 4, blocks: 2 };
const training = { batch: 32, work: { epochs: 1 }, optimiser: { kind: 'adam', rate: 0.03 } };
const lora = { rank: 4, alpha: 8 };
const plan = modelPlan(transformer, 'binary', { ...training, trainable: { lora } });
const whole = modelPlan(transformer, 'binary', training);

async function trained(engine: EngineName): Promise<NamedTensors> {
  const trainer = await openTrainer(engine, silentLogger);
  try {
    return (await trainer.train(trainingTask(plan, 64), new AbortController().signal)).delta;
  } finally {
    await trainer.dispose();
  }
}

const byOnnx = trained('onnx');

describe('an update of adapters of rank 4 on a transformer', () => {
  it('is the adapters and nothing else, of an eighth of the bytes and less for wider networks', async () => {
    const delta = await byOnnx;
    expect([...delta.keys()].every((name) => /\.weight\.lora_[ab]$/.test(name))).toBe(true);
    expect([...delta.values()].every(({ data }) => data.some((value) => value !== 0))).toBe(true);
    const wide = (trainable: object) => {
      const model = { family: 'transformer', width: 128, heads: 4, blocks: 2 };
      return encodeSafetensors(initialWeights(modelPlan(model, 'binary', trainable))).byteLength;
    };
    // Per block 4 (4 (128 + 128) + 2 (128 + 512)) values, of 4 · 128² + 2 · 128 · 512 and more.
    expect(wide({ trainable: { lora } }) / wide({})).toBeLessThan(0.125);
  });

  it('is the same from both engines, and moves the released model', async () => {
    const [ours, theirs] = [await byOnnx, await trained('tfjs')];
    expect(relativeDistance(ours, theirs)).toBeLessThan(1e-4);
    const start = initialWeights(plan);
    const weights: NamedTensors = new Map(
      [...start].map(([name, { shape, data }]) => [
        name,
        { shape, data: data.map((value, at) => value + (ours.get(name)?.data[at] as number)) },
      ]),
    );
    const preprocessing = preprocessingFor(plan);
    const raw = rawInputs(plan, 20);
    const logits = async (file: Uint8Array): Promise<Float32Array> =>
      ((await runOnnx(file, raw)).logit as FloatTensor).data;
    const released = await logits(buildInferenceModel(plan, preprocessing, weights));
    const merged = mergeAdapters(plan, weights, frozenWeights(plan));
    expect(released).toEqual(await logits(buildInferenceModel(whole, preprocessing, merged)));
    const before = await logits(buildInferenceModel(whole, preprocessing, initialWeights(whole)));
    expect(before).toEqual(await logits(buildInferenceModel(plan, preprocessing, start)));
    expect(Math.max(...released.map((value, at) => Math.abs(value - (before[at] as number))))).toBeGreaterThan(0.05);
  });
});
