import type { Tensor } from '@tensorflow/tfjs-core';
import { intAttribute, intsAttribute } from '../../../shared/graph/operators.ts';
import type { TfjsLibrary } from '../tfjs-library.ts';
import { Held } from './held.ts';
import { axisOf, integersOf, optionalIntegers, required, type Translation, type Use } from './translation.ts';

type Reduction = (tf: TfjsLibrary, x: Tensor, axes: number[], keep: boolean) => Tensor;

const sum: Reduction = (tf, x, axes, keep) => tf.sum(x, axes, keep);

/** Axes come as an attribute, or as the second input (ReduceSum of operator set 13 and later). */
function reduction(compute: Reduction): Translation {
  return (use) => {
    const { tf, node } = use;
    const x = required(use, 0).tensor;
    const given = optionalIntegers(use, 1) ?? intsAttribute(node.attributes, 'axes');
    const none = given === undefined || given.length === 0;
    if (none && intAttribute(node.attributes, 'noop_with_empty_axes', 0) === 1) return [Held.of(tf, x)];
    const axes = none ? x.shape.map((_, axis) => axis) : given.map((axis) => axisOf(axis, x.rank));
    return [Held.of(tf, compute(tf, x, axes, intAttribute(node.attributes, 'keepdims', 1) === 1))];
  };
}

/** By single factors: the library's own kernel has no gradient. */
const product: Reduction = (tf, x, axes, keep) => {
  let result = x;
  for (const axis of axes) {
    const begin = x.shape.map(() => 0);
    const factors = Array.from({ length: result.shape[axis] as number }, (_, at) =>
      tf.slice(result, begin.with(axis, at), result.shape.with(axis, 1)),
    );
    result = factors.reduce((a, b) => tf.mul(a, b));
  }
  return keep
    ? result
    : tf.reshape(
        result,
        result.shape.filter((_, axis) => !axes.includes(axis)),
      );
};

function extreme(find: (tf: TfjsLibrary, x: Tensor, axis: number) => Tensor): Translation {
  return (use) => {
    const { tf, node } = use;
    const x = required(use, 0).tensor;
    const axis = axisOf(intAttribute(node.attributes, 'axis', 0), x.rank);
    const found = tf.cast(find(tf, x, axis), 'int32');
    return [
      Held.of(
        tf,
        intAttribute(node.attributes, 'keepdims', 1) === 1 ? tf.reshape(found, x.shape.with(axis, 1)) : found,
      ),
    ];
  };
}

/** The tensor moved `by` places along `axis`, zeros coming in; backwards where `by` is negative. */
function shifted(tf: TfjsLibrary, x: Tensor, axis: number, by: number): Tensor {
  const length = x.shape[axis] as number;
  const kept = length - Math.abs(by);
  const begin = x.shape.map(() => 0).with(axis, Math.max(0, -by));
  const amounts = x.shape.map((_, at): [number, number] =>
    at === axis ? [Math.max(0, by), Math.max(0, -by)] : [0, 0],
  );
  return kept <= 0 ? tf.zerosLike(x) : tf.pad(tf.slice(x, begin, x.shape.with(axis, kept)), amounts);
}

/**
 * By doubling: sums of 1, 2, 4, ... neighbours (Hillis and Steele 1986). The library's own kernel has a gradient that fails on any axis but
 * the last (its full package), and backwards a wrong result (WebGPU).
 */
function cumulativeSum(use: Use): Held[] {
  const { tf, node } = use;
  const x = required(use, 0).tensor;
  const axis = axisOf(integersOf(use, 1)[0] as number, x.rank);
  const direction = intAttribute(node.attributes, 'reverse', 0) === 1 ? -1 : 1;
  let sums = intAttribute(node.attributes, 'exclusive', 0) === 1 ? shifted(tf, x, axis, direction) : x;
  for (let reach = 1; reach < (x.shape[axis] as number); reach *= 2) {
    sums = tf.add(sums, shifted(tf, sums, axis, direction * reach));
  }
  return [Held.of(tf, sums)];
}

/** Moves `axis` to the end for an operation the library does along the last axis, and back. */
function alongLast(tf: TfjsLibrary, x: Tensor, axis: number, compute: (turned: Tensor) => Tensor): Tensor {
  if (axis === x.rank - 1) return compute(x);
  const order = x.shape.map((_, at) => at);
  [order[axis], order[x.rank - 1]] = [x.rank - 1, axis];
  return tf.transpose(compute(tf.transpose(x, order)), order);
}

function softmaxLike(compute: (tf: TfjsLibrary, x: Tensor) => Tensor): Translation {
  return (use) => {
    const { tf, node } = use;
    const x = required(use, 0).tensor;
    const axis = axisOf(intAttribute(node.attributes, 'axis', -1), x.rank);
    return [
      Held.of(
        tf,
        alongLast(tf, x, axis, (turned) => compute(tf, turned)),
      ),
    ];
  };
}

/** Operators that sum, average or compare along axes. */
export const reductionTranslations: Readonly<Record<string, Translation>> = {
  ReduceSum: reduction(sum),
  ReduceMean: reduction((tf, x, axes, keep) => tf.mean(x, axes, keep)),
  ReduceMax: reduction((tf, x, axes, keep) => tf.max(x, axes, keep)),
  ReduceMin: reduction((tf, x, axes, keep) => tf.min(x, axes, keep)),
  ReduceProd: reduction(product),
  ReduceSumSquare: reduction((tf, x, axes, keep) => tf.sum(tf.square(x), axes, keep)),
  ReduceL1: reduction((tf, x, axes, keep) => tf.sum(tf.abs(x), axes, keep)),
  ReduceL2: reduction((tf, x, axes, keep) => tf.sqrt(tf.sum(tf.square(x), axes, keep))),
  ReduceLogSumExp: reduction((tf, x, axes, keep) => tf.logSumExp(x, axes, keep)),
  ArgMax: extreme((tf, x, axis) => tf.argMax(x, axis)),
  ArgMin: extreme((tf, x, axis) => tf.argMin(x, axis)),
  CumSum: cumulativeSum,
  Softmax: softmaxLike((tf, x) => tf.softmax(x)),
  LogSoftmax: softmaxLike((tf, x) => tf.logSoftmax(x)),
};
