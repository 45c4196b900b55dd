import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { intAttribute, intsAttribute, stringAttribute } from '../operators/attributes.ts';
import { constantIntegers } from '../operators/contents.ts';
import { axisOf, knownShape } from '../operators/dimensions.ts';
import { padsOf, slicesOf } from '../operators/layouts.ts';
import { sliceBounds } from '../operators/slice-bounds.ts';
import { addAtPositions } from './positions.ts';
import { byFirstOutput, inputAt, type VectorJacobian, type VectorJacobians } from './product.ts';
import { padZeros, reshape, sumToShape, transpose, zeros } from './shapes.ts';

/** An operator that moves the numbers of its first input; the others say where to. */
function moved(back: (use: Parameters<Parameters<typeof byFirstOutput>[0]>[0]) => Value): VectorJacobian {
  return byFirstOutput((use) =>
    use.inputs.map((_, index) => (index === 0 && use.needed[0] === true ? back(use) : null)),
  );
}

const reshaped = moved(({ b, x, g }) => reshape(b, g, x.shape));

/** Puts `value` back where a slice with `step` along one axis of `length` took it from, with zeros between. */
function unsliced(b: GraphBuilder, value: Value, axis: number, length: number, start: number, step: number): Value {
  const count = value.shape[axis] as number;
  const rank = value.shape.length;
  const at = (number: number): number[] => Array.from({ length: rank }, (_, index) => (index === axis ? number : 0));
  if (count === 0) return zeros(b, value, knownShape(value.shape).with(axis, length));
  let spread = value;
  let first = start;
  if (step < 0) {
    const one = (hint: string, number: number): Value => b.integers(hint, [number]);
    spread = b.op('Slice', [value, one('starts', -1), one('ends', -(2 ** 31)), one('axes', axis), one('steps', -1)]);
    first = start + (count - 1) * step;
  }
  const stride = Math.abs(step);
  if (stride > 1 && count > 1) {
    const shape = knownShape(value.shape);
    const gaps = padZeros(
      b,
      b.unsqueeze(spread, axis + 1),
      Array.from({ length: rank + 1 }, () => 0),
      Array.from({ length: rank + 1 }, (_, index) => (index === axis + 1 ? stride - 1 : 0)),
    );
    spread = reshape(b, gaps, shape.with(axis, count * stride));
    // The zeros behind the last number may reach beyond the axis: a negative count takes them away.
    return padZeros(b, spread, at(first), at(length - first - count * stride));
  }
  return padZeros(b, spread, at(first), at(length - first - count));
}

/** Where each element of a padded axis comes from, for paddings that repeat elements. */
function paddedSources(mode: string, length: number, begin: number, end: number): number[] {
  return Array.from({ length: begin + length + end }, (_, position) => {
    const index = position - begin;
    if (mode === 'edge' || length === 1) return Math.min(Math.max(index, 0), length - 1);
    const period = 2 * (length - 1);
    const folded = ((index % period) + period) % period;
    return Math.min(folded, period - folded);
  });
}

function unpadded(b: GraphBuilder, value: Value, begins: readonly number[], ends: readonly number[]): Value {
  return padZeros(
    b,
    value,
    begins.map((count) => -count),
    ends.map((count) => -count),
  );
}

export const layouts: VectorJacobians = {
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: moved(({ b, x, inputs, g }) =>
    inputs[1] === undefined
      ? reshape(b, g, x.shape)
      : b.op('Unsqueeze', [g, b.integers('axes', constantIntegers(inputs[1]))]),
  ),
  Unsqueeze: moved(({ b, inputs, g }) => b.op('Squeeze', [g, b.integers('axes', constantIntegers(inputs[1]))])),
  Transpose: moved(({ b, x, g, attributes }) => {
    const rank = x.shape.length;
    const order = intsAttribute(attributes, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
    const back = order.map((_, axis) => order.findIndex((from) => axisOf(from, rank) === axis));
    return transpose(b, g, back);
  }),
  Expand: moved(({ b, x, g }) => sumToShape(b, g, x.shape)),
  // Each axis as [repeats, length], then the sum over the repeats.
  Tile: moved(({ b, x, inputs, g }) => {
    const shape = knownShape(x.shape);
    const repeats = constantIntegers(inputs[1]);
    const apart = reshape(
      b,
      g,
      shape.flatMap((length, axis) => [repeats[axis] as number, length]),
    );
    const axes = shape.map((_, axis) => 2 * axis);
    return axes.length === 0 ? g : b.sum(apart, axes);
  }),
  Concat: byFirstOutput(({ b, inputs, attributes, x, g }) => {
    if (inputs.length === 1) return [g];
    const axis = axisOf(intAttribute(attributes, 'axis', 0), x.shape.length);
    const lengths = inputs.map((value) => value.shape[axis] as number);
    return b.ops('Split', [g, b.integers('split', lengths)], { axis: { int: axis } }, inputs.length);
  }),
  Split: ({ builder: b, node, outputs, gradients, needed }) => {
    if (needed[0] !== true) return node.inputs.map(() => null);
    const parts = gradients.map((gradient, index) => {
      const output = inputAt(outputs, index);
      return gradient ?? zeros(b, output, knownShape(output.shape));
    });
    const x = inputAt(node.inputs, 0);
    const axis = axisOf(intAttribute(node.attributes, 'axis', 0), x.shape.length);
    const whole = parts.length === 1 ? inputAt(parts, 0) : b.op('Concat', parts, { axis: { int: axis } });
    return node.inputs.map((_, index) => (index === 0 ? whole : null));
  },
  Slice: moved(({ b, x, inputs, g }) => {
    let gradient = g;
    for (const { axis, start, end, step } of slicesOf({ inputs })) {
      const length = x.shape[axis];
      if (typeof length !== 'number') continue;
      gradient = unsliced(b, gradient, axis, length, sliceBounds(length, start, end, step).start, step);
    }
    return gradient;
  }),
  Pad: byFirstOutput(({ b, x, inputs, attributes, g, needed }) => {
    const { begins, ends } = padsOf({ inputs });
    const mode = stringAttribute(attributes, 'mode', 'constant');
    const constant = inputs[2];
    const others = inputs.slice(1).map((): Value | null => null);
    if (mode === 'constant') {
      const inside = unpadded(b, g, begins, ends);
      // What the padding's number is given: all that does not go to the data.
      if (constant !== undefined && needed[2] === true) {
        others[1] = reshape(b, b.sub(b.sum(g), b.sum(inside)), constant.shape);
      }
      return [needed[0] === true ? inside : null, ...others];
    }
    let gradient = g;
    for (const [axis, length] of knownShape(x.shape).entries()) {
      const [begin, end] = [begins[axis] as number, ends[axis] as number];
      if (begin === 0 && end === 0) continue;
      const sources = paddedSources(mode, length, begin, end);
      gradient = addAtPositions(b, gradient, b.integers('sources', sources), axis, length);
    }
    return [gradient, ...others];
  }),
  Trilu: moved(({ b, inputs, attributes, g }) => b.op('Trilu', [g, ...inputs.slice(1)], attributes)),
};
