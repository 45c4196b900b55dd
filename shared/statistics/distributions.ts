import { betaQuantileLogit, betaTails } from './beta.ts';
import { type DoubleDouble, quotient, twoProduct, twoSum } from './double-double.ts';
import { binomialTerm } from './log-gamma.ts';
import { StatisticsError } from './statistics-error.ts';

/** a / (a + b) and b / (a + b), of a and b given to twice the precision. */
function shares(a: DoubleDouble, b: DoubleDouble): readonly [DoubleDouble, DoubleDouble] {
  const [high, low] = twoSum(a[0], b[0]);
  const total: DoubleDouble = [high, low + a[1] + b[1]];
  return [quotient(a, total), quotient(b, total)];
}

function assertDegrees(degreesOfFreedom: number, name: string): void {
  if (!(degreesOfFreedom > 0 && Number.isFinite(degreesOfFreedom))) {
    throw new StatisticsError('out_of_range', `${name}: ${degreesOfFreedom} degrees of freedom, not positive`);
  }
}

/**
 * Upper tail of Student's t, P(T > t), accurate relative to itself: half of I_x(df/2, 1/2) at x = df / (df + t²), Abramowitz and
 * Stegun 26.7.1.
 */
export function studentUpper(t: number, degreesOfFreedom: number): number {
  assertDegrees(degreesOfFreedom, 'studentUpper');
  if (Number.isNaN(t)) throw new StatisticsError('not_finite', 'studentUpper: t is NaN');
  if (!Number.isFinite(t * t)) return t > 0 ? 0 : 1;
  const [x, y] = shares([degreesOfFreedom, 0], twoProduct(t, t));
  const { lower, upper } = betaTails(degreesOfFreedom / 2, 0.5, x, y);
  if (t < 0) return 0.5 + upper / 2;
  return lower / 2;
}

/** The t that Student's distribution stays below with probability p, for 0 < p < 1. */
export function studentQuantile(p: number, degreesOfFreedom: number): number {
  assertDegrees(degreesOfFreedom, 'studentQuantile');
  if (!(p > 0 && p < 1)) throw new StatisticsError('out_of_range', `studentQuantile: p is ${p}, not between 0 and 1`);
  if (p === 0.5) return 0;
  const tail = p < 0.5 ? p : 1 - p;
  // t² = df · (1 - x) / x at the x that leaves twice the tail below it.
  const size = Math.sqrt(degreesOfFreedom) * Math.exp(-betaQuantileLogit(2 * tail, degreesOfFreedom / 2, 0.5) / 2);
  return p < 0.5 ? -size : size;
}

/** Upper tail of the F distribution, P(F > f): Abramowitz and Stegun 26.6.2. */
export function fUpper(f: number, numeratorDegrees: number, denominatorDegrees: number): number {
  return fTails(f, numeratorDegrees, denominatorDegrees).lower;
}

/** Lower tail of the F distribution, P(F <= f). */
export function fLower(f: number, numeratorDegrees: number, denominatorDegrees: number): number {
  return fTails(f, numeratorDegrees, denominatorDegrees).upper;
}

function fTails(f: number, numeratorDegrees: number, denominatorDegrees: number) {
  assertDegrees(numeratorDegrees, 'F distribution');
  assertDegrees(denominatorDegrees, 'F distribution');
  if (!(f >= 0)) throw new StatisticsError('out_of_range', `F distribution: f is ${f}, not 0 or above`);
  if (!Number.isFinite(f * numeratorDegrees)) return { lower: 0, upper: 1 };
  const [x, y] = shares([denominatorDegrees, 0], twoProduct(numeratorDegrees, f));
  return betaTails(denominatorDegrees / 2, numeratorDegrees / 2, x, y);
}

function assertBinomial(k: number, n: number, p: number): void {
  if (!(Number.isInteger(k) && Number.isInteger(n) && n >= 0 && p >= 0 && p <= 1)) {
    throw new StatisticsError('out_of_range', `binomial: ${k} of ${n} at p = ${p} is no binomial count`);
  }
}

/** P(K <= k) of a binomial count of n at p, accurate relative to itself: Abramowitz and Stegun 26.5.24. */
export function binomialLower(k: number, n: number, p: number): number {
  assertBinomial(k, n, p);
  if (k < 0) return 0;
  if (k >= n) return 1;
  return betaTails(k + 1, n - k, [p, 0], twoSum(1, -p)).upper;
}

/** P(K >= k) of a binomial count of n at p; note that k itself is counted. */
export function binomialUpper(k: number, n: number, p: number): number {
  assertBinomial(k, n, p);
  if (k <= 0) return 1;
  if (k > n) return 0;
  return betaTails(k, n - k + 1, [p, 0], twoSum(1, -p)).lower;
}

/** P(K = k) of a binomial count of n at p. */
export function binomialProbability(k: number, n: number, p: number): number {
  assertBinomial(k, n, p);
  if (k < 0 || k > n) return 0;
  if (p === 0) return k === 0 ? 1 : 0;
  if (p === 1) return k === n ? 1 : 0;
  if (k === 0) return Math.exp(n * Math.log1p(-p));
  if (k === n) return Math.exp(n * Math.log(p));
  return binomialTerm(k, n - k, [p, 0], twoSum(1, -p));
}
