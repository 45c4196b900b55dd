import { StatisticsError } from './statistics-error.ts';

// P. Godfrey (2001), A note on the computation of the convergent Lanczos complex gamma approximation, g = 607/128, 15 terms.
const lanczosG = 607 / 128;
const lanczosFirst = 0.9999999999999971;
const lanczos = [
  57.15623566586292, -59.59796035547549, 14.136097974741746, -0.4919138160976202, 3.399464998481189e-5,
  4.652362892704858e-5, -9.837447530487956e-5, 0.0001580887032249125, -0.00021026444172410488, 0.00021743961811521265,
  -0.0001643181065367639, 8.441822398385275e-5, -2.6190838401581408e-5, 3.6899182659531625e-6,
];
const rootTwoPi = 2.5066282746310007;

/** Natural logarithm of the gamma function for x > 0; absolute error near 1e-15 times the size of the result or of 1. */
export function logGamma(x: number): number {
  if (!(x > 0 && Number.isFinite(x))) throw new StatisticsError('out_of_range', `logGamma: x is ${x}, not positive`);
  const shifted = x + lanczosG + 0.5;
  const series = lanczos.reduce((sum, term, index) => sum + term / (x + index + 1), lanczosFirst);
  return (x + 0.5) * Math.log(shifted) - shifted + Math.log((rootTwoPi * series) / x);
}

const relativeStep = 1e-16;
const maximumTerms = 100_000;

/** x^a e^-x / Γ(a). */
function leadingFactor(a: number, x: number): number {
  return Math.exp(a * Math.log(x) - x - logGamma(a));
}

/** Σ x^n / (a (a+1) ... (a+n)): Abramowitz and Stegun 6.5.29. Converges fast for x < a + 1. */
function lowerSeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; n < maximumTerms; n++) {
    term *= x / (a + n);
    sum += term;
    if (term < sum * relativeStep) return sum;
  }
  throw new StatisticsError('out_of_range', `regularised gamma: the series for a = ${a}, x = ${x} does not converge`);
}

/** Continued fraction of Γ(a, x) e^x x^-a (Abramowitz and Stegun 6.5.31) by the modified Lentz method. For x >= a + 1. */
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
  throw new StatisticsError('out_of_range', `regularised gamma: the fraction for a = ${a}, x = ${x} does not converge`);
}

function assertArguments(a: number, x: number): void {
  if (!(a > 0 && Number.isFinite(a) && x >= 0)) {
    throw new StatisticsError(
      'out_of_range',
      `regularised gamma: a is ${a} (must be positive), x is ${x} (not negative)`,
    );
  }
}

/** Regularised lower incomplete gamma function P(a, x). */
export function gammaLower(a: number, x: number): number {
  assertArguments(a, x);
  if (x === 0) return 0;
  if (x === Number.POSITIVE_INFINITY) return 1;
  return x < a + 1 ? leadingFactor(a, x) * lowerSeries(a, x) : 1 - leadingFactor(a, x) * upperFraction(a, x);
}

/** Regularised upper incomplete gamma function Q(a, x) = 1 - P(a, x), accurate relative to itself far in the tail. */
export function gammaUpper(a: number, x: number): number {
  assertArguments(a, x);
  if (x === 0) return 1;
  if (x === Number.POSITIVE_INFINITY) return 0;
  return x < a + 1 ? 1 - leadingFactor(a, x) * lowerSeries(a, x) : leadingFactor(a, x) * upperFraction(a, x);
}

/** Upper tail of the chi-square distribution with `degreesOfFreedom` at `statistic`: Q(df/2, x/2). */
export function chiSquareUpper(statistic: number, degreesOfFreedom: number): number {
  return gammaUpper(degreesOfFreedom / 2, statistic / 2);
}
