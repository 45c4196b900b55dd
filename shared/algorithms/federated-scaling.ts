import type { ContractColumn } from '../plan/contract.ts';
import type { Plan } from '../plan/plan.ts';
import type { ColumnReference, Preprocessing, SiteColumnSummary, SiteSummary } from '../plan/preprocessing.ts';
import type { Digest, SiteName } from '../runtime/ids.ts';
import { binsOf } from '../statistics/binning.ts';
import { ScalingError } from './scaling-error.ts';
import { summaryProblem } from './summary-check.ts';

interface SitePart {
  readonly site: string;
  readonly rows: number;
  readonly column: SiteColumnSummary;
}

/**
 * Pools the sites' summaries into the consortium's preprocessing: means and population standard deviations from sums
 * (mean = S1/n, variance = S2/n - mean²), and reference counts a bin. Folded in site-name order in float64, so that the result
 * does not depend on the order of arrival.
 *
 * Withheld cells. A site that withholds cells of a column still tells their total (rows minus the cells shown). Such cells are merged
 * into one group, whose total is exact; where a site would leave fewer groups than half the bins, its counts of that column are left out
 * instead, and `referenceSites` names those that are in. Sums that no site could share leave mean and scale to `estimatedMoments`: a column
 * that is not scaled at all would throw the training off. `labelCounts` (one a class, in the label's order) adds up the sites that
 * could share every class; `labelSites` names them when they are not all.
 *
 * @throws ScalingError when no summary is given or one does not fit the plan (see `summaryProblem`).
 */
export function poolSummaries(
  plan: Plan,
  planDigest: Digest,
  summaries: ReadonlyMap<SiteName, SiteSummary>,
): Preprocessing {
  const sites = [...summaries.keys()].sort();
  if (sites.length === 0) throw new ScalingError('no_summary', 'no site has shared a summary of its training rows');
  const ordered = sites.map((site) => ({ site, summary: summaries.get(site) as SiteSummary }));
  for (const { site, summary } of ordered) {
    const problem = summaryProblem(plan, planDigest, summary);
    if (problem !== null) throw new ScalingError(problem.code, `summary of ${site}: ${problem.message}`, { site });
  }
  return {
    wardround: 'preprocessing/1',
    plan: planDigest,
    columns: plan.data.columns.map((column, index) =>
      poolColumn(
        column,
        ordered.map(({ site, summary }) => ({
          site,
          rows: summary.rows ?? 0,
          column: summary.columns[index] as SiteColumnSummary,
        })),
      ),
    ),
    rows: ordered.reduce((total, { summary }) => total + (summary.rows ?? 0), 0),
    sites,
    ...poolLabels(ordered.map(({ site, summary }) => ({ site, counts: summary.labelCounts }))),
  };
}

function poolLabels(
  parts: readonly { readonly site: string; readonly counts: SiteSummary['labelCounts'] }[],
): Pick<Preprocessing, 'labelCounts' | 'labelSites'> {
  let pooled: number[] | null = null;
  const taken: string[] = [];
  for (const { site, counts } of parts) {
    if (counts === null || counts.includes(null)) continue;
    pooled = counts.map((count, index) => (count ?? 0) + (pooled?.[index] ?? 0));
    taken.push(site);
  }
  return {
    labelCounts: pooled,
    ...(pooled === null || taken.length === parts.length ? {} : { labelSites: taken }),
  };
}

function poolColumn(column: ContractColumn, parts: readonly SitePart[]): ColumnReference {
  let count = 0;
  let sum = 0;
  let sumOfSquares = 0;
  for (const { column: part } of parts) {
    if (part.sums === null) continue;
    count += part.sums.count;
    sum += part.sums.sum;
    sumOfSquares += part.sums.sumOfSquares;
  }
  const counts = poolCounts(binsOf(column), parts);
  if (column.kind === 'categorical') return { name: column.name, count, mean: 0, scale: 1, ...counts };
  const mean = count === 0 ? 0 : sum / count;
  const meanSquare = count === 0 ? 0 : sumOfSquares / count;
  const variance = meanSquare - mean * mean;
  // Below this share of the mean square, float64 cannot tell the difference of the two from a constant column's rounding.
  const varies = variance > 1e-12 * meanSquare;
  if (varies || (count > 0 && parts.every(({ column: part }) => part.sums !== null)))
    return { name: column.name, count, mean, scale: varies ? Math.sqrt(variance) : 1, ...counts };
  const estimate = estimatedMoments(column, counts);
  return {
    name: column.name,
    count,
    mean: count === 0 ? estimate.mean : mean,
    scale: estimate.scale,
    estimatedFrom: estimate.from,
    ...counts,
  };
}

