import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { encodedFeatures, encodeRows } from '../../../shared/graph/encoding.ts';
import { modelTensors } from '../../../shared/graph/families.ts';
import { buildInferenceModel } from '../../../shared/graph/inference-model.ts';
import type { Plan } from '../../../shared/plan/plan.ts';
import { randomStream } from '../../../shared/runtime/random.ts';
import type { NamedTensors } from '../../../shared/tensors/tensor.ts';
import { multiclassPlan, regressionPlan } from '../../support/families.ts';
import { heartPlan } from '../../support/plans.ts';
import { preprocessingFor } from '../../support/preprocessing.ts';

const scaling = {
  age: [53.5, 9.4],
  resting_pressure: [132, 18],
  cholesterol: [199, 110],
  maximum_rate: [137, 26],
  st_depression: [0.88, 1.1],
} as const;

function drawnWeights(plan: Plan): NamedTensors {
  const stream = randomStream(2, 'inference');
  return new Map(
    modelTensors(plan).map(({ name, shape }) => [
      name,
      { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 0.4 * stream.normal()) },
    ]),
  );
}

const rows = 40;

function drawnRows(plan: Plan): Float32Array {
  const stream = randomStream(4, 'rows');
  return Float32Array.from({ length: rows * plan.data.columns.length }, (_, index) => {
    const column = plan.data.columns[index % plan.data.columns.length];
    if (stream.uniform() < 0.15) return Number.NaN;
    if (column === undefined || column.kind === 'categorical') return stream.integer(column?.levels.length ?? 1);
    const [mean, scale] = scaling[column.name as keyof typeof scaling];
    return mean + scale * stream.normal();
  });
}

interface MatrixTensor {
  readonly shape: readonly [number, number];
  readonly data: Float32Array;
}

/** The network in plain float64 loops: [rows, outputs]. */
function outputsOf(plan: Plan, weights: NamedTensors, raw: Float32Array): number[][] {
  const encoded = encodeRows(raw, rows, plan, preprocessingFor(plan, scaling));
  const width = encodedFeatures(plan).length;
  const activations = {
    identity: (x: number) => x,
    relu: (x: number) => Math.max(0, x),
    tanh: Math.tanh,
    sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
  };
  const hidden = plan.model.family === 'mlp' ? (plan.model.activation as keyof typeof activations) : 'identity';
  return Array.from({ length: rows }, (_, row) => {
    let values = Array.from(encoded.subarray(row * width, (row + 1) * width));
    for (let layer = 1; weights.has(`layer${layer}.weight`); layer++) {
      const { shape, data: weight } = weights.get(`layer${layer}.weight`) as unknown as MatrixTensor;
      const bias = weights.get(`layer${layer}.bias`)?.data as Float32Array;
      const activation = activations[weights.has(`layer${layer + 1}.weight`) ? hidden : 'identity'];
      values = Array.from({ length: shape[1] }, (_, output) =>
        activation(
          values.reduce((sum, value, input) => sum + value * (weight[input * shape[1] + output] as number), 0) +
            (bias[output] as number),
        ),
      );
    }
    return values;
  });
}

async function score(plan: Plan, weights: NamedTensors, raw: Float32Array): Promise<Record<string, Tensor>> {
  const session = await InferenceSession.create(buildInferenceModel(plan, preprocessingFor(plan, scaling), weights));
  expect(session.inputNames).toEqual(['features']);
  const results = await session.run({
    features: new Tensor('float32', raw, [raw.length / plan.data.columns.length, plan.data.columns.length]),
  });
  await session.release();
  return results as Record<string, Tensor>;
}

function expectClose(found: Tensor | undefined, expected: readonly number[]): void {
  const values = Array.from(found?.data as Float32Array);
  expect(values).toHaveLength(expected.length);
  for (const [index, value] of values.entries()) expect(value).toBeCloseTo(expected[index] as number, 5);
}

const models = [
  { family: 'logistic' } as const,
  { family: 'mlp', hidden: [6, 4], activation: 'relu' } as const,
  { family: 'mlp', hidden: [5], activation: 'sigmoid' } as const,
];

describe.each(models.map((model) => ({ model, title: JSON.stringify(model) })))('inference, $title', ({ model }) => {
  const shaped = 'hidden' in model ? { ...model, hidden: [...model.hidden] as number[] } : model;

  it('gives the event’s probability and logit for a binary task', async () => {
    const plan = heartPlan({ model: shaped });
    const weights = drawnWeights(plan);
    const raw = drawnRows(plan);
    const results = await score(plan, weights, raw);
    const logits = outputsOf(plan, weights, raw).flat();
    expect(results.probability?.dims).toEqual([rows]);
    expect(results.logit?.dims).toEqual([rows]);
    expectClose(results.logit, logits);
    expectClose(
      results.probability,
      logits.map((logit) => 1 / (1 + Math.exp(-logit))),
    );
  });

  it('gives a probability a class for a multiclass task', async () => {
    const plan = multiclassPlan({ model: shaped });
    const weights = drawnWeights(plan);
    const raw = drawnRows(plan);
    const results = await score(plan, weights, raw);
    expect(results.probability?.dims).toEqual([rows, 3]);
    expectClose(
      results.probability,
      outputsOf(plan, weights, raw).flatMap((logits) => {
        const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
        return logits.map((logit) => Math.exp(logit) / total);
      }),
    );
  });

  it('gives a prediction for a regression task', async () => {
    const plan = regressionPlan({ model: shaped });
    const weights = drawnWeights(plan);
    const raw = drawnRows(plan);
    const results = await score(plan, weights, raw);
    expect(Object.keys(results)).toEqual(['prediction']);
    expect(results.prediction?.dims).toEqual([rows]);
    expectClose(results.prediction, outputsOf(plan, weights, raw).flat());
  });
});

describe('the inference file', () => {
  const plan = heartPlan();
  const weights = drawnWeights(plan);

  it('has the same bytes for the same arguments', () => {
    const build = () => Buffer.from(buildInferenceModel(plan, preprocessingFor(plan, scaling), weights));
    expect(build().equals(build())).toBe(true);
  });

  it('takes one row, and none', async () => {
    expect((await score(plan, weights, new Float32Array(10))).probability?.dims).toEqual([1]);
    expect((await score(plan, weights, new Float32Array(0))).probability?.dims).toEqual([0]);
  });

  it('answers NaN, not a number, for a level that is none', async () => {
    const raw = Float32Array.of(50, 2, 0, 120, 200, 0, 0, 150, 0, 1);
    expect(Array.from((await score(plan, weights, raw)).probability?.data as Float32Array)).toEqual([Number.NaN]);
  });

  it('is not made from weights of another model', () => {
    expect(() => buildInferenceModel(plan, preprocessingFor(plan), drawnWeights(multiclassPlan()))).toThrow(
      expect.objectContaining({ code: 'wrong_weights' }),
    );
  });
});
