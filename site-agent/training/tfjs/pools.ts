import type { Tensor } from '@tensorflow/tfjs-core';
import { type Windows, windowsOf } from '../../../shared/graph/operators/windows.ts';
import { intAttribute, intsAttribute } from '../../../shared/graph/operators.ts';
import type { TfjsLibrary } from '../tfjs-library.ts';
import { Held, toChannelsFirst } from './held.ts';
import { broadcastTo } from './shapes.ts';
import { required, type Translation, type Use } from './translation.ts';
import { paddedForTaps, placesInside, tapOf, tapsOf } from './windows.ts';

/** Below every float32 a network puts out, and finite, which every backend pads with. */
const lowest = -3.4028234663852886e38;

/** Folds what the taps of each window see, first to last. */
function folded(
  tf: TfjsLibrary,
  x: Tensor,
  windows: Windows,
  fill: number,
  fold: (a: Tensor, b: Tensor) => Tensor,
): Tensor {
  const padded = paddedForTaps(tf, x, windows, fill);
  return tapsOf(windows.kernel)
    .map((tap) => tapOf(tf, padded, windows, tap))
    .reduce(fold);
}

function windowsFor(use: Use, x: Tensor): Windows {
  return windowsOf(x.shape.slice(1, -1), intsAttribute(use.node.attributes, 'kernel_shape') ?? [], use.node.attributes);
}

/** Place of each tap of each window in a channel's data laid flat, [1, ...outputs, 1]; places in the padding are 0. */
function placesOf(
  tf: TfjsLibrary,
  { dilations, strides, begins, inputs, outputs }: Windows,
  tap: readonly number[],
): Tensor {
  let places = [0];
  for (const [axis, length] of outputs.entries()) {
    const along = Array.from({ length }, (_, at) => {
      const place =
        at * (strides[axis] as number) + (tap[axis] as number) * (dilations[axis] as number) - (begins[axis] as number);
      return Math.max(0, Math.min((inputs[axis] as number) - 1, place));
    });
    places = places.flatMap((outer) => along.map((inner) => outer * (inputs[axis] as number) + inner));
  }
  // As floats, exact up to 2^24, which no image has pixels for: WebGPU chooses between and transposes floats only.
  return tf.tensor(places, [1, ...outputs, 1], 'float32');
}

/** Where each maximum lies in the whole input laid flat in the graph's order; of equal ones the first. */
function placesOfMaxima(tf: TfjsLibrary, x: Tensor, windows: Windows): Tensor {
  const padded = paddedForTaps(tf, x, windows, lowest);
  let best: { value: Tensor; place: Tensor } | undefined;
  for (const tap of tapsOf(windows.kernel)) {
    const value = tapOf(tf, padded, windows, tap);
    const place = broadcastTo(tf, placesOf(tf, windows, tap), value.shape);
    if (best === undefined) {
      best = { value, place };
    } else {
      const higher = tf.greater(value, best.value);
      best = { value: tf.where(higher, value, best.value), place: tf.where(higher, place, best.place) };
    }
  }
  const [rows, channels] = [x.shape[0] as number, x.shape.at(-1) as number];
  const area = windows.inputs.reduce((product, length) => product * length, 1);
  const offsets = Int32Array.from({ length: rows * channels }, (_, at) => at * area);
  const inGraphOrder = tf.transpose(best?.place as Tensor, toChannelsFirst(x.rank));
  const ones = windows.outputs.map(() => 1);
  return tf.add(tf.cast(inGraphOrder, 'int32'), tf.tensor(offsets, [rows, channels, ...ones], 'int32'));
}

function maxPool(use: Use): Held[] {
  const { tf, node } = use;
  const x = required(use, 0).channelsLast;
  const windows = windowsFor(use, x);
  // Of equal values the first has the gradient, as in a scan of the window.
  const maxima = folded(tf, x, windows, lowest, (a, b) => tf.maximum(a, b));
  const places = node.outputs.length > 1 ? [Held.of(tf, placesOfMaxima(tf, x, windows))] : [];
  return [Held.ofChannelsLast(tf, maxima), ...places];
}

function averagePool(use: Use): Held[] {
  const { tf, node } = use;
  const x = required(use, 0).channelsLast;
  const windows = windowsFor(use, x);
  const total = folded(tf, x, windows, 0, (a, b) => tf.add(a, b));
  const counted = intAttribute(node.attributes, 'count_include_pad', 0) === 1;
  const counts = placesInside(windows, counted ? 'counted' : 'none');
  const [first] = counts;
  const shares = counts.every((count) => count === first)
    ? tf.scalar(1 / (first ?? 1))
    : tf.tensor(
        counts.map((count) => 1 / count),
        [1, ...windows.outputs, 1],
      );
  return [Held.ofChannelsLast(tf, tf.mul(total, shares))];
}

/** One value a channel: [N, C, 1, ...]. */
function overAll(compute: (tf: TfjsLibrary, x: Tensor, axes: number[]) => Tensor): Translation {
  return (use) => {
    const { tf } = use;
    const x = required(use, 0).channelsLast;
    const axes = Array.from({ length: x.rank - 2 }, (_, axis) => axis + 1);
    return [Held.ofChannelsLast(tf, compute(tf, x, axes))];
  };
}

/** Pools over [N, C, ...spatial]. */
export const poolTranslations: Readonly<Record<string, Translation>> = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: overAll((tf, x, axes) => tf.mean(x, axes, true)),
  GlobalMaxPool: overAll((tf, x, axes) => tf.max(x, axes, true)),
};
