import { describe, expect, it } from 'vitest';
import type { SiteTable } from '../../../site-agent/data/site-table.ts';
import { designMatrix } from '../../../site-agent/training/design-matrix.ts';
import { rawFeatures } from '../../../site-agent/training/raw-rows.ts';
import { heartPlan } from '../../support/plans.ts';
import { preprocessingFor } from '../../support/preprocessing.ts';

const plan = heartPlan({
  data: {
    columns: [
      { name: 'age', kind: 'continuous', unit: 'years', range: [18, 110], edges: [50], missing: 'impute' },
      { name: 'sex', kind: 'categorical', levels: ['female', 'male'], missing: 'indicator' },
      { name: 'rate', kind: 'continuous', unit: '1/min', range: [0, 300], edges: [70], missing: 'forbid' },
    ],
    subgroups: [],
  },
});
const preprocessing = preprocessingFor(plan, { age: [50, 10], rate: [100, 20] });

function tableOf(values: readonly (readonly number[])[], labels: readonly number[]): SiteTable {
  return {
    rows: values.length,
    columns: plan.data.columns.map((column, index) => ({
      name: column.name,
      kind: column.kind,
      values: Float64Array.from(values, (row) => row[index] as number),
    })),
    labels: Float64Array.from(labels),
    patientKeys: values.map((_, row) => `p${row}`),
    times: new Float64Array(values.length).fill(Number.NaN),
    holdout: new Uint8Array(values.length),
  };
}

const table = tableOf(
  [
    [60, 1, 120],
    [Number.NaN, Number.NaN, 100],
    [40, 0, 90],
  ],
  [1, 0, 1],
);

describe('raw features', () => {
  it('are rows of the contract’s columns, NaN where missing', () => {
    expect(Array.from(rawFeatures(table))).toEqual([60, 1, 120, Number.NaN, Number.NaN, 100, 40, 0, 90]);
    expect(Array.from(rawFeatures(table, Uint32Array.of(2, 0)))).toEqual([40, 0, 90, 60, 1, 120]);
  });
});

describe('the design matrix', () => {
  it('encodes the rows asked for, in their order', () => {
    const matrix = designMatrix(table, plan, preprocessing, Uint32Array.of(1, 0));
    // age, sex=male, sex:missing, rate
    expect(Array.from(matrix.values)).toEqual([0, 0, 1, 0, 1, 1, 0, 1]);
    expect(Array.from(matrix.labels)).toEqual([0, 1]);
    expect([matrix.rows, matrix.features]).toEqual([2, 4]);
    expect(designMatrix(table, plan, preprocessing).rows).toBe(3);
  });

  const complete = [[60, 1, 120]];
  it.each<[string, SiteTable, string]>([
    ['no rows', tableOf([], []), 'no_rows'],
    ['a row without a label', tableOf(complete, [Number.NaN]), 'label_missing'],
    ['a label that is no class', tableOf(complete, [2]), 'label_invalid'],
    ['a missing value where forbidden', tableOf([[60, 1, Number.NaN]], [1]), 'not_finite_input'],
    ['a level that is none', tableOf([[60, 2, 120]], [1]), 'not_finite_input'],
    ['columns of another order', { ...table, columns: table.columns.toReversed() }, 'wrong_columns'],
  ])('refuses %s', (_, bad, code) => {
    expect(() => designMatrix(bad, plan, preprocessing)).toThrow(expect.objectContaining({ code }));
  });

  it('names the row and the feature', () => {
    const bad = tableOf([...complete, [60, 1, Number.NaN]], [1, 0]);
    expect(() => designMatrix(bad, plan, preprocessing)).toThrow(
      expect.objectContaining({ details: { row: 1, feature: 'rate' } }),
    );
  });
});
