import type { Tensor } from '@tensorflow/tfjs-core';
import { floatAttribute, intAttribute } from '../../../shared/graph/operators.ts';
import type { TfjsLibrary } from '../tfjs-library.ts';
import { Held } from './held.ts';
import { axisOf, required, type Translation, type Use } from './translation.ts';

interface Moments {
  readonly mean: Tensor;
  /** x less its mean. */
  readonly apart: Tensor;
  /** Of the population: divided by the number of values. */
  readonly variance: Tensor;
}

function momentsOf(tf: TfjsLibrary, x: Tensor, axes: number[]): Moments {
  const mean = tf.mean(x, axes, true);
  const apart = tf.sub(x, mean);
  return { mean, apart, variance: tf.mean(tf.square(apart), axes, true) };
}

const inverseRoot = (tf: TfjsLibrary, variance: Tensor, epsilon: number): Tensor =>
  tf.reciprocal(tf.sqrt(tf.add(variance, epsilon)));

const firstAxes = (count: number, from: number): number[] => Array.from({ length: count }, (_, axis) => axis + from);

function batchNormalization(use: Use): Held[] {
  const { tf, node } = use;
  const held = required(use, 0);
  const flat = held.rank === 2;
  const x = flat ? held.tensor : held.channelsLast;
  const channels = x.shape.at(-1) as number;
  const [scale, bias, mean, variance] = [1, 2, 3, 4].map((index) => required(use, index).tensor) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const epsilon = floatAttribute(node.attributes, 'epsilon', 1e-5);
  const result = (apart: Tensor, spread: Tensor): Held => {
    const y = tf.add(tf.mul(apart, tf.mul(inverseRoot(tf, spread, epsilon), scale)), bias);
    return flat ? Held.of(tf, y) : Held.ofChannelsLast(tf, y);
  };
  if (intAttribute(node.attributes, 'training_mode', 0) === 0) return [result(tf.sub(x, mean), variance)];
  const batch = momentsOf(tf, x, firstAxes(x.rank - 1, 0));
  const kept = floatAttribute(node.attributes, 'momentum', 0.9);
  const blended = (running: Tensor, now: Tensor): Held =>
    Held.of(tf, tf.add(tf.mul(running, kept), tf.mul(tf.reshape(now, [channels]), 1 - kept)));
  return [result(batch.apart, batch.variance), blended(mean, batch.mean), blended(variance, batch.variance)];
}

function layerNormalization(use: Use): Held[] {
  const { tf, node } = use;
  const x = required(use, 0).tensor;
  const axis = axisOf(intAttribute(node.attributes, 'axis', -1), x.rank);
  const { mean, apart, variance } = momentsOf(tf, x, firstAxes(x.rank - axis, axis));
  const inverse = inverseRoot(tf, variance, floatAttribute(node.attributes, 'epsilon', 1e-5));
  const scaled = tf.mul(tf.mul(apart, inverse), required(use, 1).tensor);
  const bias = use.inputs[2]?.tensor;
  return [Held.of(tf, bias === undefined ? scaled : tf.add(scaled, bias)), Held.of(tf, mean), Held.of(tf, inverse)];
}

function instanceNormalization(use: Use): Held[] {
  const { tf, node } = use;
  const x = required(use, 0).channelsLast;
  const { apart, variance } = momentsOf(tf, x, firstAxes(x.rank - 2, 1));
  const inverse = inverseRoot(tf, variance, floatAttribute(node.attributes, 'epsilon', 1e-5));
  const scaled = tf.mul(tf.mul(apart, inverse), required(use, 1).tensor);
  return [Held.ofChannelsLast(tf, tf.add(scaled, required(use, 2).tensor))];
}

export const normalisationTranslations: Readonly<Record<string, Translation>> = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  InstanceNormalization: instanceNormalization,
};
