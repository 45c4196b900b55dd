import type { Attributes, GraphNode, Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { GraphError } from '../graph-error.ts';

/** What the vector-Jacobian product of one operator is made from. */
export interface VectorJacobianUse {
  readonly builder: GraphBuilder;
  readonly node: GraphNode;
  readonly outputs: readonly Value[];
  /** The gradient of the loss by each output, of the output's shape; null where the loss does not depend on it. One at least is there. */
  readonly gradients: readonly (Value | null)[];
  /** By input, whether its gradient is asked for. */
  readonly needed: readonly boolean[];
}

/**
 * The vector-Jacobian product of one operator: given the gradients of the loss by its outputs, adds to the graph the gradients by its
 * inputs, one an input and of its shape. An input whose `needed` is false may be left out (null).
 */
export type VectorJacobian = (use: VectorJacobianUse) => readonly (Value | null)[];

export type VectorJacobians = Readonly<Record<string, VectorJacobian>>;

/** The use of an operator by its first output alone. */
export interface FirstOutputUse {
  readonly b: GraphBuilder;
  readonly node: GraphNode;
  readonly attributes: Attributes;
  readonly inputs: readonly Value[];
  readonly x: Value;
  readonly y: Value;
  /** Gradient by `y`. */
  readonly g: Value;
  readonly needed: readonly boolean[];
}

/** @throws GraphError `unknown_value` when the input is not there */
export function inputAt(inputs: readonly Value[], index: number): Value {
  const value = inputs[index];
  if (value === undefined) throw new GraphError('unknown_value', `an operator lacks its input ${index}`);
  return value;
}

/** An operator the loss depends on by its first output; a gradient by any other is refused. */
export function byFirstOutput(product: (use: FirstOutputUse) => readonly (Value | null)[]): VectorJacobian {
  return ({ builder, node, outputs, gradients, needed }) => {
    const [y] = outputs;
    const [g, ...others] = gradients;
    const other = others.findIndex((gradient) => gradient !== null);
    if (other !== -1) throw refusal(node.operator, `by its output ${other + 1}`);
    if (y === undefined || g === undefined || g === null) return node.inputs.map(() => null);
    const { inputs, attributes } = node;
    return product({ b: builder, node, attributes, inputs, x: inputAt(inputs, 0), y, g, needed });
  };
}

/** An operator with a derivative by its first input alone. */
export function byFirstInput(product: (use: FirstOutputUse) => Value): VectorJacobian {
  return byFirstOutput((use) => [use.needed[0] === true ? product(use) : null]);
}

/** The error for a use of an operator that has no derivative. */
export function refusal(operator: string, why: string): GraphError {
  return new GraphError('not_differentiable', `operator ${operator} has no derivative ${why}`, { operator });
}
