import type { Rank, Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { transposedWindowsOf, type Windows, windowsOf } from '../../../shared/graph/operators/windows.ts';
import { intAttribute } from '../../../shared/graph/operators.ts';
import type { TfjsLibrary } from '../tfjs-library.ts';
import { Held } from './held.ts';
import { required, type Translation, type Use } from './translation.ts';
import { paddedForTaps, spread, tapOf, tapsOf } from './windows.ts';

type Image = [number, number, number, number];

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);
const all = (lengths: readonly number[], wanted: number): boolean => lengths.every((length) => length === wanted);

/**
 * @param x [N, ...spatial, C]
 * @param weight [M, C, ...kernel], as the graph has it
 * @returns [N, ...outputs, M]
 */
function convolved(tf: TfjsLibrary, x: Tensor, weight: Tensor, windows: Windows): Tensor {
  const { kernel, strides, dilations, outputs } = windows;
  const [rows, channels] = [x.shape[0] as number, x.shape.at(-1) as number];
  const filters = weight.shape[0] as number;
  // [...kernel, C, M], in the order in which a window's places are laid side by side.
  const turned = tf.transpose(weight, [...kernel.map((_, axis) => axis + 2), 1, 0]);
  if (kernel.length <= 2 && all(dilations, 1) && !all(kernel, 1)) {
    const image = (tensor: Tensor): Tensor4D =>
      (kernel.length === 1
        ? tf.reshape<Rank.R4>(tensor, tensor.shape.toSpliced(1, 0, 1) as Image)
        : tensor) as Tensor4D;
    const padded = tf.slice(
      paddedForTaps(tf, x, windows),
      x.shape.map(() => 0),
      [
        rows,
        ...kernel.map((taps, axis) => ((outputs[axis] as number) - 1) * (strides[axis] as number) + taps),
        channels,
      ],
    );
    const filter = (
      kernel.length === 1 ? tf.reshape(turned, [1, ...(turned.shape as [number, number, number])]) : turned
    ) as Tensor4D;
    const step = kernel.length === 1 ? ([1, strides[0] as number] as [number, number]) : (strides as [number, number]);
    const result = tf.conv2d(image(padded), filter, step, 'valid');
    return tf.reshape(result, [rows, ...outputs, filters]);
  }
  const padded = paddedForTaps(tf, x, windows);
  const seen = tapsOf(kernel).map((tap) => tapOf(tf, padded, windows, tap));
  const columns = seen.length === 1 ? (seen[0] as Tensor) : tf.concat(seen, x.rank - 1);
  const product = tf.matMul(
    tf.reshape(columns, [rows * sizeOf(outputs), sizeOf(kernel) * channels]),
    tf.reshape(turned, [sizeOf(kernel) * channels, filters]),
  );
  return tf.reshape(product, [rows, ...outputs, filters]);
}

/** Each channel by itself: a product and a sum a tap. `weight` [M, 1, ...kernel], M a multiple of the channels. */
function convolvedByChannel(tf: TfjsLibrary, x: Tensor, weight: Tensor, windows: Windows): Tensor {
  const { kernel, outputs } = windows;
  const channels = x.shape.at(-1) as number;
  const each = (weight.shape[0] as number) / channels;
  const places = tapsOf(kernel);
  const turned = tf.transpose(tf.reshape(weight, [channels * each, places.length]));
  const padded = paddedForTaps(tf, x, windows);
  let total: Tensor | undefined;
  for (const [index, tap] of places.entries()) {
    const seen = tf.reshape(tapOf(tf, padded, windows, tap), [-1, channels, 1]);
    const factors = tf.reshape(tf.slice(turned, [index, 0], [1, channels * each]), [1, channels, each]);
    const part = tf.mul(seen, factors);
    total = total === undefined ? part : tf.add(total, part);
  }
  return tf.reshape(total as Tensor, [x.shape[0] as number, ...outputs, channels * each]);
}

/** The part of `tensor` that belongs to one of equal groups along `axis`. */
function groupOf(tf: TfjsLibrary, tensor: Tensor, axis: number, group: number, groups: number): Tensor {
  const size = (tensor.shape[axis] as number) / groups;
  return tf.slice(
    tensor,
    tensor.shape.map((_, at) => (at === axis ? group * size : 0)),
    tensor.shape.with(axis, size),
  );
}

