import type { Plan } from '../../plan/plan.ts';
import type { Value } from '../graph.ts';
import { knownShape } from '../operators/dimensions.ts';
import { gradients } from '../reverse-mode.ts';
import type { FedTensor } from './feeds.ts';
import { lossScale } from './loss-scaling.ts';
import { MixedBuilder } from './mixed-builder.ts';
import { type Objective, refuseMixedRows } from './objective.ts';
import { dividedGradients, gradientsAs, type RowGradients } from './per-row/outer-products.ts';
import { type RowLosses, rowGradients } from './per-row/row-gradients.ts';
import { clippedSum } from './row-clipping.ts';
import type { MovingTensor } from './update.ts';

/** Gradients of an objective's loss. */
export interface ObjectiveGradients {
  readonly moving: readonly MovingTensor[];
  /** Scalar: how many rows' own gradients were longer than the bound; null where rows are not clipped one by one. */
  readonly clipped: Value | null;
  /** `scaling/scale`, which the loss was multiplied by in float16 and the gradients are divided by already; none in float32. */
  readonly scalars: readonly FedTensor[];
}

/** Gradients of the loss times a scale, divided by it again: what float16 holds of them does not vanish. */
function scaledGradients(b: MixedBuilder, loss: Value, variables: readonly Value[]): Value[] {
  const scale = b.input(lossScale.name, 'float', []);
  const scaled = b.mul(loss, scale);
  b.half = true;
  const found = gradients(b, scaled, variables);
  b.half = false;
  return found.map((gradient) => b.div(gradient, scale));
}

/**
 * Gradients of each row's loss as `scaledGradients` has them of the batch's, in float32 from there on: norms and sums are of what float16 gave, without
 * the scale, and of nothing less exact. Each loss is scaled by what it counts in the mean, to a power of two, so that what is in range of float16 in
 * one is in the other.
 * @param of rows of the batch
 */
function scaledRowGradients(b: MixedBuilder, losses: RowLosses, of: number): (RowGradients | null)[] {
  const scale = b.input(lossScale.name, 'float', []);
  const share = b.mul(scale, b.scalar(2 ** -Math.ceil(Math.log2(of))));
  const scaled = b.mul(losses.losses, share);
  b.half = true;
  const found = rowGradients(b, { ...losses, losses: scaled });
  b.half = false;
  return found.map((own) => (own === null ? null : dividedGradients(b, gradientsAs(b, own, 'float'), share)));
}

/**
 * Adds the backward pass to the objective's graph. With `perExampleClip` each row's own gradient is clipped before the mean over the batch is taken;
 * the gradients of the penalties, which say nothing of a row, are added after.
 * @throws GraphError `mixes_rows` when rows are to be clipped that have no gradients of their own
 */
export function objectiveGradients(plan: Plan, objective: Objective): ObjectiveGradients {
  const { builder: b, trained, penalty, of } = objective;
  const tensors = objective.moving.map((name) => trained.get(name)).filter((tensor) => tensor !== undefined);
  const variables = tensors.map(({ value }) => value);
  const withGradients = (found: readonly Value[]) =>
    tensors.map((tensor, index) => ({ ...tensor, gradient: found[index] as Value }));
  const { perExampleClip } = plan.training;
  const scalars = b instanceof MixedBuilder ? [lossScale] : [];
  if (perExampleClip === undefined) {
    const { loss } = objective;
    const found = b instanceof MixedBuilder ? scaledGradients(b, loss, variables) : gradients(b, loss, variables);
    return { moving: withGradients(found), clipped: null, scalars };
  }
  refuseMixedRows(plan, 'its rows cannot be clipped one by one: remove training.perExampleClip');
  const losses: RowLosses = {
    losses: objective.rowLosses,
    inputs: objective.rowValues,
    random: objective.random.map(({ name }) => name),
    variables,
  };
  const found = b instanceof MixedBuilder ? scaledRowGradients(b, losses, of) : rowGradients(b, losses);
  const rows = knownShape(objective.rowLosses.shape)[0] as number;
  const { sums, clipped } = clippedSum(b, found, { variables, rows, most: perExampleClip });
  const share = b.scalar(1 / of);
  const means = sums.map((sum) => b.mul(sum, share));
  const further = penalty === null ? null : gradients(b, penalty, variables);
  return {
    moving: withGradients(means.map((mean, index) => (further === null ? mean : b.add(mean, further[index] as Value)))),
    clipped,
    scalars,
  };
}
