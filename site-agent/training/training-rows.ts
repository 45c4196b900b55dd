import { createHash } from 'node:crypto';
import type { Plan } from '../../shared/plan/plan.ts';
import type { Preprocessing } from '../../shared/plan/preprocessing.ts';
import { deriveSeed } from '../../shared/runtime/random.ts';
import type { SiteTable } from '../data/site-table.ts';
import { designMatrix } from './design-matrix.ts';
import type { DesignMatrix } from './trainer.ts';

/** Rows of a task. */
export interface TrainingRows {
  readonly data: DesignMatrix;
  /** Set aside for early stopping; absent where the plan has none, or there are fewer than two patients. */
  readonly validation?: DesignMatrix;
}

/**
 * Divides rows by patient: the share of patients, rounded, at least one and never all, whose hashes under the seed come first. Which they are
 * depends neither on the order of the rows nor on the round, so nobody who validates one round trains another.
 *
 * @param rows indices of the table
 * @returns both sides ascending; validation is empty with fewer than two patients
 */
export function validationSplit(
  patientKeys: readonly string[],
  rows: Uint32Array,
  share: number,
  seed: number,
): { readonly training: Uint32Array; readonly validation: Uint32Array } {
  const placeOf = new Map<string, string>();
  for (const row of rows) {
    const key = patientKeys[row] ?? '';
    if (!placeOf.has(key))
      placeOf.set(
        key,
        createHash('sha256')
          .update(JSON.stringify(['validation', seed, key]))
          .digest('hex'),
      );
  }
  const patients = [...placeOf].sort(([, left], [, right]) => (left < right ? -1 : 1)).map(([key]) => key);
  const count =
    patients.length < 2 ? 0 : Math.min(patients.length - 1, Math.max(1, Math.round(share * patients.length)));
  const validates = new Set(patients.slice(0, count));
  return {
    training: rows.filter((row) => !validates.has(patientKeys[row] ?? '')),
    validation: rows.filter((row) => validates.has(patientKeys[row] ?? '')),
  };
}

/**
 * Encodes the rows a site trains on, and those it validates on where the plan stops early.
 *
 * @param site name of the site: each draws its own validation patients
 * @throws as `designMatrix`
 */
export function trainingRows(
  table: SiteTable,
  plan: Plan,
  preprocessing: Preprocessing,
  rows: Uint32Array,
  site: string,
): TrainingRows {
  const { earlyStopping, seed } = plan.training;
  if (earlyStopping === undefined) return { data: designMatrix(table, plan, preprocessing, rows) };
  const { training, validation } = validationSplit(
    table.patientKeys,
    rows,
    earlyStopping.share,
    deriveSeed(seed, 'validation', site),
  );
  const data = designMatrix(table, plan, preprocessing, training);
  return validation.length === 0
    ? { data }
    : { data, validation: designMatrix(table, plan, preprocessing, validation) };
}

/** SHA-256 of the rows: tells whether a round that was broken off would go on with the same ones. */
export function rowsDigest({ data, validation }: TrainingRows): string {
  const hash = createHash('sha256');
  for (const matrix of validation === undefined ? [data] : [data, validation]) {
    hash.update(JSON.stringify([matrix.rows, matrix.features, matrix.payload?.shape ?? null]));
    for (const values of [matrix.values, matrix.labels, matrix.payload?.values]) {
      if (values !== undefined) hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
  }
  return hash.digest('hex');
}
