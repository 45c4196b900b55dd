import { studentUpper } from './distributions.ts';

/** What Welch's test needs of a group. */
export interface GroupMoments {
  readonly rows: number;
  readonly sum: number;
  readonly sumOfSquares: number;
}

export interface WelchResult {
  readonly t: number | null;
  readonly degreesOfFreedom: number | null;
  /** One-sided: small when the first group's mean is the larger one. */
  readonly p: number | null;
}

/** Sample variance of a group's mean; below rounding of its parts it is 0. */
function varianceOfMean({ rows, sum, sumOfSquares }: GroupMoments): number {
  const centred = sumOfSquares - (sum * sum) / rows;
  return centred > 1e-12 * sumOfSquares ? centred / (rows - 1) / rows : 0;
}

/**
 * Welch's test of two means with unequal variances: B. L. Welch (1947), Biometrika 34:28, one-sided for a larger first mean. Null with fewer
 * than two rows of either group or without any spread.
 */
export function welchTest(first: GroupMoments, second: GroupMoments): WelchResult {
  const none = { t: null, degreesOfFreedom: null, p: null };
  if (first.rows < 2 || second.rows < 2) return none;
  const a = varianceOfMean(first);
  const b = varianceOfMean(second);
  if (!(a + b > 0)) return none;
  const t = (first.sum / first.rows - second.sum / second.rows) / Math.sqrt(a + b);
  const degreesOfFreedom = (a + b) ** 2 / ((a * a) / (first.rows - 1) + (b * b) / (second.rows - 1));
  return { t, degreesOfFreedom, p: studentUpper(t, degreesOfFreedom) };
}
