import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { type DenseLayer, denseLayers, isPenalised, outputWidth } from '../../shared/graph/families.ts';
import { optimiserSlots, stepScalars } from '../../shared/graph/optimiser-update.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { TfjsLibrary } from './tfjs-library.ts';

/** Tensors by name: weights, and `slot/weight` for the optimiser's state. Whoever holds one disposes of it. */
export type TfjsState = ReadonlyMap<string, Tensor>;

function activate(tf: TfjsLibrary, layer: DenseLayer, value: Tensor2D): Tensor2D {
  switch (layer.activation) {
    case 'identity':
      return value;
    case 'relu':
      return tf.relu(value);
    case 'tanh':
      return tf.tanh(value);
    case 'sigmoid':
      return tf.sigmoid(value);
  }
}

/** Logits, or predicted values, [N, outputWidth(plan)]. */
export function tfjsForward(tf: TfjsLibrary, plan: Plan, features: Tensor2D, state: TfjsState): Tensor2D {
  let hidden = features;
  for (const layer of denseLayers(plan)) {
    const weight = state.get(layer.weight) as Tensor2D;
    const bias = state.get(layer.bias) as Tensor1D;
    hidden = activate(tf, layer, tf.add(tf.matMul(hidden, weight), bias));
  }
  return hidden;
}

/** Mean loss over the rows: the losses of `shared/graph/losses.ts`, in this library's words. */
function meanLoss(tf: TfjsLibrary, plan: Plan, features: Tensor2D, labels: Tensor1D, state: TfjsState): Scalar {
  const outputs = tfjsForward(tf, plan, features, state);
  if (plan.task.kind === 'multiclass') {
    const classes = tf.range(0, outputWidth(plan), 1, 'float32');
    const chosen = tf.cast(tf.equal(tf.reshape(labels, [-1, 1]), classes), 'float32');
    return tf.neg(tf.mean(tf.sum(tf.mul(chosen, tf.logSoftmax(outputs)), 1)));
  }
  const column = tf.reshape(outputs, [-1]);
  return plan.task.kind === 'binary'
    ? tf.mean(tf.sub(tf.softplus(column), tf.mul(labels, column)))
    : tf.mean(tf.square(tf.sub(column, labels)));
}

/** What is trained, and the pull towards where it started; `TrainingTask` says what they are. */
export interface TfjsAdaptation {
  readonly trainable?: readonly string[] | undefined;
  readonly proximal: number;
  /** Starting weights of what is trained, by name; not read when `proximal` is 0. */
  readonly anchors: TfjsState;
}

const wholeNetwork: TfjsAdaptation = { proximal: 0, anchors: new Map() };

/** The weights that move. */
export function movingWeights(
  weights: TfjsState,
  { trainable }: Pick<TfjsAdaptation, 'trainable'>,
): Map<string, Tensor> {
  return new Map([...weights].filter(([name]) => trainable?.includes(name) ?? true));
}

function penalised(
  tf: TfjsLibrary,
  plan: Plan,
  loss: Scalar,
  state: TfjsState,
  { proximal, anchors }: TfjsAdaptation,
): Scalar {
  let objective = loss;
  const { l2 } = plan.training;
  for (const [name, weight] of state) {
    if (l2 !== 0 && isPenalised(name)) objective = tf.add(objective, tf.mul(tf.sum(tf.square(weight)), l2 / 2));
    const anchor = anchors.get(name);
    if (proximal !== 0 && anchor !== undefined) {
      objective = tf.add(objective, tf.mul(tf.sum(tf.square(tf.sub(weight, anchor))), proximal / 2));
    }
  }
  return objective;
}

/** Zeros for the optimiser's state of the weights that move, by the names `tfjsStep` uses. */
export function tfjsSlots(tf: TfjsLibrary, plan: Plan, weights: TfjsState): Map<string, Tensor> {
  const slots = new Map<string, Tensor>();
  for (const [name, weight] of weights) {
    for (const slot of optimiserSlots(plan.training.optimiser)) slots.set(`${slot}/${name}`, tf.zeros(weight.shape));
  }
  return slots;
}

/** Rows whose gradient is computed in one go. A larger batch is cut, so that the event loop turns and memory stays bounded. */
export const rowsPerPart = 8192;

/**
 * Objective and its gradient for each weight that moves, in the order of `weights`. The gradient of a mean is the mean of the parts'
 * gradients weighted by their rows, so a cut batch differs from a whole one by rounding alone. The caller owns the tensors.
 */
