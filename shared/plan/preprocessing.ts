/**
 * What the consortium knows of the data before round 1: federated means and scales, and reference counts.
 * Made by the coordinator from the sites' summaries, published as a canonical JSON object, named by its digest,
 * and part of every training offer and release. Columns are in the contract's order.
 */
export interface Preprocessing {
  readonly wardround: 'preprocessing/1';
  readonly plan: string;
  readonly columns: readonly ColumnReference[];
  /** Training rows over all contributing sites. */
  readonly rows: number;
  /** Names of the sites whose summaries are in it, sorted. */
  readonly sites: readonly string[];
  /** Events (binary), count a class (multiclass) over the sites that could share them; null where withheld everywhere. */
  readonly labelCounts: readonly number[] | null;
  /** Names of the sites behind `labelCounts`, sorted; absent when they are all of `sites`, or when there are no counts. */
  readonly labelSites?: readonly string[];
}

export interface ColumnReference {
  readonly name: string;
  /** Non-missing values behind mean and scale. 0 for a categorical column. */
  readonly count: number;
  /** Federated mean; 0 for a categorical column. */
  readonly mean: number;
  /** Federated population standard deviation; 1 when it would be 0, and for a categorical column. */
  readonly scale: number;
  /**
   * Where sums do not give mean and scale, because no site could share any, or only sites at which the column is constant could: they are
   * estimates from the counts a bin or, without any, from the plan's range. Absent otherwise.
   */
  readonly estimatedFrom?: 'counts' | 'range';
  /**
   * Training rows a bin over all sites that could share them: for a continuous column edges.length + 1 bins,
   * left-closed (value >= edge goes right), for a categorical one a bin a level; the last bin is missing.
   */
  readonly referenceCounts: readonly number[];
  /**
   * Bins that count as one when this column is compared: some site withheld one of them, so that only the group's total is exact
   * (it stands on the group's first bin, 0 on the others). Absent when every bin is exact.
   */
  readonly referenceGroups?: readonly (readonly number[])[];
  /** Names of the sites behind `referenceCounts`, sorted; absent when they are all of the preprocessing's sites. */
  readonly referenceSites?: readonly string[];
}

/** One site's contribution, before round 1. Figures from fewer patients than the plan's minimum count are null: they never left the site. */
export interface SiteSummary {
  readonly wardround: 'summary/1';
  readonly plan: string;
  /** Training rows; null when below the minimum count. */
  readonly rows: number | null;
  readonly labelCounts: readonly (number | null)[] | null;
  readonly columns: readonly SiteColumnSummary[];
}

export interface SiteColumnSummary {
  readonly name: string;
  /** Null for a categorical column, or when too few values. */
  readonly sums: { readonly count: number; readonly sum: number; readonly sumOfSquares: number } | null;
  /** A bin is null when it holds 1 to minimum - 1 rows, or when it is withheld so that such a bin cannot be derived. */
  readonly counts: readonly (number | null)[];
}
