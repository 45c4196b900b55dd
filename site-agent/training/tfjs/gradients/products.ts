import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import type { TfjsLibrary } from '../../tfjs-library.ts';
import { product } from '../matrix-product.ts';
import { spread, tapsOf } from '../windows.ts';
import type { KernelGradients } from './gradient.ts';

type Strides = readonly [number, number];

/** Whether the backend has a quick kernel of its own for a gradient of a convolution. */
const has = (tf: TfjsLibrary, kernel: string): boolean => tf.getKernel(kernel, tf.getBackend()) !== undefined;

/**
 * Gradient by the image: the convolution of dy, zeros between its places and around it, with the filter turned about and its channels exchanged.
 * WebAssembly's kernel for it is ten times slower than this.
 *
 * @param dy [N, OH, OW, M] @param filter [KH, KW, C, M] @returns [N, (OH - 1) · stride + KH, ..., C], the image of a convolution without rest
 */
function imageGradient(tf: TfjsLibrary, dy: Tensor4D, filter: Tensor4D, strides: Strides): Tensor {
  const [height, width] = filter.shape;
  let apart: Tensor = dy;
  for (const [index, stride] of strides.entries()) {
    const axis = index + 1;
    const wide = spread(tf, apart, axis, stride);
    const length = ((dy.shape[axis] as number) - 1) * stride + 1;
    apart = tf.slice(wide, [0, 0, 0, 0], wide.shape.with(axis, length));
  }
  const around = tf.pad(apart, [
    [0, 0],
    [height - 1, height - 1],
    [width - 1, width - 1],
    [0, 0],
  ]);
  const turned = tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]);
  return tf.conv2d(around as Tensor4D, turned, 1, 'valid');
}

/**
 * Gradient by the filter: for each of its places, the matrix product of dy and what that place saw.
 *
 * @param x [N, H, W, C] @param dy [N, OH, OW, M] @returns [KH, KW, C, M]
 */
function filterGradient(
  tf: TfjsLibrary,
  x: Tensor4D,
  dy: Tensor4D,
  shape: readonly number[],
  strides: Strides,
): Tensor {
  const [height, width, channels, filters] = shape as [number, number, number, number];
  const [rows, outHeight, outWidth] = dy.shape;
  const flat = tf.transpose(tf.reshape(dy, [-1, filters]));
  const [down, across] = strides;
  // Each stride lies wholly within the data, so that one axis can be cut in two.
  const padded = tf.pad(x, [
    [0, 0],
    [0, down - 1],
    [0, across - 1],
    [0, 0],
  ]);
  const parts = tapsOf([height, width]).map(([row, column]) => {
    const begin = [0, row as number, column as number, 0];
    const seen = tf.slice(padded, begin, [rows, outHeight * down, outWidth * across, channels]);
    const cut = tf.reshape(seen, [rows * outHeight, down, outWidth, across * channels]);
    const first = tf.slice(cut, [0, 0, 0, 0], [rows * outHeight, 1, outWidth, channels]);
    return tf.matMul(flat, tf.reshape(first, [-1, channels]));
  });
  const stacked = tf.reshape(tf.concat(parts, 0), [height, width, filters, channels]);
  return tf.transpose(stacked, [0, 1, 3, 2]);
}

/** Of products of matrices and convolutions. */
export const productGradients: KernelGradients = {
  // With A' and B' the factors as the product sees them: dA' = dy · B'ᵀ and dB' = A'ᵀ · dy, turned back where a factor was.
  BatchMatMul: {
    inputs: ['a', 'b'],
    of: (tf, dy, saved, { transposeA, transposeB }) => {
      const [a, b] = saved as readonly [Tensor, Tensor];
      const [turnedA, turnedB] = [transposeA === true, transposeB === true];
      return {
        a: () => (turnedA ? product(tf, b, dy, { a: turnedB, b: true }) : product(tf, dy, b, { b: !turnedB })),
        b: () => (turnedB ? product(tf, dy, a, { a: true, b: turnedA }) : product(tf, a, dy, { a: !turnedA })),
      };
    },
  },
  // Of windows without dilation, padding and rest, which is how the interpreter asks for it.
  Conv2D: {
    inputs: ['x', 'filter'],
    of: (tf, dy, saved, { strides, pad, dataFormat }) => {
      const [x, filter] = saved as readonly [Tensor4D, Tensor4D];
      const steps = strides as [number, number];
      const gradient = dy as Tensor4D;
      const kernels = has(tf, 'Conv2DBackpropFilter');
      return {
        x: () =>
          kernels
            ? tf.conv2dTranspose(gradient, filter, x.shape, steps, pad as 'valid')
            : imageGradient(tf, gradient, filter, steps),
        filter: () =>
          kernels
            ? (tf
                .engine()
                .runKernel(
                  'Conv2DBackpropFilter',
                  { x, dy },
                  { strides: steps, pad: pad as 'valid', dataFormat: dataFormat as string, filterShape: filter.shape },
                ) as Tensor)
            : filterGradient(tf, x, gradient, filter.shape, steps),
      };
    },
  },
};
