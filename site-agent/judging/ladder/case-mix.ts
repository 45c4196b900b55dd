import type { Plan } from '../../../shared/plan/plan.ts';
import type { Preprocessing } from '../../../shared/plan/preprocessing.ts';
import { cellOf } from '../../../shared/statistics/binning.ts';
import type { SiteTable } from '../../data/site-table.ts';

/** Rounds of raking, the relative error of a margin at which it ends, and the one it must reach at last. */
const mostRounds = 200;
const enough = 1e-6;
const acceptable = 0.01;
/** Share of the consortium's rows that may lie in cells where the site has nobody, a column. */
const mostOutside = 0.1;
/** Kish's effective number of rows below which a weighted figure is not worth giving. */
const fewestEffectiveRows = 100;

export interface CaseMix {
  /** [rows], mean 1. */
  readonly weights: Float64Array;
  readonly effectiveRows: number;
}

interface Margin {
  /** Cell of each row [rows]; cells the consortium withheld from one another are one. */
  readonly cells: Uint16Array;
  /** Wanted share of each cell. */
  readonly shares: Float64Array;
}

/**
 * Weights that give the site's rows the consortium's margins: the share of events and of every column's cells, from the counts in the
 * release's preprocessing. Raking, that is proportional fitting to one margin after the other (W. E. Deming, F. F. Stephan 1940, Ann. Math.
 * Stat. 11:427). What the margins do not say, how columns go together, stays the site's.
 *
 * @returns null with a reason: `no_reference`, or `overlap_poor` where the site lacks more than a tenth of a column's reference rows, raking
 *   does not reach the margins, or fewer than 100 effective rows are left ((Σw)² / Σw², L. Kish 1965).
 */
export function consortiumCaseMix(
  table: SiteTable,
  rows: Uint32Array,
  plan: Plan,
  preprocessing: Preprocessing | null,
): CaseMix | { readonly reason: string } {
  if (preprocessing === null) return { reason: 'no_reference' };
  const margins: Margin[] = [];
  const labelCounts = preprocessing.labelCounts;
  if (labelCounts !== null && labelCounts.length === 2) {
    margins.push(marginOf(rows, (row) => table.labels[row] as number, labelCounts));
  }
  for (const [index, column] of plan.data.columns.entries()) {
    const reference = preprocessing.columns[index];
    const values = table.columns[index]?.values;
    if (reference === undefined || values === undefined) continue;
    if (reference.referenceCounts.every((count) => count === 0)) continue;
    const cellAt = (row: number): number => cellOf(values[row] as number, column);
    margins.push(marginOf(rows, cellAt, reference.referenceCounts, reference.referenceGroups));
  }
  if (margins.length === 0) return { reason: 'no_reference' };

  const weights = new Float64Array(rows.length).fill(1);
  for (const { cells, shares } of margins) {
    const present = new Set(cells);
    let outside = 0;
    for (const [cell, wanted] of shares.entries()) if (!present.has(cell)) outside += wanted;
    if (outside > mostOutside) return { reason: 'overlap_poor' };
    // Of the cells both have; the rest of the consortium's patients cannot be stood for here.
    for (const cell of shares.keys()) shares[cell] = present.has(cell) ? (shares[cell] as number) / (1 - outside) : 0;
  }
  let error = Number.POSITIVE_INFINITY;
  for (let round = 0; round < mostRounds && error > enough; round++) {
    error = 0;
    for (const margin of margins) error = Math.max(error, rake(weights, margin));
  }
  let sum = 0;
  let squares = 0;
  for (const weight of weights) {
    sum += weight;
    squares += weight * weight;
  }
  const effectiveRows = squares > 0 ? (sum * sum) / squares : 0;
  if (!(error <= acceptable) || !(effectiveRows >= fewestEffectiveRows)) return { reason: 'overlap_poor' };
  return { weights: weights.map((weight) => (weight * rows.length) / sum), effectiveRows };
}

function marginOf(
  rows: Uint32Array,
  cellAt: (row: number) => number,
  counts: readonly number[],
  groups: readonly (readonly number[])[] = [],
): Margin {
  const cellOfBin = counts.map((_, bin) => bin);
  for (const group of groups) for (const bin of group) cellOfBin[bin] = group[0] as number;
  const shares = new Float64Array(counts.length);
  const total = counts.reduce((sum, count) => sum + count, 0);
  for (const [bin, count] of counts.entries()) {
    const cell = cellOfBin[bin] as number;
    shares[cell] = (shares[cell] as number) + count / total;
  }
  return { cells: Uint16Array.from(rows, (row) => cellOfBin[cellAt(row)] as number), shares };
}

/** Scales the weights cell by cell to the margin. @returns the largest relative error of a cell before it */
function rake(weights: Float64Array, { cells, shares }: Margin): number {
  const sums = new Float64Array(shares.length);
  let total = 0;
  for (let place = 0; place < weights.length; place++) {
    const cell = cells[place] as number;
    sums[cell] = (sums[cell] as number) + (weights[place] as number);
    total += weights[place] as number;
  }
  let error = 0;
  const factors = new Float64Array(shares.length);
  for (let cell = 0; cell < shares.length; cell++) {
    const wanted = (shares[cell] as number) * total;
    const found = sums[cell] as number;
    factors[cell] = found > 0 ? wanted / found : 0;
    if (wanted > 0) error = Math.max(error, Math.abs(found / wanted - 1));
    else if (found > 0) error = Math.max(error, found / total);
  }
  for (let place = 0; place < weights.length; place++) {
    weights[place] = (weights[place] as number) * (factors[cells[place] as number] as number);
  }
  return error;
}
