import type { Value } from '../../../shared/graph/graph.ts';

/** The number behind the bits of a half-precision one (IEEE 754 binary16). */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** The numbers of a constant. */
export function decoded({ constant, type }: Value): number[] {
  const numbers = Array.from(constant ?? [], Number);
  return type === 'float16' ? numbers.map(fromHalf) : numbers;
}
