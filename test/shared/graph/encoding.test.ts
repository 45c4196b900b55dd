import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { encodedFeatures, encodeRows } from '../../../shared/graph/encoding.ts';
import { GraphBuilder } from '../../../shared/graph/graph-builder.ts';
import { encodeOnnx } from '../../../shared/graph/onnx-file.ts';
import { encodeInGraph } from '../../../shared/graph/preprocessing-graph.ts';
import type { Plan } from '../../../shared/plan/plan.ts';
import type { Preprocessing } from '../../../shared/plan/preprocessing.ts';
import { randomStream } from '../../../shared/runtime/random.ts';
import { imagePlan, seriesPlan } from '../../support/payload-plans.ts';
import { heartPlan } from '../../support/plans.ts';
import { preprocessingFor } from '../../support/preprocessing.ts';

const edges = [1];
const range: [number, number] = [-1e6, 1e6];
const plan = heartPlan({
  data: {
    columns: [
      { name: 'age', kind: 'continuous', unit: 'years', range, edges, missing: 'impute' },
      { name: 'pain', kind: 'categorical', levels: ['none', 'some', 'much'], missing: 'indicator' },
      { name: 'chol', kind: 'continuous', unit: 'mg/dL', range, edges, missing: 'indicator' },
      { name: 'sex', kind: 'categorical', levels: ['female', 'male'], missing: 'forbid' },
      { name: 'rate', kind: 'continuous', unit: '1/min', range, edges, missing: 'forbid' },
    ],
    subgroups: [],
  },
});
const preprocessing = preprocessingFor(plan, { age: [50, 10], chol: [200, 40], rate: [70, 20] });

const missing = Number.NaN;
// age, pain, chol, sex, rate
const raw = [
  [60, 0, 240, 1, 110],
  [missing, missing, missing, 0, 70],
  [35, 2, 180, 0, 60],
  [50, 1, 200, missing, missing],
  [50, 3, 200, 2, 70],
  [50, 0.5, 200, -1, 70],
];
// age, pain=some, pain=much, pain:missing, chol, chol:missing, sex=male, rate: (60 - 50) / 10 = 1, (240 - 200) / 40 = 1, (110 - 70) / 20 = 2.
const encoded = [
  [1, 0, 0, 0, 1, 0, 1, 2],
  [0, 0, 0, 1, 0, 1, 0, 0],
  [-1.5, 0, 1, 0, -0.5, 0, 0, -0.5],
  // Missing where forbidden, and a level that is none: NaN, not the reference level.
  [0, 1, 0, 0, 0, 0, missing, missing],
  [0, missing, missing, 0, 0, 0, missing, 0],
  [0, missing, missing, 0, 0, 0, missing, 0],
];

async function encodeByOnnx(of: Plan, by: Preprocessing, rows: Float32Array, count: number): Promise<Float32Array> {
  const builder = new GraphBuilder('encode');
  const input = builder.input('features', 'float', ['N', of.data.columns.length]);
  builder.output('encoded', encodeInGraph(builder, input, of, by));
  const session = await InferenceSession.create(encodeOnnx(builder.finish()));
  const { encoded: result } = await session.run({
    features: new Tensor('float32', rows, [count, of.data.columns.length]),
  });
  await session.release();
  return result?.data as Float32Array;
}

