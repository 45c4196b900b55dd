import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runtimeError } from '../../../site-agent/training/onnx/runtime-errors.ts';
import { openInferenceSession, type Session } from '../../../site-agent/training/onnx/sessions.ts';
import { OnnxTrainer } from '../../../site-agent/training/onnx-trainer.ts';
import { heartPlan } from '../../support/plans.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { relativeDistance, trainingTask } from '../../support/training.ts';

const never = new AbortController().signal;
const canLimit =
  process.platform === 'linux' && spawnSync('prlimit', ['--version'], { stdio: 'ignore' }).error === undefined;

describe('memory that does not suffice', () => {
  it.each([
    [
      'bfc_arena.cc:360 AllocateRawInternal Failed to allocate memory for requested buffer of size 1600000000',
      'out_of_memory',
    ],
    ['Non-zero status code returned while running MatMul node. Status Message: std::bad_alloc', 'out_of_memory'],
    ['pthread_create failed, error code: 12 error msg: Cannot allocate memory', 'out_of_memory'],
    ['Array buffer allocation failed', 'out_of_memory'],
    ['WebGPU validation failed. [Invalid Buffer (unlabeled)] is invalid due to a previous error.', 'out_of_memory'],
    ['vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY', 'out_of_memory'],
    ['CUDA failure 2: out of memory ; GPU=0', 'out_of_memory'],
    ['CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED', 'out_of_memory'],
    ['CUDNN failure 4000: CUDNN_STATUS_INTERNAL_ERROR', 'engine_failed'],
    ['BatchNormalization trainingMode is not supported yet.', 'engine_failed'],
  ])('is told from other failures: %s', (message, code) => {
    expect(runtimeError(new Error(message), 'failed')).toMatchObject({ code });
  });

  it('closes the sessions that failed, and trains on in parts to the same weights', async () => {
    const open = new Set<Session>();
    const plan = heartPlan({ model: { family: 'mlp', hidden: [6], activation: 'tanh' } });
    const task = trainingTask(
      { ...plan, training: { ...plan.training, batch: 32, work: { epochs: 3 }, l2: 0.01 } },
      96,
    );
    const whole = new OnnxTrainer();
    const expected = await whole.train(task, never);
    const { log, lines } = recordingLogger();
    const trainer = new OnnxTrainer({
      log,
      async openSession(model, options) {
        const session = await openInferenceSession(model, options);
        const limited: Session = {
          async run(feeds, fetches) {
            // Rows stand first, or after the steps of a call.
            const rows = feeds.labels?.dims.at(-1) ?? 0;
            if (rows > 10) throw new Error('std::bad_alloc');
            return session.run(feeds, fetches);
          },
          async release() {
            open.delete(limited);
            await session.release();
          },
        };
        open.add(limited);
        return limited;
      },
    });
    const result = await trainer.train(task, never);
    expect(result.rowsAtOnce).toBe(8);
    expect(lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields)).toEqual([
      { rowsBefore: 32, rowsAtOnce: 16 },
      { rowsBefore: 16, rowsAtOnce: 8 },
    ]);
    expect(relativeDistance(result.delta, expected.delta)).toBeLessThan(1e-5);
    expect(result.metrics.lossLast / expected.metrics.lossLast).toBeCloseTo(1, 5);
    // That of eight rows and that of the update.
    expect(open.size).toBe(2);
    await trainer.dispose();
    await whole.dispose();
    expect(open.size).toBe(0);
  });

  it('is heard of an abort while it compiles, and closes what came of it with the engine', async () => {
    const controller = new AbortController();
    let released = 0;
    const trainer = new OnnxTrainer({
      async openSession(model, options) {
        const session = await openInferenceSession(model, options);
        controller.abort(new Error('withdrawn'));
        return {
          run: () => Promise.reject(new Error('was run after the abort')),
          async release() {
            released += 1;
            await session.release();
          },
        };
      },
    });
    await expect(trainer.train(trainingTask(heartPlan(), 20), controller.signal)).rejects.toThrow('withdrawn');
    await trainer.dispose();
    expect(released).toBe(1);
  });

  it.skipIf(!canLimit)('really ends in smaller parts with the same result (needs Linux and prlimit)', () => {
    const child = spawnSync(
      process.execPath,
      // WebAssembly's guards reserve more address space than the limit leaves.
      [
        '--disable-wasm-trap-handler',
        '--import',
        'tsx',
        fileURLToPath(new URL('../../support/little-memory.ts', import.meta.url)),
        '300',
      ],
      { encoding: 'utf8' },
    );
    expect(child.status, child.stderr).toBe(0);
    const { rowsAtOnce, said, distance } = JSON.parse(child.stdout.trim().split('\n').at(-1) ?? '');
    expect(rowsAtOnce).toBeLessThan(50_000);
    expect(said[0]).toEqual({ rowsBefore: 50_000, rowsAtOnce: 25_000 });
    expect(distance).toBeLessThan(1e-5);
  });
});
