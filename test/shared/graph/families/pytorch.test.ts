import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encodedFeatures } from '../../../../shared/graph/encoding.ts';
import type { Value } from '../../../../shared/graph/graph.ts';
import { GraphBuilder } from '../../../../shared/graph/graph-builder.ts';
import { networkOf } from '../../../../shared/graph/network.ts';
import type { Plan } from '../../../../shared/plan/plan.ts';
import { modelPlan } from '../../../support/model-plans.ts';
import { type FloatTensor, runOnnx } from '../../../support/run-onnx.ts';

interface Case {
  readonly model: { readonly family: string };
  readonly tensors: Readonly<Record<string, readonly number[]>>;
  readonly outputs: readonly number[];
  readonly training?: {
    readonly outputs: readonly number[];
    readonly buffers: Readonly<Record<string, readonly number[]>>;
  };
}

// Made by test/parity/families-reference.py, which names the command.
const reference = JSON.parse(
  readFileSync(new URL('../../../parity/generated/families.json', import.meta.url), 'utf8'),
) as { readonly cases: readonly Case[] };

const rows = 3;
const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** The formulas of the Python script. */
function weightsOf(plan: Plan): Record<string, FloatTensor> {
  return Object.fromEntries(
    networkOf(plan).parameters.map(({ name, shape }, at) => {
      const positive = name.endsWith('.scale') || name.endsWith('.variance');
      const data = Float32Array.from({ length: sizeOf(shape) }, (_, index) => {
        const wave = Math.sin(0.7 * index + 1.3 * at);
        return positive ? 1 + 0.3 * wave : 0.5 * wave;
      });
      return [name, { shape, data }];
    }),
  );
}

function inputOf(shape: readonly number[]): FloatTensor {
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, (_, index) => Math.sin(0.37 * index + 0.2)) };
}

async function forward(plan: Plan, training: boolean): Promise<Record<string, FloatTensor>> {
  const network = networkOf(plan);
  const builder = new GraphBuilder('forward');
  const inputs = new Map<string, Value>();
  const feeds: Record<string, FloatTensor> = {};
  for (const { name, shape } of network.inputs) {
    inputs.set(name, builder.input(name, 'float', [training ? rows : 'N', ...shape]));
    feeds[name] = inputOf([rows, ...shape]);
  }
  const weights = weightsOf(plan);
  const values = new Map(network.parameters.map(({ name, shape }) => [name, builder.input(name, 'float', shape)]));
  const random = training
    ? (shape: readonly number[]) => builder.constant('random', shape, new Float32Array(sizeOf(shape)))
    : null;
  const { outputs, buffers } = network.forward({ builder, inputs, weights: values, random });
  expect(outputs.shape).toEqual([training ? rows : 'N', 1]);
  builder.output('outputs', outputs);
  for (const [name, value] of buffers) builder.output(`next/${name}`, value);
  return runOnnx(builder.finish(), { ...feeds, ...weights });
}

function expectClose(found: FloatTensor | undefined, expected: readonly number[]): void {
  expect(found?.data).toHaveLength(expected.length);
  const scale = 1 + Math.max(...expected.map(Math.abs));
  for (const [index, value] of expected.entries()) {
    expect(Math.abs((found?.data[index] as number) - value) / scale, `element ${index}`).toBeLessThan(1e-5);
  }
}

describe.each(reference.cases.map((one) => ({ ...one, title: JSON.stringify(one.model) })))(
  'the forward pass of $title',
  ({ model, tensors, outputs }) => {
    const plan = modelPlan(model);

    it('has the tensors of the reference', () => {
      expect(Object.fromEntries(networkOf(plan).parameters.map(({ name, shape }) => [name, shape]))).toEqual(tensors);
    });

    it('gives what PyTorch gives', async () => {
      expectClose((await forward(plan, false)).outputs, outputs);
    });
  },
);

const trained = reference.cases.filter(({ training }) => training !== undefined);

describe.each(trained.map((one) => ({ ...one, title: JSON.stringify(one.model) })))(
  'the forward pass in training of $title',
  ({ model, training }) => {
    it('gives what PyTorch gives, and the next running means', async () => {
      const found = await forward(modelPlan(model), true);
      const buffers = training?.buffers ?? {};
      expectClose(found.outputs, training?.outputs ?? []);
      expect(Object.keys(found).sort()).toEqual(
        ['outputs', ...Object.keys(buffers).map((name) => `next/${name}`)].sort(),
      );
      for (const [name, values] of Object.entries(buffers)) expectClose(found[`next/${name}`], values);
    });
  },
);

it('the reference covers every family and activation there is to hold against PyTorch', () => {
  expect([...new Set(reference.cases.map(({ model }) => model.family))].sort()).toEqual(
    ['cnn', 'gru', 'mlp', 'resnet', 'tcn', 'transformer'].sort(),
  );
  expect(trained.map(({ model }) => model.family)).toEqual(['cnn', 'resnet']);
  expect(encodedFeatures(modelPlan({ family: 'gru', hidden: 3 }))).toEqual(['age']);
});
