import { planFindings } from '../../shared/plan/check-plan.ts';
import { type Plan, planSchema } from '../../shared/plan/plan.ts';

type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [Key in keyof T]?: DeepPartial<T[Key]> }
    : T;

function merge(base: unknown, change: unknown): unknown {
  if (change === undefined) return base;
  const group = (value: unknown): value is Record<string, unknown> =>
    value !== null && typeof value === 'object' && !Array.isArray(value);
  if (!group(base) || !group(change)) return change;
  const kindOf = (value: Record<string, unknown>): unknown => value.kind ?? value.family ?? value.wardround;
  // Another kind or family is another shape: nothing of the old one is kept.
  if (kindOf(change) !== undefined && kindOf(change) !== kindOf(base)) return change;
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(change)) result[key] = merge(base[key], value);
  return result;
}

/** The usual ten columns of the UCI heart-disease hospitals, with their usual codes. */
const heart = {
  wardround: 'plan/1',
  name: 'heart-disease',
  purpose: 'Risk of coronary artery disease on angiography, from what is known before it.',
  task: { kind: 'binary' },
  data: {
    columns: [
      { name: 'age', kind: 'continuous', unit: 'years', range: [18, 110], edges: [40, 50, 55, 60, 70] },
      { name: 'sex', kind: 'categorical', levels: ['female', 'male'] },
      {
        name: 'chest_pain',
        kind: 'categorical',
        levels: ['asymptomatic', 'typical', 'atypical', 'non_anginal'],
      },
      {
        name: 'resting_pressure',
        kind: 'continuous',
        unit: 'mmHg',
        range: [50, 260],
        edges: [110, 120, 130, 140, 160],
      },
      { name: 'cholesterol', kind: 'continuous', unit: 'mg/dL', range: [50, 700], edges: [180, 210, 240, 270, 310] },
      { name: 'fasting_sugar_high', kind: 'categorical', levels: ['0', '1'] },
      { name: 'resting_ecg', kind: 'categorical', levels: ['normal', 'st_t', 'hypertrophy'] },
      { name: 'maximum_rate', kind: 'continuous', unit: '1/min', range: [50, 230], edges: [110, 125, 140, 155, 170] },
      { name: 'exercise_angina', kind: 'categorical', levels: ['0', '1'] },
      { name: 'st_depression', kind: 'continuous', unit: 'mm', range: [-4, 10], edges: [0.1, 0.8, 1.5, 2.5] },
    ],
    label: { name: 'disease', levels: ['0', '1'] },
    patientKey: 'patient',
    time: 'admitted',
    trainingCutoff: '2024-01-01',
    subgroups: [
      { name: 'women', column: 'sex', level: 'female' },
      { name: 'over 65', column: 'age', atLeast: 65 },
    ],
  },
  model: { family: 'logistic' },
  training: {
    optimiser: { kind: 'sgd', rate: 0.1 },
    batch: 32,
    work: { epochs: 1 },
    seed: 7,
  },
  federation: {
    strategy: { kind: 'fedavg' },
    rounds: 3,
    sites: { minimum: 2, target: 4 },
    roundDeadlineSeconds: 30,
    graceSeconds: 5,
    weightCap: 1000,
    maximumDeltaNorm: 100,
    minimumCount: 5,
    judgementDeadlineSeconds: 60,
  },
  gate: { wardround: 'policy/1', minimumEvents: 20, minimumNonEvents: 20 },
};

/**
 * A valid plan, small and quick to train: binary logistic regression on ten columns. `overrides` are merged into it key by key;
 * lists, and groups with another `kind` or `family`, are taken whole. The result is checked like a plan from a file.
 */
export function heartPlan(overrides: DeepPartial<Plan> = {}): Plan {
  const plan = planSchema.parse(merge(heart, overrides));
  const findings = planFindings(plan);
  if (findings.length > 0) throw new Error(`heartPlan: ${JSON.stringify(findings)}`);
  return plan;
}
