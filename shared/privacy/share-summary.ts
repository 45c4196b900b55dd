import type { Plan } from '../plan/plan.ts';
import type { SiteColumnSummary, SiteSummary } from '../plan/preprocessing.ts';
import { randomStream } from '../runtime/random.ts';
import type { PublishedFigure } from './published-table.ts';
import type { Exposure } from './release-checker.ts';
import { derivableCounts, isSmallStep, mayLeave, withholdUntilSafe } from './table-suppression.ts';

type Counts = readonly (number | null)[];

function figuresOf(counts: Counts, rows: number | null): readonly PublishedFigure[] {
  const names = counts.map((_, at) => String(at));
  return [
    ...counts.map((value, at) => ({ name: String(at), cells: [String(at)], value })),
    { name: 'rows', cells: names, value: rows },
  ];
}

/** The label's table has a cell more, for rows without one, which is never shown. */
function labelFigures({ labelCounts, rows }: SiteSummary, levels: number): readonly PublishedFigure[] {
  const counts = labelCounts ?? new Array<null>(levels).fill(null);
  const figures = figuresOf([...counts, null], rows);
  return figures.map((figure, at) => (at === counts.length ? { ...figure, mayBeZero: true } : figure));
}

const levelsOf = (plan: Plan): number => ('levels' in plan.data.label ? plan.data.label.levels.length : 0);

/**
 * What may leave of a summary of training rows after other summaries left under the same plan: counts and sums that differ from an
 * earlier one by 1 to minimum - 1 patients are withheld, and as many others as it takes until no such difference can be derived. A first
 * summary leaves as `summarise` made it.
 */
export function shareSummary(summary: SiteSummary, plan: Plan, earlier: readonly SiteSummary[]): SiteSummary {
  const minimum = plan.federation.minimumCount;
  if (earlier.length === 0 || summary.rows === null) return summary;
  if (earlier.some(({ rows }) => isSmallStep(rows, summary.rows as number, minimum))) {
    return {
      ...summary,
      rows: null,
      labelCounts: null,
      columns: summary.columns.map(({ name, counts }) => ({ name, sums: null, counts: counts.map(() => null) })),
    };
  }
  const labels = labelFigures(summary, levelsOf(plan));
  const labelsBefore = earlier.map((one) => labelFigures(one, levelsOf(plan)));
  return {
    ...summary,
    labelCounts: mayLeave('label', labels, labelsBefore, minimum) ? summary.labelCounts : null,
    columns: summary.columns.map((column, index): SiteColumnSummary => {
      const before = earlier.flatMap(({ rows, columns }) => {
        const other = columns[index];
        return other?.name === column.name ? [{ rows, column: other }] : [];
      });
      // What is hidden already has no value here; it only must not be shown.
      const hidden = new Set(column.counts.flatMap((count, at) => (count === null ? [String(at)] : [])));
      const published = withholdUntilSafe(
        {
          name: column.name,
          figures: figuresOf(column.counts, summary.rows).map(({ name, cells, value }) => ({
            name,
            cells,
            value: value ?? 1,
            giveUp: name === 'rows' ? null : 0,
          })),
          earlier: before.map(({ rows, column: other }) => figuresOf(other.counts, rows)),
        },
        minimum,
        // What is drawn here follows from what an observer sees; only which figures are small is secret, and they are hidden in any case.
        randomStream(plan.training.seed, 'summary again', column.name),
        hidden,
      );
      const counts: Counts =
        published === null ? column.counts.map(() => null) : published.slice(0, -1).map(({ value }) => value);
      const same = counts.every((count, at) => count === column.counts[at]);
      const stepped = before.some(({ column: other }) =>
        isSmallStep(other.sums?.count, column.sums?.count ?? 0, minimum),
      );
      // The number of values behind sums tells the missing ones, so sums go with any cell that goes.
      return { name: column.name, counts, sums: same && !stepped ? column.sums : null };
    }),
  };
}

/** Every small count that follows from a summary that is about to leave, alone or with those that left before it under the plan. */
export function derivableFromSummary(
  summary: SiteSummary,
  plan: Plan,
  earlier: readonly SiteSummary[],
): readonly Exposure[] {
  const minimum = plan.federation.minimumCount;
  const all = [...earlier, summary];
  const check = (
    name: string,
    figures: (one: SiteSummary) => readonly PublishedFigure[] | null,
  ): readonly Exposure[] => {
    const publications = all.flatMap((one) => {
      const found = figures(one);
      return found === null ? [] : [found];
    });
    if (publications.at(-1)?.every(({ value }) => value === null) !== false) return [];
    return derivableCounts({ name, publications }, minimum);
  };
  return [
    ...check('label', (one) => (one.labelCounts === null ? null : labelFigures(one, levelsOf(plan)))),
    ...summary.columns.flatMap(({ name }, index) =>
      check(`column ${name}`, (one) => {
        const column = one.columns[index];
        return column?.name === name ? figuresOf(column.counts, one.rows) : null;
      }),
    ),
  ];
}
