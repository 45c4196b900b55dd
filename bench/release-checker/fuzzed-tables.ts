import { groupScores, scoreFigures } from '../../shared/privacy/score-groups.ts';
import { columnTable } from '../../shared/privacy/subgroup-table.ts';
import {
  suppressCounts,
  suppressTwoWay,
  type TwoWayTable,
  withholdUntilSafe,
} from '../../shared/privacy/table-suppression.ts';
import { type RandomStream, randomStream } from '../../shared/runtime/random.ts';
import { attack, type SeenFigure, Undecided } from './table-attacker.ts';

const minimum = 11;

/** A count as hospitals have them: often 0 or a handful, often near the minimum, sometimes large. */
function drawn(stream: RandomStream): number {
  const kind = stream.uniform();
  if (kind < 0.2) return 0;
  if (kind < 0.5) return 1 + stream.integer(10);
  if (kind < 0.75) return 11 + stream.integer(8);
  return 11 + stream.integer(60);
}

const grown = (count: number, stream: RandomStream): number => (stream.uniform() < 0.5 ? count : count + drawn(stream));

const known = (name: string, cells: readonly string[], value: number): SeenFigure => ({
  name,
  cells,
  value,
  mayBeZero: false,
});

type Publications = readonly (readonly SeenFigure[])[];

function oneWay(stream: RandomStream): Publications {
  const names = Array.from({ length: 2 + stream.integer(6) }, (_, at) => String(at));
  let counts = names.map(() => drawn(stream));
  const earlier: { counts: (number | null)[]; total: number }[] = [];
  const times = 1 + stream.integer(3);
  for (let time = 0; time < times; time++) {
    if (time > 0) counts = counts.map((count) => grown(count, stream));
    const total = counts.reduce((sum, count) => sum + count, 0);
    const last = earlier.at(-1)?.total;
    // So few more patients, or so few at all, and nothing leaves: the number of rows is checked before any table.
    if (total < minimum || (last !== undefined && total > last && total - last < minimum)) continue;
    const shown = suppressCounts(counts, { minimum, lastIsReserved: stream.uniform() < 0.5, earlier, stream });
    earlier.push({ counts: shown, total });
  }
  return earlier.map(({ counts: shown, total }) => {
    const none = shown.every((count) => count === null);
    return [
      ...shown.map((value, at) => ({ name: String(at), cells: [String(at)], value, mayBeZero: none })),
      known('total', names, total),
    ];
  });
}

function twoWay(stream: RandomStream): Publications {
  const [rows, columns] = [2 + stream.integer(2), 2 + stream.integer(3)];
  const at = (row: number, column: number): string => `${row}/${column}`;
  const every = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (__, column) => at(row, column)),
  );
  let cells = every.map((line) => line.map(() => drawn(stream)));
  const told: TwoWayTable[] = [];
  const times = 1 + stream.integer(2);
  for (let time = 0; time < times; time++) {
    if (time > 0) cells = cells.map((line) => line.map((count) => grown(count, stream)));
    const total = cells.flat().reduce((sum, count) => sum + count, 0);
    const last = told.at(-1)?.total;
    if (total < minimum || (last !== undefined && total > last && total - last < minimum)) continue;
    const table = suppressTwoWay(cells, { minimum, earlier: told, stream });
    if (table !== null) told.push(table);
  }
  return told.map((table) => [
    ...table.cells.flatMap((line, row) =>
      line.map((value, column) => ({ name: at(row, column), cells: [at(row, column)], value, mayBeZero: false })),
    ),
    ...table.rowTotals.map((value, row) => ({ name: `row ${row}`, cells: every[row] ?? [], value, mayBeZero: false })),
    ...table.columnTotals.map((value, column) => ({
      name: `column ${column}`,
      cells: every.map((line) => line[column] as string),
      value,
      mayBeZero: false,
    })),
    known('total', every.flat(), table.total),
  ]);
}

function histograms(stream: RandomStream): Publications {
  const size = 3 + stream.integer(4);
  const edges = Array.from({ length: size - 1 }, (_, at) => (at + 1) / size);
  let events = Array.from({ length: size }, () => drawn(stream));
  let nonEvents = Array.from({ length: size }, () => drawn(stream));
  const told: NonNullable<ReturnType<typeof groupScores>>[] = [];
  const times = 1 + stream.integer(3);
  for (let time = 0; time < times; time++) {
    if (time > 0) {
      events = events.map((count) => grown(count, stream));
      nonEvents = nonEvents.map((count) => grown(count, stream));
    }
    const cells = groupScores(
      { edges, events, nonEvents },
      { minimum, threshold: stream.uniform() < 0.5 ? (edges[1] as number) : null, earlier: told, stream },
    );
    if (cells !== null) told.push(cells);
  }
  return told.map((cells) => (scoreFigures(cells, edges) ?? []).map((figure) => ({ ...figure, mayBeZero: false })));
}

function subgroups(stream: RandomStream): Publications {
  const size = 3 + stream.integer(2);
  const cells = Array.from({ length: size }, (_, at) => ({
    bin: Math.floor(at / 2),
    subgroups: [...(at >= 1 ? ['old'] : []), ...(at === size - 1 ? ['oldest'] : [])],
    events: drawn(stream),
    nonEvents: drawn(stream),
  }));
  const counts = Array.from({ length: Math.floor((size - 1) / 2) + 1 }, (_, bin) =>
    cells.filter((cell) => cell.bin === bin).reduce((sum, cell) => sum + cell.events + cell.nonEvents, 0),
  );
  const events = cells.reduce((sum, cell) => sum + cell.events, 0);
  const nonEvents = cells.reduce((sum, cell) => sum + cell.nonEvents, 0);
  if (events < minimum || nonEvents < minimum) return [];
  const table = columnTable({ column: 'age', cells }, counts, {
    rows: events + nonEvents,
    classes: [nonEvents, events],
  });
  const published = withholdUntilSafe(
    { name: 'age', figures: table.figures, earlier: [], alsoProtected: table.alsoProtected },
    minimum,
    stream,
  );
  if (published === null) return [];
  return [
    [
      ...published.map((figure) => ({ ...figure, mayBeZero: false })),
      ...table.alsoProtected.map(({ name, cells: sum }) => ({ name, cells: sum, value: null, mayBeZero: true })),
    ],
  ];
}

const kinds = [oneWay, twoWay, histograms, subgroups] as const;

export interface FuzzResult {
  readonly tables: number;
  /** Tables of which anything was published, and how many figures were shown and withheld. */
  readonly published: number;
  readonly shown: number;
  readonly withheld: number;
  /** Counts the attacker found, with the number of the table. */
  readonly derived: readonly string[];
  readonly undecided: number;
}

/** Draws tables of every kind, sends them through suppression and checker, and lets the attacker at what comes out. */
export function fuzzTables(tables: number, seed: number): FuzzResult {
  const derived: string[] = [];
  let [published, shown, withheld, undecided] = [0, 0, 0, 0];
  for (let at = 0; at < tables; at++) {
    const stream = randomStream(seed, 'table', at);
    const publications = (kinds[at % kinds.length] as (typeof kinds)[number])(stream);
    if (publications.length === 0) continue;
    published++;
    for (const { value } of publications.flat()) {
      if (value === null) withheld++;
      else shown++;
    }
    try {
      derived.push(...attack(publications, minimum).map((count) => `table ${at}: ${count}`));
    } catch (error) {
      if (!(error instanceof Undecided)) throw error;
      undecided++;
    }
  }
  return { tables, published, shown, withheld, derived, undecided };
}
