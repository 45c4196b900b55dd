import { encodedFeatures, encodeRows } from '../../shared/graph/encoding.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { Preprocessing } from '../../shared/plan/preprocessing.ts';
import type { SiteTable } from '../data/site-table.ts';
import { checkTrainingData } from './check-task.ts';
import type { DesignMatrix } from './trainer.ts';
import { TrainingError } from './training-error.ts';

/**
 * The table's values as the released model takes them: row-major float32 [rows, columns], level indices for categorical
 * columns, NaN for missing.
 *
 * @param rows which rows, in which order; all when absent
 */
export function rawFeatures(table: SiteTable, rows?: Uint32Array): Float32Array {
  const count = rows?.length ?? table.rows;
  const width = table.columns.length;
  const raw = new Float32Array(count * width);
  for (const [index, column] of table.columns.entries()) {
    for (let target = 0; target < count; target++) {
      raw[target * width + index] = column.values[rows?.[target] ?? target] as number;
    }
  }
  return raw;
}

/**
 * Rows encoded for training.
 *
 * @param rows which rows, in which order; all when absent
 * @throws TrainingError `no_rows`, `wrong_columns`, `label_missing`, `label_invalid`, `not_finite_input` (a row that breaks the contract);
 *   GraphError `wrong_preprocessing`
 */
export function designMatrix(
  table: SiteTable,
  plan: Plan,
  preprocessing: Preprocessing,
  rows?: Uint32Array,
): DesignMatrix {
  const count = rows?.length ?? table.rows;
  checkColumns(table, plan);
  const matrix: DesignMatrix = {
    rows: count,
    features: encodedFeatures(plan).length,
    values: encodeRows(rawFeatures(table, rows), count, plan, preprocessing),
    labels: Float32Array.from({ length: count }, (_, index) => table.labels[rows?.[index] ?? index] as number),
  };
  checkTrainingData(plan, matrix);
  return matrix;
}

function checkColumns(table: SiteTable, plan: Plan): void {
  const expected = plan.data.columns.map((column) => `${column.name} (${column.kind})`);
  const found = table.columns.map((column) => `${column.name} (${column.kind})`);
  if (expected.length !== found.length || expected.some((name, index) => name !== found[index])) {
    throw new TrainingError(
      'wrong_columns',
      `the rows have columns [${found.join(', ')}], the plan's contract has [${expected.join(', ')}]`,
    );
  }
}
