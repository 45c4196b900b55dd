import type { Tensor } from '@tensorflow/tfjs-core';
import { intAttribute, intsAttribute } from '../../../shared/graph/operators.ts';
import type { TfjsLibrary } from '../tfjs-library.ts';
import { Held } from './held.ts';
import { axisOf, integersOf, optionalIntegers, required, type Translation, type Use } from './translation.ts';

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** Repeats a tensor to `shape`. Not by the library's own `broadcastTo`, whose gradient ends at four axes. */
export function broadcastTo(tf: TfjsLibrary, tensor: Tensor, shape: readonly number[]): Tensor {
  if (tensor.rank === shape.length && tensor.shape.every((length, axis) => length === shape[axis])) return tensor;
  if (tensor.dtype === 'bool') {
    return tf.notEqual(broadcastTo(tf, tf.cast(tensor, 'int32'), shape), tf.scalar(0, 'int32'));
  }
  const ones = tf.ones([...shape], tensor.dtype as 'float32' | 'int32');
  return tf.mul(tensor, ones);
}

function reshaped(tf: TfjsLibrary, held: Held, shape: number[]): Held {
  return Held.of(tf, tf.reshape(held.tensor, shape), held.integers);
}

function reshape(use: Use): Held[] {
  const x = required(use, 0);
  const zeroIsCopied = intAttribute(use.node.attributes, 'allowzero', 0) === 0;
  const shape = integersOf(use, 1).map((length, axis) =>
    length === 0 && zeroIsCopied ? (x.tensor.shape[axis] as number) : length,
  );
  return [reshaped(use.tf, x, shape)];
}

function flatten(use: Use): Held[] {
  const x = required(use, 0);
  const axis = axisOf(intAttribute(use.node.attributes, 'axis', 1), x.rank);
  const { shape } = x.tensor;
  return [reshaped(use.tf, x, [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis))])];
}

function squeeze(use: Use): Held[] {
  const x = required(use, 0);
  const { shape } = x.tensor;
  const axes = optionalIntegers(use, 1)?.map((axis) => axisOf(axis, shape.length));
  return [
    reshaped(
      use.tf,
      x,
      shape.filter((length, axis) => (axes === undefined ? length !== 1 : !axes.includes(axis))),
    ),
  ];
}

function unsqueeze(use: Use): Held[] {
  const x = required(use, 0);
  const axes = integersOf(use, 1);
  const rank = x.rank + axes.length;
  const shape = [...x.tensor.shape];
  for (const axis of axes.map((each) => axisOf(each, rank)).sort((a, b) => a - b)) shape.splice(axis, 0, 1);
  return [reshaped(use.tf, x, shape)];
}

function expand(use: Use): Held[] {
  const x = required(use, 0).tensor;
  const shape = use.tf.broadcast_util.assertAndGetBroadcastShape(x.shape, integersOf(use, 1));
  return [Held.of(use.tf, broadcastTo(use.tf, x, shape))];
}

function tile(use: Use): Held[] {
  const { tf } = use;
  let x = required(use, 0).tensor;
  for (const [axis, times] of integersOf(use, 1).entries()) {
    if (times !== 1)
      x = tf.concat(
        Array.from({ length: times }, () => x),
        axis,
      );
  }
  return [Held.of(tf, x)];
}

/**
 * Axes in another order. Those of length 1 are left out and neighbours that stay together are one: WebGPU moves six axes at most, and gradients row
 * by row of a convolution have seven.
 */
function reordered(tf: TfjsLibrary, x: Tensor, order: readonly number[]): Tensor {
  const axes = x.shape.flatMap((length, axis) => (length === 1 ? [] : [axis]));
  const runs: number[][] = [];
  for (const axis of order) {
    const place = axes.indexOf(axis);
    if (place < 0) continue;
    const last = runs.at(-1);
    if (last !== undefined && last.at(-1) === place - 1) last.push(place);
    else runs.push([place]);
  }
  const before = [...runs].sort(([a = 0], [b = 0]) => a - b);
  const merged = before.map((run) => sizeOf(run.map((place) => x.shape[axes[place] as number] as number)));
  const moved = tf.transpose(
    tf.reshape(x, merged),
    runs.map((run) => before.indexOf(run)),
  );
  return tf.reshape(
    moved,
    order.map((axis) => x.shape[axis] as number),
  );
}

function transpose(use: Use): Held[] {
  const x = required(use, 0).tensor;
  const order = intsAttribute(use.node.attributes, 'perm') ?? x.shape.map((_, axis) => x.rank - 1 - axis);
  return [Held.of(use.tf, reordered(use.tf, x, order))];
}

/** Operators that lay values out anew or repeat them. */
export const shapeTranslations: Readonly<Record<string, Translation>> = {
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: expand,
  Tile: tile,
  Transpose: transpose,
};
