import type { Estimate } from '../plan/judgement.ts';
import { studentQuantile } from './distributions.ts';
import { confidence, logistic, twoSidedZ, undefinedEstimate } from './estimate.ts';
import { chiSquareUpper } from './gamma.ts';
import { StatisticsError } from './statistics-error.ts';

export interface SiteEstimate {
  readonly value: number;
  /** Positive. With scale `log` that of ln(value), otherwise that of the value. */
  readonly standardError: number;
}

export type HeterogeneityMethod = 'reml' | 'paule-mandel' | 'dersimonian-laird';

export interface RandomEffectsOptions {
  readonly method: HeterogeneityMethod;
  /** Interval of the mean after Hartung, Knapp, Sidik and Jonkman, on Student's t; otherwise Wald's. */
  readonly knappHartung: boolean;
  /**
   * Scale the values are normal on: `logit` for an AUROC (standard errors are carried over by the delta method), `log` for O/E,
   * `identity` for a slope. The mean and intervals come back on the values' own scale.
   */
  readonly scale?: 'identity' | 'logit' | 'log';
}

export interface RandomEffects {
  readonly sites: number;
  /** Mean over hospitals with its 95% interval; `standardError` is on the scale of pooling. */
  readonly mean: Estimate;
  /** 95% interval for the true value at one further hospital; null where undefined. */
  readonly prediction: { readonly low: number | null; readonly high: number | null; readonly reason?: string };
  /** Variance of the true values between hospitals, on the scale of pooling; null for fewer than two. */
  readonly tau2: number | null;
  /** Share of the values' variance that lies between hospitals, 0 to 1; null for fewer than two. */
  readonly iSquared: number | null;
  /** Cochran's test of equal true values. */
  readonly heterogeneity: { readonly q: number; readonly degreesOfFreedom: number; readonly p: number } | null;
  /** Weight of each hospital in the mean, summing to 1, in the order given. */
  readonly weights: readonly number[];
}

/**
 * Random-effects pooling. tau² by restricted maximum likelihood (W. Viechtbauer 2005, J. Educ. Behav. Stat. 30:261), by Paule and Mandel
 * (1982, J. Res. NBS 87:377) or by DerSimonian and Laird (1986, Control. Clin. Trials 7:177); mean Σwy/Σw with w = 1/(s² + tau²); its
 * variance 1/Σw, or with Knapp-Hartung Σw(y - mean)²/((k - 1)Σw) on k - 1 degrees of freedom (G. Knapp, J. Hartung 2003, Stat. Med. 22:2693).
 * Prediction interval mean ± t(k - 2)·√(tau² + se²) (J. P. T. Higgins, S. G. Thompson, D. J. Spiegelhalter 2009, JRSS A 172:137).
 * I² = tau²/(tau² + typical s²) (Higgins, Thompson 2002, Stat. Med. 21:1539, equation 9).
 *
 * Undefined: mean `no_sites`; interval `too_few_sites` for one with Knapp-Hartung, `zero_variance` where all values are equal with it;
 * prediction `too_few_sites` for fewer than three.
 * @throws StatisticsError for values or standard errors that are not finite, errors not positive, values off the scale or beyond 1e50.
 */
