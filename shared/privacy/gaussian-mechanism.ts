import { randomBytes } from 'node:crypto';
import { assertFinite } from '../statistics/inputs.ts';
import { normalUpper } from '../statistics/normal.ts';
import { gaussLegendre } from '../statistics/quadrature.ts';
import { StatisticsError } from '../statistics/statistics-error.ts';

const rootTwoPi = Math.sqrt(2 * Math.PI);

/** Mills' ratio P(Z > x) / φ(x), without underflow. */
function millsRatio(x: number): number {
  if (x < 20) return (normalUpper(x) * rootTwoPi) / Math.exp(-0.5 * x * x);
  // Continued fraction 1 / (x + 1 / (x + 2 / (x + ...))): Abramowitz and Stegun 26.2.14; 30 terms are far more than enough from 20 on.
  let value = x;
  for (let k = 30; k >= 1; k--) value = x + k / value;
  return 1 / value;
}

/** 1 - x M(x) with M Mills' ratio, which is -M'(x) and positive. */
function millsDecline(x: number): number {
  if (x < 3) return 1 - x * millsRatio(x);
  // M = 1 / (x + K) with K the rest of the continued fraction, so this is K / (x + K), of which nothing cancels; from 3 on 60 terms do.
  let rest = x;
  for (let k = 60; k >= 2; k--) rest = x + k / rest;
  return 1 / (x * rest + 1);
}

/** M(x) - M(x + width), as the integral of what M declines by: to the last digits however narrow the width. */
function millsDifference(x: number, width: number): number {
  const { points, weights } = gaussLegendre(0, 1, 1);
  return (
    width * points.reduce((sum, share, index) => sum + (weights[index] as number) * millsDecline(x + width * share), 0)
  );
}

/** Up to this width the difference of Mills' ratios is integrated; beyond it there is little to cancel. */
const narrow = 1;

/**
 * Smallest δ for which adding N(0, σ²) to every coordinate is (ε, δ)-differentially private at L2 sensitivity Δ:
 * Φ(Δ/2σ - εσ/Δ) - e^ε Φ(-Δ/2σ - εσ/Δ), B. Balle, Y.-X. Wang (2018), ICML, theorem 8. With a and b the two arguments, e^ε φ(b) = φ(a), so
 * that this is φ(a) times a difference of Mills' ratios: no overflow for large ε, no cancellation for small ε or δ.
 */
export function gaussianDelta(epsilon: number, sigma: number, sensitivity: number): number {
  assertPositive({ epsilon, sigma, sensitivity });
  const half = sensitivity / (2 * sigma);
  const tilt = epsilon * (sigma / sensitivity);
  const a = half - tilt;
  const b = half + tilt;
  // Left of the bulk Φ(a) is near 1 and its Mills form would overflow; there the second term is the small one.
  if (a > 20) return 1;
  const density = Math.exp(-0.5 * a * a) / rootTwoPi;
  if (density === 0) return 0;
  if (2 * half <= narrow) return density * millsDifference(-a, 2 * half);
  if (a > 0) return normalUpper(-a) - density * millsRatio(b);
  return density * (millsRatio(-a) - millsRatio(b));
}

/**
 * Standard deviation of the noise that makes a vector of L2 sensitivity Δ (ε, δ)-differentially private, the smallest there is: the
 * analytic Gaussian mechanism (B. Balle, Y.-X. Wang 2018, algorithm 1), by bisection on σ; the end where the privacy holds is returned.
 *
 * @param epsilon above 0. @param delta between 0 and 1. @param sensitivity largest change of the vector's Euclidean norm when one
 *   patient's row is replaced, in the vector's unit, as the result. @throws StatisticsError `out_of_range`.
 */
export function gaussianSigma(epsilon: number, delta: number, sensitivity: number): number {
  assertPositive({ epsilon, delta, sensitivity });
  if (!(delta < 1)) throw new StatisticsError('out_of_range', `gaussianSigma: delta is ${delta}, not between 0 and 1`);
  // In units of the sensitivity; δ falls as σ grows.
  let high = 1;
  while (gaussianDelta(epsilon, high, 1) > delta) high *= 2;
  let low = high;
  while (gaussianDelta(epsilon, low, 1) <= delta) low /= 2;
  for (let step = 0; step < 200 && high - low > 1e-15 * high; step++) {
    const middle = (low + high) / 2;
    if (gaussianDelta(epsilon, middle, 1) <= delta) high = middle;
    else low = middle;
  }
  // Back in the vector's unit rounding may have taken the last digit off.
  let sigma = high * sensitivity;
  while (gaussianDelta(epsilon, sigma, sensitivity) > delta) sigma *= 1 + Number.EPSILON;
  return sigma;
}

function assertPositive(values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!(value > 0 && Number.isFinite(value))) {
      throw new StatisticsError('out_of_range', `gaussian mechanism: ${name} is ${value}, not a positive number`);
    }
  }
}

/** Random bytes from the system's secure source. A parameter so that the transform can be tested; the product never passes another. */
export type SecureBytes = (length: number) => Uint8Array;

/**
 * Independent N(0, σ²) noise, from the system's secure source and never from a seeded stream: two uniforms of 52 bits strictly inside
 * (0, 1) a pair (G. E. P. Box, M. E. Muller 1958, Ann. Math. Stat. 29:610). Doubles are a finite set, and their gaps leak a little beyond
 * (ε, δ) to who sees all bits (I. Mironov 2012, CCS); round what is published to a fixed grid much coarser than 2^-40 of σ.
 */
export function gaussianNoise(length: number, sigma: number, bytes: SecureBytes = randomBytes): Float64Array {
  if (!(Number.isInteger(length) && length >= 0 && sigma >= 0 && Number.isFinite(sigma))) {
    throw new StatisticsError('out_of_range', `gaussianNoise: length is ${length} and sigma ${sigma}`);
  }
  const noise = new Float64Array(length);
  if (length === 0 || sigma === 0) return noise;
  const pairs = Math.ceil(length / 2);
  const drawn = bytes(pairs * 16);
  const view = new DataView(drawn.buffer, drawn.byteOffset, drawn.byteLength);
  const uniform = (place: number): number => {
    const high = view.getUint32(place) >>> 6;
    const low = view.getUint32(place + 4) >>> 6;
    // 52 bits and half a step: symmetric, and never 0 or 1.
    return (high * 67_108_864 + low + 0.5) / 4_503_599_627_370_496;
  };
  for (let pair = 0; pair < pairs; pair++) {
    const radius = sigma * Math.sqrt(-2 * Math.log(uniform(pair * 16)));
    const angle = 2 * Math.PI * uniform(pair * 16 + 8);
    noise[2 * pair] = radius * Math.cos(angle);
    if (2 * pair + 1 < length) noise[2 * pair + 1] = radius * Math.sin(angle);
  }
  return noise;
}

/**
 * The vector with the noise added that (ε, δ) asks for at its sensitivity, and the noise's standard deviation, to be published with it.
 * @throws StatisticsError `not_finite`, `out_of_range`.
 */
export function addGaussianNoise(
  values: ArrayLike<number>,
  privacy: { readonly epsilon: number; readonly delta: number; readonly sensitivity: number },
): { readonly values: Float64Array; readonly sigma: number } {
  assertFinite(values, 'values');
  const sigma = gaussianSigma(privacy.epsilon, privacy.delta, privacy.sensitivity);
  const noise = gaussianNoise(values.length, sigma);
  return { values: noise.map((value, index) => value + (values[index] as number)), sigma };
}
