import type { Plan } from '../../plan/plan.ts';
import type { Graph } from '../graph.ts';
import { compactGraph } from './compact-graph.ts';
import type { ForwardFeeds } from './feeds.ts';
import { buildObjective, feedsOf } from './objective.ts';

/**
 * Loss without penalties and without randomness, as early stopping looks at it.
 * Inputs: `features` and `payload`, `labels`, every travelling tensor, `frozen/NAME`. Output: `loss`, the sum of the rows' losses.
 */
export interface Evaluation extends Pick<ForwardFeeds, 'rowInputs' | 'labels' | 'frozen'> {
  readonly graph: Graph;
  /** Every travelling tensor. */
  readonly weights: readonly string[];
}

export function buildEvaluation(plan: Plan, { rows }: { readonly rows: number }): Evaluation {
  const objective = buildObjective(plan, { rows, random: false });
  const { builder } = objective;
  builder.output('loss', builder.sum(objective.rowLosses));
  const { rowInputs, labels, frozen } = feedsOf(objective);
  return { graph: compactGraph(builder.finish()), rowInputs, labels, frozen, weights: [...objective.trained.keys()] };
}
