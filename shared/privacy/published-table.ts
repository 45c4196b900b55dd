import type { ProtectedSum, Statement } from './release-checker.ts';

/** A count of patients that a table publishes or withholds: the sum of some of the table's finest cells. */
export interface PublishedFigure {
  readonly name: string;
  /** Finest cells it sums, by names of the table's own. */
  readonly cells: readonly string[];
  /** Null where withheld. */
  readonly value: number | null;
  /** Whether it may be 0 although it is null; otherwise zeros are shown, where anything of the table is. */
  readonly mayBeZero?: boolean;
}

/** Sums that are known from elsewhere: their being there says nothing of whether a table's own figures were withheld. */
const margins: ReadonlySet<string> = new Set(['rows', 'total', 'events', 'nonEvents']);

/**
 * One table as it left, each time it left, oldest first. The rows behind a later publication are taken to be those behind the earlier
 * ones and further ones: what lies between two publications is itself a table.
 */
export interface PublishedTable {
  readonly name: string;
  readonly publications: readonly (readonly PublishedFigure[])[];
  /** Sums that are never published and must not follow either, such as the patients in one subgroup and not in another. */
  readonly alsoProtected?: readonly { readonly name: string; readonly cells: readonly string[] }[];
}

/** Whether a withheld figure is known not to be 0: zeros are always shown, unless all of the table is withheld. */
function zerosShown(figures: readonly PublishedFigure[]): boolean {
  return figures.some(({ name, value }) => value !== null && !margins.has(name));
}

/** What an observer of these tables knows, and what the observer must not find out. Tables share no cell: their names keep them apart. */
export function releaseOf(tables: readonly PublishedTable[]): {
  readonly statements: readonly Statement[];
  readonly protectedSums: readonly ProtectedSum[];
} {
  const statements: Statement[] = [];
  const protectedSums: ProtectedSum[] = [];
  for (const { name: table, publications, alsoProtected = [] } of tables) {
    publications.forEach((figures, time) => {
      const since = (from: number, cells: readonly string[]): string[] =>
        cells.flatMap((cell) =>
          Array.from({ length: time + 1 - from }, (_, step) => `${table} ${from + step} ${cell}`),
        );
      const finest = new Set<string>();
      const isShown = zerosShown(figures);
      for (const { name, cells, value, mayBeZero = false } of figures) {
        const all = since(0, cells);
        if (value !== null) statements.push({ cells: all, low: value, high: value });
        else if (isShown && !mayBeZero) statements.push({ cells: all, low: 1, high: Infinity });
        protectedSums.push({ table, cell: name, cells: all });
        if (time > 0) protectedSums.push({ table, cell: `${name}, added since`, cells: since(time, cells) });
        for (const cell of cells) finest.add(cell);
      }
      const single = [...finest].filter(
        (cell) => !figures.some(({ cells }) => cells.length === 1 && cells[0] === cell),
      );
      for (const { name, cells } of [...alsoProtected, ...single.map((cell) => ({ name: cell, cells: [cell] }))]) {
        protectedSums.push({ table, cell: name, cells: since(0, cells) });
        if (time > 0) protectedSums.push({ table, cell: `${name}, added since`, cells: since(time, cells) });
      }
    });
  }
  return { statements, protectedSums };
}
