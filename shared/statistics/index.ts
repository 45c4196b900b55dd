/** Every statistic of the gate, the shift report and the monitor, as plain functions over arrays. */

// Calibration, updating, monitoring, pooling.
export {
  type Calibration,
  calibrate,
  observedExpected,
} from './calibration.ts';
export {
  type CalibrationCurve,
  type CalibrationCurveOptions,
  calibrationCurve,
} from './calibration-curve.ts';
export { type CalibrationError, type CalibrationGroup, calibrationError } from './calibration-error.ts';
export { type ClosedTest, type ClosedTestStep, closedTest, type Revision } from './closed-testing.ts';
export {
  type BettingSequence,
  type ConfidenceSequence,
  type ConfidenceSequenceSettings,
  initBettingSequence,
  initConfidenceSequence,
  runBettingSequence,
  runConfidenceSequence,
  stepBettingSequence,
  stepConfidenceSequence,
} from './confidence-sequence.ts';
export {
  type Cusum,
  type CusumSettings,
  type CusumThreshold,
  type CusumThresholdOptions,
  cusumIncrement,
  cusumThreshold,
  initCusum,
  type LabelledPrediction,
  runCusum,
  stepCusum,
} from './cusum.ts';
export {
  combineEValues,
  defaultBetShares,
  defaultOddsRatios,
  type EProcessRun,
  initOddsEProcess,
  initSquaredErrorEProcess,
  type OddsEProcess,
  type OddsEProcessSettings,
  runOddsEProcess,
  runSquaredErrorEProcess,
  type SquaredErrorEProcess,
  type SquaredErrorEProcessSettings,
  stepOddsEProcess,
  stepSquaredErrorEProcess,
} from './e-process.ts';
export type { CalibrationPoint } from './fitted-curve.ts';
export { fitIsotonicUpdate, type IsotonicFit, isotonicFit } from './isotonic.ts';
export type { MixtureMartingale, MixtureSettings } from './mixture-martingale.ts';
export {
  initPageHinkley,
  type PageHinkley,
  type PageHinkleySettings,
  runPageHinkley,
  stepPageHinkley,
} from './page-hinkley.ts';
export { adjustPrior, priorShiftUpdate } from './prior-shift.ts';
export {
  type HeterogeneityMethod,
  type RandomEffects,
  type RandomEffectsOptions,
  randomEffects,
  type SiteEstimate,
} from './random-effects.ts';
export {
  applyRecalibration,
  fitInterceptUpdate,
  fitLogisticUpdate,
  fitTemperatureUpdate,
  recalibrateOne,
} from './recalibration.ts';
export type { Recalibration, RecalibrationFit, RecalibrationKind } from './recalibration-kinds.ts';
export type { ScoreHistogram } from './score-histogram.ts';
export { type BoundedFigure, type SharedCounts, sharedCounts } from './shared-counts.ts';
export type { KnotCount } from './spline-basis.ts';
export {
  initWindowedOutcomes,
  type OutcomeWindow,
  stepWindowedOutcomes,
  type WindowedOutcomes,
  windowedObservedExpected,
  windowLimit,
} from './windowed-oe.ts';
