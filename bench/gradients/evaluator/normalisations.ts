import {
  at,
  broadcastAt,
  type Float64Tensor,
  float,
  input,
  int,
  make,
  type Operations,
  positions,
  positive,
  tensor,
} from './tensor.ts';

/** Mean and variance (divided by the count) over some axes, which stay with length 1. */
function moments(x: Float64Tensor, axes: readonly number[]): { mean: Float64Tensor; variance: Float64Tensor } {
  const shape = x.shape.map((length, axis) => (axes.includes(axis) ? 1 : length));
  const inner = [...positions(x.shape.map((length, axis) => (axes.includes(axis) ? length : 1)))];
  const valuesAt = (base: readonly number[]): number[] =>
    inner.map((offset) =>
      at(
        x,
        base.map((place, axis) => place + (offset[axis] as number)),
      ),
    );
  const average = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const mean = make(shape, (base) => average(valuesAt(base)));
  const variance = make(shape, (base) => {
    const centre = at(mean, base);
    return average(valuesAt(base).map((value) => (value - centre) ** 2));
  });
  return { mean, variance };
}

function perChannel(
  x: Float64Tensor,
  scale: Float64Tensor,
  bias: Float64Tensor,
  mean: (position: readonly number[]) => number,
  variance: (position: readonly number[]) => number,
  epsilon: number,
): Float64Tensor {
  return make(x.shape, (position) => {
    const channel = position[1] as number;
    const standard = (at(x, position) - mean(position)) / Math.sqrt(variance(position) + epsilon);
    return standard * (scale.data[channel] as number) + (bias.data[channel] as number);
  });
}

const from = (first: number, rank: number): number[] => Array.from({ length: rank - first }, (_, axis) => axis + first);

export const normalisations: Operations = {
  LayerNormalization: (inputs, attributes) => {
    const [x, scale] = [input(inputs, 0), input(inputs, 1)];
    const epsilon = float(attributes, 'epsilon', 1e-5);
    const { mean, variance } = moments(x, from(positive(int(attributes, 'axis', -1), x.shape.length), x.shape.length));
    const inverse = make(variance.shape, (position) => 1 / Math.sqrt(at(variance, position) + epsilon));
    const y = make(x.shape, (position) => {
      const standard = (at(x, position) - broadcastAt(mean, position)) * broadcastAt(inverse, position);
      return standard * broadcastAt(scale, position) + (inputs[2] === undefined ? 0 : broadcastAt(inputs[2], position));
    });
    return [y, mean, inverse];
  },
  InstanceNormalization: (inputs, attributes) => {
    const x = input(inputs, 0);
    const { mean, variance } = moments(x, from(2, x.shape.length));
    const epsilon = float(attributes, 'epsilon', 1e-5);
    const of = (value: Float64Tensor) => (position: readonly number[]) => broadcastAt(value, position);
    return [perChannel(x, input(inputs, 1), input(inputs, 2), of(mean), of(variance), epsilon)];
  },
  BatchNormalization: (inputs, attributes) => {
    const [x, scale, bias] = [input(inputs, 0), input(inputs, 1), input(inputs, 2)];
    const [runningMean, runningVariance] = [input(inputs, 3), input(inputs, 4)];
    const epsilon = float(attributes, 'epsilon', 1e-5);
    if (int(attributes, 'training_mode', 0) === 0) {
      const of = (value: Float64Tensor) => (position: readonly number[]) => value.data[position[1] as number] as number;
      return [perChannel(x, scale, bias, of(runningMean), of(runningVariance), epsilon)];
    }
    const { mean, variance } = moments(x, [0, ...from(2, x.shape.length)]);
    const of = (value: Float64Tensor) => (position: readonly number[]) => broadcastAt(value, position);
    const kept = float(attributes, 'momentum', 0.9);
    const running = (old: Float64Tensor, now: Float64Tensor): Float64Tensor =>
      tensor(
        old.shape,
        old.data.map((value, channel) => kept * value + (1 - kept) * (now.data[channel] as number)),
      );
    return [
      perChannel(x, scale, bias, of(mean), of(variance), epsilon),
      running(runningMean, mean),
      running(runningVariance, variance),
    ];
  },
  Dropout: (inputs) => [input(inputs, 0), make(input(inputs, 0).shape, () => 1)],
};
