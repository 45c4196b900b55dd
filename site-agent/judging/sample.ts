import { permutation, type RandomStream } from '../../shared/runtime/random.ts';

/**
 * At most so many of the rows, drawn at random, in the order they were given. Of rows in the order of patient keys the draw is the same
 * however the table is ordered.
 */
export function sampleOf(rows: Uint32Array, atMost: number, stream: RandomStream): Uint32Array {
  if (rows.length <= atMost) return rows;
  const places = permutation(rows.length, stream).subarray(0, atMost).slice().sort();
  return Uint32Array.from(places, (place) => rows[place] as number);
}
