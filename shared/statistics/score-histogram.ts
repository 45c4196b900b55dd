/** Rows of one hospital counted by predicted probability and outcome. */
export interface ScoreHistogram {
  /**
   * Ascending, inside [0, 1], the same at every hospital. One more than there are cells: cell i holds predictions from edges[i] up to, not
   * including, edges[i + 1], the last cell its upper edge too. As many as there are cells: predictions were rounded, and every row of
   * cell i has exactly the prediction edges[i].
   */
  readonly edges: readonly number[];
  /** Rows with the event in each cell; null where withheld. */
  readonly events: readonly (number | null)[];
  /** Rows without the event in each cell; null where withheld. */
  readonly nonEvents: readonly (number | null)[];
  /** Rows of each outcome, withheld cells included, where the hospital shares them. */
  readonly totals?: { readonly events: number; readonly nonEvents: number };
  /**
   * Largest count a withheld cell can hold, such as 10 under a minimum of 11. Only true where no cell was withheld as a complement: then
   * `totals` must be given instead.
   */
  readonly withheldMaximum?: number;
}
