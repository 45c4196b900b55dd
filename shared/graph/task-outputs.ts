import type { TaskSpec } from '../plan/task.ts';
import type { Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';

/**
 * Adds what a released model answers, from what its network puts out [N, width]. All float.
 * - binary: `probability` [N] of the event and `logit` [N];
 * - multiclass: `probability` [N, K], a class each, and `logit` [N, K];
 * - ordinal: `probability` [N, K], a grade each, and `logit` [N, K - 1], number j that of a grade above grade j;
 * - regression: `prediction` [N] in the label's unit;
 * - survival: `risk` [N], the log hazard ratio against a patient for whom the network puts out 0. It orders patients. There is no
 *   baseline hazard in it: the partial likelihood does not estimate one, so that no probability of survival to a time follows from it.
 */
export function addTaskOutputs(builder: GraphBuilder, task: TaskSpec, outputs: Value): void {
  switch (task.kind) {
    case 'binary': {
      const logit = builder.squeeze(outputs, 1);
      builder.output('probability', builder.op('Sigmoid', [logit]));
      builder.output('logit', logit);
      return;
    }
    case 'multiclass':
      builder.output('probability', builder.op('Softmax', [outputs], { axis: { int: 1 } }));
      builder.output('logit', outputs);
      return;
    case 'ordinal':
      builder.output('probability', gradeProbabilities(builder, outputs));
      builder.output('logit', outputs);
      return;
    case 'regression':
      builder.output('prediction', builder.squeeze(outputs, 1));
      return;
    case 'survival':
      builder.output('risk', builder.squeeze(outputs, 1));
  }
}

/**
 * P(grade k) = P(above k - 1) - P(above k), as a product of tails: σ(a) - σ(c) = σ(a) σ(-c) (1 - exp(c - a)) with a >= c. A difference of two
 * numbers close to 1 would lose the rare grades.
 *
 * @param logits [N, K - 1], never rising along a row
 * @returns [N, K]
 */
function gradeProbabilities(builder: GraphBuilder, logits: Value): Value {
  const boundaries = logits.shape[1] as number;
  const above = builder.op('Sigmoid', [logits]);
  const below = builder.op('Sigmoid', [builder.neg(logits)]);
  const part = (value: Value, from: number, to: number): Value =>
    builder.op('Slice', [
      value,
      builder.integers('from', [from]),
      builder.integers('to', [to]),
      builder.integers('axes', [1]),
    ]);
  const lowest = part(below, 0, 1);
  const highest = part(above, boundaries - 1, boundaries);
  if (boundaries === 1) return builder.op('Concat', [lowest, highest], { axis: { int: 1 } });
  const apart = builder.sub(part(logits, 1, boundaries), part(logits, 0, boundaries - 1));
  // No operator of the set gives exp(x) - 1; tanh keeps its digits near 0: 1 - exp(-d) = 2 t / (1 + t), t = tanh(d / 2).
  const half = builder.op('Tanh', [builder.mul(apart, builder.scalar(-0.5))]);
  const share = builder.div(builder.mul(half, builder.scalar(2)), builder.add(half, builder.scalar(1)));
  const between = builder.mul(builder.mul(part(above, 0, boundaries - 1), part(below, 1, boundaries)), share);
  return builder.op('Concat', [lowest, between, highest], { axis: { int: 1 } });
}
