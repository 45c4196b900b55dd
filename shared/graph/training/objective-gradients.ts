import type { Plan } from '../../plan/plan.ts';
import type { Value } from '../graph.ts';
import { GraphError } from '../graph-error.ts';
import { gradients } from '../reverse-mode.ts';
import { scaleName } from './loss-scaling.ts';
import { MixedBuilder } from './mixed-builder.ts';
import { type Objective, refuseMixedRows } from './objective.ts';
import { clippedRowSum } from './row-clipping.ts';
import type { MovingTensor } from './update.ts';

/** Gradients of an objective's loss. */
export interface ObjectiveGradients {
  readonly moving: readonly MovingTensor[];
  /** Scalar: rows whose own gradient was scaled down, by the rows of the batch; null where rows are not clipped one by one. */
  readonly clipped: Value | null;
  /** The scalar the loss was multiplied by in float16, the input `scaling/scale`; null in float32. The gradients are divided by it already. */
  readonly scale: Value | null;
}

/** Gradients of the loss times a scale, divided by it again: what float16 holds of them does not vanish. */
function scaledGradients(
  b: MixedBuilder,
  loss: Value,
  variables: readonly Value[],
): { readonly found: Value[]; readonly scale: Value } {
  const scale = b.input(scaleName, 'float', []);
  const scaled = b.mul(loss, scale);
  b.half = true;
  const found = gradients(b, scaled, variables);
  b.half = false;
  return { scale, found: found.map((gradient) => b.div(gradient, scale)) };
}

/**
 * Adds the backward pass to the objective's graph. With `perExampleClip` each row's own gradient is clipped before the mean over the batch is taken;
 * the gradients of the penalties, which say nothing of a row, are added after.
 * @throws GraphError `mixes_rows` when rows are to be clipped that have no gradients of their own
 */
export function objectiveGradients(plan: Plan, objective: Objective): ObjectiveGradients {
  const { builder: b, trained, penalty } = objective;
  const tensors = objective.moving.map((name) => trained.get(name)).filter((tensor) => tensor !== undefined);
  const variables = tensors.map(({ value }) => value);
  const withGradients = (found: readonly Value[]) =>
    tensors.map((tensor, index) => ({ ...tensor, gradient: found[index] as Value }));
  const { perExampleClip } = plan.training;
  if (b instanceof MixedBuilder) {
    if (perExampleClip !== undefined) {
      throw new GraphError('wrong_loss', 'training.perExampleClip keeps its bound in float32 only: build it with that');
    }
    const { found, scale } = scaledGradients(b, objective.loss, variables);
    return { moving: withGradients(found), clipped: null, scale };
  }
  if (perExampleClip === undefined) {
    return { moving: withGradients(gradients(b, objective.loss, variables)), clipped: null, scale: null };
  }
  refuseMixedRows(plan, 'its rows cannot be clipped one by one: remove training.perExampleClip');
  const share = b.scalar(1 / objective.of);
  const { sums, clipped } = clippedRowSum(
    b,
    {
      losses: objective.rowLosses,
      inputs: objective.rowValues,
      random: objective.random.map(({ name }) => name),
      variables,
    },
    perExampleClip,
  );
  const means = sums.map((sum) => b.mul(sum, share));
  const further = penalty === null ? null : gradients(b, penalty, variables);
  return {
    moving: withGradients(means.map((mean, index) => (further === null ? mean : b.add(mean, further[index] as Value)))),
    clipped: b.mul(clipped, share),
    scale: null,
  };
}
