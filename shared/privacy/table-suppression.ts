import type { RandomStream } from '../runtime/random.ts';
import { type PublishedFigure, type PublishedTable, releaseOf } from './published-table.ts';
import { checkRelease, type Exposure } from './release-checker.ts';
import { effectiveMinimum, suppressSmallCells } from './suppression.ts';

/** A figure of a table before it is known whether it may leave. */
export interface TrueFigure {
  readonly name: string;
  readonly cells: readonly string[];
  readonly value: number;
  /** Figures with the smallest number are given up first; one without a number is known outside anyway and cannot be withheld. */
  readonly giveUp: number | null;
}

export interface TableToPublish {
  readonly name: string;
  readonly figures: readonly TrueFigure[];
  /** Every publication of this table before, oldest first. */
  readonly earlier: readonly (readonly PublishedFigure[])[];
  /** As of `PublishedTable`. */
  readonly alsoProtected?: PublishedTable['alsoProtected'];
}

const isSmall = (value: number, minimum: number): boolean => value >= 1 && value < minimum;

/** Whether a later count tells of 1 to minimum - 1 patients when an earlier one is subtracted from it, or it from that. */
export function isSmallStep(before: number | null | undefined, now: number, minimumCount: number): boolean {
  return typeof before === 'number' && isSmall(Math.abs(now - before), effectiveMinimum(minimumCount));
}

/**
 * Withholds figures of one table until the release checker finds no count of 1 to minimum - 1 patients in what is left, taken with every
 * publication before. Small figures go first, and those that differ by so few from what was published; then others, least needed first,
 * in an order that is drawn. Where the rows have not only grown since (earlier publications contradict this one), it is checked with each
 * of them by itself (`derivableCounts`).
 *
 * @param stream must come from something the observer does not know.
 * @param hiddenFirst names of figures withheld from the start.
 * @returns every figure, null where withheld; null when nothing of the table may leave.
 */
export function withholdUntilSafe(
  table: TableToPublish,
  minimumCount: number,
  stream: RandomStream,
  hiddenFirst: ReadonlySet<string> = new Set(),
): readonly PublishedFigure[] | null {
  const minimum = effectiveMinimum(minimumCount);
  const { figures } = table;
  const hidden = new Set(hiddenFirst);
  const lastValues = table.earlier.map((publication) => new Map(publication.map((one) => [one.name, one.value])));
  for (const figure of figures) {
    const stepped = lastValues.some((values) => isSmallStep(values.get(figure.name), figure.value, minimum));
    if (!isSmall(figure.value, minimum) && !stepped) continue;
    if (figure.giveUp === null) return null;
    // A 0 that was 5 before cannot be withheld: zeros are always shown, so that it would be known not to be one.
    if (figure.value === 0) return null;
    hidden.add(figure.name);
  }
  const published = (): readonly PublishedFigure[] =>
    figures.map((figure) => ({
      name: figure.name,
      cells: figure.cells,
      value: hidden.has(figure.name) ? null : figure.value,
    }));
  for (;;) {
    const now = published();
    if (now.every(({ value }, index) => value === null || figures[index]?.giveUp === null)) return null;
    if (!tellsSmallCount(table, now, minimum)) return now;
    const next = leastNeeded(figures, hidden, stream);
    if (next === null) return null;
    hidden.add(next.name);
  }
}

/** Publications that are checked as one chain; each older one is checked with the present one alone. */
const chainLength = 3;

/** Whether the checker finds a small count in a table, by itself or with what was published of it before. */
function tellsSmallCount(
  { name, earlier, alsoProtected = [] }: Omit<TableToPublish, 'figures'>,
  now: readonly PublishedFigure[],
  minimum: number,
): boolean {
  const publications = [...earlier, now];
  return derivableCounts({ name, publications, alsoProtected }, minimum).length > 0;
}

