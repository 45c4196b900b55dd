import { afterAll, describe, expect, it } from 'vitest';
import { batchMayBeCut } from '../../../shared/graph/training/objective.ts';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import { OnnxTrainer } from '../../../site-agent/training/onnx-trainer.ts';
import { openTfjsBackend } from '../../../site-agent/training/tfjs-backends.ts';
import { TfjsTrainer } from '../../../site-agent/training/tfjs-trainer.ts';
import type { Trainer } from '../../../site-agent/training/trainer.ts';
import {
  drawnTensors,
  fits,
  modelKinds,
  modelPlan,
  smallModels,
  type TaskKind,
  taskKinds,
} from '../../support/model-plans.ts';
import { relativeDistance, trainingTask } from '../../support/training.ts';

const never = new AbortController().signal;
const trainers: readonly (readonly [string, Trainer])[] = [
  ['onnx', new OnnxTrainer()],
  ['tfjs', new TfjsTrainer(await openTfjsBackend(silentLogger, 'wasm'))],
];
afterAll(async () => {
  for (const [, trainer] of trainers) await trainer.dispose();
});

// 19 rows in batches of 8: the last has 3.
const training = {
  batch: 8,
  work: { epochs: 2 },
  optimiser: { kind: 'sgd', rate: 0.02, momentum: 0.9 },
  l2: 0.05,
  clipNorm: 1,
};
const withDropout: readonly string[] = ['mlp', 'embedded', 'tcn', 'gru', 'transformer', 'cnn'];
const modelOf = (kind: (typeof modelKinds)[number]): object => ({
  ...smallModels[kind],
  ...(withDropout.includes(kind) ? { dropout: 0.25 } : {}),
  ...(kind === 'cnn' ? { normalisation: 'group' } : {}),
});

interface Case {
  readonly what: string;
  readonly model: object;
  readonly task: TaskKind;
  readonly change?: object;
}

/** Every family, and one with every loss that takes its rows apart. */
const families: readonly Case[] = modelKinds.flatMap((kind) =>
  taskKinds
    .filter((task) => (kind === 'mlp' ? task !== 'survival' : task === 'binary') && fits(kind, task))
    .map((task) => ({ what: `${kind}, ${task}`, model: modelOf(kind), task })),
);
const mlp = modelOf('mlp');
const settings: readonly Case[] = [
  {
    what: 'class weights, smoothing',
    model: mlp,
    task: 'multiclass',
    change: { loss: { kind: 'cross-entropy', classWeights: [1, 4, 0.2], smoothing: 0.2 } },
  },
  {
    what: 'class weights of two classes',
    model: mlp,
    task: 'binary',
    change: { loss: { kind: 'cross-entropy', classWeights: [0.3, 5] } },
  },
  { what: 'focal with gamma 0', model: mlp, task: 'binary', change: { loss: { kind: 'focal', gamma: 0 } } },
  {
    what: 'focal',
    model: mlp,
    task: 'multiclass',
    change: { loss: { kind: 'focal', gamma: 3, classWeights: [1, 2, 3] } },
  },
  { what: 'Huber', model: mlp, task: 'regression', change: { loss: { kind: 'huber', delta: 0.5 } } },
  { what: 'clipping of each row', model: mlp, task: 'binary', change: { perExampleClip: 0.3 } },
  {
    what: 'clipping of each row of an encoder',
    model: modelOf('transformer'),
    task: 'binary',
    change: { perExampleClip: 0.3 },
  },
  {
    what: 'adapters',
    model: modelOf('transformer'),
    task: 'binary',
    change: { trainable: { lora: { rank: 2, and: ['last.*', 'norm.*'] } } },
  },
  { what: 'named tensors', model: mlp, task: 'binary', change: { trainable: { names: ['layer2.*', '*.bias'] } } },
];

describe.each(trainers)('batches of 8 in parts on %s', (_, trainer) => {
  it.each([...families, ...settings])(
    '$what: at most 1, 3 and 7 rows at once give what the whole gives',
    async ({ model, task, change }) => {
      const plan = modelPlan(model, task, { ...training, ...change });
      expect(batchMayBeCut(plan)).toBe(true);
      const asked = { ...trainingTask(plan, 19, drawnTensors(plan)), proximal: 0.1 };
      const whole = await trainer.train(asked, never);
      expect(whole.rowsAtOnce).toBe(8);
      for (const mostRows of [1, 3, 7]) {
        const parts = await trainer.train({ ...asked, mostRows }, never);
        expect(parts.rowsAtOnce).toBe(mostRows);
        expect(relativeDistance(parts.delta, whole.delta), `${mostRows} rows at once`).toBeLessThan(1e-5);
        expect(parts.metrics.lossLast / whole.metrics.lossLast).toBeCloseTo(1, 5);
      }
    },
  );

  it('are refused where rows depend on one another', async () => {
    for (const plan of [
      modelPlan({ family: 'cox' }, 'survival', training),
      modelPlan(smallModels.cnn, 'binary', training),
    ]) {
      const asked = { ...trainingTask(plan, 19), mostRows: 3 };
      await expect(trainer.train(asked, never)).rejects.toMatchObject({ code: 'batch_whole' });
    }
  });
});
