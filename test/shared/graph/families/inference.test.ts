import { describe, expect, it } from 'vitest';
import { encodedFeatures, encodeRows } from '../../../../shared/graph/encoding.ts';
import { receptiveSteps } from '../../../../shared/graph/families/tcn.ts';
import { outputWidth } from '../../../../shared/graph/families.ts';
import { GraphBuilder } from '../../../../shared/graph/graph-builder.ts';
import { buildInferenceModel } from '../../../../shared/graph/inference-model.ts';
import { networkOf } from '../../../../shared/graph/network.ts';
import { modelProto } from '../../../../shared/graph/onnx-schema.ts';
import { recalibratedModel } from '../../../../shared/graph/recalibrated-model.ts';
import type { Plan } from '../../../../shared/plan/plan.ts';
import type { NamedTensors } from '../../../../shared/tensors/tensor.ts';
import { drawnTensors, fits, modelKinds, modelPlan, smallModels, taskKinds } from '../../../support/model-plans.ts';
import { preprocessingFor } from '../../../support/preprocessing.ts';
import { rawInputs, scaling } from '../../../support/raw-inputs.ts';
import { type FloatTensor, runOnnx } from '../../../support/run-onnx.ts';

const rows = 6;

/** What the network puts out for the same rows when its graph is built for their number, as for a validation loss. */
async function networkOutputs(
  plan: Plan,
  weights: NamedTensors,
  raw: Record<string, FloatTensor>,
): Promise<FloatTensor> {
  const builder = new GraphBuilder('network');
  const network = networkOf(plan);
  const inputs = new Map(
    network.inputs.map(({ name, shape }) => [name, builder.input(name, 'float', [rows, ...shape])] as const),
  );
  const values = new Map([...weights].map(([name, { shape }]) => [name, builder.input(name, 'float', shape)] as const));
  builder.output('outputs', network.forward({ builder, inputs, weights: values, random: null }).outputs);
  const feeds: Record<string, FloatTensor> = { ...Object.fromEntries(weights) };
  for (const { name, shape } of network.inputs) {
    feeds[name] = { shape: [rows, ...shape], data: name === 'features' ? encoded(plan, raw) : seen(plan, raw) };
  }
  const { outputs } = await runOnnx(builder.finish(), feeds);
  return outputs as FloatTensor;
}

const encoded = (plan: Plan, raw: Record<string, FloatTensor>): Float32Array =>
  encodeRows(raw.features?.data as Float32Array, rows, plan, preprocessingFor(plan, scaling));

/** A payload as the network takes it. */
function seen(plan: Plan, raw: Record<string, FloatTensor>): Float32Array {
  const { shape, data } = raw.payload as FloatTensor;
  const { payload } = plan.data;
  if (payload?.kind !== 'images') return data;
  const pixels = (shape[2] as number) * (shape[3] as number);
  return data.map((pixel, at) => {
    const channel = Math.floor(at / pixels) % payload.channels;
    return Math.fround(pixel - (payload.mean[channel] as number)) / (payload.scale[channel] as number);
  });
}

/** What a release answers, in float64, from what the network puts out. */
function answers(plan: Plan, outputs: FloatTensor): Record<string, { shape: number[]; data: number[] }> {
  const width = outputWidth(plan);
  const perRow = Array.from({ length: rows }, (_, row) =>
    Array.from(outputs.data.slice(row * width, (row + 1) * width)),
  );
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
  const flat = { shape: [rows], data: perRow.flat() };
  switch (plan.task.kind) {
    case 'binary':
      return { logit: flat, probability: { shape: [rows], data: perRow.flat().map(sigmoid) } };
    case 'multiclass':
      return {
        logit: { shape: [rows, width], data: perRow.flat() },
        probability: {
          shape: [rows, width],
          data: perRow.flatMap((logits) => {
            const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
            return logits.map((logit) => Math.exp(logit) / total);
          }),
        },
      };
    case 'ordinal':
      return {
        logit: { shape: [rows, width], data: perRow.flat() },
        probability: {
          shape: [rows, width + 1],
          data: perRow.flatMap((logits) => {
            const above = [1, ...logits.map(sigmoid), 0];
            return above.slice(1).map((next, grade) => (above[grade] as number) - next);
          }),
        },
      };
    case 'regression':
      return { prediction: flat };
    case 'survival':
      return { risk: flat };
  }
}

const combinations = modelKinds.flatMap((kind) =>
  taskKinds.filter((task) => fits(kind, task)).map((task) => ({ kind, task })),
);