describe('encoding', () => {
  it('names its features in the contract’s order', () => {
    expect(encodedFeatures(plan)).toEqual([
      'age',
      'pain=some',
      'pain=much',
      'pain:missing',
      'chol',
      'chol:missing',
      'sex=male',
      'rate',
    ]);
  });

  it('imputes, scales and spreads levels as worked out by hand', () => {
    expect(Array.from(encodeRows(Float32Array.from(raw.flat()), raw.length, plan, preprocessing))).toEqual(
      encoded.flat(),
    );
  });

  it('is the same inside an ONNX file, by hand', async () => {
    expect(Array.from(await encodeByOnnx(plan, preprocessing, Float32Array.from(raw.flat()), raw.length))).toEqual(
      encoded.flat(),
    );
  });

  it('is the same inside an ONNX file, bit for bit, on random rows and awkward scales', async () => {
    const awkward = preprocessingFor(plan, {
      age: [53.510869565217, 9.424685209576],
      chol: [1e5 / 3, 1e-3],
      rate: [-137.5456521739, 1e4],
    });
    const stream = randomStream(11, 'encoding');
    const rows = 400;
    const values = Float32Array.from({ length: rows * 5 }, (_, index) => {
      const column = index % 5;
      if (stream.uniform() < 0.2) return Number.NaN;
      if (column === 1) return stream.integer(3);
      if (column === 3) return stream.integer(2);
      return 300 * stream.normal();
    });
    const ours = encodeRows(values, rows, plan, awkward);
    expect(await encodeByOnnx(plan, awkward, values, rows)).toEqual(ours);
  });

  it.each(['continuous', 'categorical'] as const)('takes a contract of %s columns only', async (kind) => {
    const some = heartPlan({
      data: { columns: plan.data.columns.filter((column) => column.kind === kind), subgroups: [] },
    });
    const by = preprocessingFor(some);
    const values = Float32Array.from(some.data.columns, (_, index) => index % 2);
    expect(await encodeByOnnx(some, by, values, 1)).toEqual(encodeRows(values, 1, some, by));
  });

  describe('of columns a model embeds, and of those computed from a payload', () => {
    const embedding = heartPlan({
      data: {
        columns: [
          { name: 'pain', kind: 'categorical', levels: ['none', 'some', 'much'], missing: 'indicator' },
          { name: 'age', kind: 'continuous', unit: 'years', range, edges, missing: 'impute' },
          { name: 'sex', kind: 'categorical', levels: ['female', 'male'], missing: 'forbid' },
          { name: 'ward', kind: 'categorical', levels: ['a', 'b'], missing: 'forbid' },
        ],
        subgroups: [],
      },
      model: {
        family: 'mlp',
        hidden: [2],
        activation: 'relu',
        embeddings: [
          { column: 'sex', width: 2 },
          { column: 'pain', width: 3 },
        ],
      },
    });
    const by = preprocessingFor(embedding, { age: [50, 10] });

    it('gives codes in the place of levels', () => {
      expect(encodedFeatures(embedding)).toEqual(['pain:code', 'age', 'sex:code', 'ward=b']);
      // Missing is a code of its own, 3, where the column allows it; what is no level is no code.
      const rows = [
        [0, 60, 1, 1],
        [2, missing, 0, 0],
        [missing, 50, missing, 0],
        [3, 50, 2, 1],
        [0.5, 50, -1, 1],
      ];
      const codes = [
        [0, 1, 1, 1],
        [2, 0, 0, 0],
        [3, 0, missing, 0],
        [missing, 0, missing, 1],
        [missing, 0, missing, 1],
      ];
      expect(Array.from(encodeRows(Float32Array.from(rows.flat()), rows.length, embedding, by))).toEqual(codes.flat());
    });

    it('is the same inside an ONNX file, bit for bit', async () => {
      const stream = randomStream(12, 'codes');
      const values = Float32Array.from({ length: 300 * 4 }, (_, index) => {
        if (stream.uniform() < 0.2) return Number.NaN;
        if (index % 4 === 1) return 50 * stream.normal();
        // Some are none of the levels, some are no whole numbers.
        return stream.uniform() < 0.1 ? stream.normal() : stream.integer(5) - 1;
      });
      const ours = encodeRows(values, 300, embedding, by);
      expect(new Set(ours).size).toBeGreaterThan(5);
      expect(await encodeByOnnx(embedding, by, values, 300)).toEqual(ours);
    });

    it('leaves out what is computed from the payload', async () => {
      const series = seriesPlan();
      expect(series.data.columns).toHaveLength(3);
      expect(encodedFeatures(series)).toEqual(['age']);
      const values = Float32Array.of(60, 1e9, missing, 40, missing, -5);
      const scaled = preprocessingFor(series, { age: [50, 10] });
      expect(Array.from(encodeRows(values, 2, series, scaled))).toEqual([1, -1]);
      expect(Array.from(await encodeByOnnx(series, scaled, values, 2))).toEqual([1, -1]);
      const images = imagePlan();
      expect(encodeRows(Float32Array.of(12), 1, images, preprocessingFor(images))).toHaveLength(0);
    });
  });

  it('refuses preprocessing of other columns, and scales that are none', () => {
    const other = { ...preprocessing, columns: preprocessing.columns.slice(1) };
    const rows = new Float32Array(5);
    expect(() => encodeRows(rows, 1, plan, other)).toThrow(expect.objectContaining({ code: 'wrong_preprocessing' }));
    for (const scale of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e-50]) {
      expect(() => encodeRows(rows, 1, plan, preprocessingFor(plan, { chol: [0, scale] }))).toThrow(
        expect.objectContaining({ code: 'wrong_preprocessing', message: expect.stringContaining('chol') }),
      );
    }
  });

  it('refuses rows of another width', () => {
    expect(() => encodeRows(new Float32Array(9), 2, plan, preprocessing)).toThrow(
      expect.objectContaining({ code: 'wrong_input', message: expect.stringContaining('10') }),
    );
  });
});
