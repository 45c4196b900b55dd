import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { knownShape, sizeOf } from '../operators/dimensions.ts';
import type { Windows } from '../operators/windows.ts';
import { padZeros, reshape, transpose } from './shapes.ts';

/** Rows below which a product of matrices costs more for bringing the other matrix into order than for multiplying. */
const fewRows = 32;

/** Share of further positions in a product that costs less than the copies it saves. */
const mostSpare = 0.1;

/** The taps `taps` of the axes `axes`, last axis fastest. */
function combinations(kernel: readonly number[], axes: readonly number[]): number[][] {
  return axes.reduce<number[][]>(
    (found, axis) =>
      found.flatMap((taps) => Array.from({ length: kernel[axis] as number }, (_, tap) => [...taps, tap])),
    [[]],
  );
}

/** What the windows see through one tap of each of `axes`: a slice with the stride as its step. */
function seenThrough(
  b: GraphBuilder,
  padded: Value,
  { kernel, strides, dilations, outputs }: Windows,
  axes: readonly number[],
  taps: readonly number[],
): Value {
  const one = (axis: number) => {
    const first = (dilations[axis] as number) * (taps[axes.indexOf(axis)] as number);
    const end = first + (strides[axis] as number) * ((outputs[axis] as number) - 1) + 1;
    return { axis: axis + padded.shape.length - kernel.length, first, end, step: strides[axis] as number };
  };
  const cuts = axes
    .map(one)
    .filter(({ axis, first, end, step }) => first !== 0 || end !== padded.shape[axis] || step !== 1);
  if (cuts.length === 0) return padded;
  return b.op('Slice', [
    padded,
    b.integers(
      'starts',
      cuts.map(({ first }) => first),
    ),
    b.integers(
      'ends',
      cuts.map(({ end }) => end),
    ),
    b.integers(
      'axes',
      cuts.map(({ axis }) => axis),
    ),
    b.integers(
      'steps',
      cuts.map(({ step }) => step),
    ),
  ]);
}

function joined(b: GraphBuilder, values: readonly Value[], axis: number): Value {
  return values.length === 1 ? (values[0] as Value) : b.op('Concat', values, { axis: { int: axis } });
}

/**
 * Gradient by the weight of a convolution with these windows.
 *
 * One product of matrices a row and tap, [C, positions] · [positions, M], summed over the rows; where C is small the taps of the last
 * axis, or of all, are laid side by side first, so that the product has rows enough. Measured against a convolution of the transposed
 * tensors (the textbook form) it takes between a half and a seventh of the time on a processor, see docs/engine-speed.md.
 *
 * @param large [N, C, ...large], what the windows move over
 * @param small [N, M, ...small], the gradient by what they gave
 * @returns [M, C / groups, ...kernel]
 */
export function weightGradient(b: GraphBuilder, large: Value, small: Value, moved: Windows, groups: number): Value {
  const [rows = 1, channels = 1, ...spatial] = knownShape(large.shape);
  const [, results = 1, ...outputs] = knownShape(small.shape);
  const windows = { ...moved, outputs };
  const { kernel, strides, dilations, begins } = windows;
  const each = channels / groups;
  const rank = kernel.length;

  const ends = spatial.map((length, axis) => {
    const reach =
      (strides[axis] as number) * ((outputs[axis] as number) - 1) +
      (dilations[axis] as number) * ((kernel[axis] as number) - 1) +
      1;
    return Math.max(reach - (begins[axis] as number) - length, 0);
  });
  const padded = padZeros(b, reshape(b, large, [rows * groups, each, ...spatial]), [0, 0, ...begins], [0, 0, ...ends]);
  const last = rank - 1;
  const before = Array.from({ length: last }, (_, axis) => axis);
  // Axes whose taps are laid side by side, the later ones first.
  const joinLast = each < fewRows;
  const joinAll = each * (kernel[last] as number) < fewRows;
  const beside = joinAll ? [...before, last] : joinLast ? [last] : [];
  const apart = joinAll ? [] : joinLast ? before : [...before, last];

  const block =
    beside.length === 0
      ? padded
      : joined(
          b,
          combinations(kernel, beside).map((taps) => seenThrough(b, padded, windows, beside, taps)),
          1,
        );
  const joins = sizeOf(beside.map((axis) => kernel[axis] as number));
  const product = (left: Value, right: Value): Value => {
    const along = sizeOf(knownShape(left.shape.slice(2)));
    const found = b.op('MatMul', [
      reshape(b, left, [rows * groups, joins * each, along]),
      transpose(b, reshape(b, right, [rows * groups, results / groups, along]), [0, 2, 1]),
    ]);
    return b.sum(reshape(b, found, [rows, groups, joins, each, results / groups]), [0]);
  };
  const byResults = reshape(b, small, [rows * groups, results / groups, ...outputs]);
  // What each tap of the other axes sees is cut out of the block; or the gradient is moved over the whole block, where it is the smaller.
  const whole = knownShape(block.shape).slice(2);
  const spare = sizeOf(whole) / sizeOf(outputs) - 1;
  const moves =
    apart.every((axis) => strides[axis] === 1) && spare <= mostSpare && results / groups <= joins * each && !joinAll;
  const products = combinations(kernel, apart).map((taps) => {
    if (!moves) return product(seenThrough(b, block, windows, apart, taps), byResults);
    const first = outputs.map((_, axis) =>
      apart.includes(axis) ? (dilations[axis] as number) * (taps[apart.indexOf(axis)] as number) : 0,
    );
    const behind = whole.map((length, axis) => length - (first[axis] as number) - (outputs[axis] as number));
    return product(block, padZeros(b, byResults, [0, 0, ...first], [0, 0, ...behind]));
  });
  // [apart, G, beside, C / G, M / G] to [G, M / G, C / G, apart, beside].
  const stacked = reshape(b, joined(b, products, 0), [products.length, groups, joins, each, results / groups]);
  return reshape(b, transpose(b, stacked, [1, 4, 3, 0, 2]), [results, each, ...kernel]);
}
