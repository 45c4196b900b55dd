import type { RandomStream } from '../runtime/random.ts';
import type { BinomialGroups } from './binomial-groups.ts';

export interface CalibrationPoint {
  readonly predicted: number;
  /** Smoothed share of events there, with its pointwise 95% band; all cut at 0 and 1. */
  readonly observed: number;
  readonly low: number;
  readonly high: number;
}

/** What a method gives the figures are made of. */
export interface FittedCurve {
  /** Smoothed share of events at every group [groups], not cut. */
  readonly fitted: Float64Array;
  point(predicted: number): CalibrationPoint;
  /** Draws the curve anew at the groups of `grid`, as sampling would have it around the fit. [grid groups] */
  draw(stream: RandomStream): Float64Array;
  /** The same around perfect calibration. */
  drawNull(stream: RandomStream): Float64Array;
  readonly grid: BinomialGroups;
  readonly knots: readonly number[];
}
