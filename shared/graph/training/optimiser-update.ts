import type { TrainingSpec } from '../../plan/plan.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { rateAt, type StepPlace } from './schedule.ts';

export type OptimiserSpec = TrainingSpec['optimiser'];

/** What an optimiser keeps for each weight: a tensor of the weight's shape. */
export interface OptimiserSlot {
  readonly name: string;
  /** Value of each element at the first step of a round. */
  readonly initial: number;
}

const zero = (name: string): OptimiserSlot => ({ name, initial: 0 });

export function optimiserSlots(optimiser: OptimiserSpec): readonly OptimiserSlot[] {
  switch (optimiser.kind) {
    case 'sgd':
      return optimiser.momentum > 0 ? [zero('velocity')] : [];
    case 'adam':
    case 'adamw':
      return [zero('first'), zero('second')];
    case 'adagrad':
      return [{ name: 'squares', initial: optimiser.initial }];
    case 'rmsprop':
      return optimiser.momentum > 0 ? [zero('squares'), zero('velocity')] : [zero('squares')];
  }
}

/**
 * Numbers the update needs at a step, worked out in float64 by the caller and fed as scalars of these names: the learning rate, and for Adam
 * the bias corrections 1 - beta1^t and 1 - beta2^t. In float32 the second would be off by 3e-5 at the first step.
 */
export function stepScalars(
  training: Pick<TrainingSpec, 'optimiser' | 'schedule'>,
  place: StepPlace,
): Readonly<Record<string, number>> {
  const { optimiser } = training;
  const rate = rateAt(training, place);
  if (!('beta1' in optimiser)) return { rate };
  return {
    rate,
    correctionFirst: 1 - optimiser.beta1 ** place.step,
    correctionSecond: 1 - optimiser.beta2 ** place.step,
  };
}

/** One weight at one step. */
export interface WeightStep {
  readonly weight: Value;
  readonly gradient: Value;
  /** By name of the slot. */
  readonly slots: Readonly<Record<string, Value>>;
  /** By name, as `stepScalars` gives them. */
  readonly scalars: Readonly<Record<string, Value>>;
  /** Whether decoupled decay is for this tensor: true for weights, false for biases. */
  readonly decayed: boolean;
}

/** The new weight and the new slots, by name. */
export interface WeightUpdate {
  readonly weight: Value;
  readonly slots: Readonly<Record<string, Value>>;
}

function named(values: Readonly<Record<string, Value>>, name: string): Value {
  const value = values[name];
  if (value === undefined) throw new TypeError(`the update takes ${name}, which it is not given`);
  return value;
}

/** share · old + (1 - share) · fresh */
function movingMean(b: GraphBuilder, old: Value, fresh: Value, share: number): Value {
  return b.add(b.mul(old, b.scalar(share)), b.mul(fresh, b.scalar(1 - share)));
}

/**
 * Adds one update of one weight to the graph. With g the gradient:
 * - sgd: v' = momentum · v + g, w' = w - rate · v' (Sutskever et al. 2013 with the rate outside, as PyTorch and TensorFlow.js have it);
 *   nesterov: w' = w - rate · (g + momentum · v');
 * - adam: Kingma and Ba 2015, algorithm 1; adamw: Loshchilov and Hutter 2019, algorithm 2, in PyTorch's form, w · (1 - rate · decay) first;
 * - adagrad: s' = s + g², w' = w - rate · g / (sqrt s' + epsilon) (Duchi et al. 2011, figure 1 with a diagonal matrix);
 * - rmsprop: s' = decay · s + (1 - decay) · g², v' = momentum · v + g / (sqrt s' + epsilon), w' = w - rate · v' (Tieleman and Hinton 2012, in
 *   PyTorch's form).
 */
export function optimiserUpdate(builder: GraphBuilder, optimiser: OptimiserSpec, step: WeightStep): WeightUpdate {
  const b = builder;
  const { weight, gradient, slots, scalars, decayed } = step;
  const rate = named(scalars, 'rate');
  const follow = (from: Value, direction: Value): Value => b.sub(from, b.mul(direction, rate));
  const root = (squares: Value, epsilon: number): Value => b.add(b.op('Sqrt', [squares]), b.scalar(epsilon));
  switch (optimiser.kind) {
    case 'sgd': {
      if (optimiser.momentum === 0) return { weight: follow(weight, gradient), slots: {} };
      const velocity = b.add(b.mul(named(slots, 'velocity'), b.scalar(optimiser.momentum)), gradient);
      const ahead =
        optimiser.nesterov === true ? b.add(gradient, b.mul(velocity, b.scalar(optimiser.momentum))) : velocity;
      return { weight: follow(weight, ahead), slots: { velocity } };
    }
    case 'adam':
    case 'adamw': {
      const first = movingMean(b, named(slots, 'first'), gradient, optimiser.beta1);
      const second = movingMean(b, named(slots, 'second'), b.mul(gradient, gradient), optimiser.beta2);
      const spread = root(b.div(second, named(scalars, 'correctionSecond')), optimiser.epsilon);
      const direction = b.div(b.div(first, named(scalars, 'correctionFirst')), spread);
      const decay = optimiser.kind === 'adamw' && decayed ? optimiser.decay : 0;
      const from = decay === 0 ? weight : b.mul(weight, b.sub(b.scalar(1), b.mul(rate, b.scalar(decay))));
      return { weight: follow(from, direction), slots: { first, second } };
    }
    case 'adagrad': {
      const squares = b.add(named(slots, 'squares'), b.mul(gradient, gradient));
      return { weight: follow(weight, b.div(gradient, root(squares, optimiser.epsilon))), slots: { squares } };
    }
    case 'rmsprop': {
      const squares = movingMean(b, named(slots, 'squares'), b.mul(gradient, gradient), optimiser.decay);
      const direction = b.div(gradient, root(squares, optimiser.epsilon));
      if (optimiser.momentum === 0) return { weight: follow(weight, direction), slots: { squares } };
      const velocity = b.add(b.mul(named(slots, 'velocity'), b.scalar(optimiser.momentum)), direction);
      return { weight: follow(weight, velocity), slots: { squares, velocity } };
    }
  }
}
