import type { Plan } from '../plan/plan.ts';
import type { GraphNode, Value } from './graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import { networkOf } from './network.ts';
import { intAttribute, intsAttribute } from './operators.ts';

/** A parameter of two axes that the network multiplies by. */
export interface ProductMatrix {
  readonly name: string;
  /** Width of what is multiplied, and of the product. */
  readonly inputs: number;
  readonly outputs: number;
  /** Stored as [outputs, inputs], as PyTorch stores them, instead of [inputs, outputs]. */
  readonly transposed: boolean;
}

const known = new WeakMap<Plan, ReadonlyMap<string, ProductMatrix>>();

/**
 * The parameters of two axes by which MatMul or Gemm multiply, by name: those that low-rank adapters can be put on. A table that Gather
 * reads, positions that are added and the kernels of convolutions are none of them.
 */
export function productMatrices(plan: Plan): ReadonlyMap<string, ProductMatrix> {
  const made = known.get(plan) ?? findMatrices(plan);
  known.set(plan, made);
  return made;
}

function findMatrices(plan: Plan): ReadonlyMap<string, ProductMatrix> {
  const network = networkOf(plan);
  const builder = new GraphBuilder('matrices');
  const inputs = new Map(
    network.inputs.map(({ name, shape }) => [name, builder.input(`input/${name}`, 'float', ['N', ...shape])] as const),
  );
  const weights = new Map(
    network.parameters.map(({ name, shape }) => [name, builder.input(name, 'float', shape)] as const),
  );
  network.forward({ builder, inputs, weights, random: null });
  const shapes = new Map(network.parameters.map(({ name, shape }) => [name, shape] as const));
  // A matrix may be turned before it is multiplied by.
  const matrices = new Map<string, { readonly name: string; readonly turned: boolean }>();
  for (const { name, shape } of network.parameters) if (shape.length === 2) matrices.set(name, { name, turned: false });
  const found = new Map<string, ProductMatrix>();
  for (const node of builder.nodes) {
    const [first, second] = node.inputs as [Value, Value | undefined];
    const turnable = matrices.get(first.name);
    if (turnable !== undefined && isTurning(node)) {
      matrices.set((node.outputs[0] as Value).name, { name: turnable.name, turned: !turnable.turned });
    }
    const source = second === undefined ? undefined : matrices.get(second.name);
    if (source === undefined || (node.operator !== 'MatMul' && node.operator !== 'Gemm')) continue;
    const transposed = source.turned !== (intAttribute(node.attributes, 'transB', 0) === 1);
    const [rows, columns] = shapes.get(source.name) as [number, number];
    found.set(source.name, {
      name: source.name,
      inputs: transposed ? columns : rows,
      outputs: transposed ? rows : columns,
      transposed,
    });
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function isTurning(node: GraphNode): boolean {
  return node.operator === 'Transpose' && (intsAttribute(node.attributes, 'perm') ?? [1, 0]).join() === '1,0';
}
