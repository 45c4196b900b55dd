import { assertFinite, assertSameLength, countEvents } from './inputs.ts';
import { ascendingOrder } from './sorted-order.ts';

/** Corners of an ROC curve from (0, 0) to (1, 1); point i calls scores of `thresholds[i]` and above positive. */
export interface RocCurve {
  /** Descending; the first is +Infinity, where nobody is called positive. */
  readonly thresholds: Float64Array;
  readonly falsePositiveRate: Float64Array;
  readonly truePositiveRate: Float64Array;
}

/**
 * ROC curve over the distinct scores, tied rows entering together. Points on a straight line between their neighbours are left out, so that
 * the area under the points is still the AUROC, exactly (T. Fawcett 2006, Pattern Recognition Letters 27:861).
 *
 * @returns null without rows or when either class is absent.
 * @throws StatisticsError for lengths that differ, scores that are not finite, labels that are not 0 or 1.
 */
export function rocCurve(scores: ArrayLike<number>, labels: ArrayLike<number>): RocCurve | null {
  assertSameLength(scores, labels, 'scores and labels');
  assertFinite(scores, 'scores');
  const events = countEvents(labels);
  const nonEvents = labels.length - events;
  if (events === 0 || nonEvents === 0) return null;
  const order = ascendingOrder(scores);
  const thresholds = [Number.POSITIVE_INFINITY];
  const falsePositives = [0];
  const truePositives = [0];
  let place = order.length - 1;
  let trueCount = 0;
  while (place >= 0) {
    const score = scores[order[place] as number] as number;
    while (place >= 0 && scores[order[place] as number] === score) {
      trueCount += labels[order[place] as number] as number;
      place--;
    }
    const falseCount = order.length - 1 - place - trueCount;
    const last = thresholds.length - 1;
    if (last > 0) {
      const falseStep = (falsePositives[last] as number) - (falsePositives[last - 1] as number);
      const trueStep = (truePositives[last] as number) - (truePositives[last - 1] as number);
      const onLine =
        falseStep * (trueCount - (truePositives[last] as number)) ===
        trueStep * (falseCount - (falsePositives[last] as number));
      if (onLine) {
        thresholds.pop();
        falsePositives.pop();
        truePositives.pop();
      }
    }
    thresholds.push(score);
    falsePositives.push(falseCount);
    truePositives.push(trueCount);
  }
  return {
    thresholds: Float64Array.from(thresholds),
    falsePositiveRate: Float64Array.from(falsePositives, (count) => count / nonEvents),
    truePositiveRate: Float64Array.from(truePositives, (count) => count / events),
  };
}
