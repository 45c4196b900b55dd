import type { Value } from '../../graph.ts';
import type { GraphBuilder } from '../../graph-builder.ts';
import { chosenColumn } from './classification.ts';

/** Keeps the logarithm finite where two boundaries round to one number; a pair out of order still gives NaN. */
const tiny = 1e-30;

/**
 * Negative log likelihood of grades under cumulative logits (McCullagh 1980, Regression Models for Ordinal Data): output k is the log odds of a grade above k, so the
 * outputs of a row descend. The probability of a grade between two boundaries, sigmoid(a) - sigmoid(c) with a > c, is taken as
 * sigmoid(a) · sigmoid(-c) · (1 - exp(c - a)), and 1 - exp(-d) = tanh(d / 2) · (1 + exp(-d)): no difference of nearly equal numbers is left.
 *
 * @param logits [rows, grades - 1], descending along each row
 * @param labels [rows], grades counted from 0
 * @returns [rows]; NaN where a row's logits ascend at its grade
 */
export function ordinalLosses(b: GraphBuilder, logits: Value, labels: Value): Value {
  const boundaries = logits.shape[1] as number;
  const softplus = (value: Value): Value => b.op('Softplus', [value]);
  const picked = (grades: Value): { readonly is: Value; readonly logit: Value } => {
    const chosen = chosenColumn(b, grades, boundaries);
    return { is: b.sum(chosen, [1]), logit: b.sum(b.mul(chosen, logits), [1]) };
  };
  // The lowest grade has no boundary below it, the highest none above it.
  const below = picked(b.sub(labels, b.scalar(1)));
  const above = picked(labels);
  const between = b.mul(below.is, above.is);
  const ends = b.add(b.mul(below.is, softplus(b.neg(below.logit))), b.mul(above.is, softplus(above.logit)));
  if (boundaries < 2) return ends;
  // A grade at an end has no distance; 1 stands in and is multiplied away.
  const apart = b.add(b.mul(between, b.sub(below.logit, above.logit)), b.sub(b.scalar(1), between));
  const hyperbolic = b.op('Tanh', [b.mul(b.add(apart, b.scalar(tiny)), b.scalar(0.5))]);
  const logarithm = b.add(b.op('Log', [hyperbolic]), softplus(b.neg(apart)));
  return b.sub(ends, b.mul(between, logarithm));
}
