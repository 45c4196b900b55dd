import type { Tensor } from '@tensorflow/tfjs-core';
import type { Attributes } from '../../../shared/graph/graph.ts';
import { floatAttribute, intAttribute } from '../../../shared/graph/operators.ts';
import type { TfjsLibrary } from '../tfjs-library.ts';
import { Held, tensorType } from './held.ts';
import { broadcastTo } from './shapes.ts';
import { elementTypeOf, type Translation, type Use } from './translation.ts';

type Elementwise = (tf: TfjsLibrary, inputs: Tensor[], attributes: Attributes) => Tensor;

/**
 * Keeps images with their channels last where all inputs are, or turn at no cost: between two convolutions nothing is transposed.
 * Inputs of one number take part in either order.
 */
function elementwise(compute: Elementwise): Translation {
  return ({ tf, node, inputs }: Use) => {
    const present = inputs as readonly Held[];
    const rank = Math.max(...present.map((held) => held.rank));
    const turns = (held: Held): boolean => held.size === 1 || held.rank === rank;
    if (present.some((held) => held.isChannelsLast) && present.every(turns)) {
      const tensors = present.map((held) => (held.rank === rank ? held.channelsLast : tf.reshape(held.tensor, [])));
      return [Held.ofChannelsLast(tf, compute(tf, tensors, node.attributes))];
    }
    return [
      Held.of(
        tf,
        compute(
          tf,
          present.map((held) => held.tensor),
          node.attributes,
        ),
      ),
    ];
  };
}

const unary = (compute: (tf: TfjsLibrary, x: Tensor, attributes: Attributes) => Tensor): Translation =>
  elementwise((tf, [x], attributes) => compute(tf, x as Tensor, attributes));
const binary = (compute: (tf: TfjsLibrary, a: Tensor, b: Tensor) => Tensor): Translation =>
  elementwise((tf, [a, b]) => compute(tf, a as Tensor, b as Tensor));
const several = (compute: (tf: TfjsLibrary, a: Tensor, b: Tensor) => Tensor): Translation =>
  elementwise((tf, inputs) => inputs.reduce((a, b) => compute(tf, a, b)));

/** Both of the same shape: the gradients that the library's full package has of a minimum and a maximum forget to sum. */
function repeated(tf: TfjsLibrary, a: Tensor, b: Tensor): [Tensor, Tensor] {
  const shape = tf.broadcast_util.assertAndGetBroadcastShape(a.shape, b.shape);
  return [broadcastTo(tf, a, shape), broadcastTo(tf, b, shape)];
}

/** ONNX divides integers towards zero. */
function quotient(tf: TfjsLibrary, a: Tensor, b: Tensor): Tensor {
  if (a.dtype !== 'int32') return tf.div(a, b);
  return tf.cast(tf.div(tf.cast(a, 'float32'), tf.cast(b, 'float32')), 'int32');
}

/** With the sign of the divisor, or of the dividend where `fmod`. */
function remainder(tf: TfjsLibrary, a: Tensor, b: Tensor, fmod: boolean): Tensor {
  const [x, y] = [tf.cast(a, 'float32'), tf.cast(b, 'float32')];
  const ratio = tf.div(x, y);
  const whole = fmod ? tf.mul(tf.sign(ratio), tf.floor(tf.abs(ratio))) : tf.floor(ratio);
  return tf.cast(tf.sub(x, tf.mul(whole, y)), a.dtype);
}

const bounded = (tf: TfjsLibrary, x: Tensor, low: number, high: number): Tensor => tf.clipByValue(x, low, high);

/** max(x, 0) and what `negative` makes of min(x, 0), which cannot overflow. At 0 the slope is that of `negative`. */
function byHalves(tf: TfjsLibrary, x: Tensor, negative: (below: Tensor) => Tensor): Tensor {
  return tf.add(tf.relu(x), negative(tf.minimum(x, tf.scalar(0))));
}

function cast({ tf, node, inputs: [x] }: Use): Held[] {
  const held = x as Held;
  const type = tensorType(elementTypeOf(intAttribute(node.attributes, 'to', 1)));
  const convert = (tensor: Tensor): Tensor => {
    if (tensor.dtype === type) return tensor;
    // Every backend reads a truth value from a comparison; not every one from a cast.
    return type === 'bool' ? tf.notEqual(tensor, tf.zerosLike(tensor)) : tf.cast(tensor, type);
  };
  return held.isChannelsLast
    ? [Held.ofChannelsLast(tf, convert(held.channelsLast))]
    : [Held.of(tf, convert(held.tensor), type === 'int32' ? held.integers : undefined)];
}

function where({ tf, inputs }: Use): Held[] {
  const [condition, a, b] = inputs.map((held) => (held as Held).tensor) as [Tensor, Tensor, Tensor];
  const shape = tf.broadcast_util.assertAndGetBroadcastShape(
    condition.shape,
    tf.broadcast_util.assertAndGetBroadcastShape(a.shape, b.shape),
  );
  return [
    Held.of(tf, tf.where(broadcastTo(tf, condition, shape), broadcastTo(tf, a, shape), broadcastTo(tf, b, shape))),
  ];
}

