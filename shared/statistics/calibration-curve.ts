import type { Estimate } from '../plan/judgement.ts';
import { type RandomStream, randomStream } from '../runtime/random.ts';
import { type BinomialGroups, groupByProbability } from './binomial-groups.ts';
import { undefinedEstimate } from './estimate.ts';
import type { CalibrationPoint } from './fitted-curve.ts';
import { localCurve } from './local-curve.ts';
import { quantileOfSorted } from './ordered.ts';
import { type KnotCount, quantileOfGroups } from './spline-basis.ts';
import { splineCurve } from './spline-curve.ts';
import { StatisticsError } from './statistics-error.ts';

export interface CalibrationCurveOptions {
  readonly method: 'spline' | 'local';
  /** Knots of the spline; by the rarer outcome's rows when absent: 3 under 50, 4 under 200, 5 from there. */
  readonly knots?: KnotCount;
  /** Share of the rows in each neighbourhood of the local fit; 0.75 when absent. */
  readonly span?: number;
  /** Of the local polynomial; 2 when absent. */
  readonly degree?: 1 | 2;
  /** Points of the curve; 100 when absent. */
  readonly points?: number;
  readonly seed: number;
  /** Draws for the interval and the null distribution of ICI; 400 when absent. */
  readonly draws?: number;
}

export interface CalibrationCurve {
  readonly method: 'spline' | 'local';
  readonly rows: number;
  readonly events: number;
  /** Evenly spaced between the 1st and 99th percentile of the predictions. */
  readonly points: readonly CalibrationPoint[];
  /** Integrated calibration index: mean distance of curve and prediction over the rows. */
  readonly ici: Estimate;
  /** Median and 90th percentile of that distance. */
  readonly e50: number | null;
  readonly e90: number | null;
  /** 95th percentile of the ICI that a perfectly calibrated model would show with these predictions; null where undefined. */
  readonly iciNull95: number | null;
  /** Knots used, on log odds; empty for a straight line and for the local fit. */
  readonly knots: readonly number[];
  /** `no_rows`, `single_class`, `constant_scores`, `not_converged`; null when defined. */
  readonly reason: string | null;
}

const defaultPoints = 100;
const defaultDraws = 400;

/**
 * Smoothed calibration curve with ICI, E50 and E90. P. C. Austin, E. W. Steyerberg (2019), Statistics in Medicine 38:4051.
 *
 * `spline`: logistic regression of the outcome on a restricted cubic spline of logit p, Wald bands on log odds. `local`: R's loess of the
 * outcome on p (tricube, degree 2, span .75, no robustness steps), bands from the binomial variance of the smoothed shares; above 1000
 * distinct predictions it is evaluated at 201 quantiles with straight lines between, above 5000 on groups of neighbours.
 *
 * ICI is never negative, so noise lifts it: `iciNull95` says by how much. Its interval comes from draws of the curve around the fit; the lower
 * end is reflected (2·ICI - 97.5th percentile), 0 where ICI is not above `iciNull95`; the upper end is the larger of the
 * percentile and its reflection, so the interval errs on the long side near 0. Draws are on a grid of groups: cheap at any n.
 *
 * @throws StatisticsError for lengths, probabilities, labels or options out of range.
 */
export function calibrationCurve(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: CalibrationCurveOptions,
): CalibrationCurve {
  return calibrationCurveOfGroups(groupByProbability(probabilities, labels), options);
}

/** As `calibrationCurve`, from rows grouped by prediction. */
export function calibrationCurveOfGroups(groups: BinomialGroups, options: CalibrationCurveOptions): CalibrationCurve {
  const { method, seed, points = defaultPoints, draws = defaultDraws, span = 0.75, degree = 2 } = options;
  if (!(span > 0 && span <= 1)) throw new StatisticsError('out_of_range', `calibrationCurve: span is ${span}`);
  for (const [name, value, least] of [
    ['points', points, 2],
    ['draws', draws, 40],
  ] as const) {
    if (!(Number.isInteger(value) && value >= least)) {
      throw new StatisticsError('out_of_range', `calibrationCurve: ${name} is ${value}; use ${least} or more`);
    }
  }
  const undefinedCurve = (reason: string): CalibrationCurve => ({
    method,
    rows: groups.totalRows,
    events: groups.totalEvents,
    points: [],
    ici: undefinedEstimate(reason),
    e50: null,
    e90: null,
    iciNull95: null,
    knots: [],
    reason,
  });
  if (groups.totalRows === 0) return undefinedCurve('no_rows');
  const rarer = Math.min(groups.totalEvents, groups.totalRows - groups.totalEvents);
  if (rarer === 0) return undefinedCurve('single_class');
  if (groups.probabilities.length === 1) return undefinedCurve('constant_scores');
  const knots = options.knots ?? (rarer < 50 ? 3 : rarer < 200 ? 4 : 5);
  const curve = method === 'spline' ? splineCurve(groups, knots) : localCurve(groups, { span, degree });
  if (curve === null) return undefinedCurve('not_converged');

  let ici = 0;
  const distances = new Float64Array(groups.totalRows);
  let next = 0;
  for (let group = 0; group < groups.rows.length; group++) {
    const distance = Math.abs((curve.fitted[group] as number) - (groups.probabilities[group] as number));
    const rows = groups.rows[group] as number;
    ici += rows * distance;
    distances.fill(distance, next, next + rows);
    next += rows;
  }
  ici /= groups.totalRows;
  distances.sort();

  const drawn = drawnIci(curve.grid, draws, randomStream(seed, 'calibration-curve', method), curve.draw);
  const drawnNull = drawnIci(curve.grid, draws, randomStream(seed, 'calibration-null', method), curve.drawNull);
  const upper = quantileOfSorted(drawn, 0.975) as number;
  const lower = quantileOfSorted(drawn, 0.025) as number;
  const iciNull95 = quantileOfSorted(drawnNull, 0.95) as number;
  const mean = drawn.reduce((sum, value) => sum + value, 0) / drawn.length;
  const standardError = Math.sqrt(drawn.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (drawn.length - 1));
  const from = quantileOfGroups(groups.probabilities, groups.rows, 0.01) as number;
  const to = quantileOfGroups(groups.probabilities, groups.rows, 0.99) as number;
  return {
    method,
    rows: groups.totalRows,
    events: groups.totalEvents,
    points: Array.from({ length: points }, (_, index) => curve.point(from + ((to - from) * index) / (points - 1))),
    ici: {
      value: ici,
      low: ici <= iciNull95 ? 0 : Math.max(0, Math.min(ici, 2 * ici - upper)),
      high: Math.max(ici, upper, 2 * ici - lower),
      standardError,
    },
    e50: quantileOfSorted(distances, 0.5),
    e90: quantileOfSorted(distances, 0.9),
    iciNull95,
    knots: curve.knots,
    reason: null,
  };
}

/** ICIs of drawn curves, ascending [draws]. */
function drawnIci(
  grid: BinomialGroups,
  draws: number,
  stream: RandomStream,
  draw: (stream: RandomStream) => Float64Array,
): Float64Array {
  return Float64Array.from({ length: draws }, () => {
    const curve = draw(stream);
    let sum = 0;
    for (let group = 0; group < curve.length; group++) {
      sum += (grid.rows[group] as number) * Math.abs((curve[group] as number) - (grid.probabilities[group] as number));
    }
    return sum / grid.totalRows;
  }).sort();
}
