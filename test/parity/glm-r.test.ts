import { describe, expect, it } from 'vitest';
import { encodedFeatures } from '../../shared/graph/encoding.ts';
import { initialWeights } from '../../shared/graph/families.ts';
import { type Plan, planSchema } from '../../shared/plan/plan.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
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
  return {
    age,
    rate,
    pain,
    disease: score + 4 * (noise - 0.5) > 0.2 ? 1 : 0,
    stay: 10 + 2 * score + 6 * (noise - 0.5),
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

/** Momentum and many full-batch steps, so that the maximum is reached to float32. */
function planFor(kind: 'binary' | 'regression', rate: number): Plan {
  return planSchema.parse({
    ...base,
    task: { kind },
    data: {
      ...base.data,
      label: kind === 'binary' ? base.data.label : { name: 'stay', unit: 'days', range: [-100, 100] },
    },
    training: {
      ...base.training,
      optimiser: { kind: 'sgd', rate, momentum: 0.9 },
      batch: 'full',
      work: { steps: 3000 },
    },
  });
}

async function trainToMaximum(plan: Plan, labels: readonly number[]): Promise<Record<string, number>> {
  const column = (pick: (row: ReturnType<typeof rowOf>) => number) => Float64Array.from(drawn, pick);
  const table: SiteTable = {
    rows,
    columns: [
      { name: 'age', kind: 'continuous', values: column((row) => row.age) },
      { name: 'pain', kind: 'categorical', values: column((row) => row.pain) },
      { name: 'rate', kind: 'continuous', values: column((row) => row.rate) },
    ],
    labels: Float64Array.from(labels),
    patientKeys: drawn.map((_, row) => String(row)),
    times: new Float64Array(rows).fill(Number.NaN),
    holdout: new Uint8Array(rows),
  };
  const preprocessing = preprocessingFor(plan, { age: [60, 12], rate: [100, 30] });
  const trainer = await openTrainer('onnx', silentLogger);
  const { delta } = await trainer.train(
    { plan, data: designMatrix(table, plan, preprocessing), weights: initialWeights(plan), seed: 1 },
    new AbortController().signal,
  );
  await trainer.dispose();
  const weights = delta.get('layer1.weight')?.data as Float32Array;
  return Object.fromEntries([
    ['intercept', delta.get('layer1.bias')?.data[0] as number],
    ...encodedFeatures(plan).map((name, index) => [name, weights[index] as number] as const),
  ]);
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
  });

  it('glm(family = binomial)', async () => {
    const found = await trainToMaximum(
      planFor('binary', 0.2),
      drawn.map((row) => row.disease),
    );
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
    const found = await trainToMaximum(
      planFor('regression', 0.05),
      drawn.map((row) => row.stay),
    );
    expectCoefficients(found, {
      intercept: 10.067961870261,
      age: 1.536700939388,
      'pain=some': -0.166563572032,
      'pain=much': 1.454794306107,
      rate: -1.350956519956,
      'rate:missing': 1.08103947029,
    });
  });
});
