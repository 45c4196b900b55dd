import { afterAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../../shared/plan/plan.ts';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import type { NamedTensors } from '../../../shared/tensors/tensor.ts';
import { threadsFor } from '../../../site-agent/training/onnx/onnx-engine.ts';
import { OnnxTrainer } from '../../../site-agent/training/onnx-trainer.ts';
import { stepPlan } from '../../../site-agent/training/step-plan.ts';
import { openTfjsBackend, type TfjsBackend } from '../../../site-agent/training/tfjs-backends.ts';
import { TfjsTrainer } from '../../../site-agent/training/tfjs-trainer.ts';
import type { Trainer, TrainingTask } from '../../../site-agent/training/trainer.ts';
import { TrainingError } from '../../../site-agent/training/training-error.ts';
import { regressionPlan } from '../../support/families.ts';
import { heartPlan } from '../../support/plans.ts';
import { inSmallTiles, installedTfjsBackends } from '../../support/tfjs.ts';
import { drawnWeights, trainingTask } from '../../support/training.ts';

const backends = new Map((await installedTfjsBackends()).map((backend) => [backend.name as string, backend]));
for (const backend of backends.values()) inSmallTiles(backend);
const trainers = new Map<string, Trainer>([
  ['onnx', new OnnxTrainer()],
  ...[...backends].map(([name, backend]) => [`tfjs ${name}`, new TfjsTrainer(backend)] as const),
]);
const never = new AbortController().signal;

afterAll(async () => {
  for (const trainer of trainers.values()) await trainer.dispose();
});

const mlp: Plan['model'] = { family: 'mlp', hidden: [16, 8], activation: 'relu' };

function withTraining(plan: Plan, training: Partial<Plan['training']>): Plan {
  return { ...plan, training: { ...plan.training, ...training } };
}

function bytesOf(delta: NamedTensors): string {
  return [...delta].map(([name, { data }]) => `${name}:${Buffer.from(data.buffer).toString('hex')}`).join('\n');
}

function changed(
  task: TrainingTask,
  change: (copy: { values: Float32Array; labels: Float32Array }) => void,
): TrainingTask {
  const copy = { values: task.data.values.slice(), labels: task.data.labels.slice() };
  change(copy);
  return { ...task, data: { ...task.data, ...copy } };
}

// The suite of the interface: each engine must pass all of it.
describe.each([...trainers.keys()])('%s', (name) => {
  const plan = withTraining(heartPlan({ model: mlp }), {
    optimiser: { kind: 'adam', rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
    batch: 16,
    work: { epochs: 8 },
  });
  const task = trainingTask(plan, 100);
  const trainer = (): Trainer => trainers.get(name) as Trainer;

  it('learns', async () => {
    const result = await trainer().train(task, never);
    expect(result.steps).toBe(8 * 7);
    expect(result.examples).toBe(100);
    expect(result.metrics.lossLast).toBeLessThan(0.8 * result.metrics.lossFirst);
  });

  it('gives the same bits for the same task, also after another', async () => {
    const first = bytesOf((await trainer().train(task, never)).delta);
    await trainer().train(trainingTask(heartPlan(), 30), never);
    expect(bytesOf((await trainer().train(task, never)).delta)).toBe(first);
  });

  it('gives another delta for another seed, and the same with two tasks at once', async () => {
    const other = { ...task, seed: 78 };
    const apart = [await trainer().train(task, never), await trainer().train(other, never)];
    const together = await Promise.all([trainer().train(task, never), trainer().train(other, never)]);
    expect(together.map(({ delta }) => bytesOf(delta))).toEqual(apart.map(({ delta }) => bytesOf(delta)));
    expect(bytesOf(apart[0]?.delta as NamedTensors)).not.toBe(bytesOf(apart[1]?.delta as NamedTensors));
  });

  it('leaves the task as it was', async () => {
    const before = bytesOf(task.weights) + Buffer.from(task.data.values.buffer).toString('hex');
    await trainer().train(task, never);
    expect(bytesOf(task.weights) + Buffer.from(task.data.values.buffer).toString('hex')).toBe(before);
  });

  it('trains on a single row', async () => {
    expect((await trainer().train(trainingTask(plan, 1), never)).steps).toBe(8);
  });

  it('stops with the signal’s reason when it is aborted before', async () => {
    const reason = new Error('withdrawn');
    await expect(trainer().train(task, AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it('stops within a step of an abort, while timers go on', async () => {
    const controller = new AbortController();
    let after = 0;
    const endless: TrainingTask = {
      ...task,
      plan: withTraining(plan, { work: { steps: 1_000_000 } }),
      onProgress: () => {
        if (controller.signal.aborted) after += 1;
      },
    };
    let beats = 0;
    const heart = setInterval(() => {
      beats += 1;
      if (beats === 5) controller.abort(new Error('stopping'));
    }, 2);
    try {
      await expect(trainer().train(endless, controller.signal)).rejects.toThrow('stopping');
    } finally {
      clearInterval(heart);
    }
    expect(after).toBe(0);
    // A step of WebGPU is waited for, and the heart beats meanwhile; the others compute on this thread.
    if (name === 'tfjs webgpu') expect(beats).toBeGreaterThanOrEqual(5);
    else expect(beats).toBe(5);
  });

  it('says so when the loss is not finite, and gives no delta', async () => {
    const wild = withTraining(regressionPlan({ model: mlp }), { optimiser: { kind: 'sgd', rate: 1e12, momentum: 0 } });
    await expect(trainer().train(trainingTask(wild, 100), never)).rejects.toThrow(
      expect.objectContaining({ code: 'not_finite_loss', subsystem: 'training' }),
    );
  });

  it('says so when the very last update is not finite', async () => {
    const wild = withTraining(regressionPlan(), {
      optimiser: { kind: 'sgd', rate: 3e38, momentum: 0 },
      batch: 'full',
      work: { steps: 1 },
    });
    await expect(trainer().train(trainingTask(wild, 100), never)).rejects.toThrow(
      expect.objectContaining({ code: 'not_finite_delta' }),
    );
  });

  it.each<[string, TrainingTask, string]>([
    ['no rows', trainingTask(plan, 0), 'no_rows'],
    ['rows of another width', { ...task, data: { ...task.data, features: 17 } }, 'wrong_features'],
    ['a value that is NaN', changed(task, ({ values }) => values.set([Number.NaN], 40)), 'not_finite_input'],
    [
      'a value that is infinite',
      changed(task, ({ values }) => values.set([Number.POSITIVE_INFINITY], 40)),
      'not_finite_input',
    ],
    ['a missing label', changed(task, ({ labels }) => labels.set([Number.NaN], 3)), 'label_missing'],
    ['a label that is no class', changed(task, ({ labels }) => labels.set([2], 3)), 'label_invalid'],
    ['a label between classes', changed(task, ({ labels }) => labels.set([0.5], 3)), 'label_invalid'],
    ['weights of another model', { ...task, weights: drawnWeights(heartPlan()) }, 'wrong_weights'],
    [
      'weights that are not finite',
      {
        ...task,
        weights: new Map([
          ...task.weights,
          ['layer2.bias', { shape: [8], data: new Float32Array(8).fill(Number.NaN) }],
        ]),
      },
      'not_finite_weights',
    ],
  ])('refuses %s', async (_, bad, code) => {
    await expect(trainer().train(bad, never)).rejects.toThrow(expect.objectContaining({ code }));
  });

  it('is of no use after it was disposed of', async () => {
    const own = name === 'onnx' ? new OnnxTrainer() : new TfjsTrainer(backends.get(name.slice(5)) as TfjsBackend);
    await own.train(trainingTask(plan, 20), never);
    await own.dispose();
    await own.dispose();
    await expect(own.train(task, never)).rejects.toThrow(TrainingError);
  });
});

describe('tfjs', () => {
  it.each([...backends.keys()])('leaves no tensor behind on %s: done, aborted, failed', async (name) => {
    const backend = backends.get(name) as TfjsBackend;
    const trainer = trainers.get(`tfjs ${name}`) as Trainer;
    const count = (): number => backend.library.memory().numTensors;
    const before = count();
    for (const optimiser of [
      { kind: 'sgd', rate: 0.1, momentum: 0.9 },
      { kind: 'adam', rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
    ] as const) {
      for (const batch of [16, 'full'] as const) {
        const plan = withTraining(heartPlan({ model: mlp }), { optimiser, batch, l2: 0.01 });
        await trainer.train(trainingTask(plan, 50), never);
        expect(count()).toBe(before);
      }
    }
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('stop')), 10);
    const endless = withTraining(heartPlan({ model: mlp }), { work: { steps: 1_000_000 } });
    await expect(trainer.train(trainingTask(endless, 50), controller.signal)).rejects.toThrow('stop');
    expect(count()).toBe(before);
    const wild = withTraining(regressionPlan(), { optimiser: { kind: 'sgd', rate: 1e30, momentum: 0 } });
    await expect(trainer.train(trainingTask(wild, 50), never)).rejects.toThrow(TrainingError);
    expect(count()).toBe(before);
  });

  it.each([...backends.keys()])('cuts a batch of many rows without another result on %s', async (name) => {
    const backend = backends.get(name) as TfjsBackend;
    const plan = withTraining(heartPlan({ model: { family: 'mlp', hidden: [3], activation: 'tanh' } }), {
      optimiser: { kind: 'sgd', rate: 0.5, momentum: 0.9 },
      batch: 'full',
      work: { steps: 2 },
      l2: 0.05,
    });
    // Three parts, the last of them small: parts must count by their rows, and the penalty once.
    const mostRows = 4096;
    const uncut = trainingTask(plan, 2 * mostRows + 100);
    const task = { ...uncut, mostRows };
    const before = backend.library.memory().numTensors;
    const whole = await (trainers.get('onnx') as Trainer).train(uncut, never);
    let turns = 0;
    let done = false;
    const turning = (async () => {
      for (; !done; turns++) await new Promise((resolve) => setImmediate(resolve));
    })();
    const cut = await (trainers.get(`tfjs ${name}`) as Trainer).train(task, never);
    done = true;
    await turning;
    expect(turns).toBeGreaterThanOrEqual(2 * 3);
    for (const [tensor, { data }] of whole.delta) {
      const found = cut.delta.get(tensor)?.data as Float32Array;
      for (const [index, value] of data.entries()) {
        expect(Math.abs((found[index] as number) - value), `${tensor}[${index}]`).toBeLessThan(1e-5);
      }
    }
    expect(cut.metrics.lossLast).toBeCloseTo(whole.metrics.lossLast, 5);
    expect(backend.library.memory().numTensors).toBe(before);

    const controller = new AbortController();
    setImmediate(() => controller.abort(new Error('stop')));
    await expect((trainers.get(`tfjs ${name}`) as Trainer).train(task, controller.signal)).rejects.toThrow('stop');
    expect(backend.library.memory().numTensors).toBe(before);
  });

  it('leaves the process’s handlers of uncaught errors as they were', async () => {
    const before = process.listeners('unhandledRejection').length;
    await openTfjsBackend(silentLogger, 'wasm');
    expect(process.listeners('unhandledRejection')).toHaveLength(before);
  });

  it.skipIf(backends.has('node-gpu'))(
    'says what is missing when a backend is asked for that is not installed (needs a machine without tfjs-node-gpu)',
    async () => {
      await expect(openTfjsBackend(silentLogger, 'node-gpu')).rejects.toThrow(
        expect.objectContaining({ code: 'engine_missing', message: expect.stringContaining('node-gpu') }),
      );
    },
  );
});

describe('onnx threads', () => {
  it('follow the size of a step, and never exceed the cores', () => {
    const work = (hidden: number[], batch: number): number => {
      const plan = withTraining(heartPlan({ model: { family: 'mlp', hidden, activation: 'relu' } }), { batch });
      return stepPlan({ plan }, batch).work;
    };
    const small = work([16, 8], 64);
    const large = work([512, 512], 512);
    expect(threadsFor(small, 8)).toBe(1);
    expect(threadsFor(large, 8)).toBe(4);
    expect(threadsFor(large, 2)).toBe(2);
    expect(threadsFor(large, 1)).toBe(1);
  });
});
