import type { Estimate } from '../plan/judgement.ts';
import { pointEstimate, undefinedEstimate, waldEstimate } from './estimate.ts';
import { meanAndVariance } from './exact-sum.ts';
import { assertProbabilities, assertSameLength, countEvents, isConstant } from './inputs.ts';
import { StatisticsError } from './statistics-error.ts';

/** Half the distance from the largest float32 below 1 to 1, as in `calibrate`. */
const probabilityClip = 2 ** -24;

/**
 * Log loss in natural units, the mean of -log of the probability given to what happened (I. J. Good 1952, JRSS B 14:107), with Wald's
 * interval from its spread over rows, cut at 0.
 *
 * Probabilities nearer than `clip` to 0 or 1 are moved there first: models compute in float32, where a probability within 2^-24 of 1 is
 * stored as 1, and one such row that is wrong would make the loss infinite. A clip of 0 leaves them; the figure is then undefined
 * (`infinite_loss`) if a row was given no chance and happened.
 *
 * Undefined: `no_rows`, `infinite_loss`; no interval for one row or equal losses.
 * @param clip from 0 up to, not including, 0.5.
 */
export function logLoss(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  clip: number = probabilityClip,
): Estimate {
  assertSameLength(probabilities, labels, 'probabilities and labels');
  assertProbabilities(probabilities);
  countEvents(labels);
  if (!(clip >= 0 && clip < 0.5)) {
    throw new StatisticsError('out_of_range', `logLoss: clip is ${clip}, not from 0 to below 0.5`);
  }
  const n = labels.length;
  if (n === 0) return undefinedEstimate('no_rows');
  const losses = new Float64Array(n);
  for (let row = 0; row < n; row++) {
    const p = Math.min(1 - clip, Math.max(clip, probabilities[row] as number));
    // log1p keeps the figures of a small p when nothing happened; 0 - x, so that no loss is 0 and not -0.
    losses[row] = 0 - (labels[row] === 1 ? Math.log(p) : Math.log1p(-p));
    if (losses[row] === Number.POSITIVE_INFINITY) return undefinedEstimate('infinite_loss');
  }
  const { mean, varianceOfMean } = meanAndVariance(losses);
  if (varianceOfMean === null) return pointEstimate(mean, 'too_few_for_interval');
  if (isConstant(losses)) return pointEstimate(mean, 'zero_variance');
  return waldEstimate(mean, Math.sqrt(varianceOfMean), 0);
}
