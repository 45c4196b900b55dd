import { assertLabelledPrediction, type LabelledPrediction } from './cusum.ts';
import { assertProbabilities, assertSameLength, countEvents } from './inputs.ts';
import { initMixture, type MixtureMartingale, type MixtureSettings, stepMixture } from './mixture-martingale.ts';
import { StatisticsError } from './statistics-error.ts';

/** Odds ratios bet on when none are given: half as much again, doubled, tripled, and their inverses. */
export const defaultOddsRatios: readonly number[] = [1.5, 2, 3, 1 / 1.5, 1 / 2, 1 / 3];

export interface OddsEProcessSettings extends MixtureSettings {
  /** Odds ratios against the model's own risks that are bet on, one bet each. */
  readonly oddsRatios: readonly number[];
}

export interface OddsEProcess extends MixtureMartingale {
  readonly kind: 'odds';
  readonly oddsRatios: readonly number[];
}

/** @throws StatisticsError `out_of_range`. */
export function initOddsEProcess(settings: OddsEProcessSettings): OddsEProcess {
  for (const ratio of settings.oddsRatios) {
    if (!(ratio > 0 && Number.isFinite(ratio))) {
      throw new StatisticsError('out_of_range', `e-process: odds ratio ${ratio} is not positive`);
    }
  }
  return {
    kind: 'odds',
    ...initMixture(settings.oddsRatios.length, settings),
    oddsRatios: [...settings.oddsRatios],
  };
}

/**
 * One patient of the e-process on the odds of the event against the model's own risks. Each bet's factor is the likelihood ratio
 * R^y / (1 - p + R p) of Steiner's CUSUM (2000, Biostatistics 1:441), whose mean is 1 when P(y = 1) = p.
 *
 * Null hypothesis: given all earlier patients and its own prediction p, a patient has the event with chance exactly p, that is, the model
 * is calibrated at every risk. A model known to be off at the site must be recalibrated first, or the test rightly rejects.
 */
export function stepOddsEProcess(state: OddsEProcess, patient: LabelledPrediction): OddsEProcess {
  assertLabelledPrediction(patient);
  const { probability: p, label } = patient;
  const factors = state.oddsRatios.map((ratio) => (label === 1 ? ratio : 1) / (1 - p + ratio * p));
  return { kind: 'odds', ...stepMixture(state, factors), oddsRatios: state.oddsRatios };
}

/** Shares of the largest safe bet that are bet when none are given. */
export const defaultBetShares: readonly number[] = [0.02, 0.05, 0.1, 0.2, 0.4];

export interface SquaredErrorEProcessSettings extends MixtureSettings {
  /** Brier score the model was accepted with. */
  readonly acceptedLevel: number;
  /** Added to it: how much worse is still accepted. The sum lies inside (0, 1). */
  readonly tolerance: number;
  /** Bets, as shares of 1/level, the largest that can never lose everything; each inside (0, 1). */
  readonly betShares: readonly number[];
}

export interface SquaredErrorEProcess extends MixtureMartingale {
  readonly kind: 'squared-error';
  /** acceptedLevel + tolerance. */
  readonly level: number;
  readonly betShares: readonly number[];
}

/** @throws StatisticsError `out_of_range`. */
export function initSquaredErrorEProcess(settings: SquaredErrorEProcessSettings): SquaredErrorEProcess {
  const level = settings.acceptedLevel + settings.tolerance;
  if (!(settings.acceptedLevel >= 0 && settings.tolerance >= 0 && level > 0 && level < 1)) {
    throw new StatisticsError(
      'out_of_range',
      `e-process: accepted level ${settings.acceptedLevel} and tolerance ${settings.tolerance} must be at least 0 and together inside (0, 1)`,
    );
  }
  for (const share of settings.betShares) {
    if (!(share > 0 && share < 1)) {
      throw new StatisticsError('out_of_range', `e-process: bet share ${share} is not inside (0, 1)`);
    }
  }
  return {
    kind: 'squared-error',
    ...initMixture(settings.betShares.length, settings),
    level,
    betShares: [...settings.betShares],
  };
}

