import type { ElementType, Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';

/** The bits of the nearest half-precision number (IEEE 754 binary16, ties to even). */
export function halfBits(number: number): number {
  const [bits] = new Uint32Array(Float32Array.of(number).buffer) as Uint32Array & [number];
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const fraction = bits & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  const unbiased = exponent - 127 + 15;
  if (unbiased >= 31) return sign | 0x7c00;
  const significand = unbiased <= 0 ? fraction | 0x800000 : fraction;
  const dropped = unbiased <= 0 ? 14 - unbiased : 13;
  if (dropped > 24) return sign;
  const kept = (unbiased <= 0 ? 0 : unbiased << 10) + (significand >>> dropped);
  const rest = significand & ((1 << dropped) - 1);
  const half = 1 << (dropped - 1);
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
}

/** The value in an element type: itself where it is of that type. */
export function asType(builder: GraphBuilder, value: Value, type: ElementType): Value {
  return value.type === type ? value : builder.cast(value, type);
}

/** A constant without axes of the element type of a gradient. */
export function scalarOf(builder: GraphBuilder, type: ElementType, number: number): Value {
  if (type === 'double') return builder.doubles('scalar', number);
  if (type === 'float16') return builder.constant('scalar', [], Uint16Array.of(halfBits(number)), 'float16');
  return builder.scalar(number);
}

/** A constant without axes, of the element type of `like`. */
export function scalarLike(builder: GraphBuilder, like: Value, number: number): Value {
  return scalarOf(builder, like.type, number);
}

/** Floats of a constant tensor of the element type of `like`. */
export function floatsLike(
  builder: GraphBuilder,
  hint: string,
  like: Value,
  shape: readonly number[],
  numbers: readonly number[],
): Value {
  if (like.type === 'double') return builder.constant(hint, shape, Float64Array.from(numbers), 'double');
  if (like.type === 'float16') return builder.constant(hint, shape, Uint16Array.from(numbers, halfBits), 'float16');
  return builder.constant(hint, shape, Float32Array.from(numbers));
}
