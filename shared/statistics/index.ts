/**
 * Every statistic others may use: plain functions over typed arrays or arrays, without dependencies at run time. What each computes, from which
 * source, and when it is undefined stands in docs/statistics.md. A section a subject; in each, files by name.
 */

// What the others share ------------------------------------------------------
export type { Estimate } from '../plan/judgement.ts';
// Multiplicity and repeated looks --------------------------------------------
export {
  crossingProbabilities,
  type SpendingKind,
  type SpendingLook,
  type SpendingPlan,
  spendingBoundaries,
} from './alpha-spending.ts';
// Discrimination -------------------------------------------------------------
export { averagePrecision } from './average-precision.ts';
// Special functions ----------------------------------------------------------
export { betaLower, betaQuantile, betaUpper } from './beta.ts';
// Paired comparison ----------------------------------------------------------
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
// Overall performance --------------------------------------------------------
export { brierScore, scaledBrier } from './brier.ts';
// Classification and net benefit ---------------------------------------------
export { type Classification, classify } from './classification.ts';
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
  binomialLower,
  binomialProbability,
  binomialUpper,
  fLower,
  fUpper,
  studentQuantile,
  studentUpper,
} from './distributions.ts';
export { type Levels, singleLook } from './estimate.ts';
export { exactSum } from './exact-sum.ts';
export { chiSquareLower, chiSquareQuantile, chiSquareUpper, gammaLower, gammaQuantile, gammaUpper } from './gamma.ts';
export { logGamma } from './log-gamma.ts';
export { logLoss } from './log-loss.ts';
export { type McNemar, mcnemar } from './mcnemar.ts';
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
export { quantileOfSorted } from './ordered.ts';
export {
  bonettPrice,
  type PairedChange,
  type PairedClassification,
  pairedClassification,
} from './paired-classification.ts';
export type { PairedDifference } from './paired-difference.ts';
export { clopperPearson, wilsonInterval } from './proportions.ts';
export { type RocCurve, rocCurve } from './roc-curve.ts';
// Sample size ----------------------------------------------------------------
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
export { ascendingOrder } from './sorted-order.ts';
export { type Spiegelhalter, spiegelhalter } from './spiegelhalter.ts';
export { StatisticsError, type StatisticsErrorCode } from './statistics-error.ts';
