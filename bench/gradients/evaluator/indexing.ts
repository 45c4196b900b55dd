import type { Attributes } from '../../../shared/graph/graph.ts';
import {
  at,
  type Float64Tensor,
  flatIndex,
  input,
  int,
  make,
  type Operations,
  positions,
  positive,
  string,
} from './tensor.ts';

function written(
  data: Float64Tensor,
  attributes: Attributes,
  writes: Iterable<{ place: number[]; value: number }>,
): Float64Tensor {
  const result = data.data.slice();
  const add = string(attributes, 'reduction', 'none') === 'add';
  for (const { place, value } of writes) {
    const index = flatIndex(data.shape, place);
    result[index] = add ? (result[index] as number) + value : value;
  }
  return { shape: data.shape, data: result };
}

/** The leading place an index vector of GatherND or ScatterND names. */
function pointed(data: Float64Tensor, indices: Float64Tensor, position: readonly number[]): number[] {
  return Array.from({ length: indices.shape.at(-1) as number }, (_, axis) =>
    positive(at(indices, [...position, axis]), data.shape[axis] as number),
  );
}

export const indexing: Operations = {
  Gather: (inputs, attributes) => {
    const [data, indices] = [input(inputs, 0), input(inputs, 1)];
    const axis = positive(int(attributes, 'axis', 0), data.shape.length);
    const deep = indices.shape.length;
    const shape = [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)];
    return [
      make(shape, (position) => {
        const index = at(indices, position.slice(axis, axis + deep));
        const place = positive(index, data.shape[axis] as number);
        return at(data, [...position.slice(0, axis), place, ...position.slice(axis + deep)]);
      }),
    ];
  },
  GatherElements: (inputs, attributes) => {
    const [data, indices] = [input(inputs, 0), input(inputs, 1)];
    const axis = positive(int(attributes, 'axis', 0), data.shape.length);
    return [
      make(indices.shape, (position) =>
        at(data, position.with(axis, positive(at(indices, position), data.shape[axis] as number))),
      ),
    ];
  },
  GatherND: (inputs) => {
    const [data, indices] = [input(inputs, 0), input(inputs, 1)];
    const deep = indices.shape.at(-1) as number;
    const leading = indices.shape.length - 1;
    return [
      make([...indices.shape.slice(0, -1), ...data.shape.slice(deep)], (position) =>
        at(data, [...pointed(data, indices, position.slice(0, leading)), ...position.slice(leading)]),
      ),
    ];
  },
  ScatterElements: (inputs, attributes) => {
    const [data, indices, updates] = [input(inputs, 0), input(inputs, 1), input(inputs, 2)];
    const axis = positive(int(attributes, 'axis', 0), data.shape.length);
    const writes = [...positions(indices.shape)].map((position) => ({
      place: position.with(axis, positive(at(indices, position), data.shape[axis] as number)),
      value: at(updates, position),
    }));
    return [written(data, attributes, writes)];
  },
  ScatterND: (inputs, attributes) => {
    const [data, indices, updates] = [input(inputs, 0), input(inputs, 1), input(inputs, 2)];
    const leading = indices.shape.length - 1;
    const writes = [...positions(updates.shape)].map((position) => ({
      place: [...pointed(data, indices, position.slice(0, leading)), ...position.slice(leading)],
      value: at(updates, position),
    }));
    return [written(data, attributes, writes)];
  },
  OneHot: (inputs, attributes) => {
    const [indices, depth, values] = [input(inputs, 0), input(inputs, 1).data[0] as number, input(inputs, 2)];
    const axis = positive(int(attributes, 'axis', -1), indices.shape.length + 1);
    return [
      make(indices.shape.toSpliced(axis, 0, depth), (position) => {
        const index = positive(at(indices, position.toSpliced(axis, 1)), depth);
        return values.data[index === position[axis] ? 1 : 0] as number;
      }),
    ];
  },
};
