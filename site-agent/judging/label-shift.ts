import type { Estimate, LabelShiftFigures } from '../../shared/plan/judgement.ts';
import type { Policy } from '../../shared/plan/policy.ts';
import { undefinedEstimate } from '../../shared/statistics/estimate.ts';
import { bbseHard, bbseSoft, type ClassPriors, emPrior } from '../../shared/statistics/label-shift.ts';
import { applyRecalibration, fitLogisticUpdate } from '../../shared/statistics/recalibration.ts';
import { operatingThreshold } from './performance.ts';

/**
 * The share of events among the judged rows as the scores alone tell it, if patients of like outcome look like this site's earlier ones.
 * Expectation maximisation needs scores that are true to size on the earlier rows, so these are recalibrated there first.
 *
 * @param earlier risks and labels of this site's training rows; risks of the judged rows.
 */
export function labelShiftOf(
  earlier: { readonly risks: Float64Array; readonly labels: Float64Array },
  risks: Float64Array,
  policy: Policy,
): LabelShiftFigures {
  const source = { probabilities: earlier.risks, labels: earlier.labels };
  const events = earlier.labels.reduce((sum, label) => sum + label, 0);
  const prevalence = events / earlier.labels.length;
  // Without a threshold to act on, an even chance: what matters is only that each class has rows on either side of it.
  const threshold = operatingThreshold(policy) ?? 0.5;
  return {
    hard: eventShare(bbseHard(source, risks, threshold)),
    soft: eventShare(bbseSoft(source, risks)),
    expectationMaximisation: maximised(earlier, risks, prevalence),
  };
}

function eventShare({ priors, reason }: ClassPriors): Estimate {
  return priors?.[1] ?? undefinedEstimate(reason ?? 'not_identifiable');
}

function maximised(
  earlier: { readonly risks: Float64Array; readonly labels: Float64Array },
  risks: Float64Array,
  prevalence: number,
): Estimate {
  if (earlier.labels.length === 0 || risks.length === 0) return undefinedEstimate('no_rows');
  if (prevalence === 0 || prevalence === 1) return undefinedEstimate('single_class');
  const { recalibration, reason } = fitLogisticUpdate(earlier.risks, earlier.labels);
  if (recalibration === null) return undefinedEstimate(reason ?? 'not_identifiable');
  return emPrior(applyRecalibration(recalibration, risks), prevalence).prevalence;
}
