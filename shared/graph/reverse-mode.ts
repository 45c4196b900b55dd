import type { ElementType, Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { GraphError } from './graph-error.ts';
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
  if (active.has(loss.name)) found.set(loss.name, builder.scalar(1));
  for (const node of nodes.toReversed()) {
    const given = node.outputs.map((output) => (active.has(output.name) ? (found.get(output.name) ?? null) : null));
    if (given.every((gradient) => gradient === null)) continue;
    const needed = node.inputs.map((value) => active.has(value.name));
    const { operator, outputs } = node;
    const parts = vectorJacobianOf(operator)({ builder, node, outputs, gradients: given, needed });
    for (const [index, value] of node.inputs.entries()) {
      if (needed[index] !== true) continue;
      const part = parts[index];
      if (part === undefined || part === null) {
        throw new GraphError('not_differentiable', `operator ${operator} has no derivative by its input ${index}`, {
          operator,
        });
      }
      const sum = found.get(value.name);
      found.set(value.name, sum === undefined ? part : builder.add(sum, part));
    }
  }
  return variables.map((variable) => found.get(variable.name) ?? zerosLike(builder, variable));
}
