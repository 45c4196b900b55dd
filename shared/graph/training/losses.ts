import type { Plan } from '../../plan/plan.ts';
import { outputWidth } from '../families/output-width.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';

/**
 * Mean loss of a batch, a scalar.
 * - binary: cross-entropy from logits, softplus(z) - y z, which does not overflow (Bishop 2006, eq. 4.90);
 * - multiclass: cross-entropy of the softmax;
 * - regression: squared error, (z - y)², without a factor 1/2.
 *
 * @param outputs [N, outputWidth(plan)], what the network puts out
 * @param labels [N] float: class index or outcome
 */
export function meanLoss(builder: GraphBuilder, plan: Plan, outputs: Value, labels: Value): Value {
  if (plan.task.kind === 'multiclass') {
    const classes = outputWidth(plan);
    const indices = builder.constant(
      'classes',
      [1, classes],
      Float32Array.from({ length: classes }, (_, k) => k),
    );
    const chosen = builder.cast(builder.op('Equal', [builder.unsqueeze(labels, 1), indices]), 'float');
    const logProbabilities = builder.op('LogSoftmax', [outputs], { axis: { int: 1 } });
    return builder.neg(builder.mean(builder.sum(builder.mul(chosen, logProbabilities), [1])));
  }
  const column = builder.squeeze(outputs, 1);
  if (plan.task.kind === 'binary') {
    return builder.mean(builder.sub(builder.op('Softplus', [column]), builder.mul(labels, column)));
  }
  const residual = builder.sub(column, labels);
  return builder.mean(builder.mul(residual, residual));
}

/**
 * Adds (mu / 2) · Σ (w - w0)² over the anchored weights, biases too: the proximal term of FedProx.
 * T. Li et al. (2020), Federated Optimization in Heterogeneous Networks, MLSys, equation 2.
 *
 * @param anchors w0 by weight
 * @param mu a scalar
 */
export function withPull(
  builder: GraphBuilder,
  loss: Value,
  weights: ReadonlyMap<string, Value>,
  anchors: ReadonlyMap<string, Value>,
  mu: Value,
): Value {
  const half = builder.mul(mu, builder.scalar(0.5));
  let objective = loss;
  for (const [name, anchor] of anchors) {
    const apart = builder.sub(weights.get(name) as Value, anchor);
    objective = builder.add(objective, builder.mul(builder.sum(builder.mul(apart, apart)), half));
  }
  return objective;
}

/** Numbers a row's label is: 2 for survival (time, event), else 1. */
export function labelWidth(plan: Plan): number {
  return plan.task.kind === 'survival' ? 2 : 1;
}

/** Adds (l2 / 2) · Σ w² over the weights given; the loss itself when l2 is 0. */
export function withPenalty(
  builder: GraphBuilder,
  loss: Value,
  weights: ReadonlyMap<string, Value>,
  l2: number,
): Value {
  if (l2 === 0) return loss;
  let objective = loss;
  for (const weight of weights.values()) {
    objective = builder.add(objective, builder.mul(builder.sum(builder.mul(weight, weight)), builder.scalar(l2 / 2)));
  }
  return objective;
}
