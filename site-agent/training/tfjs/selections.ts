import type { Tensor } from '@tensorflow/tfjs-core';
import { intAttribute, stringAttribute } from '../../../shared/graph/operators.ts';
import type { TfjsLibrary } from '../tfjs-library.ts';
import { Held } from './held.ts';
import {
  axisOf,
  integersOf,
  numbersOf,
  optionalIntegers,
  refuse,
  required,
  type Translation,
  type Use,
} from './translation.ts';

function concat({ tf, node, inputs }: Use): Held[] {
  const held = inputs as readonly Held[];
  const axis = axisOf(intAttribute(node.attributes, 'axis', 0), held[0]?.rank ?? 0);
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
  const axis = axisOf(intAttribute(node.attributes, 'axis', 0), x.rank);
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
  const mode = stringAttribute(node.attributes, 'mode', 'constant');
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

function gather(use: Use): Held[] {
  const { tf, node } = use;
  const x = required(use, 0);
  const axis = axisOf(intAttribute(node.attributes, 'axis', 0), x.rank);
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

/** Operators that join, cut, surround or choose values along axes. */
export const selectionTranslations: Readonly<Record<string, Translation>> = {
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  Gather: gather,
};
