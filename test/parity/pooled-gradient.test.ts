import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as fedavg from '../../shared/algorithms/fedavg.ts';
import { encodedFeatures } from '../../shared/graph/encoding.ts';
import { initialWeights } from '../../shared/graph/families.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
import { randomStream } from '../../shared/runtime/random.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import { openTrainer } from '../../site-agent/training/open-trainer.ts';
import type { DesignMatrix, Trainer } from '../../site-agent/training/trainer.ts';
import { heartPlan } from '../support/plans.ts';

const rounds = 50;
const rate = 0.5;
/** Rows of four sites, as unequal as the heart hospitals are. */
const siteRows = [303, 61, 12, 148];

const base = heartPlan({ federation: { rounds, weightCap: 1000 } });
const plan = {
  ...base,
  training: {
    ...base.training,
    optimiser: { kind: 'sgd' as const, rate, momentum: 0 },
    batch: 'full' as const,
    work: { steps: 1 },
  },
};
const width = encodedFeatures(plan).length;

/** Sites that differ in prevalence and in where their patients lie, so that their gradients point apart. */
function siteData(site: number): DesignMatrix {
  const rows = siteRows[site] as number;
  const stream = randomStream(8, 'pooled', site);
  const values = Float32Array.from({ length: rows * width }, (_, index) =>
    index % width < 5 ? stream.normal() + 0.4 * site : Number(stream.uniform() < 0.2 + 0.1 * site),
  );
  const labels = Float32Array.from({ length: rows }, (_, row) => {
    const score = (values[row * width] as number) - (values[row * width + 2] as number) + 0.7 * (site - 1);
    return Number(stream.uniform() < 1 / (1 + Math.exp(-score)));
  });
  return { rows, features: width, values, labels };
}

/** Gradient descent on the mean cross-entropy of all rows together, in float64 throughout: w -= rate · Σ (p - y) x / n. */
function pooledDescent(sites: readonly DesignMatrix[]): { readonly weights: Float64Array; readonly bias: number } {
  const total = sites.reduce((sum, site) => sum + site.rows, 0);
  const weights = new Float64Array(width);
  let bias = 0;
  for (let round = 0; round < rounds; round++) {
    const gradient = new Float64Array(width);
    let biasGradient = 0;
    for (const { rows, values, labels } of sites) {
      for (let row = 0; row < rows; row++) {
        let score = bias;
        for (let column = 0; column < width; column++) {
          score += (values[row * width + column] as number) * (weights[column] as number);
        }
        const residual = 1 / (1 + Math.exp(-score)) - (labels[row] as number);
        biasGradient += residual;
        for (let column = 0; column < width; column++) {
          gradient[column] = (gradient[column] as number) + residual * (values[row * width + column] as number);
        }
      }
    }
    for (let column = 0; column < width; column++) {
      weights[column] = (weights[column] as number) - (rate * (gradient[column] as number)) / total;
    }
    bias -= (rate * biasGradient) / total;
  }
  return { weights, bias };
}

/** The production fold, over whole tensors. */
function fold(
  start: NamedTensors,
  updates: readonly { readonly delta: NamedTensors; readonly examples: number }[],
): NamedTensors {
  return new Map(
    [...start].map(([name, { shape, data }]) => {
      let state = fedavg.init(data.length);
      for (const { delta, examples } of updates) {
        state = fedavg.apply(
          state,
          delta.get(name)?.data as Float32Array,
          Math.min(examples, plan.federation.weightCap),
        );
      }
      return [name, { shape, data: fedavg.finish(state, data) }];
    }),
  );
}

describe.each(['onnx', 'tfjs'] as const)('federated averaging of one full-batch step a round, %s', (engine) => {
  let trainer: Trainer;
  beforeAll(async () => {
    trainer = await openTrainer(engine, silentLogger);
  });
  afterAll(() => trainer.dispose());

  it(`equals pooled gradient descent to 1e-6 after ${rounds} rounds`, async () => {
    const sites = siteRows.map((_, site) => siteData(site));
    let weights = initialWeights(plan);
    for (let round = 1; round <= rounds; round++) {
      const updates = [];
      for (const [site, data] of sites.entries()) {
        updates.push(
          await trainer.train({ plan, data, weights, seed: 100 * round + site }, new AbortController().signal),
        );
      }
      weights = fold(weights, updates);
    }
    const pooled = pooledDescent(sites);
    const found = weights.get('layer1.weight')?.data as Float32Array;
    for (const [column, value] of pooled.weights.entries()) {
      expect(Math.abs((found[column] as number) - value), `weight ${column}`).toBeLessThan(1e-6);
    }
    expect(Math.abs((weights.get('layer1.bias')?.data[0] as number) - pooled.bias)).toBeLessThan(1e-6);
    // That the comparison says something: the weights have moved far from zero.
    expect(Math.max(...pooled.weights.map(Math.abs))).toBeGreaterThan(0.3);
  });
});
