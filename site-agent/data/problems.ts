/** What can be wrong with one row. The row is left out; the others go on. */
export type ProblemRule =
  | 'text_in_number'
  | 'not_finite'
  | 'out_of_range'
  | 'unknown_level'
  | 'not_text'
  | 'missing'
  | 'key_missing'
  | 'time_missing'
  | 'time_invalid'
  | 'label_invalid'
  | 'label_out_of_range'
  | 'holdout_invalid'
  | 'duplicate';

export const problemMeanings: Readonly<Record<ProblemRule, string>> = {
  text_in_number: 'text where the plan has a number',
  not_finite: 'NaN or infinity; write NULL for a missing value',
  out_of_range: "outside the plan's range",
  unknown_level: "not one of the plan's levels",
  not_text: 'a list, structure or blob where the plan has a level',
  missing: 'missing, and the plan forbids it',
  key_missing: 'no patient key',
  time_missing: 'no time of prediction',
  time_invalid: 'not a date or time; write it as 2024-05-31 or 2024-05-31 13:45:00',
  label_invalid: "an outcome that is not one of the plan's",
  label_out_of_range: "an outcome outside the plan's range",
  holdout_invalid: 'the holdout column is not true or false',
  duplicate: 'same patient and time as an earlier row',
};

/** One wrong cell. Shown to the hospital's own people; never logged, never sent. */
export interface Problem {
  /** 1 for the first row the query yields. */
  readonly row: number;
  readonly column: string;
  readonly rule: ProblemRule;
  readonly value: string | null;
}

export interface ProblemCount {
  readonly column: string;
  readonly rule: ProblemRule;
  readonly rows: number;
}

/** Problems of one table: all are counted, the first ones kept in full. */
export interface ProblemReport {
  /** Rows with at least one problem; they are left out. */
  readonly rows: number;
  readonly counts: readonly ProblemCount[];
  readonly listed: readonly Problem[];
  /** Problems beyond those listed. */
  readonly unlisted: number;
}

const listedAtMost = 10_000;

/** Collects problems of one pass over the rows. Memory is bounded: beyond the limit they are only counted. */
export class ProblemCollector {
  readonly #counts = new Map<string, { column: string; rule: ProblemRule; rows: number }>();
  readonly #listed: Problem[] = [];
  #total = 0;
  #rows = 0;
  #lastRow = 0;

  add(row: number, column: string, rule: ProblemRule, value: string | null): void {
    this.#total++;
    if (row !== this.#lastRow) {
      this.#rows++;
      this.#lastRow = row;
    }
    const key = `${rule} ${column}`;
    const count = this.#counts.get(key);
    if (count === undefined) this.#counts.set(key, { column, rule, rows: 1 });
    else count.rows++;
    if (this.#listed.length < listedAtMost) this.#listed.push({ row, column, rule, value });
  }

  report(): ProblemReport {
    const counts = [...this.#counts.values()].sort((a, b) => b.rows - a.rows || (a.column < b.column ? -1 : 1));
    return { rows: this.#rows, counts, listed: this.#listed, unlisted: this.#total - this.#listed.length };
  }
}
