import type { Estimate } from '../plan/judgement.ts';
import { logitEstimate, pointEstimate, undefinedEstimate } from './estimate.ts';
import { assertFinite, assertSameLength, countEvents, isConstant } from './inputs.ts';
import { ascendingOrder } from './sorted-order.ts';

/**
 * Average precision: Σ (recall gained at a threshold) · (precision at it) over the distinct scores downwards, tied rows entering together;
 * no interpolation (scikit-learn's average_precision_score). Its chance level is the prevalence, so it is not comparable between hospitals.
 *
 * Logit interval of K. Boyd, K. H. Eng, C. D. Page (2013), ECML PKDD, section 3.2: on log odds the standard error is
 * 1/√(events · AP (1 - AP)); `standardError` is that carried back, √(AP (1 - AP) / events). It is an approximation that knows nothing of the
 * non-events; the figure is for reporting.
 *
 * Undefined: `no_rows`, `single_class`; no interval for `constant_scores`, fewer than two events (`too_few_for_interval`), or AP = 1
 * (`perfect_separation`).
 * @throws StatisticsError for lengths that differ, scores that are not finite, labels that are not 0 or 1.
 */
export function averagePrecision(scores: ArrayLike<number>, labels: ArrayLike<number>): Estimate {
  assertSameLength(scores, labels, 'scores and labels');
  assertFinite(scores, 'scores');
  const events = countEvents(labels);
  const n = labels.length;
  if (n === 0) return undefinedEstimate('no_rows');
  if (events === 0 || events === n) return undefinedEstimate('single_class');
  const order = ascendingOrder(scores);
  let truePositives = 0;
  let sum = 0;
  let place = n - 1;
  while (place >= 0) {
    const score = scores[order[place] as number];
    let gained = 0;
    while (place >= 0 && scores[order[place] as number] === score) {
      gained += labels[order[place] as number] as number;
      place--;
    }
    truePositives += gained;
    sum += (gained * truePositives) / (n - 1 - place);
  }
  const value = Math.min(1, sum / events);
  if (isConstant(scores)) return pointEstimate(value, 'constant_scores');
  if (value === 1) return pointEstimate(value, 'perfect_separation');
  if (events < 2) return pointEstimate(value, 'too_few_for_interval');
  return logitEstimate(value, Math.sqrt((value * (1 - value)) / events));
}
