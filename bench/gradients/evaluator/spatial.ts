import type { Attributes } from '../../../shared/graph/graph.ts';
import {
  at,
  type Float64Tensor,
  flatIndex,
  input,
  int,
  ints,
  make,
  type Operation,
  type Operations,
  positions,
  sizeOf,
  string,
  tensor,
  within,
} from './tensor.ts';

interface Geometry {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
  readonly ends: readonly number[];
  readonly outputs: readonly number[];
}

const ones = (rank: number, value: number): number[] => Array.from({ length: rank }, () => value);

function geometry(spatial: readonly number[], kernel: readonly number[], attributes: Attributes): Geometry {
  const rank = spatial.length;
  const strides = ints(attributes, 'strides') ?? ones(rank, 1);
  const dilations = ints(attributes, 'dilations') ?? ones(rank, 1);
  const automatic = string(attributes, 'auto_pad', 'NOTSET');
  const given = automatic === 'NOTSET' ? (ints(attributes, 'pads') ?? ones(2 * rank, 0)) : ones(2 * rank, 0);
  const pads = [...given.slice(0, rank)];
  const ends = [...given.slice(rank)];
  const outputs = spatial.map((length, axis) => {
    const stride = strides[axis] as number;
    const covered = ((kernel[axis] as number) - 1) * (dilations[axis] as number) + 1;
    if (automatic.startsWith('SAME')) {
      const count = Math.ceil(length / stride);
      const total = Math.max(0, (count - 1) * stride + covered - length);
      pads[axis] = automatic === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2);
      ends[axis] = total - pads[axis];
      return count;
    }
    const before = pads[axis] as number;
    const reach = before + length + (ends[axis] as number);
    const up = int(attributes, 'ceil_mode', 0) === 1;
    // Windows are laid one after another: the last must begin on the data or before it, and end within, unless rounded up.
    let count = 0;
    for (let start = 0; up ? start < before + length : start + covered <= reach; start += stride) {
      count++;
      if (start + covered >= reach) break;
    }
    return count;
  });
  return { kernel, strides, dilations, pads, ends, outputs };
}

/** The place of the data that step `step` of the window at `window` looks at. */
function place({ strides, dilations, pads }: Geometry, window: readonly number[], step: readonly number[]): number[] {
  return window.map(
    (start, axis) =>
      start * (strides[axis] as number) + (step[axis] as number) * (dilations[axis] as number) - (pads[axis] as number),
  );
}

function convolution(
  x: Float64Tensor,
  weight: Float64Tensor,
  bias: Float64Tensor | undefined,
  attributes: Attributes,
): Float64Tensor {
  const spatial = x.shape.slice(2);
  const own = geometry(spatial, weight.shape.slice(2), attributes);
  const groups = int(attributes, 'group', 1);
  const [channels, each] = weight.shape as [number, number];
  const steps = [...positions(own.kernel)];
  return make([x.shape[0] as number, channels, ...own.outputs], ([row, channel, ...window]) => {
    const group = Math.floor((channel as number) / (channels / groups));
    let sum = bias?.data[channel as number] ?? 0;
    for (const step of steps) {
      const spot = place(own, window, step);
      if (!within(spatial, spot)) continue;
      for (let input = 0; input < each; input++) {
        sum += at(x, [row as number, group * each + input, ...spot]) * at(weight, [channel as number, input, ...step]);
      }
    }
    return sum;
  });
}

