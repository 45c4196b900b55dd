import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import type { KernelGradients } from './gradient.ts';

/** Of products of matrices and convolutions. */
export const productGradients: KernelGradients = {
  // With A' and B' the factors as the product sees them: dA' = dy · B'ᵀ and dB' = A'ᵀ · dy, turned back where a factor was.
  BatchMatMul: {
    inputs: ['a', 'b'],
    of: (tf, dy, saved, { transposeA, transposeB }) => {
      const [a, b] = saved as readonly [Tensor, Tensor];
      const [turnedA, turnedB] = [transposeA === true, transposeB === true];
      return {
        a: () => (turnedA ? tf.matMul(b, dy, turnedB, true) : tf.matMul(dy, b, false, !turnedB)),
        b: () => (turnedB ? tf.matMul(dy, a, true, turnedA) : tf.matMul(a, dy, !turnedA, false)),
      };
    },
  },
  // For windows without dilation, which is how the interpreter asks for it.
  Conv2D: {
    inputs: ['x', 'filter'],
    of: (tf, dy, saved, { strides, pad, dataFormat }) => {
      const [x, filter] = saved as readonly [Tensor4D, Tensor4D];
      return {
        x: () => tf.conv2dTranspose(dy as Tensor4D, filter, x.shape, strides as [number, number], pad as 'valid'),
        filter: () =>
          tf.engine().runKernel(
            'Conv2DBackpropFilter',
            { x, dy },
            {
              strides: strides as number[],
              pad: pad as 'valid',
              dataFormat: dataFormat as string,
              filterShape: filter.shape,
            },
          ) as Tensor,
      };
    },
  },
};
