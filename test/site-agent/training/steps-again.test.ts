import { afterAll, describe, expect, it } from 'vitest';
import { lossScale } from '../../../shared/graph/training/loss-scaling.ts';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import { batchSchedule } from '../../../site-agent/training/batches.ts';
import type { Engine, EngineStep, OpenedTask } from '../../../site-agent/training/engine.ts';
import { EngineTrainer } from '../../../site-agent/training/engine-trainer.ts';
import { trainRound } from '../../../site-agent/training/loop.ts';
import { firstScale } from '../../../site-agent/training/loss-scale.ts';
import { MeasuredTrainer } from '../../../site-agent/training/measured-trainer.ts';
import { OnnxEngine } from '../../../site-agent/training/onnx/onnx-engine.ts';
import { cpuProvider, type Provider } from '../../../site-agent/training/onnx/provider.ts';
import { openInferenceSession } from '../../../site-agent/training/onnx/sessions.ts';
import { RowsAtOnce } from '../../../site-agent/training/rows-at-once.ts';
import { runCall } from '../../../site-agent/training/run-call.ts';
import type { Checkpoint, Progress, TrainingResult, TrainingTask } from '../../../site-agent/training/trainer.ts';
import { fakeEngine } from '../../support/fake-engine.ts';
import { drawnTensors, modelPlan, smallModels } from '../../support/model-plans.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { drawnMatrix, relativeDistance, trainingTask } from '../../support/training.ts';

const never = new AbortController().signal;
const onCpu = (of: Partial<Provider>): Engine => new OnnxEngine({ provider: { ...cpuProvider, ...of } });
/** A checkpoint after every call, of one step or of several. */
const often = { workPerCheckpoint: 1 };
const engines = {
  'step by step': onCpu({ float16: true, workPerCall: 0, ...often }),
  'steps together': onCpu({ float16: true, workPerCall: 12e6, ...often }),
};
const full = onCpu({ workPerCall: 0 });
afterAll(async () => {
  for (const engine of [...Object.values(engines), full]) await engine.dispose();
});

const train = (engine: Engine, task: TrainingTask, signal = never): Promise<TrainingResult> =>
  new EngineTrainer(engine).train(task, signal);

/** Errors of some hundreds: times the first scale of 2^15 their gradients are beyond float16's 65,504. */
function taskOf(
  training: object,
  model: Parameters<typeof modelPlan>[0] = { family: 'mlp', hidden: [6], activation: 'tanh' },
  times = 100,
): TrainingTask {
  const plan = modelPlan(model, 'regression', {
    precision: 'mixed',
    optimiser: { kind: 'sgd', rate: 1e-4, momentum: 0 },
    batch: 10,
    work: { epochs: 6 },
    ...training,
  });
  const task = trainingTask(plan, 20, drawnTensors(plan));
  return { ...task, data: { ...task.data, labels: task.data.labels.map((label) => label * times) } };
}

const bytesOf = (delta: TrainingResult['delta']): string =>
  [...delta].map(([name, { data }]) => `${name} ${Buffer.from(data.buffer).toString('hex')}`).join('\n');

/** The engine, with what is asked of it changed or watched. */
function wrapped(
  engine: Engine,
  run: (opened: OpenedTask, ...args: Parameters<OpenedTask['run']>) => ReturnType<OpenedTask['run']>,
): Engine {
  return {
    engine: engine.engine,
    description: engine.description,
    mixed: engine.mixed,
    workPerCall: engine.workPerCall,
    workPerCheckpoint: engine.workPerCheckpoint,
    async open(task, signal) {
      const opened = await engine.open(task, signal);
      return {
        run: (...args) => run(opened, ...args),
        evaluate: (...args) => opened.evaluate(...args),
        state: () => opened.state(),
        dispose: () => opened.dispose(),
      };
    },
    dispose: () => engine.dispose(),
  };
}

