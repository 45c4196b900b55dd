import type { Estimate } from '../../../shared/plan/judgement.ts';
import { permutation, randomStream } from '../../../shared/runtime/random.ts';
import { undefinedEstimate } from '../../../shared/statistics/estimate.ts';
import { exactSum } from '../../../shared/statistics/exact-sum.ts';
import { quantileOfSorted } from '../../../shared/statistics/ordered.ts';

const resamples = 1000;
/** More rows are drawn in bundles of equal size, put together at random: the mean of many is as uncertain as that of its bundles says. */
const mostUnits = 2000;
const clip = 2 ** -24;

/** Log loss of each row, probabilities within 2^-24 of 0 or 1 moved there: float32 stores no nearer one. */
export function rowLosses(probabilities: ArrayLike<number>, labels: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: labels.length }, (_, row) => {
    const p = Math.min(1 - clip, Math.max(clip, probabilities[row] as number));
    return labels[row] === 1 ? -Math.log(p) : -Math.log1p(-p);
  });
}

/**
 * Share of the gap that an update closes: (loss before - loss after) / (loss before - loss of a locally trained reference), log loss over
 * the same later rows, with the 2.5th and 97.5th percentile of a seeded bootstrap over rows. Below 0: the update made it worse.
 *
 * Undefined: `no_rows`; `no_reference_model`; `no_gap` where the reference is no better than the release; `gap_not_shown` where more than
 * one resample in forty says so: the ratio has then no bounds.
 */
export function gapClosed(
  before: Float64Array,
  after: Float64Array,
  reference: Float64Array | null,
  seed: number,
): Estimate {
  const rows = before.length;
  if (rows === 0) return undefinedEstimate('no_rows');
  if (reference === null) return undefinedEstimate('no_reference_model');
  const gain = before.map((loss, row) => loss - (after[row] as number));
  const gap = before.map((loss, row) => loss - (reference[row] as number));
  const whole = exactSum(gap);
  if (!(whole > 0)) return undefinedEstimate('no_gap');

  const units = Math.min(rows, mostUnits);
  const order = permutation(rows, randomStream(seed, 'gap units'));
  const gains = new Float64Array(units);
  const gaps = new Float64Array(units);
  for (let at = 0; at < rows; at++) {
    const unit = at % units;
    const row = order[at] as number;
    gains[unit] = (gains[unit] as number) + (gain[row] as number);
    gaps[unit] = (gaps[unit] as number) + (gap[row] as number);
  }
  const stream = randomStream(seed, 'gap closed');
  const ratios = new Float64Array(resamples);
  let without = 0;
  for (let resample = 0; resample < resamples; resample++) {
    let sumOfGains = 0;
    let sumOfGaps = 0;
    for (let draw = 0; draw < units; draw++) {
      const unit = stream.integer(units);
      sumOfGains += gains[unit] as number;
      sumOfGaps += gaps[unit] as number;
    }
    if (sumOfGaps > 0) ratios[resample - without] = sumOfGains / sumOfGaps;
    else without++;
  }
  if (without > resamples / 40) return undefinedEstimate('gap_not_shown');
  const sorted = ratios.subarray(0, resamples - without).sort();
  return {
    value: exactSum(gain) / whole,
    low: quantileOfSorted(sorted, 0.025),
    high: quantileOfSorted(sorted, 0.975),
  };
}
