import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { floatAttribute, intAttribute } from '../operators/attributes.ts';
import { constantIntegers } from '../operators/contents.ts';
import { axisOf, knownShape, sizeOf } from '../operators/dimensions.ts';
import { scalarLike } from './numbers.ts';
import { byFirstInput, byFirstOutput, inputAt, refusal, type VectorJacobians } from './product.ts';
import { reshape, sumToShape } from './shapes.ts';

function meanOver(b: GraphBuilder, value: Value, axes: readonly number[]): Value {
  return b.op('ReduceMean', [value], { axes: { ints: axes }, keepdims: { int: 1 } });
}

interface Standardised {
  /** (x - mean) / deviation. */
  readonly value: Value;
  /** 1 / sqrt(variance + epsilon), of length 1 along the axes. */
  readonly inverse: Value;
}

/** @param known the standardised values, where the graph has them already */
function standardised(
  b: GraphBuilder,
  x: Value,
  axes: readonly number[],
  epsilon: number,
  known: Value | null = null,
): Standardised {
  const centred = b.sub(x, meanOver(b, x, axes));
  const count = sizeOf(knownShape(axes.map((axis) => x.shape[axis] as number)));
  const squares = b.op('ReduceSumSquare', [centred], { axes: { ints: axes }, keepdims: { int: 1 } });
  const variance = b.mul(squares, scalarLike(b, x, 1 / count));
  const inverse = b.op('Reciprocal', [b.op('Sqrt', [b.add(variance, scalarLike(b, x, epsilon))])]);
  return { value: known ?? b.mul(centred, inverse), inverse };
}

/** Whether the contents of a value are known and all this number. */
function isAll(value: Value | undefined, number: number): boolean {
  return value?.constant !== undefined && value.type !== 'float16' && value.constant.every((one) => one === number);
}

/**
 * Gradient through (x - mean) / sqrt(variance + epsilon), mean and variance over `axes`: with g the gradient by the result z,
 * inverse (g - mean g - z mean(g z)) (Ioffe and Szegedy 2015, section 3, with the sums written as means).
 */
function throughStandardising(
  b: GraphBuilder,
  g: Value,
  { value, inverse }: Standardised,
  axes: readonly number[],
): Value {
  const along = b.mul(value, meanOver(b, b.mul(g, value), axes));
  return b.mul(inverse, b.sub(b.sub(g, meanOver(b, g, axes)), along));
}

