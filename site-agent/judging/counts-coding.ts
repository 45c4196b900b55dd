import type { CategoricalColumn, ContinuousColumn } from '../../shared/plan/contract.ts';
import type { ColumnReference } from '../../shared/plan/preprocessing.ts';
import { binIndex } from '../../shared/statistics/binning.ts';
import { type CodingChange, codeRatio, codeShare, fewestValues, mostCommon } from './coding-change.ts';

/** A column that varies has in no group of bins more than this share. */
const variesBelow = 0.9;
/** Standard deviations from the consortium's mean at which a value that many patients share is no measurement any more. */
const farDeviations = 4;
/** Share of a level, or of values, that hardly occur. */
const rareShare = 0.05;

export interface CountsCoding extends CodingChange {
  /** Too few patients for any test to see, and yet no measurement. */
  readonly certain: boolean;
}

/**
 * What a numeric column looks like beside the counts of the consortium, where it looks like a matter of coding: one and the same value in
 * every patient where theirs vary; one value at an end of the judged ones in many patients, in bins that hardly occur there or four
 * standard deviations from their mean; or a few values such as 0 or 999 further from all others than those are from one another.
 * Null when it looks like none.
 *
 * @param judged known values of the judged rows, ascending.
 * @param there the reference in words that follow "in".
 * @param minimumCount a value that fewer patients have is not printed.
 */
export function codingAgainstCounts(
  column: ContinuousColumn,
  reference: ColumnReference,
  judged: Float64Array,
  there: string,
  minimumCount: number,
): CountsCoding | null {
  const known = reference.referenceCounts.slice(0, -1).reduce((sum, count) => sum + count, 0);
  if (judged.length < fewestValues || known < fewestValues) return null;
  const { value, share } = mostCommon(judged);
  const patients = Math.round(share * judged.length);
  const named = patients >= minimumCount ? String(value) : 'that value';
  const last = judged[judged.length - 1] as number;
  if (share === 1) {
    const groups = shareOfGroups(reference, known);
    if (Math.max(...groups.values()) >= variesBelow) return null;
    return {
      kind: 'constant',
      certain: false,
      explanation: `${column.name} is ${named} in every judged patient and varies in ${there}: it may not be measured here, or ${named} may stand for missing.`,
    };
  }
  const atEnd = value === judged[0] || value === last;
  if (atEnd && share >= codeShare) {
    const expected = expectedShare(column, reference, known, value);
    const far = expected.deviations >= farDeviations && share >= 2 * expected.atMost;
    if (far || share >= codeRatio * expected.inBin) {
      return {
        kind: 'coding',
        certain: false,
        explanation: `${column.name} is ${named} in about ${Math.round(100 * share)}% of judged patients, where ${there} hardly has such values: missing values may be coded as ${named} here.`,
      };
    }
  }
  for (const [end, next] of ends(judged)) {
    if (!isCodeLike(end.value) || Math.abs(end.value - next) <= end.spanOfOthers) continue;
    const { inBin, atMost, deviations } = expectedShare(column, reference, known, end.value);
    if (deviations < farDeviations || Math.min(inBin, atMost) > rareShare) continue;
    return {
      kind: 'coding',
      certain: true,
      explanation: `${column.name} has, in ${end.count < minimumCount ? `fewer than ${minimumCount}` : end.count} judged patients, a value that is often written for missing (such as 0 or 999) and lies further from all others than those lie from one another: missing values may be coded so here.`,
    };
  }
  return null;
}

/**
 * The same for levels: one that hardly occurs in the reference and is ten times as frequent here, while another lost half of its
 * patients and at least half as many as the first gained.
 *
 * @param reference counts by level, then missing; current likewise. Exact counts only.
 */
