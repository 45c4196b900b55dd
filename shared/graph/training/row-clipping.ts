import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { knownShape } from '../operators/dimensions.ts';
import { zerosLike } from '../vector-jacobian/shapes.ts';
import { summary } from './per-row/outer-products.ts';
import { type RowLosses, rowGradients } from './per-row/row-gradients.ts';

export interface ClippedSum {
  /** By variable: the sum over the rows of their clipped gradients. */
  readonly sums: readonly Value[];
  /** Scalar: rows whose gradient was scaled down. */
  readonly clipped: Value;
  /** [rows]: L2 norm of each row's gradient over all variables. */
  readonly norms: Value;
}

/**
 * Sum over the rows of each row's own gradient scaled down to the norm `most` over all variables together (Abadi et al. 2016, Deep Learning with
 * Differential Privacy, algorithm 1, without its noise), for all rows at once.
 * @throws GraphError `mixes_rows`, `not_differentiable`
 */
export function clippedRowSum(b: GraphBuilder, losses: RowLosses, most: number): ClippedSum {
  const gradients = rowGradients(b, losses);
  const summaries = losses.variables.map((variable, index) => {
    const own = gradients[index];
    return own === null || own === undefined ? null : summary(b, own, knownShape(variable.shape));
  });
  const squared = summaries.flatMap((one) => (one === null ? [] : [one.squaredNorms]));
  const rows = knownShape(losses.losses.shape)[0] as number;
  const limit = b.scalar(most);
  const norms =
    squared.length === 0
      ? b.op('ConstantOfShape', [b.integers('rows', [rows])])
      : b.op('Sqrt', [squared.reduce(b.add)]);
  const factors = b.div(limit, b.op('Max', [norms, limit]));
  return {
    sums: losses.variables.map((variable, index) => summaries[index]?.weighted(factors) ?? zerosLike(b, variable)),
    clipped: b.sum(b.cast(b.op('Greater', [norms, limit]), 'float')),
    norms,
  };
}
