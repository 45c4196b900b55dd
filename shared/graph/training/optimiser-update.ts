import type { TrainingSpec } from '../../plan/plan.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { GraphError } from '../graph-error.ts';

export type OptimiserSpec = TrainingSpec['optimiser'];

/** Names of what the optimiser keeps a weight, each a tensor of the weight's shape that starts at zero. */
export function optimiserSlots(optimiser: OptimiserSpec): readonly string[] {
  switch (optimiser.kind) {
    case 'sgd':
      return optimiser.momentum > 0 ? ['velocity'] : [];
    case 'adam':
      return ['first', 'second'];
    default:
      throw new GraphError('unknown_operator', `no update of the optimiser ${optimiser.kind}`);
  }
}

/**
 * Numbers the optimiser needs at step t = 1, 2, ..., worked out in float64 by the caller: Adam's bias corrections
 * 1 - beta1^t and 1 - beta2^t. In float32 the second would be off by 3e-5 at the first step.
 */
export function stepScalars(optimiser: OptimiserSpec, step: number): Readonly<Record<string, number>> {
  if (!('beta1' in optimiser)) return {};
  return { correctionFirst: 1 - optimiser.beta1 ** step, correctionSecond: 1 - optimiser.beta2 ** step };
}

/**
 * Adds one update of one weight to the graph.
 * - sgd: v' = momentum · v + g, w' = w - rate · v' (Sutskever et al. 2013 with the rate outside, as PyTorch and TensorFlow.js have it);
 * - adam: Kingma and Ba 2015, algorithm 1.
 *
 * @returns the new weight and the new slots, by name
 */
export function optimiserUpdate(
  builder: GraphBuilder,
  optimiser: OptimiserSpec,
  weight: Value,
  gradient: Value,
  slots: Readonly<Record<string, Value>>,
  scalars: Readonly<Record<string, Value>>,
): { readonly weight: Value; readonly slots: Readonly<Record<string, Value>> } {
  const b = builder;
  const rate = b.scalar(optimiser.rate);
  if (optimiser.kind === 'sgd') {
    const velocity = slots.velocity;
    if (velocity === undefined) return { weight: b.sub(weight, b.mul(gradient, rate)), slots: {} };
    const next = b.add(b.mul(velocity, b.scalar(optimiser.momentum)), gradient);
    return { weight: b.sub(weight, b.mul(next, rate)), slots: { velocity: next } };
  }
  if (!('beta1' in optimiser)) throw new GraphError('unknown_operator', `no update of the optimiser ${optimiser.kind}`);
  const { first, second } = slots;
  const { correctionFirst, correctionSecond } = scalars;
  if (first === undefined || second === undefined || correctionFirst === undefined || correctionSecond === undefined) {
    throw new TypeError('adam takes the slots first and second and the scalars correctionFirst and correctionSecond');
  }
  const nextFirst = b.add(b.mul(first, b.scalar(optimiser.beta1)), b.mul(gradient, b.scalar(1 - optimiser.beta1)));
  const square = b.mul(gradient, gradient);
  const nextSecond = b.add(b.mul(second, b.scalar(optimiser.beta2)), b.mul(square, b.scalar(1 - optimiser.beta2)));
  const spread = b.add(b.op('Sqrt', [b.div(nextSecond, correctionSecond)]), b.scalar(optimiser.epsilon));
  const direction = b.div(b.div(nextFirst, correctionFirst), spread);
  return {
    weight: b.sub(weight, b.mul(direction, rate)),
    slots: { first: nextFirst, second: nextSecond },
  };
}
