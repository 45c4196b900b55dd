import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { intAttribute } from '../operators/attributes.ts';
import { knownShape } from '../operators/dimensions.ts';
import { transposedWindowsOf, type Windows, windowsOf } from '../operators/windows.ts';
import { byFirstOutput, inputAt, type VectorJacobians } from './product.ts';
import { reshape, sliceAxis, transpose } from './shapes.ts';
import { weightGradient } from './weight-gradient.ts';

/** Sum of [N, C, ...spatial] over all but the channels: first over the spatial axes, which lie together in memory. */
function sumToChannels(b: GraphBuilder, value: Value): Value {
  const spatial = value.shape.slice(2).map((_, axis) => axis + 2);
  return b.sum(b.sum(value, spatial), [0]);
}

/** The weight of a convolution turned for the way back: each tap mirrored, inputs and outputs exchanged within their group. */
function mirrored(b: GraphBuilder, weight: Value, groups: number): Value {
  const [outputs = 1, inputs = 1, ...kernel] = knownShape(weight.shape);
  const axes = kernel.map((_, axis) => axis + 2);
  const grouped = reshape(b, weight, [groups, outputs / groups, inputs, ...kernel]);
  const exchanged = transpose(b, grouped, [0, 2, 1, ...axes.map((axis) => axis + 1)]);
  const turned = reshape(b, exchanged, [groups * inputs, outputs / groups, ...kernel]);
  const long = axes.filter((axis) => kernel[axis - 2] !== 1);
  if (long.length === 0) return turned;
  const all = (hint: string, number: number): Value =>
    b.integers(
      hint,
      long.map(() => number),
    );
  return b.op('Slice', [
    turned,
    all('starts', -1),
    all('ends', -(2 ** 31)),
    b.integers('axes', long),
    all('steps', -1),
  ]);
}

/**
 * What a convolution with these windows, which leads from `large` to `small`, makes of a gradient by the small side: the transposed
 * convolution with the same weight. With a stride of 1 that is a convolution with the weight mirrored, which runtimes compute faster.
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
  const reach = kernel.map((taps, axis) => (dilations[axis] as number) * (taps - 1));
  const before = reach.map((length, axis) => length - (begins[axis] as number));
  const behind = reach.map((length, axis) => length - (excess[axis] as number));
  if (strides.every((stride) => stride === 1) && [...before, ...behind].every((count) => count >= 0)) {
    return b.op('Conv', [g, mirrored(b, weight, groups)], {
      kernel_shape: { ints: kernel },
      dilations: { ints: dilations },
      group: { int: groups },
      pads: { ints: [...before, ...behind] },
    });
  }
  return b.op('ConvTranspose', [g, weight], {
    kernel_shape: { ints: kernel },
    strides: { ints: strides },
    dilations: { ints: dilations },
    group: { int: groups },
    pads: { ints: [...begins, ...excess.map((count) => Math.max(count, 0))] },
    output_padding: { ints: excess.map((count) => Math.max(-count, 0)) },
  });
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
      needed[1] === true ? weightGradient(b, x, g, windows, groups) : null,
      needed[2] === true ? sumToChannels(b, g) : null,
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
      needed[1] === true ? weightGradient(b, g, x, windows, groups) : null,
      needed[2] === true ? sumToChannels(b, g) : null,
    ];
  }),
};
