import type { Estimate } from '../../shared/plan/judgement.ts';
import type { Digest, SiteName } from '../../shared/runtime/ids.ts';

/**
 * What a federation is compared with. `pooled`: one model from all hospitals' training rows in one place, which no hospital could have.
 * `alone`: a model of each hospital's own training rows.
 */
export const baselineKinds = ['pooled', 'alone'] as const;

export type BaselineKind = (typeof baselineKinds)[number];

/** One baseline model at one hospital, on the rows its gate judged the release on. */
export interface BaselineResult {
  readonly kind: BaselineKind;
  readonly site: SiteName;
  /** Rows the baseline was trained on: those of every hospital, or of this one. */
  readonly trainingRows: number;
  /** SHA-256 of the trained weights as safetensors; null when nothing was trained. */
  readonly weights: Digest | null;
  readonly judgedRows: number;
  /** Judged rows with the event; null when the task is not binary. */
  readonly events: number | null;
  /** AUROC of the baseline with its DeLong interval. */
  readonly auroc: Estimate;
  /** AUROC of the release of the run on the same rows. */
  readonly federated: Estimate;
  /** Release less baseline, paired on the same rows (DeLong). */
  readonly difference: Estimate;
}
