import type { Estimate } from '../plan/judgement.ts';
import { type BinomialFit, fitBinomial } from './binomial-fit.ts';
import { type BinomialGroups, groupByProbability, groupLogits } from './binomial-groups.ts';
import { twoSidedZ, undefinedEstimate, waldEstimate } from './estimate.ts';

export interface Calibration {
  /** Slope of log odds of the outcome on log odds of the prediction; 1 is ideal, below 1 means predictions are too extreme. */
  readonly slope: Estimate;
  /** Calibration in the large: the shift of log odds that makes predictions right on average, slope held at 1; 0 is ideal. */
  readonly intercept: Estimate;
}

/**
 * Logistic recalibration. D. R. Cox (1958), Biometrika 45:562; E. W. Steyerberg (2019), Clinical Prediction Models, section 15.3:
 * slope b from logit P(y) = a + b·logit(p), intercept a from logit P(y) = a + logit(p), by maximum likelihood, Wald intervals from the
 * expected information. Predictions nearer to 0 or 1 than 2^-24 are moved there.
 *
 * Undefined: `no_rows`, `single_class`; the slope also for `constant_scores`, and for `separation`, where a threshold divides the
 * classes and the likelihood has no maximum.
 */
export function calibrate(probabilities: ArrayLike<number>, labels: ArrayLike<number>): Calibration {
  return calibrateGroups(groupByProbability(probabilities, labels));
}

/** As `calibrate`, from rows grouped by prediction. */
export function calibrateGroups(groups: BinomialGroups): Calibration {
  const intercept = fitLogisticIntercept(groups);
  const line = fitLogisticLine(groups);
  return {
    slope: 'reason' in line ? undefinedEstimate(line.reason) : waldEstimate(line.slope, line.slopeError),
    intercept: 'reason' in intercept ? undefinedEstimate(intercept.reason) : interceptEstimate(intercept),
  };
}

function interceptEstimate(fit: BinomialFit): Estimate {
  return waldEstimate(fit.coefficients[0] as number, Math.sqrt(fit.covariance[0]?.[0] as number));
}

/** Why a likelihood has no maximum here. */
export interface NoFit {
  readonly reason: 'no_rows' | 'single_class' | 'constant_scores' | 'separation' | 'not_converged';
}

export interface LogisticLine {
  readonly intercept: number;
  readonly slope: number;
  readonly slopeError: number;
  readonly logLikelihood: number;
}

function missingClass(groups: BinomialGroups): NoFit | null {
  if (groups.totalRows === 0) return { reason: 'no_rows' };
  if (groups.totalEvents === 0 || groups.totalEvents === groups.totalRows) return { reason: 'single_class' };
  return null;
}

/** Fit of logit P(y) = a + logit(p): one coefficient, a. */
export function fitLogisticIntercept(groups: BinomialGroups): BinomialFit | NoFit {
  const missing = missingClass(groups);
  if (missing !== null) return missing;
  const ones = new Float64Array(groups.rows.length).fill(1);
  return (
    fitBinomial([ones], { events: groups.events, rows: groups.rows, offset: groupLogits(groups) }) ?? {
      reason: 'not_converged',
    }
  );
}

/** Fit of logit P(y) = a + b·logit(p). */
export function fitLogisticLine(groups: BinomialGroups): LogisticLine | NoFit {
  const missing = missingClass(groups);
  if (missing !== null) return missing;
  const logits = groupLogits(groups);
  const refusal = noLine(groups, logits);
  if (refusal !== null) return refusal;

  let mean = 0;
  for (let group = 0; group < logits.length; group++) {
    mean += ((groups.rows[group] as number) * (logits[group] as number)) / groups.totalRows;
  }
  let variance = 0;
  for (let group = 0; group < logits.length; group++) {
    variance += ((groups.rows[group] as number) * ((logits[group] as number) - mean) ** 2) / groups.totalRows;
  }
  const scale = Math.sqrt(variance);
  const ones = new Float64Array(logits.length).fill(1);
  const fit = fitBinomial([ones, logits.map((logit) => (logit - mean) / scale)], groups);
  if (fit === null) return { reason: 'not_converged' };
  const [a, b] = fit.coefficients as [number, number];
  return {
    intercept: a - (b * mean) / scale,
    slope: b / scale,
    slopeError: Math.sqrt(fit.covariance[1]?.[1] as number) / scale,
    logLikelihood: fit.logLikelihood,
  };
}

function noLine(groups: BinomialGroups, logits: Float64Array): NoFit | null {
  const low = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY] as [number, number];
  const high = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY] as [number, number];
  for (let group = 0; group < logits.length; group++) {
    const logit = logits[group] as number;
    const events = groups.events[group] as number;
    for (const label of [0, 1] as const) {
      if ((label === 1 ? events : (groups.rows[group] as number) - events) <= 0) continue;
      low[label] = Math.min(low[label], logit);
      high[label] = Math.max(high[label], logit);
    }
  }
  if (Math.min(...low) === Math.max(...high)) return { reason: 'constant_scores' };
  // With one predictor the maximum exists exactly when the classes overlap: A. Albert, J. A. Anderson (1984), Biometrika 71:1.
  if (high[0] <= low[1] || high[1] <= low[0]) return { reason: 'separation' };
  return null;
}

/**
 * Observed over expected events, O/E = Σy / Σp, with a 95% interval on the log scale: exp(ln(O/E) ± 1.96·se), se² = (1 - O/n) / O, the
 * expected number taken as known (T. P. A. Debray et al. 2017, BMJ 356:i6460, appendix; R. D. Riley et al. 2021, Stat. Med. 40:4230).
 * `standardError` is that of ln(O/E). Undefined: `no_rows`, `nothing_expected` (all p are 0); no interval for `single_class`.
 */
export function observedExpected(probabilities: ArrayLike<number>, labels: ArrayLike<number>): Estimate {
  return observedExpectedOfGroups(groupByProbability(probabilities, labels));
}

/** As `observedExpected`, from rows grouped by prediction. */
export function observedExpectedOfGroups(groups: BinomialGroups): Estimate {
  if (groups.totalRows === 0) return undefinedEstimate('no_rows');
  let expected = 0;
  for (let group = 0; group < groups.rows.length; group++) {
    expected += (groups.rows[group] as number) * (groups.probabilities[group] as number);
  }
  const observed = groups.totalEvents;
  const value = observed / expected;
  // Nothing, or so little that the ratio overflows.
  if (!Number.isFinite(value)) return undefinedEstimate('nothing_expected');
  if (observed === 0 || observed === groups.totalRows) {
    return { value, low: null, high: null, standardError: null, reason: 'single_class' };
  }
  const standardError = Math.sqrt((1 - observed / groups.totalRows) / observed);
  return {
    value,
    low: value * Math.exp(-twoSidedZ * standardError),
    high: value * Math.exp(twoSidedZ * standardError),
    standardError,
  };
}
