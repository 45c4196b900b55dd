import type { ComputedColumn, PayloadTarget } from './payload-target.ts';

/** Figures over some numbers, taken one after the other; the deviation is of the population (Welford 1962, Technometrics 4:419). */
export class RunningFigures {
  count = 0;
  first = Number.NaN;
  last = Number.NaN;
  minimum = Number.POSITIVE_INFINITY;
  maximum = Number.NEGATIVE_INFINITY;
  #mean = 0;
  #squares = 0;

  add(value: number): void {
    if (this.count === 0) this.first = value;
    this.last = value;
    this.count++;
    const gap = value - this.#mean;
    this.#mean += gap / this.count;
    this.#squares += gap * (value - this.#mean);
    if (value < this.minimum) this.minimum = value;
    if (value > this.maximum) this.maximum = value;
  }

  /** Takes up what others have counted; of these the first and last are not kept. */
  include(other: RunningFigures): void {
    if (other.count === 0) return;
    const count = this.count + other.count;
    const gap = other.#mean - this.#mean;
    this.#squares += other.#squares + (gap * gap * this.count * other.count) / count;
    this.#mean += (gap * other.count) / count;
    this.count = count;
    this.minimum = Math.min(this.minimum, other.minimum);
    this.maximum = Math.max(this.maximum, other.maximum);
  }

  /** NaN without any number, but for the count. */
  figure(by: ComputedColumn['summary']['by']): number {
    if (by === 'count') return this.count;
    if (this.count === 0) return Number.NaN;
    switch (by) {
      case 'mean':
        return this.#mean;
      case 'standard-deviation':
        return Math.sqrt(this.#squares / this.count);
      default:
        return this[by];
    }
  }
}

/** Enters one row's value of a computed column, under the rules of any column: a range, and whether it may be missing. */
export function enterComputed(
  target: PayloadTarget,
  { column, values }: ComputedColumn,
  row: number,
  value: number,
): void {
  const [low, high] = column.range;
  if (Number.isNaN(value)) {
    if (column.missing === 'forbid') target.refuse(row, column.name, 'missing', null);
    return;
  }
  if (value < low || value > high) {
    target.outOfRange(row, column.name, value);
    target.refuse(row, column.name, 'out_of_range', value);
    return;
  }
  values[row] = value;
}
