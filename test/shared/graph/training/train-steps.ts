import '../../../../shared/runtime/no-telemetry.ts';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Graph } from '../../../../shared/graph/graph.ts';
import { encodeOnnx } from '../../../../shared/graph/onnx-file.ts';
import type { SlotTensor } from '../../../../shared/graph/training/feeds.ts';
import type { Plan } from '../../../../shared/plan/plan.ts';
import { randomStream } from '../../../../shared/runtime/random.ts';
import { drawnTensors } from '../../../support/model-plans.ts';
import { fedObjective } from '../../../support/objective-feeds.ts';
import type { FloatTensor } from '../../../support/run-onnx.ts';

export type Tensors = Record<string, FloatTensor>;

/** A session that takes and gives float tensors by name; inputs the graph does not have are left out. */
export async function openGraph(
  graph: Graph,
): Promise<{ run: (feeds: Readonly<Tensors>) => Promise<Tensors>; close: () => Promise<void> }> {
  const session = await InferenceSession.create(encodeOnnx(graph), {
    intraOpNumThreads: 1,
    graphOptimizationLevel: 'all',
  });
  return {
    async run(feeds) {
      const tensors = graph.inputs.map(({ name }) => {
        const fed = feeds[name];
        if (fed === undefined) throw new Error(`${name} is not fed`);
        return [name, new Tensor('float32', fed.data, fed.shape)] as const;
      });
      const results = await session.run(Object.fromEntries(tensors));
      return Object.fromEntries(
        Object.entries(results).map(([name, { dims, data }]) => [name, { shape: dims, data: data as Float32Array }]),
      );
    },
    close: () => session.release(),
  };
}

export const scalar = (value: number): FloatTensor => ({ shape: [], data: Float32Array.of(value) });

export const numbers = (values: Readonly<Record<string, number>>): Tensors =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, scalar(value)]));

export const filled = ({ shape }: { readonly shape: readonly number[] }, value: number): FloatTensor => ({
  shape,
  data: new Float32Array(shape.reduce((product, length) => product * length, 1)).fill(value),
});

export const firstSlots = (slots: readonly SlotTensor[]): Tensors =>
  Object.fromEntries(slots.map((slot) => [slot.name, filled(slot, slot.initial)]));

/** What `next/NAME` is in the results, by NAME. */
export const nextOf = (results: Readonly<Tensors>): Tensors =>
  Object.fromEntries(
    Object.entries(results).flatMap(([name, tensor]) => (name.startsWith('next/') ? [[name.slice(5), tensor]] : [])),
  );

/** Everything a graph of training may be fed for one batch: rows, random values, weights, frozen tensors, anchors, control variates. */
export function batchFeeds(plan: Plan, rows: number, seed = 8): Tensors {
  const weights = drawnTensors(plan);
  const { feeds } = fedObjective(plan, weights, { rows }, seed);
  const stream = randomStream(seed, 'extras');
  const moved = (size: number, { shape, data }: FloatTensor): FloatTensor => ({
    shape,
    data: data.map((value) => value + size * stream.normal()),
  });
  const extras: Tensors = { proximal: scalar(0.3) };
  for (const [name, tensor] of weights) {
    extras[`anchor/${name}`] = moved(0.2, tensor);
    extras[`control/${name}`] = moved(0.05, filled(tensor, 0));
  }
  return { ...feeds, ...extras };
}

/** Largest difference of an element, relative to 1 + the largest element. */
export function apart(found: Readonly<Tensors>, expected: Readonly<Tensors>): number {
  let worst = 0;
  for (const [name, { data }] of Object.entries(expected)) {
    const scale = 1 + Math.max(...data.map(Math.abs));
    for (const [index, value] of data.entries()) {
      const difference = Math.abs((found[name]?.data[index] ?? Number.NaN) - value) / scale;
      if (!(difference <= worst)) worst = difference;
    }
  }
  return worst;
}
