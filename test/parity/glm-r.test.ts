import { describe, expect, it } from 'vitest';
import { encodedFeatures } from '../../shared/graph/encoding.ts';
import { initialWeights } from '../../shared/graph/families.ts';
import { type Plan, planSchema } from '../../shared/plan/plan.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import type { SiteTable } from '../../site-agent/data/site-table.ts';
import { designMatrix } from '../../site-agent/training/design-matrix.ts';
import { openTrainer } from '../../site-agent/training/open-trainer.ts';
import { heartPlan } from '../support/plans.ts';
import { preprocessingFor } from '../support/preprocessing.ts';

const rows = 240;

/** The rows of glm-reference.R, by the same integer arithmetic. */
function rowOf(i: number) {
  const age = 40 + ((i * 37 + 11) % 41);
  const rate = i % 17 === 3 ? Number.NaN : 60 + ((i * i * 13 + i * 7) % 97);
  const pain = (i * 5 + Math.floor(i / 7)) % 3;
  const missing = Number.isNaN(rate) ? 1 : 0;
  const noise = ((i * 7919 + 104729) % 1009) / 1009;
  const score = (age - 60) / 15 - ((missing === 1 ? 100 : rate) - 100) / 40 + (pain === 2 ? 0.8 : 0) + 0.5 * missing;
  const latent = score + 4 * (noise - 0.5);
  return {
    age,
    rate,
    pain,
    disease: latent > 0.2 ? 1 : 0,
    stay: 10 + 2 * score + 6 * (noise - 0.5),
    grade: [-1.1, 0.2, 1.4].filter((cut) => latent > cut).length,
    time: 1 + Math.floor(20 * Math.exp(-score / 2) * (0.3 + ((i * 4231 + 17) % 307) / 307)),
    died: (i * 31 + 7) % 10 >= 3 ? 1 : 0,
  };
}

const drawn = Array.from({ length: rows }, (_, i) => rowOf(i));

const base = heartPlan({
  data: {
    columns: [
      { name: 'age', kind: 'continuous', unit: 'years', range: [0, 120], edges: [60], missing: 'forbid' },
      { name: 'pain', kind: 'categorical', levels: ['none', 'some', 'much'], missing: 'forbid' },
      { name: 'rate', kind: 'continuous', unit: '1/min', range: [0, 300], edges: [100], missing: 'indicator' },
    ],
    subgroups: [],
  },
});

type Kind = 'binary' | 'multiclass' | 'ordinal' | 'regression' | 'survival';

const grades = { name: 'grade', levels: ['none', 'mild', 'severe', 'fatal'] };
const labels = {
  binary: base.data.label,
  multiclass: grades,
  ordinal: grades,
  regression: { name: 'stay', unit: 'days', range: [-100, 100] },
  survival: { name: 'time', event: 'died', unit: 'days', range: [0, 1000] },
};

/** Momentum and many full-batch steps, so that the maximum is reached to float32. */
function planFor(kind: Kind, rate: number, training: object = {}): Plan {
  return planSchema.parse({
    ...base,
    task: { kind },
    model: { family: kind === 'survival' ? 'cox' : 'logistic' },
    data: { ...base.data, label: labels[kind] },
    training: {
      ...base.training,
      optimiser: { kind: 'sgd', rate, momentum: 0.9 },
      batch: 'full',
      work: { steps: 3000 },
      ...training,
    },
  });
}

/** Tensors of the model after training from the plan's start. */
async function trainedTensors(plan: Plan, label: (row: ReturnType<typeof rowOf>) => number): Promise<NamedTensors> {
  const column = (pick: (row: ReturnType<typeof rowOf>) => number) => Float64Array.from(drawn, pick);
  const table: SiteTable = {
    rows,
    columns: [
      { name: 'age', kind: 'continuous', values: column((row) => row.age) },
      { name: 'pain', kind: 'categorical', values: column((row) => row.pain) },
      { name: 'rate', kind: 'continuous', values: column((row) => row.rate) },
    ],
    labels: column(label),
    ...(plan.task.kind === 'survival' ? { events: column((row) => row.died) } : {}),
    patientKeys: drawn.map((_, row) => String(row)),
    times: new Float64Array(rows).fill(Number.NaN),
    holdout: new Uint8Array(rows),
  };
  const preprocessing = preprocessingFor(plan, { age: [60, 12], rate: [100, 30] });
  const trainer = await openTrainer('onnx', silentLogger);
  const weights = initialWeights(plan);
  const { delta } = await trainer.train(
    { plan, data: designMatrix(table, plan, preprocessing), weights, seed: 1 },
    new AbortController().signal,
  );
  await trainer.dispose();
  return new Map(
    [...delta].map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((value, at) => value + (weights.get(name)?.data[at] as number)) },
    ]),
  );
}

const valuesOf = (tensors: NamedTensors, name: string): Float32Array => tensors.get(name)?.data as Float32Array;

function coefficients(plan: Plan, tensors: NamedTensors): Record<string, number> {
  const weights = valuesOf(tensors, 'layer1.weight');
  return Object.fromEntries(encodedFeatures(plan).map((name, index) => [name, weights[index] as number]));
}

