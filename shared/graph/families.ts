import type { Plan } from '../plan/plan.ts';
import { randomStream } from '../runtime/random.ts';
import type { NamedTensors, Tensor } from '../tensors/tensor.ts';
import { encodedFeatures } from './encoding.ts';
import { GraphError } from './graph-error.ts';

/** One affine layer: x · weight + bias, then the activation. */
export interface DenseLayer {
  readonly weight: string;
  readonly bias: string;
  readonly inputs: number;
  readonly outputs: number;
  /** `identity` on the last layer: the loss takes logits. */
  readonly activation: 'identity' | 'relu' | 'tanh' | 'sigmoid';
}

/** Numbers the network puts out a row: one logit (binary), a logit a class (multiclass), or the predicted value (regression). */
export function outputWidth(plan: Plan): number {
  return plan.task.kind === 'multiclass' && 'levels' in plan.data.label ? plan.data.label.levels.length : 1;
}

/** The layers of the plan's network, first to last. A generalised linear model is one layer. */
export function denseLayers(plan: Plan): DenseLayer[] {
  const hidden = plan.model.family === 'mlp' ? plan.model.hidden : [];
  const activation = plan.model.family === 'mlp' ? plan.model.activation : 'identity';
  const widths = [encodedFeatures(plan.data).length, ...hidden, outputWidth(plan)];
  return widths.slice(1).map((outputs, index) => ({
    weight: `layer${index + 1}.weight`,
    bias: `layer${index + 1}.bias`,
    inputs: widths[index] as number,
    outputs,
    activation: index === hidden.length ? 'identity' : activation,
  }));
}

/** Names and shapes of the plan's weights, sorted by name: `layer1.bias` [out], `layer1.weight` [in, out], ... */
export function modelTensors(plan: Plan): { readonly name: string; readonly shape: readonly number[] }[] {
  return denseLayers(plan)
    .flatMap((layer) => [
      { name: layer.weight, shape: [layer.inputs, layer.outputs] },
      { name: layer.bias, shape: [layer.outputs] },
    ])
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Whether the plan's L2 penalty applies: weights, not biases. */
export function isPenalised(name: string): boolean {
  return name.endsWith('.weight');
}

/**
 * Weights of round 0, the same on every machine: drawn from the plan's seed, one stream a tensor.
 * A generalised linear model starts at zero. An MLP's biases start at zero and its weights are uniform on ±limit:
 * before relu, sqrt(6 / in) (He et al. 2015, eq. 10); else sqrt(6 / (in + out)) (Glorot and Bengio 2010, eq. 16).
 */
export function initialWeights(plan: Plan): NamedTensors {
  const layers = new Map(denseLayers(plan).map((layer) => [layer.weight, layer]));
  const weights = new Map<string, Tensor>();
  for (const { name, shape } of modelTensors(plan)) {
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
    const layer = layers.get(name);
    if (layer !== undefined && plan.model.family === 'mlp') {
      const fan = layer.activation === 'relu' ? layer.inputs : layer.inputs + layer.outputs;
      const limit = Math.sqrt(6 / fan);
      const stream = randomStream(plan.training.seed, 'weights', name);
      for (let index = 0; index < data.length; index++) data[index] = (2 * stream.uniform() - 1) * limit;
    }
    weights.set(name, { shape, data });
  }
  return weights;
}

/**
 * Checks that the weights are those of the plan's model.
 * @throws GraphError `wrong_weights`, naming the tensor and both shapes
 */
export function checkWeights(plan: Plan, weights: NamedTensors): void {
  const expected = modelTensors(plan);
  for (const { name, shape } of expected) {
    const tensor = weights.get(name);
    if (tensor === undefined) {
      throw new GraphError('wrong_weights', `tensor ${name} [${shape.join(', ')}] of the plan's model is not there`, {
        tensor: name,
      });
    }
    const size = shape.reduce((product, length) => product * length, 1);
    if (
      tensor.shape.length !== shape.length ||
      tensor.shape.some((length, axis) => length !== shape[axis]) ||
      tensor.data.length !== size
    ) {
      throw new GraphError(
        'wrong_weights',
        `tensor ${name} has shape [${tensor.shape.join(', ')}] and ${tensor.data.length} values, the plan's model has [${shape.join(', ')}]`,
        { tensor: name },
      );
    }
  }
  if (weights.size !== expected.length) {
    const known = new Set(expected.map((tensor) => tensor.name));
    const extra = [...weights.keys()].filter((name) => !known.has(name));
    throw new GraphError('wrong_weights', `tensors the plan's model does not have: ${extra.join(', ')}`);
  }
}