function transposedConvolution(
  x: Float64Tensor,
  weight: Float64Tensor,
  bias: Float64Tensor | undefined,
  attributes: Attributes,
): Float64Tensor {
  const spatial = x.shape.slice(2);
  const rank = spatial.length;
  const kernel = weight.shape.slice(2);
  const strides = ints(attributes, 'strides') ?? ones(rank, 1);
  const dilations = ints(attributes, 'dilations') ?? ones(rank, 1);
  const extra = ints(attributes, 'output_padding') ?? ones(rank, 0);
  const pads = ints(attributes, 'pads') ?? ones(2 * rank, 0);
  const groups = int(attributes, 'group', 1);
  const [channels, each] = weight.shape as [number, number];
  const outputs = spatial.map(
    (length, axis) =>
      (length - 1) * (strides[axis] as number) +
      ((kernel[axis] as number) - 1) * (dilations[axis] as number) +
      1 +
      (extra[axis] as number) -
      (pads[axis] as number) -
      (pads[axis + rank] as number),
  );
  const shape = [x.shape[0] as number, each * groups, ...outputs];
  const result = make(shape, ([, channel]) => bias?.data[channel as number] ?? 0);
  const own: Geometry = { kernel, strides, dilations, pads, ends: pads, outputs };
  // Every element is laid down under every step of the kernel.
  for (const [row, channel, ...window] of positions(x.shape)) {
    const group = Math.floor((channel as number) / (channels / groups));
    const value = at(x, [row as number, channel as number, ...window]);
    for (const step of positions(kernel)) {
      const spot = place(own, window, step);
      if (!within(outputs, spot)) continue;
      for (let output = 0; output < each; output++) {
        const index = flatIndex(shape, [row as number, group * each + output, ...spot]);
        result.data[index] = (result.data[index] as number) + value * at(weight, [channel as number, output, ...step]);
      }
    }
  }
  return result;
}

const maxPool: Operation = (inputs, attributes) => {
  const x = input(inputs, 0);
  const spatial = x.shape.slice(2);
  const own = geometry(spatial, ints(attributes, 'kernel_shape') ?? [], attributes);
  const shape = [...x.shape.slice(0, 2), ...own.outputs];
  const best = [...positions(shape)].map(([row, channel, ...window]) => {
    let largest = Number.NEGATIVE_INFINITY;
    let index = -1;
    for (const step of positions(own.kernel)) {
      const spot = place(own, window, step);
      if (!within(spatial, spot)) continue;
      const full = [row as number, channel as number, ...spot];
      if (at(x, full) > largest) {
        largest = at(x, full);
        index = flatIndex(x.shape, full);
      }
    }
    return { largest, index };
  });
  return [
    tensor(
      shape,
      best.map(({ largest }) => largest),
    ),
    tensor(
      shape,
      best.map(({ index }) => index),
    ),
  ];
};

const averagePool: Operation = (inputs, attributes) => {
  const x = input(inputs, 0);
  const spatial = x.shape.slice(2);
  const own = geometry(spatial, ints(attributes, 'kernel_shape') ?? [], attributes);
  const padded = int(attributes, 'count_include_pad', 0) === 1;
  return [
    make([...x.shape.slice(0, 2), ...own.outputs], ([row, channel, ...window]) => {
      let sum = 0;
      let count = 0;
      for (const step of positions(own.kernel)) {
        const spot = place(own, window, step);
        const inside = within(spatial, spot);
        if (inside) sum += at(x, [row as number, channel as number, ...spot]);
        const reached = spot.every(
          (one, axis) =>
            one >= -(own.pads[axis] as number) && one < (spatial[axis] as number) + (own.ends[axis] as number),
        );
        if (inside || (padded && reached)) count++;
      }
      return sum / count;
    }),
  ];
};

function globalPool(of: (values: Float64Array) => number): Operation {
  return (inputs) => {
    const x = input(inputs, 0);
    const size = sizeOf(x.shape.slice(2));
    return [
      make([...x.shape.slice(0, 2), ...x.shape.slice(2).map(() => 1)], ([row, channel]) => {
        const start = ((row as number) * (x.shape[1] as number) + (channel as number)) * size;
        return of(x.data.subarray(start, start + size));
      }),
    ];
  };
}

export const spatial: Operations = {
  Conv: (inputs, attributes) => [convolution(input(inputs, 0), input(inputs, 1), inputs[2], attributes)],
  ConvTranspose: (inputs, attributes) => [
    transposedConvolution(input(inputs, 0), input(inputs, 1), inputs[2], attributes),
  ],
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: globalPool((values) => values.reduce((sum, value) => sum + value, 0) / values.length),
  GlobalMaxPool: globalPool((values) => Math.max(...values)),
};
