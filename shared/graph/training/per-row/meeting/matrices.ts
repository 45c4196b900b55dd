import type { Value } from '../../../graph.ts';
import type { GraphBuilder } from '../../../graph-builder.ts';
import { floatAttribute, intAttribute } from '../../../operators/attributes.ts';
import { axisOf, knownShape, sizeOf } from '../../../operators/dimensions.ts';
import { scalarLike } from '../../../vector-jacobian/numbers.ts';
import { reshape, transpose } from '../../../vector-jacobian/shapes.ts';
import type { RowGradients } from '../outer-products.ts';
import { type RowAxis, rowsFirst, sumByRow } from '../row-axis.ts';
import { asMatrices, asProducts, inFull, input, type MeetingUse, ownShape, refused } from './meeting-use.ts';
import { repeated } from './repeated.ts';

const scaled = (b: GraphBuilder, value: Value, factor: number): Value =>
  factor === 1 ? value : b.mul(value, scalarLike(b, value, factor));

/** [a, ..., y, z] to [a, ..., z, y] */
function swapped(b: GraphBuilder, value: Value): Value {
  const rank = value.shape.length;
  const order = Array.from({ length: rank }, (_, axis) => axis);
  return transpose(b, value, [...order.slice(0, -2), rank - 1, rank - 2]);
}

const swappedRow = (row: RowAxis, rank: number): RowAxis =>
  row.axis < rank - 2 ? row : { ...row, axis: row.axis === rank - 1 ? rank - 2 : rank - 1 };

export function gemm(use: MeetingUse): RowGradients {
  const { b, node, index, gradient, row } = use;
  if (index === 2) return repeated(use);
  const alpha = floatAttribute(node.attributes, 'alpha', 1);
  const transA = intAttribute(node.attributes, 'transA', 0) === 1;
  const transB = intAttribute(node.attributes, 'transB', 0) === 1;
  const straight = (value: Value, swap: boolean): Value => (swap ? swapped(b, value) : value);
  const other = index === 1 ? straight(input(use, 0), transA) : straight(input(use, 1), !transB);
  const up = scaled(b, index === 1 ? gradient : swapped(b, gradient), alpha);
  const place: RowAxis = { ...row, axis: 0 };
  // Result by result: for the matrix on the right, left ⊗ gradient; for that on the left, gradient ⊗ right.
  const [left, right] = index === 1 ? [other, up] : [up, other];
  const swap = index === 1 ? transB : transA;
  const [height, width] = swap ? [right, left] : [left, right];
  return asProducts({ left: asMatrices(b, height, place), right: asMatrices(b, width, place) });
}

export function matMul(use: MeetingUse): RowGradients {
  const { b, node, index, rows, row } = use;
  const shape = ownShape(use);
  const otherRow = rows[1 - index];
  const other = input(use, 1 - index);
  if (otherRow === null || otherRow === undefined || other.shape.length === 1) throw refused(use, ' beside a vector');
  const vector = shape.length === 1;
  if (index === 1) {
    const gradient = vector ? b.unsqueeze(use.gradient, use.gradient.shape.length) : use.gradient;
    if (shape.length <= 2) {
      return asProducts({ left: asMatrices(b, other, otherRow), right: asMatrices(b, gradient, row) });
    }
    const left = rowsFirst(b, padded(b, other, gradient.shape.length), {
      ...otherRow,
      axis: otherRow.axis + gradient.shape.length - other.shape.length,
    });
    return inFull(sumByRow(b, b.op('MatMul', [swapped(b, left), rowsFirst(b, gradient, row)]), shape));
  }
  if (vector) {
    // [k] · [..., k, n]: the vector's gradient is the sum over n.
    throw refused(use, ', a vector on the left');
  }
  const rank = node.outputs[0]?.shape.length ?? 0;
  const right = padded(b, other, rank);
  const rightRow = { ...otherRow, axis: otherRow.axis + rank - other.shape.length };
  const up = swapped(b, use.gradient);
  const turned = swapped(b, right);
  if (shape.length === 2) {
    return asProducts({
      left: asMatrices(b, up, swappedRow(row, rank)),
      right: asMatrices(b, turned, swappedRow(rightRow, rank)),
    });
  }
  const found = b.op('MatMul', [
    swapped(b, rowsFirst(b, up, swappedRow(row, rank))),
    rowsFirst(b, turned, swappedRow(rightRow, rank)),
  ]);
  return inFull(sumByRow(b, found, shape));
}

function padded(b: GraphBuilder, value: Value, rank: number): Value {
  const missing = Array.from({ length: rank - value.shape.length }, () => 1);
  return missing.length === 0 ? value : reshape(b, value, [...missing, ...value.shape]);
}

/** Rows of a table: each row of the batch adds its gradients to the table's rows it read, marks ⊗ gradients. */
export function gather(use: MeetingUse): RowGradients {
  const { b, node, index, gradient, row } = use;
  const shape = ownShape(use);
  if (index !== 0 || axisOf(intAttribute(node.attributes, 'axis', 0), shape.length) !== 0) {
    throw refused(use, ' unless it reads along the first axis');
  }
  const [length = 1, ...entry] = shape;
  const count = gradient.shape.length - entry.length;
  const flat = reshape(b, gradient, [...knownShape(gradient.shape).slice(0, count), sizeOf(entry)]);
  const positions = b.unsqueeze(b.cast(input(use, 1), 'int64'), count);
  const places = (from: number): Value =>
    b.constant(
      'places',
      [length],
      BigInt64Array.from({ length }, (_, place) => BigInt(place + from)),
      'int64',
    );
  // A negative position counts from the end.
  const marked = b.op('Or', [b.op('Equal', [positions, places(0)]), b.op('Equal', [positions, places(-length)])]);
  return asProducts({
    left: asMatrices(b, b.cast(marked, gradient.type), row),
    right: asMatrices(b, flat, row),
  });
}
