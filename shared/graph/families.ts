import type { Plan } from '../plan/plan.ts';
import type { NamedTensors } from '../tensors/tensor.ts';
import { adapterNames, frozenParameters, startingTensor, trainedParameters } from './adapters.ts';
import { drawParameter } from './draw-parameter.ts';
import { GraphError } from './graph-error.ts';
import { networkOf } from './network.ts';

export { outputWidth } from './families/output-width.ts';

/** Names and shapes of the tensors that travel each round, sorted by name: `layer1.bias` [out], `layer1.weight` [in, out], ... */
export function modelTensors(plan: Plan): { readonly name: string; readonly shape: readonly number[] }[] {
  return trainedParameters(plan).map(({ name, shape }) => ({ name, shape }));
}

/** Of the travelling tensors that move by gradient, the names of those in the network's last layer (adapters on it too), and of all. */
export function layerNames(plan: Plan): { readonly last: readonly string[]; readonly all: readonly string[] } {
  const all = trainedParameters(plan).flatMap(({ name, role }) => (role === 'buffer' ? [] : [name]));
  const ofLast = new Set(
    networkOf(plan).lastLayer.flatMap((name) => [name, adapterNames(name).a, adapterNames(name).b]),
  );
  return { last: all.filter((name) => ofLast.has(name)), all };
}

/**
 * The tensors that travel, as they are in round 0, the same on every machine.
 * @param base weights the network starts from, by the network's own names; drawn from the plan's seed when absent. Adapters are always drawn.
 * @throws GraphError `wrong_weights` when the plan starts from the weights of a file and they are not those given
 */
export function initialWeights(plan: Plan, base?: NamedTensors): NamedTensors {
  const ofNetwork = new Set(networkOf(plan).parameters.map(({ name }) => name));
  return new Map(
    trainedParameters(plan).map((parameter) => [
      parameter.name,
      ofNetwork.has(parameter.name) ? startingTensor(plan, parameter, base) : drawParameter(plan, parameter),
    ]),
  );
}

/**
 * Checks that the weights are the travelling tensors of the plan's model.
 * @throws GraphError `wrong_weights`, naming the tensor and both shapes
 */
export function checkWeights(plan: Plan, weights: NamedTensors): void {
  checkTensors(modelTensors(plan), weights, "of the plan's model");
}

/**
 * Checks that the tensors are those of the plan's model that stay as they are.
 * @throws GraphError `wrong_weights`, naming the tensor and both shapes
 */
export function checkFrozen(plan: Plan, frozen: NamedTensors): void {
  checkTensors(frozenParameters(plan), frozen, "that the plan's model keeps as they are");
}

function checkTensors(
  expected: readonly { readonly name: string; readonly shape: readonly number[] }[],
  found: NamedTensors,
  which: string,
): void {
  for (const { name, shape } of expected) {
    const tensor = found.get(name);
    if (tensor === undefined) {
      throw new GraphError(
        'wrong_weights',
        `tensor ${name} [${shape.join(', ')}], one of those ${which}, is not there`,
        {
          tensor: name,
        },
      );
    }
    const size = shape.reduce((product, length) => product * length, 1);
    if (
      tensor.shape.length !== shape.length ||
      tensor.shape.some((length, axis) => length !== shape[axis]) ||
      tensor.data.length !== size
    ) {
      throw new GraphError(
        'wrong_weights',
        `tensor ${name} has shape [${tensor.shape.join(', ')}] and ${tensor.data.length} values; of those ${which} it is [${shape.join(', ')}]`,
        { tensor: name },
      );
    }
  }
  if (found.size !== expected.length) {
    const known = new Set(expected.map((tensor) => tensor.name));
    const extra = [...found.keys()].filter((name) => !known.has(name));
    throw new GraphError('wrong_weights', `tensors that are none of those ${which}: ${extra.join(', ')}`);
  }
}
