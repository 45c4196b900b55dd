/** A number as an unevaluated sum of two doubles, the second below the last digit of the first. T. J. Dekker (1971), Numerische Mathematik 18:224. */
export type DoubleDouble = readonly [high: number, low: number];

/** a + b exactly. D. E. Knuth, The Art of Computer Programming 2, section 4.2.2, theorem C. */
export function twoSum(a: number, b: number): DoubleDouble {
  const sum = a + b;
  const bPart = sum - a;
  return [sum, a - (sum - bPart) + (b - bPart)];
}

/** a · b exactly, for factors below 1e290; from there on, or below 1e-290, the low part is 0 or inexact. */
export function twoProduct(a: number, b: number): DoubleDouble {
  const product = a * b;
  const [aHigh, aLow] = split(a);
  const [bHigh, bLow] = split(b);
  const low = aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
  return [product, Number.isFinite(low) ? low : 0];
}

/** 26 leading bits and the rest. */
function split(a: number): DoubleDouble {
  const scaled = 134_217_729 * a;
  const high = scaled - (scaled - a);
  return [high, a - high];
}

/** a / b to about 31 figures. */
export function quotient([a, aLow]: DoubleDouble, [b, bLow]: DoubleDouble): DoubleDouble {
  const high = a / b;
  const [back, backLow] = twoProduct(high, b);
  return [high, (a - back - backLow + aLow - high * bLow) / b];
}
