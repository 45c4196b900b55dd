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
  /** Of the column: the smaller of the tests' p values, corrected for their number. */
  readonly p: number | null;
  /** Benjamini-Hochberg adjusted p over the whole report. */
  readonly adjustedP: number | null;
  readonly psi: number | null;
  /** Jensen-Shannon distance, base 2, over the bins with the missing one; null where PSI is. */
  readonly jensenShannon: number | null;
  /** Wasserstein-1 distance of the values over the reference's standard deviation; null for levels and without a reference. */
  readonly scaledWasserstein: number | null;
  /** Kolmogorov-Smirnov distance: of the values against own rows, of the bins (a lower bound) against the consortium's counts. */
  readonly kolmogorov: number | null;
  readonly missingRate: number | null;
  readonly referenceMissingRate: number | null;
  /** The tests find a difference at the policy's rate over the whole report, or it looks like a change of coding. */
  readonly found: boolean;
  /** Found, and as large as the policy asks before it is named among the reasons. */
  readonly large: boolean;
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

/** How true to size predicted risks are. */
export interface CalibrationFigures {
  readonly slope: Estimate;
  /** In the large, log odds. */
  readonly intercept: Estimate;
  readonly observedExpected: Estimate;
  /** Integrated calibration index of a spline curve. */
  readonly ici: Estimate;
  /** 95th percentile of the index that a perfectly calibrated model would show with these rows. */
  readonly iciNull: number | null;
  readonly e50: number | null;
  readonly e90: number | null;
  /** Expected calibration error, 10 equal-width bins; reported, never a rule. */
  readonly ece: Estimate;
  readonly spiegelhalter: { readonly z: number; readonly p: number } | null;
  /** Points of the smoothed curve with its 95% band, ascending; empty when undefined. */
  readonly curve: readonly CurvePoint[];
}

export interface CurvePoint {
  readonly predicted: number;
  readonly observed: number;
  readonly low: number;
  readonly high: number;
}

/** At the operating threshold. */
export interface ClassificationFigures {
  readonly threshold: number;
  readonly sensitivity: Estimate;
  readonly specificity: Estimate;
  readonly positivePredictive: Estimate;
  readonly negativePredictive: Estimate;
}

/** Figures of one model on the judged rows. */
export interface Performance {
  readonly auroc: Estimate;
  /** Wald interval; `auroc` has the one on log odds. */
  readonly aurocPlain: Estimate;
  /** Reported, never a rule. */
  readonly averagePrecision: Estimate;
  readonly brier: Estimate;
  readonly scaledBrier: Estimate;
  readonly logLoss: Estimate;
  readonly calibration: CalibrationFigures;
  /** At the operating threshold; `no_threshold` without one. */
  readonly netBenefit: Estimate;
  readonly classification: ClassificationFigures | null;
  readonly decisionCurve: readonly {
    readonly threshold: number;
    readonly model: number | null;
    readonly treatAll: number | null;
    /** A hundred patients. */
    readonly interventionsAvoided: number | null;
  }[];
  /** Rows by predicted risk, 20 bins of equal width. */
  readonly risks: { readonly events: readonly number[]; readonly nonEvents: readonly number[] };
}

/** A paired difference, new minus current, with the bounds of this look. */
export interface PairedFigure {
  readonly estimate: Estimate;
  readonly oneSidedLower: number | null;
  readonly twoSidedUpper: number | null;
}

/** The new model against the current one on the same rows. */
export interface ComparisonFigures {
  readonly auroc: PairedFigure;
  readonly netBenefit: PairedFigure;
  readonly sensitivity: { readonly difference: Estimate; readonly mcNemarP: number | null };
  readonly specificity: { readonly difference: Estimate; readonly mcNemarP: number | null };
  /** Stratified paired bootstrap of the AUROC difference; made with fewer than 50 events, as a check. */
  readonly bootstrap: { readonly estimate: Estimate; readonly resamples: number; readonly seed: number } | null;
}

export interface SubgroupEvidence {
  readonly name: string;
  readonly rows: number;
  readonly events: number;
  readonly nonEvents: number;
  readonly auroc: { readonly new: Estimate; readonly current: Estimate; readonly difference: Estimate };
  readonly sensitivity: { readonly new: Estimate; readonly current: Estimate; readonly difference: Estimate };
  readonly specificity: { readonly new: Estimate; readonly current: Estimate; readonly difference: Estimate };
  readonly observedExpected: Estimate;
  /** Smallest AUROC loss that these patients could show at 80% power. */
  readonly resolvableMargin: number | null;
}

