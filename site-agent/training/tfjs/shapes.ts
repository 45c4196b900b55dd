import type { Tensor } from '@tensorflow/tfjs-core';
import { GraphError } from '../../../shared/graph/graph-error.ts';
import type { TfjsLibrary } from '../tfjs-library.ts';
import { constantNumbers, Held, tensorType } from './held.ts';
import {
  axisOf,
  integersOf,
  intOf,
  intsOf,
  optionalIntegers,
  refuse,
  required,
  stringOf,
  type Translation,
  type Use,
} from './translation.ts';

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** Repeats a tensor to `shape`. Not by the library's own `broadcastTo`, whose gradient ends at four axes. */
export function broadcastTo(tf: TfjsLibrary, tensor: Tensor, shape: readonly number[]): Tensor {
  if (tensor.rank === shape.length && tensor.shape.every((length, axis) => length === shape[axis])) return tensor;
  if (tensor.dtype === 'bool') {
    return tf.notEqual(broadcastTo(tf, tf.cast(tensor, 'int32'), shape), tf.scalar(0, 'int32'));
  }
  const ones = tf.ones([...shape], tensor.dtype as 'float32' | 'int32');
  return tf.mul(tensor, ones);
}

function one(compute: (tf: TfjsLibrary, x: Tensor, use: Use) => Tensor): Translation {
  return (use) => [Held.of(use.tf, compute(use.tf, required(use, 0).tensor, use))];
}

function reshaped(tf: TfjsLibrary, held: Held, shape: number[]): Held {
  return Held.of(tf, tf.reshape(held.tensor, shape), held.integers);
}

function reshape(use: Use): Held[] {
  const x = required(use, 0);
  const zeroIsCopied = intOf(use.node.attributes, 'allowzero', 0) === 0;
  const shape = integersOf(use, 1).map((length, axis) =>
    length === 0 && zeroIsCopied ? (x.tensor.shape[axis] as number) : length,
  );
  return [reshaped(use.tf, x, shape)];
}

function flatten(use: Use): Held[] {
  const x = required(use, 0);
  const axis = axisOf(intOf(use.node.attributes, 'axis', 1), x.rank);
  const { shape } = x.tensor;
  return [reshaped(use.tf, x, [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis))])];
}

function squeeze(use: Use): Held[] {
  const x = required(use, 0);
  const { shape } = x.tensor;
  const axes = optionalIntegers(use, 1)?.map((axis) => axisOf(axis, shape.length));
  return [
    reshaped(
      use.tf,
      x,
      shape.filter((length, axis) => (axes === undefined ? length !== 1 : !axes.includes(axis))),
    ),
  ];
}

function unsqueeze(use: Use): Held[] {
  const x = required(use, 0);
  const axes = integersOf(use, 1);
  const rank = x.rank + axes.length;
  const shape = [...x.tensor.shape];
  for (const axis of axes.map((each) => axisOf(each, rank)).sort((a, b) => a - b)) shape.splice(axis, 0, 1);
  return [reshaped(use.tf, x, shape)];
}

function expand(use: Use): Held[] {
  const x = required(use, 0).tensor;
  const shape = use.tf.broadcast_util.assertAndGetBroadcastShape(x.shape, integersOf(use, 1));
  return [Held.of(use.tf, broadcastTo(use.tf, x, shape))];
}

function tile(use: Use): Held[] {
  const { tf } = use;
  let x = required(use, 0).tensor;
  for (const [axis, times] of integersOf(use, 1).entries()) {
    if (times !== 1)
      x = tf.concat(
        Array.from({ length: times }, () => x),
        axis,
      );
  }
  return [Held.of(tf, x)];
}

function concat({ tf, node, inputs }: Use): Held[] {
  const held = inputs as readonly Held[];
  const axis = axisOf(intOf(node.attributes, 'axis', 0), held[0]?.rank ?? 0);
  const known = held.every(({ integers, rank }) => integers !== undefined && rank === 1);
  return [
    Held.of(
      tf,
      held.length === 1
        ? (held[0] as Held).tensor
        : tf.concat(
            held.map(({ tensor }) => tensor),
            axis,
          ),
      known ? held.flatMap(({ integers }) => integers ?? []) : undefined,
    ),
  ];
}

function split(use: Use): Held[] {
  const { tf, node } = use;
  const x = required(use, 0).tensor;
  const axis = axisOf(intOf(node.attributes, 'axis', 0), x.rank);
  const length = x.shape[axis] as number;
  const each = Math.ceil(length / node.outputs.length);
  const sizes =
    optionalIntegers(use, 1) ?? node.outputs.map((_, index) => Math.max(0, Math.min(each, length - index * each)));
  // By slices: an operator of several outputs of which only some are used has no gradient in the library.
  let from = 0;
  return sizes.map((size) => {
    const begin = x.shape.map((_, at) => (at === axis ? from : 0));
    from += size;
    return Held.of(tf, tf.slice(x, begin, x.shape.with(axis, size)));
  });
}

