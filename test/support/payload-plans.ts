import { planFindings } from '../../shared/plan/check-plan.ts';
import { type Plan, planSchema } from '../../shared/plan/plan.ts';
import { heartPlan } from './plans.ts';

type Draft = { -readonly [Key in keyof Plan]: Plan[Key] };

function checked(data: object, rest: object): Plan {
  const base = heartPlan();
  const plan = planSchema.parse({
    ...base,
    ...rest,
    data: { ...base.data, subgroups: [], ...data },
    gate: { ...base.gate, subgroups: { ...base.gate.subgroups, protected: [] } },
  });
  const findings = planFindings(plan);
  if (findings.length > 0) throw new Error(`payload plan: ${JSON.stringify(findings)}`);
  return plan;
}

/** Two channels over 4 steps of 60 minutes, one column beside them and two computed from them. */
export function seriesPlan(
  change: { readonly payload?: object; readonly data?: object; readonly rest?: object } = {},
): Plan {
  return checked(
    {
      columns: [
        { name: 'age', kind: 'continuous', unit: 'years', range: [0, 120], edges: [50, 70] },
        {
          name: 'pulse_mean',
          kind: 'continuous',
          unit: '1/min',
          range: [0, 300],
          edges: [70, 90],
          summary: { channel: 'pulse', by: 'mean' },
        },
        {
          name: 'lactate_count',
          kind: 'continuous',
          unit: 'steps',
          range: [0, 4],
          edges: [1, 3],
          summary: { channel: 'lactate', by: 'count' },
        },
      ],
      payload: {
        kind: 'series',
        channels: [
          { name: 'pulse', unit: '1/min', range: [0, 300], normal: 80, scale: 20 },
          { name: 'lactate', unit: 'mmol/L', range: [0, 40], normal: 1, scale: 2 },
        ],
        steps: 4,
        stepMinutes: 60,
        key: 'stay',
        minute: 'minute',
        ...change.payload,
      },
      ...change.data,
    },
    { model: { family: 'gru', hidden: 4, layers: 1 }, ...change.rest },
  );
}

/** Images of 6 x 4 pixels (width x height), one channel unless said, and one column computed from them. */
export function imagePlan(
  change: { readonly payload?: object; readonly data?: object; readonly rest?: object } = {},
): Plan {
  return checked(
    {
      columns: [
        {
          name: 'brightness',
          kind: 'continuous',
          unit: 'grey',
          range: [0, 255],
          edges: [64, 128],
          summary: { channel: 0, by: 'mean' },
        },
      ],
      payload: {
        kind: 'images',
        file: 'file',
        width: 6,
        height: 4,
        channels: 1,
        mean: [128],
        scale: [64],
        ...change.payload,
      },
      ...change.data,
    },
    { model: { family: 'cnn', channels: [2], hidden: [], normalisation: 'none' }, ...change.rest },
  );
}

/** A copy of a plan to change at will. */
export function draftOf(plan: Plan): Draft {
  return structuredClone(plan) as Draft;
}
