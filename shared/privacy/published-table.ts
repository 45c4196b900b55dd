import type { ProtectedSum, Statement } from './release-checker.ts';

/** A count of patients that a table publishes or withholds: the sum of some of the table's finest cells. */
export interface PublishedFigure {
  readonly name: string;
  /** Finest cells it sums, by names of the table's own. */
  readonly cells: readonly string[];
  /** Null where withheld. */
  readonly value: number | null;
}

/**
 * One table as it left, each time it left, oldest first. The rows behind a later publication are taken to be those behind the earlier
 * ones and further ones: what lies between two publications is itself a table.
 */
export interface PublishedTable {
  readonly name: string;
  readonly publications: readonly (readonly PublishedFigure[])[];
  /**
   * Whether a withheld figure of a publication is known not to be 0: true where zeros are always shown. All of a table withheld says
   * nothing, so there it is false.
   */
  readonly zerosShown: readonly boolean[];
}

/** What an observer of these tables knows, and what the observer must not find out. Tables share no cell: their names keep them apart. */
export function releaseOf(tables: readonly PublishedTable[]): {
  readonly statements: readonly Statement[];
  readonly protectedSums: readonly ProtectedSum[];
} {
  const statements: Statement[] = [];
  const protectedSums: ProtectedSum[] = [];
  for (const { name: table, publications, zerosShown } of tables) {
    publications.forEach((figures, time) => {
      const since = (from: number, cells: readonly string[]): string[] =>
        cells.flatMap((cell) =>
          Array.from({ length: time + 1 - from }, (_, step) => `${table} ${from + step} ${cell}`),
        );
      const finest = new Set<string>();
      for (const { name, cells, value } of figures) {
        const all = since(0, cells);
        if (value !== null) statements.push({ cells: all, low: value, high: value });
        else if (zerosShown[time] === true) statements.push({ cells: all, low: 1, high: Infinity });
        protectedSums.push({ table, cell: name, cells: all });
        if (time > 0) protectedSums.push({ table, cell: `${name}, added since`, cells: since(time, cells) });
        for (const cell of cells) finest.add(cell);
      }
      for (const cell of finest) {
        if (!figures.some(({ cells }) => cells.length === 1 && cells[0] === cell)) {
          protectedSums.push({ table, cell, cells: since(0, [cell]) });
        }
      }
    });
  }
  return { statements, protectedSums };
}
