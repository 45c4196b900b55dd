import type { Value } from '../../graph.ts';
import type { GraphBuilder } from '../../graph-builder.ts';
import { knownShape } from '../../operators/dimensions.ts';
import { reshape, sumToShape, transpose } from '../../vector-jacobian/shapes.ts';

/** Where a value keeps the rows of the batch: the axis has the length rows · inner, the rows outermost. */
export interface RowAxis {
  readonly axis: number;
  /** 1, unless rows and another axis, such as the steps of a series, were made one. */
  readonly inner: number;
}

/** The rows as the first axis: [..., rows · inner, ...] becomes [rows, ..., inner, ...]. */
export function rowsFirst(b: GraphBuilder, value: Value, { axis, inner }: RowAxis): Value {
  const shape = knownShape(value.shape);
  const rows = (shape[axis] as number) / inner;
  const split = reshape(b, value, [...shape.slice(0, axis), rows, inner, ...shape.slice(axis + 1)]);
  const others = Array.from({ length: shape.length + 1 }, (_, index) => index).filter((index) => index !== axis);
  return transpose(b, split, [axis, ...others]);
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