/** The elements of `axis` in the order of `indices`, one of which may stand several times. */
function picked(tf: TfjsLibrary, x: Tensor, indices: readonly number[], axis: number): Tensor {
  return tf.gather(x, tf.tensor1d([...indices], 'int32'), axis);
}

function slice(use: Use): Held[] {
  const { tf } = use;
  const held = required(use, 0);
  let x = held.tensor;
  const starts = integersOf(use, 1);
  const ends = integersOf(use, 2);
  const axes = (optionalIntegers(use, 3) ?? starts.map((_, index) => index)).map((axis) => axisOf(axis, x.rank));
  const steps = optionalIntegers(use, 4) ?? starts.map(() => 1);
  const begin = x.shape.map(() => 0);
  const size = [...x.shape];
  const stepped: { readonly axis: number; readonly indices: number[] }[] = [];
  for (const [index, axis] of axes.entries()) {
    const length = x.shape[axis] as number;
    const step = steps[index] as number;
    const at = (position: number): number => (position < 0 ? position + length : position);
    const clamp = (position: number): number =>
      step > 0 ? Math.max(0, Math.min(length, position)) : Math.max(-1, Math.min(length - 1, position));
    const from = clamp(at(starts[index] as number));
    const to = clamp(at(ends[index] as number));
    if (step === 1) {
      begin[axis] = from;
      size[axis] = Math.max(0, to - from);
    } else {
      const count = Math.max(0, Math.ceil((to - from) / step));
      stepped.push({ axis, indices: Array.from({ length: count }, (_, k) => from + k * step) });
    }
  }
  const integers =
    held.integers !== undefined && x.rank === 1 && stepped.length === 0
      ? held.integers.slice(begin[0], (begin[0] as number) + (size[0] as number))
      : undefined;
  x = tf.slice(x, begin, size);
  for (const { axis, indices } of stepped) x = picked(tf, x, indices, axis);
  return [Held.of(tf, x, integers)];
}

function pad(use: Use): Held[] {
  const { tf, node } = use;
  const x = required(use, 0).tensor;
  const pads = integersOf(use, 1);
  const mode = stringOf(node.attributes, 'mode', 'constant');
  const amounts = x.shape.map((_, axis) => [pads[axis] as number, pads[axis + x.rank] as number] as [number, number]);
  if (mode === 'constant') {
    const added = amounts.map(([before, after]) => [Math.max(0, before), Math.max(0, after)] as [number, number]);
    const fill = use.inputs[2] === undefined ? 0 : (numbersOf(use, 2)[0] ?? 0);
    const padded = tf.pad(x, added, fill);
    if (amounts.every(([before, after]) => before >= 0 && after >= 0)) return [Held.of(tf, padded)];
    const begin = amounts.map(([before]) => Math.max(0, -before));
    const size = x.shape.map((length, axis) => length + (amounts[axis]?.[0] ?? 0) + (amounts[axis]?.[1] ?? 0));
    return [Held.of(tf, tf.slice(padded, begin, size))];
  }
  if (mode !== 'edge' && mode !== 'reflect') refuse(node, `with mode ${mode}`);
  let result = x;
  for (const [axis, [before, after]] of amounts.entries()) {
    if (before === 0 && after === 0) continue;
    const last = (x.shape[axis] as number) - 1;
    const indices = Array.from({ length: last + 1 + before + after }, (_, at) => {
      const position = at - before;
      if (mode === 'edge') return Math.max(0, Math.min(last, position));
      if (last === 0) return 0;
      const folded = Math.abs(position) % (2 * last);
      return folded > last ? 2 * last - folded : folded;
    });
    result = picked(tf, result, indices, axis);
  }
  return [Held.of(tf, result)];
}

function numbersOf(use: Use, index: number): number[] {
  const value = use.node.inputs[index];
  return value?.constant === undefined
    ? Array.from(required(use, index).tensor.dataSync(), Number)
    : constantNumbers(value);
}

function gather(use: Use): Held[] {
  const { tf, node } = use;
  const x = required(use, 0);
  const axis = axisOf(intOf(node.attributes, 'axis', 0), x.rank);
  const length = x.tensor.shape[axis] as number;
  const chosen = required(use, 1);
  const known = chosen.integers?.map((index) => axisOf(index, length));
  const indices =
    known === undefined
      ? // A negative index counts from the end.
        tf.add(
          chosen.tensor,
          tf.mul(tf.cast(tf.less(chosen.tensor, tf.scalar(0, 'int32')), 'int32'), tf.scalar(length, 'int32')),
        )
      : tf.tensor(known, chosen.tensor.shape, 'int32');
  const integers =
    known === undefined || x.rank !== 1 ? undefined : known.map((index) => x.integers?.[index] ?? Number.NaN);
  // The library takes a list of indices; one index alone leaves out the axis.
  const flat = tf.gather(x.tensor, tf.reshape(indices, [-1]), axis);
  const shape = [...x.tensor.shape.slice(0, axis), ...chosen.tensor.shape, ...x.tensor.shape.slice(axis + 1)];
  return [Held.of(tf, tf.reshape(flat, shape), x.integers === undefined ? undefined : integers)];
}

