import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initialWeights } from '../../../shared/graph/families.ts';
import { mostComparedRows } from '../../../shared/graph/training/losses/cox.ts';
import type { Plan } from '../../../shared/plan/plan.ts';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import { permutation, randomStream } from '../../../shared/runtime/random.ts';
import { batchSchedule } from '../../../site-agent/training/batches.ts';
import { openTrainer } from '../../../site-agent/training/open-trainer.ts';
import { inOrderOfTime } from '../../../site-agent/training/order-of-time.ts';
import type { DesignMatrix, Trainer } from '../../../site-agent/training/trainer.ts';
import { modelPlan, smallModels } from '../../support/model-plans.ts';
import { relativeDistance } from '../../support/training.ts';

const rows = mostComparedRows + 60;
const features = 18;

/** Survival rows in no order, many of them at one time. */
function drawn(): DesignMatrix {
  const stream = randomStream(3, 'survival');
  const values = Float32Array.from({ length: rows * features }, () => stream.normal());
  const labels = Float32Array.from({ length: 2 * rows }, (_, at) =>
    at % 2 === 0 ? 1 + stream.integer(90) : stream.integer(2),
  );
  return { rows, features, values, labels };
}

function shuffled(data: DesignMatrix): DesignMatrix {
  const order = permutation(rows, randomStream(8, 'shuffle'));
  const taken = (from: Float32Array, width: number): Float32Array =>
    Float32Array.from(Array.from(order).flatMap((row) => [...from.subarray(row * width, (row + 1) * width)]));
  return { ...data, values: taken(data.values, features), labels: taken(data.labels, 2) };
}

/** Cox's negative log partial likelihood with scores of 0, ties after Efron, by its definition: Σ over events of log(Σ w). */
function lossAtZero({ labels }: DesignMatrix): number {
  const all = Array.from({ length: rows }, (_, row) => ({
    time: labels[2 * row] as number,
    event: labels[2 * row + 1] as number,
  }));
  let loss = 0;
  for (const time of new Set(all.map((row) => row.time))) {
    const atRisk = all.filter((row) => row.time >= time).length;
    const events = all.filter((row) => row.time === time && row.event === 1).length;
    for (let event = 0; event < events; event++) loss += Math.log(atRisk - event);
  }
  return loss / rows;
}

describe.each(['onnx', 'tfjs'] as const)('%s, more survival rows than are compared in pairs', (engine) => {
  let trainer: Trainer;
  beforeAll(async () => {
    trainer = await openTrainer(engine, silentLogger);
  });
  afterAll(() => trainer.dispose());

  const plan = modelPlan(smallModels.cox, 'survival', {
    batch: 'full',
    work: { steps: 2 },
    optimiser: { kind: 'sgd', rate: 0.3 },
  });
  const train = (of: Plan, data: DesignMatrix) =>
    trainer.train({ plan: of, data, weights: initialWeights(of), seed: 5 }, new AbortController().signal);

  it('are trained on in any order they come', async () => {
    const data = drawn();
    const one = await train(plan, data);
    const other = await train(plan, shuffled(data));
    expect(one.metrics.lossFirst / lossAtZero(data)).toBeCloseTo(1, 5);
    expect(relativeDistance(other.delta, one.delta)).toBeLessThan(1e-5);
  });

  it('are trained on in large batches', async () => {
    const large = { ...plan, training: { ...plan.training, batch: mostComparedRows + 10, work: { epochs: 1 } } };
    const { steps, metrics } = await train(large, drawn());
    expect(steps).toBe(2);
    expect(Number.isFinite(metrics.lossFirst)).toBe(true);
  });
});

describe('order of time', () => {
  it('moves each row whole, payload too, and leaves rows of one time in their order', () => {
    const data: DesignMatrix = {
      rows: 4,
      features: 2,
      values: Float32Array.of(0, 0, 1, 1, 2, 2, 3, 3),
      labels: Float32Array.of(7, 0, 5, 1, 7, 1, 2, 0),
      payload: { kind: 'images', shape: [1, 1, 1], values: Uint8Array.of(10, 11, 12, 13) },
    };
    const found = inOrderOfTime(data);
    expect([...found.values]).toEqual([3, 3, 1, 1, 0, 0, 2, 2]);
    expect([...found.labels]).toEqual([2, 0, 5, 1, 7, 0, 7, 1]);
    expect([...(found.payload?.values ?? [])]).toEqual([13, 11, 10, 12]);
    expect([...data.labels]).toEqual([7, 0, 5, 1, 7, 1, 2, 0]);
  });

  it('is kept within large batches, and batches hold the rows they would have held', () => {
    const { training } = modelPlan(smallModels.cox, 'survival');
    const size = mostComparedRows + 1;
    const schedule = batchSchedule(2 * size, { ...training, batch: size, work: { epochs: 1 } }, 4);
    const plain = permutation(2 * size, randomStream(4, 'epoch', 0));
    for (const step of [0, 1]) {
      const found = [...schedule.rowsOf(step)];
      expect(found).toEqual([...plain.subarray(step * size, (step + 1) * size)].sort((a, b) => a - b));
    }
  });
});