async function trainToMaximum(
  plan: Plan,
  label: (row: ReturnType<typeof rowOf>) => number,
): Promise<Record<string, number>> {
  const tensors = await trainedTensors(plan, label);
  return { intercept: valuesOf(tensors, 'layer1.bias')[0] as number, ...coefficients(plan, tensors) };
}

function expectCoefficients(found: Record<string, number>, expected: Record<string, number>): void {
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, value] of Object.entries(expected)) {
    expect(Math.abs((found[name] as number) - value), name).toBeLessThan(1e-5 * (1 + Math.abs(value)));
  }
}

// Expected figures: R 4.2.2, Rscript test/parity/glm-reference.R
describe('a generalised linear model trained to its maximum equals R', () => {
  it('has the rows R had', () => {
    expect(drawn.reduce((sum, row) => sum + row.disease, 0)).toBe(125);
    expect(drawn.reduce((sum, row) => sum + row.stay, 0)).toBeCloseTo(2490.17938553, 7);
    expect([0, 1, 2, 3].map((grade) => drawn.filter((row) => row.grade === grade).length)).toEqual([51, 64, 73, 52]);
    expect(drawn.reduce((sum, row) => sum + row.time, 0)).toBe(4081);
    expect(new Set(drawn.map((row) => row.time)).size).toBe(45);
    expect(drawn.reduce((sum, row) => sum + row.died, 0)).toBe(168);
  });

  it('glm(family = binomial)', async () => {
    const found = await trainToMaximum(planFor('binary', 0.2), (row) => row.disease);
    expectCoefficients(found, {
      intercept: -0.0786872166958,
      age: 0.9488522108089,
      'pain=some': -0.0532687145041,
      'pain=much': 0.8076393791449,
      rate: -0.7299937997996,
      'rate:missing': 0.490679363439,
    });
  });

  it('lm', async () => {
    const found = await trainToMaximum(planFor('regression', 0.05), (row) => row.stay);
    expectCoefficients(found, {
      intercept: 10.067961870261,
      age: 1.536700939388,
      'pain=some': -0.166563572032,
      'pain=much': 1.454794306107,
      rate: -1.350956519956,
      'rate:missing': 1.08103947029,
    });
  });

  it('MASS::polr', async () => {
    const plan = planFor('ordinal', 0.2);
    const tensors = await trainedTensors(plan, (row) => row.grade);
    const [first] = valuesOf(tensors, 'layer1.threshold') as unknown as [number];
    const [second, third] = Array.from(valuesOf(tensors, 'layer1.gap'), (gap) => Math.log1p(Math.exp(gap))) as [
      number,
      number,
    ];
    expectCoefficients(
      { ...coefficients(plan, tensors), '1|2': first, '2|3': first + second, '3|4': first + second + third },
      {
        age: 0.9690642546434,
        'pain=some': -0.2708485795713,
        'pain=much': 0.9162779290735,
        rate: -0.7571948873734,
        'rate:missing': 0.7807864131762,
        '1|2': -1.5028673633997,
        '2|3': 0.0611924313378,
        '3|4': 1.7980128304164,
      },
    );
  });

  it('nnet::multinom, by differences from the first class', async () => {
    const plan = planFor('multiclass', 0.3, { work: { steps: 6000 } });
    const tensors = await trainedTensors(plan, (row) => row.grade);
    const weights = valuesOf(tensors, 'layer1.weight');
    const biases = valuesOf(tensors, 'layer1.bias');
    const differences = (values: Float32Array, at: number): number[] =>
      [1, 2, 3].map((level) => (values[4 * at + level] as number) - (values[4 * at] as number));
    const found = Object.fromEntries([
      ['intercept', differences(biases, 0)],
      ...encodedFeatures(plan).map((name, at) => [name, differences(weights, at)] as const),
    ]);
    const expected = {
      intercept: [0.549638696804, 0.584255818471, -0.315663544553],
      age: [0.677405655552, 1.126465442414, 1.966995978611],
      'pain=some': [-0.199026917582, -0.000792467137, -0.674749673884],
      'pain=much': [0.733487951586, 1.02350864981591, 1.816672227287],
      rate: [-0.717124719501, -1.01207802349415, -1.582695395],
      'rate:missing': [1.639410980613, 1.46333733215681, 2.139821208932],
    };
    const flat = (by: Record<string, readonly number[]>): Record<string, number> =>
      Object.fromEntries(Object.entries(by).flatMap(([name, all]) => all.map((one, at) => [`${name} ${at}`, one])));
    expectCoefficients(flat(found), flat(expected));
  });

  it.each([
    ['efron', [1.2968159199645, -0.0483255410434, 1.1039686348693, -1.0646361481625, 0.6795443604679]],
    ['breslow', [1.2305013285314, -0.0469776437328, 1.0457642451627, -1.0098082609843, 0.6351335864751]],
  ] as const)('survival::coxph, ties after %s', async (ties, expected) => {
    const plan = planFor('survival', 0.2, { loss: { kind: 'cox', ties } });
    const tensors = await trainedTensors(plan, (row) => row.time);
    expect([...tensors.keys()]).toEqual(['layer1.weight']);
    const names = encodedFeatures(plan);
    expectCoefficients(
      coefficients(plan, tensors),
      Object.fromEntries(names.map((name, at) => [name, expected[at] as number])),
    );
  });
});