/** [C] as [1, C, 1, ...] beside a value of `rank` axes. */
function perChannel(b: GraphBuilder, value: Value, rank: number): Value {
  return reshape(b, value, [1, value.shape[0] ?? 1, ...Array.from({ length: rank - 2 }, () => 1)]);
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

export const normalisations: VectorJacobians = {
  // y (g - Σ g y).
  Softmax: byFirstInput(({ b, y, g, attributes }) => {
    const axis = intAttribute(attributes, 'axis', -1);
    const weighted = b.mul(g, y);
    return b.sub(weighted, b.mul(y, b.sum(weighted, [axis], true)));
  }),
  // y = x - log Σ exp x, so dx = g - softmax(x) Σ g, and softmax is exp y.
  LogSoftmax: byFirstInput(({ b, y, g, attributes }) => {
    const axis = intAttribute(attributes, 'axis', -1);
    return b.sub(g, b.mul(b.op('Exp', [y]), b.sum(g, [axis], true)));
  }),

  LayerNormalization: byFirstOutput(({ b, node, inputs, attributes, x, g, needed }) => {
    const scale = inputAt(inputs, 1);
    const bias = inputs[2];
    const axes = range(axisOf(intAttribute(attributes, 'axis', -1), x.shape.length), x.shape.length);
    const lazily = (): Standardised => {
      // The node's own mean and inverse deviation where it gives them, else both from a second pass.
      const [, ownMean, ownInverse] = node.outputs;
      const [, mean, inverse] =
        ownMean !== undefined && ownInverse !== undefined
          ? node.outputs
          : b.ops('LayerNormalization', inputs, attributes, 3);
      const one = (value: Value | undefined): Value => {
        const known = inputAt([value ?? x], 0);
        return known.type === x.type ? known : b.cast(known, x.type);
      };
      return { value: b.mul(b.sub(x, one(mean)), one(inverse)), inverse: one(inverse) };
    };
    const standard = needed[0] === true || needed[1] === true ? lazily() : null;
    return [
      needed[0] === true && standard !== null ? throughStandardising(b, b.mul(g, scale), standard, axes) : null,
      needed[1] === true && standard !== null ? sumToShape(b, b.mul(g, standard.value), scale.shape) : null,
      needed[2] === true && bias !== undefined ? sumToShape(b, g, bias.shape) : null,
    ];
  }),

  InstanceNormalization: byFirstOutput(({ b, inputs, attributes, x, y, g, needed }) => {
    const scale = inputAt(inputs, 1);
    const rank = x.shape.length;
    const axes = range(2, rank);
    // As part of a group normalisation it has no scale and shift of its own.
    const unscaled = isAll(scale, 1);
    const known = unscaled && isAll(inputs[2], 0) ? y : null;
    const standard = standardised(b, x, axes, floatAttribute(attributes, 'epsilon', 1e-5), known);
    const others = [0, ...axes];
    const towards = (): Value => (unscaled ? g : b.mul(g, perChannel(b, scale, rank)));
    return [
      needed[0] === true ? throughStandardising(b, towards(), standard, axes) : null,
      needed[1] === true ? b.sum(b.mul(g, standard.value), others) : null,
      needed[2] === true ? b.sum(g, others) : null,
    ];
  }),

  BatchNormalization: byFirstOutput(({ b, inputs, attributes, x, g, needed }) => {
    const rank = x.shape.length;
    const epsilon = floatAttribute(attributes, 'epsilon', 1e-5);
    const axes = [0, ...range(2, rank)];
    const scale = inputAt(inputs, 1);
    if (intAttribute(attributes, 'training_mode', 0) === 1) {
      const standard = standardised(b, x, axes, epsilon);
      return [
        needed[0] === true ? throughStandardising(b, b.mul(g, perChannel(b, scale, rank)), standard, axes) : null,
        needed[1] === true ? b.sum(b.mul(g, standard.value), axes) : null,
        needed[2] === true ? b.sum(g, axes) : null,
        null,
        null,
      ];
    }
    const [mean, variance] = [inputAt(inputs, 3), inputAt(inputs, 4)];
    const inverse = b.op('Reciprocal', [b.op('Sqrt', [b.add(variance, scalarLike(b, x, epsilon))])]);
    const factor = b.mul(scale, inverse);
    const total = needed[2] === true || needed[3] === true ? b.sum(g, axes) : null;
    // Σ g (x - mean), a number a channel.
    const moment =
      needed[1] === true || needed[4] === true ? b.sum(b.mul(g, b.sub(x, perChannel(b, mean, rank))), axes) : null;
    return [
      needed[0] === true ? b.mul(g, perChannel(b, factor, rank)) : null,
      needed[1] === true && moment !== null ? b.mul(moment, inverse) : null,
      needed[2] === true ? total : null,
      needed[3] === true && total !== null ? b.neg(b.mul(total, factor)) : null,
      needed[4] === true && moment !== null
        ? b.mul(b.mul(moment, b.mul(factor, b.mul(inverse, inverse))), scalarLike(b, x, -0.5))
        : null,
    ];
  }),

  Dropout: byFirstOutput(({ inputs, g, needed }) => {
    const training = inputs[2];
    if (training !== undefined && (training.constant === undefined || constantIntegers(training)[0] !== 0)) {
      throw refusal('Dropout', 'in training_mode: a mask made from an input of uniform numbers has one');
    }
    return [needed[0] === true ? g : null, null, null];
  }),
};
