import type { Value } from '../../graph.ts';
import type { GraphBuilder } from '../../graph-builder.ts';

/** (z - y)², without a factor 1/2. All [rows]. */
export function squaredError(b: GraphBuilder, outputs: Value, labels: Value): Value {
  const residual = b.sub(outputs, labels);
  return b.mul(residual, residual);
}

/**
 * Half the squared error up to `delta`, delta · (|z - y| - delta / 2) beyond (Huber 1964, Robust Estimation of a Location Parameter). With c the residual kept within
 * ±delta this is c · (r - c / 2), whose derivative is c.
 * All [rows].
 */
export function huber(b: GraphBuilder, outputs: Value, labels: Value, delta: number): Value {
  const residual = b.sub(outputs, labels);
  // By a bound and not by differences with delta: beside a residual some 2^24 times as large they would leave nothing.
  const within = b.op('Clip', [residual, b.scalar(-delta), b.scalar(delta)]);
  return b.mul(within, b.sub(residual, b.mul(within, b.scalar(0.5))));
}