/**
 * One patient of the e-process on squared error X = (p - y)². Each bet's factor is 1 + λ (X - level) with λ = share / level, positive
 * because X >= 0 (I. Waudby-Smith, A. Ramdas 2024, JRSS B 86:1, section 4.1).
 *
 * Null hypothesis: the expected squared error of every patient, given all earlier ones, is at most level. Nothing is assumed of calibration or
 * of independence. A mix of harder patients with the model unchanged also violates it; the e-process on odds does not react to that.
 */
export function stepSquaredErrorEProcess(
  state: SquaredErrorEProcess,
  patient: LabelledPrediction,
): SquaredErrorEProcess {
  assertLabelledPrediction(patient);
  const error = (patient.probability - patient.label) ** 2;
  const factors = state.betShares.map((share) => 1 + (share / state.level) * (error - state.level));
  return { kind: 'squared-error', ...stepMixture(state, factors), level: state.level, betShares: state.betShares };
}

export interface EProcessRun<State> {
  readonly state: State;
  /** E-value after each patient [patients]. */
  readonly eValues: Float64Array;
  /** Number of the patient (from 1) at whom the e-value first reached 1/alpha; null when it has not. */
  readonly firstAlarm: number | null;
}

/** The e-process on odds over patients in order, with its first alarm at level alpha. */
export function runOddsEProcess(
  settings: OddsEProcessSettings,
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  alpha: number,
): EProcessRun<OddsEProcess> {
  return run(initOddsEProcess(settings), stepOddsEProcess, probabilities, labels, alpha);
}

/** The e-process on squared error over patients in order, with its first alarm at level alpha. */
export function runSquaredErrorEProcess(
  settings: SquaredErrorEProcessSettings,
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  alpha: number,
): EProcessRun<SquaredErrorEProcess> {
  return run(initSquaredErrorEProcess(settings), stepSquaredErrorEProcess, probabilities, labels, alpha);
}

function run<State extends MixtureMartingale>(
  start: State,
  step: (state: State, patient: LabelledPrediction) => State,
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  alpha: number,
): EProcessRun<State> {
  assertSameLength(probabilities, labels, 'probabilities and labels');
  assertProbabilities(probabilities);
  countEvents(labels);
  if (!(alpha > 0 && alpha < 1)) throw new StatisticsError('out_of_range', `e-process: alpha is ${alpha}`);
  const eValues = new Float64Array(labels.length);
  let state = start;
  let firstAlarm: number | null = null;
  for (let row = 0; row < labels.length; row++) {
    state = step(state, { probability: probabilities[row] as number, label: labels[row] as 0 | 1 });
    eValues[row] = state.eValue;
    if (firstAlarm === null && state.eValue >= 1 / alpha) firstAlarm = row + 1;
  }
  return { state, eValues, firstAlarm };
}

/**
 * One e-value from several. `mean`, weighted, is valid under any dependence (V. Vovk, R. Wang 2021, Ann. Stat. 49:1736, proposition 3.1);
 * `product` only where each is an e-value given the ones before it, such as of disjoint batches of patients.
 *
 * @param weights not negative, not all 0, scaled to sum to 1; equal when absent. Refused with `product`.
 * @returns null without e-values.
 * @throws StatisticsError for negative or infinite values, for lengths that differ.
 */
export function combineEValues(
  eValues: readonly number[],
  how: 'mean' | 'product',
  weights?: readonly number[],
): number | null {
  for (const [index, value] of eValues.entries()) {
    if (!(value >= 0 && Number.isFinite(value))) {
      throw new StatisticsError('out_of_range', `combineEValues: eValues[${index}] is ${value}`);
    }
  }
  if (weights !== undefined) {
    assertSameLength(eValues, weights, 'eValues and weights');
    if (how === 'product') throw new StatisticsError('out_of_range', 'combineEValues: a product takes no weights');
    if (!weights.every((weight) => weight >= 0 && Number.isFinite(weight))) {
      throw new StatisticsError('out_of_range', 'combineEValues: weights must be finite and not negative');
    }
  }
  if (eValues.length === 0) return null;
  if (how === 'product')
    return Math.min(
      Number.MAX_VALUE,
      eValues.reduce((product, value) => product * value, 1),
    );
  const total = weights?.reduce((sum, weight) => sum + weight, 0) ?? eValues.length;
  if (!(total > 0)) throw new StatisticsError('out_of_range', 'combineEValues: every weight is 0');
  return eValues.reduce((sum, value, index) => sum + value * ((weights?.[index] ?? 1) / total), 0);
}
