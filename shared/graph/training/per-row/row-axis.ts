import type { Value } from '../../graph.ts';
import type { GraphBuilder } from '../../graph-builder.ts';
import { knownShape } from '../../operators/dimensions.ts';
import { reshape, sumToShape, transpose } from '../../vector-jacobian/shapes.ts';

/** Where a value keeps the rows of the batch: on an axis of the length outer · rows · inner, counted in this order. */
export interface RowAxis {
  readonly axis: number;
  /** 1, unless another axis, such as the steps of a series, was made one with the rows, before them. */
  readonly outer: number;
  /** Likewise after them. */
  readonly inner: number;
}

/** The rows as the first axis: [..., outer · rows · inner, ...] becomes [rows, ..., outer · inner, ...]. */
export function rowsFirst(b: GraphBuilder, value: Value, { axis, outer, inner }: RowAxis): Value {
  const shape = knownShape(value.shape);
  const rows = (shape[axis] as number) / (outer * inner);
  const [before, after] = [shape.slice(0, axis), shape.slice(axis + 1)];
  const apart = reshape(b, value, [...before, outer, rows, inner, ...after]);
  const others = Array.from({ length: shape.length + 2 }, (_, index) => index).filter((index) => index !== axis + 1);
  return reshape(b, transpose(b, apart, [axis + 1, ...others]), [rows, ...before, outer * inner, ...after]);
}

/** [rows, ...] summed down to what broadcasting had made of [rows, ...shape]. */
export function sumByRow(b: GraphBuilder, value: Value, shape: readonly number[]): Value {
  const [rows = 1, ...rest] = knownShape(value.shape);
  const padded = [...Array.from({ length: rest.length - shape.length }, () => 1), ...shape];
  return reshape(b, sumToShape(b, value, [rows, ...padded]), [rows, ...shape]);
}

/** A value without rows as [rows, 1, ..., ...shape], of `rank` axes after the rows. */
export function asIfByRow(b: GraphBuilder, value: Value, rows: number, rank: number): Value {
  const shape = knownShape(value.shape);
  const padded = [...Array.from({ length: rank - shape.length }, () => 1), ...shape];
  return b.op('Expand', [reshape(b, value, [1, ...padded]), b.integers('shape', [rows, ...padded])]);
}
