import { TrainingError } from '../training-error.ts';

/**
 * Words by which a runtime says that memory ran out. The first five were provoked with onnxruntime 1.30: on cpu with and without its arena and when it
 * starts a thread, under a limit of memory, in JavaScript's own allocation, and on webgpu with a matrix larger than the device's memory, where the failed allocation
 * itself goes to the log and what is thrown names the buffer that was not made. The sixth is webgpu's for a tensor of more bindings than a
 * shader may have. The others are those of the CUDA libraries' documentation.
 */
const memoryWords = [
  /failed to allocate memory/i,
  /bad_alloc/,
  /cannot allocate memory/i,
  /array buffer allocation failed|invalid (typed )?array (buffer )?length/i,
  /\[Invalid Buffer[^\]]*\] is invalid/,
  /too many storage buffers in shader/i,
  /out[ _]of[ _](device[ _])?memory/i,
  /(CUDNN|CUBLAS)_STATUS_ALLOC_FAILED/,
];

export const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** What a call of the runtime threw, as a training error: `out_of_memory` or `engine_failed`. */
export function runtimeError(cause: unknown, doing: string): TrainingError {
  const message = messageOf(cause);
  const code = memoryWords.some((words) => words.test(message)) ? 'out_of_memory' : 'engine_failed';
  return new TrainingError(code, `onnxruntime ${doing}: ${message}`, {}, cause);
}
