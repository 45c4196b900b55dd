import type { Plan } from '../plan/plan.ts';
import type { SiteColumnSummary, SiteSummary } from '../plan/preprocessing.ts';
import type { Digest } from '../runtime/ids.ts';
import { binsOf } from '../statistics/binning.ts';

export interface SummaryProblem {
  /** One of the admission codes. */
  readonly code: 'wrong_plan' | 'malformed' | 'small_cell';
  readonly message: string;
}

/**
 * Checks a summary against its plan before anything is made of it: the plan's columns and bins in the contract's order, no figure from
 * fewer rows than the minimum count, and no contradiction between cells, totals and sums. Null when it may be taken.
 */
export function summaryProblem(plan: Plan, planDigest: Digest, summary: SiteSummary): SummaryProblem | null {
  if (summary.plan !== planDigest) {
    return { code: 'wrong_plan', message: `the summary is for plan ${summary.plan}, not ${planDigest}` };
  }
  const minimum = plan.federation.minimumCount;
  const { columns } = plan.data;
  if (summary.columns.length !== columns.length) {
    return malformed(`the summary has ${summary.columns.length} columns, the plan ${columns.length}`);
  }
  if (summary.rows !== null && summary.rows < minimum) return smallCell('rows', summary.rows, minimum);
  if (summary.labelCounts !== null) {
    const { label } = plan.data;
    if (!('levels' in label) || summary.labelCounts.length !== label.levels.length) {
      return malformed(`labelCounts has ${summary.labelCounts.length} cells, which are not the label's levels`);
    }
    const problem = cellsProblem('labelCounts', summary.labelCounts, summary.rows, minimum);
    if (problem !== null) return problem;
  }
  for (const [index, column] of columns.entries()) {
    const given = summary.columns[index] as SiteColumnSummary;
    if (given.name !== column.name) {
      return malformed(`column ${index} of the summary is ${given.name}, of the plan ${column.name}`);
    }
    if (given.counts.length !== binsOf(column)) {
      return malformed(
        `column ${column.name} has ${given.counts.length} cells, the plan's edges make ${binsOf(column)}`,
      );
    }
    const problem = cellsProblem(column.name, given.counts, summary.rows, minimum);
    if (problem !== null) return problem;
    const total = given.counts.reduce<number | null>(
      (sum, cell) => (sum === null || cell === null ? null : sum + cell),
      0,
    );
    if (total !== null && summary.rows !== null && total !== summary.rows) {
      return malformed(`the cells of column ${column.name} add up to ${total}, not to the ${summary.rows} rows`);
    }
    if (given.sums === null) continue;
    if (column.kind === 'categorical') return malformed(`column ${column.name} is categorical and has sums`);
    const { count, sum, sumOfSquares } = given.sums;
    if (count < minimum) return smallCell(`sums of ${column.name}`, count, minimum);
    if (summary.rows === null || count > summary.rows) {
      return malformed(`column ${column.name} has ${count} values behind its sums, more than rows`);
    }
    const mean = sum / count;
    const tolerance = 1e-9 * Math.max(1, Math.abs(column.range[0]), Math.abs(column.range[1]));
    if (mean < column.range[0] - tolerance || mean > column.range[1] + tolerance) {
      return malformed(`the mean of column ${column.name} lies outside the plan's range`);
    }
    // Cauchy-Schwarz: no numbers have a smaller sum of squares.
    if (sumOfSquares * count < sum * sum * (1 - 1e-9)) {
      return malformed(`the sum of squares of column ${column.name} is smaller than its sum allows`);
    }
  }
  return null;
}

function cellsProblem(
  where: string,
  cells: readonly (number | null)[],
  rows: number | null,
  minimum: number,
): SummaryProblem | null {
  let shown = 0;
  for (const cell of cells) {
    if (cell === null) continue;
    if (cell > 0 && cell < minimum) return smallCell(where, cell, minimum);
    shown += cell;
  }
  if (rows === null && cells.some((cell) => cell !== null))
    return malformed(`${where} has counts but no number of rows`);
  if (rows !== null && shown > rows)
    return malformed(`the cells of ${where} add up to ${shown}, more than ${rows} rows`);
  return null;
}

function malformed(message: string): SummaryProblem {
  return { code: 'malformed', message };
}

function smallCell(where: string, cell: number, minimum: number): SummaryProblem {
  return { code: 'small_cell', message: `${where} holds a figure from ${cell} rows; the plan's minimum is ${minimum}` };
}
