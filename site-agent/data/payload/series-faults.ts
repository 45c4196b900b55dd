import type { ProblemRule } from '../problems.ts';
import type { PayloadTarget } from './payload-target.ts';

/** The first wrong cell of a rule and column in one series, and how many there are more. */
interface Fault {
  readonly column: string;
  readonly rule: ProblemRule;
  readonly value: unknown;
  readonly where: string;
  more: number;
}

/** What is wrong with the series at hand: one entry a rule and column, however many cells break it. */
export class SeriesFaults {
  readonly #faults = new Map<string, Fault>();

  get any(): boolean {
    return this.#faults.size > 0;
  }

  /**
   * @param minute of the measurement; NaN where it has none
   * @param queryRow of the series query, 1 for the first
   * @returns whether it is the first of this series
   */
  add(column: string, rule: ProblemRule, value: unknown, minute: number, queryRow: number): boolean {
    const identity = `${rule} ${column}`;
    const earlier = this.#faults.get(identity);
    if (earlier !== undefined) {
      earlier.more++;
      return false;
    }
    const at = Number.isFinite(minute) ? `minute ${minute}, ` : '';
    this.#faults.set(identity, { column, rule, value, where: `${at}row ${queryRow} of the series query`, more: 0 });
    return true;
  }

  /** Hands them on, and begins anew. @param row of the part; undefined for a series that no row asks for */
  finish(target: PayloadTarget, row: number | undefined): void {
    if (row !== undefined) {
      for (const { column, rule, value, where, more } of this.#faults.values()) {
        target.refuse(row, column, rule, value, more === 0 ? where : `${where}, and ${more} more`);
      }
    }
    this.#faults.clear();
  }
}
