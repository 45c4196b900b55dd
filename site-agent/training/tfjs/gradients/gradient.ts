import type { Tensor } from '@tensorflow/tfjs-core';
import type { TfjsLibrary } from '../../tfjs-library.ts';

export type KernelAttributes = Readonly<Record<string, unknown>>;

/** The gradient of one kernel of the library: what its inputs get of `dy`, the gradient by its output. */
export interface KernelGradient {
  /** Names of the inputs whose values it needs. */
  readonly inputs?: readonly string[];
  /** Whether it needs the output's value; it comes after those of the inputs. */
  readonly output?: true;
  /** Whether it needs every input, for kernels that take a list. */
  readonly everyInput?: true;
  readonly of: (
    tf: TfjsLibrary,
    dy: Tensor,
    saved: readonly Tensor[],
    attributes: KernelAttributes,
  ) => Record<string, () => Tensor>;
}

export type KernelGradients = Readonly<Record<string, KernelGradient>>;

/** Undoes broadcasting: sums over the axes along which a tensor of `shape` was repeated. */
export function sumTo(tf: TfjsLibrary, dy: Tensor, shape: number[]): Tensor {
  const axes = tf.broadcast_util.getReductionAxes(shape, dy.shape);
  return tf.reshape(axes.length === 0 ? dy : tf.sum(dy, axes), shape);
}
