import { randomStream } from '../runtime/random.ts';
import { confidence } from './estimate.ts';
import { assertFinite, assertOpenShare, assertPositive, assertSameLength, countEvents, isSame } from './inputs.ts';
import { normalCdf, normalQuantile } from './normal.ts';
import { quantileOfSorted } from './ordered.ts';
import { ascendingOrder } from './sorted-order.ts';
import { StatisticsError } from './statistics-error.ts';

/**
 * A figure of scores and labels in which each row counts a whole number of times, so that resampling copies no rows. `prepare` sees the rows
 * once; what it returns is called for each resample with how often each row was drawn.
 */
export interface BootstrapStatistic {
  prepare(scores: ArrayLike<number>, labels: ArrayLike<number>): (times: Int32Array) => number | null;
}

/** AUROC, ties half; linear in the rows for each resample. */
export const bootstrapAuroc: BootstrapStatistic = {
  prepare(scores, labels) {
    const order = ascendingOrder(scores);
    return (times) => {
      let eventsBelow = 0;
      let nonEventsBelow = 0;
      let halfPairs = 0;
      let place = 0;
      while (place < order.length) {
        const score = scores[order[place] as number];
        let tiedEvents = 0;
        let tiedNonEvents = 0;
        while (place < order.length && scores[order[place] as number] === score) {
          const row = order[place] as number;
          if (labels[row] === 1) tiedEvents += times[row] as number;
          else tiedNonEvents += times[row] as number;
          place++;
        }
        halfPairs += tiedEvents * (2 * nonEventsBelow + tiedNonEvents);
        eventsBelow += tiedEvents;
        nonEventsBelow += tiedNonEvents;
      }
      return eventsBelow === 0 || nonEventsBelow === 0 ? null : halfPairs / (2 * eventsBelow * nonEventsBelow);
    };
  },
};

/** Mean of a loss of each row. */
function bootstrapMean(loss: (score: number, label: number) => number): BootstrapStatistic {
  return {
    prepare(scores, labels) {
      const losses = Float64Array.from({ length: labels.length }, (_, row) =>
        loss(scores[row] as number, labels[row] as number),
      );
      return (times) => {
        let rows = 0;
        let sum = 0;
        for (let row = 0; row < losses.length; row++) {
          const count = times[row] as number;
          rows += count;
          sum += count * (losses[row] as number);
        }
        return rows === 0 ? null : sum / rows;
      };
    },
  };
}

/** Brier score of probabilities. */
export const bootstrapBrier: BootstrapStatistic = bootstrapMean((p, label) => (p - label) ** 2);

/** Net benefit of probabilities at a threshold. */
export function bootstrapNetBenefit(threshold: number): BootstrapStatistic {
  assertOpenShare(threshold, 'threshold');
  const weight = threshold / (1 - threshold);
  return bootstrapMean((p, label) => (p < threshold ? 0 : label === 1 ? 1 : -weight));
}

