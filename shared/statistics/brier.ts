import type { Estimate } from '../plan/judgement.ts';
import { pointEstimate, undefinedEstimate, waldEstimate } from './estimate.ts';
import { exactSum, meanAndVariance } from './exact-sum.ts';
import { assertProbabilities, assertSameLength, countEvents, isConstant } from './inputs.ts';

/**
 * Brier score, the mean of (probability - outcome)², with Wald's interval from the spread of the squared errors over rows
 * (G. W. Brier 1950, Monthly Weather Review 78:1), cut at 0 and 1. Undefined without rows; no interval for one row or equal errors.
 */
export function brierScore(probabilities: ArrayLike<number>, labels: ArrayLike<number>): Estimate {
  assertRows(probabilities, labels);
  const n = labels.length;
  if (n === 0) return undefinedEstimate('no_rows');
  const errors = squaredErrors(probabilities, labels);
  const { mean, varianceOfMean } = meanAndVariance(errors);
  if (varianceOfMean === null) return pointEstimate(mean, 'too_few_for_interval');
  if (isConstant(errors)) return pointEstimate(mean, 'zero_variance');
  return waldEstimate(mean, Math.sqrt(varianceOfMean), 0, 1);
}

/**
 * Scaled Brier score, 1 - Brier / (prevalence · (1 - prevalence)): 1 is perfect, 0 no better than the prevalence for everybody, below 0 worse.
 * E. W. Steyerberg et al. (2010), Epidemiology 21:128. Wald interval by the delta method over both means, cut at 1: with B the Brier score,
 * m the prevalence and V = m(1-m), a row's part is -(e - B)/V + B (1-2m)(y - m)/V².
 *
 * Undefined: `no_rows`, `single_class`; no interval where no row's part differs (`zero_variance`).
 */
export function scaledBrier(probabilities: ArrayLike<number>, labels: ArrayLike<number>): Estimate {
  const events = assertRows(probabilities, labels);
  const n = labels.length;
  if (n === 0) return undefinedEstimate('no_rows');
  if (events === 0 || events === n) return undefinedEstimate('single_class');
  const errors = squaredErrors(probabilities, labels);
  const brier = exactSum(errors) / n;
  const prevalence = events / n;
  const reference = prevalence * (1 - prevalence);
  const value = 1 - brier / reference;
  const parts = errors.map(
    (error, row) =>
      (brier - error) / reference +
      (brier * (1 - 2 * prevalence) * ((labels[row] as number) - prevalence)) / (reference * reference),
  );
  const { varianceOfMean } = meanAndVariance(parts);
  // Equal parts leave a remainder of rounding alone.
  if (varianceOfMean === null || !(varianceOfMean > 1e-30)) return pointEstimate(value, 'zero_variance');
  return waldEstimate(value, Math.sqrt(varianceOfMean), Number.NEGATIVE_INFINITY, 1);
}

function squaredErrors(probabilities: ArrayLike<number>, labels: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: labels.length }, (_, row) => {
    const error = (probabilities[row] as number) - (labels[row] as number);
    return error * error;
  });
}

/** @returns events. */
function assertRows(probabilities: ArrayLike<number>, labels: ArrayLike<number>): number {
  assertSameLength(probabilities, labels, 'probabilities and labels');
  assertProbabilities(probabilities);
  return countEvents(labels);
}
