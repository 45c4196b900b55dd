import { WardroundError } from '../../../shared/runtime/errors.ts';
import { TrainingError } from '../training-error.ts';

/**
 * Words by which a backend says that memory ran out: JavaScript's own allocation, the WebAssembly module's heap, TensorFlow's allocators
 * (status RESOURCE_EXHAUSTED), and WebGPU's.
 */
const memoryWords = [
  /array buffer allocation failed|invalid (typed )?array (buffer )?length/i,
  /cannot enlarge memory|aborted\(oom\)|could not allocate|memory access out of bounds/i,
  /oom when allocating|resource[_ ]?exhausted|failed to allocate memory|bad_alloc/i,
  /out[ _]of[ _](device[ _])?memory|\[Invalid Buffer[^\]]*\] is invalid/i,
];

/** What a call of the library threw, as a training error: `out_of_memory` or `engine_failed`. Our own errors stay as they are. */
export function libraryError(cause: unknown): Error {
  if (cause instanceof WardroundError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = memoryWords.some((words) => words.test(message)) ? 'out_of_memory' : 'engine_failed';
  return new TrainingError(code, `tensorflow.js failed in a training step: ${message}`, {}, cause);
}
