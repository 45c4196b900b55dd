import type { Plan } from '../../plan/plan.ts';

/** Numbers a network puts out a row: one logit (binary), a logit a class (multiclass), a cumulative logit a boundary between grades (ordinal), the predicted value (regression), the log hazard ratio (survival). */
export function outputWidth(plan: Plan): number {
  const levels = 'levels' in plan.data.label ? plan.data.label.levels.length : 1;
  if (plan.task.kind === 'multiclass') return levels;
  return plan.task.kind === 'ordinal' ? Math.max(1, levels - 1) : 1;
}
