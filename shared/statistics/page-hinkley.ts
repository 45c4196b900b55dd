import { StatisticsError } from './statistics-error.ts';

export interface PageHinkleySettings {
  /** Deviation from the running mean that is still no change, in the values' unit. */
  readonly tolerance: number;
  /** A cumulated deviation above this is a signal. */
  readonly threshold: number;
  /** Values before which nothing is signalled, for the mean must settle first. */
  readonly minimumValues: number;
}

/** A test's state: numbers only. */
export interface PageHinkley extends PageHinkleySettings {
  readonly values: number;
  readonly mean: number;
  /** Cumulated deviations above and below the mean. */
  readonly sumUp: number;
  readonly sumDown: number;
  /** Smallest of the first, largest of the second. */
  readonly lowestUp: number;
  readonly highestDown: number;
  /** Number of the value (from 1) that first gave a signal of an increase or a decrease; null when none did. */
  readonly firstIncrease: number | null;
  readonly firstDecrease: number | null;
}

/** @throws StatisticsError `out_of_range`. */
export function initPageHinkley({ tolerance, threshold, minimumValues }: PageHinkleySettings): PageHinkley {
  if (!(tolerance >= 0 && Number.isFinite(tolerance) && threshold > 0 && Number.isFinite(threshold))) {
    throw new StatisticsError(
      'out_of_range',
      `Page-Hinkley: tolerance ${tolerance} must be at least 0 and threshold ${threshold} above 0`,
    );
  }
  return {
    tolerance,
    threshold,
    minimumValues,
    values: 0,
    mean: 0,
    sumUp: 0,
    sumDown: 0,
    lowestUp: 0,
    highestDown: 0,
    firstIncrease: null,
    firstDecrease: null,
  };
}

/**
 * One value of the Page-Hinkley test for a change of the mean. E. S. Page (1954), Biometrika 41:100; D. V. Hinkley (1971), Biometrika 58:509;
 * in the form of J. Gama et al. (2014), ACM Computing Surveys 46:44, section 3.2.2: m_t = Σ (x_i - mean_i - tolerance) with the mean of
 * the values so far; an increase when m_t - min m exceeds the threshold, and the mirror image for a decrease. It has no stated
 * false-alarm rate: it describes, and no alarm budget may be spent on it.
 */
export function stepPageHinkley(state: PageHinkley, value: number): PageHinkley {
  if (!Number.isFinite(value)) throw new StatisticsError('not_finite', `Page-Hinkley: the value is ${value}`);
  const values = state.values + 1;
  const mean = state.mean + (value - state.mean) / values;
  const sumUp = state.sumUp + value - mean - state.tolerance;
  const sumDown = state.sumDown + value - mean + state.tolerance;
  const lowestUp = Math.min(state.lowestUp, sumUp);
  const highestDown = Math.max(state.highestDown, sumDown);
  const settled = values >= state.minimumValues;
  const increase = settled && sumUp - lowestUp > state.threshold;
  const decrease = settled && highestDown - sumDown > state.threshold;
  return {
    tolerance: state.tolerance,
    threshold: state.threshold,
    minimumValues: state.minimumValues,
    values,
    mean,
    sumUp,
    sumDown,
    lowestUp,
    highestDown,
    firstIncrease: state.firstIncrease ?? (increase ? values : null),
    firstDecrease: state.firstDecrease ?? (decrease ? values : null),
  };
}

/** The test over values in order. */
export function runPageHinkley(settings: PageHinkleySettings, values: ArrayLike<number>): PageHinkley {
  let state = initPageHinkley(settings);
  for (let index = 0; index < values.length; index++) state = stepPageHinkley(state, values[index] as number);
  return state;
}
