import type { Estimate } from '../plan/judgement.ts';
import { pointEstimate, undefinedEstimate, waldEstimate } from './estimate.ts';
import { assertProbabilities, assertSameLength, countEvents } from './inputs.ts';

/**
 * Brier score, the mean of (probability - outcome)², with Wald's interval from the spread of the squared errors over rows
 * (G. W. Brier 1950, Monthly Weather Review 78:1), cut at 0 and 1. Undefined without rows; no interval for one row or equal errors.
 */
export function brierScore(probabilities: ArrayLike<number>, labels: ArrayLike<number>): Estimate {
  assertSameLength(probabilities, labels, 'probabilities and labels');
  assertProbabilities(probabilities);
  countEvents(labels);
  const n = labels.length;
  if (n === 0) return undefinedEstimate('no_rows');
  const errors = Float64Array.from({ length: n }, (_, row) => {
    const error = (probabilities[row] as number) - (labels[row] as number);
    return error * error;
  });
  const mean = errors.reduce((sum, error) => sum + error, 0) / n;
  if (n === 1) return pointEstimate(mean, 'too_few_for_interval');
  const variance = errors.reduce((sum, error) => sum + (error - mean) ** 2, 0) / (n - 1);
  if (errors.every((error) => error === errors[0])) return pointEstimate(mean, 'zero_variance');
  return waldEstimate(mean, Math.sqrt(variance / n), 0, 1);
}
