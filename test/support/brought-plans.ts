import { readFileSync } from 'node:fs';
import { importNetwork } from '../../shared/graph/onnx-read/import-network.ts';
import { type Plan, planSchema } from '../../shared/plan/plan.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import { encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import { heartPlan } from './plans.ts';

/** Hourly series of 12 steps and 5 channels, as the exported networks of test/parity take them. */
export const series = {
  kind: 'series',
  channels: Array.from({ length: 5 }, (_, index) => ({
    name: `channel_${index}`,
    unit: 'u',
    range: [-10, 10],
    normal: 0,
    scale: 1,
  })),
  steps: 12,
  stepMinutes: 60,
  key: 'stay',
  minute: 'minute',
};

/** Grey images of 8 x 8 pixels. */
export const images = { kind: 'images', file: 'image', width: 8, height: 8, channels: 1, mean: [0], scale: [1] };

/** The heart plan with a payload and changed parts, before its network is read. */
export function planAround(changes: {
  readonly payload?: object;
  readonly training?: Readonly<Record<string, unknown>>;
  readonly model?: object;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly task?: object;
}): Plan {
  const base = heartPlan();
  return planSchema.parse({
    ...base,
    task: changes.task ?? base.task,
    data: { ...base.data, ...changes.data, ...(changes.payload === undefined ? {} : { payload: changes.payload }) },
    model: changes.model ?? { family: 'onnx', file: 'network.onnx' },
    training: { ...base.training, ...changes.training },
  });
}

export const exportedFile = (name: string): Uint8Array =>
  readFileSync(new URL(`../fixtures/exported/${name}.onnx`, import.meta.url));

/** A plan with the network of an ONNX file in it, and the file's weights. */
export function broughtPlan(
  bytes: Uint8Array,
  changes: Parameters<typeof planAround>[0] = {},
): { readonly plan: Plan; readonly weights: NamedTensors; readonly bytes: Uint8Array } {
  const around = planAround(changes);
  const { network, weights } = importNetwork(bytes, around);
  const file = encodeSafetensors(weights);
  const plan = planSchema.parse({ ...around, model: { family: 'onnx', network, weights: digestOf(file) } });
  return { plan, weights, bytes: file };
}