describe.each(combinations)('the release of $kind, $task', ({ kind, task }) => {
  const plan = modelPlan(smallModels[kind], task);
  const weights = drawnTensors(plan);
  const file = buildInferenceModel(plan, preprocessingFor(plan, scaling), weights);

  it('answers what the network puts out in training, to float32 rounding', async () => {
    const raw = rawInputs(plan, rows);
    const found = await runOnnx(file, raw);
    const expected = answers(plan, await networkOutputs(plan, weights, raw));
    expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, { shape, data }] of Object.entries(expected)) {
      expect(found[name]?.shape, name).toEqual(shape);
      for (const [at, value] of data.entries()) expect(found[name]?.data[at], `${name}[${at}]`).toBeCloseTo(value, 5);
    }
  });

  it('takes one row, and none', async () => {
    for (const count of [1, 0]) {
      const found = await runOnnx(file, rawInputs(plan, count));
      for (const { shape } of Object.values(found)) expect(shape[0]).toBe(count);
    }
  });

  it('stays finite at the ends of every range', async () => {
    for (const { data } of Object.values(await runOnnx(file, rawInputs(plan, 200, true)))) {
      expect(data.every(Number.isFinite)).toBe(true);
    }
  });
});

describe('the release of a network that reads a payload', () => {
  const plan = modelPlan(smallModels.cnn);
  const build = () => buildInferenceModel(plan, preprocessingFor(plan), drawnTensors(plan));

  it('has the columns as an input even where the network reads none of them', async () => {
    expect(encodedFeatures(plan)).toEqual([]);
    const raw = rawInputs(plan, rows);
    const other = { ...raw, features: { shape: [rows, 1], data: new Float32Array(rows).fill(1e9) } };
    expect((await runOnnx(build(), other)).logit).toEqual((await runOnnx(build(), raw)).logit);
  });

  it('has the same bytes for the same arguments, and says what it reads', () => {
    expect(Buffer.compare(build(), build())).toBe(0);
    const { metadataProps } = modelProto.toObject(modelProto.decode(build())) as {
      metadataProps: { key: string; value: string }[];
    };
    const payload = metadataProps.find(({ key }) => key === 'wardround.payload')?.value;
    expect(JSON.parse(payload ?? '')).toEqual(plan.data.payload);
  });

  it('refuses the preprocessing of other columns', () => {
    const preprocessing = { ...preprocessingFor(plan), columns: [] };
    expect(() => buildInferenceModel(plan, preprocessing, drawnTensors(plan))).toThrow(
      expect.objectContaining({ code: 'wrong_preprocessing' }),
    );
  });

  it.each(['cnn', 'gru', 'embedded'] as const)('takes a recalibration at its end: %s', async (kind) => {
    const binary = modelPlan(smallModels[kind]);
    const release = buildInferenceModel(binary, preprocessingFor(binary, scaling), drawnTensors(binary));
    const raw = rawInputs(binary, rows);
    const before = await runOnnx(release, raw);
    const after = await runOnnx(recalibratedModel(release, { kind: 'intercept', intercept: 0.7 }), raw);
    for (const [at, logit] of (before.logit as FloatTensor).data.entries()) {
      expect(after.logit?.data[at]).toBeCloseTo(logit + 0.7, 5);
    }
  });
});

it('a level that is none gives NaN through an embedding, not the vector of another', async () => {
  const plan = modelPlan(smallModels.embedded);
  const file = buildInferenceModel(plan, preprocessingFor(plan, scaling), drawnTensors(plan));
  const column = plan.data.columns.findIndex(({ name }) => name === 'chest_pain');
  for (const [level, known] of [
    [3, true],
    [Number.NaN, true],
    [4, false],
    [-1, false],
    [0.5, false],
  ] as const) {
    const data = Float32Array.of(50, 1, 0, 120, 200, 0, 0, 150, 0, 1);
    data[column] = level;
    const { probability } = await runOnnx(file, { features: { shape: [1, 10], data } });
    expect(Number.isFinite(probability?.data[0]), `level ${level}`).toBe(known);
  }
});

it('a temporal convolution reads as far back as it says, and no further', async () => {
  const plan = modelPlan({ ...smallModels.tcn, channels: [4] });
  expect(receptiveSteps({ family: 'tcn', channels: [4], kernel: 2, activation: 'elu' })).toBe(3);
  const file = buildInferenceModel(plan, preprocessingFor(plan, scaling), drawnTensors(plan));
  const raw = rawInputs(plan, 1);
  const { shape, data } = raw.payload as FloatTensor;
  const logitWith = async (step: number): Promise<number> => {
    const changed = data.slice();
    changed[2 * step] = (changed[2 * step] as number) + 1;
    const { logit } = await runOnnx(file, { ...raw, payload: { shape, data: changed } });
    return logit?.data[0] as number;
  };
  const before = (await runOnnx(file, raw)).logit?.data[0] as number;
  for (const step of [0, 1, 2, 3]) expect(await logitWith(step), `step ${step}`).toBe(before);
  for (const step of [4, 5, 6])
    expect(Math.abs((await logitWith(step)) - before), `step ${step}`).toBeGreaterThan(1e-4);
});