const dropout = { family: 'mlp', hidden: [6], activation: 'tanh', dropout: 0.3 } as const;
const adam = { kind: 'adam', rate: 0.01 } as const;
const perStep = { kind: 'cosine', per: 'step', warmup: 2, over: 9, lowest: 0.1 } as const;
/** What a step may leave behind: each moves something that a step taken again must not move twice. */
const tasks: Readonly<Record<string, TrainingTask>> = {
  'a rate by step, moments, random values': taskOf({ optimiser: adam, schedule: perStep, clipNorm: 1 }, dropout),
  'travelling statistics of batches': taskOf({ optimiser: adam, batch: 5 }, smallModels.cnn),
  'rows clipped one by one': taskOf({ optimiser: adam, schedule: perStep, perExampleClip: 1, batch: 8 }, dropout),
  'in parts': { ...taskOf({ optimiser: adam, schedule: perStep }, dropout), mostRows: 4 },
  'one large row, not in the first step': (() => {
    const task = taskOf({ optimiser: adam, batch: 5, work: { epochs: 3 } }, dropout, 0.1);
    const large = batchSchedule(20, task.plan.training, task.seed).rowsOf(2)[0];
    const labels = task.data.labels.map((label, row) => (row === large ? 3000 : label));
    return { ...task, data: { ...task.data, labels } };
  })(),
  'early stopping': (() => {
    const task = taskOf({ optimiser: adam, earlyStopping: { share: 0.3, patience: 6, minimumDelta: 0 } }, dropout);
    return { ...task, validation: drawnMatrix(task.plan, 8, 4) };
  })(),
};
const cases = Object.keys(engines).flatMap((how) => Object.keys(tasks).map((what) => [what, how] as const));
const pick = (what: string, how: string): [TrainingTask, Engine] => [
  tasks[what] as TrainingTask,
  engines[how as keyof typeof engines],
];

describe.each(Object.keys(engines))('a round whose first step overflows, %s', (how) => {
  const [, engine] = pick('', how);

  it.each([
    ['epochs', taskOf({})],
    ['one step', taskOf({ work: { steps: 1 } })],
    ['parts', { ...taskOf({}), mostRows: 4 }],
    ['a batch of all rows', taskOf({ batch: 'full', work: { steps: 3 } })],
    // At a rate of 1e-4 the weights would go so far that two runs of any rounding part.
    ['errors of thousands', taskOf({ optimiser: { kind: 'sgd', rate: 1e-6, momentum: 0 } }, undefined, 2000)],
    ['rows clipped', taskOf({ perExampleClip: 50 })],
  ] as const)('takes every step it declares, and ends where float32 does: %s', async (_, task) => {
    const half = await train(engine, task);
    const expected = await train(full, task);
    expect(half.precision).toBe('mixed');
    expect(half.stepsAgain).toBeGreaterThan(2);
    expect(half.steps).toBe(expected.steps);
    // As far as `mixed-precision.test.ts` has one step.
    expect(relativeDistance(half.delta, expected.delta)).toBeLessThan(0.01);
    expect(half.metrics.lossLast / expected.metrics.lossLast).toBeCloseTo(1, 2);
    expect(half.clipping).toEqual(expected.clipping);
  });
});

