import type { Estimate } from '../../shared/plan/judgement.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { SiteName } from '../../shared/runtime/ids.ts';
import { aurocDifference, aurocEstimate } from '../../shared/statistics/discrimination.ts';
import { undefinedEstimate } from '../../shared/statistics/estimate.ts';
import { readSiteConfig } from '../../site-agent/config.ts';
import { DataError } from '../../site-agent/data/data-error.ts';
import { readSiteData, refusalOf, type SiteData } from '../../site-agent/data/load-site-data.ts';
import { selectRows } from '../../site-agent/judging/judged-rows.ts';
import { openScorer } from '../../site-agent/judging/scorer.ts';
import { rawRows } from '../../site-agent/training/raw-rows.ts';

/** A hospital's rows as its own agent reads and divides them. */
export interface BaselineSite {
  readonly site: SiteName;
  /** Null when they cannot be read at all; then `refusal` says why. */
  readonly data: SiteData | null;
  /** Code of the reason for which its agent would not train, and so no baseline does either; null when there is none. */
  readonly refusal: string | null;
}

/** Reads a hospital's rows the way its agent does, with the agent's reasons not to train on them. */
export async function readBaselineSite(
  site: SiteName,
  directory: string,
  plan: Plan,
  nowMs: number,
  signal: AbortSignal,
): Promise<BaselineSite> {
  const config = await readSiteConfig(directory, {});
  try {
    const data = await readSiteData(directory, config.data, plan.data, nowMs, signal);
    const tooFew = data.trainingRows.length < config.minimumRows ? new DataError('too_few_rows') : null;
    return { site, data, refusal: (refusalOf(data, plan.data) ?? tooFew)?.fullCode ?? null };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return { site, data: null, refusal: error.fullCode };
  }
}

/** Scores of the rows the gate judges, by the file that would be used, and their outcomes. */
export interface JudgedScores {
  readonly rows: number;
  readonly labels: Float64Array;
  /** [rows]: the probability of the event. */
  score(model: Uint8Array): Promise<Float32Array>;
}

/** The very rows the gate judges a first release on. */
export function judgedScores(data: SiteData, plan: Plan, nowMs: number, signal: AbortSignal): JudgedScores {
  const { judged } = selectRows(data.table, plan.data, { cutoffs: [plan.data.trainingCutoff], nowMs });
  const raw = rawRows(data.table, judged);
  return {
    rows: judged.length,
    labels: Float64Array.from(judged, (row) => data.table.labels[row] as number),
    async score(model) {
      const scorer = await openScorer(model);
      try {
        return await scorer.score(raw, signal);
      } finally {
        await scorer.dispose();
      }
    },
  };
}

/** AUROCs of two models of the same rows, and the first less the second. A model with a score that is no number has none. */
export function comparison(
  federated: Float32Array,
  baseline: Float32Array,
  labels: Float64Array,
): { readonly federated: Estimate; readonly auroc: Estimate; readonly difference: Estimate } {
  const usable = (scores: Float32Array): boolean => scores.every(Number.isFinite);
  const unusable = undefinedEstimate('score_undefined');
  return {
    federated: usable(federated) ? aurocEstimate(federated, labels) : unusable,
    auroc: usable(baseline) ? aurocEstimate(baseline, labels) : unusable,
    difference:
      usable(federated) && usable(baseline) ? aurocDifference(federated, baseline, labels).estimate : unusable,
  };
}
