import type { GraphNode, Value } from '../../../graph.ts';
import type { GraphBuilder } from '../../../graph-builder.ts';
import { GraphError } from '../../../graph-error.ts';
import { knownShape, sizeOf } from '../../../operators/dimensions.ts';
import { reshape } from '../../../vector-jacobian/shapes.ts';
import { vectorJacobianOf } from '../../../vector-jacobian.ts';
import type { OuterProducts, RowGradients } from '../outer-products.ts';
import { type RowAxis, rowsFirst } from '../row-axis.ts';

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

export const inFull = (full: Value): RowGradients => ({ products: [], full });
export const asProducts = (...products: OuterProducts[]): RowGradients => ({ products, full: null });

export const input = ({ node }: MeetingUse, index: number): Value => node.inputs[index] as Value;
export const ownShape = (use: MeetingUse): number[] => knownShape(input(use, use.index).shape);

export function refused({ node, index }: MeetingUse, why = ''): GraphError {
  return new GraphError(
    'not_differentiable',
    `operator ${node.operator} has no derivative row by row by its input ${index}${why}`,
    { operator: node.operator },
  );
}

/** The operator's own vector-Jacobian product by one input, that input and attributes changed. */
export function byInput(use: MeetingUse, value: Value, attributes = use.node.attributes): Value {
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

/** [rows, m, last] of a value that has its rows before its last axis. */
export function asMatrices(b: GraphBuilder, value: Value, row: RowAxis): Value {
  const moved = rowsFirst(b, value, row);
  const shape = knownShape(moved.shape);
  const [rows, last] = [shape[0] as number, shape.at(-1) as number];
  return reshape(b, moved, [rows, sizeOf(shape) / (rows * last), last]);
}
