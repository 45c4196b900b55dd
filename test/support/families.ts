import { planFindings } from '../../shared/plan/check-plan.ts';
import { type Plan, planSchema } from '../../shared/plan/plan.ts';
import { heartPlan } from './plans.ts';

type Overrides = NonNullable<Parameters<typeof heartPlan>[0]>;

/** The heart plan with another task and label, checked like a plan from a file. */
function withTask(overrides: Overrides, task: Plan['task'], label: Plan['data']['label']): Plan {
  const base = heartPlan(overrides);
  const plan = planSchema.parse({ ...base, task, data: { ...base.data, label } });
  const findings = planFindings(plan);
  if (findings.length > 0) throw new Error(`withTask: ${JSON.stringify(findings)}`);
  return plan;
}

/** The heart plan with three classes. */
export function multiclassPlan(overrides: Overrides = {}): Plan {
  return withTask(overrides, { kind: 'multiclass' }, { name: 'disease', levels: ['none', 'mild', 'severe'] });
}

/** The heart plan with a numeric outcome. */
export function regressionPlan(overrides: Overrides = {}): Plan {
  return withTask(overrides, { kind: 'regression' }, { name: 'stay', unit: 'days', range: [0, 60] });
}
