import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { intAttribute, intsAttribute } from '../operators/attributes.ts';
import { knownShape, sizeOf } from '../operators/dimensions.ts';
import { type Windows, windowsOf } from '../operators/windows.ts';
import { throughMaxPool } from './max-pool.ts';
import { floatsLike, scalarLike } from './numbers.ts';
import { byFirstInput, type FirstOutputUse, refusal, type VectorJacobians } from './product.ts';
import { asNumbers, repeatLike, reshape } from './shapes.ts';
import { excessOf } from './window-excess.ts';

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

export const pooling: VectorJacobians = {
  MaxPool: byFirstInput((use) => {
    const { attributes } = use;
    if (intAttribute(attributes, 'storage_order', 0) !== 0) throw refusal('MaxPool', 'with storage_order');
    return throughMaxPool(use, poolWindows(use));
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
