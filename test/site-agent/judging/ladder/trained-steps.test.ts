import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildInferenceModel } from '../../../../shared/graph/inference-model.ts';
import type { Plan } from '../../../../shared/plan/plan.ts';
import { logLoss } from '../../../../shared/statistics/log-loss.ts';
import type { NamedTensors } from '../../../../shared/tensors/tensor.ts';
import {
  labelsOf,
  localReference,
  scoreModel,
  scoreOrReason,
  type TrainedWeights,
  type TrainingGround,
  trainableOf,
  trainStep,
} from '../../../../site-agent/judging/ladder/trained-steps.ts';
import { openTrainer } from '../../../../site-agent/training/open-trainer.ts';
import type { Trainer, TrainingTask } from '../../../../site-agent/training/trainer.ts';
import { longModels } from '../../../support/long-networks.ts';
import { drawnWeights } from '../../../support/training.ts';
import { distorted, log, plan, reference } from './ladder-support.ts';

const network: Plan = {
  ...plan,
  model: { family: 'mlp', hidden: [6], activation: 'tanh' },
  training: { ...plan.training, work: { epochs: 5 } },
};
const table = distorted(21, 1600, (truth) => truth, 0);
const update = Uint32Array.from({ length: 800 }, (_, row) => row);
const later = Uint32Array.from({ length: 800 }, (_, row) => 800 + row);
const start = drawnWeights(network);
let trainer: Trainer;
let ground: TrainingGround;
beforeAll(async () => {
  trainer = await openTrainer('onnx', log);
  ground = { plan: network, preprocessing: reference, table, trainer, seed: 5, signal: new AbortController().signal };
});
afterAll(async () => trainer.dispose());

async function lossOf(model: Uint8Array): Promise<number> {
  return logLoss(await scoreModel(model, table, later), labelsOf(table, later)).value as number;
}

describe('training a release further', () => {
  it('moves the last layer alone, or all of them, and does better on later patients', async () => {
    const before = await lossOf(buildInferenceModel(network, reference, start));
    const moved = async (step: 'last_layer' | 'full'): Promise<string[]> => {
      const trained = (await trainStep(ground, update, start, trainableOf(network, step) ?? [])) as TrainedWeights;
      expect(await lossOf(trained.model)).toBeLessThan(before - 0.02);
      expect([1, 0.1, 0.01, 0.001]).toContain(trained.parameters.proximal);
      expect(trained.parameters).toMatchObject({ rows: 800, seed: 5 });
      const changed = ([name, { data }]: [string, NamedTensors extends ReadonlyMap<string, infer T> ? T : never]) =>
        data.some((value, at) => value !== start.get(name)?.data[at]);
      return [...trained.weights].filter(changed).map(([name]) => name);
    };
    expect(await moved('last_layer')).toEqual(['layer2.bias', 'layer2.weight']);
    expect(await moved('full')).toEqual(['layer1.bias', 'layer1.weight', 'layer2.bias', 'layer2.weight']);
  });

  it('has one step less where the network has one layer', () => {
    expect(trainableOf(plan, 'last_layer')).toBeNull();
    expect(trainableOf(plan, 'full')).toEqual(['layer1.bias', 'layer1.weight']);
  });

  it('moves adapters alone where the plan trains nothing else', async () => {
    const adapted: Plan = {
      ...network,
      training: { ...network.training, trainable: { lora: { rank: 1, on: ['*'], and: ['layer2.*'] } } },
    };
    expect(trainableOf(adapted, 'last_layer')).toEqual(['layer2.bias', 'layer2.weight']);
    const names = ['layer1.weight.lora_a', 'layer1.weight.lora_b', 'layer2.bias', 'layer2.weight'];
    expect(trainableOf(adapted, 'full')?.toSorted()).toEqual(names.toSorted());
    const from = drawnWeights(adapted);
    const before = await lossOf(buildInferenceModel(adapted, reference, from));
    const trained = (await trainStep({ ...ground, plan: adapted }, update, from, names)) as TrainedWeights;
    expect([...trained.weights.keys()].toSorted()).toEqual(names.toSorted());
    expect(await lossOf(trained.model)).toBeLessThan(before - 0.02);
  });

  it('says why it does not train', async () => {
    const some = trainableOf(network, 'full') ?? [];
    expect(await trainStep(ground, update.subarray(0, 90), start, some)).toEqual({ reason: 'too_few_rows' });
    expect(await localReference(ground, update.subarray(0, 90))).toEqual({ reason: 'too_few_rows' });
    const wild: Plan = {
      ...network,
      training: { ...network.training, optimiser: { kind: 'sgd', rate: 1e30, momentum: 0 } },
    };
    expect(await trainStep({ ...ground, plan: wild }, update, start, some)).toMatchObject({
      reason: expect.stringMatching(/^not_finite_(loss|delta)$/),
    });
  });

  it('does not begin what takes more memory than the site gives, or more work than a row may', async () => {
    const little = { ...ground, memoryMegabytes: 0 };
    expect(await trainStep(little, update, start, trainableOf(network, 'full') ?? [])).toEqual({
      reason: 'plan_too_large',
    });
    expect(await localReference(little, update)).toEqual({ reason: 'plan_too_large' });
    const model = buildInferenceModel(network, reference, start);
    expect(await scoreOrReason(model, table, later, little)).toEqual({ reason: 'model_too_large' });
    expect(await scoreOrReason(model, table, later, ground)).toHaveLength(800);
    const [, slow] = longModels.find(([what]) => what === 'a pool of large windows') ?? [];
    expect(await scoreOrReason((slow as () => Uint8Array)(), table, later, ground)).toEqual({
      reason: 'model_too_slow',
    });
  });

  it("trains a reference of the site's own", async () => {
    const own = await localReference(ground, update);
    expect(own).toBeInstanceOf(Uint8Array);
    expect(await lossOf(own as Uint8Array)).toBeLessThan(Math.LN2);
  });

  it('trains that reference in rounds, as the release was: a schedule and the optimiser begin anew in each', async () => {
    const seen: TrainingTask[] = [];
    const watched: Trainer = {
      engine: trainer.engine,
      description: trainer.description,
      train(task, signal) {
        seen.push(task);
        return trainer.train(task, signal);
      },
      dispose: async () => {},
    };
    const falling: Plan = {
      ...network,
      training: {
        ...network.training,
        schedule: { kind: 'linear', per: 'step', over: 10, lowest: 0, warmup: 0 },
        earlyStopping: { share: 0.25, patience: 3, minimumDelta: 0 },
      },
    };
    await localReference({ ...ground, plan: falling, trainer: watched }, update);
    // 600 of 800 patients train, in batches of 32: 19 steps an epoch, 5 epochs a round.
    expect(seen.map(({ round, plan: { training } }) => [round, training.work])).toEqual(
      Array.from({ length: network.federation.rounds }, (_, round) => [round, { steps: 95 }]),
    );
    expect(seen.map(({ data, validation }) => [data.rows, validation?.rows])).toEqual(seen.map(() => [600, 200]));
    expect(new Set(seen.map(({ seed }) => seed)).size).toBe(seen.length);
    // Each round starts where the one before ended.
    const starts = seen.map(({ weights }) => [...(weights.get('layer1.weight')?.data ?? [])].join());
    expect(new Set(starts).size).toBe(seen.length);
  });

  it('stops when it is told to', async () => {
    const stopped = { ...ground, signal: AbortSignal.abort(new Error('told to')) };
    await expect(trainStep(stopped, update, start, trainableOf(network, 'full') ?? [])).rejects.toThrow('told to');
  });
});
