/**
 * Sum of finite numbers, correctly rounded, hence the same in whatever order they stand.
 * J. R. Shewchuk (1997), Adaptive precision floating-point arithmetic, Discrete & Computational Geometry 18:305: partial sums that do not
 * overlap, as in Python's math.fsum.
 */
export function exactSum(values: ArrayLike<number>): number {
  const partials: number[] = [];
  for (let index = 0; index < values.length; index++) {
    let x = values[index] as number;
    let kept = 0;
    for (let place = 0; place < partials.length; place++) {
      let y = partials[place] as number;
      if (Math.abs(x) < Math.abs(y)) {
        const held = x;
        x = y;
        y = held;
      }
      const high = x + y;
      const low = y - (high - x);
      if (low !== 0) partials[kept++] = low;
      x = high;
    }
    partials[kept] = x;
    partials.length = kept + 1;
  }
  let place = partials.length - 1;
  if (place < 0) return 0;
  let sum = partials[place] as number;
  let low = 0;
  while (place > 0) {
    const x = sum;
    const y = partials[--place] as number;
    sum = x + y;
    low = y - (sum - x);
    if (low !== 0) break;
  }
  // Half-way cases round to even only if nothing below decides otherwise.
  if (place > 0 && Math.sign(low) === Math.sign(partials[place - 1] as number)) {
    const doubled = 2 * low;
    const next = sum + doubled;
    if (doubled === next - sum) sum = next;
  }
  // Adding 0 makes -0, the sum of nothing but -0, 0.
  return sum + 0;
}

/** Mean of the values and variance of that mean, from sums that do not depend on order; the variance is null for fewer than two values. */
export function meanAndVariance(values: ArrayLike<number>): {
  readonly mean: number;
  readonly varianceOfMean: number | null;
} {
  const n = values.length;
  const mean = exactSum(values) / n;
  if (n < 2) return { mean, varianceOfMean: null };
  const squares = new Float64Array(n);
  for (let index = 0; index < n; index++) squares[index] = ((values[index] as number) - mean) ** 2;
  return { mean, varianceOfMean: exactSum(squares) / (n - 1) / n };
}
