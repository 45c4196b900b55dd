import type { GraphNode, Value } from '../../../graph.ts';
import { GraphError } from '../../../graph-error.ts';
import { intAttribute } from '../../../operators/attributes.ts';
import { axisOf } from '../../../operators/dimensions.ts';
import type { RowAxis } from '../row-axis.ts';

/** One use of an operator, and where its inputs have their rows. */
export interface RowUse {
  readonly node: GraphNode;
  /** By input; null for values without rows. */
  readonly rows: readonly (RowAxis | null)[];
}

/** Where each output has its rows. */
export type RowRule = (use: RowUse) => readonly (RowAxis | null)[];

/** @throws GraphError `mixes_rows` */
export function mixing({ operator }: GraphNode, why: string): GraphError {
  return new GraphError('mixes_rows', `operator ${operator} ${why}, so that rows have no gradients of their own`, {
    operator,
  });
}

export const input = (node: GraphNode, index: number): Value => node.inputs[index] as Value;
export const rankOf = (value: Value | undefined): number => value?.shape.length ?? 0;

/** The row axis of an output that takes its axes from the right, as broadcasting does. */
export function broadcast({ node, rows }: RowUse): RowAxis {
  const rank = rankOf(node.outputs[0]);
  const found = rows.flatMap((row, index) =>
    row === null ? [] : [{ ...row, axis: row.axis + rank - rankOf(node.inputs[index]) }],
  );
  const [first] = found as [RowAxis];
  if (found.some(({ axis, outer, inner }) => axis !== first.axis || outer !== first.outer || inner !== first.inner)) {
    throw mixing(node, 'combines values that have their rows on different axes');
  }
  return first;
}

/** Only the first input has rows, and the axes in `touched` do more than move. */
export function first({ node, rows }: RowUse, touched: readonly number[] = []): RowAxis {
  const row = rows[0];
  if (row === null || row === undefined || rows.slice(1).some((one) => one !== null)) {
    throw mixing(node, 'takes rows where it takes positions or sizes');
  }
  if (touched.includes(row.axis)) throw mixing(node, 'works along the axis of the rows');
  return row;
}

export const along = (node: GraphNode, byDefault: number): number =>
  axisOf(intAttribute(node.attributes, 'axis', byDefault), rankOf(node.inputs[0]));

/** An operator over [rows, channels, ...]. */
export function atFront(use: RowUse): RowAxis {
  const row = first(use);
  if (row.axis !== 0) throw mixing(use.node, 'has its rows elsewhere than on the first axis');
  return row;
}
