import type { Tensor } from '@tensorflow/tfjs-core';
import type { NamedTensors } from '../../../shared/tensors/tensor.ts';
import type { TfjsLibrary } from '../tfjs-library.ts';

export type TensorMap = ReadonlyMap<string, Tensor>;

export function floatTensor(tf: TfjsLibrary, data: Float32Array, shape: readonly number[]): Tensor {
  // A copy: the plain JavaScript backend keeps the array it is given.
  return tf.tensor(Float32Array.from(data), [...shape], 'float32');
}

/** Tensors on the device for named arrays; the caller disposes of them. */
export function placed(tf: TfjsLibrary, tensors: NamedTensors, name: (given: string) => string = String): TensorMap {
  return new Map([...tensors].map(([given, { shape, data }]) => [name(given), floatTensor(tf, data, shape)]));
}

export function disposeAll(tensors: Iterable<Tensor>): void {
  for (const tensor of tensors) if (!tensor.isDisposed) tensor.dispose();
}

/** Disposes of the tensors of a map that others do not hold too. */
export function disposeOthers(tensors: TensorMap, ...kept: readonly TensorMap[]): void {
  const held = new Set(kept.flatMap((map) => [...map.values()]));
  disposeAll([...tensors.values()].filter((tensor) => !held.has(tensor)));
}

/** The numbers of the tensors, in arrays of their own. */
export async function readAll(tensors: TensorMap): Promise<NamedTensors> {
  const found = [...tensors];
  const data = await Promise.all(found.map(([, tensor]) => tensor.data()));
  return new Map(
    found.map(([name, { shape }], index) => [
      name,
      { shape: [...shape], data: Float32Array.from(data[index] as Float32Array) },
    ]),
  );
}
