import { type RandomStream, randomStream } from '../runtime/random.ts';
import { covarianceAt } from './binomial-fit.ts';
import { logitOf } from './binomial-groups.ts';
import { logistic } from './estimate.ts';
import { logGamma } from './gamma.ts';
import { assertProbabilities, assertSameLength, countEvents } from './inputs.ts';
import { cholesky } from './positive-definite.ts';
import { StatisticsError } from './statistics-error.ts';

/** A patient whose outcome has become known. */
export interface LabelledPrediction {
  readonly probability: number;
  readonly label: 0 | 1;
}

/** @throws StatisticsError `out_of_range` or `not_binary`. */
export function assertLabelledPrediction({ probability, label }: LabelledPrediction): void {
  if (!(probability >= 0 && probability <= 1)) {
    throw new StatisticsError('out_of_range', `probability is ${probability}, not between 0 and 1`);
  }
  if (label !== 0 && label !== 1) throw new StatisticsError('not_binary', `label is ${label}, not 0 or 1`);
}

export interface CusumSettings {
  /** Odds ratio the chart looks for: 2 for doubled odds, 0.5 for halved ones. Positive, not 1. */
  readonly oddsRatio: number;
  /** The chart signals above this; from `cusumThreshold`. */
  readonly threshold: number;
}

/** A chart's state: numbers only, so that it can be stored between patients. */
export interface Cusum extends CusumSettings {
  readonly patients: number;
  /** Present height of the chart, never below 0. */
  readonly value: number;
  readonly maximum: number;
  /** Number of the patient (from 1) at whom the chart first passed its threshold; null when it has not. */
  readonly firstSignal: number | null;
}

/** A chart before its first patient. @throws StatisticsError `out_of_range`. */
export function initCusum({ oddsRatio, threshold }: CusumSettings): Cusum {
  assertOddsRatio(oddsRatio);
  if (!(threshold > 0 && Number.isFinite(threshold))) {
    throw new StatisticsError('out_of_range', `initCusum: threshold is ${threshold}, not positive`);
  }
  return { oddsRatio, threshold, patients: 0, value: 0, maximum: 0, firstSignal: null };
}

function assertOddsRatio(oddsRatio: number): void {
  if (!(oddsRatio > 0 && Number.isFinite(oddsRatio) && oddsRatio !== 1)) {
    throw new StatisticsError('out_of_range', `CUSUM: odds ratio is ${oddsRatio}, not a positive number other than 1`);
  }
}

/** Log-likelihood ratio of one outcome, odds multiplied by `oddsRatio` against odds as predicted: y ln R - ln(1 - p + R p). @throws StatisticsError `out_of_range`. */
export function cusumIncrement(probability: number, label: 0 | 1, oddsRatio: number): number {
  const increment = (label === 1 ? Math.log(oddsRatio) : 0) - Math.log(1 - probability + oddsRatio * probability);
  if (Number.isNaN(increment)) {
    throw new StatisticsError(
      'out_of_range',
      `cusumIncrement: probability is ${probability} and odds ratio ${oddsRatio}; from 0 to 1, and positive`,
    );
  }
  return increment;
}

/**
 * One patient of the risk-adjusted CUSUM: S = max(0, S + increment). S. H. Steiner, R. J. Cook, V. T. Farewell, T. Treasure (2000),
 * Biostatistics 1:441, equations 1 to 3. Patients must come in the order their outcomes are to be judged in. The chart goes on
 * after a signal.
 */
export function stepCusum(chart: Cusum, patient: LabelledPrediction): Cusum {
  assertLabelledPrediction(patient);
  const patients = chart.patients + 1;
  const value = Math.max(0, chart.value + cusumIncrement(patient.probability, patient.label, chart.oddsRatio));
  return {
    oddsRatio: chart.oddsRatio,
    threshold: chart.threshold,
    patients,
    value,
    maximum: Math.max(chart.maximum, value),
    firstSignal: chart.firstSignal ?? (value > chart.threshold ? patients : null),
  };
}

/** The chart over patients in order, and its height after each [patients]. */
export function runCusum(
  settings: CusumSettings,
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
): { readonly chart: Cusum; readonly heights: Float64Array } {
  assertSameLength(probabilities, labels, 'probabilities and labels');
  assertProbabilities(probabilities);
  countEvents(labels);
  const heights = new Float64Array(labels.length);
  const { oddsRatio, threshold } = initCusum(settings);
  let value = 0;
  let maximum = 0;
  let firstSignal: number | null = null;
  for (let row = 0; row < labels.length; row++) {
    value = Math.max(0, value + cusumIncrement(probabilities[row] as number, labels[row] as 0 | 1, oddsRatio));
    maximum = Math.max(maximum, value);
    if (firstSignal === null && value > threshold) firstSignal = row + 1;
    heights[row] = value;
  }
  return { chart: { oddsRatio, threshold, patients: labels.length, value, maximum, firstSignal }, heights };
}

