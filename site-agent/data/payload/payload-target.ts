import type { ContinuousColumn } from '../../../shared/plan/contract.ts';
import type { SummarySpec } from '../../../shared/plan/payload.ts';
import type { ProblemRule } from '../problems.ts';

/** A column to be computed from the payload. */
export interface ComputedColumn {
  readonly column: ContinuousColumn;
  readonly summary: SummarySpec;
  /** Of every row of the part; NaN until computed. */
  readonly values: Float64Array;
}

/** The rows of a part that wait for their series or image, and where what is found goes. */
export interface PayloadTarget {
  readonly rows: number;
  /** By row of the part: key of its series, or file name. */
  readonly keys: readonly string[];
  /** [rows, ...shape] */
  readonly values: Float32Array | Uint8Array;
  readonly computed: readonly ComputedColumn[];
  /** Says what is wrong with a row, which is then left out. Those of one row come after each other. */
  refuse(row: number, column: string, rule: ProblemRule, value: unknown, where?: string): void;
  /** A number outside the range of its computed column. */
  outOfRange(row: number, column: string, value: number): void;
}
