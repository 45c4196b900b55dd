import { logGammaOnePlus, poissonTerm } from './log-gamma.ts';
import { solveQuantile } from './quantile-search.ts';
import { StatisticsError } from './statistics-error.ts';

export { logGamma } from './log-gamma.ts';

const maximumTerms = 1_000_000;

/** Σ x^n / (a (a+1) ... (a+n)): Abramowitz and Stegun 6.5.29. Converges fast for x < a + 1. */
function lowerSeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; n < maximumTerms; n++) {
    term *= x / (a + n);
    sum += term;
    if (term < sum * 1e-17) return sum;
  }
  throw notConverged('series', a, x);
}

/** Continued fraction of Γ(a, x) e^x x^-a (Abramowitz and Stegun 6.5.31) by the modified Lentz method. For x >= a + 1, or x > 1. */
function upperFraction(a: number, x: number): number {
  const tiny = 1e-300;
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let value = d;
  for (let n = 1; n < maximumTerms; n++) {
    const an = -n * (n - a);
    b += 2;
    d = an * d + b;
    if (Math.abs(d) < tiny) d = tiny;
    c = b + an / c;
    if (Math.abs(c) < tiny) c = tiny;
    d = 1 / d;
    const factor = d * c;
    value *= factor;
    if (Math.abs(factor - 1) < 3e-16) return value;
  }
  throw notConverged('fraction', a, x);
}

function notConverged(what: string, a: number, x: number): StatisticsError {
  return new StatisticsError(
    'not_converged',
    `regularised gamma: the ${what} for a = ${a}, x = ${x} has not converged after ${maximumTerms} terms`,
  );
}

function assertArguments(a: number, x: number): void {
  if (!(a > 0 && Number.isFinite(a) && x >= 0)) {
    throw new StatisticsError(
      'out_of_range',
      `regularised gamma: a is ${a} (must be positive), x is ${x} (not negative)`,
    );
  }
}

interface Tails {
  readonly lower: number;
  readonly upper: number;
}

/** Both tails, the smaller one always computed itself and not as a complement. */
function gammaTails(a: number, x: number): Tails {
  assertArguments(a, x);
  if (x === 0) return { lower: 0, upper: 1 };
  if (x === Number.POSITIVE_INFINITY) return { lower: 1, upper: 0 };
  if (a < 1 && x <= 1) return smallShape(a, x);
  // x^a e^-x / Γ(a).
  const leading = a * poissonTerm(a, x);
  if (a >= 1 && x < a + 1) {
    const lower = leading * lowerSeries(a, x);
    return { lower, upper: 1 - lower };
  }
  const upper = leading === 0 ? 0 : leading * upperFraction(a, x);
  return { lower: 1 - upper, upper };
}

/**
 * P(a, x) = x^a / Γ(a+1) · (1 + a Σ (-x)^n / ((a+n) n!)), Abramowitz and Stegun 6.5.29 for a < 1 and x <= 1; the upper tail from both
 * factors less 1, so that it keeps its figures where P is next to 1.
 */
function smallShape(a: number, x: number): Tails {
  let term = 1;
  let sum = 0;
  for (let n = 1; n < 40; n++) {
    term *= -x / n;
    sum += term / (a + n);
  }
  const series = a * sum;
  const logPower = a * Math.log(x) - logGammaOnePlus(a);
  const power = Math.expm1(logPower);
  return { lower: Math.exp(logPower) * (1 + series), upper: -(power + series + power * series) };
}

/** Regularised lower incomplete gamma function P(a, x). */
export function gammaLower(a: number, x: number): number {
  return gammaTails(a, x).lower;
}

/** Regularised upper incomplete gamma function Q(a, x) = 1 - P(a, x), accurate relative to itself far in the tail. */
export function gammaUpper(a: number, x: number): number {
  return gammaTails(a, x).upper;
}

/** The x with P(a, x) = p, for 0 < p < 1. @throws StatisticsError `out_of_range`, `not_converged`. */
export function gammaQuantile(a: number, p: number): number {
  return Math.exp(
    solveQuantile('gammaQuantile', p, -740, 709, (u) => {
      const x = Math.exp(u);
      return { ...gammaTails(a, x), slope: x * Math.exp(Math.log(a) - u) * poissonTerm(a, x) };
    }),
  );
}

/** Upper tail of the chi-square distribution with `degreesOfFreedom` at `statistic`: Q(df/2, x/2). */
export function chiSquareUpper(statistic: number, degreesOfFreedom: number): number {
  return gammaUpper(degreesOfFreedom / 2, statistic / 2);
}

/** Lower tail of the chi-square distribution, P(df/2, x/2). */
export function chiSquareLower(statistic: number, degreesOfFreedom: number): number {
  return gammaLower(degreesOfFreedom / 2, statistic / 2);
}

/** The statistic a chi-square variable stays below with probability p. */
export function chiSquareQuantile(p: number, degreesOfFreedom: number): number {
  return 2 * gammaQuantile(degreesOfFreedom / 2, p);
}