export interface CusumThresholdOptions {
  /** Predictions of the site's own patients, whose distribution a lifetime's patients are drawn from; the order does not matter. */
  readonly scores: ArrayLike<number>;
  /** Patients a model version is expected to be watched over. */
  readonly lifetimePatients: number;
  /** Largest share of stable lifetimes that may ever signal. */
  readonly alpha: number;
  readonly oddsRatio: number;
  readonly seed: number;
  /** Lifetimes to simulate. */
  readonly simulations: number;
  /**
   * Rows of the site on which the predictions were recalibrated by intercept and slope, when they were: the recalibration is then an
   * estimate, and each lifetime is given its own true calibration, drawn from the estimate's distribution. Absent: calibrated as they are.
   */
  readonly recalibrationRows?: number;
}

export interface CusumThreshold {
  readonly threshold: number;
  /** Share of the simulated lifetimes above the threshold: below alpha, by the margin the simulation needs. */
  readonly simulatedRate: number;
  /** Standard error of that share. */
  readonly monteCarloError: number;
  readonly simulations: number;
}

/** Chance that the true rate of lifetimes above the threshold is at most alpha, over repeated simulations. */
const thresholdConfidence = 0.95;

/**
 * Threshold of a chart for which at most a share `alpha` of lifetimes signals while every patient's risk is as predicted. Lifetimes are
 * simulated: predictions drawn with replacement from the site's, outcomes from the predictions, and the chart's highest point kept. The
 * threshold is the lowest order statistic that is an upper 95% confidence bound of the (1 - alpha) quantile (S. S. Wilks 1941, Ann. Math.
 * Stat. 12:91: the count of lifetimes below the quantile is binomial), so the simulation's own error makes it higher, not lower.
 *
 * It holds for a model that is calibrated at the site: update the predictions first where the site's calibration is known to differ, and say
 * with `recalibrationRows` on how many rows. The rate then holds over sites that recalibrated so, not for each: intercept and slope are
 * drawn from the normal distribution with the inverse of the expected information of so many rows with these predictions.
 * @throws StatisticsError `out_of_range` without scores, for options out of range, and for too few simulations to bound the quantile.
 */
export function cusumThreshold(options: CusumThresholdOptions): CusumThreshold {
  const { scores, lifetimePatients, alpha, oddsRatio, seed, simulations } = options;
  assertProbabilities(scores);
  assertOddsRatio(oddsRatio);
  if (scores.length === 0) throw new StatisticsError('out_of_range', 'cusumThreshold: no scores to draw from');
  if (!(alpha > 0 && alpha < 1)) throw new StatisticsError('out_of_range', `cusumThreshold: alpha is ${alpha}`);
  for (const [name, value] of [
    ['lifetimePatients', lifetimePatients],
    ['simulations', simulations],
  ] as const) {
    if (!(Number.isInteger(value) && value >= 1)) {
      throw new StatisticsError('out_of_range', `cusumThreshold: ${name} is ${value}, not a whole number above 0`);
    }
  }
  const exceeding = allowedExceedances(simulations, alpha);
  if (exceeding === null) {
    const least = Math.ceil(Math.log(1 - thresholdConfidence) / Math.log(1 - alpha));
    throw new StatisticsError(
      'out_of_range',
      `cusumThreshold: ${simulations} simulations cannot bound a rate of ${alpha}; use at least ${least}`,
    );
  }
  const stream = randomStream(seed, 'cusum-threshold', oddsRatio, lifetimePatients);
  const increments = incrementsOf(scores, oddsRatio);
  const uncertainty =
    options.recalibrationRows === undefined ? null : calibrationUncertainty(increments, options.recalibrationRows);
  const maxima = Float64Array.from({ length: simulations }, () =>
    uncertainty === null
      ? lifetimeMaximum(increments, lifetimePatients, stream)
      : miscalibratedMaximum(increments, lifetimePatients, stream, uncertainty),
  ).sort();
  const threshold = maxima[simulations - 1 - exceeding] as number;
  const above = maxima.reduce((count, maximum) => count + (maximum > threshold ? 1 : 0), 0);
  const simulatedRate = above / simulations;
  return {
    // A chart that never leaves 0 in any lifetime still needs a threshold above 0.
    threshold: threshold > 0 ? threshold : Number.MIN_VALUE,
    simulatedRate,
    monteCarloError: Math.sqrt((simulatedRate * (1 - simulatedRate)) / simulations),
    simulations,
  };
}

