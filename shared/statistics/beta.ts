import { type DoubleDouble, twoSum } from './double-double.ts';
import { binomialTerm } from './log-gamma.ts';
import { solveQuantile } from './quantile-search.ts';
import { StatisticsError } from './statistics-error.ts';

const maximumTerms = 1_000_000;

/**
 * Continued fraction of I_x(a, b) · B(a, b) / (x^a y^b), y = 1 - x: A. R. DiDonato, A. H. Morris (1992), Algorithm 708, ACM TOMS 18:360,
 * equation 9. It sees x through `gap` = a - (a+b)x and y, so that nothing is lost next to x = 1. Converges fast for gap > 0.
 */
function fraction(a: number, b: number, x: number, y: number, gap: number): number {
  const c = 1 + gap;
  const c0 = b / a;
  const c1 = 1 + 1 / a;
  let p = 1;
  let s = a + 1;
  // Numerators and denominators of the last two convergents, scaled so that the last denominator is 1 from the second step on.
  let above0 = 0;
  let above1 = 1;
  let below0 = 1;
  let below1 = c / c1;
  let value = c1 / c;
  for (let n = 1; n < maximumTerms; n++) {
    const share = n / a;
    const e = a / s;
    const width = n * (b - n) * x;
    const alpha = p * (p + c0) * e * e * (width * x);
    const beta = n + width / s + ((1 + share) / (c1 + 2 * share)) * (c + n * (1 + y));
    p = 1 + share;
    s += 2;
    const nextAbove = alpha * above0 + beta * above1;
    const nextBelow = alpha * below0 + beta * below1;
    const before = value;
    value = nextAbove / nextBelow;
    if (Math.abs(value - before) <= 2e-16 * value) return value;
    above0 = above1 / nextBelow;
    below0 = below1 / nextBelow;
    above1 = value;
    below1 = 1;
  }
  throw new StatisticsError(
    'not_converged',
    `regularised beta: the fraction for a = ${a}, b = ${b}, x = ${x} has not converged after ${maximumTerms} terms`,
  );
}

export interface BetaTails {
  /** I_x(a, b) = P(X <= x). */
  readonly lower: number;
  /** P(X > x). */
  readonly upper: number;
}

/**
 * Both tails of the beta distribution, the smaller one computed itself. x + y = 1, each to twice the precision of a double, because
 * exponents a and b magnify what rounding leaves out.
 */
export function betaTails(a: number, b: number, x: DoubleDouble, y: DoubleDouble): BetaTails {
  if (!(a > 0 && b > 0 && Number.isFinite(a) && Number.isFinite(b))) {
    throw new StatisticsError('out_of_range', `regularised beta: a is ${a} and b is ${b}; both must be positive`);
  }
  if (!(x[0] >= 0 && y[0] >= 0)) {
    throw new StatisticsError('out_of_range', `regularised beta: x is ${x[0]}, not between 0 and 1`);
  }
  if (x[0] === 0) return { lower: 0, upper: 1 };
  if (y[0] === 0) return { lower: 1, upper: 0 };
  const term = binomialTerm(a, b, x, y);
  // x^a y^b / B(a, b).
  const leading = term * (a / (a + b)) * b;
  // a - (a+b)x, from whichever of x and y is the smaller.
  const gap = x[0] < y[0] ? a - (a + b) * x[0] : (a + b) * y[0] - b;
  if (gap > 0) {
    const lower = leading === 0 ? 0 : leading * fraction(a, b, x[0], y[0], gap);
    return { lower, upper: 1 - lower };
  }
  const upper = leading === 0 ? 0 : leading * fraction(b, a, y[0], x[0], -gap);
  return { lower: 1 - upper, upper };
}

function complement(x: number): DoubleDouble {
  return twoSum(1, -x);
}

/** Regularised incomplete beta function I_x(a, b), accurate relative to itself far in the tail. */
export function betaLower(a: number, b: number, x: number): number {
  return betaTails(a, b, [x, 0], complement(x)).lower;
}

/** 1 - I_x(a, b), accurate relative to itself far in the tail. */
export function betaUpper(a: number, b: number, x: number): number {
  return betaTails(a, b, [x, 0], complement(x)).upper;
}

/** Log odds of the x with I_x(a, b) = p: keeps the figures of x and of 1 - x. */
export function betaQuantileLogit(p: number, a: number, b: number): number {
  return solveQuantile('betaQuantile', p, -740, 740, (u) => {
    const x: DoubleDouble = [1 / (1 + Math.exp(-u)), 0];
    const y: DoubleDouble = [1 / (1 + Math.exp(u)), 0];
    // dx/du = x·y, so the slope is x^a y^b / B(a, b).
    return { ...betaTails(a, b, x, y), slope: binomialTerm(a, b, x, y) * (a / (a + b)) * b };
  });
}

/** The x with I_x(a, b) = p, for 0 < p < 1. @throws StatisticsError `out_of_range`, `not_converged`. */
export function betaQuantile(p: number, a: number, b: number): number {
  return 1 / (1 + Math.exp(-betaQuantileLogit(p, a, b)));
}
