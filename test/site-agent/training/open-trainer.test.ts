import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import { storedChoices } from '../../../site-agent/training/choice-store.ts';
import type { DeviceChoice } from '../../../site-agent/training/engine-choice.ts';
import { graphicsHardware } from '../../../site-agent/training/graphics-hardware.ts';
import { type Candidate, MeasuredTrainer } from '../../../site-agent/training/measured-trainer.ts';
import { openTrainer } from '../../../site-agent/training/open-trainer.ts';
import type { EngineName, Trainer, TrainingTask } from '../../../site-agent/training/trainer.ts';
import { TrainingError } from '../../../site-agent/training/training-error.ts';
import { heartPlan } from '../../support/plans.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { trainingTask } from '../../support/training.ts';

const never = new AbortController().signal;
const task = trainingTask(heartPlan(), 40);
const folder = mkdtempSync(join(tmpdir(), 'wardround-engines-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const chosen = (lines: ReturnType<typeof recordingLogger>['lines']) =>
  lines.find(({ message }) => message === 'training engine chosen')?.fields as {
    engine: DeviceChoice;
    because: string;
    measured: { engine: DeviceChoice; stepMs: number | null; reason?: string }[];
  };

describe('opening a trainer', () => {
  it.each([
    ['onnx', 'onnx', 'cpu'],
    ['onnx-cpu', 'onnx', 'cpu'],
    ['tfjs', 'tfjs', ''],
    ['tfjs-wasm', 'tfjs', 'wasm'],
    ['tfjs-cpu', 'tfjs', 'cpu'],
  ] as const)('opens %s by name and says what it runs on', async (name, engine, device) => {
    const { log, lines } = recordingLogger();
    const trainer = await openTrainer(name, log);
    expect(trainer.engine).toBe(engine);
    expect(trainer.description).toContain(device);
    expect((await trainer.train(task, never)).examples).toBe(40);
    expect(lines.some(({ fields }) => fields.runsOn === trainer.description)).toBe(true);
    await trainer.dispose();
  });

  it('says what is missing when a device is named that is not there', async () => {
    // CUDA's libraries are not part of the package.
    const failure = await openTrainer('onnx-cuda', silentLogger).catch((cause: unknown) => cause);
    expect(failure).toMatchObject({ code: 'engine_missing', details: { engine: 'onnx-cuda' } });
    expect(String(failure)).toMatch(/docs\/engines\.md/);
  });

  it('measures what is installed when it may choose, says why, and keeps the choice over a restart', async () => {
    const choicesFile = join(folder, 'state', 'auto.json');
    const first = recordingLogger();
    const trainer = await openTrainer('auto', first.log, { choicesFile });
    const result = await trainer.train(task, never);
    const choice = chosen(first.lines);
    expect(choice.measured.map(({ engine }) => engine)).toEqual(expect.arrayContaining(['onnx-cpu', 'tfjs-wasm']));
    expect(choice.measured[0]?.engine).toBe(choice.engine);
    expect(trainer.description).toContain('auto: ');
    // CUDA's libraries are not part of the package: whoever has a GPU must see why it is not used.
    expect(first.lines.find(({ fields }) => fields.engine === 'onnx-cuda')).toMatchObject({
      level: 'info',
      message: 'training engine passed over',
      fields: { reason: expect.stringContaining('docs/engines.md') },
    });
    const named = await openTrainer(choice.engine, silentLogger);
    expect(result).toEqual(await named.train(task, never));
    await named.dispose();
    await trainer.dispose();
    const kept = JSON.parse(readFileSync(choicesFile, 'utf8'));
    expect(Object.values(kept.choices)).toMatchObject([{ engine: choice.engine, because: choice.because }]);

    const second = recordingLogger();
    const again = await openTrainer('auto', second.log, { choicesFile });
    expect(await again.train(task, never)).toEqual(result);
    expect(chosen(second.lines)).toBeUndefined();
    expect(second.lines.find(({ message }) => message === 'training engine as chosen before')?.fields.engine).toBe(
      choice.engine,
    );
    await again.dispose();
  });

  it('stops when it is aborted', async () => {
    const reason = new Error('stop');
    const trainer = await openTrainer('auto', silentLogger);
    await expect(trainer.train(task, AbortSignal.abort(reason))).rejects.toBe(reason);
    await trainer.dispose();
  });
});

/** A trainer that takes a given time a step on a clock of its own, and counts what it is asked. */
function timed(
  name: DeviceChoice,
  stepMs: number,
  clock: { nowMs: number },
  behaviour: 'sound' | 'fails' | 'hangs' = 'sound',
  /** What a training takes beside its steps. */
  ownMs = 0,
  /** Steps computed and thrown away at the beginning of a training. */
  stepsThrown = 0,
) {
  const asked: TrainingTask[] = [];
  const trainer: Trainer = {
    engine: name.split('-')[0] as EngineName,
    description: `${name} for tests`,
    async train(given, signal) {
      asked.push(given);
      if (behaviour === 'fails') throw new TrainingError('engine_failed', 'broken');
      if (behaviour === 'hangs') {
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
      }
      const { work } = given.plan.training;
      const steps = 'steps' in work ? work.steps : 1;
      clock.nowMs += ownMs + (steps + stepsThrown) * stepMs;
      const metrics = { lossFirst: 1, lossLast: 1 };
      return { delta: new Map(), examples: given.data.rows, steps, stepsThrown, metrics };
    },
    async dispose() {},
  };
  return { candidate: { name, trainer }, asked };
}

describe('choosing by measuring', () => {
  it('compares steps, not what a training costs beside them', async () => {
    const clock = { nowMs: 0 };
    // 12 ms a training and 0.1 ms a step, against 1 ms a step: over 8 steps the second takes less.
    const own = timed('onnx-cpu', 0.1, clock, 'sound', 12);
    const none = timed('tfjs-wasm', 1, clock);
    const { log, lines } = recordingLogger();
    const trainer = new MeasuredTrainer([own.candidate, none.candidate], { log, nowMs: () => clock.nowMs });
    const { plan } = task;
    const long = { ...task, plan: { ...plan, training: { ...plan.training, work: { steps: 100 } } } };
    await trainer.prepare(long, never);
    const work = ({ asked }: typeof own) => asked.map((one) => one.plan.training.work);
    expect(work(own)).toEqual([8, 8, 100, 100].map((steps) => ({ steps })));
    expect(chosen(lines)).toMatchObject({
      engine: 'onnx-cpu',
      because: 'the fastest on 100 steps of the task',
      measured: [
        { engine: 'onnx-cpu', stepMs: 0.22 },
        { engine: 'tfjs-wasm', stepMs: 1 },
      ],
    });
  });

  it('does not take the steps by which half precision finds its scale for the time of every step', async () => {
    const clock = { nowMs: 0 };
    // A step takes 50 ms against 90 ms, and 12 are thrown away in each training: 8 steps are there after 1,000 ms against 720 ms.
    const half = timed('onnx-webgpu', 50, clock, 'sound', 0, 12);
    const exact = timed('onnx-cpu', 90, clock);
    const { log, lines } = recordingLogger();
    const trainer = new MeasuredTrainer([half.candidate, exact.candidate], { log, nowMs: () => clock.nowMs });
    await trainer.prepare(task, never);
    expect(chosen(lines).measured).toMatchObject([
      { engine: 'onnx-webgpu', stepMs: 50 },
      { engine: 'onnx-cpu', stepMs: 90 },
    ]);
  });

  it('takes the fastest, once for a network, and gives it the task unchanged', async () => {
    const clock = { nowMs: 0 };
    const slow = timed('onnx-cpu', 5, clock);
    const fast = timed('tfjs-wasm', 2, clock);
    const { log, lines } = recordingLogger();
    const trainer = new MeasuredTrainer([slow.candidate, fast.candidate], { log, nowMs: () => clock.nowMs });
    const whole: TrainingTask = { ...task, onCheckpoint: async () => {}, onProgress: () => {} };
    await trainer.train(whole, never);
    await trainer.train({ ...whole, seed: 5, round: 2 }, never);
    expect(trainer.engine).toBe('tfjs');
    expect(slow.asked).toHaveLength(2);
    expect(fast.asked).toHaveLength(4);
    expect(fast.asked[2]).toBe(whole);
    // What is measured tells nobody how far it is.
    expect(fast.asked[0]?.onProgress ?? fast.asked[0]?.onCheckpoint).toBeUndefined();
    expect(chosen(lines)).toMatchObject({
      engine: 'tfjs-wasm',
      because: 'the fastest on 8 steps of the task',
      measured: [
        { engine: 'tfjs-wasm', stepMs: 2 },
        { engine: 'onnx-cpu', stepMs: 5 },
      ],
    });
    // Another network, or other rows a step, are measured for themselves.
    const wide = heartPlan({ model: { family: 'mlp', hidden: [4], activation: 'relu' } });
    await trainer.train(trainingTask(wide, 40), never);
    expect(slow.asked).toHaveLength(4);
  });

  it('passes over one that fails, and one that does not come to an end', async () => {
    const clock = { nowMs: 0 };
    const sound = timed('tfjs-wasm', 9, clock);
    const { log, lines } = recordingLogger();
    const trainer = new MeasuredTrainer(
      [
        sound.candidate,
        timed('onnx-cpu', 1, clock, 'fails').candidate,
        timed('onnx-webgpu', 1, clock, 'hangs').candidate,
      ],
      { log, nowMs: () => clock.nowMs },
    );
    expect((await trainer.train(task, never)).examples).toBe(40);
    expect(chosen(lines)).toMatchObject({
      engine: 'tfjs-wasm',
      because: 'the only engine that did the measured steps',
      measured: [
        { engine: 'tfjs-wasm', stepMs: 9 },
        { engine: 'onnx-cpu', stepMs: null, reason: 'training.engine_failed' },
        { engine: 'onnx-webgpu', stepMs: null, reason: 'slower by far than another' },
      ],
    });
  });

  it('lets the first say why when none can, and does not remember that', async () => {
    const clock = { nowMs: 0 };
    const path = join(folder, 'none.json');
    const broken = timed('onnx-cpu', 1, clock, 'fails');
    const choices = storedChoices(path, 'here', silentLogger);
    const trainer = new MeasuredTrainer([broken.candidate], { log: silentLogger, choices });
    await expect(trainer.train(task, never)).rejects.toMatchObject({ code: 'engine_failed' });
    expect(await choices.read('anything')).toBeNull();
    await expect(trainer.train(task, never)).rejects.toMatchObject({ code: 'engine_failed' });
    expect(broken.asked).toHaveLength(4);
  });
});

describe('a choice that was made', () => {
  it('is made anew after its engine failed, which would fail every later round', async () => {
    const clock = { nowMs: 0 };
    const fast = timed('onnx-webgpu', 1, clock);
    let gone = false;
    const candidate: Candidate = {
      name: fast.candidate.name,
      trainer: {
        ...fast.candidate.trainer,
        async train(given, signal) {
          if (gone) throw new TrainingError('engine_failed', 'the device is lost');
          return fast.candidate.trainer.train(given, signal);
        },
      },
    };
    const { log, lines } = recordingLogger();
    const choices = storedChoices(join(folder, 'gone.json'), 'here', log);
    const open = () =>
      new MeasuredTrainer([timed('onnx-cpu', 5, clock).candidate, candidate], {
        log,
        choices,
        nowMs: () => clock.nowMs,
      });
    await open().train(task, never);
    gone = true;
    await expect(open().train(task, never)).rejects.toMatchObject({ code: 'engine_failed' });
    const trainer = open();
    expect((await trainer.train(task, never)).examples).toBe(40);
    expect(trainer.description).toBe('auto: onnx-cpu for tests');
    expect(lines.map(({ message }) => message)).toContain('the chosen engine failed: the next task measures anew');
  });

  it('holds for about as many rows of a whole batch, and not for many more', async () => {
    const clock = { nowMs: 0 };
    const one = timed('onnx-cpu', 5, clock);
    const trainer = new MeasuredTrainer([one.candidate, timed('tfjs-wasm', 6, clock).candidate], {
      log: silentLogger,
      nowMs: () => clock.nowMs,
    });
    const whole = heartPlan({ training: { batch: 'full' } });
    const asked = async (rows: number): Promise<number> => {
      const before = one.asked.length;
      await trainer.train(trainingTask(whole, rows), never);
      return one.asked.length - before;
    };
    // Two measurements and the task; then the task alone, up to 64 rows.
    expect([await asked(40), await asked(41), await asked(64), await asked(65)]).toEqual([3, 1, 1, 3]);
  });

  it('is the one that was recorded first, when two processes measure at once', async () => {
    const clock = { nowMs: 0 };
    const path = join(folder, 'two.json');
    const trainer = (cpuMs: number) =>
      new MeasuredTrainer([timed('onnx-cpu', cpuMs, clock).candidate, timed('tfjs-wasm', 2, clock).candidate], {
        log: silentLogger,
        choices: storedChoices(path, 'here', silentLogger),
        nowMs: () => clock.nowMs,
      });
    const agent = trainer(1);
    const dryRun = trainer(9);
    await Promise.all([agent.prepare(task, never), dryRun.prepare(task, never)]);
    await Promise.all([agent.train(task, never), dryRun.train(task, never)]);
    expect(dryRun.description).toBe(agent.description);
  });
});

describe('the graphics hardware that a choice holds for', () => {
  it('is every display and accelerator of the machine, and the driver', () => {
    const root = join(folder, 'machine');
    const device = (name: string, parts: Readonly<Record<string, string>>): void => {
      const at = join(root, 'sys/bus/pci/devices', name);
      mkdirSync(at, { recursive: true });
      for (const [file, text] of Object.entries(parts)) writeFileSync(join(at, file), `${text}\n`);
    };
    device('0000:01:00.0', { class: '0x030200', vendor: '0x10de', device: '0x2335' });
    device('0000:02:00.0', { class: '0x020000', vendor: '0x8086', device: '0x1533' });
    device('0000:03:00.0', { class: '0x120000', vendor: '0x1002', device: '0x74a1' });
    expect(graphicsHardware(root)).toEqual(['0x10de:0x2335', '0x1002:0x74a1']);
    mkdirSync(join(root, 'proc/driver/nvidia'), { recursive: true });
    writeFileSync(join(root, 'proc/driver/nvidia/version'), 'NVRM version: 570.1\nGCC version: 12\n');
    expect(graphicsHardware(root).at(-1)).toBe('NVRM version: 570.1');
    expect(graphicsHardware(join(folder, 'nothing'))).toEqual([]);
  });
});

describe('the record of choices', () => {
  const choice = {
    engine: 'onnx-cpu',
    runsOn: 'a machine',
    because: 'the only engine that did the measured steps',
    measured: [{ engine: 'onnx-cpu', runsOn: 'a machine', stepMs: 1.5 }],
    at: '2026-01-02T03:04:05.000Z',
  } as const;

  it('holds for its environment alone', async () => {
    const path = join(folder, 'environment.json');
    await storedChoices(path, 'one machine', silentLogger).write('task', choice);
    expect(await storedChoices(path, 'one machine', silentLogger).read('task')).toEqual(choice);
    expect(await storedChoices(path, 'one machine', silentLogger).read('another')).toBeNull();
    const { log, lines } = recordingLogger();
    expect(await storedChoices(path, 'another machine', log).read('task')).toBeNull();
    expect(lines[0]?.message).toContain('measured anew');
  });

  it('is begun anew when it cannot be read, and costs no round when it cannot be written', async () => {
    const path = join(folder, 'damaged.json');
    writeFileSync(path, '{"wardround": "engine-choices/1", "environment"');
    const { log, lines } = recordingLogger();
    const choices = storedChoices(path, 'here', log);
    expect(await choices.read('task')).toBeNull();
    await choices.write('task', choice);
    expect(await choices.read('task')).toEqual(choice);
    // A file where the directory should be.
    await storedChoices(join(path, 'below.json'), 'here', log).write('task', choice);
    expect(lines.map(({ level }) => level)).toContain('warn');
    expect(lines.at(-1)?.message).toContain('cannot be written');
  });

  it('keeps those of another environment: a trial with other versions takes nothing from the agent', async () => {
    const path = join(folder, 'environments.json');
    const agent = (): ReturnType<typeof storedChoices> => storedChoices(path, 'the agent', silentLogger);
    await agent().write('task', choice);
    await storedChoices(path, 'another version', silentLogger).write('task', { ...choice, engine: 'tfjs-wasm' });
    expect(await agent().read('task')).toEqual(choice);
    for (const other of ['a', 'b', 'c', 'd']) await storedChoices(path, other, silentLogger).write('task', choice);
    expect(await agent().read('task')).toBeNull();
  });

  it('reads a file of before, which had one environment', async () => {
    const path = join(folder, 'before.json');
    const file = { wardround: 'engine-choices/1', environment: 'here', choices: { task: choice } };
    writeFileSync(path, JSON.stringify(file));
    expect(await storedChoices(path, 'here', silentLogger).read('task')).toEqual(choice);
  });

  it('holds within a process whatever becomes of the file, but for its removal', async () => {
    const folderInTheWay = join(folder, 'in-the-way.json');
    mkdirSync(folderInTheWay);
    const unwritten = storedChoices(folderInTheWay, 'here', silentLogger);
    await unwritten.write('task', choice);
    expect(await unwritten.read('task')).toEqual(choice);

    const path = join(folder, 'shared.json');
    const agent = storedChoices(path, 'here', silentLogger);
    await agent.write('first', choice);
    const before = readFileSync(path);
    await agent.write('task', choice);
    // Another process had read the file before, and writes it now.
    writeFileSync(path, before);
    expect(await agent.read('task')).toEqual(choice);
    await agent.write('third', choice);
    expect(await storedChoices(path, 'here', silentLogger).read('task')).toEqual(choice);
    rmSync(path);
    expect(await agent.read('task')).toBeNull();
  });
});
