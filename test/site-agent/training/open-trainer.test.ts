import { describe, expect, it } from 'vitest';
import type { LogFields, Logger } from '../../../shared/runtime/logger.ts';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import { MeasuredTrainer } from '../../../site-agent/training/measured-trainer.ts';
import { openTrainer } from '../../../site-agent/training/open-trainer.ts';
import type { EngineName, Trainer, TrainingTask } from '../../../site-agent/training/trainer.ts';
import { TrainingError } from '../../../site-agent/training/training-error.ts';
import { heartPlan } from '../../support/plans.ts';
import { trainingTask } from '../../support/training.ts';

const never = new AbortController().signal;
const task = trainingTask(heartPlan(), 40);

function recordingLogger(): { readonly log: Logger; readonly lines: { fields: LogFields; message: string }[] } {
  const lines: { fields: LogFields; message: string }[] = [];
  const write = (fields: LogFields, message: string): void => void lines.push({ fields, message });
  const log: Logger = { debug: write, info: write, warn: write, error: write, child: () => log };
  return { log, lines };
}

describe('opening a trainer', () => {
  it.each(['onnx', 'tfjs'] as const)('opens %s by name and says in the log what it runs on', async (engine) => {
    const { log, lines } = recordingLogger();
    const trainer = await openTrainer(engine, log);
    expect(trainer.engine).toBe(engine);
    expect((await trainer.train(task, never)).examples).toBe(40);
    expect(lines.some(({ fields }) => fields.engine === engine)).toBe(true);
    await trainer.dispose();
  });

  it('measures what is installed when it may choose, and says why', async () => {
    const { log, lines } = recordingLogger();
    const trainer = await openTrainer('auto', log);
    const result = await trainer.train(task, never);
    const choice = lines.find(({ message }) => message.includes('chosen'))?.fields as {
      engine: EngineName;
      measured: { engine: EngineName; stepMs: number }[];
    };
    expect(choice.engine).toBe(trainer.engine);
    expect(choice.measured.map(({ engine }) => engine).sort()).toEqual(['onnx', 'tfjs']);
    expect(choice.measured[0]?.engine).toBe(choice.engine);
    const named = await openTrainer(choice.engine, silentLogger);
    expect(result).toEqual(await named.train(task, never));
    await named.dispose();
    await trainer.dispose();
  });
});

/** A trainer that takes a given time a step on a clock of its own, and counts what it is asked. */
function timed(engine: EngineName, stepMs: number, clock: { nowMs: number }, fails = false) {
  const asked: TrainingTask[] = [];
  const trainer: Trainer = {
    engine,
    description: engine,
    async train(given) {
      asked.push(given);
      const { work } = given.plan.training;
      if (fails) throw new TrainingError('engine_failed', 'broken');
      const steps = 'steps' in work ? work.steps : 1;
      clock.nowMs += steps * stepMs;
      return { delta: new Map(), examples: given.data.rows, steps, metrics: { lossFirst: 1, lossLast: 1 } };
    },
    async dispose() {},
  };
  return { trainer, asked };
}

describe('choosing by measuring', () => {
  it('takes the faster one, once for a network, and gives it the task unchanged', async () => {
    const clock = { nowMs: 0 };
    const slow = timed('onnx', 5, clock);
    const fast = timed('tfjs', 2, clock);
    const { log, lines } = recordingLogger();
    const trainer = new MeasuredTrainer([slow.trainer, fast.trainer], log, () => clock.nowMs);
    await trainer.train(task, never);
    await trainer.train(task, never);
    expect(trainer.engine).toBe('tfjs');
    expect(slow.asked).toHaveLength(2);
    expect(fast.asked).toHaveLength(4);
    expect(fast.asked.slice(2)).toEqual([task, task]);
    expect(lines.at(-1)?.fields.measured).toEqual([
      { engine: 'tfjs', stepMs: 2 },
      { engine: 'onnx', stepMs: 5 },
    ]);
    await trainer.train(
      trainingTask(heartPlan({ model: { family: 'mlp', hidden: [4], activation: 'relu' } }), 10),
      never,
    );
    expect(slow.asked).toHaveLength(4);
  });

  it('passes over one that fails', async () => {
    const clock = { nowMs: 0 };
    const broken = timed('onnx', 1, clock, true);
    const sound = timed('tfjs', 9, clock);
    const trainer = new MeasuredTrainer([broken.trainer, sound.trainer], silentLogger, () => clock.nowMs);
    expect((await trainer.train(task, never)).examples).toBe(40);
    expect(trainer.engine).toBe('tfjs');
  });

  it('stops when it is aborted while measuring', async () => {
    const trainer = await openTrainer('auto', silentLogger);
    const reason = new Error('stop');
    await expect(trainer.train(task, AbortSignal.abort(reason))).rejects.toBe(reason);
    await trainer.dispose();
  });
});
