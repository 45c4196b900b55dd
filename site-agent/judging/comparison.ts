import type { ComparisonFigures, PairedFigure } from '../../shared/plan/judgement.ts';
import type { Policy } from '../../shared/plan/policy.ts';
import { bootstrapAuroc, pairedBootstrap } from '../../shared/statistics/bootstrap.ts';
import { type Levels, undefinedEstimate } from '../../shared/statistics/estimate.ts';
import { netBenefitDifference } from '../../shared/statistics/net-benefit.ts';
import { pairedClassification } from '../../shared/statistics/paired-classification.ts';
import type { PairedDifference } from '../../shared/statistics/paired-difference.ts';
import { operatingThreshold } from './performance.ts';

/** Below so many events the normal law of DeLong's interval is checked by resampling. */
const bootstrapBelow = 50;
const resamples = 2000;

/**
 * The new model against the current one on the same rows.
 * @param auroc their paired AUROC difference at this look's levels.
 */
export function compare(
  risks: { readonly now: Float64Array; readonly before: Float64Array },
  labels: Float64Array,
  auroc: PairedDifference,
  { policy, levels, seed }: { readonly policy: Policy; readonly levels: Levels; readonly seed: number },
): ComparisonFigures {
  const { now, before } = risks;
  const threshold = operatingThreshold(policy);
  const none = undefinedEstimate('no_threshold');
  const unchanged = { difference: none, mcNemarP: null };
  const classified = threshold === null ? null : pairedClassification(now, before, labels, threshold, levels);
  let events = 0;
  for (const label of labels) events += label;
  return {
    auroc: pairedFigure(auroc),
    netBenefit:
      threshold === null
        ? { estimate: none, oneSidedLower: null, twoSidedUpper: null }
        : pairedFigure(netBenefitDifference(now, before, labels, threshold, levels)),
    sensitivity:
      classified === null
        ? unchanged
        : { difference: classified.sensitivity.change, mcNemarP: classified.sensitivity.mcnemar?.exact ?? null },
    specificity:
      classified === null
        ? unchanged
        : { difference: classified.specificity.change, mcNemarP: classified.specificity.mcnemar?.exact ?? null },
    bootstrap: events < bootstrapBelow && events > 0 && events < labels.length ? resampled(risks, labels, seed) : null,
  };
}

function resampled(
  { now, before }: { readonly now: Float64Array; readonly before: Float64Array },
  labels: Float64Array,
  seed: number,
): ComparisonFigures['bootstrap'] {
  const found = pairedBootstrap(now, before, labels, { statistic: bootstrapAuroc, resamples, seed });
  const interval = found.bca ?? found.percentile;
  return {
    estimate: {
      value: found.value,
      low: interval?.low ?? null,
      high: interval?.high ?? null,
      standardError: found.standardError,
      ...(found.reason === undefined ? {} : { reason: found.reason }),
    },
    resamples,
    seed,
  };
}

function pairedFigure({ estimate, oneSidedLower, twoSidedUpper }: PairedDifference): PairedFigure {
  return { estimate, oneSidedLower, twoSidedUpper };
}