export function randomEffects(sites: readonly SiteEstimate[], options: RandomEffectsOptions): RandomEffects {
  const scale = scales[options.scale ?? 'identity'];
  for (const [index, site] of sites.entries()) {
    if (!(Number.isFinite(site.value) && Number.isFinite(site.standardError))) {
      throw new StatisticsError(
        'not_finite',
        `sites[${index}]: ${site.value} with standard error ${site.standardError}`,
      );
    }
    if (!(site.standardError > 0 && scale.holds(site.value))) {
      throw new StatisticsError(
        'out_of_range',
        `sites[${index}]: value ${site.value} with standard error ${site.standardError} cannot be pooled on this scale`,
      );
    }
  }
  // In ascending order, so that the order of the hospitals changes no last bit.
  const order = sites
    .map((_, index) => index)
    .sort((a, b) => {
      const [first, second] = [sites[a] as SiteEstimate, sites[b] as SiteEstimate];
      return first.value - second.value || first.standardError - second.standardError;
    });
  const values = order.map((index) => scale.forward((sites[index] as SiteEstimate).value));
  const variances = order.map((index) => {
    const site = sites[index] as SiteEstimate;
    return (site.standardError * scale.derivative(site.value)) ** 2;
  });
  assertPoolable(values, variances);
  const k = sites.length;
  if (k === 0) {
    const prediction = { low: null, high: null, reason: 'no_sites' };
    const mean = undefinedEstimate('no_sites');
    return { sites: 0, mean, prediction, tau2: null, iSquared: null, heterogeneity: null, weights: [] };
  }
  const tau2 = k === 1 ? null : between(values, variances, options.method);
  const pooled = pool(values, variances, tau2 ?? 0);
  const weights = new Array<number>(k).fill(0);
  for (const [place, index] of order.entries()) weights[index] = (pooled.weights[place] as number) / pooled.total;

  const standardError = options.knappHartung
    ? Math.sqrt(pooled.residual / Math.max(1, k - 1) / pooled.total)
    : Math.sqrt(1 / pooled.total);
  const value = scale.backward(pooled.mean);
  const reason = !options.knappHartung
    ? null
    : k === 1
      ? 'too_few_sites'
      : standardError === 0
        ? 'zero_variance'
        : null;
  const around = (half: number) => ({
    low: scale.backward(pooled.mean - half),
    high: scale.backward(pooled.mean + half),
  });
  const upper = 1 - (1 - confidence) / 2;
  const factor = options.knappHartung && k > 1 ? studentQuantile(upper, k - 1) : twoSidedZ;
  return {
    sites: k,
    mean:
      reason === null
        ? { value, ...around(factor * standardError), standardError }
        : { value, low: null, high: null, standardError: null, reason },
    prediction:
      k < 3 || tau2 === null
        ? { low: null, high: null, reason: 'too_few_sites' }
        : around(studentQuantile(upper, k - 2) * Math.sqrt(tau2 + standardError ** 2)),
    tau2,
    iSquared: tau2 === null ? null : tau2 / (tau2 + typicalVariance(variances)),
    heterogeneity: k === 1 ? null : heterogeneity(values, variances),
    weights,
  };
}

/** Beyond these the squares of weights and values leave what a double holds. */
const largestValue = 1e50;

function assertPoolable(values: readonly number[], variances: readonly number[]): void {
  for (const [index, value] of values.entries()) {
    const standardError = Math.sqrt(variances[index] as number);
    if (Math.abs(value) <= largestValue && standardError >= 1 / largestValue && standardError <= largestValue) continue;
    throw new StatisticsError(
      'out_of_range',
      `randomEffects: on the scale of pooling a value is ${value} with standard error ${standardError}; too large or too small to be squared`,
    );
  }
}

const scales = {
  identity: {
    holds: () => true,
    forward: (value: number) => value,
    backward: (value: number) => value,
    derivative: () => 1,
  },
  logit: {
    holds: (value: number) => value > 0 && value < 1,
    forward: (value: number) => Math.log(value / (1 - value)),
    backward: logistic,
    derivative: (value: number) => 1 / (value * (1 - value)),
  },
  log: {
    holds: (value: number) => value > 0,
    forward: Math.log,
    backward: Math.exp,
    // The standard error is that of the logarithm already.
    derivative: () => 1,
  },
} as const;

interface Pooled {
  readonly weights: readonly number[];
  readonly total: number;
  readonly mean: number;
  /** Σ w (y - mean)². */
  readonly residual: number;
}

