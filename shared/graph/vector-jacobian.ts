import type { Dimension, GraphNode, Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { GraphError } from './graph-error.ts';
import { intAttribute, intsAttribute } from './operators.ts';

/**
 * The vector-Jacobian product of one operator: given the gradient of the loss by its output, adds to the graph the gradients
 * by its inputs. An input whose `needed` is false may be left out (null).
 */
export type VectorJacobian = (use: {
  readonly builder: GraphBuilder;
  readonly node: GraphNode;
  readonly output: Value;
  /** Same shape as `output`. */
  readonly gradient: Value;
  readonly needed: readonly boolean[];
}) => readonly (Value | null)[];

/** Undoes broadcasting: sums `gradient` over the axes along which a value of `shape` was repeated. */
export function sumToShape(builder: GraphBuilder, gradient: Value, shape: readonly Dimension[]): Value {
  const extra = gradient.shape.length - shape.length;
  const leading = Array.from({ length: extra }, (_, axis) => axis);
  const dropped = leading.length === 0 ? gradient : builder.sum(gradient, leading);
  const repeated = shape.flatMap((length, axis) => (length === 1 && dropped.shape[axis] !== 1 ? [axis] : []));
  return repeated.length === 0 ? dropped : builder.sum(dropped, repeated, true);
}

/** Repeats `gradient` to the shape `like` has when the graph runs. */
function repeatLike(builder: GraphBuilder, gradient: Value, like: Value): Value {
  const expanded = builder.op('Expand', [gradient, builder.op('Shape', [like])]);
  return { ...expanded, shape: like.shape };
}

function input(node: GraphNode, index: number): Value {
  const value = node.inputs[index];
  if (value === undefined) throw new GraphError('unknown_value', `${node.operator} lacks its input ${index}`);
  return value;
}

/** Element-wise operator of one input: gradient times a derivative made from the input and the output. */
function unary(derivative: (builder: GraphBuilder, x: Value, y: Value) => Value): VectorJacobian {
  return ({ builder, node, output, gradient }) => [builder.mul(gradient, derivative(builder, input(node, 0), output))];
}

/** Element-wise operator of two inputs, each side given its own derivative. */
function binary(
  sides: (use: { builder: GraphBuilder; gradient: Value; a: Value; b: Value }) => [() => Value, () => Value],
): VectorJacobian {
  return ({ builder, node, gradient, needed }) => {
    const a = input(node, 0);
    const b = input(node, 1);
    const [left, right] = sides({ builder, gradient, a, b });
    return [
      needed[0] === true ? sumToShape(builder, left(), a.shape) : null,
      needed[1] === true ? sumToShape(builder, right(), b.shape) : null,
    ];
  };
}

/** Gradient of a reduction with its dropped axes put back as 1, so that it broadcasts against the input. */
function restoreAxes(
  builder: GraphBuilder,
  node: GraphNode,
  gradient: Value,
  axes: readonly number[] | undefined,
): Value {
  if (intAttribute(node.attributes, 'keepdims', 1) === 1 || axes === undefined) return gradient;
  return builder.op('Unsqueeze', [gradient, builder.integers('axes', axes)]);
}

const vectorJacobians: Readonly<Record<string, VectorJacobian>> = {
  Add: binary(({ gradient }) => [() => gradient, () => gradient]),
  Sub: binary(({ builder, gradient }) => [() => gradient, () => builder.neg(gradient)]),
  Mul: binary(({ builder, gradient, a, b }) => [() => builder.mul(gradient, b), () => builder.mul(gradient, a)]),
  Neg: ({ builder, gradient }) => [builder.neg(gradient)],

  // 0 at x = 0, as TensorFlow and PyTorch have it.
  Relu: unary((builder, x) => builder.cast(builder.op('Greater', [x, builder.scalar(0)]), 'float')),
  Tanh: unary((builder, _, y) => builder.sub(builder.scalar(1), builder.mul(y, y))),
  Sigmoid: unary((builder, _, y) => builder.mul(y, builder.sub(builder.scalar(1), y))),
  Softplus: unary((builder, x) => builder.op('Sigmoid', [x])),

  // y = x - log Σ exp x, so dx = g - softmax(x) Σ g, and softmax is exp y.
  LogSoftmax: ({ builder, node, output, gradient }) => {
    const axis = intAttribute(node.attributes, 'axis', -1);
    const total = builder.sum(gradient, [axis], true);
    return [builder.sub(gradient, builder.mul(builder.op('Exp', [output]), total))];
  },

  Gemm: ({ builder, node, gradient, needed }) => {
    for (const name of ['transA', 'transB', 'alpha', 'beta']) {
      if (node.attributes[name] !== undefined) {
        throw new GraphError('not_differentiable', `Gemm with the attribute ${name} has no derivative here`, {
          operator: 'Gemm',
        });
      }
    }
    const a = input(node, 0);
    const b = input(node, 1);
    const c = node.inputs[2];
    return [
      needed[0] === true ? builder.gemm(gradient, b, undefined, { b: true }) : null,
      needed[1] === true ? builder.gemm(a, gradient, undefined, { a: true }) : null,
      c !== undefined && needed[2] === true ? sumToShape(builder, gradient, c.shape) : null,
    ];
  },

  Squeeze: ({ builder, node, gradient }) => [builder.op('Unsqueeze', [gradient, input(node, 1)]), null],

  ReduceSum: ({ builder, node, gradient }) => {
    const axes = node.inputs[1] === undefined ? undefined : Array.from(input(node, 1).constant ?? [], Number);
    return [repeatLike(builder, restoreAxes(builder, node, gradient, axes), input(node, 0)), null];
  },

  ReduceMean: ({ builder, node, output, gradient }) => {
    const x = input(node, 0);
    // The number of values behind each mean is known only when the batch is.
    const count = builder.div(
      builder.cast(builder.op('Size', [x]), 'float'),
      builder.cast(builder.op('Size', [output]), 'float'),
    );
    const share = builder.div(gradient, count);
    return [repeatLike(builder, restoreAxes(builder, node, share, intsAttribute(node.attributes, 'axes')), x)];
  },
};

/** Operators with a derivative, sorted. */
export function differentiableOperators(): string[] {
  return Object.keys(vectorJacobians).sort();
}

/** @throws GraphError `not_differentiable`, naming the operator */
export function vectorJacobianOf(operator: string): VectorJacobian {
  const found = Object.hasOwn(vectorJacobians, operator) ? vectorJacobians[operator] : undefined;
  if (found === undefined) {
    throw new GraphError(
      'not_differentiable',
      `operator ${operator} has no derivative; operators with one: ${differentiableOperators().join(', ')}`,
      { operator },
    );
  }
  return found;
}
