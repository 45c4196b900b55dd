import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
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

/** Element-wise operator of two inputs, each side given its own derivative. */
function binary(sides: (use: FirstOutputUse & { a: Value; c: Value }) => [() => Value, () => Value]): VectorJacobian {
  return byFirstOutput((use) => {
    const a = use.x;
    const c = inputAt(use.inputs, 1);
    const [left, right] = sides({ ...use, a, c });
    return [
      use.needed[0] === true ? sumToShape(use.b, left(), a.shape) : null,
      use.needed[1] === true ? sumToShape(use.b, right(), c.shape) : null,
    ];
  });
}

/** The number a constant input holds in every element, undefined for other inputs. */
function evenNumber(value: Value): number | undefined {
  const { constant, type } = value;
  if (constant === undefined || constant.length === 0 || type === 'float16') return undefined;
  const first = Number(constant[0]);
  for (const other of constant) if (Number(other) !== first) return undefined;
  return first;
}

/** x^c for one constant c: c x^(c - 1), without a Pow where the exponent left is 0, 1/2, 1 or 2. */
function constantPower(b: GraphBuilder, g: Value, x: Value, exponent: number): Value {
  if (exponent === 0) return b.mul(g, scalarLike(b, g, 0));
  const scaled = b.mul(g, scalarLike(b, g, exponent));
  const left = exponent - 1;
  if (left === 0) return scaled;
  if (left === 1) return b.mul(scaled, x);
  if (left === 2) return b.mul(scaled, b.mul(x, x));
  if (left === -0.5) return b.div(scaled, b.op('Sqrt', [x]));
  return b.mul(scaled, b.op('Pow', [x, scalarLike(b, x, left)]));
}

/**
 * Largest or smallest of several: the gradient goes to the inputs that hold it, in equal parts where several do,
 * as PyTorch's maximum and minimum have it.
 */
const extreme: VectorJacobian = byFirstOutput(({ b, inputs, y, g, needed }) => {
  const holds = inputs.map((input) => asNumbers(b, b.op('Equal', [input, y]), g));
  const count = holds.reduce(b.add);
  const share = inputs.length === 1 ? g : b.div(g, count);
  return inputs.map((input, index) =>
    needed[index] === true ? sumToShape(b, b.mul(share, inputAt(holds, index)), input.shape) : null,
  );
});

export const arithmetic: VectorJacobians = {
  Add: binary(({ g }) => [() => g, () => g]),
  Sub: binary(({ b, g }) => [() => g, () => b.neg(g)]),
  Mul: binary(({ b, g, a, c }) => [() => b.mul(g, c), () => b.mul(g, a)]),
  Div: binary(({ b, g, y, c }) => [() => b.div(g, c), () => b.neg(b.div(b.mul(g, y), c))]),
  Neg: byFirstInput(({ b, g }) => b.neg(g)),
  Sum: byFirstOutput(({ b, inputs, g, needed }) =>
    inputs.map((input, index) => (needed[index] === true ? sumToShape(b, g, input.shape) : null)),
  ),
  Mean: byFirstOutput(({ b, inputs, g, needed }) => {
    const share = b.mul(g, scalarLike(b, g, 1 / inputs.length));
    return inputs.map((input, index) => (needed[index] === true ? sumToShape(b, share, input.shape) : null));
  }),
  Min: extreme,
  Max: extreme,

  // By the exponent x^c log x, which is 0 at x = 0 as PyTorch has it.
  Pow: binary(({ b, g, y, a, c }) => {
    const even = evenNumber(c);
    const exponent = c.type === a.type ? c : b.cast(c, a.type);
    return [
      () => {
        if (even !== undefined) return constantPower(b, g, a, even);
        const lower = b.op('Pow', [a, b.sub(exponent, scalarLike(b, a, 1))]);
        const slope = b.mul(exponent, lower);
        const zero = scalarLike(b, a, 0);
        return b.mul(g, b.op('Where', [b.op('Equal', [exponent, zero]), zero, slope]));
      },
      () => {
        const zero = scalarLike(b, a, 0);
        const logarithm = b.op('Where', [b.op('Equal', [a, zero]), zero, b.op('Log', [a])]);
        return b.mul(g, b.mul(y, logarithm));
      },
    ];
  }),

  Where: byFirstOutput(({ b, inputs, g, needed }) => {
    const condition = inputAt(inputs, 0);
    const zero = scalarLike(b, g, 0);
    return [
      null,
      needed[1] === true ? sumToShape(b, b.op('Where', [condition, g, zero]), inputAt(inputs, 1).shape) : null,
      needed[2] === true ? sumToShape(b, b.op('Where', [condition, zero, g]), inputAt(inputs, 2).shape) : null,
    ];
  }),

  // 1 at the bounds, as TensorFlow and PyTorch have it.
  Clip: byFirstOutput(({ b, x, inputs, g, needed }) => {
    const [, least, most] = inputs;
    const below = least === undefined ? undefined : b.op('Less', [x, least]);
    const above = most === undefined ? undefined : b.op('Greater', [x, most]);
    const within = [below, above].flatMap((outside) => (outside === undefined ? [] : [b.op('Not', [outside])]));
    const inside = within.reduce((value, one) => b.mul(value, asNumbers(b, one, g)), g);
    const taken = (where: Value | undefined, bound: Value | undefined): Value | null =>
      where === undefined || bound === undefined ? null : sumToShape(b, b.mul(g, asNumbers(b, where, g)), bound.shape);
    return [
      needed[0] === true ? inside : null,
      needed[1] === true ? taken(below, least) : null,
      needed[2] === true ? taken(above, most) : null,
    ];
  }),

  Cast: byFirstInput(({ b, x, g }) => b.cast(g, x.type)),
  Identity: byFirstInput(({ g }) => g),

  // Remainders have the slope of the dividend, and by the divisor minus the whole quotient, (y - x) / c.
  Mod: binary(({ b, g, y, a, c }) => [() => g, () => b.mul(g, b.div(b.sub(y, a), c))]),
};
