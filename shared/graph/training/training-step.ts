import type { Plan } from '../../plan/plan.ts';
import type { Graph } from '../graph.ts';
import { compactGraph } from './compact-graph.ts';
import type { CarriedTensor, FedTensor, ForwardFeeds, NamedFeed, SlotTensor } from './feeds.ts';
import { buildObjective, feedsOf, type Objective, type ObjectiveOptions } from './objective.ts';
import { objectiveGradients } from './objective-gradients.ts';
import { addUpdate, carried } from './update.ts';

export type { CarriedTensor, SlotTensor } from './feeds.ts';

export interface StepOptions extends ObjectiveOptions {
  /** Takes `control/NAME`, added to the gradient of each moving tensor after clipping. */
  readonly control?: boolean;
}

/**
 * One training step as a graph for a fixed number of rows.
 * Inputs: `features` and `payload`, `labels`, every carried tensor, `frozen/NAME`, `random/K`, `anchor/NAME`, `proximal`, `control/NAME`, the
 * scalars of `stepScalars` and, in mixed precision, `scaling/scale`.
 * Outputs: `loss` (the batch's mean loss with penalty, before the update), the next value of every carried tensor and, where rows are clipped one by
 * one, `clipped`, how many rows' gradients were longer than the bound; in mixed precision `overflow`, see `overflowName`.
 */
export interface TrainingStep extends ForwardFeeds {
  readonly graph: Graph;
  /** The tensors that travel, names as in `modelTensors(plan)`. */
  readonly weights: readonly CarriedTensor[];
  /** The optimiser's state. */
  readonly slots: readonly SlotTensor[];
  /** `control/NAME`. */
  readonly control: readonly NamedFeed[];
  /** Those of `stepScalars`, and `scaling/scale` in mixed precision. */
  readonly scalars: readonly FedTensor[];
}

/** Makes what does not move by gradient an output too: buffers with their next value, the others as they are. */
function outputUnmoved({ builder, trained, moving, buffers }: Objective): void {
  const moved = new Set(moving);
  for (const [name, { value }] of trained) {
    if (!moved.has(name)) builder.output(`next/${name}`, buffers.get(name) ?? value);
  }
}

/** Compiles forward pass, loss, backward pass and optimiser update of the plan into one graph. */
export function buildTrainingStep(plan: Plan, options: StepOptions): TrainingStep {
  const objective = buildObjective(plan, options);
  const { builder } = objective;
  const { moving, clipped, scalars: ofGradients } = objectiveGradients(plan, objective);
  builder.output('loss', objective.loss);
  if (clipped !== null) builder.output('clipped', clipped);
  outputUnmoved(objective);
  const { slots, control, scalars } = addUpdate(builder, plan.training, moving, {
    control: options.control,
    precision: options.precision,
  });
  const weights = [...objective.trained.values()].map(({ parameter: { name, shape } }) => carried(name, shape));
  return {
    graph: compactGraph(builder.finish()),
    ...feedsOf(objective),
    weights,
    slots,
    control,
    scalars: [...scalars, ...ofGradients],
  };
}
