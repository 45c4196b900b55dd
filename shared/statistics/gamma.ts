import { StatisticsError } from './statistics-error.ts';

// P. Godfrey (2001), A note on the computation of the convergent Lanczos complex gamma approximation, g = 607/128, 15 terms.
const lanczosG = 607 / 128;
const lanczosFirst = 0.99999999999999709182;
const lanczos = [
  57.156235665862923517, -59.597960355475491248, 14.136097974741747174, -0.49191381609762019978,
  0.33994649984811888699e-4, 0.46523628927048575665e-4, -0.98374475304879564677e-4, 0.15808870322491248884e-3,
  -0.21026444172410488319e-3, 0.2174396181152126432e-3, -0.16431810653676389022e-3, 0.84418223983852743293e-4,
  -0.2619083840158140867e-4, 0.36899182659531625704e-5,
];
const rootTwoPi = 2.5066282746310005024;

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
