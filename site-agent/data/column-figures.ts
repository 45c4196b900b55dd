export interface Range {
  readonly least: number;
  readonly mean: number;
  readonly largest: number;
}

/** Least, mean and largest of the values that are not NaN; null where there is none. */
export function rangeOf(values: Float64Array): Range | null {
  let count = 0;
  let sum = 0;
  let least = Number.POSITIVE_INFINITY;
  let largest = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    count++;
    sum += value;
    if (value < least) least = value;
    if (value > largest) largest = value;
  }
  return count === 0 ? null : { least, mean: sum / count, largest };
}

export function missingIn(values: Float64Array): number {
  return values.reduce((count, value) => count + (Number.isNaN(value) ? 1 : 0), 0);
}
