import { trainedParameters } from '../../shared/graph/adapters.ts';
import { codesOf, encodedFeatures, encodedLayout } from '../../shared/graph/encoding.ts';
import { checkFrozen, checkWeights } from '../../shared/graph/families.ts';
import { labelWidth } from '../../shared/graph/training/losses.ts';
import { movingParameters } from '../../shared/graph/training/objective.ts';
import { payloadShape } from '../../shared/plan/payload.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import type { DesignMatrix, TrainingTask } from './trainer.ts';
import { TrainingError } from './training-error.ts';

/** First element that is not finite, or -1. */
export function firstNotFinite(data: ArrayLike<number>): number {
  for (let index = 0; index < data.length; index++) if (!Number.isFinite(data[index])) return index;
  return -1;
}

/** Labels a row may have: so many classes, or any finite number. */
function classesOf(plan: Plan): number | null {
  const { label } = plan.data;
  return 'levels' in label ? label.levels.length : null;
}

function checkShapes(plan: Plan, data: DesignMatrix): void {
  const features = encodedFeatures(plan).length;
  const width = labelWidth(plan);
  if (
    data.features !== features ||
    data.values.length !== data.rows * features ||
    data.labels.length !== data.rows * width
  ) {
    throw new TrainingError(
      'wrong_features',
      `${data.rows} rows of ${data.features} features with ${data.values.length} values and ${data.labels.length} labels; the plan's model takes ${features} features and ${width} ${width === 1 ? 'label' : 'numbers of a label'} a row`,
    );
  }
  const spec = plan.data.payload;
  const expected = spec === undefined ? [] : payloadShape(spec);
  const found = data.payload?.shape ?? [];
  const size = expected.reduce((product, length) => product * length, 1);
  if (
    (spec === undefined) !== (data.payload === undefined) ||
    expected.join() !== found.join() ||
    (data.payload !== undefined && data.payload.values.length !== data.rows * size)
  ) {
    throw new TrainingError(
      'wrong_features',
      `the rows have a payload [${found.join(', ')}] of ${data.payload?.values.length ?? 0} values; the plan's model takes [${expected.join(', ')}] a row`,
    );
  }
}

function checkValues(plan: Plan, data: DesignMatrix): void {
  const layout = encodedLayout(plan);
  const names = encodedFeatures(plan);
  const refuse = (row: number, feature: string, value: number): never => {
    throw new TrainingError('not_finite_input', `row ${row}, feature ${feature}: the encoded value is ${value}`, {
      row,
      feature,
    });
  };
  const value = firstNotFinite(data.values);
  if (value !== -1) {
    const column = value % names.length;
    refuse(Math.floor(value / names.length), names[column] ?? '', data.values[value] as number);
  }
  for (const [place, { kind, column }] of layout.entries()) {
    const source = plan.data.columns[column];
    if (kind !== 'code' || source?.kind !== 'categorical') continue;
    const codes = codesOf(source);
    for (let row = 0; row < data.rows; row++) {
      const code = data.values[row * layout.length + place] as number;
      if (!(Number.isInteger(code) && code >= 0 && code < codes)) refuse(row, names[place] ?? '', code);
    }
  }
  const { payload } = data;
  if (payload !== undefined && payload.values instanceof Float32Array) {
    const index = firstNotFinite(payload.values);
    if (index !== -1)
      refuse(Math.floor(index / (payload.values.length / data.rows)), payload.kind, payload.values[index] as number);
  }
}

function checkLabels(plan: Plan, data: DesignMatrix): void {
  const classes = classesOf(plan);
  const width = labelWidth(plan);
  const asked =
    width === 2
      ? 'it must be a time of at least 0 and 0 or 1 for whether the event was seen'
      : classes === null
        ? 'it must be a finite number'
        : `it must be a class index from 0 to ${classes - 1}`;
  for (let index = 0; index < data.labels.length; index++) {
    const label = data.labels[index] as number;
    const sound =
      width === 2
        ? index % 2 === 0
          ? Number.isFinite(label) && label >= 0
          : label === 0 || label === 1
        : classes === null
          ? Number.isFinite(label)
          : Number.isInteger(label) && label >= 0 && label < classes;
    if (sound) continue;
    const row = Math.floor(index / width);
    throw new TrainingError(
      Number.isNaN(label) ? 'label_missing' : 'label_invalid',
      `row ${row}: the label is ${label}; ${asked}`,
      { row },
    );
  }
}

/**
 * Rows that a plan's model can be trained on: right width, every encoded value finite, every label a class, a finite number or a time with its event.
 * @throws TrainingError
 */
export function checkTrainingData(plan: Plan, data: DesignMatrix): void {
  if (data.rows < 1) throw new TrainingError('no_rows');
  checkShapes(plan, data);
  checkValues(plan, data);
  checkLabels(plan, data);
}

/** The tensors named by a control variate must be those of the model, and every tensor that moves must have one. */
function checkControl({ plan, weights, control, trainable }: TrainingTask): void {
  if (control === undefined) return;
  const missing = movingParameters(trainedParameters(plan), trainable).find(({ name }) => !control.has(name));
  if (missing !== undefined) {
    throw new TrainingError('control_invalid', `the tensor ${missing.name} trains and has no control variate`, {
      tensor: missing.name,
    });
  }
  for (const [name, { shape, data }] of control) {
    const weight = weights.get(name);
    if (weight === undefined || weight.shape.join() !== shape.join() || firstNotFinite(data) !== -1) {
      throw new TrainingError(
        'control_invalid',
        `the control variate ${name} [${shape.join(', ')}] does not go with the weights of the plan's model, or is not finite`,
        { tensor: name },
      );
    }
  }
}

/**
 * Everything that must hold before the first step, checked once so that the loops need not.
 * @throws TrainingError; GraphError `wrong_weights`
 */
export function checkTask(task: TrainingTask): void {
  const { plan, data, weights, frozen, proximal, trainable, validation, mostRows } = task;
  checkTrainingData(plan, data);
  if (validation !== undefined) checkTrainingData(plan, validation);
  checkWeights(plan, weights);
  if (frozen !== undefined) checkFrozen(plan, frozen);
  if (proximal !== undefined && !(Number.isFinite(proximal) && proximal >= 0)) {
    throw new TrainingError('proximal_invalid', `the pull towards the starting weights is ${proximal}`);
  }
  if (trainable !== undefined && (trainable.length === 0 || trainable.some((name) => !weights.has(name)))) {
    throw new TrainingError(
      'trainable_invalid',
      `to be trained are [${trainable.join(', ')}]; the plan's model has [${[...weights.keys()].join(', ')}]`,
    );
  }
  if (mostRows !== undefined && !(Number.isInteger(mostRows) && mostRows >= 1)) {
    throw new RangeError(`rows at once are a whole number of at least 1, found ${mostRows}`);
  }
  checkControl(task);
  for (const [name, tensor] of [...weights, ...(frozen ?? [])]) {
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
