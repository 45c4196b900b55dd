import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { encodeRows } from '../../shared/graph/encoding.ts';
import { GraphBuilder } from '../../shared/graph/graph-builder.ts';
import { buildInferenceModel } from '../../shared/graph/inference-model.ts';
import { networkOf } from '../../shared/graph/network.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
import { randomStream } from '../../shared/runtime/random.ts';
import { tfjsValues } from '../../site-agent/training/tfjs/oracle.ts';
import { openTfjsBackend } from '../../site-agent/training/tfjs-backends.ts';
import { multiclassPlan, regressionPlan } from '../support/families.ts';
import { heartPlan } from '../support/plans.ts';
import { preprocessingFor } from '../support/preprocessing.ts';
import { drawnWeights } from '../support/training.ts';

const mlp = { family: 'mlp' as const, hidden: [16, 8], activation: 'tanh' as const };
const plans: readonly (readonly [string, Plan, 'logit' | 'prediction'])[] = [
  ['binary logistic', heartPlan(), 'logit'],
  ['binary mlp', heartPlan({ model: mlp }), 'logit'],
  ['multiclass mlp', multiclassPlan({ model: mlp }), 'logit'],
  ['regression mlp', regressionPlan({ model: mlp }), 'prediction'],
];

describe('the released file in onnxruntime equals the forward pass in TensorFlow.js to 1e-5', () => {
  it.each(plans)('%s', async (title, plan, output) => {
    const stream = randomStream(6, title);
    const rows = 64;
    const width = plan.data.columns.length;
    const raw = Float32Array.from({ length: rows * width }, (_, index) => {
      const column = plan.data.columns[index % width];
      if (column === undefined || stream.uniform() < 0.15) return Number.NaN;
      return column.kind === 'categorical' ? stream.integer(column.levels.length) : 100 + 20 * stream.normal();
    });
    const preprocessing = preprocessingFor(
      plan,
      Object.fromEntries(plan.data.columns.map(({ name }) => [name, [100, 20] as const])),
    );
    const weights = drawnWeights(plan);

    const session = await InferenceSession.create(buildInferenceModel(plan, preprocessing, weights));
    const results = await session.run({ features: new Tensor('float32', raw, [rows, width]) });
    await session.release();
    const onnx = results[output]?.data as Float32Array;

    const backend = await openTfjsBackend(silentLogger, 'wasm');
    const encoded = encodeRows(raw, rows, plan, preprocessing);
    const builder = new GraphBuilder('forward');
    const features = builder.input('features', 'float', [rows, encoded.length / rows]);
    const inputs = new Map([...weights].map(([name, { shape }]) => [name, builder.input(name, 'float', shape)]));
    const { outputs } = networkOf(plan).forward({
      builder,
      inputs: new Map([['features', features]]),
      weights: inputs,
      random: null,
    });
    const found = await tfjsValues(
      backend,
      { nodes: builder.nodes, inputs: [features, ...inputs.values()] },
      new Map([['features', { shape: [rows, encoded.length / rows], data: encoded }], ...weights]),
      [outputs],
    );
    const tfjs = found.get(outputs.name)?.data ?? [];
    expect(tfjs).toHaveLength(onnx.length);
    for (const [index, value] of onnx.entries()) {
      expect(Math.abs((tfjs[index] as number) - value), String(index)).toBeLessThan(1e-5 * (1 + Math.abs(value)));
    }
  });
});
