import { assertProbabilities, assertSameLength, countEvents } from './inputs.ts';

/**
 * Rows grouped by their distinct predicted probability, ascending: all that a two-class figure of one score depends on. Because the
 * groups come in one order whatever the order of the rows, every sum over them is the same to the last bit.
 */
export interface BinomialGroups {
  /** Distinct predictions, ascending [groups]. */
  readonly probabilities: Float64Array;
  /** Events in each group; not necessarily whole, as weights may stand behind it [groups]. */
  readonly events: Float64Array;
  /** Rows in each group, events included [groups]. */
  readonly rows: Float64Array;
  readonly totalRows: number;
  readonly totalEvents: number;
}

/**
 * Groups predictions with equal value. O(n log n).
 * @throws StatisticsError for lengths that differ, values that are no probability, labels other than 0 and 1.
 */
export function groupByProbability(probabilities: ArrayLike<number>, labels: ArrayLike<number>): BinomialGroups {
  assertSameLength(probabilities, labels, 'probabilities and labels');
  assertProbabilities(probabilities);
  const totalEvents = countEvents(labels);
  const totalRows = labels.length;
  const ofEvents = new Float64Array(totalEvents);
  const ofNonEvents = new Float64Array(totalRows - totalEvents);
  let nextEvent = 0;
  let nextNonEvent = 0;
  for (let row = 0; row < totalRows; row++) {
    // Adding 0 makes -0 and 0 one value.
    const value = (probabilities[row] as number) + 0;
    if (labels[row] === 1) ofEvents[nextEvent++] = value;
    else ofNonEvents[nextNonEvent++] = value;
  }
  ofEvents.sort();
  ofNonEvents.sort();

  const distinct = new Float64Array(totalRows);
  const events = new Float64Array(totalRows);
  const rows = new Float64Array(totalRows);
  let groups = 0;
  let i = 0;
  let j = 0;
  while (i < ofEvents.length || j < ofNonEvents.length) {
    const value = Math.min(ofEvents[i] ?? Number.POSITIVE_INFINITY, ofNonEvents[j] ?? Number.POSITIVE_INFINITY);
    const firstEvent = i;
    const firstNonEvent = j;
    while (i < ofEvents.length && ofEvents[i] === value) i++;
    while (j < ofNonEvents.length && ofNonEvents[j] === value) j++;
    distinct[groups] = value;
    events[groups] = i - firstEvent;
    rows[groups] = i - firstEvent + (j - firstNonEvent);
    groups++;
  }
  return {
    probabilities: distinct.subarray(0, groups),
    events: events.subarray(0, groups),
    rows: rows.subarray(0, groups),
    totalRows,
    totalEvents,
  };
}

/** Half the distance from the largest float32 below 1 to 1: probabilities nearer to 0 or 1 are moved there before taking log odds. */
export const probabilityClip: number = 2 ** -24;

/** Log odds of a probability, which is moved to [2^-24, 1 - 2^-24] first. */
export function logitOf(probability: number): number {
  const p = Math.min(1 - probabilityClip, Math.max(probabilityClip, probability));
  return Math.log(p / (1 - p));
}

/** Log odds of every group's prediction. */
export function groupLogits(groups: BinomialGroups): Float64Array {
  return groups.probabilities.map(logitOf);
}

/** Fewer groups of nearly equal size: neighbours pooled at their mean prediction, so that `limit` groups are left at most. */
export function coarsenGroups(groups: BinomialGroups, limit: number): BinomialGroups {
  const count = groups.probabilities.length;
  if (count <= limit) return groups;
  const probabilities: number[] = [];
  const events: number[] = [];
  const rows: number[] = [];
  let seen = 0;
  let cell = -1;
  for (let group = 0; group < count; group++) {
    const size = groups.rows[group] as number;
    // A group belongs to the cell its middle row falls in.
    const wanted = Math.min(limit - 1, Math.floor(((seen + size / 2) / groups.totalRows) * limit));
    seen += size;
    if (wanted !== cell) {
      cell = wanted;
      probabilities.push(0);
      events.push(0);
      rows.push(0);
    }
    const last = rows.length - 1;
    probabilities[last] = (probabilities[last] as number) + size * (groups.probabilities[group] as number);
    events[last] = (events[last] as number) + (groups.events[group] as number);
    rows[last] = (rows[last] as number) + size;
  }
  return {
    probabilities: Float64Array.from(probabilities, (sum, index) => sum / (rows[index] as number)),
    events: Float64Array.from(events),
    rows: Float64Array.from(rows),
    totalRows: groups.totalRows,
    totalEvents: groups.totalEvents,
  };
}
