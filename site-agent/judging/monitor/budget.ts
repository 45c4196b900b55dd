/**
 * What may raise a false alarm by chance. `harm` is the test against the version before, which shows under the signal `performance`.
 * Facts, such as a unit that changed or a date that has passed, cost nothing.
 */
export type BudgetLine =
  | 'performance'
  | 'harm'
  | 'calibration'
  | 'window'
  | 'unlabelled'
  | 'inputs'
  | 'prior'
  | 'subgroup'
  | 'pipe';

/** Parts of the budget: more for what is tested on outcomes and finds the changes that matter most. */
const parts: Readonly<Record<BudgetLine, number>> = {
  performance: 4,
  harm: 2,
  calibration: 4,
  window: 2,
  unlabelled: 2,
  inputs: 2,
  prior: 2,
  subgroup: 2,
  pipe: 1,
};

/** Largest chance that a line ever alarms over the life of one model version that has not changed; absent where it is not watched. */
export type Budget = Readonly<Partial<Record<BudgetLine, number>>>;

/**
 * Splits the policy's one budget of false alarms over the lines that are watched, so that by Bonferroni's inequality all of them
 * together alarm with at most `rate`.
 */
export function splitBudget(rate: number, watched: readonly BudgetLine[]): Budget {
  const total = watched.reduce((sum, line) => sum + parts[line], 0);
  return Object.fromEntries(watched.map((line) => [line, (rate * parts[line]) / total]));
}

/** Level of one of `tests` independent tests of which any may alarm with chance `alpha`: Z. Šidák (1967), JASA 62:626. */
export function levelOfOne(alpha: number, tests: number): number {
  return -Math.expm1(Math.log1p(-alpha) / tests);
}
