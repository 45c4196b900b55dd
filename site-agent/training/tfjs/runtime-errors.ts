import { setImmediate as nextTurn } from 'node:timers/promises';
import { WardroundError } from '../../../shared/runtime/errors.ts';
import { TrainingError } from '../training-error.ts';

/**
 * Words by which a backend says that memory ran out. The first two were provoked by a matrix of 640 GB in plain JavaScript and in TensorFlow
 * 2.21; the third is WebGPU's, of a buffer that was not made.
 */
const memoryWords = [
  /array buffer allocation failed|invalid (typed )?array (buffer )?length/i,
  /oom when allocating|resource[_ ]?exhausted|bad_alloc/i,
  /out[ _]of[ _](device[ _])?memory|\[Invalid Buffer[^\]]*\] is invalid|exceeds the max (buffer size|storage buffer)/i,
];

/** Traps of the WebAssembly module, after which it computes nothing more in this process. Provoked by the same matrix. */
const moduleIsDead = /table index is out of bounds|memory access out of bounds|^aborted\(/i;

/** A GPU that is gone: its driver was started again or reset it, or it was unplugged. */
export class DeviceLostError extends Error {}

/** What a call of the library threw, as a training error: `out_of_memory` or `engine_failed`. Our own errors stay as they are. */
export function libraryError(cause: unknown): Error {
  if (cause instanceof WardroundError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof DeviceLostError) {
    const advice =
      "look in the system's log for what its driver says; start the agent anew, or name the engine onnx-cpu";
    return new TrainingError('engine_failed', `tensorflow.js lost the GPU (${message}); ${advice}`, {}, cause);
  }
  if (moduleIsDead.test(message)) {
    const advice = 'start the agent anew, and name the engine onnx or ask for a smaller batch in the plan';
    const words = `the memory of TensorFlow.js's WebAssembly module ran out, or the module failed; ${advice}: ${message}`;
    return new TrainingError('engine_failed', words, {}, cause);
  }
  const code = memoryWords.some((words) => words.test(message)) ? 'out_of_memory' : 'engine_failed';
  return new TrainingError(code, `tensorflow.js failed in a training step: ${message}`, {}, cause);
}

/**
 * What a call on a backend threw, as a training error. A device tells of its failure a turn after what came of it was thrown, and says more of it.
 */
export async function failureOn(backend: { takeFailure(): Error | null }, cause: unknown): Promise<Error> {
  if (cause instanceof WardroundError) return cause;
  await nextTurn();
  return libraryError(backend.takeFailure() ?? cause);
}
