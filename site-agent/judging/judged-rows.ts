import type { DataContract } from '../../shared/plan/contract.ts';
import type { SiteTable } from '../data/site-table.ts';

/** Which rows judge, which rows trained at this site, and how many were left out, by reason. */
export interface JudgedRows {
  /** Row indices, one a patient, in the order of patient keys, so that the order of the table changes nothing. */
  readonly judged: Uint32Array;
  readonly training: Uint32Array;
  readonly excluded: Readonly<Record<string, number>>;
  readonly kind: 'prospective' | 'retrospective';
  /** Milliseconds since the epoch; null when retrospective. */
  readonly judgedFromMs: number | null;
}

/**
 * Chooses the judged rows. With dates: rows predicted at or after the training cut-off of every version compared (rows before it train).
 * Without: the declared holdout, marked retrospective. Of a patient's rows with a known outcome the first counts: the later ones are
 * not independent of it. A patient who has an earlier row that may have trained a version compared judges none: the model has seen the
 * patient's outcome. What is left out is counted: `before_cutoff`, `not_in_holdout`, `time_unknown`, `label_missing`,
 * `trained_patient`, `repeat_patient`.
 *
 * @param cutoffs ISO dates of the training cut-offs of the plan and of every version compared; null for one without.
 */
export function selectRows(table: SiteTable, contract: DataContract, cutoffs: readonly (string | null)[]): JudgedRows {
  const prospective = contract.time !== null && contract.trainingCutoff !== null && !cutoffs.includes(null);
  const ownCutoffMs = cutoffMs(contract.trainingCutoff);
  const judgedFromMs = prospective ? Math.max(ownCutoffMs, ...cutoffs.map(cutoffMs)) : null;
  const excluded: Record<string, number> = {};
  const exclude = (reason: string): void => {
    excluded[reason] = (excluded[reason] ?? 0) + 1;
  };
  const dated = contract.trainingCutoff !== null && contract.time !== null;
  const trains = (row: number): boolean =>
    dated ? (table.times[row] as number) < ownCutoffMs : table.holdout[row] !== 1;
  const training: number[] = [];
  const trainedPatients = new Set<string>();
  for (let row = 0; row < table.rows; row++) {
    if (Number.isNaN(table.labels[row])) continue;
    if (trains(row)) training.push(row);
    const mayHaveTrained = trains(row) || (judgedFromMs !== null && (table.times[row] as number) < judgedFromMs);
    if (mayHaveTrained) trainedPatients.add(table.patientKeys[row] as string);
  }
  const firstOf = new Map<string, number>();
  for (let row = 0; row < table.rows; row++) {
    const time = table.times[row] as number;
    if (judgedFromMs !== null) {
      if (Number.isNaN(time)) {
        exclude('time_unknown');
        continue;
      }
      if (time < judgedFromMs) {
        exclude('before_cutoff');
        continue;
      }
    } else if (trains(row) || table.holdout[row] !== 1) {
      exclude('not_in_holdout');
      continue;
    }
    if (Number.isNaN(table.labels[row])) {
      exclude('label_missing');
      continue;
    }
    const key = table.patientKeys[row] as string;
    if (trainedPatients.has(key)) {
      exclude('trained_patient');
      continue;
    }
    const earlier = firstOf.get(key);
    if (earlier === undefined) firstOf.set(key, row);
    else {
      exclude('repeat_patient');
      if (comesBefore(table, row, earlier)) firstOf.set(key, row);
    }
  }
  const judged = [...firstOf].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  return {
    judged: Uint32Array.from(judged),
    training: Uint32Array.from(training),
    excluded,
    kind: prospective ? 'prospective' : 'retrospective',
    judgedFromMs,
  };
}

function cutoffMs(date: string | null): number {
  return date === null ? Number.NaN : Date.parse(`${date}T00:00:00Z`);
}

/** Earlier in time; at the same time, or without times, smaller in the first value that differs: never a matter of position. */
function comesBefore(table: SiteTable, row: number, other: number): boolean {
  const order = (a: number, b: number): number => {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
    return a - b;
  };
  const time = order(table.times[row] as number, table.times[other] as number);
  if (time !== 0) return time < 0;
  for (const { values } of table.columns) {
    const difference = order(values[row] as number, values[other] as number);
    if (difference !== 0) return difference < 0;
  }
  return order(table.labels[row] as number, table.labels[other] as number) < 0;
}
