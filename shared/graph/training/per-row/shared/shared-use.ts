import type { GraphNode, Value } from '../../../graph.ts';
import type { GraphBuilder } from '../../../graph-builder.ts';
import { GraphError } from '../../../graph-error.ts';
import type { RowGradients } from '../outer-products.ts';

/** A node none of whose values has rows, such as the product of two adapter matrices, with the gradients by row of its outputs. */
export interface SharedUse {
  readonly b: GraphBuilder;
  readonly node: GraphNode;
  readonly rows: number;
  /** By output; null where the loss does not depend on it. */
  readonly gradients: readonly (RowGradients | null)[];
  /** By input. */
  readonly needed: readonly boolean[];
}

export const input = ({ node }: SharedUse, index: number): Value => node.inputs[index] as Value;
export const rankOf = (value: Value | undefined): number => value?.shape.length ?? 0;

export function refused({ operator }: GraphNode): GraphError {
  return new GraphError(
    'not_differentiable',
    `operator ${operator} between tensors without rows has no derivative row by row`,
    { operator },
  );
}
