import { compareNames } from './safetensors.ts';
import type { NamedTensors, Tensor } from './tensor.ts';
import { TensorError } from './tensor-error.ts';
import { tensorNameText } from './tensor-name.ts';

function valueCount(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/**
 * Tensors by name, sorted.
 * @throws TensorError `name_invalid` for a name twice, `size_mismatch` when data and shape disagree
 */
export function namedTensors(entries: Iterable<readonly [string, Tensor]>): NamedTensors {
  const sorted = [...entries].sort(([left], [right]) => compareNames(left, right));
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of sorted) {
    if (tensors.has(name)) throw new TensorError('name_invalid', `tensor ${name} is there twice`, { tensor: name });
    const needed = valueCount(tensor.shape);
    if (tensor.data.length !== needed) {
      throw new TensorError(
        'size_mismatch',
        `tensor ${name}: shape [${tensor.shape.join(', ')}] has ${needed} values, the data ${tensor.data.length}`,
        { tensor: name, needed, found: tensor.data.length },
      );
    }
    tensors.set(name, tensor);
  }
  return tensors;
}

export interface TensorMismatch {
  readonly code: 'wrong_tensors' | 'wrong_shape';
  readonly message: string;
}

function namesText(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => {
    const text = tensorNameText(name, 80);
    return text.startsWith('"') ? text : `"${text}"`;
  });
  return names.length > 5 ? `${shown.join(', ')} and ${names.length - 5} more` : shown.join(', ');
}

/** How `actual` differs in names or shapes from what the model asks for, or null when it does not. */
export function tensorMismatch(
  expected: readonly { readonly name: string; readonly shape: readonly number[] }[],
  actual: NamedTensors | readonly { readonly name: string; readonly shape: readonly number[] }[],
): TensorMismatch | null {
  const found = new Map(
    Array.isArray(actual)
      ? (actual as readonly { name: string; shape: readonly number[] }[]).map(({ name, shape }) => [name, shape])
      : [...(actual as NamedTensors)].map(([name, { shape }]) => [name, shape]),
  );
  const wanted = new Set(expected.map(({ name }) => name));
  const missing = expected.filter(({ name }) => !found.has(name)).map(({ name }) => name);
  const foreign = [...found.keys()].filter((name) => !wanted.has(name));
  if (missing.length > 0 || foreign.length > 0) {
    const parts = [
      ...(missing.length > 0 ? [`missing ${namesText(missing)}`] : []),
      ...(foreign.length > 0 ? [`unknown ${namesText(foreign)}`] : []),
    ];
    return { code: 'wrong_tensors', message: `the tensors are not the model's: ${parts.join('; ')}` };
  }
  for (const { name, shape } of expected) {
    const actualShape = found.get(name) ?? [];
    if (shape.length !== actualShape.length || shape.some((dimension, at) => dimension !== actualShape[at])) {
      return {
        code: 'wrong_shape',
        message: `tensor ${name}: shape must be [${shape.join(', ')}], found [${actualShape.join(', ')}]`,
      };
    }
  }
  return null;
}

/** The first value that is NaN or infinite, by name and row-major index; null when all are finite. */
export function firstNotFinite(tensors: NamedTensors): { readonly name: string; readonly index: number } | null {
  for (const [name, { data }] of tensors) {
    for (let index = 0; index < data.length; index++) {
      if (!Number.isFinite(data[index])) return { name, index };
    }
  }
  return null;
}

/** Euclidean norm over all values of all tensors, summed in float64 in the map's order. NaN or infinite when a value is. */
export function l2Norm(tensors: NamedTensors): number {
  let sum = 0;
  for (const { data } of tensors.values()) {
    for (let index = 0; index < data.length; index++) {
      const value = data[index] as number;
      sum += value * value;
    }
  }
  return Math.sqrt(sum);
}
