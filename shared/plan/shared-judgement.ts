import type { Digest } from '../runtime/ids.ts';
import type {
  CalibrationFigures,
  ColumnShift,
  Decision,
  Estimate,
  Evidence,
  GapEvidence,
  LabelShiftFigures,
  LadderEvidence,
  LadderStepEvidence,
  PackageRecord,
  PairedFigure,
  Performance,
  Reason,
  SliceEvidence,
  SubgroupEvidence,
  UnlabelledEvidence,
} from './judgement.ts';
import type { SiteSummary } from './preprocessing.ts';

/**
 * What a site tells the consortium of a judgement. Counts of 1 to minimum - 1 patients are not in it and cannot be derived from it, nor
 * from it together with what this site shared before under the same plan. What was withheld is null, its estimates have the reason
 * `withheld`, and `withheld` lists it. The whole judgement stays at the site.
 */
export interface SharedJudgement {
  readonly wardround: 'shared-judgement/1';
  readonly decision: SharedDecision;
  /** Without the problems' texts, which may hold figures of rows. */
  readonly package: Omit<PackageRecord, 'problems'>;
  readonly evidence: SharedEvidence;
  readonly cells: SharedCells;
  readonly withheld: readonly Withheld[];
}

export interface SharedDecision extends Omit<Decision, 'evidence' | 'reasons'> {
  readonly reasons: readonly SharedReason[];
  /**
   * Digest of the whole evidence, which stays at the site. Null where the evidence is so poor in figures that whoever knows the rest
   * could find its counts by trying.
   */
  readonly evidence: Digest | null;
}

/** A reason in a fixed sentence of its code, with shared figures alone. */
export type SharedReason = Omit<Reason, 'settles'>;

/** Why something stays at the site. */
export const withholdingReasons = [
  /** A count of 1 to minimum - 1, or one from which such a count would follow. */
  'small_cell',
  /** A rate or another figure that would tell a count that is withheld. */
  'from_small_cell',
  /** Between this and what was shared before lie 1 to minimum - 1 patients. */
  'too_little_new',
  /** Figures of single patients, such as the highest risk or the latest date. */
  'single_patients',
  /** Finer than what the plan lets sites share; the coordinator computes it from the cells. */
  'finer_than_plan',
  /** The plan has no place for it. */
  'not_in_plan',
] as const;
export type WithholdingReason = (typeof withholdingReasons)[number];

export interface Withheld {
  /** Path in the judgement, such as `evidence.subgroups.women.events` or `cells.columns.age`. */
  readonly what: string;
  readonly why: WithholdingReason;
}

export type SharedCalibration = Omit<CalibrationFigures, 'curve'>;

/** Figures of one model. Decision curve, calibration curve and the histogram of risks are computed from the shared cells. */
export interface SharedPerformance
  extends Omit<Performance, 'calibration' | 'classification' | 'decisionCurve' | 'risks'> {
  readonly calibration: SharedCalibration;
  readonly classification: Performance['classification'];
}

export interface SharedSubgroup extends Omit<SubgroupEvidence, 'rows' | 'events' | 'nonEvents'> {
  readonly rows: number | null;
  readonly events: number | null;
  readonly nonEvents: number | null;
}

export interface SharedLadder
  extends Omit<LadderEvidence, 'updateRows' | 'updateEvents' | 'rows' | 'events' | 'steps'> {
  readonly updateRows: number | null;
  readonly updateEvents: number | null;
  readonly rows: number | null;
  readonly events: number | null;
  readonly steps: readonly LadderStepEvidence[];
}

type DistanceTest = { readonly value: number; readonly p: number } | null;

