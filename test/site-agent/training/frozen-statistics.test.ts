import { afterAll, describe, expect, it } from 'vitest';
import { frozenWeights } from '../../../shared/graph/adapters.ts';
import { networkOf } from '../../../shared/graph/network.ts';
import { buildEvaluation } from '../../../shared/graph/training/evaluation.ts';
import type { Plan } from '../../../shared/plan/plan.ts';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import type { NamedTensors } from '../../../shared/tensors/tensor.ts';
import { everyRow, gatherBatch } from '../../../site-agent/training/gathered-batch.ts';
import { OnnxTrainer } from '../../../site-agent/training/onnx-trainer.ts';
import { openTfjsBackend } from '../../../site-agent/training/tfjs-backends.ts';
import { TfjsTrainer } from '../../../site-agent/training/tfjs-trainer.ts';
import type { Trainer, TrainingTask } from '../../../site-agent/training/trainer.ts';
import { broughtPlan, exportedFile, images } from '../../support/brought-plans.ts';
import { drawnTensors, modelPlan, smallModels } from '../../support/model-plans.ts';
import { runOnnx } from '../../support/run-onnx.ts';
import { relativeDistance, trainingTask } from '../../support/training.ts';

const never = new AbortController().signal;
const onnx = new OnnxTrainer();
const tfjs = new TfjsTrainer(await openTfjsBackend(silentLogger, 'wasm'));
const trainers: readonly (readonly [string, Trainer])[] = [
  ['onnx', onnx],
  ['tfjs', tfjs],
];
afterAll(async () => {
  await onnx.dispose();
  await tfjs.dispose();
});

const step = { batch: 'full', work: { steps: 1 }, l2: 0, optimiser: { kind: 'sgd', rate: 0.1, momentum: 0 } } as const;
const planWith = (training: object = {}): Plan => modelPlan(smallModels.cnn, 'binary', { ...step, ...training });
const statistics = (plan: Plan): string[] =>
  networkOf(plan)
    .parameters.filter(({ role }) => role === 'buffer')
    .map(({ name }) => name);
const movedIn = (delta: NamedTensors): string[] =>
  [...delta].filter(([, { data }]) => data.some((value) => value !== 0)).map(([name]) => name);

/** The loss at the start by the inference form of the network, which knows no batches. */
async function lossAtInference({ plan, data, weights, frozen = frozenWeights(plan) }: TrainingTask): Promise<number> {
  const { graph, labels } = buildEvaluation(plan, { rows: data.rows });
  const { features, payload, labels: truth } = gatherBatch(data, everyRow(data));
  const given = new Map<string, Float32Array | null>([
    ['features', features],
    ['payload', payload],
    ['labels', truth],
    ...[...weights].map(([name, tensor]) => [name, tensor.data] as const),
    ...[...frozen].map(([name, tensor]) => [`frozen/${name}`, tensor.data] as const),
  ]);
  expect(labels.shape[0]).toBe(data.rows);
  const feeds = graph.inputs.map(
    ({ name, shape }) => [name, { shape: shape as number[], data: given.get(name) as Float32Array }] as const,
  );
  const { loss } = await runOnnx(graph, Object.fromEntries(feeds));
  return ((loss?.data[0] as number) ?? Number.NaN) / data.rows;
}

describe.each(trainers)('batch normalisation on %s', (_, trainer) => {
  const all = planWith();
  const names = statistics(all);

  it('moves its statistics where it trains', async () => {
    const task = trainingTask(all, 12, drawnTensors(all));
    const { delta } = await trainer.train(task, never);
    expect(movedIn(delta)).toEqual(expect.arrayContaining(names));
  });

  it('keeps them, and normalises by them, in a step of a task that leaves its layer out', async () => {
    const { lastLayer } = networkOf(all);
    const task = { ...trainingTask(all, 12, drawnTensors(all)), trainable: lastLayer };
    const { delta, metrics } = await trainer.train(task, never);
    expect(movedIn(delta)).toEqual([...lastLayer]);
    expect(metrics.lossFirst).toBeCloseTo(await lossAtInference(task), 5);
    // By the batch's own statistics the loss is another, so that the comparison can fail.
    const batch = await trainer.train({ ...task, trainable: [...lastLayer, 'block1.norm.scale'] }, never);
    expect(movedIn(batch.delta)).toEqual(expect.arrayContaining(names));
    expect(Math.abs(batch.metrics.lossFirst - metrics.lossFirst)).toBeGreaterThan(1e-3);
  });

  it.each(['last-layer', { names: ['hidden1.*', 'last.*'] }])(
    'and where the plan trains %o alone',
    async (trainable) => {
      const plan = planWith({ trainable });
      const task = trainingTask(plan, 12, drawnTensors(plan));
      const { delta, metrics } = await trainer.train(task, never);
      expect(movedIn(delta).filter((name) => names.includes(name))).toEqual([]);
      expect(movedIn(delta).length).toBeGreaterThan(1);
      expect(metrics.lossFirst).toBeCloseTo(await lossAtInference(task), 5);
    },
  );

  it('and in a network brought from PyTorch', async () => {
    const { plan, weights } = broughtPlan(exportedFile('residual'), {
      payload: images,
      training: { ...step, trainable: 'last-layer' },
    });
    const starting = new Map([...weights].filter(([name]) => movingOrKept(plan).has(name)));
    const task = { ...trainingTask(plan, 12, starting), frozen: frozenWeights(plan, weights) };
    const { delta, metrics } = await trainer.train(task, never);
    expect(statistics(plan).length).toBeGreaterThan(0);
    expect(movedIn(delta)).toEqual([...networkOf(plan).lastLayer].sort());
    expect(metrics.lossFirst).toBeCloseTo(await lossAtInference(task), 4);
  });
});

const movingOrKept = (plan: Plan): ReadonlySet<string> => new Set([...statistics(plan), ...networkOf(plan).lastLayer]);

it('both engines train the layers above frozen statistics alike', async () => {
  const plan = planWith({ trainable: { names: ['hidden1.*', 'last.*', 'block1.convolution.*'] }, work: { steps: 5 } });
  const task = trainingTask(plan, 12, drawnTensors(plan));
  const [first, second] = [await onnx.train(task, never), await tfjs.train(task, never)];
  expect(movedIn(first.delta)).toContain('block1.convolution.weight');
  expect(relativeDistance(second.delta, first.delta)).toBeLessThan(1e-5);
});