function pool(values: readonly number[], variances: readonly number[], tau2: number): Pooled {
  const weights = variances.map((variance) => 1 / (variance + tau2));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mean = weights.reduce((sum, weight, index) => sum + weight * (values[index] as number), 0) / total;
  const residual = weights.reduce((sum, weight, index) => sum + weight * ((values[index] as number) - mean) ** 2, 0);
  return { weights, total, mean, residual };
}

/** (Σw)² - Σw² = Σ over pairs of w·w', without the cancellation where one weight outweighs the rest. */
function pairProducts(weights: readonly number[]): number {
  let sum = 0;
  let before = 0;
  for (const weight of weights) {
    sum += 2 * weight * before;
    before += weight;
  }
  return sum;
}

function heterogeneity(values: readonly number[], variances: readonly number[]) {
  const { residual } = pool(values, variances, 0);
  const degreesOfFreedom = values.length - 1;
  return { q: residual, degreesOfFreedom, p: chiSquareUpper(residual, degreesOfFreedom) };
}

/** Higgins and Thompson's typical within-study variance: (k - 1)Σw / ((Σw)² - Σw²) with w = 1/s². */
function typicalVariance(variances: readonly number[]): number {
  const { weights, total } = pool(variances, variances, 0);
  return ((weights.length - 1) * total) / pairProducts(weights);
}

function between(values: readonly number[], variances: readonly number[], method: HeterogeneityMethod): number {
  switch (method) {
    case 'dersimonian-laird': {
      const { weights, total, residual } = pool(values, variances, 0);
      return Math.max(0, ((residual - (values.length - 1)) * total) / pairProducts(weights));
    }
    case 'paule-mandel':
      return rootOrZero((tau2) => pool(values, variances, tau2).residual - (values.length - 1), scaleOf(values));
    case 'reml':
      return restrictedMaximum(values, variances);
  }
}

/** Spread of the values, above which tau² cannot lie. */
function scaleOf(values: readonly number[]): number {
  const range = Math.max(...values) - Math.min(...values);
  return range * range;
}

/** Zero of a function that falls from a positive value at 0; 0 when it is not positive there. */
function rootOrZero(excess: (tau2: number) => number, start: number): number {
  if (!(excess(0) > 0)) return 0;
  let high = start;
  while (excess(high) > 0) high *= 2;
  return bisect(excess, 0, high);
}

function bisect(excess: (tau2: number) => number, from: number, to: number): number {
  let low = from;
  let high = to;
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return middle;
    if (excess(middle) > 0) low = middle;
    else high = middle;
  }
}

/**
 * The restricted likelihood may have several maxima: the highest point of a grid picks one, and the zero of the score next to it is it.
 */
function restrictedMaximum(values: readonly number[], variances: readonly number[]): number {
  const logLikelihood = (tau2: number): number => {
    const { weights, total, residual } = pool(values, variances, tau2);
    return (weights.reduce((sum, weight) => sum + Math.log(weight), 0) - Math.log(total) - residual) / 2;
  };
  // Twice the derivative: y'PPy - tr P.
  const score = (tau2: number): number => {
    const { weights, total, mean } = pool(values, variances, tau2);
    let fit = 0;
    for (const [index, weight] of weights.entries()) fit += (weight * ((values[index] as number) - mean)) ** 2;
    return fit - pairProducts(weights) / total;
  };
  const top = 4 * scaleOf(values);
  if (top === 0) return 0;
  const points = 200;
  const grid = [0, ...Array.from({ length: points }, (_, index) => top * 10 ** (-10 * (1 - (index + 1) / points)))];
  let best = 0;
  let highest = Number.NEGATIVE_INFINITY;
  for (const [index, tau2] of grid.entries()) {
    const value = logLikelihood(tau2);
    if (value > highest) {
      highest = value;
      best = index;
    }
  }
  const low = grid[Math.max(0, best - 1)] as number;
  const high = grid[Math.min(points, best + 1)] as number;
  if (best === 0 && !(score(0) > 0)) return 0;
  return bisect(score, low, high);
}
