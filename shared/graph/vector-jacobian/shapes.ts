import type { Dimension, Value } from '../graph.ts';
import { shapeText } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { GraphError } from '../graph-error.ts';
import { isKnown } from '../operators/dimensions.ts';
import { floatsLike, scalarLike } from './numbers.ts';

/** Undoes broadcasting: sums `gradient` over the axes along which a value of `shape` was repeated. */
export function sumToShape(builder: GraphBuilder, gradient: Value, shape: readonly Dimension[]): Value {
  const extra = gradient.shape.length - shape.length;
  const leading = Array.from({ length: extra }, (_, axis) => axis);
  const repeated = shape.flatMap((length, axis) =>
    length === 1 && gradient.shape[axis + extra] !== 1 ? [axis + extra] : [],
  );
  if (repeated.length === 0) return leading.length === 0 ? gradient : builder.sum(gradient, leading);
  const summed = builder.sum(gradient, [...leading, ...repeated], true);
  return leading.length === 0 ? summed : builder.op('Squeeze', [summed, builder.integers('axes', leading)]);
}

/** The value in another shape; at most one length may be a name. */
export function reshape(builder: GraphBuilder, value: Value, shape: readonly Dimension[]): Value {
  if (shapeText(value.shape) === shapeText(shape)) return value;
  const named = shape.filter((length) => typeof length === 'string').length;
  if (named > 1)
    throw new GraphError('shape_mismatch', `${shapeText(shape)} has more than one length without a number`);
  const lengths = shape.map((length) => (typeof length === 'number' ? length : -1));
  return builder.op(
    'Reshape',
    [value, builder.integers('shape', lengths)],
    isKnown(shape) ? { allowzero: { int: 1 } } : {},
  );
}

/** The value with its axes in another order. */
export function transpose(builder: GraphBuilder, value: Value, order: readonly number[]): Value {
  return order.every((axis, index) => axis === index)
    ? value
    : builder.op('Transpose', [value], { perm: { ints: order } });
}

/** Repeats the value to the shape of `like`, to which it broadcasts. */
export function repeatLike(builder: GraphBuilder, value: Value, like: Value): Value {
  if (shapeText(value.shape) === shapeText(like.shape)) return value;
  // onnxruntime's Expand leaves an axis of 1 as it is where it should have none.
  if (isKnown(like.shape) && like.shape.includes(0)) return zeros(builder, value, like.shape);
  const target = isKnown(like.shape) ? builder.integers('shape', like.shape) : builder.op('Shape', [like]);
  return builder.op('Expand', [value, target]);
}

/** Zeros of a shape and the element type of `like`. */
export function zeros(builder: GraphBuilder, like: Value, shape: readonly number[]): Value {
  const value = floatsLike(builder, 'zero', like, [1], [0]);
  return builder.op('ConstantOfShape', [builder.integers('shape', shape)], { value: { tensor: value } });
}

/** Zeros of the shape that `like` has when the graph runs. */
export function zerosLike(builder: GraphBuilder, like: Value): Value {
  return isKnown(like.shape) ? zeros(builder, like, like.shape) : builder.mul(like, scalarLike(builder, like, 0));
}

/** Adds zeros before and after axes; negative counts take elements away. */
export function padZeros(
  builder: GraphBuilder,
  value: Value,
  begins: readonly number[],
  ends: readonly number[],
): Value {
  if ([...begins, ...ends].every((count) => count === 0)) return value;
  return builder.op('Pad', [value, builder.integers('pads', [...begins, ...ends]), scalarLike(builder, value, 0)]);
}

/** Elements `start` to `start + count` of one axis of known length. */
export function sliceAxis(builder: GraphBuilder, value: Value, axis: number, start: number, count: number): Value {
  if (start === 0 && value.shape[axis] === count) return value;
  const one = (hint: string, number: number): Value => builder.integers(hint, [number]);
  return builder.op('Slice', [value, one('starts', start), one('ends', start + count), one('axes', axis)]);
}

/** 1 where a bool value is true, else 0, in the element type of `like`. */
export function asNumbers(builder: GraphBuilder, truth: Value, like: Value): Value {
  return builder.cast(truth, like.type);
}
