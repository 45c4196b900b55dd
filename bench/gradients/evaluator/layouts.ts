import {
  at,
  type Float64Tensor,
  input,
  int,
  ints,
  make,
  type Operations,
  positive,
  sizeOf,
  string,
  tensor,
  within,
} from './tensor.ts';

const numbers = (value: Float64Tensor): number[] => Array.from(value.data);

function reshaped(value: Float64Tensor, target: readonly number[], zeroIsZero: boolean): Float64Tensor {
  const shape = target.map((length, axis) => (length === 0 && !zeroIsZero ? (value.shape[axis] as number) : length));
  const open = shape.indexOf(-1);
  const rest = sizeOf(shape.filter((length) => length !== -1));
  return tensor(open === -1 ? shape : shape.with(open, value.data.length / rest), value.data);
}

function part(value: Float64Tensor, axis: number, start: number, length: number): Float64Tensor {
  return make(value.shape.with(axis, length), (position) =>
    at(value, position.with(axis, (position[axis] as number) + start)),
  );
}

function joined(values: readonly Float64Tensor[], axis: number): Float64Tensor {
  const lengths = values.map((value) => value.shape[axis] as number);
  const first = input(values, 0);
  return make(
    first.shape.with(
      axis,
      lengths.reduce((sum, length) => sum + length, 0),
    ),
    (position) => {
      let place = position[axis] as number;
      let which = 0;
      while (place >= (lengths[which] as number)) place -= lengths[which++] as number;
      return at(input(values, which), position.with(axis, place));
    },
  );
}

function sliced(inputs: readonly Float64Tensor[]): Float64Tensor {
  const value = input(inputs, 0);
  const rank = value.shape.length;
  const [starts, ends] = [numbers(input(inputs, 1)), numbers(input(inputs, 2))];
  const axes = inputs[3] === undefined ? starts.map((_, index) => index) : numbers(inputs[3]);
  const steps = inputs[4] === undefined ? starts.map(() => 1) : numbers(inputs[4]);
  // The places an axis is read at: walked, rather than counted.
  const places = value.shape.map((length) => Array.from({ length }, (_, place) => place));
  for (const [index, given] of axes.entries()) {
    const axis = positive(given, rank);
    const length = value.shape[axis] as number;
    const step = steps[index] as number;
    const bound = (number: number): number => (number < 0 ? number + length : number);
    const walked: number[] = [];
    const end = bound(ends[index] as number);
    const start = bound(starts[index] as number);
    for (
      let place = step > 0 ? Math.max(start, 0) : Math.max(Math.min(start, length - 1), 0);
      step > 0 ? place < Math.min(end, length) : place > Math.max(end, -1);
      place += step
    )
      walked.push(place);
    places[axis] = walked;
  }
  return make(
    places.map((own) => own.length),
    (position) =>
      at(
        value,
        position.map((place, axis) => places[axis]?.[place] as number),
      ),
  );
}

/** The place of the data a padded place repeats: the nearest end, or mirrored at the end elements. */
function repeated(place: number, length: number, mode: string): number {
  let own = place;
  if (mode === 'edge') return Math.min(Math.max(own, 0), length - 1);
  while (own < 0 || own >= length) own = own < 0 ? -own : 2 * (length - 1) - own;
  return own;
}

export const layouts: Operations = {
  Reshape: (inputs, attributes) => [
    reshaped(input(inputs, 0), numbers(input(inputs, 1)), int(attributes, 'allowzero', 0) === 1),
  ],
  Flatten: (inputs, attributes) => {
    const value = input(inputs, 0);
    const given = int(attributes, 'axis', 1);
    const axis = given < 0 ? given + value.shape.length : given;
    return [tensor([sizeOf(value.shape.slice(0, axis)), sizeOf(value.shape.slice(axis))], value.data)];
  },
  Transpose: (inputs, attributes) => {
    const value = input(inputs, 0);
    const order = ints(attributes, 'perm') ?? value.shape.map((_, axis) => value.shape.length - 1 - axis);
    return [
      make(
        order.map((axis) => value.shape[axis] as number),
        (position) =>
          at(
            value,
            value.shape.map((_, axis) => position[order.indexOf(axis)] as number),
          ),
      ),
    ];
  },
  Squeeze: (inputs) => {
    const { shape, data } = input(inputs, 0);
    const axes = inputs[1] === undefined ? undefined : numbers(inputs[1]).map((axis) => positive(axis, shape.length));
    return [
      tensor(
        shape.filter((length, axis) => (axes === undefined ? length !== 1 : !axes.includes(axis))),
        data,
      ),
    ];
  },
  Unsqueeze: (inputs) => {
    const { shape, data } = input(inputs, 0);
    const given = numbers(input(inputs, 1));
    const axes = given.map((axis) => positive(axis, shape.length + given.length));
    const rest = [...shape];
    return [
      tensor(
        Array.from({ length: shape.length + axes.length }, (_, axis) =>
          axes.includes(axis) ? 1 : (rest.shift() as number),
        ),
        data,
      ),
    ];
  },
  Tile: (inputs) => {
    const value = input(inputs, 0);
    const repeats = numbers(input(inputs, 1));
    return [
      make(
        value.shape.map((length, axis) => length * (repeats[axis] as number)),
        (position) =>
          at(
            value,
            position.map((place, axis) => place % (value.shape[axis] as number)),
          ),
      ),
    ];
  },
  Concat: (inputs, attributes) => [joined(inputs, positive(int(attributes, 'axis', 0), input(inputs, 0).shape.length))],
  Split: (inputs, attributes, outputs) => {
    const value = input(inputs, 0);
    const axis = positive(int(attributes, 'axis', 0), value.shape.length);
    const even = (value.shape[axis] as number) / outputs;
    const lengths = inputs[1] === undefined ? Array.from({ length: outputs }, () => even) : numbers(inputs[1]);
    let start = 0;
    return lengths.map((length) => {
      start += length;
      return part(value, axis, start - length, length);
    });
  },
  Slice: (inputs) => [sliced(inputs)],
  Pad: (inputs, attributes) => {
    const value = input(inputs, 0);
    const pads = numbers(input(inputs, 1));
    const rank = value.shape.length;
    const mode = string(attributes, 'mode', 'constant');
    const filling = inputs[2]?.data[0] ?? 0;
    const shape = value.shape.map((length, axis) => length + (pads[axis] as number) + (pads[axis + rank] as number));
    return [
      make(shape, (position) => {
        const source = position.map((place, axis) => place - (pads[axis] as number));
        if (within(value.shape, source)) return at(value, source);
        if (mode === 'constant') return filling;
        return at(
          value,
          source.map((place, axis) => repeated(place, value.shape[axis] as number, mode)),
        );
      }),
    ];
  },
  Trilu: (inputs, attributes) => {
    const value = input(inputs, 0);
    const shift = inputs[1]?.data[0] ?? 0;
    const upper = int(attributes, 'upper', 1) === 1;
    return [
      make(value.shape, (position) => {
        const above = (position.at(-1) as number) - (position.at(-2) as number);
        return (upper ? above >= shift : above <= shift) ? at(value, position) : 0;
      }),
    ];
  },
};
