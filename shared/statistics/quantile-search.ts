import { StatisticsError } from './statistics-error.ts';

/** Both tails at a place u, and the derivative of the lower one with respect to u. */
export interface TailsAt {
  readonly lower: number;
  readonly upper: number;
  readonly slope: number;
}

const maximumSteps = 400;

/**
 * The place u between `low` and `high` where the lower tail is p: Newton's method on the logarithm of the smaller tail, kept inside a
 * bracket by bisection. Where the answer lies outside the bracket, its end is returned: the ends are those of the range of doubles.
 *
 * @throws StatisticsError `out_of_range` when p is not strictly between 0 and 1; `not_converged`.
 */
export function solveQuantile(
  name: string,
  p: number,
  low: number,
  high: number,
  tails: (u: number) => TailsAt,
): number {
  if (!(p > 0 && p < 1)) throw new StatisticsError('out_of_range', `${name}: p is ${p}, not between 0 and 1`);
  const useLower = p <= 0.5;
  const target = useLower ? Math.log(p) : Math.log1p(-p);
  /** Ascends with u: log lower - log p, or log (1 - p) - log upper. */
  const evaluate = (u: number): { readonly gap: number; readonly derivative: number } => {
    const { lower, upper, slope } = tails(u);
    return useLower
      ? { gap: Math.log(lower) - target, derivative: slope / lower }
      : { gap: target - Math.log(upper), derivative: slope / upper };
  };
  let below = low;
  let above = high;
  let u = Math.min(high, Math.max(low, 0));
  for (let step = 0; step < maximumSteps; step++) {
    const { gap, derivative } = evaluate(u);
    if (gap === 0) return u;
    if (gap < 0) below = u;
    else above = u;
    let next = u - gap / derivative;
    if (!(next > below && next < above)) next = (below + above) / 2;
    if (Math.abs(next - u) <= 4e-16 * Math.max(1, Math.abs(u)) || next === below || next === above) return next;
    u = next;
  }
  throw new StatisticsError('not_converged', `${name}: no quantile found for p = ${p} after ${maximumSteps} steps`);
}
