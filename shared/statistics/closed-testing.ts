import { binomialLogLikelihood } from './binomial-fit.ts';
import { groupByProbability, groupLogits } from './binomial-groups.ts';
import { fitLogisticIntercept, fitLogisticLine } from './calibration.ts';
import { chiSquareUpper } from './gamma.ts';
import type { Recalibration } from './recalibration-kinds.ts';
import { StatisticsError } from './statistics-error.ts';

export type ClosedTestStep = 'none' | 'intercept' | 'logistic' | 'revision';

/** A model whose coefficients were all fitted again on the same rows. */
export interface Revision {
  /** Maximised log likelihood over the same rows, natural logarithm. */
  readonly logLikelihood: number;
  /** Coefficients fitted, the intercept included; more than the two of logistic recalibration. */
  readonly parameters: number;
}

export interface ClosedTest {
  /** The smallest update the data do not speak against; null when undefined, then `reason` says why. */
  readonly step: ClosedTestStep | null;
  /** The update of that step; null for `revision` (the caller holds it), for a slope that is not positive, and when undefined. */
  readonly recalibration: Recalibration | null;
  readonly alpha: number;
  /** Of the largest model against each smaller one, likelihood-ratio test; null where not reached or undefined. */
  readonly pValues: {
    readonly none: number | null;
    readonly intercept: number | null;
    readonly logistic: number | null;
  };
  readonly logLikelihoods: {
    readonly none: number | null;
    readonly intercept: number | null;
    readonly logistic: number | null;
    readonly revision: number | null;
  };
  /** `no_rows`, `single_class`, `constant_scores`, `separation`, `not_converged`, or `slope_not_positive` beside the step `logistic`. */
  readonly reason: string | null;
}

/**
 * Closed testing for the extent of an update. Y. Vergouwe et al. (2017), Statistics in Medicine 36:4529: the largest model (revision where
 * given, otherwise logistic recalibration) is tested against the original, then against recalibration in the large, then against logistic
 * recalibration, each by the likelihood ratio at level alpha with as many degrees of freedom as coefficients differ; the first that is not
 * rejected is chosen. The closed order holds the chance of updating a model that needs none at alpha.
 *
 * @param alpha inside (0, 1).
 * @throws StatisticsError for lengths, probabilities, labels or an alpha out of range, or a revision of fewer than three coefficients.
 */
export function closedTest(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  alpha: number,
  revision?: Revision,
): ClosedTest {
  if (!(alpha > 0 && alpha < 1)) throw new StatisticsError('out_of_range', `closedTest: alpha is ${alpha}`);
  if (revision !== undefined && !(revision.parameters > 2 && Number.isFinite(revision.logLikelihood))) {
    throw new StatisticsError(
      'out_of_range',
      `closedTest: a revision needs more than two coefficients and a finite log likelihood, found ${revision.parameters} and ${revision.logLikelihood}`,
    );
  }
  const groups = groupByProbability(probabilities, labels);
  const undefinedTest = (reason: string): ClosedTest => ({
    step: null,
    recalibration: null,
    alpha,
    pValues: { none: null, intercept: null, logistic: null },
    logLikelihoods: { none: null, intercept: null, logistic: null, revision: null },
    reason,
  });
  const intercept = fitLogisticIntercept(groups);
  if ('reason' in intercept) return undefinedTest(intercept.reason);
  const line = fitLogisticLine(groups);
  if ('reason' in line) return undefinedTest(line.reason);

  const logLikelihoods = {
    none: binomialLogLikelihood(groupLogits(groups), groups),
    intercept: intercept.logLikelihood,
    logistic: line.logLikelihood,
    revision: revision?.logLikelihood ?? null,
  };
  const largest = revision ?? { logLikelihood: line.logLikelihood, parameters: 2 };
  const against = (smaller: number, parameters: number): number =>
    // A smaller model can be ahead by rounding only, unless a revision did not reach its maximum.
    chiSquareUpper(Math.max(0, 2 * (largest.logLikelihood - smaller)), largest.parameters - parameters);

  const none = against(logLikelihoods.none, 0);
  if (none >= alpha) {
    const pValues = { none, intercept: null, logistic: null };
    return { step: 'none', recalibration: { kind: 'none' }, alpha, pValues, logLikelihoods, reason: null };
  }
  const large = against(logLikelihoods.intercept, 1);
  if (large >= alpha) {
    const pValues = { none, intercept: large, logistic: null };
    const recalibration = { kind: 'intercept', intercept: intercept.coefficients[0] as number } as const;
    return { step: 'intercept', recalibration, alpha, pValues, logLikelihoods, reason: null };
  }
  const logistic = revision === undefined ? null : against(logLikelihoods.logistic, 2);
  const pValues = { none, intercept: large, logistic };
  if (logistic !== null && logistic < alpha) {
    return { step: 'revision', recalibration: null, alpha, pValues, logLikelihoods, reason: null };
  }
  const usable = line.slope > 0;
  return {
    step: 'logistic',
    recalibration: usable ? { kind: 'logistic', intercept: line.intercept, slope: line.slope } : null,
    alpha,
    pValues,
    logLikelihoods,
    reason: usable ? null : 'slope_not_positive',
  };
}