/** Patients among whom the model does worse than among the rest. Exploratory. */
export interface SliceEvidence {
  /** In plain words, such as `age from 65 years` and `sex 0`. */
  readonly conditions: readonly { readonly column: string; readonly text: string }[];
  readonly rows: number;
  readonly events: number;
  /** Mean squared error in the slice and in the rest. */
  readonly loss: number;
  readonly lossElsewhere: number;
  readonly score: number;
  readonly p: number;
  readonly adjustedP: number;
}

/** One leaf of a shallow regression tree on the loss. */
export interface LossLeaf {
  readonly conditions: readonly { readonly column: string; readonly text: string }[];
  readonly rows: number;
  readonly loss: number;
}

/** All columns at once, judged rows against this site's own earlier rows. */
export interface MultivariateShift {
  /** AUROC of a cross-fitted classifier that tells the two apart. */
  readonly domainClassifier: Estimate;
  /** Columns it leans on most, by standardised weight. */
  readonly leading: readonly { readonly column: string; readonly weight: number }[];
  readonly meanDiscrepancy: { readonly value: number; readonly p: number; readonly rows: number } | null;
  readonly energy: { readonly value: number; readonly p: number; readonly rows: number } | null;
  readonly reconstruction: { readonly value: number; readonly p: number } | null;
  /** The model's own scores: KS distance. */
  readonly scores: { readonly distance: number; readonly p: number } | null;
}

/** How the share of events changed, read from scores alone. Undefined where the classes cannot be told apart. */
export interface LabelShiftFigures {
  readonly hard: Estimate;
  readonly soft: Estimate;
  readonly expectationMaximisation: Estimate;
}

export type ShiftReading = 'none' | 'covariate' | 'label' | 'concept' | 'mixed';

/** Why the loss at the site differs from a reference. Two framings side by side; they do not add up to one another. */
export interface GapEvidence {
  readonly against: 'own-training';
  readonly loss: { readonly reference: number; readonly site: number };
  /** Three terms that add to the gap (DISDE); null with a reason where supports do not overlap. */
  readonly terms: {
    readonly covariateToShared: Estimate;
    readonly conditional: Estimate;
    readonly covariateFromShared: Estimate;
    readonly effectiveRows: { readonly reference: number; readonly site: number };
  } | null;
  readonly termsReason?: string;
  /** Loss of the reference reweighted to the site's share of events, minus the reference's loss. */
  readonly labelShare: Estimate;
  readonly reading: ShiftReading | null;
  /** p values of the tests behind the reading. */
  readonly tests: {
    readonly covariates: number | null;
    readonly conditional: number | null;
    readonly withinClass: number | null;
  };
  readonly text: string | null;
}

/** Performance expected on rows without outcomes yet. */
export interface UnlabelledEvidence {
  readonly rows: number;
  readonly auroc: { readonly confidenceBased: Estimate; readonly adapted: Estimate };
  readonly brier: { readonly confidenceBased: Estimate; readonly adapted: Estimate };
}

/** Steps of the adaptation ladder, simplest first. */
export type LadderStep = 'none' | 'intercept' | 'prior' | 'logistic' | 'isotonic' | 'last_layer' | 'full';

export interface LadderStepEvidence {
  readonly step: LadderStep;
  /** Null when it could be fitted; else why not, such as `too_few_rows`, `not_label_shift`, `separation`. */
  readonly reason: string | null;
  /** p of the closed test against the simpler step; null where the step is not part of it. */
  readonly p: number | null;
  /** Of the updated model on the later rows. */
  readonly calibration: Pick<CalibrationFigures, 'slope' | 'intercept' | 'observedExpected' | 'ici' | 'iciNull'>;
  readonly auroc: Estimate;
  /** Mean log loss. */
  readonly loss: Estimate;
  /** AUROC, updated minus current model; `no_current_model` without one. */
  readonly difference: PairedFigure;
  /** AUROC on the consortium's case mix, updated minus release; 0 for steps that leave the ranking. */
  readonly forgetting: Estimate;
  /** (loss before - loss after) / (loss before - loss of a locally trained reference). */
  readonly gapClosed: Estimate;
}

