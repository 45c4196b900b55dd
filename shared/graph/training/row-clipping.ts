import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { knownShape } from '../operators/dimensions.ts';
import { zerosLike } from '../vector-jacobian/shapes.ts';
import { type RowGradients, summary } from './per-row/outer-products.ts';

export interface ClippedSum {
  /** By variable: the sum over the rows of their clipped gradients. */
  readonly sums: readonly Value[];
  /** Scalar: how many rows' gradients were longer than the bound. */
  readonly clipped: Value;
  /** [rows]: L2 norm of each row's gradient over all variables. */
  readonly norms: Value;
}

const largest = 3.4028234663852886e38;

/**
 * Sum over the rows of each row's own gradient scaled down to the norm `most` over all variables together (Abadi et al. 2016, Deep Learning with
 * Differential Privacy, algorithm 1, without its noise), for all rows at once. A row whose norm is not a finite number makes the sum such that it is not
 * finite either: nothing else could keep the bound, and a row left out would be missing without a word.
 *
 * @param gradients of each variable, in float32
 * @param rows number of rows
 */
export function clippedSum(
  b: GraphBuilder,
  gradients: readonly (RowGradients | null)[],
  { variables, rows, most }: { readonly variables: readonly Value[]; readonly rows: number; readonly most: number },
): ClippedSum {
  const summaries = variables.map((variable, index) => {
    const own = gradients[index];
    return own === null || own === undefined ? null : summary(b, own, knownShape(variable.shape));
  });
  const squared = summaries.flatMap((one) => (one === null ? [] : [one.squaredNorms]));
  const limit = b.scalar(most);
  const norms =
    squared.length === 0
      ? b.op('ConstantOfShape', [b.integers('rows', [rows])])
      : b.op('Sqrt', [squared.reduce(b.add)]);
  const within = (bound: Value): Value => b.op('LessOrEqual', [norms, bound]);
  // What is compared with NaN is false.
  const factors = b.op('Where', [
    within(b.scalar(largest)),
    b.div(limit, b.op('Max', [norms, limit])),
    b.scalar(Number.POSITIVE_INFINITY),
  ]);
  return {
    sums: variables.map((variable, index) => summaries[index]?.weighted(factors) ?? zerosLike(b, variable)),
    clipped: b.sub(b.scalar(rows), b.sum(b.cast(within(limit), 'float'))),
    norms,
  };
}