async function gradientsOf(
  tf: TfjsLibrary,
  plan: Plan,
  features: Tensor2D,
  labels: Tensor1D,
  weights: TfjsState,
  adaptation: TfjsAdaptation,
  betweenParts: () => Promise<void>,
): Promise<readonly [Scalar, ...Tensor[]]> {
  const moving = movingWeights(weights, adaptation);
  const names = [...moving.keys()];
  const stateOf = (values: Tensor[]): TfjsState =>
    new Map([...weights, ...names.map((name, index) => [name, values[index] as Tensor] as const)]);
  const differentiate = (objective: (state: TfjsState) => Scalar): [Scalar, ...Tensor[]] => {
    const { value, grads } = tf.valueAndGrads((...values: Tensor[]) => objective(stateOf(values)))([
      ...moving.values(),
    ]);
    return [value as Scalar, ...grads];
  };
  const [rows, width] = features.shape;
  if (rows <= rowsPerPart) {
    return tf.tidy(() =>
      differentiate((state) => penalised(tf, plan, meanLoss(tf, plan, features, labels, state), state, adaptation)),
    );
  }
  let sums: [Scalar, ...Tensor[]] | undefined;
  try {
    for (let begin = 0; begin < rows; begin += rowsPerPart) {
      const size = Math.min(rowsPerPart, rows - begin);
      const before = sums;
      sums = tf.tidy(() => {
        const x = tf.slice(features, [begin, 0], [size, width]);
        const y = tf.slice(labels, [begin], [size]);
        const part = differentiate((state) => {
          const share = tf.mul(meanLoss(tf, plan, x, y, state), size / rows) as Scalar;
          return begin === 0 ? penalised(tf, plan, share, state, adaptation) : share;
        });
        return before === undefined
          ? part
          : (part.map((tensor, index) => tf.add(before[index] as Tensor, tensor)) as typeof part);
      });
      tf.dispose(before ?? []);
      await betweenParts();
    }
    return sums as [Scalar, ...Tensor[]];
  } catch (error) {
    tf.dispose(sums ?? []);
    throw error;
  }
}

/**
 * One training step: the library's own differentiation, then the update rule of `shared/graph/optimiser-update.ts`.
 * Neither disposes of nor keeps what it is given; the caller owns what comes back.
 *
 * @param step 1, 2, ...
 * @param betweenParts called between the parts of a batch of more than `rowsPerPart` rows; what it throws ends the step
 */
export async function tfjsStep(
  tf: TfjsLibrary,
  plan: Plan,
  step: number,
  features: Tensor2D,
  labels: Tensor1D,
  weights: TfjsState,
  slots: TfjsState,
  betweenParts: () => Promise<void>,
  adaptation: TfjsAdaptation = wholeNetwork,
): Promise<{ readonly loss: Scalar; readonly weights: Map<string, Tensor>; readonly slots: Map<string, Tensor> }> {
  const names = [...movingWeights(weights, adaptation).keys()];
  const [value, ...grads] = await gradientsOf(tf, plan, features, labels, weights, adaptation, betweenParts);
  const next = tf.tidy(() => {
    const result: Record<string, Tensor> = {};
    // In the order of `weights`, so that the next step sees them as this one did.
    for (const [name, weight] of weights) result[`weight:${name}`] = tf.clone(weight);
    for (const [index, name] of names.entries()) {
      const updated = update(tf, plan, step, weights.get(name) as Tensor, grads[index] as Tensor, (slot) =>
        slots.get(`${slot}/${name}`),
      );
      result[`weight:${name}`] = updated.weight;
      for (const [slot, tensor] of Object.entries(updated.slots)) result[`slot:${slot}/${name}`] = tensor;
    }
    return result;
  });
  tf.dispose(grads);
  const part = (prefix: string): Map<string, Tensor> =>
    new Map(
      Object.entries(next).flatMap(([key, tensor]) =>
        key.startsWith(prefix) ? [[key.slice(prefix.length), tensor] as const] : [],
      ),
    );
  return { loss: value, weights: part('weight:'), slots: part('slot:') };
}

function update(
  tf: TfjsLibrary,
  plan: Plan,
  step: number,
  weight: Tensor,
  gradient: Tensor,
  slotOf: (slot: string) => Tensor | undefined,
): { readonly weight: Tensor; readonly slots: Readonly<Record<string, Tensor>> } {
  const { optimiser } = plan.training;
  if (optimiser.kind === 'sgd') {
    const velocity = slotOf('velocity');
    if (velocity === undefined) return { weight: tf.sub(weight, tf.mul(gradient, optimiser.rate)), slots: {} };
    const next = tf.add(tf.mul(velocity, optimiser.momentum), gradient);
    return { weight: tf.sub(weight, tf.mul(next, optimiser.rate)), slots: { velocity: next } };
  }
  const first = slotOf('first') as Tensor;
  const second = slotOf('second') as Tensor;
  const { correctionFirst, correctionSecond } = stepScalars(optimiser, step) as Record<string, number>;
  const { beta1, beta2 } = optimiser;
  const nextFirst = tf.add(tf.mul(first, beta1), tf.mul(gradient, 1 - beta1));
  const nextSecond = tf.add(tf.mul(second, beta2), tf.mul(tf.mul(gradient, gradient), 1 - beta2));
  const spread = tf.add(tf.sqrt(tf.div(nextSecond, correctionSecond as number)), optimiser.epsilon);
  const direction = tf.div(tf.div(nextFirst, correctionFirst as number), spread);
  return {
    weight: tf.sub(weight, tf.mul(direction, optimiser.rate)),
    slots: { first: nextFirst, second: nextSecond },
  };
}
