import type { GraphBuilder } from '../../../../shared/graph/graph-builder.ts';
import { knownShape } from '../../../../shared/graph/operators/dimensions.ts';
import { type RowLosses, rowGradients } from '../../../../shared/graph/training/per-row/row-gradients.ts';
import { type ClippedSum, clippedSum } from '../../../../shared/graph/training/row-clipping.ts';

/** Gradients by row of the losses, clipped and summed, as a training step in float32 has them. */
export function clippedRowSum(b: GraphBuilder, losses: RowLosses, most: number): ClippedSum {
  const [rows = 1] = knownShape(losses.losses.shape);
  return clippedSum(b, rowGradients(b, losses), { variables: losses.variables, rows, most });
}
