import type { Tensor } from '@tensorflow/tfjs-core';
import type { TfjsLibrary } from '../../tfjs-library.ts';
import type { KernelGradient, KernelGradients } from './gradient.ts';

/** The axes summed put back as 1, so that the gradient broadcasts against the input. */
function spread(tf: TfjsLibrary, dy: Tensor, x: Tensor, axis: unknown): Tensor {
  const axes = tf.util.parseAxisParam(axis as number | number[], x.shape);
  return tf.reshape(
    dy,
    x.shape.map((length, index) => (axes.includes(index) ? 1 : length)),
  );
}

const repeated = (tf: TfjsLibrary, dy: Tensor, x: Tensor): Tensor => tf.mul(dy, tf.ones(x.shape, 'float32'));

/** Every value that equals its extreme has the whole gradient, as the library's full package has it. */
const ofExtreme: KernelGradient = {
  inputs: ['x'],
  output: true,
  of: (tf, dy, [x, y], { axis, reductionIndices }) => {
    const axes = axis ?? reductionIndices;
    return {
      x: () =>
        tf.mul(
          spread(tf, dy, x as Tensor, axes),
          tf.cast(tf.equal(x as Tensor, spread(tf, y as Tensor, x as Tensor, axes)), 'float32'),
        ),
    };
  },
};

/** 64 MiB: 1,000 codes of 16,384 rows. */
const mostMarks = 2 ** 24;

/**
 * Sums the rows of `dy` that came from the same element of `axis`. WebGPU adds in whatever order threads arrive, so that the last bits change from
 * time to time; there it is a product by marks of which row came from where.
 */
function gathered(tf: TfjsLibrary, dy: Tensor, x: Tensor, indices: Tensor, axis: number): Tensor {
  const length = x.shape[axis] as number;
  const before = x.shape.slice(0, axis);
  const after = x.shape.slice(axis + 1);
  const order = [axis, ...before.map((_, at) => at), ...after.map((_, at) => axis + 1 + at)];
  const inverse = order.map((_, at) => order.indexOf(at));
  const front = axis === 0 ? dy : tf.transpose(dy, order);
  const rows = tf.reshape(front, [indices.size, x.size / length]);
  const places = tf.reshape(tf.cast(indices, 'int32'), [indices.size, 1]);
  const sums =
    tf.getBackend() === 'webgpu' && length * indices.size <= mostMarks
      ? tf.matMul(tf.cast(tf.equal(places, tf.range(0, length, 1, 'int32')), 'float32'), rows, true)
      : tf.scatterND(places as never, rows, [length, x.size / length]);
  const shaped = tf.reshape(sums, [length, ...before, ...after]);
  return axis === 0 ? shaped : tf.transpose(shaped, inverse);
}

/** Of kernels that move, choose, repeat or sum values. */
export const shapeGradients: KernelGradients = {
  Reshape: {
    inputs: ['x'],
    of: (tf, dy, [x]) => ({ x: () => tf.reshape(dy, (x as Tensor).shape) }),
  },
  Transpose: {
    of: (tf, dy, _, { perm }) => {
      const order = perm as number[];
      return {
        x: () =>
          tf.transpose(
            dy,
            order.map((__, axis) => order.indexOf(axis)),
          ),
      };
    },
  },
  Slice: {
    inputs: ['x'],
    of: (tf, dy, [x], { begin }) => {
      const { shape } = x as Tensor;
      const from = shape.map((_, axis) => (begin as number[])[axis] ?? 0);
      const amounts = shape.map((length, axis): [number, number] => {
        const before = from[axis] as number;
        return [before, length - before - (dy.shape[axis] as number)];
      });
      return { x: () => tf.pad(dy, amounts) };
    },
  },
  PadV2: {
    inputs: ['x'],
    of: (tf, dy, [x], { paddings }) => ({
      x: () =>
        tf.slice(
          dy,
          (paddings as [number, number][]).map(([before]) => before),
          (x as Tensor).shape,
        ),
    }),
  },
  Concat: {
    everyInput: true,
    of: (tf, dy, inputs, { axis }) => {
      const along = tf.util.parseAxisParam(axis as number, dy.shape)[0] as number;
      let from = 0;
      return Object.fromEntries(
        inputs.map(({ shape }, index) => {
          const begin = shape.map((_, at) => (at === along ? from : 0));
          from += shape[along] as number;
          return [String(index), () => tf.slice(dy, begin, shape)];
        }),
      );
    },
  },
  GatherV2: {
    inputs: ['x', 'indices'],
    of: (tf, dy, [x, indices], { axis, batchDims }) => {
      if (batchDims !== undefined && batchDims !== 0) throw new TypeError('no gradient of a gather with batch axes');
      const along = tf.util.parseAxisParam(axis as number, (x as Tensor).shape)[0] as number;
      return {
        x: () => gathered(tf, dy, x as Tensor, indices as Tensor, along),
        indices: () => tf.zerosLike(tf.cast(indices as Tensor, 'float32')),
      };
    },
  },
  ScatterNd: {
    inputs: ['indices'],
    of: (tf, dy, [indices]) => ({
      indices: () => tf.zerosLike(tf.cast(indices as Tensor, 'float32')),
      updates: () => tf.gather(dy, tf.reshape(tf.cast(indices as Tensor, 'int32'), [-1])),
    }),
  },
  Sum: {
    inputs: ['x'],
    of: (tf, dy, [x], { axis }) => ({ x: () => repeated(tf, spread(tf, dy, x as Tensor, axis), x as Tensor) }),
  },
  Mean: {
    inputs: ['x'],
    of: (tf, dy, [x], { axis }) => ({
      x: () =>
        tf.div(repeated(tf, spread(tf, dy, x as Tensor, axis), x as Tensor), (x as Tensor).size / Math.max(1, dy.size)),
    }),
  },
  Max: ofExtreme,
  Min: ofExtreme,
  Softmax: {
    output: true,
    of: (tf, dy, [y], { dim }) => ({
      logits: () => {
        const share = tf.mul(dy, y as Tensor);
        return tf.sub(share, tf.mul(tf.sum(share, [dim as number], true), y as Tensor));
      },
    }),
  },
};
