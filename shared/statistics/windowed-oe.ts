import { assertLabelledPrediction, type LabelledPrediction } from './cusum.ts';
import { assertSameLength } from './inputs.ts';
import { normalQuantile, normalUpper } from './normal.ts';
import { StatisticsError } from './statistics-error.ts';

/** One closed window of patients. */
export interface OutcomeWindow {
  readonly patients: number;
  readonly observed: number;
  /** Σp. */
  readonly expected: number;
  /** (observed - expected) / √(Σp(1-p) · (1 + patients / recalibrationRows)); null when every p is 0 or 1. */
  readonly z: number | null;
  /** Two-sided normal p of z; null with it. */
  readonly p: number | null;
}

/** State: numbers only. */
export interface WindowedOutcomes {
  readonly windowPatients: number;
  /** Rows of the site the predictions were recalibrated on; null when they are taken as calibrated. */
  readonly recalibrationRows: number | null;
  /** Of the window still open. */
  readonly patients: number;
  readonly observed: number;
  readonly expected: number;
  readonly variance: number;
  readonly closedWindows: number;
  /** The last closed window; null before the first. */
  readonly last: OutcomeWindow | null;
}

/**
 * @param recalibrationRows rows on which the predictions were recalibrated, by intercept and slope, on the site's own outcomes; absent
 *   when they are taken as calibrated. To first order the sum of predictions of w patients then has the variance w/rows · Σp(1-p) itself.
 * @throws StatisticsError `out_of_range`.
 */
export function initWindowedOutcomes(windowPatients: number, recalibrationRows?: number): WindowedOutcomes {
  if (!(Number.isInteger(windowPatients) && windowPatients >= 1)) {
    throw new StatisticsError('out_of_range', `windowPatients is ${windowPatients}, not a whole number above 0`);
  }
  if (recalibrationRows !== undefined && !(Number.isInteger(recalibrationRows) && recalibrationRows >= 1)) {
    throw new StatisticsError('out_of_range', `recalibrationRows is ${recalibrationRows}, not a whole number above 0`);
  }
  return {
    windowPatients,
    recalibrationRows: recalibrationRows ?? null,
    patients: 0,
    observed: 0,
    expected: 0,
    variance: 0,
    closedWindows: 0,
    last: null,
  };
}

/**
 * One patient of the windowed comparison of observed and expected events. A window closes with its last patient, and its z has mean 0 and
 * variance 1 when every patient's risk is as predicted, up to the error of the recalibration (the numerator of D. J. Spiegelhalter's (1986) calibration-in-the-large test). Each
 * window is a fresh test: over w windows use `windowLimit`.
 */
export function stepWindowedOutcomes(state: WindowedOutcomes, patient: LabelledPrediction): WindowedOutcomes {
  assertLabelledPrediction(patient);
  const { probability: p, label } = patient;
  const patients = state.patients + 1;
  const observed = state.observed + label;
  const expected = state.expected + p;
  const variance = state.variance + p * (1 - p);
  const { windowPatients, recalibrationRows } = state;
  if (patients < windowPatients) {
    return {
      windowPatients,
      recalibrationRows,
      patients,
      observed,
      expected,
      variance,
      closedWindows: state.closedWindows,
      last: state.last,
    };
  }
  const inflation = recalibrationRows === null ? 1 : 1 + patients / recalibrationRows;
  const z = variance > 0 ? (observed - expected) / Math.sqrt(variance * inflation) : null;
  const last = {
    patients,
    observed,
    expected,
    z,
    p: z === null ? null : Math.min(1, 2 * normalUpper(Math.abs(z))),
  };
  return {
    ...initWindowedOutcomes(windowPatients, recalibrationRows ?? undefined),
    closedWindows: state.closedWindows + 1,
    last,
  };
}

/** Every closed window, in order; the patients of a last, open window are left out. */
export function windowedObservedExpected(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  windowPatients: number,
  recalibrationRows?: number,
): OutcomeWindow[] {
  assertSameLength(probabilities, labels, 'probabilities and labels');
  const windows: OutcomeWindow[] = [];
  let state = initWindowedOutcomes(windowPatients, recalibrationRows);
  for (let row = 0; row < labels.length; row++) {
    const closed = state.closedWindows;
    state = stepWindowedOutcomes(state, { probability: probabilities[row] as number, label: labels[row] as 0 | 1 });
    if (state.closedWindows > closed && state.last !== null) windows.push(state.last);
  }
  return windows;
}

/** |z| that w independent windows exceed, any of them, with chance alpha: Φ⁻¹(1 - (1 - (1 - alpha)^(1/w)) / 2) (Z. Šidák 1967, JASA 62:626). */
export function windowLimit(windows: number, alpha: number): number {
  if (!(Number.isInteger(windows) && windows >= 1 && alpha > 0 && alpha < 1)) {
    throw new StatisticsError('out_of_range', `windowLimit: ${windows} windows at alpha ${alpha}`);
  }
  return -normalQuantile(-Math.expm1(Math.log1p(-alpha) / windows) / 2);
}
