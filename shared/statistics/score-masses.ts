import type { BinomialGroups } from './binomial-groups.ts';
import type { ScoreHistogram } from './score-histogram.ts';
import { StatisticsError } from './statistics-error.ts';

/** Rows of one outcome that lie somewhere in the cells `from` to `to`. */
export interface ScoreMass {
  readonly label: 0 | 1;
  readonly rows: number;
  readonly from: number;
  readonly to: number;
}

/** Everything known about the pooled rows. */
export interface ScoreMasses {
  readonly edges: readonly number[];
  /** Whether a cell is a single prediction rather than an interval. */
  readonly rounded: boolean;
  /** Rows that exist. */
  readonly fixed: readonly ScoreMass[];
  /** By label: rows that may exist, any number from 0 to `rows`, in withheld cells of hospitals that share no totals. */
  readonly extra: readonly [ScoreMass | null, ScoreMass | null];
  /** Rows at the middle of their cells, withheld ones spread evenly. */
  readonly central: BinomialGroups;
  readonly exact: boolean;
}

/** Sums hospitals' histograms. @throws StatisticsError as `sharedCounts`. */
export function scoreMasses(histograms: readonly ScoreHistogram[]): ScoreMasses {
  const edges = histograms[0]?.edges ?? [];
  const cells = histograms[0]?.events.length ?? 0;
  const rounded = edges.length === cells;
  if (histograms.length > 0) assertEdges(edges, cells);
  const counts = [new Float64Array(cells), new Float64Array(cells)] as const;
  const central = [new Float64Array(cells), new Float64Array(cells)] as const;
  const fixed: ScoreMass[] = [];
  const extra: [ScoreMass | null, ScoreMass | null] = [null, null];
  for (const [site, histogram] of histograms.entries()) {
    if (histogram.edges.length !== edges.length || histogram.edges.some((edge, index) => edge !== edges[index])) {
      throw new StatisticsError('out_of_range', `histograms[${site}] has other edges than histograms[0]`, { site });
    }
    if (histogram.events.length !== cells || histogram.nonEvents.length !== cells) {
      throw new StatisticsError(
        'length_mismatch',
        `histograms[${site}] has ${histogram.events.length} and ${histogram.nonEvents.length} cells, histograms[0] ${cells}`,
        { site },
      );
    }
    for (const label of [0, 1] as const) {
      const column = label === 1 ? histogram.events : histogram.nonEvents;
      const name = `histograms[${site}].${label === 1 ? 'events' : 'nonEvents'}`;
      const withheld = addVisible(column, counts[label], central[label], name);
      const total = label === 1 ? histogram.totals?.events : histogram.totals?.nonEvents;
      const hidden = hiddenRows(column, withheld, total, histogram.withheldMaximum, name);
      if (hidden.rows === 0) continue;
      const share = (hidden.certain ? hidden.rows : hidden.rows / 2) / withheld.length;
      for (const cell of withheld) central[label][cell] = (central[label][cell] as number) + share;
      const mass = {
        label,
        rows: hidden.rows,
        from: withheld[0] as number,
        to: withheld[withheld.length - 1] as number,
      };
      if (hidden.certain) fixed.push(mass);
      else extra[label] = joined(extra[label], mass);
    }
  }
  for (const label of [0, 1] as const) {
    for (let cell = 0; cell < cells; cell++) {
      const rows = counts[label][cell] as number;
      if (rows > 0) fixed.push({ label, rows, from: cell, to: cell });
    }
  }
  return {
    edges,
    rounded,
    fixed,
    extra,
    central: groupsOf(edges, rounded, central),
    exact: rounded && extra.every((mass) => mass === null) && fixed.every(({ from, to }) => from === to),
  };
}

function assertEdges(edges: readonly number[], cells: number): void {
  if (edges.length !== cells && edges.length !== cells + 1) {
    throw new StatisticsError('length_mismatch', `sharedCounts: ${edges.length} edges for ${cells} cells`);
  }
  for (const [index, edge] of edges.entries()) {
    if (!(edge >= 0 && edge <= 1) || (index > 0 && !(edge > (edges[index - 1] as number)))) {
      throw new StatisticsError('out_of_range', `sharedCounts: edges[${index}] is ${edge}; edges ascend inside [0, 1]`);
    }
  }
}

/** Adds the visible counts. @returns the withheld cells. */
function addVisible(
  column: readonly (number | null)[],
  counts: Float64Array,
  central: Float64Array,
  name: string,
): number[] {
  const withheld: number[] = [];
  for (const [cell, count] of column.entries()) {
    if (count === null) {
      withheld.push(cell);
      continue;
    }
    if (!(Number.isSafeInteger(count) && count >= 0)) {
      throw new StatisticsError(
        'out_of_range',
        `${name}[${cell}] is ${count}, and a count is whole and never negative`,
      );
    }
    counts[cell] = (counts[cell] as number) + count;
    central[cell] = (central[cell] as number) + count;
  }
  return withheld;
}

function hiddenRows(
  column: readonly (number | null)[],
  withheld: readonly number[],
  total: number | undefined,
  maximum: number | undefined,
  name: string,
): { readonly rows: number; readonly certain: boolean } {
  if (maximum !== undefined && !(Number.isSafeInteger(maximum) && maximum >= 0)) {
    throw new StatisticsError('out_of_range', `${name}: withheldMaximum is ${maximum}, not a count`);
  }
  if (total !== undefined) {
    const visible = column.reduce<number>((sum, count) => sum + (count ?? 0), 0);
    const rest = total - visible;
    const room = withheld.length === 0 ? 0 : (maximum ?? Number.POSITIVE_INFINITY) * withheld.length;
    if (!(Number.isSafeInteger(total) && rest >= 0 && rest <= room)) {
      throw new StatisticsError('out_of_range', `${name}: a total of ${total} does not agree with the cells shown`);
    }
    return { rows: rest, certain: true };
  }
  if (withheld.length === 0) return { rows: 0, certain: true };
  if (maximum === undefined) {
    throw new StatisticsError(
      'out_of_range',
      `${name}: ${withheld.length} cells are withheld, and neither totals nor withheldMaximum say how much they hold`,
    );
  }
  return { rows: maximum * withheld.length, certain: false };
}

function joined(first: ScoreMass | null, second: ScoreMass): ScoreMass {
  if (first === null) return second;
  return {
    label: first.label,
    rows: first.rows + second.rows,
    from: Math.min(first.from, second.from),
    to: Math.max(first.to, second.to),
  };
}

function groupsOf(
  edges: readonly number[],
  rounded: boolean,
  [nonEvents, events]: readonly [Float64Array, Float64Array],
): BinomialGroups {
  const used = Array.from(events.keys()).filter((cell) => (events[cell] as number) + (nonEvents[cell] as number) > 0);
  const place = (cell: number): number =>
    rounded ? (edges[cell] as number) : ((edges[cell] as number) + (edges[cell + 1] as number)) / 2;
  const rows = Float64Array.from(used, (cell) => (events[cell] as number) + (nonEvents[cell] as number));
  const ofEvents = Float64Array.from(used, (cell) => events[cell] as number);
  return {
    probabilities: Float64Array.from(used, place),
    events: ofEvents,
    rows,
    totalRows: rows.reduce((sum, value) => sum + value, 0),
    totalEvents: ofEvents.reduce((sum, value) => sum + value, 0),
  };
}
