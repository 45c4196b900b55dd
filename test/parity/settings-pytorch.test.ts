import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { modelTensors } from '../../shared/graph/families.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import { OnnxTrainer } from '../../site-agent/training/onnx-trainer.ts';
import { openTfjsBackend } from '../../site-agent/training/tfjs-backends.ts';
import { TfjsTrainer } from '../../site-agent/training/tfjs-trainer.ts';
import type { Trainer } from '../../site-agent/training/trainer.ts';
import { modelPlan } from '../support/model-plans.ts';
import { relativeDistance } from '../support/training.ts';

// Made by PyTorch 2.13.0: python3 test/parity/settings-pytorch-reference.py > test/parity/generated/settings-pytorch.json
const reference = JSON.parse(readFileSync(new URL('generated/settings-pytorch.json', import.meta.url), 'utf8')) as {
  readonly rows: number;
  readonly steps: number;
  readonly features: number[];
  readonly labels: number[];
  readonly start: Readonly<Record<string, number[]>>;
  readonly cases: readonly {
    readonly training: { readonly schedule?: object };
    readonly losses: readonly [number, number];
    readonly delta: Readonly<Record<string, number[]>>;
  }[];
};

const trainers: readonly (readonly [string, Trainer])[] = [
  ['onnx', new OnnxTrainer()],
  ['tfjs', new TfjsTrainer(await openTfjsBackend(silentLogger, 'wasm'))],
];
afterAll(async () => {
  for (const [, trainer] of trainers) await trainer.dispose();
});

const cases = reference.cases.map((one) => [JSON.stringify(one.training), one] as const);

describe.each(trainers)('%s trains as PyTorch does', (_, trainer) => {
  // Whole, and cut into parts of 7 rows at most.
  it.each(cases.flatMap(([what, one]) => [undefined, 7].map((mostRows) => [what, mostRows, one] as const)))(
    '%s, at most %s rows at once',
    async (__, mostRows, { training, losses, delta }) => {
      const { schedule, ...others } = training;
      const plan = modelPlan({ family: 'mlp', hidden: [4], activation: 'tanh' }, 'binary', {
        l2: 0,
        ...others,
        ...(schedule === undefined ? {} : { schedule: { per: 'step', ...schedule } }),
        batch: 'full',
        work: { steps: reference.steps },
      });
      const tensorsOf = (values: Readonly<Record<string, number[]>>): NamedTensors =>
        new Map(
          modelTensors(plan).map(({ name, shape }) => [name, { shape, data: Float32Array.from(values[name] ?? []) }]),
        );
      const data = {
        rows: reference.rows,
        features: reference.features.length / reference.rows,
        values: Float32Array.from(reference.features),
        labels: Float32Array.from(reference.labels),
      };
      const task = {
        plan,
        data,
        weights: tensorsOf(reference.start),
        seed: 1,
        ...(mostRows === undefined ? {} : { mostRows }),
      };
      const result = await trainer.train(task, new AbortController().signal);
      expect(relativeDistance(result.delta, tensorsOf(delta))).toBeLessThan(2e-5);
      // A full batch is an epoch of one step.
      expect(result.metrics.lossFirst / losses[0]).toBeCloseTo(1, 5);
      expect(result.metrics.lossLast / losses[1]).toBeCloseTo(1, 5);
    },
  );
});
