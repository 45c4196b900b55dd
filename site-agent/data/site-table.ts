/** One contract column of a site's rows, in the contract's order. Both kinds hold one float64 a row, NaN for missing. */
export interface SiteColumn {
  readonly name: string;
  readonly kind: 'continuous' | 'categorical';
  /** Values in the contract's unit, or level indices (0-based); NaN where missing. */
  readonly values: Float64Array;
}

/** Rows of one site that passed the contract. Lives only in `data`, `training` and `judging`; never serialised. */
export interface SiteTable {
  readonly rows: number;
  readonly columns: readonly SiteColumn[];
  /** Class index or numeric outcome; NaN where not known yet. */
  readonly labels: Float64Array;
  readonly patientKeys: readonly string[];
  /** Milliseconds since the epoch, UTC; NaN when the contract has no time. */
  readonly times: Float64Array;
  /** 1 where the row is in the declared holdout; all 0 when the site declares none. */
  readonly holdout: Uint8Array;
}
