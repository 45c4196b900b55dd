import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { intAttribute } from '../operators/attributes.ts';
import { knownShape } from '../operators/dimensions.ts';
import { transposedWindowsOf, type Windows, windowsOf } from '../operators/windows.ts';
import { byFirstOutput, inputAt, type VectorJacobians } from './product.ts';
import { reshape, sliceAxis, transpose } from './shapes.ts';

/** Axes of [N, C, ...spatial] but the channels. */
function allButChannels(rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== 1);
}

/**
 * What a convolution with these windows, which leads from `large` to `small`, makes of a gradient by the small side:
 * the transposed convolution with the same weight.
 *
 * @param g [N, M, ...small]
 * @param weight [M, C / groups, ...kernel]
 * @returns [N, C, ...large]
 */
function towardsLarge(
  b: GraphBuilder,
  g: Value,
  weight: Value,
  windows: Windows,
  large: readonly number[],
  small: readonly number[],
  groups: number,
): Value {
  const { kernel, strides, dilations, begins } = windows;
  // Elements behind the last window are not seen by the convolution: output_padding brings them back as zeros, or the end
  // padding leaves out what the last window covered of the padding.
  const excess = large.map((length, axis) => {
    const covered = (strides[axis] as number) * ((small[axis] as number) - 1);
    const reach = covered + (dilations[axis] as number) * ((kernel[axis] as number) - 1) + 1;
    return reach - (begins[axis] as number) - length;
  });
  return b.op('ConvTranspose', [g, weight], {
    kernel_shape: { ints: kernel },
    strides: { ints: strides },
    dilations: { ints: dilations },
    group: { int: groups },
    pads: { ints: [...begins, ...excess.map((count) => Math.max(count, 0))] },
    output_padding: { ints: excess.map((count) => Math.max(-count, 0)) },
  });
}

/**
 * Gradient by the weight of a convolution with these windows: the large side, its rows taken as channels, convolved with the small
 * side's gradient, strides and dilations changing places.
 *
 * @param large [N, C, ...large]
 * @param small [N, M, ...small]
 * @returns [M, C / groups, ...kernel]
 */
function byWeight(b: GraphBuilder, large: Value, small: Value, windows: Windows, groups: number): Value {
  const [rows = 1, channels = 1, ...spatial] = knownShape(large.shape);
  const { kernel, strides, dilations, begins } = windows;
  const each = channels / groups;
  const axes = spatial.map((_, axis) => axis + 2);
  // [N, G, C / G, ...] to [C / G, G N, ...].
  const grouped = reshape(b, large, [rows, groups, each, ...spatial]);
  const turned = transpose(b, grouped, [2, 1, 0, ...axes.map((axis) => axis + 1)]);
  const data = reshape(b, turned, [each, groups * rows, ...spatial]);
  const filter = transpose(b, small, [1, 0, ...axes]);
  const ends = spatial.map((length, axis) => {
    const reach =
      (strides[axis] as number) * ((small.shape[axis + 2] as number) - 1) +
      (dilations[axis] as number) * ((kernel[axis] as number) - 1) +
      1;
    return Math.max(reach - (begins[axis] as number) - length, 0);
  });
  let result = b.op('Conv', [data, filter], {
    kernel_shape: { ints: knownShape(small.shape).slice(2) },
    strides: { ints: dilations },
    dilations: { ints: strides },
    group: { int: groups },
    pads: { ints: [...begins, ...ends] },
  });
  for (const axis of axes) result = sliceAxis(b, result, axis, 0, kernel[axis - 2] as number);
  return transpose(b, result, [1, 0, ...axes]);
}

function kernelOf(weight: Value): number[] {
  return knownShape(weight.shape).slice(2);
}

export const convolution: VectorJacobians = {
  Conv: byFirstOutput(({ b, inputs, attributes, x, g, needed }) => {
    const weight = inputAt(inputs, 1);
    const groups = intAttribute(attributes, 'group', 1);
    const windows = windowsOf(x.shape.slice(2), kernelOf(weight), attributes);
    return [
      needed[0] === true ? towardsLarge(b, g, weight, windows, windows.inputs, windows.outputs, groups) : null,
      needed[1] === true ? byWeight(b, x, g, windows, groups) : null,
      needed[2] === true ? b.sum(g, allButChannels(g.shape.length)) : null,
    ];
  }),

  // A convolution with the same windows leads back, so that data and gradient change places.
  ConvTranspose: byFirstOutput(({ b, inputs, attributes, x, g, needed }) => {
    const weight = inputAt(inputs, 1);
    const groups = intAttribute(attributes, 'group', 1);
    const windows = transposedWindowsOf(x.shape.slice(2), kernelOf(weight), attributes);
    const back = (): Value => {
      let result = b.op('Conv', [g, weight], {
        kernel_shape: { ints: windows.kernel },
        strides: { ints: windows.strides },
        dilations: { ints: windows.dilations },
        group: { int: groups },
        pads: { ints: [...windows.begins, ...windows.ends] },
      });
      // An output_padding as long as a stride makes room for a window more than there was data.
      for (const [axis, length] of windows.inputs.entries()) result = sliceAxis(b, result, axis + 2, 0, length);
      return result;
    };
    return [
      needed[0] === true ? back() : null,
      needed[1] === true ? byWeight(b, g, x, windows, groups) : null,
      needed[2] === true ? b.sum(g, allButChannels(g.shape.length)) : null,
    ];
  }),
};
