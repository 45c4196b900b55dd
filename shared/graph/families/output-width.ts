import type { Plan } from '../../plan/plan.ts';

/**
 * Numbers a network puts out a row:
 * - binary: the logit of the event;
 * - multiclass: a logit a class;
 * - ordinal, K grades: K - 1 cumulative logits, number j the logit of "above grade j" (j = 0 is the lowest grade), never rising with j;
 * - regression: the predicted value;
 * - survival: the log hazard ratio.
 */
export function outputWidth(plan: Pick<Plan, 'task' | 'data'>): number {
  const levels = 'levels' in plan.data.label ? plan.data.label.levels.length : 1;
  if (plan.task.kind === 'multiclass') return levels;
  return plan.task.kind === 'ordinal' ? Math.max(1, levels - 1) : 1;
}
