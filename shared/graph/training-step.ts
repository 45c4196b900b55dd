import type { Plan } from '../plan/plan.ts';
import { encodedFeatures } from './encoding.ts';
import { modelTensors } from './families.ts';
import type { Graph, Value } from './graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import { meanLoss, withPenalty, withPull } from './losses.ts';
import { forward } from './network.ts';
import { optimiserSlots, optimiserUpdate, stepScalars } from './optimiser-update.ts';
import { gradients } from './reverse-mode.ts';

/** A tensor carried from step to step: the graph reads `name` and writes `next`. */
export interface CarriedTensor {
  readonly name: string;
  readonly next: string;
  readonly shape: readonly number[];
}

/**
 * One training step as a graph.
 * Inputs: `features` [N, F] encoded rows, `labels` [N], every carried tensor, and the scalars of `stepScalars`.
 * Outputs: `loss` (the batch's mean loss with penalty, before the update) and the next value of every carried tensor.
 * N is free, so the smaller last batch runs through the same graph.
 */
export interface TrainingStep {
  readonly graph: Graph;
  readonly features: number;
  /** Inputs that hold the starting weights when the step pulls towards them, by weight: `anchor/NAME`. Empty otherwise. */
  readonly anchors: readonly { readonly name: string; readonly weight: string; readonly shape: readonly number[] }[];
  /** The weights, names as in `modelTensors(plan)`. */
  readonly weights: readonly CarriedTensor[];
  /** The optimiser's state, zero at the first step of a round. */
  readonly slots: readonly CarriedTensor[];
}

/** What a step leaves out of, or adds to, the plan's own. */
export interface StepOptions {
  /** Names of the weights that move; the others keep their values. All when absent. */
  readonly trainable?: readonly string[];
  /** With a term that pulls the weights to where they started; its strength is the input `proximal`. */
  readonly pull?: boolean;
}

/** Compiles forward pass, loss, backward pass and optimiser update of the plan into one graph. */
export function buildTrainingStep(plan: Plan, options: StepOptions = {}): TrainingStep {
  const { optimiser, l2 } = plan.training;
  const builder = new GraphBuilder('training-step');
  const featureCount = encodedFeatures(plan.data).length;
  const features = builder.input('features', 'float', ['N', featureCount]);
  const labels = builder.input('labels', 'float', ['N']);

  const carried = modelTensors(plan).map(({ name, shape }) => ({ name, next: `next/${name}`, shape }));
  const weights = new Map(carried.map(({ name, shape }) => [name, builder.input(name, 'float', shape)] as const));
  const moves = (name: string): boolean => options.trainable?.includes(name) ?? true;
  const moving = carried.filter(({ name }) => moves(name));
  const slotNames = optimiserSlots(optimiser);
  const slots = moving.flatMap(({ name, shape }) =>
    slotNames.map((slot) => ({ name: `${slot}/${name}`, next: `next/${slot}/${name}`, shape })),
  );
  const slotInputs = new Map(slots.map(({ name, shape }) => [name, builder.input(name, 'float', shape)] as const));
  const scalars = Object.fromEntries(
    Object.keys(stepScalars(optimiser, 1)).map((name) => [name, builder.input(name, 'float', [])]),
  );

  const anchors =
    options.pull === true
      ? moving.map(({ name, shape }) => ({ name: `anchor/${name}`, weight: name, shape }))
      : ([] as const);
  const anchorInputs = new Map(
    anchors.map(({ name, weight, shape }) => [weight, builder.input(name, 'float', shape)] as const),
  );

  const outputs = forward(builder, plan, features, weights);
  const penalised = withPenalty(builder, meanLoss(builder, plan, outputs, labels), weights, l2);
  const loss =
    anchors.length === 0
      ? penalised
      : withPull(builder, penalised, weights, anchorInputs, builder.input('proximal', 'float', []));
  const movingWeights = moving.map(({ name }) => [name, weights.get(name) as Value] as const);
  const byWeight = gradients(
    builder,
    loss,
    movingWeights.map(([, weight]) => weight),
  );

  builder.output('loss', loss);
  for (const { name, next } of carried) if (!moves(name)) builder.output(next, weights.get(name) as Value);
  for (const [index, [name, weight]] of movingWeights.entries()) {
    const own: Record<string, Value> = {};
    for (const slot of slotNames) own[slot] = slotInputs.get(`${slot}/${name}`) as Value;
    const next = optimiserUpdate(builder, optimiser, weight, byWeight[index] as Value, own, scalars);
    builder.output(`next/${name}`, next.weight);
    for (const slot of slotNames) builder.output(`next/${slot}/${name}`, next.slots[slot] as Value);
  }
  return { graph: builder.finish(), features: featureCount, anchors, weights: carried, slots };
}