function withBias(use: Use, result: Tensor): Held[] {
  const bias = use.inputs[2]?.tensor;
  return [Held.ofChannelsLast(use.tf, bias === undefined ? result : use.tf.add(result, bias))];
}

function conv(use: Use): Held[] {
  const { tf, node } = use;
  const x = required(use, 0).channelsLast;
  const weight = required(use, 1).tensor;
  const groups = intAttribute(node.attributes, 'group', 1);
  const windows = windowsOf(x.shape.slice(1, -1), weight.shape.slice(2), node.attributes);
  if (groups === 1) return withBias(use, convolved(tf, x, weight, windows));
  if (weight.shape[1] === 1) return withBias(use, convolvedByChannel(tf, x, weight, windows));
  const parts = Array.from({ length: groups }, (_, group) =>
    convolved(tf, groupOf(tf, x, x.rank - 1, group, groups), groupOf(tf, weight, 0, group, groups), windows),
  );
  return withBias(use, tf.concat(parts, x.rank - 1));
}

/**
 * Each place of the input writes a window of the result: one matrix product gives all windows, and each tap's share is laid where it belongs.
 *
 * @param x [N, ...inputs, C]
 * @param weight [C, M, ...kernel]
 * @returns [N, ...outputs, M]
 */
function convolvedBack(tf: TfjsLibrary, x: Tensor, weight: Tensor, windows: Windows): Tensor {
  const { kernel, strides, dilations, begins, inputs, outputs } = windows;
  const [rows, channels] = [x.shape[0] as number, x.shape.at(-1) as number];
  const filters = weight.shape[1] as number;
  const places = tapsOf(kernel);
  const turned = tf.transpose(weight, [0, ...kernel.map((_, axis) => axis + 2), 1]);
  const product = tf.matMul(tf.reshape(x, [-1, channels]), tf.reshape(turned, [channels, places.length * filters]));
  // Long enough for the furthest tap, and for a result that ends behind it.
  const lengths = kernel.map((taps, axis) =>
    Math.max(
      (inputs[axis] as number) * (strides[axis] as number) + (taps - 1) * (dilations[axis] as number),
      (begins[axis] as number) + (outputs[axis] as number),
    ),
  );
  let total: Tensor | undefined;
  for (const [index, tap] of places.entries()) {
    const share = tf.slice(product, [0, index * filters], [product.shape[0] as number, filters]);
    let laid: Tensor = tf.reshape(share, [rows, ...inputs, filters]);
    for (const [axis, stride] of strides.entries()) laid = spread(tf, laid, axis + 1, stride);
    const amounts = tap.map((offset, axis): [number, number] => {
      const before = offset * (dilations[axis] as number);
      return [before, (lengths[axis] as number) - before - (laid.shape[axis + 1] as number)];
    });
    const part = tf.pad(laid, [[0, 0], ...amounts, [0, 0]]);
    total = total === undefined ? part : tf.add(total, part);
  }
  return tf.slice(total as Tensor, [0, ...begins, 0], [rows, ...outputs, filters]);
}

function convTranspose(use: Use): Held[] {
  const { tf, node } = use;
  const x = required(use, 0).channelsLast;
  const weight = required(use, 1).tensor;
  const groups = intAttribute(node.attributes, 'group', 1);
  const windows = transposedWindowsOf(x.shape.slice(1, -1), weight.shape.slice(2), node.attributes);
  if (groups === 1) return withBias(use, convolvedBack(tf, x, weight, windows));
  const parts = Array.from({ length: groups }, (_, group) =>
    convolvedBack(tf, groupOf(tf, x, x.rank - 1, group, groups), groupOf(tf, weight, 0, group, groups), windows),
  );
  return withBias(use, tf.concat(parts, x.rank - 1));
}

/** Convolutions over [N, C, ...spatial]. */
export const convolutionTranslations: Readonly<Record<string, Translation>> = {
  Conv: conv,
  ConvTranspose: convTranspose,
};
