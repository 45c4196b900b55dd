import type { ContractColumn } from '../../shared/plan/contract.ts';
import type { ShiftKind } from '../../shared/plan/judgement.ts';

/** What a found shift looks like, in a sentence without a patient's value. */
export interface Look {
  readonly kind: ShiftKind;
  readonly explanation: string;
}

/** Bins that are compared as one; a bin that is alone is a cell of its own. In the order of their first bins. */
export function cellsOf(bins: number, groups: readonly (readonly number[])[]): (readonly number[])[] {
  const grouped = new Set(groups.flat());
  const alone = Array.from({ length: bins }, (_, bin) => [bin]).filter(([bin]) => !grouped.has(bin as number));
  return [...alone, ...groups.map((group) => [...group].sort((a, b) => a - b))].sort(
    (a, b) => (a[0] as number) - (b[0] as number),
  );
}

/** Counts of cells. */
export function inCells(counts: readonly number[], cells: readonly (readonly number[])[]): number[] {
  return cells.map((bins) => bins.reduce((total, bin) => total + (counts[bin] as number), 0));
}

/**
 * Names the larger part of a change: missing values, levels the reference does not have, or else which values became more and less frequent.
 *
 * @param there the reference in words that follow "than in". @param reference counts a bin, then missing; current likewise.
 */
export function lookOf(
  column: ContractColumn,
  there: string,
  reference: readonly number[],
  current: readonly number[],
  cells: readonly (readonly number[])[],
): Look {
  const name = column.name;
  const missing = current.length - 1;
  const then = shares(inCells(reference, cells));
  const now = shares(inCells(current, cells));
  const change = now.map((share, cell) => share - (then[cell] as number));
  const moved = change.reduce((total, part) => total + Math.abs(part), 0) / 2;
  const missingCell = cells.findIndex((bins) => bins.includes(missing));
  // In a group with others the reference's missing rate is at most the group's share: only "more" can then be told.
  const alone = cells[missingCell]?.length === 1;
  const missingNow = shares(current)[missing] as number;
  const missingChange = missingNow - (then[missingCell] as number);
  if (alone ? Math.abs(missingChange) >= moved / 2 : missingChange >= moved / 2) {
    return {
      kind: 'missingness',
      explanation: `${name} is missing ${missingChange > 0 ? 'more' : 'less'} often than in ${there}; that is most of the change.`,
    };
  }
  if (column.kind === 'categorical') {
    const unseen = cells.flatMap((bins, cell) =>
      bins.length === 1 && bins[0] !== missing && then[cell] === 0 && (now[cell] as number) > 0
        ? [{ level: column.levels[bins[0] as number] ?? '', share: now[cell] as number }]
        : [],
    );
    if (unseen.length > 0 && unseen.reduce((total, { share }) => total + share, 0) >= moved / 2) {
      const named = unseen.slice(0, 5).map(({ level }) => level);
      return {
        kind: 'levels',
        explanation: `${name} has levels that do not occur in ${there}: ${named.join(', ')}.`,
      };
    }
  }
  return {
    kind: 'distribution',
    explanation: `${name} is distributed otherwise than in ${there}${direction(column, change, cells)}.`,
  };
}

function direction(column: ContractColumn, change: readonly number[], cells: readonly (readonly number[])[]): string {
  const missing = column.kind === 'categorical' ? column.levels.length : column.edges.length + 1;
  const known = cells.flatMap((bins, cell) => (bins.length === 1 && bins[0] === missing ? [] : [cell]));
  const by = (pick: (...values: number[]) => number): number =>
    known.find((cell) => change[cell] === pick(...known.map((other) => change[other] as number))) ?? -1;
  const [grown, shrunk] = [by(Math.max), by(Math.min)];
  if (grown < 0 || grown === shrunk) return '';
  const words = (cell: number): string => cellText(column, cells[cell] ?? [], missing);
  return `: more often ${words(grown)}, less often ${words(shrunk)}`;
}

function cellText(column: ContractColumn, bins: readonly number[], missing: number): string {
  const known = bins.filter((bin) => bin !== missing);
  const texts =
    column.kind === 'categorical' ? known.map((bin) => column.levels[bin] ?? '') : rangeTexts(column, known);
  return [...texts, ...(known.length < bins.length ? ['missing'] : [])].join(' or ');
}

/** Bins of a continuous column in words, neighbours as one range. */
export function rangeTexts(
  { edges, unit }: ContractColumn & { readonly kind: 'continuous' },
  bins: readonly number[],
): string[] {
  const ranges: [number, number][] = [];
  for (const bin of bins) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === bin - 1) last[1] = bin;
    else ranges.push([bin, bin]);
  }
  return ranges.map(([first, last]) => {
    const from = first === 0 ? null : edges[first - 1];
    const to = last === edges.length ? null : edges[last];
    if (from == null) return to == null ? 'any value' : `below ${to} ${unit}`;
    return to == null ? `from ${from} ${unit}` : `${from} to ${to} ${unit}`;
  });
}

/** The label's row: by how much the outcome is more or less frequent. */
export function prevalenceSentence(
  name: string,
  there: string,
  reference: readonly number[],
  current: readonly number[],
): string {
  if (current.length !== 2) return `The classes of ${name} are not as frequent as in ${there}.`;
  const now = shares(current)[1] as number;
  const then = shares(reference)[1] as number;
  return `The outcome ${name} is ${now > then ? 'more' : 'less'} frequent than in ${there}: prevalence ${percent(now)} against ${percent(then)}.`;
}

function shares(counts: readonly number[]): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => count / total);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