/** What repairing the release at the site would do: fitted on earlier judged rows, judged on later ones. */
export interface LadderEvidence {
  readonly updateRows: number;
  readonly updateEvents: number;
  /** ISO date-time; every update row lies before, every judging row at or after. Null without times. */
  readonly judgedFrom: string | null;
  readonly rows: number;
  readonly events: number;
  readonly steps: readonly LadderStepEvidence[];
  /** Simplest allowed step that the closed test keeps and that passes the policy on the later rows; null when none does. */
  readonly chosen: LadderStep | null;
  /** The local variant made of it, by digest of its manifest; null when none was made. */
  readonly variant: { readonly version: ReleaseVersion; readonly digest: Digest } | null;
}

/** Whether the data can be judged on. */
export interface DataEvidence {
  readonly unseenLevels: readonly { readonly column: string; readonly rows: number; readonly share: number }[];
  /** Patients whose outcome window has closed without an outcome, of all whose window has closed. Null without any. */
  readonly pendingShare: number | null;
  /** ISO date-time of the latest judged row; null without times. */
  readonly latestRowAt: string | null;
}

export interface PowerEvidence {
  /** Judged events a week, over the judged rows' time; null without times. */
  readonly eventsPerWeek: number | null;
  /** Events in all at which the AUROC margin could be resolved at 80% power; null without a current model. */
  readonly eventsForMargin: number | null;
  /** The same for the net benefit margin. */
  readonly eventsForNetBenefit: number | null;
}

/** Which look at this release this is, and the levels its bounds were computed at. */
export interface LookEvidence {
  readonly number: number;
  /** Share of the information the margin needs: (margin / (2.486 SE))², at most 1. Null where undefined. */
  readonly informationFraction: number | null;
  /** Nominal one-sided level of non-inferiority and two-sided level of harm at this look. */
  readonly oneSidedLevel: number;
  readonly twoSidedLevel: number;
  /** Information fractions of the looks before. */
  readonly earlier: readonly number[];
}

/** The model package as it was when judged: everything the decision depends on beside policy and evidence. */
export interface PackageRecord {
  readonly wardround: 'package/1';
  readonly version: ReleaseVersion;
  readonly digest: Digest;
  readonly plan: Digest;
  /** Version it was trained from; null for a first one or when unknown. */
  readonly parent: ReleaseVersion | null;
  /** ISO date; null when its plan has none. */
  readonly trainingCutoff: string | null;
  /** Signature, digests, schema and lineage of the package, checked before anything is computed. */
  readonly valid: boolean;
  readonly problems: readonly string[];
}

/** Everything the gate decides on. Canonical and hashed, so that the decision can be replayed byte for byte. Figures only, never rows. */
export interface Evidence {
  readonly wardround: 'evidence/2';
  readonly site: SiteName;
  readonly plan: Digest;
  readonly release: { readonly version: ReleaseVersion; readonly digest: Digest };
  readonly current: { readonly version: ReleaseVersion; readonly digest: Digest } | null;
  readonly kind: 'prospective' | 'retrospective';
  /** ISO date-time the judged rows start at: strictly after the training cut-off of every version compared. Null when retrospective. */
  readonly judgedFrom: string | null;
  /** ISO date-time of the judgement. */
  readonly judgedAt: string;
  readonly task: 'binary' | 'multiclass' | 'ordinal' | 'regression' | 'survival';
  readonly rows: number;
  readonly events: number | null;
  readonly nonEvents: number | null;
  /** Rows not judged, by reason code such as `before_cutoff`, `label_missing`, `window_open`, `problem`. */
  readonly excluded: Readonly<Record<string, number>>;
  readonly auroc: { readonly new: Estimate; readonly current: Estimate; readonly difference: Estimate };
  /** One-sided lower and two-sided upper bounds of the difference new - current at this look's levels, for non-inferiority and harm. */
  readonly difference: { readonly oneSidedLower: number | null; readonly twoSidedUpper: number | null };
  readonly brier: { readonly new: Estimate; readonly current: Estimate };
  readonly calibration: { readonly slope: Estimate; readonly intercept: Estimate };
  /** All figures of the new and the current model; null when nothing could be computed. */
  readonly performance: { readonly new: Performance; readonly current: Performance | null } | null;
  /** Null without a usable current model. */
  readonly comparison: ComparisonFigures | null;
  readonly subgroups: readonly SubgroupEvidence[];
  readonly slices: readonly SliceEvidence[];
  readonly lossTree: readonly LossLeaf[];
  readonly prevalence: {
    readonly site: Estimate;
    /** Over the sites that could share the counts of every class; the label's row of `shift` says of how many. */
    readonly consortium: number | null;
    readonly ownTraining: number | null;
  };
  readonly shift: readonly ColumnShift[];
  readonly multivariate: MultivariateShift | null;
  readonly labelShift: LabelShiftFigures | null;
  readonly gap: GapEvidence | null;
  readonly unlabelled: UnlabelledEvidence | null;
  readonly update: LadderEvidence | null;
  readonly data: DataEvidence;
  /** Smallest AUROC loss this many patients could show at 80% power: 2.486 standard errors of the difference. */
  readonly resolvableMargin: number | null;
  readonly power: PowerEvidence;
  readonly look: LookEvidence;
  /** Since when this site has held this release (ISO date-time), and the time of this judgement; absent when it was not held before. */
  readonly held?: { readonly since: string; readonly judgedAt: string };
}

