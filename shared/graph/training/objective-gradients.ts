import type { Plan } from '../../plan/plan.ts';
import type { Value } from '../graph.ts';
import { gradients } from '../reverse-mode.ts';
import type { Objective } from './objective.ts';
import type { MovingTensor } from './update.ts';

/** Gradients of an objective's loss. */
export interface ObjectiveGradients {
  readonly moving: readonly MovingTensor[];
  /** Scalar: rows whose own gradient was scaled down, by the rows of the batch; null where rows are not clipped one by one. */
  readonly clipped: Value | null;
}

/** Adds the backward pass to the objective's graph. */
export function objectiveGradients(_plan: Plan, { builder, moving, trained, loss }: Objective): ObjectiveGradients {
  const tensors = moving.map((name) => trained.get(name)).filter((tensor) => tensor !== undefined);
  const found = gradients(
    builder,
    loss,
    tensors.map(({ value }) => value),
  );
  return { moving: tensors.map((tensor, index) => ({ ...tensor, gradient: found[index] as Value })), clipped: null };
}