function clip({ tf, inputs: [x, low, high] }: Use): Held[] {
  const held = x as Held;
  const limited = (tensor: Tensor): Tensor => {
    const raised = low === undefined ? tensor : tf.maximum(tensor, tf.reshape(low.tensor, []));
    return high === undefined ? raised : tf.minimum(raised, tf.reshape(high.tensor, []));
  };
  return held.isChannelsLast
    ? [Held.ofChannelsLast(tf, limited(held.channelsLast))]
    : [Held.of(tf, limited(held.tensor))];
}

/** Operators that work value by value, by their ONNX names. */
export const elementwiseTranslations: Readonly<Record<string, Translation>> = {
  Add: binary((tf, a, b) => tf.add(a, b)),
  Sub: binary((tf, a, b) => tf.sub(a, b)),
  Mul: binary((tf, a, b) => tf.mul(a, b)),
  Div: binary(quotient),
  Pow: binary((tf, a, b) => tf.pow(a, tf.cast(b, a.dtype))),
  Min: several((tf, a, b) => tf.minimum(...repeated(tf, a, b))),
  Max: several((tf, a, b) => tf.maximum(...repeated(tf, a, b))),
  Sum: several((tf, a, b) => tf.add(a, b)),
  Mean: elementwise((tf, inputs) =>
    tf.div(
      inputs.reduce((a, b) => tf.add(a, b)),
      inputs.length,
    ),
  ),
  Mod: elementwise((tf, [a, b], attributes) =>
    remainder(tf, a as Tensor, b as Tensor, intAttribute(attributes, 'fmod', 0) === 1),
  ),
  And: binary((tf, a, b) => tf.logicalAnd(a, b)),
  Or: binary((tf, a, b) => tf.logicalOr(a, b)),
  Xor: binary((tf, a, b) => tf.notEqual(tf.cast(a, 'int32'), tf.cast(b, 'int32'))),
  Not: unary((tf, x) => tf.logicalNot(x)),
  Equal: binary((tf, a, b) =>
    a.dtype === 'bool' ? tf.equal(tf.cast(a, 'int32'), tf.cast(b, 'int32')) : tf.equal(a, b),
  ),
  Less: binary((tf, a, b) => tf.less(a, b)),
  LessOrEqual: binary((tf, a, b) => tf.lessEqual(a, b)),
  Greater: binary((tf, a, b) => tf.greater(a, b)),
  GreaterOrEqual: binary((tf, a, b) => tf.greaterEqual(a, b)),
  IsNaN: unary((tf, x) => tf.isNaN(x)),

  Identity: unary((_, x) => x),
  Neg: unary((tf, x) => tf.neg(x)),
  Abs: unary((tf, x) => tf.abs(x)),
  Sign: unary((tf, x) => tf.sign(x)),
  Floor: unary((tf, x) => tf.floor(x)),
  Ceil: unary((tf, x) => tf.ceil(x)),
  Round: unary((tf, x) => tf.round(x)),
  Sqrt: unary((tf, x) => tf.sqrt(x)),
  Exp: unary((tf, x) => tf.exp(x)),
  Log: unary((tf, x) => tf.log(x)),
  Sin: unary((tf, x) => tf.sin(x)),
  Cos: unary((tf, x) => tf.cos(x)),
  Reciprocal: unary((tf, x) => tf.reciprocal(x)),
  Erf: unary((tf, x) => tf.erf(x)),

  Relu: unary((tf, x) => tf.relu(x)),
  Tanh: unary((tf, x) => tf.tanh(x)),
  Sigmoid: unary((tf, x) => tf.sigmoid(x)),
  Softplus: unary((tf, x) => tf.softplus(x)),
  Softsign: unary((tf, x) => tf.div(x, tf.add(tf.abs(x), 1))),
  LeakyRelu: unary((tf, x, attributes) =>
    byHalves(tf, x, (below) => tf.mul(below, floatAttribute(attributes, 'alpha', 0.01))),
  ),
  Elu: unary((tf, x, attributes) =>
    byHalves(tf, x, (below) => tf.mul(tf.sub(tf.exp(below), 1), floatAttribute(attributes, 'alpha', 1))),
  ),
  Selu: unary((tf, x, attributes) => {
    const alpha = floatAttribute(attributes, 'alpha', 1.6732632423543772);
    const scaled = byHalves(tf, x, (below) => tf.mul(tf.sub(tf.exp(below), 1), alpha));
    return tf.mul(scaled, floatAttribute(attributes, 'gamma', 1.0507009873554805));
  }),
  HardSigmoid: unary((tf, x, attributes) =>
    bounded(
      tf,
      tf.add(tf.mul(x, floatAttribute(attributes, 'alpha', 0.2)), floatAttribute(attributes, 'beta', 0.5)),
      0,
      1,
    ),
  ),
  HardSwish: unary((tf, x) => tf.mul(x, bounded(tf, tf.add(tf.mul(x, 1 / 6), 0.5), 0, 1))),
  PRelu: binary((tf, x, slope) => byHalves(tf, x, (below) => tf.mul(below, slope))),
  Celu: unary((tf, x, attributes) => {
    const alpha = floatAttribute(attributes, 'alpha', 1);
    return byHalves(tf, x, (below) => tf.mul(tf.sub(tf.exp(tf.div(below, alpha)), 1), alpha));
  }),
  Dropout: unary((_, x) => x),

  Cast: cast,
  Where: where,
  Clip: clip,
};
