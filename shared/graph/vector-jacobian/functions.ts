import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { floatAttribute } from '../operators/attributes.ts';
import { scalarLike } from './numbers.ts';
import {
  byFirstInput,
  byFirstOutput,
  type FirstOutputUse,
  inputAt,
  type VectorJacobian,
  type VectorJacobians,
} from './product.ts';
import { asNumbers, sumToShape } from './shapes.ts';

/** Element-wise operator of one input: gradient times a derivative. */
function slope(derivative: (use: FirstOutputUse, number: (value: number) => Value) => Value): VectorJacobian {
  return byFirstInput((use) =>
    use.b.mul(
      use.g,
      derivative(use, (value) => scalarLike(use.b, use.x, value)),
    ),
  );
}

function positive(b: GraphBuilder, x: Value): Value {
  return b.op('Greater', [x, scalarLike(b, x, 0)]);
}

/** Element-wise functions of one input. Where a function has a corner its slope there is that of PyTorch. */
export const functions: VectorJacobians = {
  Abs: slope(({ b, x }) => b.op('Sign', [x])),
  Sqrt: byFirstInput(({ b, y, g }) => b.div(b.mul(g, scalarLike(b, g, 0.5)), y)),
  Exp: slope(({ y }) => y),
  Log: byFirstInput(({ b, x, g }) => b.div(g, x)),
  Reciprocal: slope(({ b, y }) => b.neg(b.mul(y, y))),
  Sin: slope(({ b, x }) => b.op('Cos', [x])),
  Cos: slope(({ b, x }) => b.neg(b.op('Sin', [x]))),
  // 2 / sqrt(pi) exp(-x²).
  Erf: slope(({ b, x }, number) => b.mul(b.op('Exp', [b.neg(b.mul(x, x))]), number(2 / Math.sqrt(Math.PI)))),

  // 0 at 0: a result that is not 0 is positive.
  Relu: slope(({ b, x, y }) => asNumbers(b, b.cast(y, 'bool'), x)),
  Tanh: slope(({ b, y }, number) => b.sub(number(1), b.mul(y, y))),
  Sigmoid: slope(({ b, y }, number) => b.mul(y, b.sub(number(1), y))),
  Softplus: slope(({ b, x }) => b.op('Sigmoid', [x])),
  Softsign: slope(({ b, x }, number) => {
    const denominator = b.add(number(1), b.op('Abs', [x]));
    return b.op('Reciprocal', [b.mul(denominator, denominator)]);
  }),
  LeakyRelu: slope(({ b, x, attributes }, number) =>
    b.op('Where', [positive(b, x), number(1), number(floatAttribute(attributes, 'alpha', 0.01))]),
  ),
  // alpha exp x below 0, which is y + alpha.
  Elu: slope(({ b, x, y, attributes }, number) =>
    b.op('Where', [positive(b, x), number(1), b.add(y, number(floatAttribute(attributes, 'alpha', 1)))]),
  ),
  // exp(x / alpha) below 0, which is y / alpha + 1.
  Celu: slope(({ b, x, y, attributes }, number) => {
    const below = b.add(b.mul(y, number(1 / floatAttribute(attributes, 'alpha', 1))), number(1));
    return b.op('Where', [positive(b, x), number(1), below]);
  }),
  // gamma alpha exp x below 0, which is y + gamma alpha.
  Selu: slope(({ b, x, y, attributes }, number) => {
    const alpha = floatAttribute(attributes, 'alpha', 1.6732631921768188);
    const gamma = floatAttribute(attributes, 'gamma', 1.0507010221481323);
    return b.op('Where', [positive(b, x), number(gamma), b.add(y, number(alpha * gamma))]);
  }),
  PRelu: byFirstOutput(({ b, x, inputs, g, needed }) => {
    const alpha = inputAt(inputs, 1);
    const above = positive(b, x);
    const below = (): Value => b.mul(g, b.op('Where', [above, scalarLike(b, x, 0), x]));
    return [
      needed[0] === true ? b.mul(g, b.op('Where', [above, scalarLike(b, x, 1), alpha])) : null,
      needed[1] === true ? sumToShape(b, below(), alpha.shape) : null,
    ];
  }),
  // alpha strictly between the flat ends.
  HardSigmoid: slope(({ b, y, x, attributes }, number) => {
    const between = b.op('And', [positive(b, y), b.op('Less', [y, number(1)])]);
    return b.mul(asNumbers(b, between, x), number(floatAttribute(attributes, 'alpha', 0.2)));
  }),
  // y = x h(x) with h = clip(x / 6 + 1/2, 0, 1), so the slope is h + x / 6 where h is not flat.
  HardSwish: slope(({ b, x }, number) => {
    const gate = b.op('HardSigmoid', [x], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } });
    const between = b.op('And', [positive(b, gate), b.op('Less', [gate, number(1)])]);
    return b.add(gate, b.mul(b.mul(x, number(1 / 6)), asNumbers(b, between, x)));
  }),
};
