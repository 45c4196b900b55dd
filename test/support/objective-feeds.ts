import { frozenWeights } from '../../shared/graph/adapters.ts';
import { encodedLayout } from '../../shared/graph/encoding.ts';
import { networkOf } from '../../shared/graph/network.ts';
import { buildObjective, type Objective, type ObjectiveOptions } from '../../shared/graph/training/objective.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { type RandomStream, randomStream } from '../../shared/runtime/random.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import type { FloatTensor } from './run-onnx.ts';

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** One encoded row's value: a level's index where a vector is looked up, a number elsewhere. */
function drawnFeature(plan: Plan, position: number, stream: RandomStream): number {
  const feature = encodedLayout(plan)[position];
  if (feature?.kind !== 'code') return stream.normal();
  const column = plan.data.columns[feature.column];
  return stream.integer(column?.kind === 'categorical' ? column.levels.length : 1);
}

/** `features` and `payload` of drawn rows, those the network takes. */
export function drawnRowInputs(plan: Plan, rows: number, stream: RandomStream): Record<string, FloatTensor> {
  return Object.fromEntries(
    networkOf(plan).inputs.map(({ name, shape }) => {
      const width = sizeOf(shape);
      const data = Float32Array.from({ length: rows * width }, (_, at) =>
        name === 'features' ? drawnFeature(plan, at % width, stream) : stream.normal(),
      );
      return [name, { shape: [rows, ...shape], data }];
    }),
  );
}

/** Labels of a plan's task that no level of is missing, in which survival times are tied. */
export function drawnLabels(plan: Plan, rows: number, stream: RandomStream): FloatTensor {
  const { label } = plan.data;
  const levels = 'levels' in label ? label.levels.length : 0;
  if (plan.task.kind === 'survival') {
    const data = Float32Array.from({ length: 2 * rows }, (_, at) =>
      at % 2 === 0 ? 1 + stream.integer(rows) : at === 1 ? 1 : stream.integer(2),
    );
    return { shape: [rows, 2], data };
  }
  const of = (row: number): number =>
    levels === 0 ? 2 * stream.normal() : row < levels ? row : stream.integer(levels);
  return { shape: [rows], data: Float32Array.from({ length: rows }, (_, row) => of(row)) };
}

/** An objective with everything it is fed. */
export function fedObjective(
  plan: Plan,
  weights: NamedTensors,
  options: ObjectiveOptions,
  seed = 8,
): { readonly objective: Objective; readonly feeds: Record<string, FloatTensor> } {
  const objective = buildObjective(plan, options);
  const stream = randomStream(seed, 'feeds');
  const feeds: Record<string, FloatTensor> = drawnRowInputs(plan, options.rows, stream);
  feeds.labels = drawnLabels(plan, options.rows, stream);
  for (const [name, tensor] of weights) feeds[name] = tensor;
  const frozen = frozenWeights(plan);
  for (const { name, weight, shape } of objective.frozen) {
    feeds[name] = { shape, data: frozen.get(weight)?.data ?? new Float32Array(0) };
  }
  for (const { name, shape } of objective.random) {
    feeds[name] = { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => stream.uniform()) };
  }
  return { objective, feeds };
}
