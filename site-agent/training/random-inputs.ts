import type { FedTensor } from '../../shared/graph/training/objective.ts';
import { randomStream } from '../../shared/runtime/random.ts';
import { TrainingError } from './training-error.ts';

/**
 * Uniforms in [0, 1) for one step, multiples of 2^-24, exact in float32: one stream a step and input, drawn row after row for the whole
 * batch, so that a batch that is cut sees the same ones.
 *
 * @param seed `TrainingTask.seed`
 * @param step 0-based, of the round
 */
export function drawRandom(
  inputs: readonly FedTensor[],
  seed: number,
  step: number,
): ReadonlyMap<string, Float32Array> {
  return new Map(
    inputs.map(({ name, shape }) => {
      const { bits } = randomStream(seed, 'uniforms', step, name);
      const values = new Float32Array(shape.reduce((product, length) => product * length, 1));
      for (let index = 0; index < values.length; index++) values[index] = (bits() >>> 8) / 16_777_216;
      return [name, values];
    }),
  );
}

/**
 * Random values follow the rows of a batch when it is cut, so each must begin with the axis of the rows: of twice the rows it has twice the length
 * along its first axis, and the same along the others.
 * @param inputsFor the random values of a batch of so many rows
 * @throws TrainingError `batch_whole`
 */
export function checkRandomByRows(inputsFor: (rows: number) => readonly FedTensor[], rows: number): void {
  const twice = inputsFor(2 * rows);
  for (const [index, { name, shape }] of inputsFor(rows).entries()) {
    const [first = 0, ...rest] = shape;
    const byRows = first > 0 && first % rows === 0 && twice[index]?.shape.join() === [2 * first, ...rest].join();
    if (byRows) continue;
    throw new TrainingError(
      'batch_whole',
      `the random values ${name} [${shape.join(', ')}] do not belong to single rows of a batch of ${rows}, so it cannot be cut`,
    );
  }
}
