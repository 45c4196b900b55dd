import type { Plan } from '../../plan/plan.ts';
import type { TrainingSpec } from '../../plan/training.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { GraphError } from '../graph-error.ts';
import { binaryCrossEntropy, binaryFocal, softmaxCrossEntropy, softmaxFocal } from './losses/classification.ts';
import { coxLosses } from './losses/cox.ts';
import { ordinalLosses } from './losses/ordinal.ts';
import { huber, squaredError } from './losses/regression.ts';

export type LossSpec = NonNullable<TrainingSpec['loss']>;

/** The loss of a plan; the one its task has when the plan names none. */
export function lossOf({ task, training }: Plan): LossSpec {
  if (training.loss !== undefined) return training.loss;
  switch (task.kind) {
    case 'binary':
    case 'multiclass':
      return { kind: 'cross-entropy' };
    case 'regression':
      return { kind: 'squared' };
    case 'survival':
      return { kind: 'cox', ties: 'efron' };
    case 'ordinal':
      return { kind: 'ordinal' };
  }
}

/** Whether each row's loss depends on that row alone, so that a batch may be cut; false for Cox, whose risk sets are of the batch. */
export function lossDecomposes(plan: Plan): boolean {
  return lossOf(plan).kind !== 'cox';
}

/**
 * Loss of each row.
 * @param outputs [rows, outputWidth(plan)], what the network puts out
 * @param labels [rows] class number, grade or outcome; [rows, 2] for survival
 * @returns [rows]
 * @throws GraphError `wrong_loss`
 */
export function rowLosses(builder: GraphBuilder, plan: Plan, outputs: Value, labels: Value): Value {
  const loss = lossOf(plan);
  const { kind } = plan.task;
  const column = (): Value => builder.squeeze(outputs, 1);
  if (kind === 'binary' && loss.kind === 'cross-entropy') return binaryCrossEntropy(builder, column(), labels, loss);
  if (kind === 'binary' && loss.kind === 'focal') {
    return binaryFocal(builder, column(), labels, loss.gamma, loss.classWeights);
  }
  if (kind === 'multiclass' && loss.kind === 'cross-entropy') {
    return softmaxCrossEntropy(builder, outputs, labels, loss);
  }
  if (kind === 'multiclass' && loss.kind === 'focal') {
    return softmaxFocal(builder, outputs, labels, loss.gamma, loss.classWeights);
  }
  if (kind === 'regression' && loss.kind === 'squared') return squaredError(builder, column(), labels);
  if (kind === 'regression' && loss.kind === 'huber') return huber(builder, column(), labels, loss.delta);
  if (kind === 'survival' && loss.kind === 'cox') return coxLosses(builder, column(), labels, loss.ties);
  if (kind === 'ordinal' && loss.kind === 'ordinal') return ordinalLosses(builder, outputs, labels);
  throw new GraphError('wrong_loss', `training.loss.kind is ${loss.kind}, which is not a loss of a ${kind} task`, {
    loss: loss.kind,
    task: kind,
  });
}

/** Numbers a row's label is: 2 for survival (time, event), else 1. */
export function labelWidth(plan: Plan): number {
  return plan.task.kind === 'survival' ? 2 : 1;
}

/** (l2 / 2) · Σ w² over the weights, a scalar; null when it is nothing. */
export function squaredPenalty(builder: GraphBuilder, weights: ReadonlyMap<string, Value>, l2: number): Value | null {
  if (l2 === 0) return null;
  const parts = [...weights.values()].map((weight) => builder.sum(builder.mul(weight, weight)));
  return total(builder, parts, builder.scalar(l2 / 2));
}

/**
 * (mu / 2) · Σ (w - w0)² over the anchored weights, biases too, a scalar: the proximal term of FedProx.
 * T. Li et al. (2020), Federated Optimization in Heterogeneous Networks, MLSys, equation 2.
 *
 * @param anchors w0 by weight
 * @param mu a scalar
 */
export function pullPenalty(
  builder: GraphBuilder,
  weights: ReadonlyMap<string, Value>,
  anchors: ReadonlyMap<string, Value>,
  mu: Value,
): Value | null {
  const parts = [...anchors].map(([name, anchor]) => {
    const apart = builder.sub(weights.get(name) as Value, anchor);
    return builder.sum(builder.mul(apart, apart));
  });
  return total(builder, parts, builder.mul(mu, builder.scalar(0.5)));
}

function total(builder: GraphBuilder, parts: readonly Value[], factor: Value): Value | null {
  return parts.length === 0 ? null : builder.mul(parts.reduce(builder.add), factor);
}
