import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';

/** L2 norm over all elements of all values, a scalar. */
export function globalNorm(b: GraphBuilder, values: readonly Value[]): Value {
  return b.op('Sqrt', [values.map((value) => b.sum(b.mul(value, value))).reduce(b.add)]);
}

/**
 * Scales all values by one number so that their norm together is at most `most` (Pascanu et al. 2013, algorithm 1). A norm of 0 changes nothing;
 * one too large for float32 makes everything 0.
 */
export function clippedByGlobalNorm(b: GraphBuilder, values: readonly Value[], most: number): Value[] {
  if (values.length === 0) return [];
  const limit = b.scalar(most);
  const factor = b.div(limit, b.op('Max', [globalNorm(b, values), limit]));
  return values.map((value) => b.mul(value, factor));
}
