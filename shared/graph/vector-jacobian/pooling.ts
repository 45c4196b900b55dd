import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { intAttribute, intsAttribute } from '../operators/attributes.ts';
import { knownShape, sizeOf } from '../operators/dimensions.ts';
import { span, type Windows, windowsOf } from '../operators/windows.ts';
import { floatsLike, scalarLike } from './numbers.ts';
import { byFirstInput, type FirstOutputUse, refusal, type VectorJacobians } from './product.ts';
import { asNumbers, repeatLike, reshape } from './shapes.ts';

function poolWindows({ x, attributes }: FirstOutputUse): Windows {
  return windowsOf(x.shape.slice(2), intsAttribute(attributes, 'kernel_shape') ?? [], attributes);
}

/** Numbers each window averages, [1, 1, ...outputs]; padding counts where `count_include_pad` says so. */
function windowCounts(windows: Windows, withPadding: boolean): number[] {
  const { kernel, strides, dilations, begins, ends, inputs, outputs } = windows;
  const perAxis = outputs.map((count, axis) =>
    Array.from({ length: count }, (_, position) => {
      const first = position * (strides[axis] as number) - (begins[axis] as number);
      const least = withPadding ? -(begins[axis] as number) : 0;
      const most = (inputs[axis] as number) + (withPadding ? (ends[axis] as number) : 0);
      let inside = 0;
      for (let step = 0; step < (kernel[axis] as number); step++) {
        const place = first + step * (dilations[axis] as number);
        if (place >= least && place < most) inside++;
      }
      return inside;
    }),
  );
  return perAxis.reduce((counts, axis) => counts.flatMap((count) => axis.map((own) => count * own)), [1]);
}

/** How far the last window reaches beyond each axis; negative where elements behind it are in no window. */
function excessOf({ kernel, strides, dilations, begins, inputs, outputs }: Windows): number[] {
  return inputs.map(
    (length, axis) =>
      (strides[axis] as number) * ((outputs[axis] as number) - 1) +
      span(kernel[axis] as number, dilations[axis] as number) -
      (begins[axis] as number) -
      length,
  );
}

/** Adds each element of `share` to all places of its window: a transposed convolution of each channel with ones. */
function spread(b: GraphBuilder, share: Value, windows: Windows): Value {
  const [rows = 1, channels = 1] = knownShape(share.shape.slice(0, 2));
  const { kernel, strides, dilations, begins, inputs, outputs } = windows;
  const excess = excessOf(windows);
  const ones = floatsLike(b, 'ones', share, [1, 1, ...kernel], new Array(sizeOf(kernel)).fill(1));
  const spreadOut = b.op('ConvTranspose', [reshape(b, share, [rows * channels, 1, ...outputs]), ones], {
    kernel_shape: { ints: kernel },
    strides: { ints: strides },
    dilations: { ints: dilations },
    pads: { ints: [...begins, ...excess.map((count) => Math.max(count, 0))] },
    output_padding: { ints: excess.map((count) => Math.max(-count, 0)) },
  });
  return reshape(b, spreadOut, [rows, channels, ...inputs]);
}

/**
 * Each place of a window, for every window: its precedence, which falls from place to place, or 0 where it lies in the padding.
 * @returns [places, ...outputs], row by row
 */
function placePrecedence({ kernel, strides, dilations, begins, inputs, outputs }: Windows): number[] {
  let inside = [[true]];
  for (const [axis, count] of outputs.entries()) {
    const own = Array.from({ length: kernel[axis] as number }, (_, step) =>
      Array.from({ length: count }, (_, window) => {
        const place =
          window * (strides[axis] as number) + step * (dilations[axis] as number) - (begins[axis] as number);
        return place >= 0 && place < (inputs[axis] as number);
      }),
    );
    inside = inside.flatMap((before) =>
      own.map((places) => before.flatMap((known) => places.map((place) => known && place))),
    );
  }
  return inside.flatMap((windows, place) => windows.map((data) => (data ? inside.length - place : 0)));
}

