import type { Digest, ReleaseVersion, SiteName } from '../runtime/ids.ts';

/** An estimate with its 95% interval. Null where undefined; then `reason` says why. Never NaN, never 0 in place of unknown. */
export interface Estimate {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  /** Standard error, where the method has one. */
  readonly standardError?: number | null;
  /** Why value, low or high is null: a code such as `single_class`, `no_rows`, `no_current_model`. */
  readonly reason?: string;
}

export interface ColumnShift {
  readonly column: string;
  /** What it is compared with: the consortium's training rows, or this site's own. */
  readonly against: 'consortium' | 'own-training';
  /**
   * Of how many of the consortium's sites the reference counts are: those that could share them without showing a small cell, often not
   * those with a rare value. Absent when of all.
   */
  readonly referenceSites?: { readonly known: number; readonly of: number };
  /** Two-sample chi-square; null with a reason when undefined. */
  readonly statistic: number | null;
  readonly degreesOfFreedom: number | null;
  readonly p: number | null;
  /** Benjamini-Hochberg adjusted p over the whole report. */
  readonly adjustedP: number | null;
  readonly psi: number | null;
  readonly missingRate: number | null;
  readonly referenceMissingRate: number | null;
  readonly found: boolean;
  /** What it looks like, in a closed set of words; null when nothing was found. */
  readonly kind: ShiftKind | null;
  /** One plain sentence a clinician can read, without patient values. Null when nothing was found. */
  readonly explanation: string | null;
  readonly reason?: string;
}

/**
 * What a found shift looks like. `unit`: another unit of measurement; `coding`: one value stands in many rows that earlier rows
 * hardly knew (such as 0 for missing); `constant`: a column that varied and no longer does; `levels`: a level that was not there
 * before; `missingness`: most of the change is in the missing rate. `prevalence` stands only on the label's own row.
 */
export type ShiftKind = 'distribution' | 'missingness' | 'unit' | 'coding' | 'constant' | 'prevalence' | 'levels';

/** Everything the gate decides on. Canonical and hashed, so that the decision can be replayed byte for byte. Figures only, never rows. */
export interface Evidence {
  readonly wardround: 'evidence/1';
  readonly site: SiteName;
  readonly plan: Digest;
  readonly release: { readonly version: ReleaseVersion; readonly digest: Digest };
  readonly current: { readonly version: ReleaseVersion; readonly digest: Digest } | null;
  /** Signature, digests, schema and lineage of the package, checked before anything is computed. */
  readonly package: { readonly valid: boolean; readonly problems: readonly string[] };
  readonly kind: 'prospective' | 'retrospective';
  /** ISO date-time the judged rows start at: strictly after the training cut-off of every version compared. Null when retrospective. */
  readonly judgedFrom: string | null;
  readonly task: 'binary' | 'multiclass' | 'regression';
  readonly rows: number;
  readonly events: number | null;
  readonly nonEvents: number | null;
  /** Rows not judged, by reason code such as `before_cutoff`, `label_missing`, `problem`. */
  readonly excluded: Readonly<Record<string, number>>;
  readonly auroc: { readonly new: Estimate; readonly current: Estimate; readonly difference: Estimate };
  /** One-sided 95% lower and two-sided 95% upper bounds of the difference new - current, for non-inferiority and harm. */
  readonly difference: { readonly oneSidedLower: number | null; readonly twoSidedUpper: number | null };
  readonly brier: { readonly new: Estimate; readonly current: Estimate };
  readonly calibration: { readonly slope: Estimate; readonly intercept: Estimate };
  readonly prevalence: {
    readonly site: Estimate;
    /** Over the sites that could share the counts of every class; the label's row of `shift` says of how many. */
    readonly consortium: number | null;
    readonly ownTraining: number | null;
  };
  readonly shift: readonly ColumnShift[];
  /** Smallest AUROC loss this many patients could show at 80% power: 2.486 standard errors of the difference. */
  readonly resolvableMargin: number | null;
  /** Since when this site has held this release (ISO date-time), and the time of this judgement; absent when it was not held before. */
  readonly held?: { readonly since: string; readonly judgedAt: string };
}

export type DecisionKind = 'accept' | 'hold' | 'reject';

/** Closed set of reasons. What each means is in the table of docs/researchers.md. */
export type ReasonCode =
  | 'package.invalid'
  | 'harm.auroc'
  | 'floor.auroc'
  | 'floor.uncertain'
  | 'calibration.failed'
  | 'data.missing_rate'
  | 'data.unit_change'
  | 'data.shift'
  | 'evidence.too_few_events'
  | 'evidence.too_few_non_events'
  | 'evidence.retrospective'
  | 'evidence.no_rows'
  | 'evidence.undefined'
  | 'evidence.task_not_judged'
  | 'noninferiority.not_shown'
  | 'hold.expired'
  | 'passed.all'
  /** Not a reason to hold under this policy, but found and said. */
  | 'noted.shift'
  | 'noted.unit_change'
  | 'noted.prevalence'
  | 'noted.prevalence_change'
  | 'noted.missing_rate'
  | 'noted.first_model';

export interface Reason {
  readonly code: ReasonCode;
  /** One sentence with the figures and the policy's bound. */
  readonly text: string;
  readonly column?: string;
}

/** Output of the pure function `decide(policy, evidence)`. */
export interface Decision {
  readonly decision: DecisionKind;
  /** The reason that decided first, then every other that applies, in the order of the decision table. */
  readonly reasons: readonly Reason[];
  readonly policy: Digest;
  readonly evidence: Digest;
}

/** What a site reports to the coordinator about a release. */
export interface Judgement {
  readonly decision: Decision;
  readonly evidence: Evidence;
}
