import { StatisticsError } from './statistics-error.ts';

// W. J. Cody (1969), Rational Chebyshev approximations for the error function, Math. Comp. 23:631; in the form of
// W. J. Cody (1993), Algorithm 715: SPECFUN, ACM TOMS 19:22 (ANORM). Relative error of either tail below 1e-14 to |x| = 37.
const centre = {
  numerator: [2.2352520354606839287, 161.02823106855587881, 1067.6894854603709582, 18154.981253343561249],
  first: 0.065682337918207449113,
  denominator: [47.20258190468824187, 976.09855173777669322, 10260.932208618978205, 45507.789335026729956],
};
const middle = {
  numerator: [
    0.39894151208813466764, 8.8831497943883759412, 93.506656132177855979, 597.27027639480026226, 2494.5375852903726711,
    6848.1904505362823326, 11602.651437647350124, 9842.7148383839780218,
  ],
  first: 1.0765576773720192317e-8,
  denominator: [
    22.266688044328115691, 235.38790178262499861, 1519.377599407554805, 6485.558298266760755, 18615.571640885098091,
    34900.952721145977266, 38912.003286093271411, 19685.429676859990727,
  ],
};
const outer = {
  numerator: [
    0.21589853405795699, 0.1274011611602473639, 0.022235277870649807, 0.001421619193227893466, 2.9112874951168792e-5,
  ],
  first: 0.02307344176494017303,
  denominator: [
    1.28426009614491121, 0.468238212480865118, 0.0659881378689285515, 0.00378239633202758244, 7.29751555083966205e-5,
  ],
};
const inverseRootTwoPi = 0.398942280401432677939946;

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
  if (y <= 5.656854249492381) return gaussian(y) * rational(middle, y);
  const inverseSquare = 1 / (y * y);
  return (gaussian(y) * (inverseRootTwoPi - inverseSquare * rational(outer, inverseSquare))) / y;
}

/** Upper tail of the standard normal, P(Z > x), accurate relative to itself. NaN is refused. */
export function normalUpper(x: number): number {
  if (Number.isNaN(x)) throw new StatisticsError('not_finite', 'normalUpper: x is NaN');
  const y = Math.abs(x);
  if (y <= 0.67448975) return 0.5 - x * rational(centre, x * x);
  const tail = y === Number.POSITIVE_INFINITY ? 0 : farTail(y);
  return x > 0 ? tail : 1 - tail;
}

/** Cumulative distribution of the standard normal, P(Z <= x). */
export function normalCdf(x: number): number {
  return normalUpper(-x);
}

// M. J. Wichura (1988), Algorithm AS 241 (PPND16), Applied Statistics 37:477. About 16 figures.
const quantileCentre = [
  [
    2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457, 13731.693765509461125,
    1971.5909503065514427, 133.14166789178437745, 3.387132872796366608,
  ],
  [
    5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867, 5394.1960214247511077,
    687.1870074920579083, 42.313330701600911252, 1,
  ],
] as const;
const quantileMiddle = [
  [
    7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
    3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734,
  ],
  [
    1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
    0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1,
  ],
] as const;
const quantileTail = [
  [
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
    0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772,
  ],
  [
    2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
    0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1,
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
