import type { StepOutcome } from './engine.ts';

/**
 * Rows of each part of a batch that is computed in parts of at most `most` rows: as few parts as possible, all but the last of one size,
 * so that two graphs serve them all.
 *
 * @param rows at least 1
 * @param most at least 1
 */
export function partSizes(rows: number, most: number): number[] {
  const size = Math.ceil(rows / Math.ceil(rows / most));
  const sizes = new Array<number>(Math.ceil(rows / size)).fill(size);
  sizes[sizes.length - 1] = rows - size * (sizes.length - 1);
  return sizes;
}

/** The part of a batch's values that belongs to the rows from `begin`, when the values of each row stand together in the rows' order. */
export function partOfValues(values: Float32Array, batch: number, begin: number, rows: number): Float32Array {
  const width = values.length / batch;
  return values.subarray(begin * width, (begin + rows) * width);
}

/** What is told of a step, of what its parts told: their losses are shares of the batch's mean. */
export function wholeOutcome(parts: readonly StepOutcome[]): StepOutcome {
  const total = (of: (part: StepOutcome) => number | undefined): number =>
    parts.reduce((sum, part) => sum + (of(part) ?? 0), 0);
  const clips = parts.some(({ clipped }) => clipped !== undefined);
  return { loss: total(({ loss }) => loss), ...(clips ? { clipped: total(({ clipped }) => clipped) } : {}) };
}
