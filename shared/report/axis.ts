/** Values of an axis that read well: steps of 1, 2 or 5 times a power of ten, about `count` of them, all within low and high. */
export function ticks(low: number, high: number, count = 5): readonly number[] {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) return [low];
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? 10 * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** Decimals that tell neighbouring ticks apart. */
export function tickDecimals(values: readonly number[]): number {
  const [first, second] = values;
  if (first === undefined || second === undefined) return 2;
  return Math.max(0, Math.min(6, -Math.floor(Math.log10(second - first) + 1e-9)));
}

/** Low and high of what is drawn, with a margin on both sides; `[0, 1]` of nothing, and never of no width. */
export function extent(values: readonly (number | null | undefined)[], marginShare = 0.06): readonly [number, number] {
  const known = values.filter((value): value is number => typeof value === 'number' && Number.isFinite(value));
  if (known.length === 0) return [0, 1];
  const low = known.reduce((a, b) => Math.min(a, b));
  const high = known.reduce((a, b) => Math.max(a, b));
  const margin = Math.max((high - low) * marginShare, high === low ? Math.max(0.01, Math.abs(high) * 0.05) : 0);
  return [low - margin, high + margin];
}

/** Place of a value on an axis from `start` to `end`, values outside put at its ends. */
export function place(
  value: number,
  [low, high]: readonly [number, number],
  [start, end]: readonly [number, number],
): number {
  const share = high === low ? 0.5 : (value - low) / (high - low);
  return start + Math.min(1, Math.max(0, share)) * (end - start);
}

/** Coordinate with at most two decimals: keeps drawings small. */
export function coordinate(value: number): string {
  return String(Math.round(value * 100) / 100);
}
