import { payloadShape } from '../../shared/plan/payload.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { randomStream } from '../../shared/runtime/random.ts';
import type { FloatTensor } from './run-onnx.ts';

/** Mean and scale of the heart plan's columns. */
export const scaling = {
  age: [53.5, 9.4],
  resting_pressure: [132, 18],
  cholesterol: [199, 110],
  maximum_rate: [137, 26],
  st_depression: [0.88, 1.1],
} as const;

/** Raw rows as a hospital would score them: values in their units, some missing; images in bytes. */
export function rawInputs(plan: Plan, count: number, wild = false): Record<string, FloatTensor> {
  const stream = randomStream(4, 'rows');
  const { columns, payload } = plan.data;
  const features = Float32Array.from({ length: count * columns.length }, (_, index) => {
    const column = columns[index % columns.length];
    if (stream.uniform() < 0.15) return Number.NaN;
    if (column === undefined || column.kind === 'categorical') return stream.integer(column?.levels.length ?? 1);
    const [low, high] = column.range;
    return wild ? (stream.uniform() < 0.5 ? low : high) : low + (high - low) * stream.uniform();
  });
  const given: Record<string, FloatTensor> = {
    features: { shape: [count, columns.length], data: features },
  };
  if (payload !== undefined) {
    const shape = [count, ...payloadShape(payload)];
    const draw = (): number =>
      payload.kind === 'images' ? stream.integer(256) : wild ? 1e4 * stream.normal() : stream.normal();
    given.payload = { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, draw) };
  }
  return given;
}
