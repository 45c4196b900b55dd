import type { Estimate } from '../plan/judgement.ts';
import { aurocEstimate } from './discrimination.ts';
import { logitEstimate, pointEstimate, undefinedEstimate } from './estimate.ts';
import { meanAndVariance } from './exact-sum.ts';
import { assertFinite, assertSameLength } from './inputs.ts';
import { ascendingOrder } from './sorted-order.ts';
import { StatisticsError } from './statistics-error.ts';

/** AUROCs of a model with more than two classes. */
export interface MulticlassAuroc {
  /** Rows of each class. */
  readonly counts: readonly number[];
  /** Hand and Till's M: the mean over pairs of classes of how well the two are told apart. It does not depend on how common they are. */
  readonly handTill: Estimate;
  /** Mean over classes of the AUROC of one class against the rest. */
  readonly macro: Estimate;
  /** The same, weighted by how common the classes are. */
  readonly weighted: Estimate;
  /** One class against the rest, each with DeLong's interval. */
  readonly perClass: readonly Estimate[];
}

/**
 * D. J. Hand, R. J. Till (2001), Machine Learning 45:171, equation 7: M = 2/(K(K-1)) Σ over pairs of (A(i|j) + A(j|i))/2, where A(i|j) is the
 * probability that a row of class i has a higher probability of i than a row of class j; and one-vs-rest AUROCs, averaged.
 *
 * Intervals by DeLong's argument: every figure here is, up to terms of higher order, a sum over classes of the mean of a part of each row (the
 * structural components of all the two-class AUROCs the row has a part in), so its variance is Σ over classes of the parts' sample variance /
 * rows, given how many rows each class has. With two classes that is DeLong's variance. Logit intervals, as of `aurocEstimate`.
 *
 * Undefined: `no_rows`; the averages `class_absent` where a class has no row. No interval: a class with one row (`too_few_for_interval`),
 * a figure of 0 or 1 (`perfect_separation`), parts that do not vary (`zero_variance`).
 *
 * @param probabilities one vector a class, each [rows]: probabilities or any scores that ascend with them.
 * @param labels [rows], class numbers from 0.
 * @throws StatisticsError for fewer than two classes, lengths that differ, scores that are not finite, labels that are no class.
 */
export function multiclassAuroc(
  probabilities: readonly ArrayLike<number>[],
  labels: ArrayLike<number>,
): MulticlassAuroc {
  const classes = probabilities.length;
  if (classes < 2) {
    throw new StatisticsError('out_of_range', `multiclassAuroc: ${classes} classes, and there must be two`);
  }
  for (const [index, scores] of probabilities.entries()) {
    assertSameLength(scores, labels, 'probabilities and labels');
    assertFinite(scores, `probabilities[${index}]`);
  }
  const counts = new Array<number>(classes).fill(0);
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as number;
    if (!(Number.isInteger(label) && label >= 0 && label < classes)) {
      throw new StatisticsError('out_of_range', `labels[${row}] is ${label}, no class of ${classes}`, { row });
    }
    counts[label] = (counts[label] as number) + 1;
  }
  const perClass = probabilities.map((scores, k) =>
    aurocEstimate(
      scores,
      Uint8Array.from({ length: labels.length }, (_, row) => (labels[row] === k ? 1 : 0)),
    ),
  );
  const missing = labels.length === 0 ? 'no_rows' : counts.includes(0) ? 'class_absent' : null;
  if (missing !== null) {
    const none = undefinedEstimate(missing);
    return { counts, handTill: none, macro: none, weighted: none, perClass };
  }

  const n = labels.length;
  /** Weight of A(k against c) in each average, for a row of class k and one of class c. */
  const figures = [
    (): number => 1 / (classes * (classes - 1)),
    (k: number, c: number): number => (counts[c] as number) / (n - (counts[k] as number)) / classes,
    (k: number, c: number): number =>
      ((counts[k] as number) / n) * ((counts[c] as number) / (n - (counts[k] as number))),
  ];
  const parts = figures.map(() => new Float64Array(n));
  const values = figures.map(() => 0);
  const below = new Float64Array(classes);
  const tied = new Float64Array(classes);
  for (let k = 0; k < classes; k++) {
    const scores = probabilities[k] as ArrayLike<number>;
    const countOfK = counts[k] as number;
    const order = ascendingOrder(scores);
    const weights = figures.map((weight) => Float64Array.from(counts, (_, c) => (c === k ? 0 : weight(k, c))));
    below.fill(0);
    let start = 0;
    while (start < n) {
      const value = scores[order[start] as number];
      tied.fill(0);
      let end = start;
      while (end < n && scores[order[end] as number] === value) {
        const label = labels[order[end] as number] as number;
        tied[label] = (tied[label] as number) + 1;
        end++;
      }
      const tiedOfK = tied[k] as number;
      // Share of class k above a row of another class here, and share of class c below a row of class k.
      const above = (countOfK - (below[k] as number) - tiedOfK / 2) / countOfK;
      for (let figure = 0; figure < weights.length; figure++) {
        const ofFigure = weights[figure] as Float64Array;
        const part = parts[figure] as Float64Array;
        let ofK = 0;
        if (tiedOfK > 0) {
          for (let c = 0; c < classes; c++) {
            const share = ((below[c] as number) + (tied[c] as number) / 2) / (counts[c] as number);
            ofK += (ofFigure[c] as number) * share;
          }
          values[figure] = (values[figure] as number) + (ofK * tiedOfK) / countOfK;
        }
        for (let place = start; place < end; place++) {
          const row = order[place] as number;
          const label = labels[row] as number;
          part[row] = (part[row] as number) + (label === k ? ofK : (ofFigure[label] as number) * above);
        }
      }
      for (let c = 0; c < classes; c++) below[c] = (below[c] as number) + (tied[c] as number);
      start = end;
    }
  }
  const [handTill, macro, weighted] = values.map((value, figure) =>
    withInterval(value, parts[figure] as Float64Array, labels, counts),
  ) as [Estimate, Estimate, Estimate];
  return { counts, handTill, macro, weighted, perClass };
}

function withInterval(
  rounded: number,
  parts: Float64Array,
  labels: ArrayLike<number>,
  counts: readonly number[],
): Estimate {
  const value = Math.min(1, Math.max(0, rounded));
  if (counts.some((count) => count < 2)) return pointEstimate(value, 'too_few_for_interval');
  let variance = 0;
  for (let c = 0; c < counts.length; c++) {
    const ofClass = parts.filter((_, row) => labels[row] === c);
    variance += meanAndVariance(ofClass).varianceOfMean as number;
  }
  if (value < 1e-12 || value > 1 - 1e-12) return pointEstimate(Math.round(value), 'perfect_separation');
  // Equal parts leave a remainder of rounding alone.
  if (!(variance > 1e-28)) return pointEstimate(value, 'zero_variance');
  return logitEstimate(value, Math.sqrt(variance));
}
