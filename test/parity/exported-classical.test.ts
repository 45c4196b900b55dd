import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../shared/graph/graph-builder.ts';
import { networkOf } from '../../shared/graph/network.ts';
import type { NetworkSpec } from '../../shared/plan/network.ts';
import { broughtPlan, exportedFile, images } from '../support/brought-plans.ts';
import { runOnnx } from '../support/run-onnx.ts';

interface Case {
  readonly x: readonly (readonly number[])[];
  readonly probability?: readonly (readonly number[])[];
  readonly prediction?: readonly number[];
}

// Made by scikit-learn 1.9 and TensorFlow 2.21: python test/parity/exported-classical.py
const reference = JSON.parse(
  readFileSync(new URL('../fixtures/exported/classical.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, Case>>;

const three = { task: { kind: 'multiclass' }, data: { label: { name: 'grade', levels: ['a', 'b', 'c'] } } };
const numeric = { task: { kind: 'regression' }, data: { label: { name: 'days', unit: 'd', range: [0, 100] } } };

async function logits(name: string, changes: Parameters<typeof broughtPlan>[1]): Promise<number[][]> {
  const { plan, weights } = broughtPlan(exportedFile(name), changes);
  const network = networkOf(plan);
  const [input] = network.inputs;
  const { x } = reference[name] as Case;
  if (input === undefined) throw new Error('the network takes nothing');
  const builder = new GraphBuilder('test');
  const inputs = new Map([[input.name, builder.input(input.name, 'float', ['N', ...input.shape])]]);
  const values = new Map([...weights].map(([key, { shape, data }]) => [key, builder.constant(key, shape, data)]));
  builder.output('y', network.forward({ builder, inputs, weights: values, random: null }).outputs);
  const { y } = await runOnnx(builder.finish(), {
    [input.name]: { shape: [x.length, ...input.shape], data: Float32Array.from(x.flat()) },
  });
  return x.map((_, row) =>
    Array.from(y?.data.subarray(row * network.outputs, (row + 1) * network.outputs) ?? [], Number),
  );
}

function softmax(values: readonly number[]): number[] {
  const powers = values.map((value) => Math.exp(value - Math.max(...values)));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

const changesOf = (name: string): readonly string[] => {
  const { plan } = broughtPlan(exportedFile(name), name === 'tensorflow-cnn' ? { ...three, payload: images } : {});
  return (plan.model as { network: NetworkSpec }).network.changes;
};

describe('files in the patterns of scikit-learn’s and TensorFlow’s converters give their makers’ predictions', () => {
  it.each(['sklearn-logistic', 'sklearn-mlp'])('%s', async (name) => {
    const found = await logits(name, {});
    for (const [row, expected] of (reference[name]?.probability ?? []).entries()) {
      expect(1 / (1 + Math.exp(-(found[row]?.[0] as number)))).toBeCloseTo(expected[1] as number, 6);
    }
  });

  it.each(['sklearn-multinomial', 'tensorflow-cnn'])('%s', async (name) => {
    const found = await logits(name, name === 'tensorflow-cnn' ? { ...three, payload: images } : three);
    for (const [row, expected] of (reference[name]?.probability ?? []).entries()) {
      for (const [at, one] of softmax(found[row] as number[]).entries())
        expect(one).toBeCloseTo(expected[at] as number, 6);
    }
  });

  it('sklearn-linear', async () => {
    const found = await logits('sklearn-linear', numeric);
    for (const [row, expected] of (reference['sklearn-linear']?.prediction ?? []).entries()) {
      expect(found[row]?.[0]).toBeCloseTo(expected, 4);
    }
  });

  it('and say what was left out of them', () => {
    expect(changesOf('sklearn-mlp')).toEqual([
      'the final probabilities 1 - p and p are left out: the loss takes the logit of p',
    ]);
    expect(changesOf('tensorflow-cnn')).toEqual([
      'images are turned to [rows, height, width, channels], as the file takes them',
      'the final Softmax is left out: the loss takes logits',
    ]);
  });
});
