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
  const added = b.op(
    'ScatterND',
    [zeros(b, values, [length, ...before, ...after]), positions(b, indices, count, length), first],
    { reduction: { string: 'add' } },
  );
  const back = Array.from({ length: rank }, (_, index) => (index === axis ? 0 : rest.indexOf(index) + 1));
  return transpose(b, added, back);
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
