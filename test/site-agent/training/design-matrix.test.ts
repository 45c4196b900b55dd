import { describe, expect, it } from 'vitest';
import type { SiteTable } from '../../../site-agent/data/site-table.ts';
import { designMatrix } from '../../../site-agent/training/design-matrix.ts';
import { rawFeatures } from '../../../site-agent/training/raw-rows.ts';
import { imagePlan, seriesPlan } from '../../support/payload-plans.ts';
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

describe('series and images in the design matrix', () => {
  const series = seriesPlan();
  const seriesTable = {
    ...tableOf(
      [
        [60, 80, 2],
        [50, 90, 1],
        [40, 70, 3],
      ],
      [1, 0, 1],
    ),
    columns: series.data.columns.map(({ name, kind }, index) => ({
      name,
      kind,
      values: Float64Array.of(60 + index, 50 + index, 40 + index),
    })),
    payload: {
      kind: 'series' as const,
      shape: [4, 2],
      values: Float32Array.from({ length: 24 }, (_, place) => place / 4),
    },
  };
  const reference = preprocessingFor(series, { age: [50, 10] });

  it('goes with the rows, and computed columns are not encoded', () => {
    const matrix = designMatrix(seriesTable, series, reference, Uint32Array.of(2, 0));
    expect([matrix.features, ...matrix.values]).toEqual([1, -1, 1]);
    expect(matrix.payload?.shape).toEqual([4, 2]);
    const { values } = seriesTable.payload;
    expect([...(matrix.payload?.values ?? [])]).toEqual([...values.subarray(16, 24), ...values.subarray(0, 8)]);
  });

  it('is the table’s own memory where the rows stand together', () => {
    const { values } = seriesTable.payload;
    for (const [rows, begin, end] of [
      [undefined, 0, 24],
      [Uint32Array.of(1, 2), 8, 24],
      [Uint32Array.of(1), 8, 16],
    ] as const) {
      const found = designMatrix(seriesTable, series, reference, rows).payload?.values as Float32Array;
      expect(found.buffer).toBe(values.buffer);
      expect([...found]).toEqual([...values.subarray(begin, end)]);
    }
  });

  it('keeps images as bytes with their scaling', () => {
    const images = imagePlan({ payload: { mean: [10], scale: [4] } });
    const pixels = Uint8Array.from({ length: 72 }, (_, place) => place);
    const imageTable = {
      ...tableOf([[1], [2], [3]], [1, 0, 1]),
      columns: [{ name: 'brightness', kind: 'continuous' as const, values: Float64Array.of(1, 2, 3) }],
      payload: { kind: 'images' as const, shape: [1, 4, 6], values: pixels },
    };
    const matrix = designMatrix(imageTable, images, preprocessingFor(images, {}), Uint32Array.of(2, 1));
    expect(matrix.features).toBe(0);
    expect(matrix.payload).toMatchObject({ kind: 'images', shape: [1, 4, 6], mean: [10], scale: [4] });
    expect([...(matrix.payload?.values ?? [])]).toEqual([...pixels.subarray(48), ...pixels.subarray(24, 48)]);
  });

  it('refuses rows without the payload of the plan, or of another shape', () => {
    const { payload: _, ...without } = seriesTable;
    const other = { ...seriesTable, payload: { ...seriesTable.payload, shape: [2, 4] } };
    for (const bad of [without, other]) {
      expect(() => designMatrix(bad, series, reference)).toThrow(expect.objectContaining({ code: 'wrong_columns' }));
    }
  });

  it('has time and event of survival side by side', () => {
    const survival = seriesPlan({
      data: { label: { name: 'days', event: 'died', unit: 'days', range: [0, 400] } },
      rest: { task: { kind: 'survival' } },
    });
    const rows = { ...seriesTable, labels: Float64Array.of(12, 30, 7), events: Float64Array.of(1, 0, 1) };
    expect([...designMatrix(rows, survival, reference, Uint32Array.of(1, 0)).labels]).toEqual([30, 0, 12, 1]);
  });
});
