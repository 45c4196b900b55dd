import type { Tensor } from '@tensorflow/tfjs-core';
import type { TfjsLibrary } from '../../tfjs-library.ts';
import { type KernelAttributes, type KernelGradient, type KernelGradients, sumTo } from './gradient.ts';

/** dy times a derivative made from the input. */
function byInput(slope: (tf: TfjsLibrary, x: Tensor, attributes: KernelAttributes) => Tensor): KernelGradient {
  return {
    inputs: ['x'],
    of: (tf, dy, [x], attributes) => ({ x: () => tf.mul(dy, slope(tf, x as Tensor, attributes)) }),
  };
}

/** dy times a derivative made from the output. */
function byOutput(slope: (tf: TfjsLibrary, y: Tensor) => Tensor): KernelGradient {
  return { output: true, of: (tf, dy, [y]) => ({ x: () => tf.mul(dy, slope(tf, y as Tensor)) }) };
}

type Side = (tf: TfjsLibrary, dy: Tensor, a: Tensor, b: Tensor, y: Tensor) => Tensor;

/** Two inputs that may broadcast against each other. */
function twoSided(left: Side, right: Side): KernelGradient {
  return {
    inputs: ['a', 'b'],
    output: true,
    of: (tf, dy, saved) => {
      const [a, b, y] = saved as readonly [Tensor, Tensor, Tensor];
      return {
        a: () => sumTo(tf, left(tf, dy, a, b, y), a.shape),
        b: () => sumTo(tf, right(tf, dy, a, b, y), b.shape),
      };
    },
  };
}

const where = (tf: TfjsLibrary, condition: Tensor, dy: Tensor): Tensor => tf.mul(dy, tf.cast(condition, 'float32'));
const flat: KernelGradient = { of: (tf, dy) => ({ x: () => tf.zerosLike(dy) }) };
/** What is compared has no gradient of it; without saying so the library refuses a condition that depends on a weight. */
const compared: KernelGradient = {
  inputs: ['a', 'b'],
  of: (tf, _, saved) => ({
    a: () => tf.zeros((saved[0] as Tensor).shape),
    b: () => tf.zeros((saved[1] as Tensor).shape),
  }),
};

/** 2 / √π. */
const erfSlopeAtZero = 1.1283791670955126;

/** Of kernels that work value by value. */
export const elementwiseGradients: KernelGradients = {
  Add: twoSided(
    (_, dy) => dy,
    (_, dy) => dy,
  ),
  Sub: twoSided(
    (_, dy) => dy,
    (tf, dy) => tf.neg(dy),
  ),
  Multiply: twoSided(
    (tf, dy, _, b) => tf.mul(dy, b),
    (tf, dy, a) => tf.mul(dy, a),
  ),
  RealDiv: twoSided(
    (tf, dy, _, b) => tf.div(dy, b),
    (tf, dy, _, b, y) => tf.neg(tf.mul(dy, tf.div(y, b))),
  ),
  Pow: twoSided(
    (tf, dy, a, b) => tf.mul(dy, tf.mul(b, tf.pow(a, tf.sub(b, 1)))),
    // a^b has no derivative by b at a ≤ 0, where log a is not a number.
    (tf, dy, a, _, y) => {
      const positive = tf.greater(a, 0);
      const safe = tf.where(positive, a, tf.onesLike(a));
      return tf.mul(dy, tf.mul(y, tf.mul(tf.cast(positive, 'float32'), tf.log(safe))));
    },
  ),
  // Of equal values the first has the gradient.
  Maximum: twoSided(
    (tf, dy, a, b) => where(tf, tf.greaterEqual(a, b), dy),
    (tf, dy, a, b) => where(tf, tf.less(a, b), dy),
  ),
  Minimum: twoSided(
    (tf, dy, a, b) => where(tf, tf.lessEqual(a, b), dy),
    (tf, dy, a, b) => where(tf, tf.greater(a, b), dy),
  ),
  Select: {
    inputs: ['condition'],
    of: (tf, dy, [condition]) => ({
      condition: () => tf.zerosLike(tf.cast(condition as Tensor, 'float32')),
      t: () => where(tf, condition as Tensor, dy),
      e: () => where(tf, tf.logicalNot(condition as Tensor), dy),
    }),
  },
  ClipByValue: byInput((tf, x, { clipValueMin, clipValueMax }) =>
    tf.cast(
      tf.logicalAnd(tf.greaterEqual(x, clipValueMin as number), tf.lessEqual(x, clipValueMax as number)),
      'float32',
    ),
  ),

  Identity: { of: (tf, dy) => ({ x: () => tf.clone(dy) }) },
  Cast: { of: (tf, dy) => ({ x: () => tf.cast(dy, 'float32') }) },
  Neg: { of: (tf, dy) => ({ x: () => tf.neg(dy) }) },
  Abs: byInput((tf, x) => tf.sign(x)),
  Square: byInput((tf, x) => tf.mul(x, 2)),
  Sqrt: byOutput((tf, y) => tf.div(0.5, y)),
  Exp: byOutput((_, y) => y),
  Log: byInput((tf, x) => tf.reciprocal(x)),
  Sin: byInput((tf, x) => tf.cos(x)),
  Cos: byInput((tf, x) => tf.neg(tf.sin(x))),
  Reciprocal: byOutput((tf, y) => tf.neg(tf.square(y))),
  Erf: byInput((tf, x) => tf.mul(tf.exp(tf.neg(tf.square(x))), erfSlopeAtZero)),
  Relu: byInput((tf, x) => tf.step(x)),
  Tanh: byOutput((tf, y) => tf.sub(1, tf.square(y))),
  Sigmoid: byOutput((tf, y) => tf.mul(y, tf.sub(1, y))),
  Softplus: byInput((tf, x) => tf.sigmoid(x)),
  Equal: compared,
  NotEqual: compared,
  Greater: compared,
  GreaterEqual: compared,
  Less: compared,
  LessEqual: compared,
  LogicalAnd: compared,
  LogicalOr: compared,
  LogicalNot: flat,
  IsNan: flat,
  Sign: flat,
  Floor: flat,
  Ceil: flat,
  Round: flat,
};
