import { StatisticsError } from './statistics-error.ts';

/** @throws StatisticsError `not_finite` naming the first entry that is NaN or infinite. */
export function assertFinite(values: ArrayLike<number>, name: string): void {
  for (let index = 0; index < values.length; index++) {
    if (!Number.isFinite(values[index])) {
      throw new StatisticsError('not_finite', `${name}[${index}] is ${values[index]}; leave such rows out before`, {
        name,
        index,
      });
    }
  }
}

const largestSquared = 1e120;

/** @throws StatisticsError `not_finite`, or `out_of_range` naming the first entry whose square, weighted and summed, may leave what a double holds. */
export function assertSquarable(values: ArrayLike<number>, name: string): void {
  assertFinite(values, name);
  for (let index = 0; index < values.length; index++) {
    if (Math.abs(values[index] as number) > largestSquared) {
      throw new StatisticsError('out_of_range', `${name}[${index}] is ${values[index]}, too large to be squared`, {
        name,
        index,
      });
    }
  }
}

/** @throws StatisticsError `length_mismatch`. */
export function assertSameLength(a: ArrayLike<number>, b: ArrayLike<number>, names: string): void {
  if (a.length !== b.length) {
    throw new StatisticsError('length_mismatch', `${names} have ${a.length} and ${b.length} entries`, { names });
  }
}

/** Events of a 0/1 label vector. @throws StatisticsError `not_binary`. */
export function countEvents(labels: ArrayLike<number>): number {
  let events = 0;
  for (let index = 0; index < labels.length; index++) {
    const label = labels[index];
    if (label === 1) events++;
    else if (label !== 0)
      throw new StatisticsError('not_binary', `labels[${index}] is ${label}, not 0 or 1`, { index });
  }
  return events;
}

/** @throws StatisticsError when an entry is no count: negative, NaN or infinite. */
export function assertCounts(counts: ArrayLike<number>, name: string): void {
  assertFinite(counts, name);
  for (let index = 0; index < counts.length; index++) {
    if ((counts[index] as number) < 0) {
      throw new StatisticsError('out_of_range', `${name}[${index}] is ${counts[index]}, and a count is never negative`);
    }
  }
}

/** @throws StatisticsError `not_finite` or `out_of_range` naming the first entry that is no probability. */
export function assertProbabilities(values: ArrayLike<number>): void {
  assertFinite(values, 'probabilities');
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    if (value < 0 || value > 1) {
      throw new StatisticsError('out_of_range', `probabilities[${index}] is ${value}, not between 0 and 1`, { index });
    }
  }
}

/** True when all entries are equal, also for none or one. */
export function isConstant(values: ArrayLike<number>): boolean {
  for (let index = 1; index < values.length; index++) if (values[index] !== values[0]) return false;
  return true;
}

/** True when two vectors hold the same numbers. */
export function isSame(first: ArrayLike<number>, second: ArrayLike<number>): boolean {
  if (first.length !== second.length) return false;
  for (let index = 0; index < first.length; index++) if (first[index] !== second[index]) return false;
  return true;
}

/** @throws StatisticsError `out_of_range` when a number that must be positive and finite is not. */
export function assertPositive(value: number, name: string): void {
  if (!(value > 0 && Number.isFinite(value))) {
    throw new StatisticsError('out_of_range', `${name} is ${value}, not positive`, { name });
  }
}

/** @throws StatisticsError `out_of_range` when a share is not strictly between 0 and 1. */
export function assertOpenShare(value: number, name: string): void {
  if (!(value > 0 && value < 1)) {
    throw new StatisticsError('out_of_range', `${name} is ${value}, not strictly between 0 and 1`, { name });
  }
}
