import { type ProblemReport, problemMeanings } from '../data/problems.ts';

const shownAtMost = 20;

/** Writes the first problems to standard error, one a line, and how many more there are. @param outcome what became of such rows */
export function printProblems({ listed, unlisted }: ProblemReport, outcome: string): void {
  const shown = listed.slice(0, shownAtMost);
  for (const { row, column, rule, value, where } of shown) {
    const found = value === null ? '' : ` "${value}"`;
    const place = where === undefined ? '' : ` (${where})`;
    console.error(`row ${row}, column ${column}${found}${place}: ${problemMeanings[rule]}; ${outcome}`);
  }
  const more = listed.length - shown.length + unlisted;
  if (more > 0) console.error(`... and ${more} more problems`);
}
