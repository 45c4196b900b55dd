import type { ContinuousColumn } from '../../shared/plan/contract.ts';
import type { ShiftKind } from '../../shared/plan/judgement.ts';
import { binIndex, binsOf } from '../../shared/statistics/binning.ts';
import { kolmogorovDistance, quantileOfSorted } from '../../shared/statistics/ordered.ts';
import { populationStability } from '../../shared/statistics/shift.ts';
import { conversionsInto } from '../data/units.ts';

/** What a change of a numeric column looks like, in a sentence without a patient's value. */
export interface CodingChange {
  readonly kind: Extract<ShiftKind, 'unit' | 'coding' | 'constant'>;
  readonly explanation: string;
}

// These figures say when a change is given a name. Whether it holds a release is the policy's to say.
/** Fewest known values on either side for a name to be given. */
export const fewestValues = 20;
/** A changed unit moves the distribution at least this far, in Kolmogorov distance... */
export const movedDistance = 0.4;
/** ...and the conversion brings it back to within this, or to within the 5% critical value of the test, where that is larger. */
export const returnedDistance = 0.2;
/** Share of values of one side of the earlier range that counts as a part recorded otherwise. */
const partShare = 0.1;
/** One value is a code when at least this share has it, and ten times the earlier share. */
export const codeShare = 0.1;
export const codeRatio = 10;

export interface Reading {
  /** `mmol/L`, or null for a plain factor. */
  readonly unit: string | null;
  /** value in the plan's unit = recorded value · factor + offset. */
  readonly factor: number;
  readonly offset: number;
}

export function readings(column: ContinuousColumn): Reading[] {
  const known = conversionsInto(column)
    .filter(({ factor, offset }) => factor !== 1 || offset !== 0)
    .map(({ from, factor, offset }) => ({ unit: from, factor, offset }));
  // A conversion carried out twice, or the wrong way round, is the same mistake backwards.
  const backwards = known.map(({ factor, offset }) => ({ unit: null, factor: 1 / factor, offset: -offset / factor }));
  const decimal = [1000, 100, 10, 0.1, 0.01, 0.001].map((factor) => ({ unit: null, factor, offset: 0 }));
  return [...known, ...decimal, ...backwards];
}

/**
 * Says what a change between this site's earlier and judged values looks like, if it looks like one of coding: a column that no longer
 * varies, one value that hardly occurred and now stands in many rows (such as 0 for missing), or another unit: a known conversion
 * or a power of ten that brings the distribution back. Null when it looks like none; both samples need 20 known values.
 *
 * @param earlier known values of the training rows. @param judged known values of the judged rows.
 * @param outOfRange values of rows left out because they lie outside the plan's range: the usual sign of another unit.
 * @param minimumCount a value that fewer patients have is not printed.
 */
export function codingChange(
  column: ContinuousColumn,
  earlier: ArrayLike<number>,
  judged: ArrayLike<number>,
  outOfRange: ArrayLike<number> = [],
  minimumCount = 11,
): CodingChange | null {
  const before = new Float64Array(earlier).sort();
  const now = new Float64Array(judged.length + outOfRange.length);
  now.set(judged);
  now.set(outOfRange, judged.length);
  now.sort();
  if (before.length < fewestValues || now.length < fewestValues) return null;
  return (
    constantColumn(column, before, now) ?? spike(column, before, now, minimumCount) ?? otherUnit(column, before, now)
  );
}

function constantColumn(column: ContinuousColumn, before: Float64Array, now: Float64Array): CodingChange | null {
  if (now[0] !== now[now.length - 1] || mostCommon(before).share >= 0.9) return null;
  return {
    kind: 'constant',
    explanation: `${column.name} has one and the same value in every judged patient, and varied in this hospital's earlier rows: the source may have stopped filling it.`,
  };
}

function spike(
  column: ContinuousColumn,
  before: Float64Array,
  now: Float64Array,
  minimumCount: number,
): CodingChange | null {
  const { value, share } = mostCommon(now);
  if (share < codeShare) return null;
  let earlierCount = 0;
  for (const other of before) if (other === value) earlierCount++;
  const earlierShare = earlierCount / before.length;
  const outside = value < (before[0] as number) || value > (before[before.length - 1] as number) || earlierShare === 0;
  const away =
    value <= (quantileOfSorted(before, 0.01) as number) || value >= (quantileOfSorted(before, 0.99) as number);
  if (earlierShare * codeRatio > share || !(outside && away)) return null;
  const named = Math.round(share * now.length) >= minimumCount ? String(value) : 'that value';
  return {
    kind: 'coding',
    explanation: `${column.name} has one value, at the edge of what this hospital recorded before, in about ${Math.round(100 * share)}% of judged patients and hardly in earlier rows: missing values may now be coded as ${named}.`,
  };
}

