import { createHash } from 'node:crypto';
import type { DataContract } from '../../shared/plan/contract.ts';
import type { HoldoutConfig } from '../config.ts';
import { DataError } from './data-error.ts';
import { openOutcomes } from './outcome-window.ts';
import type { SiteTable } from './site-table.ts';

/** Which rows train and which judge; no row does both. Row indices of the table, ascending. */
export interface RowSplit {
  /** Rows with a known outcome before the cut-off, or outside the holdout, whose outcome window has closed. */
  readonly trainingRows: Uint32Array;
  /** Rows at or after the cut-off, or in the holdout; their outcome may not be known yet. */
  readonly judgingRows: Uint32Array;
  readonly kind: 'prospective' | 'retrospective';
  /** Rows before the cut-off, or outside the holdout, whose outcome is not known. */
  readonly unlabelledTrainingRows: number;
  /** Rows before the cut-off whose outcome window has not closed: an event among them is often known before a non-event can be. */
  readonly openTrainingRows: number;
}

/** The moment from which rows judge (midnight UTC), where the plan has a time and a cut-off; else null. */
export function cutoffMs(contract: DataContract): number | null {
  if (contract.time === null || contract.trainingCutoff === null) return null;
  return Date.parse(`${contract.trainingCutoff}T00:00:00Z`);
}

/** Whether a patient is in the holdout: SHA-256 of seed and key, as a number on [0, 1), below the share. */
export function inHoldoutShare(patientKey: string, share: number, seed: number): boolean {
  const hash = createHash('sha256')
    .update(JSON.stringify(['holdout', seed, patientKey]))
    .digest();
  return hash.readUIntBE(0, 6) / 2 ** 48 < share;
}

function markHoldout(table: SiteTable, holdout: HoldoutConfig): Uint8Array {
  if ('share' in holdout) {
    return Uint8Array.from(table.patientKeys, (key) => (inHoldoutShare(key, holdout.share, holdout.seed) ? 1 : 0));
  }
  const sideOf = new Map<string, number>();
  const split = new Set<string>();
  for (const [row, key] of table.patientKeys.entries()) {
    const side = table.holdout[row] as number;
    const other = sideOf.get(key);
    if (other === undefined) sideOf.set(key, side);
    else if (other !== side) split.add(key);
  }
  if (split.size > 0) {
    throw new DataError(
      'holdout_invalid',
      `The holdout column "${holdout.column}" puts ${split.size} patients on both sides; all rows of a patient must agree.`,
      { column: holdout.column, patients: split.size },
    );
  }
  return table.holdout;
}

/**
 * Divides the rows by the plan's cut-off or, where the plan has none, by the holdout the site declared.
 * @param nowMs milliseconds since the epoch; an outcome window that ends later is open
 * @returns the split, and the table with its holdout column filled in
 * @throws DataError `holdout_missing` where the plan has no cut-off and the site declares no holdout, `holdout_invalid`
 */
export function splitRows(
  table: SiteTable,
  contract: DataContract,
  holdout: HoldoutConfig | undefined,
  nowMs: number,
): { readonly table: SiteTable; readonly split: RowSplit } {
  const judgesFromMs = cutoffMs(contract);
  const prospective = judgesFromMs !== null;
  if (!prospective && holdout === undefined) throw new DataError('holdout_missing');
  const marks = prospective || holdout === undefined ? new Uint8Array(table.rows) : markHoldout(table, holdout);

  const training: number[] = [];
  const judging: number[] = [];
  const isOpen = openOutcomes(contract, nowMs);
  let unlabelledTrainingRows = 0;
  let openTrainingRows = 0;
  for (let row = 0; row < table.rows; row++) {
    const judges = judgesFromMs === null ? marks[row] === 1 : (table.times[row] as number) >= judgesFromMs;
    if (judges) judging.push(row);
    else if (isOpen(table.times[row] as number)) openTrainingRows++;
    else if (Number.isNaN(table.labels[row])) unlabelledTrainingRows++;
    else training.push(row);
  }
  return {
    table: { ...table, holdout: marks },
    split: {
      trainingRows: Uint32Array.from(training),
      judgingRows: Uint32Array.from(judging),
      kind: prospective ? 'prospective' : 'retrospective',
      unlabelledTrainingRows,
      openTrainingRows,
    },
  };
}
