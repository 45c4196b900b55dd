import type { GraphNode, Value } from '../../graph.ts';
import type { GraphBuilder } from '../../graph-builder.ts';
import { GraphError } from '../../graph-error.ts';
import { floatAttribute, intAttribute, stringAttribute } from '../../operators/attributes.ts';
import { axisOf, knownShape, sizeOf } from '../../operators/dimensions.ts';
import { einsumTerms } from '../../operators/einsum-terms.ts';
import { floatsLike, scalarLike } from '../../vector-jacobian/numbers.ts';
import { reshape, transpose } from '../../vector-jacobian/shapes.ts';
import { vectorJacobianOf } from '../../vector-jacobian.ts';
import { broadcastOperators } from './operator-kinds.ts';
import type { OuterProducts, RowGradients } from './outer-products.ts';
import { type RowAxis, rowsFirst, sumByRow } from './row-axis.ts';

/** A tensor without rows taken by an operator whose result has them. */
export interface MeetingUse {
  readonly b: GraphBuilder;
  readonly node: GraphNode;
  /** Input that has no rows. */
  readonly index: number;
  /** By input; null for values without rows. */
  readonly rows: readonly (RowAxis | null)[];
  /** Of the result. */
  readonly row: RowAxis;
  readonly gradient: Value;
}

const inFull = (full: Value): RowGradients => ({ products: [], full });
const asProducts = (...products: OuterProducts[]): RowGradients => ({ products, full: null });

const input = ({ node }: MeetingUse, index: number): Value => node.inputs[index] as Value;
const ownShape = (use: MeetingUse): number[] => knownShape(input(use, use.index).shape);

function refused({ node, index }: MeetingUse, why = ''): GraphError {
  return new GraphError(
    'not_differentiable',
    `operator ${node.operator} has no derivative row by row by its input ${index}${why}`,
    { operator: node.operator },
  );
}

/** The operator's own vector-Jacobian product by one input, that input and attributes changed. */
function byInput(use: MeetingUse, value: Value, attributes = use.node.attributes): Value {
  const { b, node, index, gradient } = use;
  const changed = { ...node, inputs: node.inputs.with(index, value), attributes };
  const found = vectorJacobianOf(node.operator)({
    builder: b,
    node: changed,
    outputs: node.outputs,
    gradients: node.outputs.map((_, at) => (at === 0 ? gradient : null)),
    needed: node.inputs.map((_, at) => at === index),
  })[index];
  if (found === undefined || found === null) throw refused(use);
  return found;
}

/**
 * As if each row had its own copy: of length 1 along the axes the tensor is repeated on, but for the axis of the rows. Undoing broadcasting then
 * sums over all axes but this.
 */
function repeated(use: MeetingUse): RowGradients {
  const { b, row, gradient } = use;
  const rank = gradient.shape.length;
  const shape = ownShape(use);
  const padded = [...Array.from({ length: rank - shape.length }, () => 1), ...shape];
  const copied = padded.with(row.axis, knownShape(gradient.shape)[row.axis] as number);
  const value = input(use, use.index);
  // Only its shape is looked at, except where powers are taken of the copies.
  const each =
    use.node.operator === 'Pow'
      ? b.op('Expand', [reshape(b, value, padded), b.integers('shape', copied)])
      : { ...value, shape: copied };
  const found = byInput(use, each);
  return inFull(sumByRow(b, rowsFirst(b, found, row), shape));
}

/** [rows, m, last] of a value that has its rows before its last axis. */
function asMatrices(b: GraphBuilder, value: Value, row: RowAxis): Value {
  const moved = rowsFirst(b, value, row);
  const shape = knownShape(moved.shape);
  const [rows, last] = [shape[0] as number, shape.at(-1) as number];
  return reshape(b, moved, [rows, sizeOf(shape) / (rows * last), last]);
}

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

