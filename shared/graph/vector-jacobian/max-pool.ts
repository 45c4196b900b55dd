import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { knownShape, sizeOf } from '../operators/dimensions.ts';
import type { Windows } from '../operators/windows.ts';
import { floatsLike } from './numbers.ts';
import type { FirstOutputUse } from './product.ts';
import { asNumbers, padZeros, reshape } from './shapes.ts';
import { excessOf } from './window-excess.ts';

/** Whether the windows lie side by side from the first element on; some of the last elements may be in none. */
function tiles({ kernel, strides, dilations, begins, inputs, outputs }: Windows): boolean {
  return kernel.every(
    (length, axis) =>
      strides[axis] === length &&
      (dilations[axis] === 1 || length === 1) &&
      begins[axis] === 0 &&
      (outputs[axis] as number) * length <= (inputs[axis] as number),
  );
}

/** Every place of a window, row by row. */
function placesOf(kernel: readonly number[]): number[][] {
  let places: number[][] = [[]];
  for (const length of kernel) {
    places = places.flatMap((before) => Array.from({ length }, (_, place) => [...before, place]));
  }
  return places;
}

/** Values of one shape laid into each other along an axis: the first element of each, the second of each, ... */
function interleaved(b: GraphBuilder, values: readonly Value[], axis: number): Value {
  const [first] = values;
  if (first === undefined || values.length === 1) return first as Value;
  const shape = knownShape(first.shape);
  const apart = [...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)];
  const joined = b.op(
    'Concat',
    values.map((value) => reshape(b, value, apart)),
    { axis: { int: axis + 1 } },
  );
  return reshape(b, joined, shape.with(axis, (shape[axis] as number) * values.length));
}

/** Windows side by side: each place of all windows is cut out of the data, compared, and put back. */
function throughTiles({ b, x, y, g }: FirstOutputUse, { kernel, inputs, outputs }: Windows): Value {
  const axes = kernel.map((_, axis) => axis + 2);
  const covered = outputs.map((count, axis) => count * (kernel[axis] as number));
  const cut = (place: readonly number[]): Value =>
    b.op('Slice', [
      x,
      b.integers('starts', place),
      b.integers('ends', covered),
      b.integers('axes', axes),
      b.integers('steps', kernel),
    ]);
  const places = placesOf(kernel);
  // Windows none of whose places so far holds the largest; what no place before was given is the last one's. Without Or, for which the
  // WebGPU provider has no kernel.
  let free: Value | null = null;
  let parts = places.map((place, index): Value => {
    if (index === places.length - 1) return free === null ? g : b.mul(g, asNumbers(b, free, g));
    const holds = b.op('Equal', [cut(place), y]);
    const first = free === null ? holds : b.op('And', [holds, free]);
    const other = b.op('Not', [holds]);
    free = free === null ? other : b.op('And', [free, other]);
    return b.mul(g, asNumbers(b, first, g));
  });
  for (const [axis, length] of [...kernel.entries()].reverse()) {
    parts = Array.from({ length: parts.length / length }, (_, group) =>
      interleaved(b, parts.slice(group * length, (group + 1) * length), axis + 2),
    );
  }
  const left = inputs.map((length, axis) => length - (covered[axis] as number));
  return padZeros(b, parts[0] as Value, [0, 0, ...left.map(() => 0)], [0, 0, ...left]);
}

/**
 * The precedence of each place in each window, which falls from place to place, or 0 where the place lies in the padding.
 * @returns [places, ...outputs], row by row
 */
function precedenceOf({ kernel, strides, dilations, begins, inputs, outputs }: Windows): number[] {
  const places = placesOf(kernel);
  const windows = placesOf(outputs);
  return places.flatMap((place, order) =>
    windows.map((window) => {
      const isData = window.every((count, axis) => {
        const at =
          count * (strides[axis] as number) +
          (place[axis] as number) * (dilations[axis] as number) -
          (begins[axis] as number);
        return at >= 0 && at < (inputs[axis] as number);
      });
      return isData ? places.length - order : 0;
    }),
  );
}

/**
 * Any windows: a convolution with one filter a place lays the elements of each window side by side. Those equal to the largest are marked
 * by their precedence, the first of them is given the gradient, and the transposed convolution adds it where it belongs. The largest is
 * taken from the elements side by side, not from MaxPool's result, for a provider may round what it convolves.
 */
function throughPlaces({ b, x, g }: FirstOutputUse, windows: Windows): Value {
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

  const precedence = precedenceOf(windows);
  const elements = b.op('Conv', [reshape(b, x, [images, 1, ...inputs]), one], moved);
  // What lies in the padding is smaller than all data.
  const least = x.type === 'float16' ? -65504 : -3e38;
  const padding = precedence.map((order) => (order > 0 ? 0 : least));
  const data = precedence.every((order) => order > 0) ? elements : b.add(elements, perPlace('padding', padding));
  const holds = asNumbers(b, b.op('Equal', [data, largestOf(data)]), g);
  const marked = b.mul(holds, perPlace('precedence', precedence));
  const first = asNumbers(b, b.op('Equal', [marked, largestOf(marked)]), g);
  const gradient = b.op('ConvTranspose', [b.mul(first, reshape(b, g, [images, 1, ...outputs])), one], {
    ...moved,
    output_padding: { ints: excess.map((count) => Math.max(-count, 0)) },
  });
  return reshape(b, gradient, x.shape);
}

/**
 * MaxPool's gradient, to the first of the largest elements of each window, as PyTorch and TensorFlow have it; without MaxPool's indices,
 * which the WebGPU provider does not give and the CPU provider is slow to give.
 */
export function throughMaxPool(use: FirstOutputUse, windows: Windows): Value {
  return tiles(windows) ? throughTiles(use, windows) : throughPlaces(use, windows);
}
