import type { SharedJudgement } from '../../shared/plan/shared-judgement.ts';
import { hellingerDistance, jensenShannonDistance } from '../../shared/statistics/distances.ts';
import { mmdFromMeans, type SharedMmd } from '../../shared/statistics/fourier-features.ts';

export interface ColumnDistance {
  readonly column: string;
  /** Base 2; null where too little of the column is shown at both. */
  readonly jensenShannon: number | null;
  readonly hellinger: number | null;
  /** What the Jensen-Shannon distance of two such samples of the very same patients would be about. */
  readonly noise: number | null;
  /** Cells compared: those shown at both, and all others as one. */
  readonly cells: number;
}

export interface SitePair {
  readonly sites: readonly [string, string];
  readonly columns: readonly ColumnDistance[];
  /** Mean over the columns that can be compared; null without any. */
  readonly meanJensenShannon: number | null;
  readonly meanNoise: number | null;
  /** Squared maximum mean discrepancy from noisy means of random Fourier features; null where not shared. */
  readonly mmd: SharedMmd | null;
}

type Counts = readonly (number | null)[];

/** Two columns over the cells shown at both, the rest in one more: its counts follow from the totals. */
function overCommonCells(first: Counts, second: Counts, totals: readonly [number, number]): [number[], number[]] {
  const shown = first.flatMap((count, cell) => (count !== null && second[cell] != null ? [cell] : []));
  const [a, b] = [first, second].map((counts) => shown.map((cell) => counts[cell] as number)) as [number[], number[]];
  const rest = [a, b].map((counts, at) => (totals[at] as number) - counts.reduce((sum, count) => sum + count, 0)) as [
    number,
    number,
  ];
  return shown.length === first.length
    ? [a, b]
    : [
        [...a, rest[0]],
        [...b, rest[1]],
      ];
}

function compareColumn(
  column: string,
  first: Counts,
  second: Counts,
  totals: readonly [number, number],
): ColumnDistance {
  const [a, b] = overCommonCells(first, second, totals);
  if (a.length < 2) return { column, jensenShannon: null, hellinger: null, noise: null, cells: a.length };
  const filled = a.filter((count, cell) => count + (b[cell] ?? 0) > 0).length;
  return {
    column,
    jensenShannon: jensenShannonDistance(a, b).value,
    hellinger: hellingerDistance(a, b).value,
    // The divergence is a quarter of half the chi-square distance to first order, whose mean is k - 1 over the sizes.
    noise: Math.sqrt(((filled - 1) * (1 / totals[0] + 1 / totals[1])) / (8 * Math.LN2)),
    cells: a.length,
  };
}

/** How far the judged patients of two hospitals are apart, from what both share; null where either shares no counts. */
export function shiftBetween(
  first: { readonly site: string; readonly judgement: SharedJudgement },
  second: { readonly site: string; readonly judgement: SharedJudgement },
): SitePair | null {
  const [a, b] = [first.judgement.cells, second.judgement.cells];
  if (a.rows === null || b.rows === null || a.columns.length === 0 || b.columns.length !== a.columns.length)
    return null;
  const totals = [a.rows, b.rows] as const;
  const columns = a.columns.map(({ name, counts }, index) =>
    compareColumn(name, counts, b.columns[index]?.counts ?? [], totals),
  );
  const known = columns.filter(({ jensenShannon }) => jensenShannon !== null);
  const mean = (pick: (column: ColumnDistance) => number | null): number | null =>
    known.length === 0 ? null : known.reduce((sum, column) => sum + (pick(column) ?? 0), 0) / known.length;
  return {
    sites: [first.site, second.site],
    columns,
    meanJensenShannon: mean(({ jensenShannon }) => jensenShannon),
    meanNoise: mean(({ noise }) => noise),
    mmd:
      a.embedding === null || b.embedding === null || a.embedding.mean.length !== b.embedding.mean.length
        ? null
        : mmdFromMeans(a.embedding, b.embedding),
  };
}
