import type { Tensor } from '@tensorflow/tfjs-core';
import { intAttribute, stringAttribute } from '../../../shared/graph/operators.ts';
import { Held } from './held.ts';
import { axisOf, refuse, required, type Translation, type Use } from './translation.ts';

/** Place in the flat data of each element of `shape`, its place along `axis` replaced by what `indices` says. */
function flatPlaces(use: Use, shape: readonly number[], indices: Tensor, axis: number): Tensor {
  const { tf } = use;
  const strides = shape.map((_, at) => shape.slice(at + 1).reduce((a, b) => a * b, 1));
  const length = shape[axis] as number;
  const fixed = new Int32Array(indices.size);
  for (let at = 0; at < fixed.length; at++) {
    let rest = at;
    for (let each = indices.rank - 1; each >= 0; each--) {
      const place = rest % (indices.shape[each] as number);
      rest = Math.floor(rest / (indices.shape[each] as number));
      if (each !== axis) fixed[at] = (fixed[at] as number) + place * (strides[each] as number);
    }
  }
  const below = tf.cast(tf.less(indices, tf.scalar(0, 'int32')), 'int32');
  const wrapped = tf.add(indices, tf.mul(below, tf.scalar(length, 'int32')));
  const moved = tf.mul(wrapped, tf.scalar(strides[axis] as number, 'int32'));
  return tf.add(tf.reshape(moved, [-1]), tf.tensor1d(fixed, 'int32'));
}

function gatherElements(use: Use): Held[] {
  const { tf, node } = use;
  const x = required(use, 0).tensor;
  const indices = required(use, 1).tensor;
  const axis = axisOf(intAttribute(node.attributes, 'axis', 0), x.rank);
  const flat = tf.gather(tf.reshape(x, [-1]), flatPlaces(use, x.shape, indices, axis));
  return [Held.of(tf, tf.reshape(flat, indices.shape))];
}

/** Where lists of indices point, as places along the indexed axes laid flat. */
function nestedPlaces(
  use: Use,
  shape: readonly number[],
  indices: Tensor,
  batchAxes: number,
): { readonly places: Tensor; readonly lengths: number; readonly rest: number } {
  const { tf } = use;
  const depth = indices.shape.at(-1) as number;
  const size = (lengths: readonly number[]): number => lengths.reduce((a, b) => a * b, 1);
  const picked = shape.slice(batchAxes, batchAxes + depth);
  const batches = size(shape.slice(0, batchAxes));
  const each = indices.size / depth / batches;
  const rows = tf.reshape(indices, [-1, depth]);
  const below = tf.cast(tf.less(rows, tf.scalar(0, 'int32')), 'int32');
  const wrapped = tf.add(rows, tf.mul(below, tf.tensor2d([...picked], [1, depth], 'int32')));
  const strides = picked.map((_, at) => size(picked.slice(at + 1)));
  const within = tf.sum(tf.mul(wrapped, tf.tensor2d(strides, [1, depth], 'int32')), 1);
  const offsets = Int32Array.from({ length: batches * each }, (_, at) => Math.floor(at / each) * size(picked));
  return {
    places: tf.add(tf.cast(within, 'int32'), tf.tensor1d(offsets, 'int32')),
    lengths: batches * size(picked),
    rest: size(shape.slice(batchAxes + depth)),
  };
}

function gatherNd(use: Use): Held[] {
  const { tf, node } = use;
  const x = required(use, 0).tensor;
  const indices = required(use, 1).tensor;
  const batchAxes = intAttribute(node.attributes, 'batch_dims', 0);
  const { places, lengths, rest } = nestedPlaces(use, x.shape, indices, batchAxes);
  const flat = tf.gather(tf.reshape(x, [lengths, rest]), places);
  const depth = indices.shape.at(-1) as number;
  return [Held.of(tf, tf.reshape(flat, [...indices.shape.slice(0, -1), ...x.shape.slice(batchAxes + depth)]))];
}

/** Lays `updates` [places, width] over, or adds them to, the rows of `data` [length, width]. */
function scattered(use: Use, data: Tensor, places: Tensor, updates: Tensor): Tensor {
  const { tf, node } = use;
  const reduction = stringAttribute(node.attributes, 'reduction', 'none');
  if (reduction !== 'none' && reduction !== 'add') refuse(node, `with the reduction ${reduction}`);
  const at = tf.reshape(places, [-1, 1]) as never;
  const shape = data.shape as [number, number];
  const laid = tf.scatterND(at, updates, shape);
  if (reduction === 'add') return tf.add(data, laid);
  const covered = tf.minimum(tf.scatterND(at, tf.onesLike(updates), shape), tf.scalar(1));
  return tf.add(tf.mul(data, tf.sub(tf.scalar(1), covered)), laid);
}

function scatterElements(use: Use): Held[] {
  const { tf, node } = use;
  const x = required(use, 0).tensor;
  const indices = required(use, 1).tensor;
  const axis = axisOf(intAttribute(node.attributes, 'axis', 0), x.rank);
  const column = (tensor: Tensor): Tensor => tf.reshape(tensor, [-1, 1]);
  const places = flatPlaces(use, x.shape, indices, axis);
  return [Held.of(tf, tf.reshape(scattered(use, column(x), places, column(required(use, 2).tensor)), x.shape))];
}

function scatterNd(use: Use): Held[] {
  const { tf } = use;
  const x = required(use, 0).tensor;
  const { places, lengths, rest } = nestedPlaces(use, x.shape, required(use, 1).tensor, 0);
  const rows = tf.reshape(x, [lengths, rest]);
  const updates = tf.reshape(required(use, 2).tensor, [-1, rest]);
  return [Held.of(tf, tf.reshape(scattered(use, rows, places, updates), x.shape))];
}

/** Operators that look values up by several indices, or write them there. */
export const indexingTranslations: Readonly<Record<string, Translation>> = {
  GatherElements: gatherElements,
  GatherND: gatherNd,
  ScatterElements: scatterElements,
  ScatterND: scatterNd,
};
