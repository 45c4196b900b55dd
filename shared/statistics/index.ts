/**
 * Every statistic others may use: plain functions over typed arrays or arrays, without dependencies at run time. What each computes, from which
 * source, and when it is undefined stands in docs/statistics.md, a section a subject; here they stand by the name of their file, those of
 * shared/privacy first.
 */

export type { Estimate } from '../plan/judgement.ts';
export {
  addGaussianNoise,
  gaussianDelta,
  gaussianNoise,
  gaussianSigma,
  type SecureBytes,
} from '../privacy/gaussian-mechanism.ts';
export { suppressSmallCells } from '../privacy/suppression.ts';
export { suppressCounts, suppressTwoWay, type TwoWayTable } from '../privacy/table-suppression.ts';
export {
  crossingProbabilities,
  type SpendingKind,
  type SpendingLook,
  type SpendingPlan,
  spendingBoundaries,
} from './alpha-spending.ts';
export { averagePrecision } from './average-precision.ts';
export { betaLower, betaQuantile, betaUpper } from './beta.ts';
export { binIndex } from './binning.ts';
export {
  type BootstrapStatistic,
  bootstrapAuroc,
  bootstrapBrier,
  bootstrapNetBenefit,
  type Interval,
  type PairedBootstrap,
  type PairedBootstrapOptions,
  pairedBootstrap,
} from './bootstrap.ts';
export { brierScore, scaledBrier } from './brier.ts';
export { type Calibration, calibrate, observedExpected } from './calibration.ts';
export { type CalibrationCurve, type CalibrationCurveOptions, calibrationCurve } from './calibration-curve.ts';
export { type CalibrationError, type CalibrationGroup, calibrationError } from './calibration-error.ts';
export { type Classification, classify } from './classification.ts';
export { type ClosedTest, type ClosedTestStep, closedTest, type Revision } from './closed-testing.ts';
export {
  type Calibrator,
  type CbpeOptions,
  cbpe,
  expectedPerformance,
  type PapeOptions,
  pape,
  type ReferenceSide,
  type UnlabelledPerformance,
  weightedPerformance,
} from './confidence-based.ts';
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
  type AurocDifference,
  type AurocInterval,
  aurocDifference,
  aurocEstimate,
  type DeLong,
  deLong,
  midRanks,
} from './discrimination.ts';
export {
  type Distance,
  hellingerDistance,
  jensenShannonDistance,
  jensenShannonDivergence,
  kullbackLeibler,
  quantileEdges,
  totalVariation,
} from './distances.ts';
export {
  binomialLower,
  binomialProbability,
  binomialUpper,
  fLower,
  fUpper,
  studentQuantile,
  studentUpper,
} from './distributions.ts';
export {
  type DomainClassifier,
  type DomainClassifierOptions,
  type DomainCoefficient,
  type DomainSide,
  domainClassifier,
} from './domain-classifier.ts';
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
export { type EnergyResult, energyTest, type PairwiseOptions, type PairwiseUse } from './energy.ts';
export { type Levels, singleLook } from './estimate.ts';
export { exactSum } from './exact-sum.ts';
export { type FisherResult, fisherExact, fisherExactTable, fisherMonteCarlo } from './fisher-exact.ts';
export type { CalibrationPoint } from './fitted-curve.ts';
export {
  type FourierFeatures,
  fourierFeatures,
  meanEmbeddingSensitivity,
  mmdFromMeans,
  type SharedEmbedding,
  type SharedMmd,
} from './fourier-features.ts';
export { chiSquareLower, chiSquareQuantile, chiSquareUpper, gammaLower, gammaQuantile, gammaUpper } from './gamma.ts';
export {
  type CountLoss,
  type DomainSums,
  domainSums,
  type GapLimits,
  type GapReason,
  type GapSide,
  type GapSplit,
  type GapTerms,
  gapSplit,
  gapSplitFromCounts,
  gapSplitFromSums,
  labelShare,
  labelShareFromCounts,
  type OutcomeHistogram,
  outcomeHistogram,
  type RowGapSplit,
} from './gap-split.ts';
export { fitIsotonicUpdate, type IsotonicFit, isotonicFit } from './isotonic.ts';
export { binnedKolmogorov, type KolmogorovResult, kolmogorovSmirnov, kolmogorovUpper } from './kolmogorov.ts';
export {
  type BlackBoxShift,
  bbseFromCounts,
  bbseHard,
  bbseSoft,
  blackBoxShift,
  type ClassPriors,
  type EmPrior,
  emPrior,
  type LabelShiftReason,
} from './label-shift.ts';
export { logGamma } from './log-gamma.ts';
export { logLoss } from './log-loss.ts';
export {
  type LossTree,
  type LossTreeOptions,
  lossTree,
  type TreeColumn,
  type TreeNode,
  type TreeSplit,
} from './loss-tree.ts';
export { canonicalOrder, type Matrix } from './matrix.ts';
export { type McNemar, mcnemar } from './mcnemar.ts';
export type { MixtureMartingale, MixtureSettings } from './mixture-martingale.ts';
export { type MmdResult, medianBandwidth, mmdTest } from './mmd.ts';
export { type MulticlassAuroc, multiclassAuroc } from './multiclass.ts';
export { benjaminiHochberg, holm } from './multiplicity.ts';
export { type DecisionPoint, decisionCurve, netBenefit, netBenefitDifference } from './net-benefit.ts';
export {
  type EventsQuestion,
  type EventsToResolve,
  eventsToResolve,
  type NonInferiority,
  nonInferiority,
} from './non-inferiority.ts';
export { normalCdf, normalQuantile, normalUpper } from './normal.ts';
export { kolmogorovDistance, quantileOfSorted } from './ordered.ts';
export {
  initPageHinkley,
  type PageHinkley,
  type PageHinkleySettings,
  runPageHinkley,
  stepPageHinkley,
} from './page-hinkley.ts';
export {
  bonettPrice,
  type PairedChange,
  type PairedClassification,
  pairedClassification,
} from './paired-classification.ts';
export type { PairedDifference } from './paired-difference.ts';
export { adjustPrior, priorShiftUpdate } from './prior-shift.ts';
export { clopperPearson, wilsonInterval } from './proportions.ts';
export {
  type HeterogeneityMethod,
  type RandomEffects,
  type RandomEffectsOptions,
  randomEffects,
  type SiteEstimate,
} from './random-effects.ts';
export { binnedRankTest, type RankTestResult } from './rank-test.ts';
export {
  applyRecalibration,
  fitInterceptUpdate,
  fitLogisticUpdate,
  fitTemperatureUpdate,
  recalibrateOne,
} from './recalibration.ts';
export type { Recalibration, RecalibrationFit, RecalibrationKind } from './recalibration-kinds.ts';
export { type ReconstructionResult, reconstructionChange, symmetricEigen } from './reconstruction.ts';
export { fitRidgeLogistic, predictLogistic, type RidgeLogisticFit } from './ridge-logistic.ts';
export { type RocCurve, rocCurve } from './roc-curve.ts';
export {
  type AurocQuestion,
  type LinearPredictor,
  type NetBenefitQuestion,
  type ObservedExpectedQuestion,
  type SlopeQuestion,
  sampleSizeForAuroc,
  sampleSizeForNetBenefit,
  sampleSizeForObservedExpected,
  sampleSizeForSlope,
  type ValidationQuestion,
  type ValidationSampleSize,
  validationSampleSize,
} from './sample-size.ts';
export type { ScoreHistogram } from './score-histogram.ts';
export { type ScoreTestResult, stratifiedScoreTest } from './score-test.ts';
export { type BoundedFigure, type SharedCounts, sharedCounts } from './shared-counts.ts';
export {
  type ChiSquareResult,
  poolSparseBins,
  populationStability,
  populationStabilityBoth,
  type StabilityIndex,
  twoSampleChiSquare,
} from './shift.ts';
export {
  type ReadShiftOptions,
  readShift,
  type ShiftName,
  type ShiftReading,
  type ShiftSide,
} from './shift-reading.ts';
export {
  type Slice,
  type SliceColumn,
  type SliceCondition,
  type SliceOptions,
  type SliceSearch,
  sliceSearch,
} from './slices.ts';
export { ascendingOrder } from './sorted-order.ts';
export { type Spiegelhalter, spiegelhalter } from './spiegelhalter.ts';
export type { KnotCount } from './spline-basis.ts';
export { StatisticsError, type StatisticsErrorCode } from './statistics-error.ts';
export { type BinnedWasserstein, binnedWasserstein, type WassersteinResult, wasserstein } from './wasserstein.ts';
export { type GroupMoments, type WelchResult, welchTest } from './welch.ts';
export {
  initWindowedOutcomes,
  type OutcomeWindow,
  stepWindowedOutcomes,
  type WindowedOutcomes,
  windowedObservedExpected,
  windowLimit,
} from './windowed-oe.ts';
