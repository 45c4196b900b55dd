// First: what follows would start the library's telemetry.
import '../../../shared/runtime/no-telemetry.ts';

import { Tensor } from 'onnxruntime-node';
import type { FedTensor } from '../../../shared/graph/training/feeds.ts';
import type { EngineStep } from '../engine.ts';
import { type GatheredRows, gatherBatch } from '../gathered-batch.ts';
import type { DesignMatrix } from '../trainer.ts';

/** What a session is fed, by the name of its input. */
export type Feeds = Readonly<Record<string, Tensor>>;

export const floats = (data: Float32Array, shape: readonly number[]): Tensor => new Tensor('float32', data, [...shape]);

export const scalars = (values: Readonly<Record<string, number>>): Feeds =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, floats(Float32Array.of(value), [])]));

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

function valuesOf(gathered: GatheredRows, name: string): Float32Array {
  if (name === 'labels') return gathered.labels;
  return name === 'payload' ? (gathered.payload ?? new Float32Array(0)) : gathered.features;
}

/** `features`, `payload` and `labels` of the rows, those that the graph takes. */
export function rowFeeds(data: DesignMatrix, inputs: readonly FedTensor[], rows: Uint32Array): Feeds {
  const gathered = gatherBatch(data, rows);
  return Object.fromEntries(inputs.map(({ name, shape }) => [name, floats(valuesOf(gathered, name), shape)]));
}

/** The random values of a step. */
export function randomFeeds(inputs: readonly FedTensor[], step: EngineStep): Feeds {
  return Object.fromEntries(
    inputs.map(({ name, shape }) => [name, floats(step.random.get(name) ?? new Float32Array(sizeOf(shape)), shape)]),
  );
}

/** What changes from step to step, of all steps one after the other: inputs have an axis of steps in front. */
export function stackedFeeds(
  inputs: readonly FedTensor[],
  of: (step: EngineStep, name: string) => Float32Array | undefined,
  steps: readonly EngineStep[],
): Feeds {
  return Object.fromEntries(
    inputs.map(({ name, shape }) => {
      const values = new Float32Array(sizeOf(shape));
      const width = values.length / steps.length;
      for (const [index, step] of steps.entries()) values.set(of(step, name) ?? [], index * width);
      return [name, floats(values, shape)];
    }),
  );
}

/** Of a record, the entries named. */
export function chosen(from: ReadonlyMap<string, Tensor>, names: Iterable<string>): Feeds {
  const found: Record<string, Tensor> = {};
  for (const name of names) {
    const tensor = from.get(name);
    if (tensor !== undefined) found[name] = tensor;
  }
  return found;
}
