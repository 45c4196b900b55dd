import { buildObjective } from '../../../../shared/graph/training/objective.ts';
import type { Plan } from '../../../../shared/plan/plan.ts';
import type { Float64Tensor } from '../../../support/graph-evaluator.ts';
import type { FloatTensor } from '../../../support/run-onnx.ts';

export type Feeds = Readonly<Record<string, FloatTensor>>;

export function inDoubles(feeds: Feeds): Record<string, Float64Tensor> {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { shape, data }]) => [name, { shape, data: Float64Array.from(data) }]),
  );
}

function part(tensor: FloatTensor, axis: number, from: number, count: number): FloatTensor {
  const { shape, data } = tensor;
  const length = shape[axis] as number;
  const inside = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const kept = Array.from(data).filter((_, at) => {
    const place = Math.floor(at / inside) % length;
    return place >= from && place < from + count;
  });
  return { shape: shape.with(axis, count), data: Float32Array.from(kept) };
}

/** What a batch is fed, for some of its rows: the values of those rows, of random ones too. */
export function feedsOfRows(plan: Plan, feeds: Feeds, rows: number, from: number, count: number): Feeds {
  const whole = buildObjective(plan, { rows });
  const some = buildObjective(plan, { rows: count });
  const cut: Record<string, FloatTensor> = { ...feeds };
  for (const { name } of [...whole.rowInputs, whole.labels])
    cut[name] = part(feeds[name] as FloatTensor, 0, from, count);
  for (const [index, { name, shape }] of whole.random.entries()) {
    const axis = shape.findIndex((length, at) => length !== some.random[index]?.shape[at]);
    cut[name] = part(feeds[name] as FloatTensor, Math.max(axis, 0), from, count);
  }
  return cut;
}
