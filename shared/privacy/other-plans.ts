import type { ContractColumn } from '../plan/contract.ts';
import type { Plan } from '../plan/plan.ts';
import type { SiteSummary } from '../plan/preprocessing.ts';
import type { ScoreCells, SharedJudgement } from '../plan/shared-judgement.ts';
import { sharingRules } from '../plan/sharing.ts';
import { canonicalJson } from '../runtime/canonical.ts';

/** No column has this name: what stands under it is compared with nothing. */
const noColumn = '';

/** What cuts a column: two plans that agree in it count the same cells. */
function cutsOf(column: ContractColumn): string {
  return canonicalJson(
    column.kind === 'continuous' ? [column.name, column.unit, column.edges] : [column.name, column.levels],
  );
}

function sameLabel(first: Plan, second: Plan): boolean {
  const shape = ({ task, data: { label } }: Plan): string =>
    canonicalJson([task.kind, label.name, 'levels' in label ? label.levels : null]);
  return shape(first) === shape(second);
}

/** The columns of a plan, each with its place among those of another plan where both cut it alike. */
function placesOf(plan: Plan, other: Plan): readonly { readonly name: string; readonly place: number }[] {
  return plan.data.columns.map((column) => {
    const cuts = cutsOf(column);
    const place = other.data.columns.findIndex((one) => cutsOf(one) === cuts);
    return { name: place < 0 ? noColumn : column.name, place };
  });
}

/**
 * A summary that left under another plan as an earlier one of this plan: its rows, and the columns and label that both cut alike. Null
 * where the plans predict different outcomes.
 */
export function summaryUnder(plan: Plan, other: Plan, summary: SiteSummary): SiteSummary | null {
  if (!sameLabel(plan, other)) return null;
  return {
    ...summary,
    columns: placesOf(plan, other).map(({ name, place }) => ({
      name,
      sums: summary.columns[place]?.sums ?? null,
      counts: summary.columns[place]?.counts ?? [],
    })),
  };
}

/**
 * Whether patients judged under another plan may all be judged under this one, so that a subtraction tells the rest. Not where this
 * plan's cut-off is later: then some of those patients train, nobody knows how many of which kind, and the difference counts nothing.
 */
function mayHold({ data: { trainingCutoff: own } }: Plan, { data: { trainingCutoff: before } }: Plan): boolean {
  return own === null || before === null || own <= before;
}

/**
 * The same of a judgement: rows, outcomes and what was left out, with the columns, subgroups and score cells that both plans cut alike.
 * Null where the plans predict different outcomes, or judge patients of whom neither holds the other's.
 */
export function judgementUnder(plan: Plan, other: Plan, judgement: SharedJudgement): SharedJudgement | null {
  if (!sameLabel(plan, other) || !mayHold(plan, other)) return null;
  const { cells, evidence } = judgement;
  const known = new Set(plan.data.subgroups.map((subgroup) => canonicalJson(subgroup)));
  const alike = new Set(
    other.data.subgroups.filter((subgroup) => known.has(canonicalJson(subgroup))).map(({ name }) => name),
  );
  const edges = new Set(sharingRules(plan).scoreEdges);
  const scores = (told: ScoreCells | null): ScoreCells | null =>
    told?.edges.every((edge) => edges.has(edge)) ? told : null;
  return {
    ...judgement,
    evidence: { ...evidence, subgroups: evidence.subgroups.filter(({ name }) => alike.has(name)) },
    cells: {
      ...cells,
      columns: placesOf(plan, other).map(({ name, place }) => ({ name, counts: cells.columns[place]?.counts ?? [] })),
      scores: { new: scores(cells.scores.new), current: scores(cells.scores.current) },
    },
  };
}
