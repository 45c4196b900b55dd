import { createHash } from 'node:crypto';

export interface JudgedSplit {
  /** Places among the judged rows that fit the update, ascending. */
  readonly update: Uint32Array;
  /** Places that judge it, ascending; strictly later than every one of `update` when dated. */
  readonly later: Uint32Array;
  /** Milliseconds since the epoch: update rows lie before, judging rows at or after. Null without times, or where nothing divides them. */
  readonly judgedFromMs: number | null;
}

/**
 * Divides judged rows into those that fit a local update and those that judge it. With times: the earliest share of them fits, cut
 * between two different times where that share is met most nearly. Without: by a hash of the patient key, so that a patient stays on one
 * side whoever else is judged. A patient with rows on both sides judges nothing: the update has seen the patient's outcome.
 *
 * @param times [rows] milliseconds since the epoch, all finite; null for the retrospective division.
 * @param patientKeys [rows]
 * @param share of the rows that fit the update, inside (0, 1).
 */
export function splitJudged(times: Float64Array | null, patientKeys: readonly string[], share: number): JudgedSplit {
  const rows = patientKeys.length;
  const judgedFromMs = times === null ? null : divide(times, share);
  const fits = (place: number): boolean =>
    times === null
      ? hashShare(patientKeys[place] as string) < share
      : judgedFromMs !== null && (times[place] as number) < judgedFromMs;
  const update: number[] = [];
  const seen = new Set<string>();
  for (let place = 0; place < rows; place++) {
    if (!fits(place)) continue;
    update.push(place);
    seen.add(patientKeys[place] as string);
  }
  const later: number[] = [];
  for (let place = 0; place < rows; place++) {
    if (!fits(place) && !seen.has(patientKeys[place] as string)) later.push(place);
  }
  return { update: Uint32Array.from(update), later: Uint32Array.from(later), judgedFromMs };
}

/** The time that leaves nearest to `share` of the rows before it, and at least one on each side; null when all times are equal. */
function divide(times: Float64Array, share: number): number | null {
  const sorted = Float64Array.from(times).sort();
  const rows = sorted.length;
  if (rows === 0 || sorted[0] === sorted[rows - 1]) return null;
  const wanted = share * rows;
  const middle = sorted[Math.min(rows - 1, Math.floor(wanted))] as number;
  // Rows before `middle`, and up to and with it: the two places nearest to the share where time steps.
  const before = lowerBound(sorted, middle);
  let through = before;
  while (through < rows && sorted[through] === middle) through++;
  if (before === 0) return sorted[through] as number;
  if (through === rows || wanted - before <= through - wanted) return middle;
  return sorted[through] as number;
}

function lowerBound(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A number in [0, 1) that depends on the text alone, spread evenly: 48 bits of its SHA-256. */
export function hashShare(text: string): number {
  return createHash('sha256').update(text).digest().readUIntBE(0, 6) / 2 ** 48;
}