/**
 * Small counts that follow from the last publication of a table, alone or with those before. The latest are checked as one chain, each
 * older one with the last alone. Publications that contradict each other are not nested in that order. Each of them is then checked with
 * the last by itself, and the other way round too: a later judgement may be of some of the earlier patients, because it begins later.
 */
export function derivableCounts(table: PublishedTable, minimumCount: number): readonly Exposure[] {
  const minimum = effectiveMinimum(minimumCount);
  const last = table.publications.length - 1;
  const check = (places: readonly number[]): ReturnType<typeof checkRelease> =>
    checkRelease(releaseOf([{ ...table, publications: places.map((at) => table.publications[at] ?? []) }]), minimum);
  const alone = check([last]);
  if (alone.exposures.length > 0) return alone.exposures;
  if (!alone.consistent) return [{ table: table.name, cell: 'its figures contradict each other', low: 0, high: 0 }];
  // The same figures again tell nothing more.
  const distinct = table.publications
    .map((_, at) => at)
    .filter((at) => at < last && !sameFigures(table.publications[at] ?? [], table.publications[at + 1] ?? []));
  const chains = [...distinct.slice(0, -chainLength).map((one) => [one]), distinct.slice(-chainLength)];
  for (const chain of chains.filter(({ length }) => length > 0)) {
    const together = check([...chain, last]);
    if (together.exposures.length > 0) return together.exposures;
    if (together.consistent) continue;
    for (const one of chain) {
      const grown = chain.length === 1 ? together : check([one, last]);
      const found = grown.consistent ? grown : check([last, one]);
      if (found.exposures.length > 0) return found.exposures;
    }
  }
  return [];
}

function sameFigures(first: readonly PublishedFigure[], second: readonly PublishedFigure[]): boolean {
  return (
    first.length === second.length &&
    first.every(({ name, value }, at) => second[at]?.name === name && second[at]?.value === value)
  );
}

/** Whether a table may leave as it is: no small figure, none that differs by few from an earlier one, and none that would follow. */
export function mayLeave(
  name: string,
  now: readonly PublishedFigure[],
  earlier: readonly (readonly PublishedFigure[])[],
  minimumCount: number,
): boolean {
  const minimum = effectiveMinimum(minimumCount);
  const values = earlier.map((publication) => new Map(publication.map((one) => [one.name, one.value])));
  for (const { name: figure, value } of now) {
    if (value === null) continue;
    if (isSmall(value, minimum) || values.some((before) => isSmallStep(before.get(figure), value, minimum)))
      return false;
  }
  return !tellsSmallCount({ name, earlier }, now, minimum);
}

function leastNeeded(
  figures: readonly TrueFigure[],
  hidden: ReadonlySet<string>,
  stream: RandomStream,
): TrueFigure | null {
  const left = figures.filter(({ name, value, giveUp }) => giveUp !== null && value > 0 && !hidden.has(name));
  if (left.length === 0) return null;
  const first = Math.min(...left.map(({ giveUp }) => giveUp as number));
  const candidates = left.filter(({ giveUp }) => giveUp === first);
  return candidates[stream.integer(candidates.length)] ?? null;
}

/**
 * Counts of one column whose total is known, as they may leave: null where withheld.
 * @param lastIsReserved as of `suppressSmallCells`
 * @param earlier what was published of it before, oldest first, with the total of each time; null where it was withheld
 */
