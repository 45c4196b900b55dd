import { upperDeviate } from './estimate.ts';
import { assertOpenShare } from './inputs.ts';
import { normalCdf, normalUpper } from './normal.ts';
import { gaussLegendre } from './quadrature.ts';
import { StatisticsError } from './statistics-error.ts';

export type SpendingKind = 'obrien-fleming' | 'pocock';

export interface SpendingPlan {
  readonly kind: SpendingKind;
  /** Error over all looks; below 0.5 when one-sided. */
  readonly alpha: number;
  readonly sided: 1 | 2;
  /** Share of the planned information (events) at each look so far, strictly ascending, above 0 and at most 1. */
  readonly informationFractions: readonly number[];
}

/** What one look may use. */
export interface SpendingLook {
  readonly informationFraction: number;
  /** Error that may have been spent by this look. */
  readonly spent: number;
  /** Standard normal boundary; null where the error to spend is below the smallest double, so that this look cannot decide. */
  readonly z: number | null;
  /** Level to compare this look's own p with, as if it were the only look: one-sided or two-sided as asked. */
  readonly level: number;
}

/**
 * Boundaries of repeated looks by alpha spending. K. K. G. Lan, D. L. DeMets (1983), Biometrika 70:659. Error spent by fraction t, on one side
 * with a = alpha (one-sided) or alpha/2 (two-sided): `obrien-fleming` 2 - 2Φ(z(a/2)/√t), `pocock` a·ln(1 + (e-1)t).
 *
 * Each boundary is the one that is first crossed at its look with just the probability spent since the last, for normal statistics whose
 * correlation is √(t1/t2) (independent increments). The probability is that of P. Armitage, C. K. McPherson, B. C. Rowe (1969), JRSS A
 * 132:235, by recursion: the density of paths still inside is carried from look to look by Gauss-Legendre quadrature. Two-sided boundaries are
 * symmetric, and paths that left on either side have left.
 *
 * Adding a look leaves the earlier ones as they were, so the looks need not be planned: give all so far, each time.
 * @throws StatisticsError `out_of_range`; `not_converged`.
 */
export function spendingBoundaries({ kind, alpha, sided, informationFractions }: SpendingPlan): SpendingLook[] {
  assertOpenShare(alpha, 'alpha');
  const side = alpha / sided;
  if (side >= 0.5) {
    throw new StatisticsError('out_of_range', `spendingBoundaries: alpha ${alpha} is not below 0.5 on one side`);
  }
  for (const [index, fraction] of informationFractions.entries()) {
    const before = index === 0 ? 0 : (informationFractions[index - 1] as number);
    if (!(fraction > before && fraction <= 1)) {
      throw new StatisticsError(
        'out_of_range',
        `spendingBoundaries: informationFractions[${index}] is ${fraction}, not above ${before} and at most 1`,
      );
    }
  }
  const spend = (t: number): number =>
    kind === 'pocock' ? side * Math.log1p((Math.E - 1) * t) : 2 * normalUpper(upperDeviate(side / 2) / Math.sqrt(t));

  let inside: Paths | null = null;
  let timeBefore = 0;
  let spentBefore = 0;
  return informationFractions.map((time) => {
    const spent = spend(time);
    const paths: Paths = inside === null ? { points: new Float64Array(1), mass: Float64Array.of(1) } : inside;
    const step = Math.sqrt(time - timeBefore);
    const boundary = boundaryOf(paths, step, spent - spentBefore, Math.sqrt(time));
    inside = carryOn(paths, step, time, boundary, sided);
    timeBefore = time;
    spentBefore = spent;
    const z = boundary === null ? null : boundary / Math.sqrt(time);
    return { informationFraction: time, spent: sided * spent, z, level: z === null ? 0 : sided * normalUpper(z) };
  });
}

/** Paths still inside: places of the process (variance = information fraction) and the probability at each. */
interface Paths {
  readonly points: Float64Array;
  readonly mass: Float64Array;
}