describe('steps taken again', () => {
  it.each(cases)(
    'leave nothing behind: the round is that of the scales found, to the bit: %s, %s',
    async (what, how) => {
      const [task, engine] = pick(what, how);
      const progress: Progress[] = [];
      /** Scales each step was tried at. */
      const found: number[][] = [];
      let done = 0;
      const watched = wrapped(engine, async (opened, steps, ...rest) => {
        for (const [index, { scalars }] of steps.entries()) {
          const tried = found[done + index] ?? [];
          found[done + index] = [...tried, scalars[lossScale.name] as number];
        }
        const told = await opened.run(steps, ...rest);
        if (told.at(-1)?.overflowed !== true) done += told.length;
        return told;
      });
      const again = await train(watched, { ...task, onProgress: (one) => progress.push(one) });
      const tried = found.map((scales) => [scales[0], scales.at(-1)] as [number, number]);
      const overflowed = tried.findIndex(([from, to]) => to < from);
      expect(overflowed).toBe(what.startsWith('one large row') ? 2 : 0);
      expect(tried[overflowed]?.[0]).toBe(2 ** 15);
      expect(done).toBe(again.steps);

      let fed = 0;
      let longest = 0;
      const straight = wrapped(engine, async (opened, steps, ...rest) => {
        const scaled = steps.map((step, index) => ({
          ...step,
          scalars: { ...step.scalars, [lossScale.name]: found[fed + index]?.at(-1) as number },
        }));
        fed += steps.length;
        longest = Math.max(longest, steps.length);
        return opened.run(scaled, ...rest);
      });
      const toldStraight: Progress[] = [];
      const once = await train(straight, { ...task, onProgress: (one) => toldStraight.push(one) });
      // Not cut, and more than one step fits a call: otherwise both engines would be the same.
      expect(longest > 1).toBe(how === 'steps together' && what !== 'in parts');
      expect(once).toMatchObject({ stepsAgain: 0, stepsThrown: 0 });
      expect(fed).toBe(again.steps);
      expect(bytesOf(again.delta)).toBe(bytesOf(once.delta));
      expect({ ...again, stepsAgain: 0, stepsThrown: 0 }).toEqual(once);
      expect(progress.map(({ secondsLeft: _, ...one }) => one)).toEqual(
        toldStraight.map(({ secondsLeft: _, ...one }) => one),
      );
    },
  );

  it.each(cases)('are the same bits after an interruption at any place: %s, %s', async (what, how) => {
    const [task, engine] = pick(what, how);
    let calls = 0;
    const whole = await train(
      wrapped(engine, (opened, ...args) => {
        calls += 1;
        return opened.run(...args);
      }),
      task,
    );
    expect(whole.stepsAgain).toBeGreaterThan(0);
    let between = 0;
    for (let broken = 0; broken < calls; broken++) {
      const controller = new AbortController();
      const kept: Checkpoint[] = [];
      let call = 0;
      const breaking = wrapped(engine, async (opened, ...args) => {
        const told = await opened.run(...args);
        if (call++ === broken) {
          if (told.at(-1)?.overflowed === true) between += 1;
          controller.abort(new Error('broken off'));
        }
        return told;
      });
      const onCheckpoint = async (one: Checkpoint) => void kept.push(structuredClone(one));
      await expect(train(breaking, { ...task, onCheckpoint }, controller.signal)).rejects.toThrow('broken off');
      const last = kept.at(-1);
      if (last === undefined) continue;
      const resume = { ...last, record: JSON.parse(JSON.stringify(last.record)) };
      expect(await train(engine, { ...task, resume })).toEqual(whole);
    }
    expect(between).toBe(whole.stepsAgain);
  });

  it('are told in the log, and none where gradients are small; float32 has no number of them', async () => {
    const { log, lines } = recordingLogger();
    const again = (): unknown[] =>
      lines.filter(({ message }) => message.startsWith('steps taken again')).map(({ fields }) => fields);
    const round = (engine: Engine, task: TrainingTask) => trainRound(engine, task, never, { log, nowMs: () => 0 });
    const small = taskOf({}, undefined, 0.1);
    expect(await round(engines['step by step'], small)).toMatchObject({ precision: 'mixed', stepsAgain: 0 });
    expect(again()).toEqual([]);
    const { stepsAgain = 0, steps } = await round(engines['step by step'], taskOf({}));
    expect(again()).toEqual([{ times: stepsAgain, steps, scale: 2 ** (15 - stepsAgain) }]);
    expect(await round(full, taskOf({}))).not.toHaveProperty('stepsAgain');
  });

  it.each(Object.keys(engines))(
    'end the round where a gradient is beyond float16 even without a scale: %s',
    async (how) => {
      const [, engine] = pick('', how);
      // The gradient of a squared error of 10^7, one of 10 rows, is 2 · 10^7 / 10 at the output.
      await expect(train(engine, taskOf({}, undefined, 1e7))).rejects.toMatchObject({
        code: 'gradient_overflow',
        details: { step: 1 },
      });
      expect((await train(full, taskOf({}, undefined, 1e7))).steps).toBe(12);
    },
  );
});

