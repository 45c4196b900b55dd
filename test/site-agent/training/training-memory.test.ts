import { describe, expect, it } from 'vitest';
import { checkDerivatives } from '../../../shared/graph/onnx-read/check-derivatives.ts';
import { planFindings } from '../../../shared/plan/check-plan.ts';
import { TrainingError } from '../../../site-agent/training/training-error.ts';
import {
  checkTrainingMemory,
  leastTrainingBytes,
  roundMultiplyAdds,
  usualMemoryMegabytes,
} from '../../../site-agent/training/training-memory.ts';
import { broughtPlan, planAround, series } from '../../support/brought-plans.ts';
import { longDerivatives, longPlans } from '../../support/long-networks.ts';
import { linearFile, node, value } from '../../support/onnx-bytes.ts';

const megabyte = 1024 ** 2;
const wide = (layers: number) =>
  planAround({ model: { family: 'mlp', hidden: Array.from({ length: layers }, () => 4096) } });

function refusal(...given: Parameters<typeof checkTrainingMemory>): TrainingError {
  try {
    checkTrainingMemory(...given);
  } catch (error) {
    if (error instanceof TrainingError) return error;
    throw error;
  }
  throw new Error('the plan was taken');
}

describe('multiply-adds of a round', () => {
  // A row takes 16 x 16 + 16 x 16 + 16 forward, and backward twice that but for the gradient by the columns; sums of biases are products too: 1,360.
  const plan = planAround({
    model: { family: 'mlp', hidden: [16, 16] },
    data: {
      columns: Array.from({ length: 16 }, (_, at) => ({
        name: `x${at}`,
        kind: 'continuous',
        unit: '1',
        range: [-1, 1],
        missing: 'forbid',
        edges: [0],
      })),
      subgroups: [],
    },
  });

  it('are those of its rows, however a batch is cut', () => {
    expect(roundMultiplyAdds(plan, 1, 1)).toBe(1360);
    expect(roundMultiplyAdds(plan, 32, 20)).toBe(20 * 32 * 1360);
  });
});

describe('memory that a plan takes', () => {
  it('counts weights as they came, are and become, the optimiser, and the values of a step', () => {
    // Two layers of 4096 x 4096, 64 MiB each in float32, once given, once held, once made anew; gradients among the values of a step.
    const bytes = leastTrainingBytes(wide(3), 64);
    expect(bytes).toBeGreaterThan(3 * 2 * 64 * megabyte);
    expect(bytes).toBeLessThan(8 * 2 * 64 * megabyte);
    const adam = planAround({
      model: wide(3).model,
      training: { optimiser: { kind: 'adam', rate: 0.001 } },
    });
    // Two moments of each weight, before and after a step.
    expect(leastTrainingBytes(adam, 64) - bytes).toBeGreaterThan(4 * 2 * 64 * megabyte);
  });

  it('does not grow with a batch that may be cut, and does with one that may not', () => {
    const free = planAround({ model: { family: 'transformer', width: 64, heads: 4, blocks: 2 }, payload: series });
    expect(leastTrainingBytes(free, 4096)).toBe(leastTrainingBytes(free, 1));
    const images = { kind: 'images', file: 'image', width: 64, height: 64, channels: 1, mean: [0], scale: [1] };
    const mixed = planAround({
      model: { family: 'cnn', channels: [16], normalisation: 'batch' },
      payload: images,
    });
    expect(leastTrainingBytes(mixed, 512)).toBeGreaterThan(100 * leastTrainingBytes(mixed, 2));
  });

  it('is refused where a runtime would prepare its graph for hours', () => {
    const chain = (operators: number) => {
      const nodes = Array.from({ length: operators }, (_, at) =>
        node('Softmax', [at === 0 ? 'l' : `h${at}`], [at === operators - 1 ? 'logits' : `h${at + 1}`]),
      );
      const file = linearFile(18, {
        nodes: [node('Gemm', ['x', 'weight', 'bias'], ['l']), ...nodes, node('Neg', ['logits'], ['out'])],
        outputs: [value('out', ['rows', 1])],
      });
      return broughtPlan(file).plan;
    };
    expect(() => checkTrainingMemory(chain(3000), 64)).not.toThrow();
    const { code, details } = refusal(chain(9000), 64);
    expect(code).toBe('plan_too_large');
    expect(details.operators).toBeGreaterThan(details.mostOperators as number);
  });

  it('is refused beyond what the site gives, with both figures and nothing allocated', () => {
    const plan = wide(16);
    const before = process.memoryUsage().arrayBuffers;
    const error = refusal(plan, 64, 2048);
    expect(error.code).toBe('plan_too_large');
    expect(error.details.limitMegabytes).toBe(2048);
    expect(Number(error.details.neededMegabytes)).toBeGreaterThan(15 * 64 * 3);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * megabyte);
    checkTrainingMemory(plan, 64, 16_384);
  });

  it.each(longPlans)('is not asked for where one row alone takes too long, for %s', (_, make) => {
    const error = refusal(make(), 64, 1_000_000);
    expect(error.code).toBe('plan_too_large');
    expect(error.message).toMatch(/^the network of this plan takes .* for one row, and the most is (200|4) billion: /);
  });

  it('is not asked for where the derivatives take too long', () => {
    const plan = longDerivatives();
    expect(planFindings(plan)).toEqual([]);
    const error = refusal(plan, 64, 1_000_000);
    expect(error.code).toBe('plan_too_large');
    expect(error.message).toMatch(
      /^a training step of this plan takes [\d.]+ billion element operations for one row, and /,
    );
    expect(() => checkDerivatives(plan)).toThrow(/^the network and its derivatives take/);
  });

  it('is by itself a share of the machine', () => {
    expect(usualMemoryMegabytes()).toBeGreaterThan(256);
    checkTrainingMemory(planAround({ model: { family: 'logistic' } }), 64);
  });
});