function shapeOf(use: Use): Held[] {
  const { attributes } = use.node;
  const { shape } = required(use, 0).tensor;
  const integers = shape.slice(intOf(attributes, 'start', 0), intOf(attributes, 'end', shape.length));
  return [Held.of(use.tf, use.tf.tensor1d(integers, 'int32'), integers)];
}

function sizeOfInput(use: Use): Held[] {
  const { size } = required(use, 0);
  return [Held.of(use.tf, use.tf.scalar(size, 'int32'), [size])];
}

function constantOfShape(use: Use): Held[] {
  const attribute = use.node.attributes.value;
  const value = attribute !== undefined && 'tensor' in attribute ? attribute.tensor : undefined;
  const number = value === undefined ? 0 : (constantNumbers(value)[0] ?? 0);
  const type = value === undefined ? 'float32' : tensorType(value.type);
  return [Held.of(use.tf, use.tf.fill(integersOf(use, 0), number, type === 'bool' ? 'bool' : type))];
}

function oneHot(use: Use): Held[] {
  const { tf, node } = use;
  const indices = required(use, 0).tensor;
  const depth = numbersOf(use, 1)[0] as number;
  const values = required(use, 2).tensor;
  const rank = indices.rank + 1;
  const axis = axisOf(intOf(node.attributes, 'axis', -1), rank);
  const positions = tf.cast(indices, 'float32');
  const wrapped = tf.add(positions, tf.mul(tf.cast(tf.less(positions, tf.scalar(0)), 'float32'), tf.scalar(depth)));
  const shape = [...indices.shape];
  shape.splice(axis, 0, 1);
  const levels = tf.reshape(
    tf.range(0, depth, 1, 'float32'),
    Array.from({ length: rank }, (_, at) => (at === axis ? depth : 1)),
  );
  const chosen = tf.cast(tf.equal(tf.reshape(wrapped, shape), levels), values.dtype);
  const off = tf.reshape(tf.slice(values, [0], [1]), []);
  const on = tf.reshape(tf.slice(values, [1], [1]), []);
  return [Held.of(tf, tf.add(off, tf.mul(chosen, tf.sub(on, off))))];
}

function range(use: Use): Held[] {
  const [start, limit, delta] = [0, 1, 2].map((index) => numbersOf(use, index)[0] as number) as [
    number,
    number,
    number,
  ];
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  const numbers = Array.from({ length: count }, (_, k) => start + k * delta);
  const type = tensorType(use.node.inputs[0]?.type ?? 'float');
  return [Held.of(use.tf, use.tf.tensor1d(numbers, type), type === 'int32' ? numbers : undefined)];
}

function trilu(use: Use): Held[] {
  const { tf } = use;
  const x = required(use, 0).tensor;
  const k = optionalIntegers(use, 1)?.[0] ?? 0;
  const upper = intOf(use.node.attributes, 'upper', 1) === 1;
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const kept = Float32Array.from({ length: rows * columns }, (_, at) => {
    const apart = (at % columns) - Math.floor(at / columns);
    return (upper ? apart >= k : apart <= k) ? 1 : 0;
  });
  return [Held.of(tf, tf.mul(x, tf.cast(tf.tensor2d(kept, [rows, columns]), x.dtype)))];
}

function constant(use: Use): Held[] {
  const attribute = use.node.attributes.value;
  if (attribute === undefined || !('tensor' in attribute)) {
    throw new GraphError('unknown_operator', 'Constant is taken with the attribute value only', {
      operator: 'Constant',
    });
  }
  const { tensor } = attribute;
  const type = tensorType(tensor.type);
  const numbers = constantNumbers(tensor);
  return [
    Held.of(use.tf, use.tf.tensor(numbers, tensor.shape as number[], type), type === 'int32' ? numbers : undefined),
  ];
}

/** Operators that move, choose or repeat values, and those that speak of shapes. */
export const shapeTranslations: Readonly<Record<string, Translation>> = {
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: expand,
  Tile: tile,
  Transpose: one((tf, x, { node }) =>
    tf.transpose(x, [...(intsOf(node.attributes, 'perm') ?? x.shape.map((_, axis) => x.rank - 1 - axis))]),
  ),
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  Gather: gather,
  Shape: shapeOf,
  Size: sizeOfInput,
  ConstantOfShape: constantOfShape,
  OneHot: oneHot,
  Range: range,
  Trilu: trilu,
  Constant: constant,
};