describe('the loop in half precision', () => {
  const plan = modelPlan({ family: 'logistic' }, 'binary', { batch: 10, precision: 'mixed', work: { steps: 450 } });
  const task = trainingTask(plan, 20);
  const round = (engine: Engine, own: TrainingTask = task) =>
    trainRound(engine, own, never, { log: silentLogger, nowMs: () => 0 });
  const withSteps = (steps: number): TrainingTask => ({
    ...task,
    plan: { ...plan, training: { ...plan.training, work: { steps } } },
  });

  it.each([0, 1e12])(
    'takes the step again that overflows after the scale has grown: %s a call',
    async (workPerCall) => {
      const engine = fakeEngine({ workPerCall, mostScale: () => 2 ** 15 });
      const result = await round(engine);
      expect(result).toMatchObject({ steps: 450, stepsAgain: 2 });
      // Where all steps of a call are thrown away, that is a small part of the round.
      const computed = engine.calls.reduce((sum, { steps }) => sum + steps.length, 0);
      expect(result.stepsThrown).toBe(computed - 450);
      expect(computed).toBeLessThan(1.2 * 450);
      expect([...result.delta.values()][0]?.data[0]).toBe(450);
      // 200 steps at 2^15, one at 2^16 that overflows, and so on.
      const grown = engine.calls
        .flatMap(({ steps }) => steps.map(({ scalars }) => scalars[lossScale.name]))
        .filter((scale) => scale === 2 ** 16);
      expect(grown.length).toBeGreaterThanOrEqual(2);
      const halved = fakeEngine({ workPerCall, mostScale: (step) => (step < 5 ? 2 ** 15 : 2 ** 7) });
      expect(await round(halved, withSteps(30))).toMatchObject({ steps: 30, stepsAgain: 8 });
    },
  );

  it('tries steps of one call again from the first, those before the overflow at the scales they had', async () => {
    const engine = fakeEngine({ workPerCall: 1e12, mostScale: (step) => (step === 2 ? 2 ** 13 : 2 ** 15) });
    await round(engine, withSteps(4));
    expect(
      engine.calls.map(({ steps }) => steps.map(({ scalars }) => Math.log2(scalars[lossScale.name] as number))),
    ).toEqual([
      [15, 15, 15, 15],
      [15, 15, 14, 14],
      [15, 15, 13, 13],
    ]);
    const [first, ...others] = engine.calls.map(({ steps }) =>
      steps.map(({ scalars: { [lossScale.name]: _, ...scalars }, ...step }) => ({ ...step, scalars })),
    );
    for (const other of others) expect(other).toEqual(first);
  });

  it('is measured by the steps that were computed: where calls of several are thrown away, a step takes what it takes', async () => {
    let nowMs = 0;
    const engine = wrapped(fakeEngine({ workPerCall: 1e12, mostScale: () => 2 ** 10 }), (opened, steps, ...rest) => {
      nowMs += 50 * steps.length;
      return opened.run(steps, ...rest);
    });
    const { log, lines } = recordingLogger();
    const auto = new MeasuredTrainer([{ name: 'onnx-cuda', trainer: new EngineTrainer(engine) }], {
      log,
      nowMs: () => nowMs,
    });
    await auto.prepare(task, never);
    expect(lines.find(({ message }) => message === 'training engine chosen')?.fields.measured).toMatchObject([
      { stepMs: 50 },
    ]);
  });

  it.each([4, 2])(
    'draws what a step is given once, however often it is taken: %s of 4 rows at once',
    async (atOnce) => {
      const drawn: number[] = [];
      const stepsOf = (first: number, count: number): EngineStep[] =>
        Array.from({ length: count }, (_, index) => {
          drawn.push(first + index);
          return { rows: new Uint32Array(4), everyRow: false, scalars: {}, random: new Map() };
        });
      const rowsAtOnce = new RowsAtOnce(atOnce, null, { log: silentLogger, onCut: () => {} });
      const opened = await fakeEngine({ mostScale: (step) => (step === 1 ? 2 ** 12 : 2 ** 14) }).open(
        {
          plan,
          data: task.data,
          anchors: task.weights,
          frozen: new Map(),
          proximal: 0,
          precision: 'mixed',
          state: task.weights,
        },
        never,
      );
      const call = { first: 0, steps: 3, checkpoint: false, endsEpoch: false };
      const { outcomes, scale } = await runCall({ opened, stepsOf, rowsAtOnce }, call, firstScale, never);
      expect([outcomes.length, scale?.halved]).toEqual([3, 3]);
      expect(drawn).toEqual([0, 1, 2]);
    },
  );

  it('counts rows clipped as the step had them that was taken', async () => {
    const clipping = { ...plan, training: { ...plan.training, perExampleClip: 1, work: { steps: 5 } } };
    const engine = fakeEngine({ clippedOf: (step) => step, mostScale: (step) => (step === 3 ? 2 ** 3 : 2 ** 15) });
    const result = await round(engine, { ...task, plan: clipping });
    expect(result).toMatchObject({ clipping: { rows: 50, clipped: 0 + 1 + 2 + 3 + 4 }, stepsAgain: 12 });
  });

  it('gives up at a scale of 1, and names the step', async () => {
    const engine = fakeEngine({ mostScale: (step) => (step === 3 ? 0.5 : 2 ** 15) });
    await expect(round(engine)).rejects.toMatchObject({ code: 'gradient_overflow', details: { step: 4 } });
    // Three steps, and the fourth at 2^15, 2^14, to 1.
    expect(engine.calls).toHaveLength(3 + 16);
    expect(engine.disposals).toBe(1);
  });

  it('does not try again what is not finite at any scale, the loss', async () => {
    const engine = fakeEngine({ mostScale: () => 1, lossOf: () => Number.POSITIVE_INFINITY });
    await expect(round(engine)).rejects.toMatchObject({ code: 'not_finite_loss', details: { step: 1 } });
    await expect(round(engine)).rejects.toThrow(/precision float32/);
    expect(engine.calls).toHaveLength(2);
  });

  it('cuts a batch that is taken again and does not fit in memory', async () => {
    const engine = fakeEngine({ workPerCall: 1e12, fits: 3, mostScale: () => 2 ** 10 });
    const result = await round(engine, withSteps(6));
    expect(result).toMatchObject({ steps: 6, stepsAgain: 5, rowsAtOnce: 3 });
    expect(engine.calls).toHaveLength(6 + 5);
  });

  it('begins anew from a checkpoint of float32, and float32 from one of half precision', async () => {
    const checkpointOf = async (engine: Engine): Promise<Checkpoint> => {
      const kept: Checkpoint[] = [];
      await round(engine, { ...withSteps(5), onCheckpoint: async (one) => void kept.push(structuredClone(one)) });
      return kept[2] as Checkpoint;
    };
    const half = () => fakeEngine({ workPerCheckpoint: 1, mostScale: () => 2 ** 12 });
    const exact = () => fakeEngine({ workPerCheckpoint: 1 });
    const [ofHalf, ofExact] = [await checkpointOf(half()), await checkpointOf(exact())];
    expect(ofHalf.record.lossScale).toEqual({ scale: 2 ** 12, streak: 3, halved: 3, thrown: 3 });
    const callsFrom = async (engine: ReturnType<typeof half>, resume: Checkpoint): Promise<number> => {
      await round(engine, { ...withSteps(5), resume });
      return engine.calls.length;
    };
    expect(await callsFrom(half(), ofHalf)).toBe(2);
    expect(await callsFrom(exact(), ofExact)).toBe(2);
    expect(await callsFrom(half(), ofExact)).toBe(5 + 3);
    expect(await callsFrom(exact(), ofHalf)).toBe(5);
  });
});