export interface PairedBootstrapOptions {
  readonly statistic: BootstrapStatistic;
  /** 2000. */
  readonly resamples?: number;
  readonly seed: number;
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

export interface PairedBootstrap {
  /** Statistic of the first scores less that of the second ones; null when undefined. */
  readonly value: number | null;
  /** Spread of the resampled differences; null when undefined. */
  readonly standardError: number | null;
  /** 95% interval between the 2.5% and 97.5% quantiles of the resampled differences; null when undefined. */
  readonly percentile: Interval | null;
  /** The same with its levels corrected for bias and skewness (BCa); null when undefined. */
  readonly bca: Interval | null;
  /** One-sided 95% lower bound, the 5% quantile; null when undefined. */
  readonly oneSidedLower: number | null;
  readonly resamples: number;
  readonly seed: number;
  /** Rows of one class left out together in the jackknife behind the BCa interval; null when it was not made. */
  readonly jackknifeGroups: number | null;
  readonly reason?: 'no_rows' | 'single_class' | 'statistic_undefined' | 'zero_variance';
  /** Why `bca` alone is null. */
  readonly bcaReason?: 'all_on_one_side' | 'no_acceleration';
}

const mostGroups = 200;

/**
 * Stratified paired bootstrap: events and non-events are drawn with replacement, each as many as there are, and both scores are compared on the
 * same draw. B. Efron, R. J. Tibshirani (1993), An Introduction to the Bootstrap, chapters 13 and 14: percentile interval (equation 13.5; quantiles
 * of Hyndman and Fan's type 7) and BCa (equations 14.9, 14.10 and 14.14; half of the resamples equal to the value count as below). The
 * acceleration is from a jackknife within outcomes, which leaves out single rows up to 200 of a class and 200 groups of rows above that.
 *
 * Time grows with resamples times rows: a second or two for 2000 of 40,000 rows. It is a check for small samples, where DeLong's normal law may
 * not hold yet; large ones do not need it.
 *
 * The rows are brought into one order first, so that a seed gives the same draws however they stand in the table. Scores that are equal
 * differ by exactly 0. Undefined: `no_rows`, `single_class`, `statistic_undefined`; no bounds where every resample gives the same
 * (`zero_variance`).
 *
 * @throws StatisticsError for lengths that differ, scores that are not finite, labels that are not 0 or 1, fewer than 40 resamples.
 */
export function pairedBootstrap(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  labels: ArrayLike<number>,
  { statistic, resamples = 2000, seed }: PairedBootstrapOptions,
): PairedBootstrap {
  for (const [name, scores] of [
    ['first', first],
    ['second', second],
  ] as const) {
    assertSameLength(scores, labels, `${name} and labels`);
    assertFinite(scores, name);
  }
  const events = countEvents(labels);
  assertPositive(resamples, 'resamples');
  if (!Number.isInteger(resamples) || resamples < 40) {
    throw new StatisticsError(
      'out_of_range',
      `pairedBootstrap: ${resamples} resamples; give a whole number of at least 40, so that 2.5% of them is one`,
    );
  }
  const n = labels.length;
  const nonEvents = n - events;
  const undefinedResult = {
    value: null,
    standardError: null,
    percentile: null,
    bca: null,
    oneSidedLower: null,
    resamples,
    seed,
    jackknifeGroups: null,
  };
  if (n === 0) return { ...undefinedResult, reason: 'no_rows' };
  if (events === 0 || nonEvents === 0) return { ...undefinedResult, reason: 'single_class' };

  const rows = canonicalOrder(first, second, labels);
  const pick = (values: ArrayLike<number>): Float64Array => Float64Array.from(rows, (row) => values[row] as number);
  const [a, b, y] = [pick(first), pick(second), pick(labels)];
  const ofFirst = statistic.prepare(a, y);
  const ofSecond = statistic.prepare(b, y);
  const difference = (times: Int32Array): number | null => {
    const one = ofFirst(times);
    const other = ofSecond(times);
    return one === null || other === null ? null : one - other;
  };
  const once = new Int32Array(n).fill(1);
  const value = difference(once);
  if (value === null) return { ...undefinedResult, reason: 'statistic_undefined' };
  if (isSame(a, b)) {
    const exact = { low: 0, high: 0 };
    return { ...undefinedResult, value: 0, standardError: 0, percentile: exact, bca: exact, oneSidedLower: 0 };
  }

  const stream = randomStream(seed, 'paired-bootstrap');
  const found = new Float64Array(resamples);
  const times = new Int32Array(n);
  for (let turn = 0; turn < resamples; turn++) {
    times.fill(0);
    // In canonical order the non-events stand first.
    for (let draw = 0; draw < nonEvents; draw++) {
      const row = stream.integer(nonEvents);
      times[row] = (times[row] as number) + 1;
    }
    for (let draw = 0; draw < events; draw++) {
      const row = nonEvents + stream.integer(events);
      times[row] = (times[row] as number) + 1;
    }
    const drawn = difference(times);
    if (drawn === null) return { ...undefinedResult, value, reason: 'statistic_undefined' };
    found[turn] = drawn;
  }
  found.sort();
  if (found[0] === found[resamples - 1]) return { ...undefinedResult, value, reason: 'zero_variance' };

  const tail = (1 - confidence) / 2;
  const at = (level: number): number => quantileOfSorted(found, level) as number;
  const result = {
    value,
    standardError: standardDeviation(found),
    percentile: { low: at(tail), high: at(1 - tail) },
    oneSidedLower: at(1 - confidence),
    resamples,
    seed,
  };
  const below = shareBelow(found, value);
  if (!(below > 0 && below < 1)) {
    return { ...result, bca: null, jackknifeGroups: null, bcaReason: 'all_on_one_side' };
  }
  const { acceleration, groups } = jackknife(difference, nonEvents, events);
  const bias = normalQuantile(below);
  const corrected = (level: number): number | null => {
    const shifted = bias + normalQuantile(level);
    const denominator = 1 - (acceleration as number) * shifted;
    return denominator > 0 ? normalCdf(bias + shifted / denominator) : null;
  };
  const low = acceleration === null ? null : corrected(tail);
  const high = acceleration === null ? null : corrected(1 - tail);
  if (low === null || high === null) {
    return { ...result, bca: null, jackknifeGroups: groups, bcaReason: 'no_acceleration' };
  }
  return { ...result, bca: { low: at(low), high: at(high) }, jackknifeGroups: groups };
}

/** Rows by label, then first, then second score. Rows equal in all three are alike. */
function canonicalOrder(first: ArrayLike<number>, second: ArrayLike<number>, labels: ArrayLike<number>): Uint32Array {
  let rows = ascendingOrder(second);
  // A sort that keeps the order of equals, by the last key first.
  for (const key of [first, labels]) {
    const values = Float64Array.from(rows, (row) => key[row] as number);
    rows = ascendingOrder(values).map((place) => rows[place] as number);
  }
  return rows;
}

function shareBelow(sorted: Float64Array, value: number): number {
  let below = 0;
  let equal = 0;
  for (const found of sorted) {
    if (found < value) below++;
    else if (found === value) equal++;
  }
  return (below + equal / 2) / sorted.length;
}

function standardDeviation(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

/**
 * Acceleration Σ L³ / (6 (Σ L²)^1.5) from empirical influences L within each class, (g - 1)(mean - value without group) for g groups.
 * Null where no group has influence, or a class has one row.
 */
function jackknife(
  difference: (times: Int32Array) => number | null,
  nonEvents: number,
  events: number,
): { readonly acceleration: number | null; readonly groups: number } {
  let squares = 0;
  let cubes = 0;
  let most = 0;
  for (const [start, size] of [
    [0, nonEvents],
    [nonEvents, events],
  ] as const) {
    const groups = Math.min(size, mostGroups);
    most = Math.max(most, groups);
    if (groups < 2) return { acceleration: null, groups };
    const without = new Float64Array(groups);
    for (let group = 0; group < groups; group++) {
      const times = new Int32Array(nonEvents + events).fill(1);
      // Every g-th row of the canonical order, so that each group is like the class.
      for (let row = group; row < size; row += groups) times[start + row] = 0;
      const value = difference(times);
      if (value === null) return { acceleration: null, groups };
      without[group] = value;
    }
    const mean = without.reduce((sum, value) => sum + value, 0) / groups;
    for (const value of without) {
      const influence = (groups - 1) * (mean - value);
      squares += influence ** 2;
      cubes += influence ** 3;
    }
  }
  return { acceleration: squares > 0 ? cubes / (6 * squares ** 1.5) : null, groups: most };
}
