import type { Plan } from '../../plan/plan.ts';
import type { Graph, Value } from '../graph.ts';
import { gradients } from '../reverse-mode.ts';
import { buildObjective, type FedTensor, type ObjectiveOptions } from './objective.ts';
import { optimiserSlots, optimiserUpdate, stepScalars } from './optimiser-update.ts';

/** A tensor carried from step to step: the graph reads `name` and writes `next`. */
export interface CarriedTensor extends FedTensor {
  readonly next: string;
}

/**
 * One training step as a graph for a fixed number of rows.
 * Inputs: `features` and `payload`, `labels`, every carried tensor, `frozen/NAME`, `random/K`, `anchor/NAME`, `proximal`, and the scalars of `stepScalars`.
 * Outputs: `loss` (the batch's mean loss with penalty, before the update) and the next value of every carried tensor.
 */
export interface TrainingStep {
  readonly graph: Graph;
  readonly rowInputs: readonly FedTensor[];
  readonly labels: FedTensor;
  readonly frozen: readonly (FedTensor & { readonly weight: string })[];
  readonly random: readonly FedTensor[];
  readonly anchors: readonly (FedTensor & { readonly weight: string })[];
  /** The tensors that travel, names as in `modelTensors(plan)`. */
  readonly weights: readonly CarriedTensor[];
  /** The optimiser's state, zero at the first step of a round. */
  readonly slots: readonly CarriedTensor[];
}

/** Compiles forward pass, loss, backward pass and optimiser update of the plan into one graph. */
export function buildTrainingStep(plan: Plan, options: ObjectiveOptions): TrainingStep {
  const { optimiser } = plan.training;
  const objective = buildObjective(plan, options);
  const { builder, trained, moving, loss, buffers } = objective;
  const weights = [...trained.values()].map(({ parameter: { name, shape } }) => ({
    name,
    next: `next/${name}`,
    shape,
  }));
  const slotNames = optimiserSlots(optimiser);
  const slots = moving.flatMap((name) =>
    slotNames.map((slot) => ({
      name: `${slot}/${name}`,
      next: `next/${slot}/${name}`,
      shape: trained.get(name)?.parameter.shape ?? [],
    })),
  );
  const slotInputs = new Map(slots.map(({ name, shape }) => [name, builder.input(name, 'float', shape)] as const));
  const scalars = Object.fromEntries(
    Object.keys(stepScalars(optimiser, 1)).map((name) => [name, builder.input(name, 'float', [])]),
  );
  const valueOf = (name: string): Value => trained.get(name)?.value as Value;
  const byWeight = gradients(builder, loss, moving.map(valueOf));

  builder.output('loss', loss);
  for (const { name, next } of weights) {
    if (!moving.includes(name)) builder.output(next, buffers.get(name) ?? valueOf(name));
  }
  for (const [index, name] of moving.entries()) {
    const own: Record<string, Value> = {};
    for (const slot of slotNames) own[slot] = slotInputs.get(`${slot}/${name}`) as Value;
    const next = optimiserUpdate(builder, optimiser, valueOf(name), byWeight[index] as Value, own, scalars);
    builder.output(`next/${name}`, next.weight);
    for (const slot of slotNames) builder.output(`next/${slot}/${name}`, next.slots[slot] as Value);
  }
  const { rowInputs, labels, frozen, random, anchors } = objective;
  return { graph: builder.finish(), rowInputs, labels, frozen, random, anchors, weights, slots };
}