/** An engine whose carried tensors are on a device, as WebGPU's: read by nobody, and given back by `dispose` alone. */
function deviceEngine() {
  const live = new Map<object, unknown>();
  const told = { live, most: 0 };
  const engine = new OnnxEngine({
    provider: { ...cpuProvider, float16: true, keepsOnDevice: true, workPerCall: 0 },
    async openSession(model, { preferredOutputLocation: _, ...options }) {
      const session = await openInferenceSession(model, options);
      const taken = (tensor: object): unknown => {
        if (!('onDevice' in tensor)) return tensor;
        if (!live.has(tensor)) throw new Error('a tensor was fed after it was given back');
        return live.get(tensor);
      };
      return {
        async run(feeds, fetches) {
          const given = Object.entries(feeds).map(([name, tensor]) => [name, taken(tensor)]);
          const results = await session.run(Object.fromEntries(given), fetches);
          const placed = Object.entries(results).map(([name, tensor]) => {
            if (!name.startsWith('next/')) return [name, tensor];
            const { dims, type } = tensor;
            const held = { dims, type, location: 'gpu-buffer', onDevice: true, dispose: () => live.delete(held) };
            live.set(held, tensor);
            return [name, held];
          });
          told.most = Math.max(told.most, live.size);
          return Object.fromEntries(placed);
        },
        release: () => session.release(),
      };
    },
  });
  return { engine, told };
}

describe('on a device', () => {
  it.each([
    ['whole', {}],
    ['in parts', { mostRows: 4 }],
  ])('a step that overflows gives its results back, and takes no more room than another: %s', async (_, cut) => {
    const { engine, told } = deviceEngine();
    const task = { ...taskOf({ optimiser: adam, work: { steps: 3 } }), ...cut };
    const small = { ...task, data: { ...task.data, labels: task.data.labels.map((label) => label / 1000) } };
    expect((await train(engine, small)).stepsAgain).toBe(0);
    const { most } = told;
    told.most = 0;
    const result = await train(engine, task);
    expect(result.stepsAgain).toBeGreaterThan(2);
    expect(told.most).toBe(most);
    expect(told.live.size).toBe(0);
    expect(bytesOf(result.delta)).toBe(bytesOf((await train(engines['step by step'], task)).delta));
    await engine.dispose();
  });
});
