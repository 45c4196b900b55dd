import { readFileSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { encodeOnnx } from '../../shared/graph/onnx-file.ts';
import { buildUpdate } from '../../shared/graph/training/gradient-part.ts';
import { stepScalars } from '../../shared/graph/training/optimiser-update.ts';
import { rateAt } from '../../shared/graph/training/schedule.ts';
import { evaluateGraph, type Float64Tensor } from '../support/graph-evaluator.ts';
import { modelPlan, smallModels } from '../support/model-plans.ts';

type Tensors = Readonly<Record<string, readonly number[]>>;

interface Reference {
  readonly start: Tensors;
  readonly gradients: readonly Tensors[];
  readonly cases: readonly {
    readonly optimiser: Readonly<Record<string, unknown>>;
    readonly schedule: Readonly<Record<string, unknown>> | null;
    readonly clipNorm: number | null;
    readonly rates: readonly number[];
    readonly end: Tensors;
  }[];
}

// Made by PyTorch 2.13.0: python3 test/parity/optimisers-pytorch-steps.py > test/parity/generated/optimisers-pytorch-steps.json
const { start, gradients, cases } = JSON.parse(
  readFileSync(new URL('generated/optimisers-pytorch-steps.json', import.meta.url), 'utf8'),
) as Reference;

/** L2 norm of the difference over that of what the updates changed, or of the weights. */
function distance(
  found: Readonly<Record<string, ArrayLike<number>>>,
  expected: Tensors,
  over: 'change' | 'weights',
): number {
  let apart = 0;
  let size = 0;
  for (const [name, values] of Object.entries(expected)) {
    for (const [index, value] of values.entries()) {
      apart += ((found[name]?.[index] as number) - value) ** 2;
      size += (value - (over === 'change' ? (start[name]?.[index] as number) : 0)) ** 2;
    }
  }
  return Math.sqrt(apart / size);
}

describe('20 updates follow PyTorch', () => {
  const titled = cases.map((one) => ({
    ...one,
    title: JSON.stringify(one.optimiser),
    by: JSON.stringify(one.schedule),
  }));

  it.each(titled)(
    '$title, schedule $by, clipped to $clipNorm',
    async ({ optimiser, schedule, clipNorm, rates, end }) => {
      const plan = modelPlan(smallModels.logistic, 'multiclass', {
        optimiser,
        ...(schedule === null ? {} : { schedule: { ...schedule, per: 'step' } }),
        ...(clipNorm === null ? {} : { clipNorm }),
      });
      const update = buildUpdate(plan, {});
      const carried = [...update.weights, ...update.slots];
      const fetches = carried.map(({ next }) => next);
      const session = await InferenceSession.create(encodeOnnx(update.graph));
      const initial = (name: string, length: number): number[] => {
        const slot = update.slots.find((one) => one.name === name);
        return slot === undefined ? [...(start[name] ?? [])] : new Array<number>(length).fill(slot.initial);
      };
      const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);
      let single = new Map<string, Tensor>(
        carried.map(({ name, shape }) => [name, new Tensor('float32', initial(name, sizeOf(shape)), shape)] as const),
      );
      let exact = new Map<string, Float64Tensor>(
        carried.map(({ name, shape }) => [name, { shape, data: Float64Array.from(initial(name, sizeOf(shape))) }]),
      );
      for (const [index, given] of gradients.entries()) {
        const place = { step: index + 1, round: 3 };
        const scalars = Object.entries(stepScalars(plan.training, place));
        expect(stepScalars(plan.training, place).rate).toBeCloseTo(rates[index] as number, 12);
        const sums = update.sums.map(({ name, weight, shape }) => ({ name, shape, data: [...(given[weight] ?? [])] }));
        const results = await session.run(
          Object.fromEntries([
            ...single,
            ...sums.map(({ name, shape, data }) => [name, new Tensor('float32', data, shape)]),
            ...scalars.map(([name, value]) => [name, new Tensor('float32', [value], [])]),
          ]),
          fetches,
        );
        single = new Map(carried.map(({ name, next }) => [name, results[next] as Tensor]));
        const evaluated = evaluateGraph(
          update.graph,
          Object.fromEntries<Float64Tensor>([
            ...exact,
            ...sums.map(({ name, shape, data }): [string, Float64Tensor] => [
              name,
              { shape, data: Float64Array.from(data) },
            ]),
            ...scalars.map(([name, value]): [string, Float64Tensor] => [
              name,
              { shape: [], data: Float64Array.of(value) },
            ]),
          ]),
        );
        exact = new Map(carried.map(({ name, next }) => [name, evaluated[next] as Float64Tensor]));
      }
      await session.release();
      const numbers = (tensors: ReadonlyMap<string, { readonly data: unknown }>) =>
        Object.fromEntries([...tensors].map(([name, { data }]) => [name, data as Float32Array | Float64Array]));
      // The graph's constants, such as 1 - beta1, are float32: 1e-7 of them is left in float64 too.
      expect(distance(numbers(exact), end, 'change')).toBeLessThan(3e-7);
      // Each step rounds the weight itself to float32.
      expect(distance(numbers(single), end, 'weights')).toBeLessThan(1e-6);
    },
  );
});

describe('schedules', () => {
  const optimiser = { kind: 'sgd', rate: 0.5, momentum: 0 } as const;
  const rates = (
    schedule: NonNullable<Parameters<typeof rateAt>[0]['schedule']>,
    places: readonly number[],
  ): number[] =>
    places.map((place) =>
      rateAt(
        { optimiser, schedule },
        schedule.per === 'step' ? { step: place + 1, round: 9 } : { step: 5, round: place },
      ),
    );

  it('counted in rounds do not move within a round', () => {
    expect(rates({ kind: 'exponential', per: 'round', factor: 0.5 }, [0, 1, 2])).toEqual([0.5, 0.25, 0.125]);
    expect(rates({ kind: 'steps', per: 'round', every: 2, factor: 0.5 }, [0, 1, 2, 3, 4])).toEqual([
      0.5, 0.5, 0.25, 0.25, 0.125,
    ]);
  });

  it('stay at the lowest rate once they are there', () => {
    for (const kind of ['cosine', 'linear'] as const) {
      const schedule = { kind, per: 'step', over: 4, lowest: 0.2, warmup: 1 } as const;
      const found = rates(schedule, [0, 1, 4, 5, 1000]);
      expect(found[0]).toBe(0.25);
      expect(found[1]).toBe(0.5);
      for (const rate of found.slice(2)) expect(rate).toBeCloseTo(0.1, 12);
    }
  });
});
