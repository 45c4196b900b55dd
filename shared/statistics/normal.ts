import { StatisticsError } from './statistics-error.ts';

// W. J. Cody (1969), Rational Chebyshev approximations for the error function, Math. Comp. 23:631; in the form of
// W. J. Cody (1993), Algorithm 715: SPECFUN, ACM TOMS 19:22 (ANORM). Relative error of either tail below 1e-14 to |x| = 37.
const centre = {
  numerator: [2.2352520354606837, 161.02823106855587, 1067.6894854603709, 18154.98125334356],
  first: 0.06568233791820745,
  denominator: [47.202581904688245, 976.0985517377767, 10260.932208618979, 45507.78933502673],
};
const middle = {
  numerator: [
    0.39894151208813466, 8.883149794388377, 93.50665613217785, 597.2702763948002, 2494.5375852903726, 6848.190450536283,
    11602.65143764735, 9842.714838383978,
  ],
  first: 1.0765576773720192e-8,
  denominator: [
    22.266688044328117, 235.387901782625, 1519.3775994075547, 6485.558298266761, 18615.571640885097, 34900.95272114598,
    38912.00328609327, 19685.429676859992,
  ],
};
const outer = {
  numerator: [
    0.215898534057957, 0.12740116116024736, 0.022235277870649807, 0.0014216191932278934, 2.9112874951168793e-5,
  ],
  first: 0.023073441764940174,
  denominator: [
    1.284260096144911, 0.4682382124808651, 0.06598813786892856, 0.0037823963320275824, 7.297515550839662e-5,
  ],
};
const inverseRootTwoPi = 0.3989422804014327;

/** (first·t + n0)·t + n1 ... over (t + d0)·t + d1 ..., both without the last multiplication. */
function rational(
  { numerator, first, denominator }: { numerator: readonly number[]; first: number; denominator: readonly number[] },
  t: number,
): number {
  let above = first * t;
  let below = t;
  const last = numerator.length - 1;
  for (let index = 0; index < last; index++) {
    above = (above + (numerator[index] as number)) * t;
    below = (below + (denominator[index] as number)) * t;
  }
  return (above + (numerator[last] as number)) / (below + (denominator[last] as number));
}

/** exp(-y²/2) with the square split at a sixteenth, so that its rounding is not magnified in the tail. */
function gaussian(y: number): number {
  const coarse = Math.trunc(y * 16) / 16;
  return Math.exp(-0.5 * coarse * coarse) * Math.exp(-0.5 * (y - coarse) * (y + coarse));
}

/** P(Z > |x|) for |x| beyond the centre. */
function farTail(y: number): number {
  // Below the smallest double from 38.6 on; from 1e307 on the split of the square would overflow to NaN.
  if (y > 40) return 0;
  if (y <= 5.656854249492381) return gaussian(y) * rational(middle, y);
  const inverseSquare = 1 / (y * y);
  return (gaussian(y) * (inverseRootTwoPi - inverseSquare * rational(outer, inverseSquare))) / y;
}

/** Upper tail of the standard normal, P(Z > x), accurate relative to itself. NaN is refused. */
export function normalUpper(x: number): number {
  if (Number.isNaN(x)) throw new StatisticsError('not_finite', 'normalUpper: x is NaN');
  const y = Math.abs(x);
  if (y <= 0.67448975) return 0.5 - x * rational(centre, x * x);
  const tail = farTail(y);
  return x > 0 ? tail : 1 - tail;
}

/** Cumulative distribution of the standard normal, P(Z <= x). */
export function normalCdf(x: number): number {
  return normalUpper(-x);
}

// M. J. Wichura (1988), Algorithm AS 241 (PPND16), Applied Statistics 37:477. About 16 figures.
const quantileCentre = [
  [
    2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987, 13731.69376550946, 1971.5909503065513,
    133.14166789178438, 3.3871328727963665,
  ],
  [
    5226.495278852854, 28729.085735721943, 39307.89580009271, 21213.794301586597, 5394.196021424751, 687.1870074920579,
    42.31333070160091, 1,
  ],
] as const;
const quantileMiddle = [
  [
    0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684, 3.6478483247632045,
    5.769497221460691, 4.630337846156546, 1.4234371107496835,
  ],
  [
    1.0507500716444169e-9, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008, 0.6897673349851,
    1.6763848301838038, 2.053191626637759, 1,
  ],
] as const;
const quantileTail = [
  [
    2.0103343992922881e-7, 2.7115555687434876e-5, 0.0012426609473880784, 0.026532189526576124, 0.29656057182850487,
    1.7848265399172913, 5.463784911164114, 6.657904643501103,
  ],
  [
    2.0442631033899397e-15, 1.421511758316446e-7, 1.8463183175100548e-5, 0.0007868691311456133, 0.014875361290850615,
    0.1369298809227358, 0.599832206555888, 1,
  ],
] as const;

function polynomialRatio([above, below]: readonly [readonly number[], readonly number[]], r: number): number {
  const horner = (coefficients: readonly number[]): number =>
    coefficients.reduce((value, coefficient) => value * r + coefficient, 0);
  return horner(above) / horner(below);
}

/** Quantile of the standard normal: the x with P(Z <= x) = p, for 0 < p < 1. @throws StatisticsError `out_of_range`. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) throw new StatisticsError('out_of_range', `normalQuantile: p is ${p}, not between 0 and 1`);
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) return q * polynomialRatio(quantileCentre, 0.180625 - q * q);
  const r = Math.sqrt(-Math.log(q < 0 ? p : 1 - p));
  const size = r <= 5 ? polynomialRatio(quantileMiddle, r - 1.6) : polynomialRatio(quantileTail, r - 5);
  return q < 0 ? -size : size;
}