/**
 * MaxPool's gradient without MaxPool's indices, which the WebGPU provider does not give and the CPU provider is slow to give.
 * A convolution with one filter a place lays the elements of each window side by side. Those equal to the largest are marked by their
 * precedence, the first of them is given the gradient, and the transposed convolution adds it where it belongs. The largest is taken
 * from the elements side by side, not from MaxPool's result, for a provider may round what it convolves.
 */
function toFirstLargest({ b, x, g }: FirstOutputUse, windows: Windows): Value {
  const [rows = 1, channels = 1] = knownShape(x.shape);
  const { kernel, strides, dilations, begins, inputs, outputs } = windows;
  const places = sizeOf(kernel);
  const excess = excessOf(windows);
  const filters = Array.from({ length: places * places }, (_, index) => (index % (places + 1) === 0 ? 1 : 0));
  const one = floatsLike(b, 'places', x, [places, 1, ...kernel], filters);
  const moved = {
    kernel_shape: { ints: kernel },
    strides: { ints: strides },
    dilations: { ints: dilations },
    pads: { ints: [...begins, ...excess.map((count) => Math.max(count, 0))] },
  };
  const images = rows * channels;
  const largestOf = (value: Value): Value => b.op('ReduceMax', [value], { axes: { ints: [1] }, keepdims: { int: 1 } });
  const perPlace = (hint: string, numbers: readonly number[]): Value =>
    floatsLike(b, hint, x, [1, places, ...outputs], numbers);

  const precedence = placePrecedence(windows);
  const elements = b.op('Conv', [reshape(b, x, [images, 1, ...inputs]), one], moved);
  // What lies in the padding is smaller than all data.
  const least = x.type === 'float16' ? -65504 : -3e38;
  const data = precedence.every((order) => order > 0)
    ? elements
    : b.add(
        elements,
        perPlace(
          'padding',
          precedence.map((order) => (order > 0 ? 0 : least)),
        ),
      );
  const holds = asNumbers(b, b.op('Equal', [data, largestOf(data)]), g);
  const marked = b.mul(holds, perPlace('precedence', precedence));
  const first = asNumbers(b, b.op('Equal', [marked, largestOf(marked)]), g);
  const gradient = b.op('ConvTranspose', [b.mul(first, reshape(b, g, [images, 1, ...outputs])), one], {
    ...moved,
    output_padding: { ints: excess.map((count) => Math.max(-count, 0)) },
  });
  return reshape(b, gradient, x.shape);
}

export const pooling: VectorJacobians = {
  // To the first of the largest elements of each window, as PyTorch and TensorFlow have it.
  MaxPool: byFirstInput((use) => {
    const { attributes } = use;
    if (intAttribute(attributes, 'storage_order', 0) !== 0) throw refusal('MaxPool', 'with storage_order');
    return toFirstLargest(use, poolWindows(use));
  }),

  AveragePool: byFirstInput((use) => {
    const { b, g, attributes } = use;
    const windows = poolWindows(use);
    const counts = windowCounts(windows, intAttribute(attributes, 'count_include_pad', 0) === 1);
    const [first = 1] = counts;
    const share = counts.every((count) => count === first)
      ? b.mul(g, scalarLike(b, g, 1 / first))
      : b.mul(
          g,
          floatsLike(
            b,
            'shares',
            g,
            [1, 1, ...windows.outputs],
            counts.map((count) => 1 / count),
          ),
        );
    return spread(b, share, windows);
  }),

  GlobalAveragePool: byFirstInput(({ b, x, g }) => {
    const share = b.mul(g, scalarLike(b, g, 1 / sizeOf(knownShape(x.shape.slice(2)))));
    return repeatLike(b, share, x);
  }),

  // In equal parts to all elements that hold the largest value, as ReduceMax.
  GlobalMaxPool: byFirstInput(({ b, x, y, g }) => {
    const holds = asNumbers(b, b.op('Equal', [x, y]), g);
    const axes = x.shape.slice(2).map((_, axis) => axis + 2);
    return b.mul(b.div(g, b.sum(holds, axes, true)), holds);
  }),
};
