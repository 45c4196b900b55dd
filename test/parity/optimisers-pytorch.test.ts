import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelTensors } from '../../shared/graph/families.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import { openTrainer } from '../../site-agent/training/open-trainer.ts';
import type { Trainer } from '../../site-agent/training/trainer.ts';
import { multiclassPlan, regressionPlan } from '../support/families.ts';
import { heartPlan } from '../support/plans.ts';
import { relativeDistance } from '../support/training.ts';

type Task = 'binary' | 'multiclass' | 'regression';

interface Reference {
  readonly steps: number;
  readonly rows: number;
  readonly features: number[];
  readonly labels: Readonly<Record<Task, number[]>>;
  readonly cases: readonly {
    readonly task: Task;
    readonly model: 'logistic' | 'relu' | 'tanh' | 'sigmoid';
    readonly hidden: number[];
    readonly optimiser: 'sgd' | 'momentum' | 'adam';
    readonly l2: number;
    readonly firstLossWithoutPenalty: number;
    readonly start: Readonly<Record<string, number[]>>;
    readonly delta: Readonly<Record<string, number[]>>;
  }[];
}

// Made by PyTorch 2.13.0: python3 test/parity/pytorch-reference.py > test/parity/generated/pytorch-reference.json
const reference = JSON.parse(
  readFileSync(new URL('generated/pytorch-reference.json', import.meta.url), 'utf8'),
) as Reference;

const plans = { binary: heartPlan, multiclass: multiclassPlan, regression: regressionPlan };
const optimisers: Readonly<Record<string, Plan['training']['optimiser']>> = {
  sgd: { kind: 'sgd', rate: 0.1, momentum: 0 },
  momentum: { kind: 'sgd', rate: 0.05, momentum: 0.9 },
  adam: { kind: 'adam', rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
};

describe.each(['onnx', 'tfjs'] as const)('%s trains as PyTorch does', (engine) => {
  let trainer: Trainer;
  beforeAll(async () => {
    trainer = await openTrainer(engine, silentLogger);
  });
  afterAll(() => trainer.dispose());

  it.each(reference.cases)('$task, $model, $optimiser, l2 $l2', async (expected) => {
    const { task, model, hidden, optimiser, l2 } = expected;
    const base = plans[task]({
      model: model === 'logistic' ? { family: 'logistic' } : { family: 'mlp', hidden, activation: model },
    });
    const plan: Plan = {
      ...base,
      training: {
        ...base.training,
        optimiser: optimisers[optimiser] as Plan['training']['optimiser'],
        batch: 'full',
        work: { steps: reference.steps },
        l2,
      },
    };
    const tensorsOf = (values: Readonly<Record<string, number[]>>): NamedTensors =>
      new Map(
        modelTensors(plan).map(({ name, shape }) => [name, { shape, data: Float32Array.from(values[name] ?? []) }]),
      );
    const data = {
      rows: reference.rows,
      features: reference.features.length / reference.rows,
      values: Float32Array.from(reference.features),
      labels: Float32Array.from(reference.labels[task]),
    };
    const start = tensorsOf(expected.start);
    const result = await trainer.train({ plan, data, weights: start, seed: 1 }, new AbortController().signal);
    // Float32 against float64: Adam divides by the root of a square, so small gradients carry their rounding into the update.
    expect(relativeDistance(result.delta, tensorsOf(expected.delta))).toBeLessThan(1e-5);
    let penalty = 0;
    for (const [name, { data: values }] of start) {
      if (name.endsWith('.weight')) penalty += (l2 / 2) * values.reduce((sum, value) => sum + value * value, 0);
    }
    expect(result.metrics.lossFirst / (expected.firstLossWithoutPenalty + penalty)).toBeCloseTo(1, 5);
  });
});
