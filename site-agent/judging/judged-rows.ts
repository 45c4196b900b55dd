import type { DataContract } from '../../shared/plan/contract.ts';
import { openOutcomes } from '../data/outcome-window.ts';
import type { SiteTable } from '../data/site-table.ts';
import { hashShare } from './ladder/split-judged.ts';

/** Which rows judge, which trained at this site, which still wait for their outcome, and how many were left out, by reason. */
export interface JudgedRows {
  /** Row indices, one a patient, in the order of patient keys, so that the order of the table changes nothing. */
  readonly judged: Uint32Array;
  /** The same of rows that trained at this site: before the cut-off, the outcome window closed. */
  readonly training: Uint32Array;
  /** The same of patients of the judged time whose outcome may not be used yet, or is not there; none of them is in `judged`. */
  readonly waiting: Uint32Array;
  readonly excluded: Readonly<Record<string, number>>;
  readonly kind: 'prospective' | 'retrospective';
  /** Milliseconds since the epoch; null when retrospective. */
  readonly judgedFromMs: number | null;
  /** Rows of the time, or holdout, that judges, whatever became of them. */
  readonly rowsInPeriod: number;
  /** Patients whose outcome window has closed without an outcome, of all whose window has closed; null without any, or without times. */
  readonly pendingShare: number | null;
}

/** What the choice depends on beside rows and contract. */
export interface Eligibility {
  /**
   * ISO dates or date-times of the plan's training cut-off and of every version compared, local updates included: the first moment
   * nothing was learnt from. Null for a version without one: nothing then shows what it was trained on.
   */
  readonly cutoffs: readonly (string | null)[];
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** Largest share of patients, by the hash of their keys, that updated a version compared without times; see `splitJudged`. None when absent. */
  readonly updateShare?: number;
}

/**
 * Chooses the judged rows. With dates: rows predicted at or after the cut-off of every version compared, hence later than every row any of
 * them has learnt from, whose outcome window has closed by now. Without: the declared holdout, marked retrospective. Of a patient's rows
 * with a known outcome the first counts: the later ones are not independent of it. A patient who has an earlier row that may have trained
 * a version compared judges none: the model has seen the patient's outcome. Nor does one whose key falls to a local update.
 *
 * What is left out is counted: `before_cutoff`, `not_in_holdout`, `time_unknown`, `future_dated` (predicted after now), `window_open`
 * (an early event there would count although an early non-event cannot be known), `label_missing`, `trained_patient`, `repeat_patient`.
 */
export function selectRows(
  table: SiteTable,
  contract: DataContract,
  { cutoffs, nowMs, updateShare = 0 }: Eligibility,
): JudgedRows {
  const prospective = contract.time !== null && contract.trainingCutoff !== null && !cutoffs.includes(null);
  const ownCutoffMs = momentMs(contract.trainingCutoff);
  const judgedFromMs = prospective ? Math.max(ownCutoffMs, ...cutoffs.map(momentMs)) : null;
  const isOpen = openOutcomes(contract, nowMs);
  const dated = contract.trainingCutoff !== null && contract.time !== null;
  const { labels, times } = table;
  const { patient, order } = patientsOf(table);
  const patients = order.length;
  const trains = (row: number): boolean => (dated ? (times[row] as number) < ownCutoffMs : table.holdout[row] !== 1);

  const training = new Earliest(table, patients);
  const trained = new Uint8Array(patients);
  if (updateShare > 0) {
    for (let row = 0; row < table.rows; row++) {
      const id = patient[row] as number;
      if (trained[id] === 0 && hashShare(table.patientKeys[row] as string) < updateShare) trained[id] = 1;
    }
  }
  for (let row = 0; row < table.rows; row++) {
    if (Number.isNaN(labels[row])) continue;
    const id = patient[row] as number;
    const trainsHere = trains(row);
    if (trainsHere && !isOpen(times[row] as number)) training.offer(id, row);
    if (trainsHere || (judgedFromMs !== null && (times[row] as number) < judgedFromMs)) trained[id] = 1;
  }

  const excluded: Record<string, number> = {};
  const exclude = (reason: string): void => {
    excluded[reason] = (excluded[reason] ?? 0) + 1;
  };
  const judged = new Earliest(table, patients);
  const waiting = new Earliest(table, patients);
  const closed = new Uint8Array(patients);
  let rowsInPeriod = 0;
  for (let row = 0; row < table.rows; row++) {
    const time = times[row] as number;
    const id = patient[row] as number;
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
    if (time > nowMs) {
      exclude('future_dated');
      continue;
    }
    rowsInPeriod++;
    const open = isOpen(time);
    if (open || Number.isNaN(labels[row])) {
      exclude(open ? 'window_open' : 'label_missing');
      if (trained[id] === 0) {
        waiting.offer(id, row);
        if (!open && !Number.isNaN(time)) closed[id] = 1;
      }
      continue;
    }
    if (trained[id] === 1) {
      exclude('trained_patient');
      continue;
    }
    if (!judged.offer(id, row)) exclude('repeat_patient');
  }

  let ofClosed = 0;
  let pending = 0;
  for (let id = 0; id < patients; id++) {
    if (judged.has(id)) {
      waiting.remove(id);
      ofClosed++;
    } else if (closed[id] === 1) {
      ofClosed++;
      pending++;
    }
  }
  return {
    judged: judged.rows(order),
    training: training.rows(order),
    waiting: waiting.rows(order),
    excluded,
    kind: prospective ? 'prospective' : 'retrospective',
    judgedFromMs,
    rowsInPeriod,
    pendingShare: contract.time === null || ofClosed === 0 ? null : pending / ofClosed,
  };
}

/** Of each patient the earliest of the rows offered. */
class Earliest {
  readonly #table: SiteTable;
  /** By patient: row + 1, 0 for none. */
  readonly #row: Uint32Array;

  constructor(table: SiteTable, patients: number) {
    this.#table = table;
    this.#row = new Uint32Array(patients);
  }

  /** Whether it is the patient's first one offered; of two the earlier is kept. */
  offer(patient: number, row: number): boolean {
    const held = this.#row[patient] as number;
    if (held === 0 || comesBefore(this.#table, row, held - 1)) this.#row[patient] = row + 1;
    return held === 0;
  }

  has(patient: number): boolean {
    return this.#row[patient] !== 0;
  }

  remove(patient: number): void {
    this.#row[patient] = 0;
  }

  rows(order: Uint32Array): Uint32Array {
    const found = new Uint32Array(order.length);
    let length = 0;
    for (const patient of order) if (this.has(patient)) found[length++] = (this.#row[patient] as number) - 1;
    return found.slice(0, length);
  }
}

/** A number for each row's patient, and the patients in the order of their keys. */
function patientsOf({ patientKeys }: SiteTable): { readonly patient: Uint32Array; readonly order: Uint32Array } {
  const numbers = new Map<string, number>();
  const keys: string[] = [];
  const patient = new Uint32Array(patientKeys.length);
  let ascending = true;
  for (const [row, key] of patientKeys.entries()) {
    let number = numbers.get(key);
    if (number === undefined) {
      number = keys.length;
      if (ascending && number > 0 && key < (keys[number - 1] as string)) ascending = false;
      numbers.set(key, number);
      keys.push(key);
    }
    patient[row] = number;
  }
  const sorted = ascending ? keys : keys.slice().sort();
  return { patient, order: Uint32Array.from(sorted, (key) => numbers.get(key) as number) };
}

/** Of an ISO date (midnight UTC) or date-time; NaN for none. */
function momentMs(moment: string | null): number {
  return moment === null ? Number.NaN : Date.parse(moment);
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
