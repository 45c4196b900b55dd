import type { Plan } from '../../plan/plan.ts';
import { trainedParameters } from '../adapters.ts';
import type { Graph, Value } from '../graph.ts';
import { GraphBuilder } from '../graph-builder.ts';
import { compactGraph } from './compact-graph.ts';
import type { CarriedTensor, FedTensor, ForwardFeeds, NamedFeed, SlotTensor } from './feeds.ts';
import { buildObjective, feedsOf, movingParameters, type ObjectiveOptions } from './objective.ts';
import { objectiveGradients } from './objective-gradients.ts';
import { addUpdate, carried } from './update.ts';

/**
 * Gradients of a part of a batch, added to those of the parts before. Parts of a batch in any cut give the batch's own gradients, but for rounding.
 * Inputs: those of a training step but for slots, the update's scalars and control; `sum/NAME` a moving tensor, zeros before the first part.
 * Outputs: `loss`, this part's share of the batch's mean loss with penalty (the shares add up); `next/sum/NAME`; `next/NAME` for buffers; `clipped`,
 * how many of this part's rows, as in a training step.
 */
export interface GradientPart extends ForwardFeeds {
  readonly graph: Graph;
  /** The carried tensors it reads: every travelling tensor. */
  readonly weights: readonly string[];
  readonly sums: readonly (CarriedTensor & { readonly weight: string })[];
  /** Buffers, read and written. */
  readonly buffers: readonly CarriedTensor[];
  /** `scaling/scale` in mixed precision. */
  readonly scalars: readonly FedTensor[];
}

/** @throws GraphError `mixes_rows` when the batch cannot be cut */
export function buildGradientPart(plan: Plan, options: ObjectiveOptions): GradientPart {
  const objective = buildObjective(plan, options);
  const { builder, trained, buffers } = objective;
  const { moving, clipped, scalars } = objectiveGradients(plan, objective);
  builder.output('loss', objective.loss);
  if (clipped !== null) builder.output('clipped', clipped);
  const sums = moving.map(({ parameter: { name, shape }, gradient }) => {
    const sum = { ...carried(`sum/${name}`, shape), weight: name };
    builder.output(sum.next, builder.add(builder.input(sum.name, 'float', shape), gradient));
    return sum;
  });
  const kept = [...buffers].map(([name, value]) => {
    builder.output(`next/${name}`, value);
    return carried(name, trained.get(name)?.parameter.shape ?? []);
  });
  return {
    graph: compactGraph(builder.finish()),
    ...feedsOf(objective),
    weights: [...trained.keys()],
    sums,
    buffers: kept,
    scalars,
  };
}

/**
 * The update alone: clipping, control variates and optimiser from gradients summed elsewhere, by `buildGradientPart` or by another library.
 * Inputs: the moving tensors by name, `sum/NAME`, slots, the scalars of `stepScalars`, `control/NAME`. Outputs: their next values, and in mixed
 * precision `overflow`, see `overflowName`.
 */
export interface UpdateGraph {
  readonly graph: Graph;
  /** The moving tensors. */
  readonly weights: readonly CarriedTensor[];
  readonly sums: readonly NamedFeed[];
  readonly slots: readonly SlotTensor[];
  readonly control: readonly NamedFeed[];
  /** Those of `stepScalars`. */
  readonly scalars: readonly FedTensor[];
}

export function buildUpdate(
  plan: Plan,
  options: Pick<ObjectiveOptions, 'trainable' | 'precision'> & { readonly control?: boolean },
): UpdateGraph {
  const builder = new GraphBuilder('update');
  const moving = movingParameters(trainedParameters(plan), options.trainable).map((parameter) => ({
    parameter,
    value: builder.input(parameter.name, 'float', parameter.shape),
    gradient: builder.input(`sum/${parameter.name}`, 'float', parameter.shape) as Value,
  }));
  const { slots, control, scalars } = addUpdate(builder, plan.training, moving, options);
  return {
    graph: compactGraph(builder.finish()),
    weights: moving.map(({ parameter: { name, shape } }) => carried(name, shape)),
    sums: moving.map(({ parameter: { name, shape } }) => ({ name: `sum/${name}`, weight: name, shape })),
    slots,
    control,
    scalars,
  };
}