export function levelCoding(
  column: CategoricalColumn,
  reference: readonly number[],
  current: readonly number[],
  there: string,
): CodingChange | null {
  const sharesOf = (counts: readonly number[]): number[] => {
    const known = counts.slice(0, column.levels.length);
    const total = known.reduce((sum, count) => sum + count, 0);
    return total < fewestValues ? [] : known.map((count) => count / total);
  };
  const then = sharesOf(reference);
  const now = sharesOf(current);
  if (then.length === 0 || now.length === 0 || column.levels.length < 3) return null;
  // A level that was never there has its own kind.
  const risen = largest(now, (share, level) => {
    const before = then[level] as number;
    return before > 0 && before <= rareShare && share >= codeShare && share >= codeRatio * before ? share - before : 0;
  });
  // One that lost less than half of its patients has not changed its name.
  const fallen = largest(now, (share, level) => {
    const before = then[level] as number;
    return share <= before / 2 ? before - share : 0;
  });
  if (risen < 0 || fallen < 0) return null;
  const [before, after] = [then[risen] as number, now[risen] as number];
  const [had, has] = [then[fallen] as number, now[fallen] as number];
  if (had - has < (after - before) / 2) return null;
  return {
    kind: 'coding',
    explanation:
      `${column.name} is ${column.levels[risen]} in ${percent(after)} of judged patients (${percent(before)} in ${there}) and ${column.levels[fallen]} in ${percent(has)} ` +
      `(${percent(had)}): these levels may be coded otherwise here.`,
  };
}

/** Place of the largest figure above 0; -1 when there is none. */
function largest(values: readonly number[], figure: (value: number, place: number) => number): number {
  const figures = values.map(figure);
  const most = Math.max(0, ...figures);
  return most === 0 ? -1 : figures.indexOf(most);
}

/** How often the reference has values like this one: the share of its bin, and what its mean and deviation allow at most. */
function expectedShare(
  column: ContinuousColumn,
  reference: ColumnReference,
  known: number,
  value: number,
): { readonly inBin: number; readonly atMost: number; readonly deviations: number } {
  const deviations = reference.count > 0 ? Math.abs(value - reference.mean) / reference.scale : 0;
  return {
    inBin: shareOfGroups(reference, known).get(binIndex(value, column.edges)) ?? 0,
    // Cantelli's inequality: no distribution has more than this beyond so many standard deviations on one side.
    atMost: 1 / (1 + deviations ** 2),
    deviations,
  };
}

/** Share of each bin among known values; bins of one group have the group's. */
function shareOfGroups(reference: ColumnReference, known: number): Map<number, number> {
  const shares = new Map<number, number>();
  const missing = reference.referenceCounts.length - 1;
  for (let bin = 0; bin < missing; bin++) shares.set(bin, (reference.referenceCounts[bin] as number) / known);
  for (const group of reference.referenceGroups ?? []) {
    const total = group.reduce((sum, bin) => sum + (reference.referenceCounts[bin] as number), 0);
    for (const bin of group) if (bin !== missing) shares.set(bin, Math.min(1, total / known));
  }
  return shares;
}

interface End {
  readonly value: number;
  readonly count: number;
  /** From the smallest to the largest of the other values. */
  readonly spanOfOthers: number;
}

/** The smallest and the largest value, each with the one next to it. Ascending values. */
function* ends(sorted: Float64Array): Generator<readonly [End, number]> {
  const first = sorted[0] as number;
  const last = sorted[sorted.length - 1] as number;
  const low = sorted.findIndex((value) => value !== first);
  const high = sorted.findLastIndex((value) => value !== last);
  if (low < 0) return;
  const [next, before] = [sorted[low] as number, sorted[high] as number];
  // Two values of which one is 0 are a 0/1 column, and no code.
  if (next !== last) yield [{ value: first, count: low, spanOfOthers: last - next }, next];
  if (before !== first) yield [{ value: last, count: sorted.length - 1 - high, spanOfOthers: before - first }, before];
}

function isCodeLike(value: number): boolean {
  return value === 0 || /^(-1|-9|-?9{2,6}|-?8{2,6})$/.test(String(value));
}

function percent(share: number): string {
  return `${Math.round(100 * share)}%`;
}
