import { type DoubleDouble, twoProduct } from './double-double.ts';
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
const halfLogTwoPi = 0.9189385332046728;

const oneMinusEuler = 0.42278433509846713;
/** ζ(k) - 1 for k = 2, 3, ... */
const zetaMinusOne = [
  0.6449340668482264, 0.2020569031595943, 0.08232323371113819, 0.03692775514336993, 0.01734306198444914,
  0.008349277381922827, 0.00407735619794434, 0.0020083928260822143, 0.0009945751278180853, 0.0004941886041194645,
  0.0002460865533080483, 0.00012271334757848915, 6.124813505870483e-5, 3.058823630702049e-5, 1.528225940865187e-5,
  7.637197637899763e-6, 3.81729326499984e-6, 1.908212716553939e-6, 9.539620338727962e-7, 4.769329867878064e-7,
  2.38450502727733e-7, 1.1921992596531106e-7, 5.960818905125948e-8, 2.980350351465228e-8, 1.4901554828365043e-8,
  7.45071178983543e-9, 3.725334024788457e-9, 1.862659723513049e-9, 9.313274324196682e-10, 4.656629065033784e-10,
];

/** log Γ(1 + a) for -0.5 <= a <= 1.5, accurate relative to itself also next to its zeros at 0 and 1: Abramowitz and Stegun 6.1.33. */
export function logGammaOnePlus(a: number): number {
  if (a > 0.5) return Math.log1p(a - 1) + logGammaOnePlus(a - 1);
  let series = 0;
  for (let k = zetaMinusOne.length + 1; k >= 2; k--) {
    const term = (zetaMinusOne[k - 2] as number) / k;
    series = series * a + (k % 2 === 0 ? term : -term);
  }
  return -Math.log1p(a) + a * (oneMinusEuler + a * series);
}

/** Natural logarithm of the gamma function for x > 0, to about 1e-15 of its size; near x = 1 and 2 too, where it is 0. */
export function logGamma(x: number): number {
  if (!(x > 0 && Number.isFinite(x))) throw new StatisticsError('out_of_range', `logGamma: x is ${x}, not positive`);
  if (x < 0.5) return logGammaOnePlus(x) - Math.log(x);
  if (x <= 2.5) return logGammaOnePlus(x - 1);
  if (x >= seriesFrom) return (x - 0.5) * Math.log(x) - x + halfLogTwoPi + stirlingError(x);
  const shifted = x + lanczosG + 0.5;
  const series = lanczos.reduce((sum, term, index) => sum + term / (x + index + 1), lanczosFirst);
  return (x + 0.5) * Math.log(shifted) - shifted + Math.log((rootTwoPi * series) / x);
}

const seriesFrom = 15;
// Abramowitz and Stegun 6.1.41.
const stirling = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156];

/** What Stirling's formula leaves out: log Γ(x + 1) - (x + 1/2) log x + x - log √(2π), for x > 0. */
export function stirlingError(x: number): number {
  if (x < seriesFrom) {
    const logFactorial = x <= 1.5 ? logGammaOnePlus(x) : logGamma(x + 1);
    return logFactorial - (x + 0.5) * Math.log(x) + x - halfLogTwoPi;
  }
  const inverseSquare = 1 / (x * x);
  let sum = 0;
  for (let index = stirling.length - 1; index >= 0; index--) sum = sum * inverseSquare + (stirling[index] as number);
  return sum / x;
}

/**
 * x log(x / mean) + mean - x, the half deviance, without cancellation near x = mean, where plain logarithms would lose all figures.
 * C. Loader (2000), Fast and accurate computation of binomial probabilities, section 5. The mean is given to twice the precision.
 */
export function halfDeviance(x: number, [mean, meanLow]: DoubleDouble): number {
  const correction = meanLow * (1 - x / mean);
  const ratio = (x - mean) / (x + mean);
  if (Math.abs(ratio) > 0.4) {
    // x/mean may be out of the range of doubles where the logarithms are not.
    const quotient = x / mean;
    const log = quotient > 0 && Number.isFinite(quotient) ? Math.log(quotient) : Math.log(x) - Math.log(mean);
    return x * log + (mean - x) + correction;
  }
  const square = ratio * ratio;
  let term = 2 * x * ratio;
  let sum = (x - mean) * ratio;
  for (let j = 1; ; j++) {
    term *= square;
    const next = sum + term / (2 * j + 1);
    if (next === sum) return sum + correction;
    sum = next;
  }
}

/** mean^a e^-mean / Γ(a + 1), the Poisson probability continued to real a > 0, accurate relative to itself. */
export function poissonTerm(a: number, mean: number): number {
  if (mean === 0) return 0;
  if (a < 1) return Math.exp(a * Math.log(mean) - mean - logGammaOnePlus(a));
  return Math.exp(-stirlingError(a) - halfDeviance(a, [mean, 0])) / Math.sqrt(2 * Math.PI * a);
}

/**
 * Γ(a+b+1) / (Γ(a+1) Γ(b+1)) x^a y^b with x + y = 1, the binomial probability of a of a + b continued to real a, b > 0, accurate relative
 * to itself. Shares are given to twice the precision: large exponents would magnify their rounding.
 */
export function binomialTerm(a: number, b: number, x: DoubleDouble, y: DoubleDouble): number {
  if (x[0] === 0 || y[0] === 0) return 0;
  const n = a + b;
  const exponent =
    stirlingError(n) -
    stirlingError(a) -
    stirlingError(b) -
    halfDeviance(a, scale(n, x)) -
    halfDeviance(b, scale(n, y));
  return Math.exp(exponent) * Math.sqrt(n / (2 * Math.PI * a * b));
}

function scale(n: number, [share, shareLow]: DoubleDouble): DoubleDouble {
  const [high, low] = twoProduct(n, share);
  return [high, low + n * shareLow];
}
