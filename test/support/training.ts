import { encodedFeatures } from '../../shared/graph/encoding.ts';
import { initialWeights, modelTensors, outputWidth } from '../../shared/graph/families.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { randomStream } from '../../shared/runtime/random.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import type { DesignMatrix, TrainingTask } from '../../site-agent/training/trainer.ts';

/** Standard normal features and labels of the plan's kind that depend on them. */
export function drawnMatrix(plan: Plan, rows: number, seed = 1): DesignMatrix {
  const stream = randomStream(seed, 'matrix');
  const features = encodedFeatures(plan).length;
  const values = Float32Array.from({ length: rows * features }, () => stream.normal());
  const classes = outputWidth(plan);
  const labels = Float32Array.from({ length: rows }, (_, row) => {
    const score = (values[row * features] as number) - 0.5 * (values[row * features + 1] as number) + stream.normal();
    if (plan.task.kind === 'regression') return 3 * score + 1;
    return plan.task.kind === 'binary'
      ? Number(score > 0.3)
      : Math.min(classes - 1, Math.max(0, Math.floor(score + 1.5)));
  });
  return { rows, features, values, labels };
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
