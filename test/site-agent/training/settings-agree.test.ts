// First: it sets the driver that devices are looked for with.
import '../../support/vulkan.ts';

import { afterAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../../shared/plan/plan.ts';
import type { Engine } from '../../../site-agent/training/engine.ts';
import { EngineTrainer } from '../../../site-agent/training/engine-trainer.ts';
import { OnnxTrainer } from '../../../site-agent/training/onnx-trainer.ts';
import { TfjsEngine } from '../../../site-agent/training/tfjs/tfjs-engine.ts';
import { TfjsTrainer } from '../../../site-agent/training/tfjs-trainer.ts';
import type { Checkpoint, Trainer, TrainingTask } from '../../../site-agent/training/trainer.ts';
import { drawnTensors, modelPlan, smallModels, type TaskKind } from '../../support/model-plans.ts';
import { inSmallTiles, installedTfjsBackends } from '../../support/tfjs.ts';
import { drawnMatrix, relativeDistance, trainingTask } from '../../support/training.ts';

const never = new AbortController().signal;
const onnx: Trainer = new OnnxTrainer();
// Plain JavaScript runs the same code as WebAssembly, at a tenth of the speed; it has the families and the operators.
const backends = (await installedTfjsBackends()).filter(({ name }) => name !== 'cpu');
for (const backend of backends) inSmallTiles(backend);
const trainers = backends.map((backend) => [backend.name, new TfjsTrainer(backend), backend] as const);
afterAll(async () => {
  for (const trainer of [onnx, ...trainers.map(([, trainer]) => trainer)]) await trainer.dispose();
});

interface Setting {
  readonly what: string;
  readonly model?: object;
  readonly kind?: TaskKind;
  readonly training?: object;
  readonly task?: (task: TrainingTask) => Partial<TrainingTask>;
}

const mlp = { family: 'mlp', hidden: [6, 4], activation: 'tanh' };
const sgd = { kind: 'sgd', rate: 0.05, momentum: 0.5 };

const settings: readonly Setting[] = [
  { what: 'momentum', training: { optimiser: { kind: 'sgd', rate: 0.05, momentum: 0.9 } } },
  { what: 'nesterov', training: { optimiser: { kind: 'sgd', rate: 0.05, momentum: 0.9, nesterov: true } } },
  { what: 'adamw', training: { optimiser: { kind: 'adamw', rate: 0.01, decay: 0.1 } } },
  { what: 'adagrad', training: { optimiser: { kind: 'adagrad', rate: 0.05, initial: 0.2 } } },
  { what: 'rmsprop', training: { optimiser: { kind: 'rmsprop', rate: 0.005 } } },
  { what: 'rmsprop with momentum', training: { optimiser: { kind: 'rmsprop', rate: 0.005, momentum: 0.7 } } },
  { what: 'a cosine schedule', training: { schedule: { kind: 'cosine', per: 'step', over: 5, warmup: 2 } } },
  {
    what: 'a schedule by round',
    training: { schedule: { kind: 'exponential', per: 'round', factor: 0.5 } },
    task: () => ({ round: 3 }),
  },
  { what: 'a penalty', training: { l2: 0.1 } },
  { what: 'clipping of the whole gradient', training: { clipNorm: 0.05 } },
  { what: 'clipping of each row', training: { perExampleClip: 0.1 } },
  {
    what: 'clipping of each row of a convolution',
    model: { ...smallModels.cnn, normalisation: 'none' },
    training: { perExampleClip: 0.1 },
  },
  { what: 'clipping of each row of a recurrence', model: smallModels.gru, training: { perExampleClip: 0.1 } },
  {
    what: 'class weights and smoothing',
    kind: 'multiclass',
    training: { loss: { kind: 'cross-entropy', classWeights: [1, 2, 0.5], smoothing: 0.1 } },
  },
  { what: 'a focal loss', training: { loss: { kind: 'focal', gamma: 2, classWeights: [1, 3] } } },
  { what: 'a focal loss of classes', kind: 'multiclass', training: { loss: { kind: 'focal', gamma: 1.5 } } },
  { what: 'Huber’s loss', kind: 'regression', training: { loss: { kind: 'huber', delta: 0.7 } } },
  {
    what: 'Huber’s loss, each row clipped',
    kind: 'regression',
    training: { loss: { kind: 'huber', delta: 0.7 }, perExampleClip: 0.3 },
  },
  { what: 'Cox after Breslow', kind: 'survival', training: { loss: { kind: 'cox', ties: 'breslow' } } },
  { what: 'Cox after Efron', kind: 'survival', training: { loss: { kind: 'cox', ties: 'efron' } } },
  { what: 'ordered grades', kind: 'ordinal' },
  { what: 'dropout', model: { ...mlp, dropout: 0.3 } },
  { what: 'dropout of an encoder', model: { ...smallModels.transformer, dropout: 0.2 } },
  { what: 'the last layer alone', training: { trainable: 'last-layer' } },
  { what: 'low-rank adapters', training: { trainable: { lora: { rank: 2, and: ['layer3.*'] } } } },
  { what: 'the pull', task: () => ({ proximal: 0.5 }) },
  {
    what: 'control variates',
    task: ({ weights }) => ({
      control: new Map(
        [...weights].map(([name, { shape, data }]) => [name, { shape, data: data.map((value) => value / 10) }]),
      ),
    }),
  },
  { what: 'parts of a batch', task: () => ({ mostRows: 3 }) },
  {
    what: 'parts of a batch with dropout and clipping of each row',
    model: { ...mlp, dropout: 0.3 },
    training: { perExampleClip: 0.2, l2: 0.1 },
    task: () => ({ mostRows: 3 }),
  },
  { what: 'running means', model: smallModels.cnn },
  { what: 'a full batch', training: { batch: 'full', work: { steps: 3 } } },
  {
    what: 'early stopping',
    training: {
      earlyStopping: { share: 0.2, patience: 1 },
      work: { epochs: 6 },
      optimiser: { kind: 'sgd', rate: 0.5, momentum: 0 },
    },
    task: ({ plan }) => ({ validation: drawnMatrix(plan, 12, 9) }),
  },
];

function taskOf({ model, kind, training, task: change }: Setting): TrainingTask {
  const plan: Plan = modelPlan(model ?? mlp, kind ?? 'binary', {
    batch: 8,
    optimiser: sgd,
    work: { epochs: 2 },
    ...training,
  });
  const task = trainingTask(plan, 20, drawnTensors(plan));
  return { ...task, ...change?.(task) };
}

describe.each(trainers)('the engines agree on every setting of training: onnx and tfjs on %s', (_, tfjs, backend) => {
  it.each(settings)('$what', async (setting) => {
    const task = taskOf(setting);
    const first = await onnx.train(task, never);
    const before = backend.library.memory().numTensors;
    const second = await tfjs.train(task, never);
    expect(backend.library.memory().numTensors).toBe(before);
    expect([...second.delta.keys()]).toEqual([...first.delta.keys()]);
    expect(relativeDistance(second.delta, first.delta)).toBeLessThan(2e-5);
    expect(second.metrics.lossLast / first.metrics.lossLast).toBeCloseTo(1, 5);
    expect(second.steps).toBe(first.steps);
    expect(second.clipping).toEqual(first.clipping);
    expect(second.validation?.best).toBe(first.validation?.best);
  });

  it('a round that goes on from a checkpoint ends in the same bits', async () => {
    const task = taskOf({
      what: '',
      model: { ...mlp, dropout: 0.3 },
      training: { optimiser: { kind: 'adam', rate: 0.01 }, work: { epochs: 4 } },
    });
    const trainer = new EngineTrainer(withCheckpoints(new TfjsEngine(backend)));
    const kept: Checkpoint[] = [];
    const onCheckpoint = async (checkpoint: Checkpoint): Promise<void> => void kept.push(checkpoint);
    const whole = await trainer.train({ ...task, onCheckpoint }, never);
    const middle = kept[Math.floor(kept.length / 2)] as Checkpoint;
    expect(middle.step).toBeGreaterThan(0);
    expect(middle.step).toBeLessThan(whole.steps);
    const resumed = await trainer.train({ ...task, resume: middle }, never);
    expect(resumed.steps).toBe(whole.steps);
    expect(relativeDistance(resumed.delta, whole.delta)).toBe(0);
    expect(resumed.metrics).toEqual(whole.metrics);
    // The same engine without the optimiser's state of the checkpoint ends elsewhere: the comparison can fail.
    const emptied = new Map(
      [...middle.tensors].map(([name, tensor]) => [
        name,
        name.startsWith('first/') ? { ...tensor, data: new Float32Array(tensor.data.length) } : tensor,
      ]),
    );
    const other = await trainer.train({ ...task, resume: { ...middle, tensors: emptied } }, never);
    expect(relativeDistance(other.delta, whole.delta)).toBeGreaterThan(0);
  });
});

/** The engine with a checkpoint after every few steps, as a large task would have. */
function withCheckpoints(engine: Engine): Engine {
  return {
    engine: engine.engine,
    description: engine.description,
    mixed: engine.mixed,
    workPerCall: engine.workPerCall,
    workPerCheckpoint: 1,
    open: (task, signal) => engine.open(task, signal),
    dispose: () => engine.dispose(),
  };
}