/** Standard deviations outside which a normal variable is taken never to lie: 1e-24 of it does. */
const reach = 10;

/** The place that a share `increment` of all paths is above after a step: by bisection, to the last digits. Null when there is nothing to spend. */
function boundaryOf({ points, mass }: Paths, step: number, increment: number, scale: number): number | null {
  if (!(increment > 0)) return null;
  const above = (boundary: number): number => {
    let probability = 0;
    for (let index = 0; index < points.length; index++) {
      probability += (mass[index] as number) * normalUpper((boundary - (points[index] as number)) / step);
    }
    return probability;
  };
  let low = -reach * scale;
  let high = 40 * scale;
  if (above(high) > increment) return null;
  for (let turn = 0; turn < 200; turn++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high || high - low < 1e-13 * scale) return middle;
    if (above(middle) > increment) low = middle;
    else high = middle;
  }
  throw new StatisticsError('not_converged', `spendingBoundaries: no boundary found that spends ${increment}`);
}

/** Density of the paths after a step, between the boundaries, on a grid fine enough for both the step and the density. */
function carryOn(before: Paths, step: number, time: number, boundary: number | null, sided: 1 | 2): Paths {
  const scale = Math.sqrt(time);
  const high = Math.min(boundary ?? Number.POSITIVE_INFINITY, reach * scale);
  const low = sided === 2 ? -high : -reach * scale;
  // 16 points a standard deviation of the narrower of step and spread.
  const panels = Math.max(4, Math.ceil((high - low) / Math.min(step, scale)));
  if (panels > 20_000) {
    throw new StatisticsError(
      'not_converged',
      'spendingBoundaries: two looks lie too near to each other; leave one of them out',
    );
  }
  const { points, weights } = gaussLegendre(low, high, panels);
  const mass = new Float64Array(points.length);
  let start = 0;
  for (let index = 0; index < points.length; index++) {
    const place = points[index] as number;
    while (start < before.points.length && (before.points[start] as number) < place - reach * step) start++;
    let density = 0;
    for (let from = start; from < before.points.length; from++) {
      const distance = (place - (before.points[from] as number)) / step;
      if (distance < -reach) break;
      density += (before.mass[from] as number) * Math.exp(-0.5 * distance * distance);
    }
    mass[index] = ((weights[index] as number) * density) / (step * Math.sqrt(2 * Math.PI));
  }
  return { points, mass };
}

/**
 * Probability that a standard process with independent increments leaves the boundaries at or before each look, without a shift: the check of
 * `spendingBoundaries`, and the true error of looks at other levels, such as a fixed one at every look.
 *
 * @param boundaries standard normal boundary of each look; null for a look that cannot decide.
 */
export function crossingProbabilities(
  boundaries: readonly (number | null)[],
  informationFractions: readonly number[],
  sided: 1 | 2,
): number[] {
  if (boundaries.length !== informationFractions.length) {
    throw new StatisticsError(
      'length_mismatch',
      `crossingProbabilities: ${boundaries.length} boundaries for ${informationFractions.length} looks`,
    );
  }
  let paths: Paths = { points: new Float64Array(1), mass: Float64Array.of(1) };
  let crossed = 0;
  return informationFractions.map((time, index) => {
    const before = index === 0 ? 0 : (informationFractions[index - 1] as number);
    const z = boundaries[index] as number | null;
    if (!(time > before)) {
      throw new StatisticsError(
        'out_of_range',
        `crossingProbabilities: informationFractions[${index}] is ${time}, not above ${before}`,
      );
    }
    const step = Math.sqrt(time - before);
    const boundary = z === null ? null : z * Math.sqrt(time);
    if (boundary !== null) {
      for (let from = 0; from < paths.points.length; from++) {
        const place = paths.points[from] as number;
        const mass = paths.mass[from] as number;
        crossed += mass * normalUpper((boundary - place) / step);
        if (sided === 2) crossed += mass * normalCdf((-boundary - place) / step);
      }
    }
    paths = carryOn(paths, step, time, boundary, sided);
    return crossed;
  });
}
