import type { Plan } from '../plan/plan.ts';
import type { NamedTensors, Tensor } from '../tensors/tensor.ts';
import { drawParameter } from './draw-parameter.ts';
import type { Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { GraphError } from './graph-error.ts';
import { networkOf, type Parameter } from './network.ts';
import type { ProductMatrix } from './product-matrices.ts';
import { trainableOf } from './trainable.ts';

/** Names of the two matrices of an adapter: [inputs, rank] and [rank, outputs]. */
export function adapterNames(name: string): { readonly a: string; readonly b: string } {
  return { a: `${name}.lora_a`, b: `${name}.lora_b` };
}

/**
 * Low-rank adapter of a matrix W [inputs, outputs]: W + (alpha / rank) · A · B, with A normal and B zero, so that training starts at W.
 * E. Hu et al. (2022), LoRA: Low-Rank Adaptation of Large Language Models, equation 3 and section 4.1. A deviates by 1 / sqrt(inputs), which
 * keeps x · A about as large as an element of x.
 */
function adapterParameters({ name, inputs, outputs }: ProductMatrix, rank: number): Parameter[] {
  const names = adapterNames(name);
  return [
    {
      name: names.a,
      shape: [inputs, rank],
      role: 'weight',
      initial: { kind: 'normal', deviation: 1 / Math.sqrt(inputs) },
    },
    { name: names.b, shape: [rank, outputs], role: 'weight', initial: { kind: 'zeros' } },
  ];
}

function byName(parameters: readonly Parameter[]): Parameter[] {
  return [...parameters].sort((a, b) => (a.name < b.name ? -1 : 1));
}

const trainedByPlan = new WeakMap<Plan, readonly Parameter[]>();

/**
 * The tensors a plan's training moves: they start at round 0, and they alone travel. Sorted by name.
 * Those named by `training.trainable`, both matrices of each adapter, and the buffers of the network.
 */
export function trainedParameters(plan: Plan): readonly Parameter[] {
  const known = trainedByPlan.get(plan);
  if (known !== undefined) return known;
  const { whole, adapted, rank } = trainableOf(plan);
  const made = byName([
    ...networkOf(plan).parameters.filter(({ name, role }) => role === 'buffer' || whole.has(name)),
    ...[...adapted.values()].flatMap((matrix) => adapterParameters(matrix, rank)),
  ]);
  trainedByPlan.set(plan, made);
  return made;
}

/** The tensors of the network that stay as they are, those under an adapter among them. Sorted by name. */
export function frozenParameters(plan: Plan): readonly Parameter[] {
  const { whole } = trainableOf(plan);
  return networkOf(plan).parameters.filter(({ name, role }) => role !== 'buffer' && !whole.has(name));
}

/**
 * One tensor at the start: that of `base` where given, else drawn from the plan's seed.
 * @throws GraphError `wrong_weights` when the network starts from a file's weights and they are not there, or of another shape
 */
export function startingTensor(plan: Plan, parameter: Parameter, base: NamedTensors | undefined): Tensor {
  const { name, shape } = parameter;
  const fromFile = plan.model.family === 'onnx' && plan.model.weights !== undefined;
  if (base === undefined) {
    if (!fromFile) return drawParameter(plan, parameter);
    throw new GraphError(
      'wrong_weights',
      `tensor ${name} starts from the weights of the plan's ONNX file, which are not given`,
      { tensor: name },
    );
  }
  const tensor = base.get(name);
  if (tensor === undefined || tensor.shape.join() !== shape.join()) {
    throw new GraphError(
      'wrong_weights',
      `tensor ${name} [${shape.join(', ')}] of the plan's model is ${tensor === undefined ? 'not among' : `[${tensor.shape.join(', ')}] in`} the weights it starts from`,
      { tensor: name },
    );
  }
  return tensor;
}

/**
 * Values of the frozen tensors, the same on every machine.
 * @param base weights the network starts from, by the network's own names; drawn from the plan's seed when absent
 * @throws GraphError `wrong_weights`
 */
export function frozenWeights(plan: Plan, base?: NamedTensors): NamedTensors {
  return new Map(frozenParameters(plan).map((parameter) => [parameter.name, startingTensor(plan, parameter, base)]));
}

function tensorOf<T>(from: ReadonlyMap<string, T>, name: string): T {
  const found = from.get(name);
  if (found === undefined) throw new GraphError('wrong_weights', `tensor ${name} is not there`, { tensor: name });
  return found;
}

/**
 * Adds to the graph the value of every parameter of the network, from what is trained and what is frozen.
 * @throws GraphError `wrong_weights` when one is not there
 */
export function effectiveWeights(
  builder: GraphBuilder,
  plan: Plan,
  trained: ReadonlyMap<string, Value>,
  frozen: ReadonlyMap<string, Value>,
): ReadonlyMap<string, Value> {
  const { adapted, scale } = trainableOf(plan);
  return new Map(
    networkOf(plan).parameters.map(({ name }) => {
      const matrix = adapted.get(name);
      if (matrix === undefined) return [name, trained.get(name) ?? tensorOf(frozen, name)];
      const names = adapterNames(name);
      const [a, b] = [tensorOf(trained, names.a), tensorOf(trained, names.b)];
      // (A · B)ᵀ = Bᵀ · Aᵀ
      const product = matrix.transposed ? builder.gemm(b, a, undefined, { a: true, b: true }) : builder.gemm(a, b);
      const added = scale === 1 ? product : builder.mul(product, builder.scalar(scale));
      return [name, builder.add(tensorOf(frozen, name), added)];
    }),
  );
}

/**
 * Tensors of the whole network, adapters merged into the matrices they belong to: sums in float64, rounded once.
 * @throws GraphError `wrong_weights` when one is not there
 */
export function mergeAdapters(plan: Plan, trained: NamedTensors, frozen: NamedTensors): NamedTensors {
  const { adapted, scale } = trainableOf(plan);
  return new Map(
    networkOf(plan).parameters.map(({ name }) => {
      const matrix = adapted.get(name);
      if (matrix === undefined) return [name, trained.get(name) ?? tensorOf(frozen, name)];
      const names = adapterNames(name);
      return [
        name,
        merged(tensorOf(frozen, name), tensorOf(trained, names.a), tensorOf(trained, names.b), matrix, scale),
      ];
    }),
  );
}

function merged(base: Tensor, a: Tensor, b: Tensor, matrix: ProductMatrix, scale: number): Tensor {
  const { inputs, outputs, transposed } = matrix;
  const rank = b.data.length / outputs;
  const sums = new Float64Array(outputs);
  const data = new Float32Array(base.data.length);
  for (let row = 0; row < inputs; row++) {
    sums.fill(0);
    for (let k = 0; k < rank; k++) {
      const factor = a.data[row * rank + k] as number;
      for (let column = 0; column < outputs; column++) {
        sums[column] = (sums[column] as number) + factor * (b.data[k * outputs + column] as number);
      }
    }
    for (let column = 0; column < outputs; column++) {
      const at = transposed ? column * inputs + row : row * outputs + column;
      data[at] = (base.data[at] as number) + scale * (sums[column] as number);
    }
  }
  return { shape: base.shape, data };
}