function otherUnit(column: ContinuousColumn, before: Float64Array, now: Float64Array): CodingChange | null {
  const whole = bestReading(column, before, now);
  if (whole !== null) return sentence(column, whole, 1);
  const low = quantileOfSorted(before, 0.005) as number;
  const high = quantileOfSorted(before, 0.995) as number;
  for (const part of [now.filter((value) => value < low), now.filter((value) => value > high)]) {
    if (part.length < fewestValues / 2 || part.length < partShare * now.length) continue;
    const reading = bestReading(column, before, part);
    if (reading !== null) return sentence(column, reading, part.length / now.length);
  }
  return null;
}

/** The conversion that brings `values` nearest to `before`, when they are far off and it brings them close. */
function bestReading(column: ContinuousColumn, before: Float64Array, values: Float64Array): Reading | null {
  const moved = kolmogorovDistance(before, values) as number;
  if (moved < movedDistance) return null;
  const critical = 1.36 * Math.sqrt(1 / before.length + 1 / values.length);
  let best: Reading | null = null;
  let nearest = Math.min(Math.max(returnedDistance, critical), moved / 2);
  for (const reading of readings(column)) {
    const distance = kolmogorovDistance(
      before,
      values.map((value) => value * reading.factor + reading.offset),
    ) as number;
    if (distance < nearest) {
      nearest = distance;
      best = reading;
    }
  }
  return best;
}

function sentence(column: ContinuousColumn, reading: Reading, share: number): CodingChange {
  const which =
    share === 1 ? `The values of ${column.name}` : `About ${Math.round(100 * share)}% of the values of ${column.name}`;
  return {
    kind: 'unit',
    explanation: `${which} ${readingText(column, reading)} they match this hospital's earlier rows.`,
  };
}

export function readingText(column: ContinuousColumn, { unit, factor, offset }: Reading): string {
  const plain = (value: number): string => String(Number(value.toPrecision(4)));
  const shift = offset === 0 ? '' : ` ${offset < 0 ? 'minus' : 'plus'} ${plain(Math.abs(offset))}`;
  const looks =
    unit === null ? 'look as if recorded in another unit' : `look as if recorded in ${unit} instead of ${column.unit}`;
  return `${looks}: times ${plain(factor)}${shift}`;
}

/**
 * The same question against counts of the consortium, for a site whose rows were never in the plan's unit: a conversion that brings the
 * counts back (PSI from above 1 to below a quarter of it and below 0.25). `merge` puts counts into the groups that are compared.
 *
 * @param current counts of the judged rows; missing ones are left out of the comparison. @param judged their known values, or a sample.
 */
export function unitAgainstCounts(
  column: ContinuousColumn,
  reference: readonly number[],
  current: readonly number[],
  judged: Float64Array,
  merge: (counts: readonly number[]) => number[],
): CodingChange | null {
  if (judged.length < fewestValues) return null;
  const merged = merge(reference);
  const before = populationStability(merged, merge([...current.slice(0, -1), 0]));
  if (before === null || before < 1) return null;
  const psiOf = (reading: Reading): number | null => {
    const counts = new Array<number>(binsOf(column)).fill(0);
    for (const value of judged) {
      const bin = binIndex(value * reading.factor + reading.offset, column.edges);
      counts[bin] = (counts[bin] as number) + 1;
    }
    return populationStability(merged, merge(counts));
  };
  let best: Reading | null = null;
  let nearest = Math.min(before / 4, 0.25);
  for (const reading of readings(column)) {
    const after = psiOf(reading);
    if (after !== null && after < nearest) {
      nearest = after;
      best = reading;
    }
  }
  if (best === null) return null;
  return {
    kind: 'unit',
    explanation: `The values of ${column.name} ${readingText(column, best)} they match the consortium.`,
  };
}

/** The value most rows have, the smallest of several, and their share. Ascending values, at least one. */
export function mostCommon(sorted: Float64Array): { readonly value: number; readonly share: number } {
  let value = sorted[0] as number;
  let most = 0;
  let start = 0;
  for (let index = 1; index <= sorted.length; index++) {
    if (index < sorted.length && sorted[index] === sorted[start]) continue;
    if (index - start > most) {
      most = index - start;
      value = sorted[start] as number;
    }
    start = index;
  }
  return { value, share: most / sorted.length };
}