function gemm(use: MeetingUse): RowGradients {
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

function matMul(use: MeetingUse): RowGradients {
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
function gather(use: MeetingUse): RowGradients {
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

/**
 * As a convolution of one row in as many groups as there are rows: the rows and their channels together are its channels, and each row has its own
 * copy of the weight (Rochette et al. 2019, Efficient Per-Example Gradient Computations in Convolutional Neural Networks).
 */
function convolution(use: MeetingUse): RowGradients {
  const { b, node, index, gradient, row } = use;
  const spatial = Array.from({ length: gradient.shape.length - 2 }, (_, axis) => axis + 2);
  if (index === 2) return inFull(sumByRow(b, rowsFirst(b, b.sum(gradient, spatial), row), ownShape(use)));
  const x = input(use, 0);
  const together = (value: Value): Value => {
    const [rows = 1, channels = 1, ...lengths] = knownShape(value.shape);
    return reshape(b, value, [1, rows * channels, ...lengths]);
  };
  const count = knownShape(x.shape)[0] as number;
  const shape = ownShape(use);
  const changed: GraphNode = {
    ...node,
    inputs: [together(x), input(use, 1)],
    attributes: { ...node.attributes, group: { int: count * intAttribute(node.attributes, 'group', 1) } },
  };
  const each: Value = { ...input(use, 1), shape: [count * (shape[0] as number), ...shape.slice(1)] };
  const found = byInput({ ...use, node: changed, gradient: together(gradient) }, each, changed.attributes);
  return inFull(sumByRow(b, rowsFirst(b, reshape(b, found, [count, ...shape]), row), shape));
}

/** Scale and shift of channels: the standardised values are those under a scale of 1 and a shift of 0. */
function channelNormalisation(use: MeetingUse): RowGradients {
  const { b, node, index, gradient, row } = use;
  if (index > 2) throw refused(use);
  const spatial = Array.from({ length: gradient.shape.length - 2 }, (_, axis) => axis + 2);
  const [channels = 1] = ownShape(use);
  const even = (number: number): Value =>
    floatsLike(b, 'even', gradient, [channels], new Array<number>(channels).fill(number));
  const seen =
    index === 2
      ? gradient
      : b.mul(
          gradient,
          b.op(node.operator, [input(use, 0), even(1), even(0), ...node.inputs.slice(3)], node.attributes),
        );
  return inFull(sumByRow(b, rowsFirst(b, b.sum(seen, spatial), row), [channels]));
}

/** The rows get a letter of their own in the tensor's term. */
function einsum(use: MeetingUse): RowGradients {
  const { b, node, index, rows, row, gradient } = use;
  const value = input(use, index);
  const { operands, output } = einsumTerms(
    stringAttribute(node.attributes, 'equation', ''),
    node.inputs.map(({ shape }) => shape),
  );
  const label = output[row.axis] as string;
  if (/\d/.test([...operands, output].join('')) || rows[index] !== null) throw refused(use, ' with an ellipsis');
  const equation = `${operands.with(index, label + operands[index]).join(',')}->${output}`;
  const copied = { ...value, shape: [knownShape(gradient.shape)[row.axis] as number, ...knownShape(value.shape)] };
  const found = byInput(use, copied, { ...node.attributes, equation: { string: equation } });
  return inFull(sumByRow(b, rowsFirst(b, found, { ...row, axis: 0 }), ownShape(use)));
}

/** @throws GraphError `not_differentiable`, naming the operator, when it has no rule */
export function gradientsByRow(use: MeetingUse): RowGradients {
  const { operator } = use.node;
  if (broadcastOperators.has(operator)) return repeated(use);
  switch (operator) {
    case 'Expand':
    case 'LayerNormalization':
      return repeated(use);
    case 'Gemm':
      return gemm(use);
    case 'MatMul':
      return matMul(use);
    case 'Gather':
      return gather(use);
    case 'Conv':
    case 'ConvTranspose':
      return convolution(use);
    case 'InstanceNormalization':
    case 'BatchNormalization':
      return channelNormalisation(use);
    case 'Einsum':
      return einsum(use);
    default:
      throw refused(use);
  }
}
