import type { ColumnStrata, SharedJudgement } from '../plan/shared-judgement.ts';
import type { PublishedFigure } from './published-table.ts';
import type { TrueFigure } from './table-suppression.ts';

/** Counts of a column and of the subgroups made of it, of one set of rows. */
export interface ColumnTable {
  readonly figures: readonly TrueFigure[];
  /** Patients in one subgroup and not in another, and in both. */
  readonly alsoProtected: readonly { readonly name: string; readonly cells: readonly string[] }[];
  /** Names of the figures of a subgroup. */
  subgroup(name: string): { readonly rows: string; readonly events: string; readonly nonEvents: string };
}

/**
 * One table of everything that is shared of a column with subgroups: its cells, the subgroups' patients by outcome, and what follows from
 * two of them, over the elementary cells that the edges and the subgroups' bounds cut. So a subgroup that is a level of the column is
 * hidden with the level's cell, and two subgroups whose difference is a handful of patients are not both shown.
 *
 * @param classesKnown whether the numbers of events and non-events are known outside.
 */
export function columnTable(
  strata: ColumnStrata,
  counts: readonly number[],
  known: { readonly rows: number; readonly classes: readonly [nonEvents: number, events: number] | null },
): ColumnTable {
  const cell = (index: number, outcome: 'events' | 'nonEvents'): string => `${index} ${outcome}`;
  const both = (index: number): string[] => [cell(index, 'events'), cell(index, 'nonEvents')];
  const indices = strata.cells.map((_, index) => index);
  const sum = (chosen: readonly number[], outcomes: readonly ('events' | 'nonEvents')[]): number =>
    chosen.reduce(
      (total, index) => total + outcomes.reduce((part, outcome) => part + (strata.cells[index]?.[outcome] ?? 0), 0),
      0,
    );
  const outcomes = ['events', 'nonEvents'] as const;
  const figures: TrueFigure[] = counts.map((value, bin) => ({
    name: `cell ${bin}`,
    cells: indices.filter((index) => strata.cells[index]?.bin === bin).flatMap(both),
    value,
    giveUp: 2,
  }));
  const names = [...new Set(strata.cells.flatMap(({ subgroups }) => subgroups))].sort();
  for (const name of names) {
    const inside = indices.filter((index) => strata.cells[index]?.subgroups.includes(name) === true);
    const outside = indices.filter((index) => !inside.includes(index));
    // The rest of the patients is known as soon as the subgroup is: it must not be small either.
    for (const [part, chosen] of [
      ['', inside],
      ['not ', outside],
    ] as const) {
      figures.push({
        name: `${part}${name}`,
        cells: chosen.flatMap(both),
        value: sum(chosen, outcomes),
        giveUp: 1,
      });
      for (const outcome of outcomes) {
        figures.push({
          name: `${part}${name} ${outcome}`,
          cells: chosen.map((index) => cell(index, outcome)),
          value: sum(chosen, [outcome]),
          giveUp: 0,
        });
      }
    }
  }
  figures.push({ name: 'rows', cells: indices.flatMap(both), value: known.rows, giveUp: null });
  if (known.classes !== null) {
    for (const [at, outcome] of (['nonEvents', 'events'] as const).entries()) {
      figures.push({
        name: outcome,
        cells: indices.map((index) => cell(index, outcome)),
        value: known.classes[at] as number,
        giveUp: null,
      });
    }
  }
  const members = (name: string): number[] =>
    indices.filter((index) => strata.cells[index]?.subgroups.includes(name) === true);
  const alsoProtected = names.flatMap((first) =>
    names
      .filter((second) => second !== first)
      .flatMap((second) => {
        const without = members(first).filter((index) => !members(second).includes(index));
        const shared = first < second ? members(first).filter((index) => members(second).includes(index)) : [];
        return [
          [`${first} without ${second}`, without],
          [`${first} and ${second}`, shared],
        ] as const;
      })
      .flatMap(([name, chosen]) => [
        { name, cells: chosen.flatMap(both) },
        ...outcomes.map((outcome) => ({
          name: `${name} ${outcome}`,
          cells: chosen.map((index) => cell(index, outcome)),
        })),
      ])
      .filter(({ cells }) => cells.length > 0),
  );
  return {
    alsoProtected,
    figures: figures.filter(({ cells }) => cells.length > 0),
    subgroup: (name) => ({ rows: name, events: `${name} events`, nonEvents: `${name} nonEvents` }),
  };
}

/** What a shared judgement said of such a table, by the same names; null when it said nothing of the column. In a list of one, to be spread. */
export function publishedColumn(
  table: ColumnTable,
  shared: SharedJudgement,
  name: string,
  index: number,
): readonly [readonly PublishedFigure[]] | null {
  const { cells, evidence } = shared;
  const column = cells.columns[index];
  if (column?.name !== name || cells.rows === null) return null;
  const told = new Map<string, number | null>(column.counts.map((count, bin) => [`cell ${bin}`, count]));
  told.set('rows', cells.rows);
  if (cells.classes?.length === 2) {
    told.set('nonEvents', cells.classes[0] ?? null);
    told.set('events', cells.classes[1] ?? null);
  }
  const rest = (whole: number | null | undefined, part: number | null): number | null =>
    typeof whole === 'number' && part !== null ? whole - part : null;
  for (const { name: subgroup, rows, events, nonEvents } of evidence.subgroups) {
    const names = table.subgroup(subgroup);
    told.set(names.rows, rows).set(`not ${names.rows}`, rest(cells.rows, rows));
    told.set(names.events, events).set(`not ${names.events}`, rest(told.get('events'), events));
    told.set(names.nonEvents, nonEvents).set(`not ${names.nonEvents}`, rest(told.get('nonEvents'), nonEvents));
  }
  const outcomesOfSubgroups = new Set(
    evidence.subgroups.flatMap(({ name: subgroup }) => {
      const { events, nonEvents } = table.subgroup(subgroup);
      return [events, nonEvents];
    }),
  );
  return [
    table.figures.map((figure) => ({
      name: figure.name,
      cells: figure.cells,
      value: told.get(figure.name) ?? null,
      // Never said by itself, or never without the classes: its being unknown does not mean that it was withheld.
      mayBeZero: figure.name.startsWith('not ') || (cells.classes === null && outcomesOfSubgroups.has(figure.name)),
    })),
  ];
}
