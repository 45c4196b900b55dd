import type { RandomStream } from '../runtime/random.ts';
import { type BinomialGroups, coarsenGroups } from './binomial-groups.ts';
import { twoSidedZ } from './estimate.ts';
import type { FittedCurve } from './fitted-curve.ts';
import { type LocalRegressionSettings, localError, localFit, localValue } from './local-regression.ts';

/** Distinct predictions up to which every one has its own local fit. */
const everyGroup = 1000;
const evaluationPoints = 201;
/** Groups of neighbours the local fits see at most. */
const fittedGroups = 5000;
const gridGroups = 64;

/** Local regression of the outcome on the prediction; see `calibrationCurve`. */
export function localCurve(groups: BinomialGroups, settings: LocalRegressionSettings): FittedCurve {
  const data = coarsenGroups(groups, fittedGroups);
  const x = data.probabilities;
  const fitAt = (at: number) => localFit(x, data.rows, data.totalRows, at, settings);
  const places =
    x.length <= everyGroup
      ? x
      : Float64Array.from(
          { length: evaluationPoints },
          (_, index) => x[Math.round((index * (x.length - 1)) / (evaluationPoints - 1))] as number,
        );
  const values = places.map((at) => localValue(fitAt(at), data.events));
  const fitted = interpolate(places, values, groups.probabilities);

  // Variance of each group's sum of outcomes around the curve, and under perfect calibration.
  const variances = interpolate(places, values, x).map((value, group) => {
    const p = Math.min(1, Math.max(0, value));
    return (data.rows[group] as number) * p * (1 - p);
  });
  const nullVariances = x.map((p, group) => (data.rows[group] as number) * p * (1 - p));
  const grid = coarsenGroups(data, gridGroups);
  const gridFits = Array.from(grid.probabilities, fitAt);
  const drawer = (centre: ArrayLike<number>, ofSums: Float64Array) => {
    const errors = ofSums.map(Math.sqrt);
    return (stream: RandomStream): Float64Array => {
      const noise = errors.map((error) => error * stream.normal());
      return Float64Array.from(gridFits, (fit, index) => (centre[index] as number) + localValue(fit, noise));
    };
  };
  const cut = (value: number): number => Math.min(1, Math.max(0, value));
  return {
    fitted,
    point: (predicted) => {
      const fit = fitAt(predicted);
      const value = localValue(fit, data.events);
      const half = twoSidedZ * localError(fit, variances);
      return { predicted, observed: cut(value), low: cut(value - half), high: cut(value + half) };
    },
    draw: drawer(
      gridFits.map((fit) => localValue(fit, data.events)),
      variances,
    ),
    drawNull: drawer(grid.probabilities, nullVariances),
    grid,
    knots: [],
  };
}

/** Straight lines between (x, y), x ascending, at ascending places; constant beyond the ends. */
function interpolate(x: ArrayLike<number>, y: ArrayLike<number>, at: Float64Array): Float64Array {
  let right = 0;
  return at.map((place) => {
    while (right < x.length && (x[right] as number) < place) right++;
    if (right === x.length) return y[x.length - 1] as number;
    const above = x[right] as number;
    if (right === 0 || above === place) return y[right] as number;
    const below = x[right - 1] as number;
    const share = (place - below) / (above - below);
    return (y[right - 1] as number) + share * ((y[right] as number) - (y[right - 1] as number));
  });
}
