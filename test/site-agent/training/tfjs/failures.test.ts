import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../../shared/runtime/logger.ts';
import { DeviceLostError } from '../../../../site-agent/training/tfjs/runtime-errors.ts';
import { openTfjsBackend, type TfjsBackend } from '../../../../site-agent/training/tfjs-backends.ts';
import { TfjsTrainer } from '../../../../site-agent/training/tfjs-trainer.ts';
import { drawnTensors, modelPlan } from '../../../support/model-plans.ts';
import { recordingLogger } from '../../../support/recording-logger.ts';
import { webgpuDirectory } from '../../../support/tfjs.ts';
import { relativeDistance, trainingTask } from '../../../support/training.ts';

const never = new AbortController().signal;
const wasm = await openTfjsBackend(silentLogger, 'wasm');
const plan = modelPlan({ family: 'mlp', hidden: [6], activation: 'tanh' }, 'binary', {
  batch: 8,
  work: { epochs: 2 },
  optimiser: { kind: 'adam', rate: 0.01 },
});
const task = trainingTask(plan, 20, drawnTensors(plan));

/** WebAssembly, with a device that tells of these failures, one each time it is asked. */
function failing(messages: readonly (string | null)[]): TfjsBackend {
  const left = [...messages];
  return {
    ...wasm,
    takeFailure() {
      const message = left.shift() ?? null;
      return message === null ? null : new Error(message);
    },
  };
}

// What Dawn says of a buffer larger than the device has, with the npm package webgpu 0.6.2 on SwiftShader.
const tooLarge = 'Buffer size (640000000000) exceeds the max buffer size limit (1073741824).';

describe('a device that fails without throwing', () => {
  it('out of memory halves the rows at once and goes on from before the step, to the same weights', async () => {
    const { log, lines } = recordingLogger();
    const before = wasm.library.memory().numTensors;
    const whole = await new TfjsTrainer(wasm).train(task, never);
    const cut = await new TfjsTrainer(failing([null, tooLarge]), { log }).train(task, never);
    expect(cut.steps).toBe(whole.steps);
    expect(cut.rowsAtOnce).toBe(4);
    expect(relativeDistance(cut.delta, whole.delta)).toBeLessThan(1e-4);
    expect(lines.some(({ message }) => message.includes('out of memory'))).toBe(true);
    expect(wasm.library.memory().numTensors).toBe(before);
  });

  it('another failure ends the round with the device’s words, and leaves no tensor', async () => {
    const before = wasm.library.memory().numTensors;
    const trainer = new TfjsTrainer(failing([null, 'Device was lost']));
    await expect(trainer.train(task, never)).rejects.toThrow(
      expect.objectContaining({ code: 'engine_failed', message: expect.stringContaining('Device was lost') }),
    );
    expect(wasm.library.memory().numTensors).toBe(before);
  });

  it('a GPU that is gone is named with what to do, whatever was thrown', async () => {
    let calls = 0;
    const gone = (): boolean => calls > 2;
    const trainer = new TfjsTrainer({
      ...wasm,
      activate() {
        calls += 1;
        // As a buffer of a lost device rejects its reading: without a word.
        if (calls === 3) throw new Error('');
        wasm.activate();
      },
      takeFailure: () => (gone() ? new DeviceLostError('the driver was reset') : null),
    });
    await expect(trainer.train(task, never)).rejects.toThrow(
      expect.objectContaining({
        code: 'engine_failed',
        message: expect.stringMatching(/lost the GPU \(the driver was reset\);.*start the agent anew/),
      }),
    );
  });

  // Last: the process has one device.
  it.skipIf(webgpuDirectory === undefined)('so is a real one on webgpu (needs WARDROUND_TEST_WEBGPU)', async () => {
    const engineDirectory = webgpuDirectory as string;
    const backend = await openTfjsBackend(silentLogger, 'webgpu', { engineDirectory });
    const trainer = new TfjsTrainer(backend);
    expect((await trainer.train(task, never)).steps).toBe(6);
    (backend.library.backend() as unknown as { readonly device: { destroy(): void } }).device.destroy();
    await expect(trainer.train(task, never)).rejects.toThrow(
      expect.objectContaining({ code: 'engine_failed', message: expect.stringContaining('lost the GPU') }),
    );
  });
});
