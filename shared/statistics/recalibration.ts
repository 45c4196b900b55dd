import { fitBinomial } from './binomial-fit.ts';
import { type BinomialGroups, groupByProbability, groupLogits, logitOf } from './binomial-groups.ts';
import { fitLogisticIntercept, fitLogisticLine } from './calibration.ts';
import { logistic } from './estimate.ts';
import { isotonicValue } from './isotonic.ts';
import { adjustPrior } from './prior-shift.ts';
import type { Recalibration, RecalibrationFit } from './recalibration-kinds.ts';
import { StatisticsError } from './statistics-error.ts';

/** Updates one probability. @throws StatisticsError `out_of_range` for what is no probability. */
export function recalibrateOne(recalibration: Recalibration, probability: number): number {
  if (!(probability >= 0 && probability <= 1)) {
    throw new StatisticsError('out_of_range', `recalibrateOne: ${probability} is no probability`);
  }
  switch (recalibration.kind) {
    case 'none':
      return probability;
    case 'intercept':
      return logistic(logitOf(probability) + recalibration.intercept);
    case 'prior':
      return adjustPrior(probability, recalibration.trainingPrevalence, recalibration.targetPrevalence);
    case 'logistic':
      return logistic(recalibration.intercept + recalibration.slope * logitOf(probability));
    case 'temperature':
      return logistic(logitOf(probability) / recalibration.temperature);
    case 'isotonic':
      return isotonicValue(recalibration.scores, recalibration.values, probability);
  }
}

/** Updates every probability. @throws StatisticsError `out_of_range` for what is no probability. */
export function applyRecalibration(recalibration: Recalibration, probabilities: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: probabilities.length }, (_, row) =>
    recalibrateOne(recalibration, probabilities[row] as number),
  );
}

/** Recalibration in the large: logit P(y) = a + logit p by maximum likelihood (E. W. Steyerberg 2019, section 20.2.1, method 2). */
export function fitInterceptUpdate(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
): RecalibrationFit<'intercept'> {
  return interceptUpdate(groupByProbability(probabilities, labels));
}

export function interceptUpdate(groups: BinomialGroups): RecalibrationFit<'intercept'> {
  const fit = fitLogisticIntercept(groups);
  if ('reason' in fit) return { recalibration: null, reason: fit.reason };
  return { recalibration: { kind: 'intercept', intercept: fit.coefficients[0] as number }, reason: null };
}

/**
 * Logistic recalibration, intercept and slope (Steyerberg 2019, section 20.2.1, method 3), which is Platt scaling of the log odds
 * (J. Platt 1999) without its smoothed targets. A slope that is not positive would turn the order of patients: null.
 */
export function fitLogisticUpdate(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
): RecalibrationFit<'logistic'> {
  return logisticUpdate(groupByProbability(probabilities, labels));
}

export function logisticUpdate(groups: BinomialGroups): RecalibrationFit<'logistic'> {
  const fit = fitLogisticLine(groups);
  if ('reason' in fit) return { recalibration: null, reason: fit.reason };
  if (!(fit.slope > 0)) return { recalibration: null, reason: 'slope_not_positive' };
  return { recalibration: { kind: 'logistic', intercept: fit.intercept, slope: fit.slope }, reason: null };
}

/**
 * Temperature scaling: logit p' = logit p / T with the T that maximises the likelihood (C. Guo et al. 2017, ICML, section 4.2; for two
 * classes a slope without an intercept). A slope that is not positive has no temperature: null.
 */
export function fitTemperatureUpdate(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
): RecalibrationFit<'temperature'> {
  const groups = groupByProbability(probabilities, labels);
  if (groups.totalRows === 0) return { recalibration: null, reason: 'no_rows' };
  const logits = groupLogits(groups);
  if (logits.every((logit) => logit === 0)) return { recalibration: null, reason: 'constant_scores' };
  // Without an intercept the likelihood has a maximum when some row is on the wrong side of one half, and some on the right side.
  let right = false;
  let wrong = false;
  for (let group = 0; group < logits.length; group++) {
    const logit = logits[group] as number;
    const events = groups.events[group] as number;
    const nonEvents = (groups.rows[group] as number) - events;
    right ||= (logit > 0 && events > 0) || (logit < 0 && nonEvents > 0);
    wrong ||= (logit > 0 && nonEvents > 0) || (logit < 0 && events > 0);
  }
  if (!right) return { recalibration: null, reason: 'slope_not_positive' };
  if (!wrong) return { recalibration: null, reason: 'separation' };
  const largest = logits.reduce((size, logit) => Math.max(size, Math.abs(logit)), 0);
  const fit = fitBinomial([logits.map((logit) => logit / largest)], groups);
  if (fit === null) return { recalibration: null, reason: 'not_converged' };
  const slope = (fit.coefficients[0] as number) / largest;
  if (!(slope > 0)) return { recalibration: null, reason: 'slope_not_positive' };
  return { recalibration: { kind: 'temperature', temperature: 1 / slope }, reason: null };
}
