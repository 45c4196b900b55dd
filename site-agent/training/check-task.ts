import { encodedFeatures } from '../../shared/graph/encoding.ts';
import { checkWeights, outputWidth } from '../../shared/graph/families.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import type { DesignMatrix, TrainingTask } from './trainer.ts';
import { TrainingError } from './training-error.ts';

/** First element that is not finite, or -1. */
export function firstNotFinite(data: Float32Array): number {
  return data.findIndex((value) => !Number.isFinite(value));
}

/**
 * Rows that a plan's model can be trained on: right width, every encoded value finite, every label a class or a finite number.
 * @throws TrainingError
 */
export function checkTrainingData(plan: Plan, data: DesignMatrix): void {
  if (data.rows < 1) throw new TrainingError('no_rows');
  const features = encodedFeatures(plan).length;
  if (data.features !== features || data.values.length !== data.rows * features || data.labels.length !== data.rows) {
    throw new TrainingError(
      'wrong_features',
      `${data.rows} rows of ${data.features} features with ${data.values.length} values and ${data.labels.length} labels; the plan's model takes ${features} features a row`,
    );
  }
  const value = firstNotFinite(data.values);
  if (value !== -1) {
    const row = Math.floor(value / features);
    const feature = encodedFeatures(plan)[value % features] ?? '';
    throw new TrainingError(
      'not_finite_input',
      `row ${row}, feature ${feature}: the encoded value is ${data.values[value]}`,
      {
        row,
        feature,
      },
    );
  }
  const classes = plan.task.kind === 'regression' ? 0 : plan.task.kind === 'binary' ? 2 : outputWidth(plan);
  const label = data.labels.findIndex((one) =>
    classes === 0 ? !Number.isFinite(one) : !(Number.isInteger(one) && one >= 0 && one < classes),
  );
  if (label !== -1) {
    const found = data.labels[label] as number;
    throw new TrainingError(
      Number.isNaN(found) ? 'label_missing' : 'label_invalid',
      `row ${label}: the label is ${found}; ${classes === 0 ? 'it must be a finite number' : `it must be a class index from 0 to ${classes - 1}`}`,
      { row: label },
    );
  }
}

/**
 * Everything that must hold before the first step, checked once so that the loops need not.
 * @throws TrainingError; GraphError `wrong_weights`
 */
export function checkTask({ plan, data, weights, proximal, trainable }: TrainingTask): void {
  checkTrainingData(plan, data);
  checkWeights(plan, weights);
  if (proximal !== undefined && !(Number.isFinite(proximal) && proximal >= 0)) {
    throw new TrainingError('proximal_invalid', `the pull towards the starting weights is ${proximal}`);
  }
  if (trainable !== undefined && (trainable.length === 0 || trainable.some((name) => !weights.has(name)))) {
    throw new TrainingError(
      'trainable_invalid',
      `to be trained are [${trainable.join(', ')}]; the plan's model has [${[...weights.keys()].join(', ')}]`,
    );
  }
  for (const [name, tensor] of weights) {
    const index = firstNotFinite(tensor.data);
    if (index !== -1) {
      throw new TrainingError('not_finite_weights', `tensor ${name}, element ${index} is ${tensor.data[index]}`, {
        tensor: name,
      });
    }
  }
}

/**
 * Trained minus starting weights, in float32.
 * @throws TrainingError `not_finite_delta`
 */
export function deltaOf(start: NamedTensors, trained: ReadonlyMap<string, Float32Array>): NamedTensors {
  return new Map(
    [...start.keys()].sort().map((name) => {
      const before = start.get(name);
      const after = trained.get(name);
      if (before === undefined || after === undefined)
        throw new TrainingError('engine_failed', `no result for ${name}`);
      const data = after.map((value, index) => value - (before.data[index] as number));
      const bad = firstNotFinite(data);
      if (bad !== -1) {
        throw new TrainingError(
          'not_finite_delta',
          `tensor ${name}, element ${bad} became ${after[bad]}; nothing is sent`,
          {
            tensor: name,
          },
        );
      }
      return [name, { shape: before.shape, data }];
    }),
  );
}
