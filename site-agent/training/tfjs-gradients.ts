import type { GradConfig, Tensor } from '@tensorflow/tfjs-core';
import type { TfjsLibrary } from './tfjs-library.ts';

type Attributes = Readonly<Record<string, unknown>>;
type GradientFunction = (dy: Tensor, saved: Tensor[], attributes: Attributes) => Record<string, () => Tensor>;

/**
 * The core package's build for Node leaves its gradients out (they come with the much larger `@tensorflow/tfjs`), so those the
 * families need are registered here. A gradient the library has already is left alone: the native packages bring their own.
 */
export function registerGradients(tf: TfjsLibrary): void {
  /** Undoes broadcasting: sums over the axes along which a tensor of `shape` was repeated. */
  const sumTo = (dy: Tensor, shape: number[]): Tensor => {
    const axes = tf.broadcast_util.getReductionAxes(shape, dy.shape);
    return tf.reshape(axes.length === 0 ? dy : tf.sum(dy, axes), shape);
  };
  /** Puts summed axes back as 1, so that a reduction's gradient broadcasts against its input. */
  const spread = (dy: Tensor, x: Tensor, axis: unknown): Tensor => {
    const axes = tf.util.parseAxisParam(axis as number | number[], x.shape);
    const kept = x.shape.map((length, index) => (axes.includes(index) ? 1 : length));
    return tf.mul(tf.reshape(dy, kept), tf.ones(x.shape, 'float32'));
  };

  const register = (
    kernelName: string,
    saves: { readonly inputs?: string[]; readonly output?: true },
    gradient: GradientFunction,
  ): void => {
    if (tf.getGradient(kernelName) !== undefined) return;
    const config: GradConfig = {
      kernelName,
      inputsToSave: saves.inputs ?? [],
      outputsToSave: saves.output === undefined ? [] : [true],
      gradFunc: (dy, saved, attributes) => gradient(dy as Tensor, saved, attributes as unknown as Attributes),
    };
    tf.registerGradient(config);
  };

  register('Add', { inputs: ['a', 'b'] }, (dy, [a, b]) => ({
    a: () => sumTo(dy, (a as Tensor).shape),
    b: () => sumTo(dy, (b as Tensor).shape),
  }));
  register('Sub', { inputs: ['a', 'b'] }, (dy, [a, b]) => ({
    a: () => sumTo(dy, (a as Tensor).shape),
    b: () => sumTo(tf.neg(dy), (b as Tensor).shape),
  }));
  register('Multiply', { inputs: ['a', 'b'] }, (dy, [a, b]) => ({
    a: () => sumTo(tf.mul(dy, b as Tensor), (a as Tensor).shape),
    b: () => sumTo(tf.mul(dy, a as Tensor), (b as Tensor).shape),
  }));
  register('BatchMatMul', { inputs: ['a', 'b'] }, (dy, [a, b], { transposeA, transposeB }) => {
    if (transposeA === true || transposeB === true) {
      throw new TypeError('the gradient of a product with transposed factors is not among those registered');
    }
    return {
      a: () => tf.matMul(dy, b as Tensor, false, true),
      b: () => tf.matMul(a as Tensor, dy, true, false),
    };
  });
  register('Relu', { inputs: ['x'] }, (dy, [x]) => ({ x: () => tf.mul(dy, tf.step(x as Tensor)) }));
  register('Tanh', { output: true }, (dy, [y]) => ({ x: () => tf.mul(dy, tf.sub(1, tf.square(y as Tensor))) }));
  register('Sigmoid', { output: true }, (dy, [y]) => ({
    x: () => tf.mul(dy, tf.mul(y as Tensor, tf.sub(1, y as Tensor))),
  }));
  register('Softplus', { inputs: ['x'] }, (dy, [x]) => ({ x: () => tf.mul(dy, tf.sigmoid(x as Tensor)) }));
  register('Neg', {}, (dy) => ({ x: () => tf.neg(dy) }));
  register('Square', { inputs: ['x'] }, (dy, [x]) => ({ x: () => tf.mul(dy, tf.mul(x as Tensor, 2)) }));
  register('Reshape', { inputs: ['x'] }, (dy, [x]) => ({ x: () => tf.reshape(dy, (x as Tensor).shape) }));
  register('Sum', { inputs: ['x'] }, (dy, [x], { axis }) => ({ x: () => spread(dy, x as Tensor, axis) }));
  register('Mean', { inputs: ['x'] }, (dy, [x], { axis }) => ({
    x: () => tf.div(spread(dy, x as Tensor, axis), (x as Tensor).size / Math.max(1, dy.size)),
  }));
}
