import type { Plan } from '../plan/plan.ts';
import { randomStream } from '../runtime/random.ts';
import type { NamedTensors, Tensor } from '../tensors/tensor.ts';
import { trainedParameters } from './adapters.ts';
import { GraphError } from './graph-error.ts';
import { networkOf, type Parameter } from './network.ts';

export { outputWidth } from './families/output-width.ts';

/** Names and shapes of the tensors that travel each round, sorted by name: `layer1.bias` [out], `layer1.weight` [in, out], ... */
export function modelTensors(plan: Plan): { readonly name: string; readonly shape: readonly number[] }[] {
  return trainedParameters(plan).map(({ name, shape }) => ({ name, shape }));
}

/** Names of the parameters of the last layer, and of all. */
export function layerNames(plan: Plan): { readonly last: readonly string[]; readonly all: readonly string[] } {
  const { lastLayer, parameters } = networkOf(plan);
  return { last: lastLayer, all: parameters.map(({ name }) => name) };
}

/** One tensor as it is in round 0, the same on every machine. */
export function drawParameter(plan: Plan, { name, shape, initial }: Parameter): Tensor {
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
  if (initial.kind === 'constant') data.fill(initial.value);
  if (initial.kind === 'uniform' || initial.kind === 'normal') {
    const stream = randomStream(plan.training.seed, 'weights', name);
    for (let index = 0; index < data.length; index++) {
      data[index] =
        initial.kind === 'uniform' ? (2 * stream.uniform() - 1) * initial.limit : stream.normal() * initial.deviation;
    }
  }
  return { shape, data };
}

/** Weights of round 0, the same on every machine: drawn from the plan's seed, one stream a tensor. */
export function initialWeights(plan: Plan): NamedTensors {
  return new Map(trainedParameters(plan).map((parameter) => [parameter.name, drawParameter(plan, parameter)]));
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
