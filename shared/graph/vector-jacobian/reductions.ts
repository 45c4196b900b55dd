import type { Value } from '../graph.ts';
import { intAttribute } from '../operators/attributes.ts';
import { isKnown, sizeOf } from '../operators/dimensions.ts';
import { reducedAxes } from '../operators/reductions.ts';
import { scalarLike } from './numbers.ts';
import {
  byFirstInput,
  byFirstOutput,
  type FirstOutputUse,
  type VectorJacobian,
  type VectorJacobians,
} from './product.ts';
import { asNumbers, repeatLike } from './shapes.ts';

/** A value of the reduction's shape, with the axes it took away put back as 1, so that it broadcasts against the input. */
function restored({ b, node, inputs, attributes, x }: FirstOutputUse, value: Value): Value {
  const axes = reducedAxes(node.operator, inputs, attributes, x.shape.length);
  if (axes.length === 0 || intAttribute(attributes, 'keepdims', 1) === 1) return value;
  return b.op('Unsqueeze', [value, b.integers('axes', axes)]);
}

/** How many numbers are behind each of the reduction's, known only when the graph runs if a length is a name. */
function countBehind({ b, x, y, g }: FirstOutputUse): Value {
  if (isKnown(x.shape) && isKnown(y.shape)) {
    return scalarLike(b, g, sizeOf(x.shape) / Math.max(sizeOf(y.shape), 1));
  }
  return b.div(b.cast(b.op('Size', [x]), g.type), b.cast(b.op('Size', [y]), g.type));
}

/** A slope made from the input and the reduction's result, both of which broadcast, times the gradient. */
function sloped(slope: (use: FirstOutputUse, y: Value) => Value): VectorJacobian {
  return byFirstInput((use) => use.b.mul(restored(use, use.g), slope(use, restored(use, use.y))));
}

/** Largest or smallest: where several elements hold it, each is given an equal part, as PyTorch's amax and TensorFlow have it. */
const extreme: VectorJacobian = byFirstInput((use) => {
  const { b, x, node, inputs, attributes, g } = use;
  const holds = asNumbers(b, b.op('Equal', [x, restored(use, use.y)]), g);
  const axes = reducedAxes(node.operator, inputs, attributes, x.shape.length);
  const count = b.sum(holds, axes, true);
  return b.mul(b.div(restored(use, g), count), holds);
});

export const reductions: VectorJacobians = {
  ReduceSum: byFirstOutput((use) => [
    use.needed[0] === true ? repeatLike(use.b, restored(use, use.g), use.x) : null,
    null,
  ]),
  ReduceMean: byFirstInput((use) => {
    const share = use.b.div(use.g, countBehind(use));
    return repeatLike(use.b, restored(use, share), use.x);
  }),
  ReduceMax: extreme,
  ReduceMin: extreme,
  ReduceSumSquare: byFirstInput((use) =>
    use.b.mul(use.b.mul(restored(use, use.g), scalarLike(use.b, use.g, 2)), use.x),
  ),
  ReduceL1: sloped(({ b, x }) => b.op('Sign', [x])),
  // x / y, 0 where all are 0, as PyTorch has it.
  ReduceL2: sloped(({ b, x }, y) => {
    const zero = scalarLike(b, x, 0);
    return b.op('Where', [b.op('Equal', [y, zero]), zero, b.div(x, y)]);
  }),
  ReduceLogSumExp: sloped(({ b, x }, y) => b.op('Exp', [b.sub(x, y)])),
  CumSum: byFirstOutput(({ b, inputs, attributes, g, needed }) => {
    if (needed[0] !== true || inputs[1] === undefined) return [null, null];
    const reverse = intAttribute(attributes, 'reverse', 0) === 1 ? 0 : 1;
    return [b.op('CumSum', [g, inputs[1]], { ...attributes, reverse: { int: reverse } }), null];
  }),
};
