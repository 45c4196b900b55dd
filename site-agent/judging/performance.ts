import type { CalibrationFigures, ClassificationFigures, Performance } from '../../shared/plan/judgement.ts';
import type { Policy } from '../../shared/plan/policy.ts';
import { averagePrecision } from '../../shared/statistics/average-precision.ts';
import { groupByProbability } from '../../shared/statistics/binomial-groups.ts';
import { brierScore, scaledBrier } from '../../shared/statistics/brier.ts';
import { calibrateGroups, observedExpectedOfGroups } from '../../shared/statistics/calibration.ts';
import { calibrationCurveOfGroups } from '../../shared/statistics/calibration-curve.ts';
import { calibrationErrorOfGroups, equalWidthGroup } from '../../shared/statistics/calibration-error.ts';
import { classify } from '../../shared/statistics/classification.ts';
import { aurocEstimate } from '../../shared/statistics/discrimination.ts';
import { undefinedEstimate } from '../../shared/statistics/estimate.ts';
import { logLoss } from '../../shared/statistics/log-loss.ts';
import { decisionCurve, netBenefit } from '../../shared/statistics/net-benefit.ts';
import { spiegelhalter } from '../../shared/statistics/spiegelhalter.ts';
import { calibrationDraws } from './calibration-rule.ts';

const riskBins = 20;
const curvePoints = 50;
const decisionPoints = 46;

/** The policy's operating threshold where one can act on it: strictly between 0 and 1. Null otherwise. */
export function operatingThreshold({ netBenefit: { threshold } }: Policy): number | null {
  return threshold !== null && threshold > 0 && threshold < 1 ? threshold : null;
}

/**
 * Every figure of one model on the judged rows. What cannot be computed is null and says why.
 *
 * @param risks probabilities of the event [rows]; labels 0 or 1 [rows]. @param seed of the calibration curve's draws.
 */
export function performanceOf(risks: Float64Array, labels: Float64Array, policy: Policy, seed: number): Performance {
  const threshold = operatingThreshold(policy);
  return {
    auroc: aurocEstimate(risks, labels),
    aurocPlain: aurocEstimate(risks, labels, 'plain'),
    averagePrecision: averagePrecision(risks, labels),
    brier: brierScore(risks, labels),
    scaledBrier: scaledBrier(risks, labels),
    logLoss: logLoss(risks, labels),
    calibration: calibrationOf(risks, labels, seed),
    netBenefit: threshold === null ? undefinedEstimate('no_threshold') : netBenefit(risks, labels, threshold),
    classification: threshold === null ? null : classificationOf(risks, labels, threshold),
    decisionCurve: decisionCurve(risks, labels, thresholdsBetween(policy.netBenefit.range)).map(
      ({ threshold: at, model, treatAll, interventionsAvoided }) => ({
        threshold: at,
        model,
        treatAll,
        interventionsAvoided,
      }),
    ),
    risks: riskCounts(risks, labels),
  };
}

function calibrationOf(risks: Float64Array, labels: Float64Array, seed: number): CalibrationFigures {
  const groups = groupByProbability(risks, labels);
  const curve = calibrationCurveOfGroups(groups, {
    method: 'spline',
    points: curvePoints,
    seed,
    draws: calibrationDraws,
  });
  const ece = calibrationErrorOfGroups(groups);
  const { z, p } = spiegelhalter(risks, labels);
  return {
    ...calibrateGroups(groups),
    observedExpected: observedExpectedOfGroups(groups),
    ici: curve.ici,
    iciNull: curve.iciNull95,
    e50: curve.e50,
    e90: curve.e90,
    ece:
      ece.value === null
        ? undefinedEstimate(ece.reason ?? 'no_rows')
        : { value: ece.value, low: null, high: null, standardError: null, reason: 'no_interval' },
    spiegelhalter: z === null || p === null ? null : { z, p },
    curve: curve.points.map(({ predicted, observed, low, high }) => ({ predicted, observed, low, high })),
  };
}

function classificationOf(risks: Float64Array, labels: Float64Array, threshold: number): ClassificationFigures {
  const { sensitivity, specificity, ppv, npv } = classify(risks, labels, threshold);
  return { threshold, sensitivity, specificity, positivePredictive: ppv, negativePredictive: npv };
}

/** Evenly spaced, strictly between 0 and 1. */
function thresholdsBetween([from, to]: readonly [number, number]): number[] {
  const low = Math.max(0.001, Math.min(from, to));
  const high = Math.min(0.999, Math.max(from, to));
  const at = (step: number): number => low + ((high - low) * step) / (decisionPoints - 1);
  // 0.05 + 9 · 0.01 is 0.14 only to the last digit.
  const thresholds = Array.from({ length: decisionPoints }, (_, step) => Number(at(step).toFixed(9)));
  return [...new Set(thresholds)];
}

function riskCounts(risks: Float64Array, labels: Float64Array): Performance['risks'] {
  const events = new Array<number>(riskBins).fill(0);
  const nonEvents = new Array<number>(riskBins).fill(0);
  for (let row = 0; row < risks.length; row++) {
    const counts = labels[row] === 1 ? events : nonEvents;
    const bin = equalWidthGroup(risks[row] as number, riskBins);
    counts[bin] = (counts[bin] as number) + 1;
  }
  return { events, nonEvents };
}
