import type { Estimate } from '../plan/judgement.ts';
import { type Levels, pointEstimate, singleLook, undefinedEstimate, waldEstimate } from './estimate.ts';
import { assertOpenShare, assertProbabilities, assertSameLength, countEvents, isSame } from './inputs.ts';
import { noDifference, type PairedDifference, unboundedDifference, waldDifference } from './paired-difference.ts';
import { ascendingOrder } from './sorted-order.ts';

/**
 * Net benefit of treating at a risk of `threshold` and above: TP/n - FP/n · t/(1-t), in true positives a patient.
 * A. J. Vickers, E. B. Elkin (2006), Medical Decision Making 26:565. Wald interval from the spread of each patient's part, 1 for a true
 * positive, -t/(1-t) for a false one, else 0. It lies between -t/(1-t) and 1.
 *
 * Undefined: `no_rows`; no interval for one row (`too_few_for_interval`) or where all parts are equal (`zero_variance`).
 * @throws StatisticsError for a threshold not strictly between 0 and 1, probabilities outside [0, 1], labels other than 0 and 1.
 */
export function netBenefit(probabilities: ArrayLike<number>, labels: ArrayLike<number>, threshold: number): Estimate {
  assertRows(probabilities, labels);
  assertOpenShare(threshold, 'threshold');
  let truePositives = 0;
  let falsePositives = 0;
  for (let row = 0; row < labels.length; row++) {
    if ((probabilities[row] as number) < threshold) continue;
    if (labels[row] === 1) truePositives++;
    else falsePositives++;
  }
  const weight = threshold / (1 - threshold);
  const n = labels.length;
  if (n === 0) return undefinedEstimate('no_rows');
  const value = (truePositives - weight * falsePositives) / n;
  if (n === 1) return pointEstimate(value, 'too_few_for_interval');
  if (truePositives === n || falsePositives === n || truePositives + falsePositives === 0) {
    return pointEstimate(value, 'zero_variance');
  }
  return waldEstimate(value, netBenefitError(truePositives, falsePositives, n, weight), -weight, 1);
}

/** Standard error of the mean of n parts, of which some are 1, some -weight and the rest 0. */
function netBenefitError(ones: number, minusWeights: number, n: number, weight: number): number {
  const rest = n - ones - minusWeights;
  // Σ over pairs of kinds of count · count · (difference)², which is n² times the variance, without cancellation.
  const spread = ones * minusWeights * (1 + weight) ** 2 + ones * rest + minusWeights * rest * weight ** 2;
  return Math.sqrt(spread / n / n / (n - 1));
}

/**
 * Net benefit of a first model less that of a second one on the same patients, with the standard error of the mean of each patient's
 * difference. Only patients whom one model calls positive and the other does not have a part in it.
 *
 * Models with equal probabilities differ by exactly 0. Where the probabilities differ but every patient is classified alike, the value is 0
 * and the sample has no spread; the bounds are then what a share of unlike patients not yet seen could do at most: the exact binomial bound
 * 1 - level^(1/n) on that share (Clopper and Pearson 1934, for 0 of n) times max(1, t/(1-t)); there is no standard error. With unlike
 * patients, but fewer than ten or so, the normal law of the bounds is optimistic: `pairedClassification` counts them.
 *
 * @param levels error levels of the two bounds.
 * @throws StatisticsError as `netBenefit`.
 */
