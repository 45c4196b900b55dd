import type { ElementType, Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { GraphError } from './graph-error.ts';
import { SharedProducts } from './shared-products.ts';
import { zerosLike } from './vector-jacobian/shapes.ts';
import { vectorJacobianOf } from './vector-jacobian.ts';

/** Only numbers with a fraction have derivatives: what is compared, counted or chosen along the way carries none. */
function carriesGradient(type: ElementType): boolean {
  return type === 'float' || type === 'double' || type === 'float16';
}

/**
 * Adds to the graph the gradients of a scalar by `variables`, by reverse accumulation
 * (Griewank and Walther, Evaluating Derivatives, 2008, ch. 3.2): nodes are visited last to first, each adding
 * its vector-Jacobian product to the gradients of its inputs.
 *
 * @param loss a float value of shape []
 * @returns one gradient a variable, of its shape; zeros for a variable the loss does not depend on
 * @throws GraphError `not_differentiable` when the loss depends on a variable through an operator without a derivative
 */
export function gradients(builder: GraphBuilder, loss: Value, variables: readonly Value[]): Value[] {
  if (loss.type !== 'float' || loss.shape.length !== 0) {
    throw new GraphError(
      'shape_mismatch',
      `${loss.name} must be one float to be differentiated, not ${loss.type} of rank ${loss.shape.length}`,
    );
  }
  // Differentiating adds nodes of its own; only those there now lead to the loss.
  const nodes = [...builder.nodes];
  const active = new Set(variables.map((variable) => variable.name));
  for (const node of nodes) {
    if (!node.inputs.some((value) => active.has(value.name))) continue;
    for (const output of node.outputs) if (carriesGradient(output.type)) active.add(output.name);
  }

  const found = new Map<string, Value>();
  const collect = (name: string, part: Value): void => {
    const sum = found.get(name);
    found.set(name, sum === undefined ? part : builder.add(sum, part));
  };
  const shared = new SharedProducts(nodes);
  const gradientOf = ({ name }: Value): Value | null => {
    if (!active.has(name)) return null;
    for (const part of shared.resolve(builder, name)) collect(name, part);
    return found.get(name) ?? null;
  };

  if (active.has(loss.name)) found.set(loss.name, builder.scalar(1));
  for (const node of nodes.toReversed()) {
    const given = node.outputs.map(gradientOf);
    if (given.every((gradient) => gradient === null)) continue;
    const { operator, outputs } = node;
    const needed = shared.defer(
      node,
      given[0],
      node.inputs.map((value) => active.has(value.name)),
    );
    if (!needed.includes(true)) continue;
    const parts = vectorJacobianOf(operator)({ builder, node, outputs, gradients: given, needed });
    for (const [index, value] of node.inputs.entries()) {
      if (needed[index] !== true) continue;
      const part = parts[index];
      if (part === undefined || part === null) {
        throw new GraphError('not_differentiable', `operator ${operator} has no derivative by its input ${index}`, {
          operator,
        });
      }
      collect(value.name, part);
    }
  }
  return variables.map((variable) => gradientOf(variable) ?? zerosLike(builder, variable));
}
