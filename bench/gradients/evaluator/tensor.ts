import type { Attributes } from '../../../shared/graph/graph.ts';

/** A dense float64 array with its shape; booleans are 0 and 1. */
export interface Float64Tensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** What an operator makes of its inputs, straight from its definition. */
export type Operation = (
  inputs: readonly Float64Tensor[],
  attributes: Attributes,
  outputs: number,
) => readonly Float64Tensor[];

export type Operations = Readonly<Record<string, Operation>>;

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

export function tensor(shape: readonly number[], data: Iterable<number>): Float64Tensor {
  const values = Float64Array.from(data);
  if (values.length !== sizeOf(shape)) throw new Error(`shape [${shape}] with ${values.length} values`);
  return { shape, data: values };
}

/** Every position of a shape in row-major order. */
export function* positions(shape: readonly number[]): Generator<number[]> {
  const position = shape.map(() => 0);
  for (let left = sizeOf(shape); left > 0; left--) {
    yield [...position];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      position[axis] = (position[axis] as number) + 1;
      if ((position[axis] as number) < (shape[axis] as number)) break;
      position[axis] = 0;
    }
  }
}

export function flatIndex(shape: readonly number[], position: readonly number[]): number {
  return shape.reduce((index, length, axis) => index * length + (position[axis] as number), 0);
}

export function at({ shape, data }: Float64Tensor, position: readonly number[]): number {
  return data[flatIndex(shape, position)] as number;
}

/** Whether the position is within the shape. */
export function within(shape: readonly number[], position: readonly number[]): boolean {
  return shape.every((length, axis) => (position[axis] as number) >= 0 && (position[axis] as number) < length);
}

export function make(shape: readonly number[], value: (position: readonly number[]) => number): Float64Tensor {
  const data = new Float64Array(sizeOf(shape));
  let index = 0;
  for (const position of positions(shape)) data[index++] = value(position);
  return { shape, data };
}

/** The element of a tensor that broadcasting puts at a position of a shape of at least its rank. */
export function broadcastAt(source: Float64Tensor, position: readonly number[]): number {
  const skipped = position.length - source.shape.length;
  return at(
    source,
    source.shape.map((length, axis) => (length === 1 ? 0 : (position[axis + skipped] as number))),
  );
}

export function broadcastShape(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const lengths = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1).filter((length) => length !== 1);
    if (new Set(lengths).size > 1) throw new Error(`shapes ${shapes.map((shape) => `[${shape}]`)} do not broadcast`);
    return lengths[0] ?? 1;
  });
}

export function zip(f: (...values: number[]) => number, ...inputs: readonly Float64Tensor[]): Float64Tensor {
  const shape = broadcastShape(...inputs.map((input) => input.shape));
  return make(shape, (position) => f(...inputs.map((input) => broadcastAt(input, position))));
}

export const truth = (value: boolean): number => (value ? 1 : 0);

export function int(attributes: Attributes, name: string, byDefault: number): number {
  const attribute = attributes[name];
  return attribute !== undefined && 'int' in attribute ? attribute.int : byDefault;
}

export function float(attributes: Attributes, name: string, byDefault: number): number {
  const attribute = attributes[name];
  return attribute !== undefined && 'float' in attribute ? attribute.float : byDefault;
}

export function ints(attributes: Attributes, name: string): readonly number[] | undefined {
  const attribute = attributes[name];
  return attribute !== undefined && 'ints' in attribute ? attribute.ints : undefined;
}

export function string(attributes: Attributes, name: string, byDefault: string): string {
  const attribute = attributes[name];
  return attribute !== undefined && 'string' in attribute ? attribute.string : byDefault;
}

export function input(inputs: readonly Float64Tensor[], index: number): Float64Tensor {
  const value = inputs[index];
  if (value === undefined) throw new Error(`input ${index} is not there`);
  return value;
}

export const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);