export function netBenefitDifference(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  labels: ArrayLike<number>,
  threshold: number,
  levels: Levels = singleLook,
): PairedDifference {
  assertRows(first, labels);
  assertRows(second, labels);
  assertOpenShare(threshold, 'threshold');
  const n = labels.length;
  if (n === 0) return unboundedDifference(null, 'no_rows');
  const weight = threshold / (1 - threshold);
  // How often the difference of a patient is 1, -1, weight and -weight.
  let gainedTrue = 0;
  let lostTrue = 0;
  let gainedFalse = 0;
  let lostFalse = 0;
  for (let row = 0; row < n; row++) {
    const byFirst = (first[row] as number) >= threshold;
    if (byFirst === (second[row] as number) >= threshold) continue;
    if (labels[row] === 1) {
      if (byFirst) gainedTrue++;
      else lostTrue++;
    } else if (byFirst) gainedFalse++;
    else lostFalse++;
  }
  const sum = gainedTrue - lostTrue - weight * (gainedFalse - lostFalse);
  const value = sum / n;
  if (isSame(first, second)) return noDifference;
  if (n === 1) return unboundedDifference(value, 'too_few_for_interval');
  const unlikeEvents = gainedTrue + lostTrue;
  const unlikeNonEvents = gainedFalse + lostFalse;
  if (unlikeEvents + unlikeNonEvents === 0) return unseenDifference(n, weight, levels);
  const variance = (unlikeEvents + weight * weight * unlikeNonEvents - sum * value) / (n - 1) / n;
  if (!(variance > 0)) return unboundedDifference(value, 'zero_variance');
  const reach = Math.max(1, weight);
  return waldDifference(value, Math.sqrt(variance), levels, -reach, reach);
}

function unseenDifference(n: number, weight: number, levels: Levels): PairedDifference {
  const reach = (level: number): number => -Math.expm1(Math.log(level) / n) * Math.max(1, weight);
  const twoSided = reach(singleLook.twoSided / 2);
  return {
    estimate: { value: 0, low: -twoSided, high: twoSided, standardError: null },
    oneSidedLower: -reach(levels.oneSided),
    twoSidedUpper: reach(levels.twoSided / 2),
    resolvableMargin: reach(levels.oneSided),
  };
}

/** One threshold of a decision curve. */
export interface DecisionPoint {
  readonly threshold: number;
  /** Net benefit of treating whom the model puts at the threshold or above; null without rows. */
  readonly model: number | null;
  /** Its standard error; null for fewer than two rows. */
  readonly standardError: number | null;
  /** Net benefit of treating everybody; that of treating nobody is 0. Null without rows. */
  readonly treatAll: number | null;
  /**
   * Interventions avoided for 100 patients without missing an event, against treating everybody: 100 · (model - treatAll) / (t/(1-t)).
   * Negative where the model does worse than treating everybody. Null without rows.
   */
  readonly interventionsAvoided: number | null;
}

/**
 * Decision curve: A. J. Vickers, E. B. Elkin (2006); interventions avoided: A. J. Vickers et al. (2019), Diagnostic and Prognostic Research
 * 3:18. One sort for all thresholds.
 * @throws StatisticsError as `netBenefit`.
 */
export function decisionCurve(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  thresholds: readonly number[],
): DecisionPoint[] {
  assertRows(probabilities, labels);
  for (const threshold of thresholds) assertOpenShare(threshold, 'threshold');
  const n = labels.length;
  const order = ascendingOrder(probabilities);
  /** Events in the first places of the order. */
  const eventsBefore = new Uint32Array(n + 1);
  for (let place = 0; place < n; place++) {
    eventsBefore[place + 1] = (eventsBefore[place] as number) + (labels[order[place] as number] as number);
  }
  const events = eventsBefore[n] as number;
  return thresholds.map((threshold) => {
    if (n === 0) {
      return { threshold, model: null, standardError: null, treatAll: null, interventionsAvoided: null };
    }
    let low = 0;
    let high = n;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((probabilities[order[middle] as number] as number) < threshold) low = middle + 1;
      else high = middle;
    }
    const truePositives = events - (eventsBefore[low] as number);
    const falsePositives = n - low - truePositives;
    const weight = threshold / (1 - threshold);
    const model = (truePositives - weight * falsePositives) / n;
    const treatAll = (events - weight * (n - events)) / n;
    return {
      threshold,
      model,
      standardError: n < 2 ? null : netBenefitError(truePositives, falsePositives, n, weight),
      treatAll,
      // Over t/(1-t), model - treatAll is (true negatives - false negatives · (1-t)/t) / n: by counts, so that equal curves give exactly 0.
      interventionsAvoided: (100 * (n - events - falsePositives - (events - truePositives) / weight)) / n,
    };
  });
}

function assertRows(probabilities: ArrayLike<number>, labels: ArrayLike<number>): void {
  assertSameLength(probabilities, labels, 'probabilities and labels');
  assertProbabilities(probabilities);
  countEvents(labels);
}
