import type { Tensor } from '@tensorflow/tfjs-core';
import type { Windows } from '../../../shared/graph/operators/windows.ts';
import type { TfjsLibrary } from '../tfjs-library.ts';

/** Offsets of a window's places, [0, 0], [0, 1], ...: the last axis fastest. */
export function tapsOf(kernel: readonly number[]): number[][] {
  let taps: number[][] = [[]];
  for (const length of kernel) {
    taps = taps.flatMap((tap) => Array.from({ length }, (_, offset) => [...tap, offset]));
  }
  return taps;
}

/**
 * Pads the spatial axes of [N, ...spatial, C] so that every tap of every window lies inside, and each axis may be read in whole strides.
 */
export function paddedForTaps(tf: TfjsLibrary, x: Tensor, windows: Windows, fill = 0): Tensor {
  const { kernel, strides, dilations, begins, inputs, outputs } = windows;
  const amounts = kernel.map((taps, axis): [number, number] => {
    const stride = strides[axis] as number;
    // The last tap of the last window, rounded up to where its stride ends.
    const needed = (dilations[axis] as number) * (taps - 1) + (outputs[axis] as number) * stride;
    return [begins[axis] as number, Math.max(0, needed - (begins[axis] as number) - (inputs[axis] as number))];
  });
  if (amounts.every(([before, after]) => before === 0 && after === 0)) return x;
  return tf.pad(x, [[0, 0], ...amounts, [0, 0]], fill);
}

/**
 * What one tap of each window sees: [N, ...outputs, C] of a tensor that `paddedForTaps` made. Strides are taken by cutting an axis in two,
 * since the library's strided slices have no gradient.
 */
export function tapOf(tf: TfjsLibrary, padded: Tensor, windows: Windows, tap: readonly number[]): Tensor {
  const { strides, dilations, outputs } = windows;
  const begin = [0, ...tap.map((offset, axis) => offset * (dilations[axis] as number)), 0];
  const size = [
    padded.shape[0] as number,
    ...outputs.map((length, axis) => length * (strides[axis] as number)),
    padded.shape.at(-1) as number,
  ];
  let seen = tf.slice(padded, begin, size);
  for (const [index, stride] of strides.entries()) {
    if (stride === 1) continue;
    const axis = index + 1;
    const { shape } = seen;
    const [outer, inner] = [shape.slice(0, axis), shape.slice(axis + 1)];
    const product = (lengths: readonly number[]): number => lengths.reduce((a, b) => a * b, 1);
    const cut = tf.reshape(seen, [product(outer) * (outputs[index] as number), stride, product(inner)]);
    const first = tf.slice(cut, [0, 0, 0], [cut.shape[0] as number, 1, cut.shape[2] as number]);
    seen = tf.reshape(first, [...outer, outputs[index] as number, ...inner]);
  }
  return seen;
}

/** How many places of each window lie inside the data, [...outputs]: what an average without its padding is divided by. */
export function placesInside(windows: Windows, padding: 'none' | 'counted'): Float32Array {
  const { kernel, strides, dilations, begins, ends, inputs, outputs } = windows;
  let counts = [1];
  for (const [axis, length] of outputs.entries()) {
    const lowest = padding === 'counted' ? -(begins[axis] as number) : 0;
    const highest = (inputs[axis] as number) + (padding === 'counted' ? (ends[axis] as number) : 0);
    const along = Array.from({ length }, (_, at) => {
      const from = at * (strides[axis] as number) - (begins[axis] as number);
      const places = Array.from(
        { length: kernel[axis] as number },
        (__, tap) => from + tap * (dilations[axis] as number),
      );
      return places.filter((place) => place >= lowest && place < highest).length;
    });
    counts = counts.flatMap((outer) => along.map((inner) => outer * inner));
  }
  return Float32Array.from(counts);
}

/** Puts stride - 1 zeros behind each place of a spatial axis of [N, ...spatial, C]. */
export function spread(tf: TfjsLibrary, x: Tensor, axis: number, stride: number): Tensor {
  if (stride === 1) return x;
  const { shape } = x;
  const product = (lengths: readonly number[]): number => lengths.reduce((a, b) => a * b, 1);
  const cut = tf.reshape(x, [product(shape.slice(0, axis + 1)), 1, product(shape.slice(axis + 1))]);
  const padded = tf.pad(cut, [
    [0, 0],
    [0, stride - 1],
    [0, 0],
  ]);
  return tf.reshape(padded, shape.with(axis, (shape[axis] as number) * stride));
}
