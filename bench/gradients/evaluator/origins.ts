import { decoded } from './decoded.ts';
import { input, int, make, type Operations, tensor, zip } from './tensor.ts';

export const origins: Operations = {
  Constant: (_, attributes) => {
    const { value } = attributes;
    if (value === undefined || !('tensor' in value)) throw new Error('Constant lacks its value');
    return [tensor(value.tensor.shape.map(Number), decoded(value.tensor))];
  },
  ConstantOfShape: (inputs, attributes) => {
    const { value } = attributes;
    const filling = value !== undefined && 'tensor' in value ? (decoded(value.tensor)[0] as number) : 0;
    return [make(Array.from(input(inputs, 0).data), () => filling)];
  },
  Expand: (inputs) => {
    const shape = Array.from(input(inputs, 1).data);
    return [
      zip(
        (x) => x,
        input(inputs, 0),
        make(shape, () => 0),
      ),
    ];
  },
  Range: (inputs) => {
    const [start, limit, step] = inputs.map((value) => value.data[0] as number) as [number, number, number];
    const values: number[] = [];
    for (let value = start; step > 0 ? value < limit : value > limit; value += step) values.push(value);
    return [tensor([values.length], values)];
  },
  Shape: (inputs, attributes) => {
    const { shape } = input(inputs, 0);
    const part = shape.slice(int(attributes, 'start', 0), int(attributes, 'end', shape.length));
    return [tensor([part.length], part)];
  },
  Size: (inputs) => [tensor([], [input(inputs, 0).data.length])],
};