export type DecisionKind = 'accept' | 'hold' | 'reject';

/** Closed set of reasons, in the order of the decision table. What each means is in docs/researchers.md. */
export const reasonCodes = [
  'package.invalid',
  'harm.auroc',
  'harm.net_benefit',
  'floor.auroc',
  'subgroup.worse',
  'calibration.failed',
  'data.missing_rate',
  'data.unseen_levels',
  'data.outcomes_pending',
  'data.stale',
  'data.unit_change',
  'data.shift',
  'evidence.no_rows',
  'evidence.too_few_events',
  'evidence.too_few_non_events',
  'floor.uncertain',
  'noninferiority.not_shown',
  'net_benefit.not_shown',
  'looks.spent',
  'evidence.undefined',
  'evidence.task_not_judged',
  'evidence.retrospective',
  'subgroup.not_judged',
  'hold.expired',
  'passed.all',
  'passed.with_update',
  'calibration.to_update',
  /** Not a reason to hold under this policy, but found and said. */
  'noted.shift',
  'noted.unit_change',
  'noted.prevalence',
  'noted.prevalence_change',
  'noted.missing_rate',
  'noted.data',
  'noted.subgroup',
  'noted.strong_shift',
  'noted.slice',
  'noted.first_model',
] as const;
export type ReasonCode = (typeof reasonCodes)[number];

export interface Reason {
  readonly code: ReasonCode;
  /** One sentence with the figures and the policy's bound. */
  readonly text: string;
  readonly column?: string;
  readonly subgroup?: string;
  /** Of a hold: what would settle it, such as the events and weeks still needed. */
  readonly settles?: string;
}

/** Output of the pure function `decide(policy, package, evidence)`. */
export interface Decision {
  readonly decision: DecisionKind;
  /** The reason that decided first, then every other that applies, in the order of the decision table. */
  readonly reasons: readonly Reason[];
  /** The ladder step the release is accepted with; null when as it is, or not accepted. */
  readonly update: LadderStep | null;
  /** Whether a person should look, whatever the decision: the shift is strong. */
  readonly review: boolean;
  /** Days from the judgement until the model must be validated again; null unless accepted. */
  readonly revalidateDays: number | null;
  readonly policy: Digest;
  readonly package: Digest;
  readonly evidence: Digest;
}

/** A decision with everything it was made of. The whole stays at the site; what is shared of it is in `shared-judgement.ts`. */
export interface Judgement {
  readonly decision: Decision;
  readonly package: PackageRecord;
  readonly evidence: Evidence;
}

/**
 * The file that replays a decision anywhere: canonical JSON of the policy, the package record, the evidence and the decision they gave.
 * `wardround judge replay FILE` decides again and compares byte for byte.
 */
export interface EvidenceFile {
  readonly wardround: 'evidence-file/1';
  readonly policy: unknown;
  readonly package: PackageRecord;
  readonly evidence: Evidence;
  readonly decision: Decision;
}