/**
 * Mean and standard deviation of a column as if its values lay evenly within each bin, an outer one as wide as its neighbour but within the
 * plan's range; a group of bins is spread over them by width. Counts merged with the missing are left out. Without any: evenly over the range.
 */
function estimatedMoments(
  { edges, range: [lowest, highest] }: Extract<ContractColumn, { kind: 'continuous' }>,
  { referenceCounts, referenceGroups = [] }: Pick<ColumnReference, 'referenceCounts' | 'referenceGroups'>,
): { readonly mean: number; readonly scale: number; readonly from: 'counts' | 'range' } {
  const missing = edges.length + 1;
  const [first, last] = [edges[0] as number, edges[missing - 2] as number];
  const bounds = [
    Math.max(lowest, first - ((edges[1] ?? Number.POSITIVE_INFINITY) - first)),
    ...edges,
    Math.min(highest, last + (last - (edges[missing - 3] ?? Number.NEGATIVE_INFINITY))),
  ];
  const width = (bin: number): number => (bounds[bin + 1] as number) - (bounds[bin] as number);
  const mass = referenceCounts.slice(0, missing);
  for (const group of referenceGroups) {
    const total = referenceCounts[group[0] as number] as number;
    const spread = group.includes(missing) ? 0 : total / group.reduce((sum, bin) => sum + width(bin), 0);
    for (const bin of group) if (bin < missing) mass[bin] = spread * width(bin);
  }
  const total = mass.reduce((sum, value) => sum + value, 0);
  if (total === 0) return { ...evenly([[lowest, highest, 1]]), from: 'range' };
  return {
    ...evenly(mass.map((value, bin) => [bounds[bin] as number, bounds[bin + 1] as number, value / total])),
    from: 'counts',
  };
}

/** @param parts from, to, and the share of the whole that lies evenly between them */
function evenly(parts: readonly (readonly [number, number, number])[]): { mean: number; scale: number } {
  const mean = parts.reduce((sum, [from, to, share]) => sum + (share * (from + to)) / 2, 0);
  const variance = parts.reduce(
    (sum, [from, to, share]) => sum + share * (((from + to) / 2 - mean) ** 2 + (to - from) ** 2 / 12),
    0,
  );
  return { mean, scale: Math.sqrt(variance) };
}

function poolCounts(
  bins: number,
  parts: readonly SitePart[],
): Pick<ColumnReference, 'referenceCounts' | 'referenceGroups' | 'referenceSites'> {
  const usable = parts.filter(({ column }) => column.counts.some((cell) => cell !== null));
  const hiddenCells = ({ column }: SitePart): number => column.counts.filter((cell) => cell === null).length;
  // Sites that hide least come first; among equals the larger, then by name (the order they came in).
  const candidates = [...usable].sort((a, b) => hiddenCells(a) - hiddenCells(b) || b.rows - a.rows);
  const fewestGroups = Math.max(2, Math.ceil(bins / 2));
  let groupOf = Array.from({ length: bins }, (_, bin) => bin);
  const taken = new Set<string>();
  for (const candidate of candidates) {
    const merged = mergeHidden(groupOf, candidate.column.counts);
    const groups = new Set(merged).size;
    if (groups < fewestGroups && groups < new Set(groupOf).size) continue;
    groupOf = merged;
    taken.add(candidate.site);
  }

  const referenceCounts = new Array<number>(bins).fill(0);
  for (const { site, rows, column } of parts) {
    if (!taken.has(site)) continue;
    let shown = 0;
    let group = -1;
    for (const [bin, cell] of column.counts.entries()) {
      if (cell === null) group = groupOf[bin] as number;
      else {
        const into = groupOf[bin] as number;
        referenceCounts[into] = (referenceCounts[into] as number) + cell;
        shown += cell;
      }
    }
    if (group >= 0) referenceCounts[group] = (referenceCounts[group] as number) + rows - shown;
  }
  const referenceGroups = [...new Set(groupOf)]
    .map((first) => groupOf.flatMap((group, bin) => (group === first ? [bin] : [])))
    .filter((group) => group.length > 1);
  return {
    referenceCounts,
    ...(referenceGroups.length > 0 ? { referenceGroups } : {}),
    ...(taken.size < parts.length ? { referenceSites: [...taken].sort() } : {}),
  };
}

/** Puts all withheld bins, and whatever they were merged with before, into the group of the lowest of them. */
function mergeHidden(groupOf: readonly number[], counts: readonly (number | null)[]): number[] {
  const joined = new Set(groupOf.filter((_, bin) => counts[bin] === null));
  if (joined.size === 0) return [...groupOf];
  const lowest = Math.min(...joined);
  return groupOf.map((group) => (joined.has(group) ? lowest : group));
}
