/**
 * Rounds non-negative numbers to a grid so fine that they, and so coarse that any sum of them, are exact in doubles: whole numbers of grains
 * whose total stays below 2^53. Sums of the result do not depend on their order, whatever cells the rows are added up in. The grain is
 * 2^-52 · n of the largest value or less, far below any figure's own error.
 */
export function toGrid(values: ArrayLike<number>): { readonly grains: Float64Array; readonly grain: number } {
  let largest = 0;
  for (let index = 0; index < values.length; index++) largest = Math.max(largest, values[index] as number);
  if (largest === 0) return { grains: new Float64Array(values.length), grain: 1 };
  const exponent = Math.ceil(Math.log2(largest)) + Math.ceil(Math.log2(values.length + 1)) - 53;
  const grain = 2 ** Math.max(-1022, exponent);
  return {
    grains: Float64Array.from({ length: values.length }, (_, index) => Math.round((values[index] as number) / grain)),
    grain,
  };
}
