import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { installedTfjsBackends } from '../../../support/tfjs.ts';

const backends = await installedTfjsBackends();
const numbers = (count: number, from: number): Float32Array =>
  Float32Array.from({ length: count }, (_, at) => Math.sin(1.3 * at + from));
const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** [n, k] times [k, m] in float64. */
function multiplied(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  [n, k, m]: readonly [number, number, number],
): number[] {
  return Array.from({ length: n * m }, (_, at) => {
    let sum = 0;
    for (let inner = 0; inner < k; inner++) {
      sum += (a[Math.floor(at / m) * k + inner] as number) * (b[inner * m + (at % m)] as number);
    }
    return sum;
  });
}

const close = (found: ArrayLike<number>, expected: readonly number[]): void => {
  expect(found.length).toBe(expected.length);
  for (const [at, value] of expected.entries()) expect(found[at]).toBeCloseTo(value, 4);
};

/** Several readings of the same 24 numbers as a matrix: a reshaped tensor lies in the memory of the one it was made from. */
const readings: readonly (readonly [number, number])[] = [
  [4, 6],
  [6, 4],
  [1, 24],
  [24, 1],
  [3, 8],
  [4, 6],
];

describe.each(backends.map((backend) => [backend.name, backend] as const))(
  'one memory in several shapes on %s',
  (_, backend) => {
    const tf = backend.library;
    // Of 3 rows, and of 1.
    it.each([3, 1])('as the right-hand matrix of products of %i rows', async (rows) => {
      backend.activate();
      const before = tf.memory().numTensors;
      const data = numbers(24, 0.2);
      const matrix = tf.tensor(data, [4, 6]);
      for (const [k, m] of readings) {
        const left = numbers(rows * k, k);
        const found = tf.tidy(() => tf.matMul(tf.tensor(left, [rows, k]), tf.reshape(matrix, [k, m]) as Tensor));
        close(await found.data(), multiplied(left, data, [rows, k, m]));
        found.dispose();
      }
      matrix.dispose();
      expect(tf.memory().numTensors).toBe(before);
    });

    it('as a stack of matrices, and then as one', async () => {
      backend.activate();
      const data = numbers(24, 0.4);
      const stack = tf.tensor(data, [2, 3, 4]);
      const left = numbers(2 * 5 * 3, 0.1);
      const products = tf.tidy(() => tf.matMul(tf.tensor(left, [2, 5, 3]) as Tensor, stack as Tensor));
      close(await products.data(), [
        ...multiplied(left.subarray(0, 15), data.subarray(0, 12), [5, 3, 4]),
        ...multiplied(left.subarray(15), data.subarray(12), [5, 3, 4]),
      ]);
      const one = tf.tidy(() => tf.matMul(tf.tensor(left, [5, 6]), tf.reshape(stack, [6, 4]) as Tensor));
      close(await one.data(), multiplied(left, data, [5, 6, 4]));
      const turned = tf.tidy(() =>
        tf.matMul(tf.tensor(left, [5, 6]), tf.reshape(stack, [4, 6]) as Tensor, false, true),
      );
      const flipped = Array.from({ length: 24 }, (_, at) => data[(at % 4) * 6 + Math.floor(at / 4)] as number);
      close(await turned.data(), multiplied(left, flipped, [5, 6, 4]));
      tf.dispose([stack, products, one, turned]);
    });

    it('as the filter of convolutions', async () => {
      backend.activate();
      const data = numbers(2 * 2 * 2 * 3, 0.7);
      const filter = tf.tensor(data, [2, 2, 2, 3]);
      for (const shape of [
        [2, 2, 2, 3],
        [2, 2, 3, 2],
        [1, 4, 2, 3],
        [4, 1, 2, 3],
        [2, 1, 4, 3],
        [1, 1, 4, 6],
        [2, 2, 2, 3],
      ] as const) {
        const [height, width, channels, filters] = shape;
        // One place: the convolution is a product of all that it sees.
        const seen = numbers(sizeOf([height, width, channels]), height);
        const found = tf.tidy(() =>
          tf.conv2d(
            tf.tensor(seen, [1, height, width, channels]) as Tensor4D,
            tf.reshape(filter, [...shape]) as Tensor4D,
            1,
            'valid',
          ),
        );
        close(await found.data(), multiplied(seen, data, [1, height * width * channels, filters]));
        found.dispose();
      }
      filter.dispose();
    });
  },
);
