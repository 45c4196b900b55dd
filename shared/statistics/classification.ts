import type { Estimate } from '../plan/judgement.ts';
import { undefinedEstimate } from './estimate.ts';
import { assertOpenShare, assertProbabilities, assertSameLength, countEvents } from './inputs.ts';
import { wilsonInterval } from './proportions.ts';

/** How a model classifies at a threshold; every share with Wilson's 95% interval. */
export interface Classification {
  readonly threshold: number;
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly trueNegatives: number;
  readonly falseNegatives: number;
  readonly sensitivity: Estimate;
  readonly specificity: Estimate;
  /** Positive predictive value. */
  readonly ppv: Estimate;
  /** Negative predictive value. */
  readonly npv: Estimate;
  /** Reported, never judged on: it is improper away from a threshold of one half. */
  readonly accuracy: Estimate;
  /** Reported, never judged on: it knows no true negatives. */
  readonly f1: Estimate;
}

/**
 * Counts and shares when a probability of `threshold` and above is called positive.
 *
 * F1 = 2TP / (2TP + FP + FN) = 2J / (1 + J) with J = TP / (TP + FP + FN), a proportion of the rows that are no true negatives; its interval
 * is Wilson's for J, carried over, as F1 ascends with J.
 *
 * Undefined: `no_rows`; sensitivity without events and specificity without non-events `single_class`; PPV `none_called_positive`, NPV
 * `none_called_negative`; F1 `no_events_called` where there is neither an event nor a positive call.
 * @throws StatisticsError for a threshold not strictly between 0 and 1, probabilities outside [0, 1], labels other than 0 and 1.
 */
export function classify(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  threshold: number,
): Classification {
  assertSameLength(probabilities, labels, 'probabilities and labels');
  assertProbabilities(probabilities);
  assertOpenShare(threshold, 'threshold');
  const events = countEvents(labels);
  const n = labels.length;
  let truePositives = 0;
  let positives = 0;
  for (let row = 0; row < n; row++) {
    if ((probabilities[row] as number) < threshold) continue;
    positives++;
    truePositives += labels[row] as number;
  }
  const falsePositives = positives - truePositives;
  const falseNegatives = events - truePositives;
  const trueNegatives = n - positives - falseNegatives;
  const share = (k: number, of: number, reason: string): Estimate =>
    of > 0 ? wilsonInterval(k, of) : undefinedEstimate(n === 0 ? 'no_rows' : reason);
  return {
    threshold,
    truePositives,
    falsePositives,
    trueNegatives,
    falseNegatives,
    sensitivity: share(truePositives, events, 'single_class'),
    specificity: share(trueNegatives, n - events, 'single_class'),
    ppv: share(truePositives, positives, 'none_called_positive'),
    npv: share(trueNegatives, n - positives, 'none_called_negative'),
    accuracy: share(truePositives + trueNegatives, n, 'no_rows'),
    f1: f1Of(share(truePositives, n - trueNegatives, 'no_events_called')),
  };
}

function f1Of(jaccard: Estimate): Estimate {
  const carry = (j: number | null): number | null => (j === null ? null : (2 * j) / (1 + j));
  return { ...jaccard, value: carry(jaccard.value), low: carry(jaccard.low), high: carry(jaccard.high) };
}
