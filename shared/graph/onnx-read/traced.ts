import type { Attributes, ConstantData, ElementType } from '../graph.ts';
import type { Known } from './evaluate.ts';

/** A value as it is with one number of rows. */
export interface Side {
  readonly shape: readonly number[];
  /** Contents, where they do not depend on rows or weights. */
  readonly known: Known | null;
}

/** Where a value comes from. */
export type Origin =
  | { readonly kind: 'input'; readonly input: 'features' | 'payload' }
  /** A stored tensor of floats: a parameter, unless its use says otherwise. */
  | { readonly kind: 'stored'; readonly name: string; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly kind: 'known' }
  | { readonly kind: 'made'; readonly node: DraftNode; readonly index: number };

/**
 * A value followed through the network with two different numbers of rows at once: what differs between the two sides depends
 * on the rows, and how it differs says which axis they lie along.
 */
export interface Traced {
  readonly name: string;
  readonly type: ElementType;
  readonly origin: Origin;
  readonly sides: readonly [Side, Side];
}

/** A node of the network that is being read. */
export interface DraftNode {
  readonly operator: string;
  readonly inputs: readonly Traced[];
  readonly outputs: Traced[];
  readonly attributes: Attributes;
}

const made = new WeakMap<Known, ConstantData>();

/** Contents in the form of a graph's constants, made once however many nodes use them. Not to be written to. */
export function constantData(known: Known): ConstantData {
  const data = made.get(known) ?? converted(known);
  made.set(known, data);
  return data;
}

function converted({ type, values }: Known): ConstantData {
  if (type === 'int64') return BigInt64Array.from(Array.from(values, (value) => BigInt(Math.trunc(value))));
  if (type === 'int32') return Int32Array.from(values);
  if (type === 'double') return values;
  if (type === 'bool') return Uint8Array.from(values);
  return Float32Array.from(values);
}

/** The contents when they are the same with any number of rows. */
export function fixedContents(value: Traced | null | undefined): readonly number[] | null {
  const [first, second] = value?.sides ?? [];
  if (first?.known == null || second?.known == null) return null;
  const [a, b] = [first.known.values, second.known.values];
  return a.length === b.length && a.every((one, at) => Object.is(one, b[at])) ? Array.from(a) : null;
}

/** A number read where ONNX wants a constant, such as the bounds of Clip: also from a stored tensor. */
export function storedNumbers(value: Traced | null | undefined): readonly number[] | null {
  if (value?.origin.kind === 'stored') return Array.from(value.origin.data);
  return fixedContents(value);
}

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((length, axis) => length === b[axis]);

/** The axes whose length differs between the two sides. */
export function rowAxes(value: Traced): number[] {
  const [a, b] = value.sides;
  return a.shape.flatMap((length, axis) => (length === b.shape[axis] ? [] : [axis]));
}
