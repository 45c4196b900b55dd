import type { Estimate } from '../plan/judgement.ts';
import { type Levels, singleLook, twoSidedZ, undefinedEstimate, upperDeviate } from './estimate.ts';
import { assertOpenShare, assertProbabilities, assertSameLength, countEvents, isSame } from './inputs.ts';
import { type McNemar, mcnemar } from './mcnemar.ts';
import { StatisticsError } from './statistics-error.ts';

/**
 * Difference of two proportions found on the same n patients, (b - c)/n, with the adjusted Wald interval of D. G. Bonett, R. M. Price (2012),
 * Journal of Educational and Behavioral Statistics 37:479: with b' = (b+1)/(n+2) and c' = (c+1)/(n+2),
 * b' - c' ± z √((b' + c' - (b' - c')²) / (n+2)), cut at -1 and 1. Undefined (`no_rows`) for n = 0.
 *
 * @param b patients positive by the first way alone; c by the second alone.
 * @returns with the two-sided 95% interval; `standardError` is that of the adjusted proportions.
 * @throws StatisticsError `out_of_range`.
 */
export function bonettPrice(b: number, c: number, n: number): Estimate {
  if (!(b >= 0 && c >= 0 && b + c <= n && Number.isFinite(n))) {
    throw new StatisticsError('out_of_range', `bonettPrice: ${b} and ${c} of ${n} patients are no pairs`);
  }
  if (n === 0) return undefinedEstimate('no_rows');
  const { middle, standardError } = adjusted(b, c, n);
  return {
    value: (b - c) / n,
    low: Math.max(-1, middle - twoSidedZ * standardError),
    high: Math.min(1, middle + twoSidedZ * standardError),
    standardError,
  };
}

function adjusted(b: number, c: number, n: number): { readonly middle: number; readonly standardError: number } {
  const first = (b + 1) / (n + 2);
  const second = (c + 1) / (n + 2);
  const middle = first - second;
  return { middle, standardError: Math.sqrt((first + second - middle * middle) / (n + 2)) };
}

/** How a first model classifies the patients of one class, compared with a second one. */
export interface PairedChange {
  /** Patients of the class. */
  readonly patients: number;
  /** Classified rightly by the first model alone. */
  readonly gained: number;
  /** Classified rightly by the second model alone. */
  readonly lost: number;
  /** Change of the share classified rightly, first - second, with Bonett and Price's 95% interval. */
  readonly change: Estimate;
  /** Bonett and Price's lower bound at the one-sided level; null when undefined. */
  readonly oneSidedLower: number | null;
  /** Upper end of Bonett and Price's interval at the two-sided level; null when undefined. */
  readonly twoSidedUpper: number | null;
  /** Null without patients of the class. */
  readonly mcnemar: McNemar | null;
}

export interface PairedClassification {
  /** Within events. */
  readonly sensitivity: PairedChange;
  /** Within non-events. */
  readonly specificity: PairedChange;
}

/**
 * Two models' classifications of the same patients at one threshold (positive from the threshold up), within events and within non-events.
 * Models with equal probabilities change nothing: 0 with bounds at 0. A class without patients is undefined (`no_rows`, `single_class`).
 *
 * @throws StatisticsError for a threshold not strictly between 0 and 1, probabilities outside [0, 1], labels other than 0 and 1.
 */
export function pairedClassification(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  labels: ArrayLike<number>,
  threshold: number,
  levels: Levels = singleLook,
): PairedClassification {
  for (const probabilities of [first, second]) {
    assertSameLength(probabilities, labels, 'probabilities and labels');
    assertProbabilities(probabilities);
  }
  assertOpenShare(threshold, 'threshold');
  const events = countEvents(labels);
  const only = { first: [0, 0] as [number, number], second: [0, 0] as [number, number] };
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as 0 | 1;
    const byFirst = (first[row] as number) >= threshold;
    if (byFirst === (second[row] as number) >= threshold) continue;
    if (byFirst === (label === 1)) only.first[label]++;
    else only.second[label]++;
  }
  const same = isSame(first, second);
  const within = (label: 0 | 1): PairedChange => {
    const patients = label === 1 ? events : labels.length - events;
    const gained = only.first[label];
    const lost = only.second[label];
    if (patients === 0) {
      const change = undefinedEstimate(labels.length === 0 ? 'no_rows' : 'single_class');
      return { patients, gained, lost, change, oneSidedLower: null, twoSidedUpper: null, mcnemar: null };
    }
    if (same) {
      const change = { value: 0, low: 0, high: 0, standardError: 0 };
      return { patients, gained, lost, change, oneSidedLower: 0, twoSidedUpper: 0, mcnemar: mcnemar(0, 0) };
    }
    const { middle, standardError } = adjusted(gained, lost, patients);
    return {
      patients,
      gained,
      lost,
      change: bonettPrice(gained, lost, patients),
      oneSidedLower: Math.max(-1, middle - upperDeviate(levels.oneSided) * standardError),
      twoSidedUpper: Math.min(1, middle + upperDeviate(levels.twoSided / 2) * standardError),
      mcnemar: mcnemar(gained, lost),
    };
  };
  return { sensitivity: within(1), specificity: within(0) };
}