/** The chart's increments of every score, without and with the event, so that a simulated patient costs no logarithm. */
interface Increments {
  readonly scores: Float64Array;
  readonly nonEvent: Float64Array;
  readonly event: Float64Array;
}

function incrementsOf(scores: ArrayLike<number>, oddsRatio: number): Increments {
  const sorted = Float64Array.from(scores).sort();
  return {
    scores: sorted,
    nonEvent: sorted.map((p) => cusumIncrement(p, 0, oddsRatio)),
    event: sorted.map((p) => cusumIncrement(p, 1, oddsRatio)),
  };
}

function lifetimeMaximum({ scores, nonEvent, event }: Increments, patients: number, stream: RandomStream): number {
  let value = 0;
  let maximum = 0;
  for (let patient = 0; patient < patients; patient++) {
    const drawn = Math.floor(stream.uniform() * scores.length);
    const happens = stream.uniform() < (scores[drawn] as number);
    value += (happens ? event[drawn] : nonEvent[drawn]) as number;
    if (value < 0) value = 0;
    else if (value > maximum) maximum = value;
  }
  return maximum;
}

/** How far intercept and slope on log odds, fitted on so many rows with these predictions, may lie from the truth. */
interface CalibrationUncertainty {
  readonly logits: Float64Array;
  /** Lower Cholesky factor of their covariance: intercept; slope with intercept, slope. */
  readonly factor: readonly [number, number, number];
}

function calibrationUncertainty({ scores }: Increments, rows: number): CalibrationUncertainty {
  if (!(Number.isInteger(rows) && rows >= 1)) {
    throw new StatisticsError(
      'out_of_range',
      `cusumThreshold: recalibrationRows is ${rows}, not a whole number above 0`,
    );
  }
  const logits = scores.map(logitOf);
  const columns = [new Float64Array(scores.length).fill(1), logits];
  const each = rows / scores.length;
  const data = { events: scores.map((p) => p * each), rows: new Float64Array(scores.length).fill(each) };
  const covariance = covarianceAt(columns, data, [0, 1]);
  if (covariance === null) {
    throw new StatisticsError('out_of_range', 'cusumThreshold: no recalibration could be fitted on equal scores');
  }
  const factor = cholesky(Float64Array.from(covariance.flat()), 2);
  if (factor === null) throw new StatisticsError('out_of_range', 'cusumThreshold: the scores hardly differ');
  return { logits, factor: [factor[0] as number, factor[2] as number, factor[3] as number] };
}

/** As `lifetimeMaximum`, with outcomes from predictions whose calibration is off by what its estimate may be. */
function miscalibratedMaximum(
  { scores, nonEvent, event }: Increments,
  patients: number,
  stream: RandomStream,
  { logits, factor: [first, mixed, second] }: CalibrationUncertainty,
): number {
  const normal = stream.normal();
  const shift = first * normal;
  const stretch = 1 + mixed * normal + second * stream.normal();
  let value = 0;
  let maximum = 0;
  for (let patient = 0; patient < patients; patient++) {
    const drawn = Math.floor(stream.uniform() * scores.length);
    const happens = stream.uniform() < logistic(shift + stretch * (logits[drawn] as number));
    value += (happens ? event[drawn] : nonEvent[drawn]) as number;
    if (value < 0) value = 0;
    else if (value > maximum) maximum = value;
  }
  return maximum;
}

/**
 * Most lifetimes k that may lie above the threshold: P(Bin(simulations, alpha) <= k) at most 5%, so that more would lie above the true
 * quantile in 95% of simulations. Null where not even k = 0 will do.
 */
function allowedExceedances(simulations: number, alpha: number): number | null {
  let cumulative = 0;
  for (let k = 0; k < simulations; k++) {
    const logTerm =
      logGamma(simulations + 1) -
      logGamma(k + 1) -
      logGamma(simulations - k + 1) +
      k * Math.log(alpha) +
      (simulations - k) * Math.log1p(-alpha);
    cumulative += Math.exp(logTerm);
    if (cumulative > 1 - thresholdConfidence) return k === 0 ? null : k - 1;
  }
  return null;
}
