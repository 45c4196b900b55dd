import {
  at,
  type Float64Tensor,
  input,
  int,
  ints,
  make,
  type Operation,
  type Operations,
  positions,
  positive,
  tensor,
} from './tensor.ts';

/** The values that a reduction over `axes` brings together, for each element of its result. */
function grouped(
  value: Float64Tensor,
  axes: readonly number[],
  keep: boolean,
): { shape: number[]; groups: number[][] } {
  const kept = value.shape.map((length, axis) => (axes.includes(axis) ? 1 : length));
  const within = value.shape.map((length, axis) => (axes.includes(axis) ? length : 1));
  const groups = [...positions(kept)].map((base) =>
    [...positions(within)].map((inner) =>
      at(
        value,
        base.map((place, axis) => place + (inner[axis] as number)),
      ),
    ),
  );
  return { shape: keep ? kept : value.shape.filter((_, axis) => !axes.includes(axis)), groups };
}

function reduction(f: (values: number[]) => number): Operation {
  return (inputs, attributes) => {
    const value = input(inputs, 0);
    const given = inputs[1] === undefined ? ints(attributes, 'axes') : Array.from(inputs[1].data);
    if (given?.length === 0 && int(attributes, 'noop_with_empty_axes', 0) === 1) return [value];
    const axes = given === undefined || given.length === 0 ? value.shape.map((_, axis) => axis) : given;
    const { shape, groups } = grouped(
      value,
      axes.map((axis) => positive(axis, value.shape.length)),
      int(attributes, 'keepdims', 1) === 1,
    );
    return [tensor(shape, groups.map(f))];
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** The place of the best value, the first of several, or the last with select_last_index. */
function extreme(better: (a: number, b: number) => boolean): Operation {
  return (inputs, attributes) => {
    const value = input(inputs, 0);
    const axis = positive(int(attributes, 'axis', 0), value.shape.length);
    const last = int(attributes, 'select_last_index', 0) === 1;
    const { shape, groups } = grouped(value, [axis], int(attributes, 'keepdims', 1) === 1);
    const place = (values: number[]): number =>
      values.reduce((best, one, index) => {
        const holder = values[best] as number;
        return better(one, holder) || (last && one === holder) ? index : best;
      }, 0);
    return [tensor(shape, groups.map(place))];
  };
}

function softmax(log: boolean): Operation {
  return (inputs, attributes) => {
    const value = input(inputs, 0);
    const axis = positive(int(attributes, 'axis', -1), value.shape.length);
    const along = (position: readonly number[]): number[] =>
      Array.from({ length: value.shape[axis] as number }, (_, place) => at(value, position.with(axis, place)));
    return [
      make(value.shape, (position) => {
        const values = along(position);
        const top = Math.max(...values);
        const total = Math.log(sum(values.map((one) => Math.exp(one - top)))) + top;
        return log ? at(value, position) - total : Math.exp(at(value, position) - total);
      }),
    ];
  };
}

export const reductions: Operations = {
  ReduceSum: reduction(sum),
  ReduceMean: reduction((values) => sum(values) / values.length),
  ReduceMax: reduction((values) => Math.max(...values)),
  ReduceMin: reduction((values) => Math.min(...values)),
  ReduceProd: reduction((values) => values.reduce((product, value) => product * value, 1)),
  ReduceSumSquare: reduction((values) => sum(values.map((value) => value * value))),
  ReduceL1: reduction((values) => sum(values.map(Math.abs))),
  ReduceL2: reduction((values) => Math.sqrt(sum(values.map((value) => value * value)))),
  ReduceLogSumExp: reduction((values) => Math.log(sum(values.map(Math.exp)))),
  ArgMax: extreme((a, b) => a > b),
  ArgMin: extreme((a, b) => a < b),
  Softmax: softmax(false),
  LogSoftmax: softmax(true),
  CumSum: (inputs, attributes) => {
    const value = input(inputs, 0);
    const axis = positive(input(inputs, 1).data[0] as number, value.shape.length);
    const reverse = int(attributes, 'reverse', 0) === 1;
    const exclusive = int(attributes, 'exclusive', 0) === 1;
    return [
      make(value.shape, (position) => {
        const own = position[axis] as number;
        let total = 0;
        for (let place = 0; place < (value.shape[axis] as number); place++) {
          const counts = place === own ? !exclusive : reverse ? place > own : place < own;
          if (counts) total += at(value, position.with(axis, place));
        }
        return total;
      }),
    ];
  },
};
