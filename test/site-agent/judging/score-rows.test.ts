import { describe, expect, it } from 'vitest';
import { initialWeights } from '../../../shared/graph/families.ts';
import type { Plan } from '../../../shared/plan/plan.ts';
import type { SiteTable } from '../../../site-agent/data/site-table.ts';
import { scoreCurrent, scoreRelease } from '../../../site-agent/judging/score-rows.ts';
import { packageOf } from '../../support/judging.ts';
import { attributes, node, onnxFile, value } from '../../support/onnx-bytes.ts';
import { imagePlan, seriesPlan } from '../../support/payload-plans.ts';
import { preprocessingFor } from '../../support/preprocessing.ts';

function tableOf(plan: Plan, kind: 'series' | 'images', shape: readonly number[]): SiteTable {
  const size = shape.reduce((product, length) => product * length, 1);
  const values = Array.from({ length: 3 * size }, (_, place) => (place * 7) % 11);
  return {
    rows: 3,
    columns: plan.data.columns.map((column) => ({
      name: column.name,
      kind: column.kind,
      values: Float64Array.of(50, 60, 40),
    })),
    labels: Float64Array.of(0, 1, 0),
    payload: { kind, shape, values: kind === 'series' ? Float32Array.from(values) : Uint8Array.from(values) },
    patientKeys: ['a', 'b', 'c'],
    times: new Float64Array(3),
    holdout: new Uint8Array(3),
  };
}

const release = (plan: Plan) =>
  packageOf(
    plan,
    preprocessingFor(plan, plan.data.columns[0]?.name === 'age' ? { age: [50, 10] } : {}),
    initialWeights(plan),
    'heart-disease/1',
  );
const rows = Uint32Array.of(2, 0);

describe('rows with series or images', () => {
  const series = seriesPlan();
  const images = imagePlan();
  const seriesTable = tableOf(series, 'series', [4, 2]);
  const imageTable = tableOf(images, 'images', [1, 4, 6]);

  it('are scored by a release, and by the model in use of the same plan, alike', async () => {
    for (const [plan, table] of [
      [series, seriesTable],
      [images, imageTable],
    ] as const) {
      const scored = await scoreRelease(release(plan), plan, table, rows);
      expect(scored.problems).toEqual([]);
      expect(new Set(scored.values).size).toBe(2);
      expect(await scoreCurrent(release(plan), plan, table, rows)).toEqual(scored.values);
    }
  });

  it('are not judged by a model whose figure for one depends on the others', async () => {
    const keep = attributes.int('keepdims', 0);
    const model = (nodes: Uint8Array[], of: string) =>
      onnxFile({
        nodes: [
          node('ReduceMean', ['payload'], ['level'], attributes.ints('axes', [1, 2]), keep),
          ...nodes,
          node('Sigmoid', [of], ['probability']),
        ],
        inputs: [value('payload', ['N', 4, 2])],
        outputs: [value('probability', ['N'])],
      });
    const judged = async (file: Uint8Array) => {
      const whole = release(series);
      return scoreRelease(
        { ...whole, files: new Map([...whole.files, ['model.onnx', file]]) },
        series,
        seriesTable,
        rows,
      );
    };
    expect((await judged(model([], 'level'))).problems).toEqual([]);
    const centred = [
      node('ReduceMean', ['level'], ['middle'], attributes.ints('axes', [0]), keep),
      node('Sub', ['level', 'middle'], ['centred']),
    ];
    const { problems, values } = await judged(model(centred, 'centred'));
    expect(problems).toEqual([
      'the model gives a patient another figure alone than beside other patients, or at another time',
    ]);
    expect(values).toBeNull();
  });

  it('are not given to a model in use that reads them laid out otherwise', async () => {
    const scaled = seriesPlan({
      payload: {
        channels: [
          { name: 'pulse', unit: '1/min', range: [0, 300], normal: 80, scale: 40 },
          { name: 'lactate', unit: 'mmol/L', range: [0, 40], normal: 1, scale: 2 },
        ],
      },
    });
    const hours = seriesPlan({ payload: { stepMinutes: 30 } });
    for (const other of [scaled, hours])
      expect(await scoreCurrent(release(other), series, seriesTable, rows)).toBeNull();
  });

  it('are given to one whose images are only scaled otherwise: that is inside the model', async () => {
    const other = imagePlan({ payload: { mean: [0], scale: [255] } });
    expect(await scoreCurrent(release(other), images, imageTable, rows)).toHaveLength(2);
    const colour = imagePlan({ payload: { channels: 3, mean: [0, 0, 0], scale: [1, 1, 1] } });
    expect(await scoreCurrent(release(colour), images, imageTable, rows)).toBeNull();
  });

  it('are a problem of a release whose model takes others', async () => {
    const wrong = release(images);
    const files = new Map(release(series).files).set('model.onnx', wrong.files.get('model.onnx') as Uint8Array);
    const scored = await scoreRelease({ ...release(series), files }, series, seriesTable, rows);
    expect(scored.problems).toEqual(['the model takes a payload of [1, 4, 6], the plan has [4, 2]']);
  });

  it('are scored by no model that takes more memory for one than the site gives, and the release is told so', async () => {
    const large = imagePlan({ payload: { width: 1024, height: 1024 } });
    // 3 x 1024 x 1024 pixels and what a network of them holds are more than 8 MB, and less than 1 GB.
    const little = { memoryMegabytes: 8 };
    const { problems, values } = await scoreRelease(release(large), large, imageTable, rows, little);
    expect(values).toBeNull();
    expect(problems).toEqual([
      expect.stringMatching(/^heart-disease\/1 takes about \d+ MB of memory for one row, and this site gives it 8 MB/),
    ]);
    expect(await scoreCurrent(release(large), large, imageTable, rows, little)).toBeNull();
    const enough = await scoreRelease(release(images), images, imageTable, rows, little);
    expect(enough.problems).toEqual([]);
  });
});
