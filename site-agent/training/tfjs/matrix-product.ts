import type { Tensor } from '@tensorflow/tfjs-core';
import type { TfjsLibrary } from '../tfjs-library.ts';

/**
 * Product of two matrices, or of two stacks of them, either seen transposed. WebAssembly has a fast product for plain matrices only, and
 * is eight times slower on transposed ones; there the smaller one is turned before.
 */
export function product(
  tf: TfjsLibrary,
  a: Tensor,
  b: Tensor,
  turned: { readonly a?: boolean; readonly b?: boolean } = {},
): Tensor {
  const [turnA, turnB] = [turned.a === true, turned.b === true];
  if ((!turnA && !turnB) || a.rank !== 2 || b.rank !== 2 || tf.getBackend() !== 'wasm') {
    return tf.matMul(a, b, turnA, turnB);
  }
  if (turnA && turnB) return tf.transpose(tf.matMul(b, a));
  // Aᵀ·B is also (Bᵀ·A)ᵀ, and A·Bᵀ is (B·Aᵀ)ᵀ.
  if (turnA) {
    return a.size <= b.size ? tf.matMul(tf.transpose(a), b) : tf.transpose(tf.matMul(tf.transpose(b), a));
  }
  return b.size <= a.size ? tf.matMul(a, tf.transpose(b)) : tf.transpose(tf.matMul(b, tf.transpose(a)));
}