/** The figures of `Evidence` that may be shared, under the same names. Rounded, so that no count can be solved for from their last digits. */
export interface SharedEvidence
  extends Pick<
    Evidence,
    | 'site'
    | 'plan'
    | 'release'
    | 'current'
    | 'kind'
    | 'judgedFrom'
    | 'judgedAt'
    | 'task'
    | 'auroc'
    | 'difference'
    | 'brier'
    | 'calibration'
    | 'resolvableMargin'
    | 'power'
    | 'look'
    | 'held'
  > {
  readonly wardround: 'shared-evidence/1';
  readonly rows: number | null;
  readonly events: number | null;
  readonly nonEvents: number | null;
  readonly excluded: Readonly<Record<string, number | null>>;
  readonly performance: { readonly new: SharedPerformance; readonly current: SharedPerformance | null } | null;
  readonly comparison: {
    readonly auroc: PairedFigure;
    readonly bootstrap: { readonly estimate: Estimate; readonly resamples: number } | null;
  } | null;
  readonly subgroups: readonly SharedSubgroup[];
  readonly slices: readonly Pick<SliceEvidence, 'conditions' | 'loss' | 'adjustedP'>[];
  readonly prevalence: Evidence['prevalence'];
  readonly shift: readonly ColumnShift[];
  readonly multivariate: {
    readonly domainClassifier: Estimate;
    readonly leading: readonly { readonly column: string; readonly weight: number }[];
    readonly meanDiscrepancy: DistanceTest;
    readonly energy: DistanceTest;
    readonly reconstruction: DistanceTest;
    readonly scores: { readonly distance: number; readonly p: number } | null;
  } | null;
  readonly labelShift: LabelShiftFigures | null;
  readonly gap: GapEvidence | null;
  readonly unlabelled: (Omit<UnlabelledEvidence, 'rows'> & { readonly rows: number | null }) | null;
  readonly update: SharedLadder | null;
  readonly data: {
    readonly unseenLevels: readonly {
      readonly column: string;
      readonly rows: number | null;
      readonly share: number | null;
    }[];
    readonly pendingShare: number | null;
  };
}

/** Counts of judged patients on edges that the plan fixes. */
export interface SharedCells {
  /** The plan's minimum count they were made with. */
  readonly minimum: number;
  readonly rows: number | null;
  /** Patients by level of the label; null where withheld or without levels. */
  readonly classes: readonly number[] | null;
  /** One a column of the plan, in its order: a bin or level each, the last for missing values. */
  readonly columns: readonly { readonly name: string; readonly counts: readonly (number | null)[] }[];
  /** By predicted risk and outcome; null for other tasks than binary, and where withheld. */
  readonly scores: { readonly new: ScoreCells | null; readonly current: ScoreCells | null };
  readonly embedding: SharedEmbedding | null;
  readonly sums: readonly LossSums[];
}

/** A histogram of predicted risks by outcome: `edges.length + 1` left-closed cells, each of no patient or of at least the minimum. */
export interface ScoreCells {
  /** Inner edges, some of the plan's, ascending. */
  readonly edges: readonly number[];
  readonly events: readonly number[];
  readonly nonEvents: readonly number[];
}

/** Mean of random Fourier features of the judged rows with Gaussian noise. */
export interface SharedEmbedding {
  readonly mean: readonly number[];
  readonly rows: number;
  /** Standard deviation of the noise in each coordinate. */
  readonly noiseSd: number;
  readonly epsilon: number;
  readonly delta: number;
}

/**
 * Sums over the judged patients, with the squared error as the loss. `none`: every weight is 1; `label`: events and non-events have the
 * weights that make their shares those of the consortium's training rows.
 */
export interface LossSums {
  readonly weighting: 'none' | 'label';
  readonly weight: number;
  readonly weightedLoss: number;
  readonly squaredWeight: number;
}

/** What is counted from rows to be shared. Exact, so it stays at the site: `shareJudgement` makes `SharedCells` of it. */
export interface SiteCells {
  /** Digest of what nobody outside knows; seeds what is drawn when cells are hidden. */
  readonly secret: Digest;
  readonly rows: number;
  readonly classes: readonly number[] | null;
  readonly columns: readonly { readonly name: string; readonly counts: readonly number[] }[];
  /** Per column with subgroups: patients by elementary cell and outcome, from which every bin and subgroup is summed. */
  readonly strata: readonly ColumnStrata[];
  /**
   * Whether a model gives so few different risks that its figures are equations for how many patients of an outcome have which, and some of
   * those are 1 to minimum - 1.
   */
  readonly fewRisks: boolean;
  /** On all edges of the plan. */
  readonly scores: { readonly new: FineScores | null; readonly current: FineScores | null };
  readonly embedding: SharedEmbedding | null;
  readonly sums: readonly LossSums[];
}

export interface FineScores {
  readonly edges: readonly number[];
  readonly events: readonly number[];
  readonly nonEvents: readonly number[];
}

/** Where the edges of a column and the bounds of its subgroups cut it. */
export interface ColumnStrata {
  readonly column: string;
  /** Per elementary cell: the column's bin it lies in, the subgroups it belongs to, and its patients. */
  readonly cells: readonly {
    readonly bin: number;
    readonly subgroups: readonly string[];
    readonly events: number;
    readonly nonEvents: number;
  }[];
}

/** What this site has shared before under the same plan, oldest first. */
export interface SharingHistory {
  readonly summaries: readonly SiteSummary[];
  readonly judgements: readonly SharedJudgement[];
}
