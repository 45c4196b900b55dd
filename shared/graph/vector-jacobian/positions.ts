import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { knownShape, sizeOf } from '../operators/dimensions.ts';
import { padZeros, reshape, transpose, zeros } from './shapes.ts';

/**
 * The transpose of Gather along one axis: adds each part of `values` to the position of an axis of `length` that `indices` names;
 * parts with one index add up.
 *
 * @param values [...before, ...shape of indices, ...after]
 * @returns [...before, length, ...after]
 */
export function addAtPositions(b: GraphBuilder, values: Value, indices: Value, axis: number, length: number): Value {
  const shape = knownShape(values.shape);
  const indexShape = knownShape(indices.shape);
  const before = shape.slice(0, axis);
  const after = shape.slice(axis + indexShape.length);
  const count = sizeOf(indexShape);
  const together = reshape(b, values, [...before, count, ...after]);

  const [only] = indices.constant ?? [];
  if (count === 1 && only !== undefined) {
    // One place known beforehand: zeros around it.
    const place = Number(only) < 0 ? Number(only) + length : Number(only);
    const at = (number: number): number[] =>
      Array.from({ length: before.length + 1 + after.length }, (_, index) => (index === axis ? number : 0));
    return padZeros(b, together, at(place), at(length - place - 1));
  }

  const rank = before.length + 1 + after.length;
  const rest = Array.from({ length: rank }, (_, index) => index).filter((index) => index !== axis);
  const first = transpose(b, together, [axis, ...rest]);
  const width = sizeOf([...before, ...after]);
  const rows = addRows(b, reshape(b, first, [count, width]), positions(b, indices, count, length), length);
  const added = reshape(b, rows, [length, ...before, ...after]);
  const back = Array.from({ length: rank }, (_, index) => (index === axis ? 0 : rest.indexOf(index) + 1));
  return transpose(b, added, back);
}

/**
 * Adds each row of `values` to the row of a matrix of `length` rows that `places` names. Not by ScatterND, whose threads in onnxruntime 1.30
 * write over each other's sums; ScatterElements adds one after the other.
 *
 * @param values [count, width]
 * @param places [count, 1] int64, counted from the front
 * @returns [length, width]
 */
function addRows(b: GraphBuilder, values: Value, places: Value, length: number): Value {
  const [count = 0, width = 0] = knownShape(values.shape);
  const everywhere = width === 1 ? places : b.op('Expand', [places, b.integers('shape', [count, width])]);
  return b.op('ScatterElements', [zeros(b, values, [length, width]), everywhere, values], {
    axis: { int: 0 },
    reduction: { string: 'add' },
  });
}

/**
 * The transpose of GatherND without batch axes: adds each part of `values` to the place of a tensor that a row of `indices` names.
 *
 * @param indices [...count, k], the first k axes of the place
 * @param shape of the tensor
 */
export function addAtPlaces(b: GraphBuilder, values: Value, indices: Value, shape: readonly number[]): Value {
  const indexShape = knownShape(indices.shape);
  const given = indexShape.at(-1) as number;
  const count = sizeOf(indexShape.slice(0, -1));
  const lengths = shape.slice(0, given);
  const strides = lengths.map((_, axis) => sizeOf(lengths.slice(axis + 1)));
  const columns = reshape(b, indices, [count, given]);
  const zero = b.constant('zero', [], BigInt64Array.of(0n), 'int64');
  const counted = b.op('Where', [
    b.op('Less', [columns, zero]),
    b.add(columns, b.integers('lengths', lengths)),
    columns,
  ]);
  const places = b.sum(b.mul(counted, b.integers('strides', strides)), [1], true);
  const rows = reshape(b, values, [count, sizeOf(shape.slice(given))]);
  return reshape(b, addRows(b, rows, places, sizeOf(lengths)), shape);
}

/** The indices as [count, 1], counted from the front. */
function positions(b: GraphBuilder, indices: Value, count: number, length: number): Value {
  if (indices.constant !== undefined) {
    const numbers = Array.from(indices.constant, Number);
    return b.constant(
      'positions',
      [count, 1],
      BigInt64Array.from(numbers, (index) => BigInt(index < 0 ? index + length : index)),
      'int64',
    );
  }
  const wide = indices.type === 'int64' ? indices : b.cast(indices, 'int64');
  const column = reshape(b, wide, [count, 1]);
  const zero = b.constant('zero', [], BigInt64Array.of(0n), 'int64');
  const whole = b.constant('length', [], BigInt64Array.of(BigInt(length)), 'int64');
  return b.op('Where', [b.op('Less', [column, zero]), b.add(column, whole), column]);
}
