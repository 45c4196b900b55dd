import type { Plan } from '../plan/plan.ts';
import type { ScoreCells, SharedJudgement } from '../plan/shared-judgement.ts';
import { sharingRules } from '../plan/sharing.ts';
import { binsOf } from '../statistics/binning.ts';

export interface CellsProblem {
  /** One of the admission codes. */
  readonly code: 'malformed' | 'small_cell';
  readonly message: string;
}

const malformed = (message: string): CellsProblem => ({ code: 'malformed', message });
const small = (what: string, count: number, minimum: number): CellsProblem => ({
  code: 'small_cell',
  message: `${what} holds ${count} patients; the plan's minimum is ${minimum}`,
});
const sumOf = (counts: readonly (number | null)[]): number =>
  counts.reduce<number>((total, count) => total + (count ?? 0), 0);

/**
 * Checks what a site shares against its plan, as the receiver does: the plan's columns and edges, no count of 1 to minimum - 1, and no
 * contradiction between cells and totals. Null when it may be taken.
 */
export function sharedCellsProblem(judgement: SharedJudgement, plan: Plan): CellsProblem | null {
  const { cells, evidence } = judgement;
  const minimum = plan.federation.minimumCount;
  if (cells.minimum !== minimum) {
    return malformed(`its cells were made with a minimum of ${cells.minimum}, the plan's is ${minimum}`);
  }
  const firstSmall = (what: string, counts: readonly (number | null)[]): CellsProblem | null => {
    const found = counts.find((count) => count !== null && count > 0 && count < minimum);
    return typeof found === 'number' ? small(what, found, minimum) : null;
  };
  if (cells.rows !== evidence.rows)
    return malformed(`its cells have ${cells.rows} rows, its evidence ${evidence.rows}`);
  const figures: readonly (readonly [string, readonly (number | null)[]])[] = [
    ['evidence', [evidence.rows, evidence.events, evidence.nonEvents]],
    ...Object.entries(evidence.excluded).map(([reason, count]) => [`excluded.${reason}`, [count]] as const),
    ...evidence.subgroups.map(
      ({ name, rows, events, nonEvents }) => [`subgroup ${name}`, [rows, events, nonEvents]] as const,
    ),
    ...evidence.data.unseenLevels.map(({ column, rows }) => [`unseen levels of ${column}`, [rows]] as const),
    [
      'update',
      [evidence.update?.updateRows, evidence.update?.updateEvents, evidence.update?.rows, evidence.update?.events].map(
        (count) => count ?? null,
      ),
    ],
    ['unlabelled', [evidence.unlabelled?.rows ?? null]],
    ['classes', cells.classes ?? []],
    ...cells.columns.map(({ name, counts }) => [`column ${name}`, counts] as const),
  ];
  for (const [what, counts] of figures) {
    const problem = firstSmall(what, counts);
    if (problem !== null) return problem;
  }
  if (cells.classes !== null) {
    const { label } = plan.data;
    if (!('levels' in label) || cells.classes.length !== label.levels.length) {
      return malformed(`it has ${cells.classes.length} classes, which are not the label's levels`);
    }
    if (sumOf(cells.classes) !== cells.rows) return malformed('its classes do not add up to its rows');
  }
  if (cells.columns.length > 0) {
    if (cells.rows === null) return malformed('it has counts of columns but no number of rows');
    const named = cells.columns.map(({ name }) => name).join(', ');
    const planned = plan.data.columns.map(({ name }) => name).join(', ');
    if (named !== planned) return malformed(`its columns are [${named}], the plan's [${planned}]`);
    for (const [index, column] of plan.data.columns.entries()) {
      const counts = cells.columns[index]?.counts ?? [];
      if (counts.length !== binsOf(column)) {
        return malformed(`column ${column.name} has ${counts.length} cells, the plan's edges make ${binsOf(column)}`);
      }
      const shown = sumOf(counts);
      if (shown > cells.rows || (!counts.includes(null) && shown !== cells.rows)) {
        return malformed(`the cells of column ${column.name} add up to ${shown}, not to the ${cells.rows} rows`);
      }
    }
  }
  return scoresProblem('new', judgement, plan) ?? scoresProblem('current', judgement, plan) ?? null;
}

function scoresProblem(which: 'new' | 'current', { cells }: SharedJudgement, plan: Plan): CellsProblem | null {
  const scores: ScoreCells | null = cells.scores[which];
  if (scores === null) return null;
  const minimum = plan.federation.minimumCount;
  if (cells.classes?.length !== 2) return malformed('it has histograms of scores but not both classes');
  const allowed = new Set(sharingRules(plan).scoreEdges);
  const strange = scores.edges.find(
    (edge, at) => !allowed.has(edge) || (at > 0 && edge <= (scores.edges[at - 1] as number)),
  );
  if (strange !== undefined) return malformed(`the edge ${strange} of its scores is none of the plan's, in order`);
  for (const [name, counts, total] of [
    ['events', scores.events, cells.classes[1]],
    ['nonEvents', scores.nonEvents, cells.classes[0]],
  ] as const) {
    const found = counts.find((count) => count > 0 && count < minimum);
    if (found !== undefined) return small(`scores.${which}.${name}`, found, minimum);
    if (sumOf(counts) !== total) {
      return malformed(`the ${name} of its scores add up to ${sumOf(counts)}, its classes say ${total}`);
    }
  }
  return null;
}
