import { codesOf, encodedLayout } from '../../shared/graph/encoding.ts';
import { initialWeights, modelTensors } from '../../shared/graph/families.ts';
import { payloadShape } from '../../shared/plan/payload.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { type RandomStream, randomStream } from '../../shared/runtime/random.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import type { DesignMatrix, PayloadRows, TrainingTask } from '../../site-agent/training/trainer.ts';

/** Standard normal features, series or pixels, codes of embedded columns, and labels of the plan's kind that depend on the first of them. */
export function drawnMatrix(plan: Plan, rows: number, seed = 1): DesignMatrix {
  const stream = randomStream(seed, 'matrix');
  const layout = encodedLayout(plan);
  const features = layout.length;
  const values = Float32Array.from({ length: rows * features }, (_, at) => {
    const { kind, column } = layout[at % features] as (typeof layout)[number];
    const source = plan.data.columns[column];
    return kind === 'code' && source?.kind === 'categorical' ? stream.integer(codesOf(source)) : stream.normal();
  });
  const payload = drawnPayload(plan, rows, stream);
  const first = (row: number, place: number): number =>
    payload === undefined
      ? (values[row * features + place] as number)
      : Number(payload.values[(row * payload.values.length) / rows + place]) / (payload.kind === 'images' ? 60 : 1);
  const levels = 'levels' in plan.data.label ? plan.data.label.levels.length : 0;
  const labels = Array.from({ length: rows }, (_, row) => {
    const score = first(row, 0) - 0.5 * first(row, 1) + stream.normal();
    if (plan.task.kind === 'survival') return [Math.ceil(40 * Math.exp(-0.5 * score)), Number(stream.uniform() < 0.7)];
    if (plan.task.kind === 'regression') return [3 * score + 1];
    return plan.task.kind === 'binary'
      ? [Number(score > 0.3)]
      : [Math.min(levels - 1, Math.max(0, Math.floor(score + 1.5)))];
  });
  return {
    rows,
    features,
    values,
    labels: Float32Array.from(labels.flat()),
    ...(payload === undefined ? {} : { payload }),
  };
}

function drawnPayload(plan: Plan, rows: number, stream: RandomStream): PayloadRows | undefined {
  const spec = plan.data.payload;
  if (spec === undefined) return undefined;
  const shape = payloadShape(spec);
  const length = rows * shape.reduce((product, size) => product * size, 1);
  return spec.kind === 'series'
    ? { kind: 'series', shape, values: Float32Array.from({ length }, () => stream.normal()) }
    : {
        kind: 'images',
        shape,
        values: Uint8Array.from({ length }, () => stream.integer(256)),
        mean: spec.mean,
        scale: spec.scale,
      };
}

/** Weights that are not zero anywhere, so that biases and a generalised linear model are exercised too. */
export function drawnWeights(plan: Plan, seed = 2): NamedTensors {
  const stream = randomStream(seed, 'weights');
  return new Map(
    modelTensors(plan).map(({ name, shape }) => [
      name,
      { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 0.3 * stream.normal()) },
    ]),
  );
}

export function trainingTask(plan: Plan, rows: number, weights: NamedTensors = initialWeights(plan)): TrainingTask {
  return { plan, data: drawnMatrix(plan, rows), weights, seed: 77 };
}

/** L2 norm of the difference over the L2 norm of the second, over all tensors together. */
export function relativeDistance(a: NamedTensors, b: NamedTensors): number {
  let difference = 0;
  let size = 0;
  for (const [name, { data }] of b) {
    const other = a.get(name)?.data ?? new Float32Array(data.length);
    for (const [index, value] of data.entries()) {
      difference += ((other[index] as number) - value) ** 2;
      size += value ** 2;
    }
  }
  return Math.sqrt(difference / size);
}
