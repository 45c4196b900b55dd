import type { DataType, Tensor } from '@tensorflow/tfjs-core';
import type { ElementType, Value } from '../../../shared/graph/graph.ts';
import type { TfjsLibrary } from '../tfjs-library.ts';

/** The library has no 64-bit integers, halves or doubles: integers are of 32 bits, other numbers of single precision. */
export function tensorType(type: ElementType): 'float32' | 'int32' | 'bool' {
  if (type === 'bool') return 'bool';
  return type === 'int32' || type === 'int64' ? 'int32' : 'float32';
}

/** Number of a half's bits (IEEE 754 binary16). */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Contents of a constant as plain numbers. */
export function constantNumbers(value: Value): number[] {
  const data = value.constant ?? new Float32Array();
  const numbers = Array.from(data as ArrayLike<number | bigint>, Number);
  return value.type === 'float16' ? numbers.map(halfToNumber) : numbers;
}

/** 64-bit bounds such as "to the end" of Slice do not fit the library's integers. */
const clampedTo32Bits = (one: number): number => Math.max(-0x8000_0000, Math.min(0x7fff_ffff, one));

export function constantTensor(tf: TfjsLibrary, value: Value): Tensor {
  const numbers = constantNumbers(value);
  const type = tensorType(value.type);
  return tf.tensor(
    type === 'float32' ? Float32Array.from(numbers) : numbers.map(clampedTo32Bits),
    value.shape as number[],
    type,
  );
}

/** Axis orders that bring the channels, axis 1, to the end and back. */
export function toChannelsLast(rank: number): number[] {
  return [0, ...Array.from({ length: rank - 2 }, (_, axis) => axis + 2), 1];
}
export function toChannelsFirst(rank: number): number[] {
  return [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, axis) => axis + 1)];
}

/**
 * A value while a graph is interpreted. Graphs put channels before the axes of an image, the library's convolutions after them; a value is
 * turned when a reader needs it turned, and at most once each way.
 */
export class Held {
  readonly #tf: TfjsLibrary;
  #first: Tensor | undefined;
  #last: Tensor | undefined;
  /** Contents of a small integer tensor that is known without asking the device. */
  readonly integers: readonly number[] | undefined;

  private constructor(
    tf: TfjsLibrary,
    first: Tensor | undefined,
    last: Tensor | undefined,
    integers?: readonly number[],
  ) {
    this.#tf = tf;
    this.#first = first;
    this.#last = last;
    this.integers = integers;
  }

  static of(tf: TfjsLibrary, tensor: Tensor, integers?: readonly number[]): Held {
    return new Held(tf, tensor, undefined, integers);
  }

  /** @param tensor [N, ..., C] of a value whose shape in the graph is [N, C, ...] */
  static ofChannelsLast(tf: TfjsLibrary, tensor: Tensor): Held {
    return new Held(tf, undefined, tensor);
  }

  /** Whether reading it with the channels last costs nothing, and as the graph has it a transposition. */
  get isChannelsLast(): boolean {
    return this.#first === undefined;
  }

  get rank(): number {
    return (this.#first ?? this.#last)?.rank ?? 0;
  }

  get size(): number {
    return (this.#first ?? this.#last)?.size ?? 0;
  }

  get type(): DataType {
    return (this.#first ?? this.#last)?.dtype ?? 'float32';
  }

  /** In the graph's order of axes. */
  get tensor(): Tensor {
    if (this.#first === undefined) {
      const last = this.#last as Tensor;
      const [rows, channels] = [last.shape[0] as number, last.shape.at(-1) as number];
      const shape = [rows, channels, ...last.shape.slice(1, -1)];
      this.#first = turned(this.#tf, last, rows, channels, shape, toChannelsFirst(last.rank));
    }
    return this.#first;
  }

  /** With axis 1 moved to the end; rank 3 or more. */
  get channelsLast(): Tensor {
    if (this.#last === undefined) {
      const first = this.#first as Tensor;
      const [rows, channels] = first.shape as [number, number];
      const shape = [rows, ...first.shape.slice(2), channels];
      this.#last = turned(this.#tf, first, rows, channels, shape, toChannelsLast(first.rank));
    }
    return this.#last;
  }
}

/** With one channel, or one place, the numbers lie the same either way. */
function turned(
  tf: TfjsLibrary,
  tensor: Tensor,
  rows: number,
  channels: number,
  shape: number[],
  order: number[],
): Tensor {
  return channels === 1 || tensor.size === rows * channels ? tf.reshape(tensor, shape) : tf.transpose(tensor, order);
}