export function suppressCounts(
  counts: readonly number[],
  options: {
    readonly minimum: number;
    readonly lastIsReserved: boolean;
    readonly earlier: readonly { readonly counts: readonly (number | null)[]; readonly total: number | null }[];
    readonly stream: RandomStream;
  },
): (number | null)[] {
  const { minimum, earlier, stream } = options;
  const names = counts.map((_, index) => String(index));
  const asFigures = (values: readonly (number | null)[], total: number | null): PublishedFigure[] => [
    ...values.map((value, index) => ({ name: String(index), cells: [String(index)], value })),
    { name: 'total', cells: names, value: total },
  ];
  const total = counts.reduce((sum, count) => sum + count, 0);
  // The very counts of an earlier time: what was shown then is shown again, and nothing more.
  const same = earlier.find(
    (before) =>
      before.total === total &&
      before.counts.length === counts.length &&
      before.counts.every((value, index) => value === null || value === counts[index]),
  );
  const start =
    same === undefined ? suppressSmallCells(counts, minimum, options.lastIsReserved, stream) : [...same.counts];
  const hidden = new Set(names.filter((_, index) => start[index] === null));
  if (hidden.size === names.length) return counts.map(() => null);
  const published = withholdUntilSafe(
    {
      name: 'column',
      figures: [
        ...counts.map((value, index) => ({ name: String(index), cells: [String(index)], value, giveUp: 0 })),
        { name: 'total', cells: names, value: total, giveUp: null },
      ],
      earlier: earlier
        .filter((before) => before.counts.length === counts.length)
        .map((before) => asFigures(before.counts, before.total)),
    },
    minimum,
    stream,
    hidden,
  );
  return published === null ? counts.map(() => null) : published.slice(0, counts.length).map(({ value }) => value);
}

/** A two-way table as it may leave: cells and both margins, null where withheld. Its total is taken to be known. */
export interface TwoWayTable {
  readonly cells: readonly (readonly (number | null)[])[];
  readonly rowTotals: readonly (number | null)[];
  readonly columnTotals: readonly (number | null)[];
  readonly total: number;
}

/**
 * Withholds cells, and margins where cells do not suffice, of a table of counts with both margins.
 * @param cells row by row, all rows of one length.
 * @returns null when nothing of it may leave.
 */
export function suppressTwoWay(
  cells: readonly (readonly number[])[],
  options: { readonly minimum: number; readonly earlier?: readonly TwoWayTable[]; readonly stream: RandomStream },
): TwoWayTable | null {
  const rows = cells.length;
  const columns = cells[0]?.length ?? 0;
  const at = (row: number, column: number): string => `${row},${column}`;
  const inRow = (row: number): string[] => Array.from({ length: columns }, (_, column) => at(row, column));
  const inColumn = (column: number): string[] => Array.from({ length: rows }, (_, row) => at(row, column));
  const every = cells.flatMap((_, row) => inRow(row));
  const figuresOf = <Value>(table: {
    cells: readonly (readonly Value[])[];
    rowTotals: readonly Value[];
    columnTotals: readonly Value[];
    total: Value;
  }): { name: string; cells: string[]; value: Value; giveUp: number | null }[] => [
    ...table.cells.flatMap((line, row) =>
      line.map((value, column) => ({ name: at(row, column), cells: [at(row, column)], value, giveUp: 0 })),
    ),
    ...table.rowTotals.map((value, row) => ({ name: `row ${row}`, cells: inRow(row), value, giveUp: 1 })),
    ...table.columnTotals.map((value, column) => ({
      name: `column ${column}`,
      cells: inColumn(column),
      value,
      giveUp: 1,
    })),
    { name: 'total', cells: every, value: table.total, giveUp: null },
  ];
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const rowTotals = cells.map(sum);
  const truth = {
    cells,
    rowTotals,
    columnTotals: Array.from({ length: columns }, (_, column) => sum(cells.map((line) => line[column] ?? 0))),
    total: sum(rowTotals),
  };
  const published = withholdUntilSafe(
    {
      name: 'table',
      figures: figuresOf(truth),
      earlier: (options.earlier ?? []).map((table) => figuresOf<number | null>(table)),
    },
    options.minimum,
    options.stream,
  );
  if (published === null) return null;
  const values = published.map(({ value }) => value);
  return {
    cells: cells.map((_, row) => values.slice(row * columns, (row + 1) * columns)),
    rowTotals: values.slice(rows * columns, rows * columns + rows),
    columnTotals: values.slice(rows * columns + rows, rows * columns + rows + columns),
    total: truth.total,
  };
}
