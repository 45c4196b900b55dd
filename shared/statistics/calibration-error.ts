import type { Estimate } from '../plan/judgement.ts';
import { type BinomialGroups, groupByProbability } from './binomial-groups.ts';
import { undefinedEstimate } from './estimate.ts';
import { wilsonInterval } from './proportions.ts';
import { StatisticsError } from './statistics-error.ts';

export interface CalibrationGroup {
  /** Predictions from `from` up to, not including, `to`; the last group includes 1. */
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  readonly events: number;
  /** Null without rows. */
  readonly meanPrediction: number | null;
  /** Share of events with Wilson's interval. */
  readonly observed: Estimate;
}

export interface CalibrationError {
  /** Expected calibration error; null without rows. */
  readonly value: number | null;
  readonly reason: 'no_rows' | null;
  readonly groups: readonly CalibrationGroup[];
}

/** Group of a prediction among groups of equal width: left-closed, 1 in the last. */
export function equalWidthGroup(probability: number, groups: number): number {
  // The product is rounded: an edge such as 29/100, times 100, falls short of 29.
  const near = Math.min(groups - 1, Math.floor(probability * groups));
  if (near + 1 < groups && probability >= (near + 1) / groups) return near + 1;
  return probability < near / groups ? near - 1 : near;
}

/**
 * Expected calibration error over bins of equal width: Σ (rows/n)·|share of events - mean prediction| (M. P. Naeini, G. F. Cooper,
 * M. Hauskrecht 2015, AAAI; C. Guo et al. 2017, ICML, equation 3), bins left-closed. Its value depends on the bins and is above 0 also for
 * a perfect model: to be reported, not judged by.
 */
export function calibrationError(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  groups = 10,
): CalibrationError {
  return calibrationErrorOfGroups(groupByProbability(probabilities, labels), groups);
}

/** As `calibrationError`, from rows grouped by prediction. */
export function calibrationErrorOfGroups(data: BinomialGroups, groups = 10): CalibrationError {
  if (!(Number.isInteger(groups) && groups >= 1)) {
    throw new StatisticsError('out_of_range', `calibrationError: ${groups} groups`);
  }
  const rows = new Float64Array(groups);
  const events = new Float64Array(groups);
  const sums = new Float64Array(groups);
  for (let index = 0; index < data.rows.length; index++) {
    const probability = data.probabilities[index] as number;
    const group = equalWidthGroup(probability, groups);
    rows[group] = (rows[group] as number) + (data.rows[index] as number);
    events[group] = (events[group] as number) + (data.events[index] as number);
    sums[group] = (sums[group] as number) + (data.rows[index] as number) * probability;
  }
  let error = 0;
  const table = Array.from(rows, (count, group): CalibrationGroup => {
    const observed = events[group] as number;
    const sum = sums[group] as number;
    error += Math.abs(observed - sum) / (data.totalRows || 1);
    return {
      from: group / groups,
      to: (group + 1) / groups,
      rows: count,
      events: observed,
      meanPrediction: count === 0 ? null : sum / count,
      observed: count === 0 ? undefinedEstimate('no_rows') : wilsonInterval(observed, count),
    };
  });
  return data.totalRows === 0
    ? { value: null, reason: 'no_rows', groups: table }
    : { value: error, reason: null, groups: table };
}
