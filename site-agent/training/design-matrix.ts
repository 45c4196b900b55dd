import { encodedFeatures, encodeRows } from '../../shared/graph/encoding.ts';
import { payloadShape } from '../../shared/plan/payload.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { Preprocessing } from '../../shared/plan/preprocessing.ts';
import type { SiteTable } from '../data/site-table.ts';
import { checkTrainingData } from './check-task.ts';
import { rawFeatures } from './raw-rows.ts';
import type { DesignMatrix } from './trainer.ts';
import { TrainingError } from './training-error.ts';

/**
 * Rows encoded for training.
 *
 * @param rows which rows, in which order; all when absent
 * @throws TrainingError `no_rows`, `wrong_columns` (or another payload), `label_missing`, `label_invalid`, `not_finite_input` (a row that breaks the contract);
 *   GraphError `wrong_preprocessing`
 */
export function designMatrix(
  table: SiteTable,
  plan: Plan,
  preprocessing: Preprocessing,
  rows?: Uint32Array,
): DesignMatrix {
  checkColumns(table, plan);
  const count = rows?.length ?? table.rows;
  const labels = labelsOf(table, plan, rows);
  const matrix: DesignMatrix = {
    rows: count,
    features: encodedFeatures(plan).length,
    values: encodeRows(rawFeatures(table, rows), count, plan, preprocessing),
    labels,
    ...payloadOf(table, plan, rows),
  };
  checkTrainingData(plan, matrix);
  return matrix;
}

/** Class index or numeric outcome a row; for survival [rows, 2]: the time, and 1 where the event was seen. */
function labelsOf(table: SiteTable, plan: Plan, rows?: Uint32Array): Float32Array {
  const count = rows?.length ?? table.rows;
  if (plan.task.kind !== 'survival') {
    return Float32Array.from({ length: count }, (_, index) => table.labels[rows?.[index] ?? index] as number);
  }
  const labels = new Float32Array(count * 2);
  for (let index = 0; index < count; index++) {
    const row = rows?.[index] ?? index;
    labels[index * 2] = table.labels[row] as number;
    labels[index * 2 + 1] = table.events?.[row] ?? Number.NaN;
  }
  return labels;
}

/** The rows' series or images: a part of the table's own array where the rows stand together in it, as they do in an export sorted by date. */
function payloadOf(table: SiteTable, { data }: Plan, rows?: Uint32Array): Pick<DesignMatrix, 'payload'> {
  const spec = data.payload;
  if (spec === undefined) return {};
  const { payload } = table;
  const shape = payloadShape(spec);
  if (payload?.kind !== spec.kind || payload.shape.join() !== shape.join()) {
    throw new TrainingError(
      'wrong_columns',
      `the rows have ${payload === undefined ? 'no payload' : `${payload.kind} [${payload.shape.join(', ')}]`}, the plan's contract has ${spec.kind} [${shape.join(', ')}]`,
    );
  }
  const size = shape.reduce((product, length) => product * length, 1);
  let { values } = payload;
  if (rows !== undefined) {
    const first = rows[0] ?? 0;
    if (rows.every((row, index) => row === first + index)) {
      values = values.subarray(first * size, (first + rows.length) * size);
    } else {
      const kind = values instanceof Uint8Array ? Uint8Array : Float32Array;
      const picked = new kind(rows.length * size);
      for (const [place, row] of rows.entries())
        picked.set(values.subarray(row * size, (row + 1) * size), place * size);
      values = picked;
    }
  }
  const scaling = spec.kind === 'images' ? { mean: spec.mean, scale: spec.scale } : {};
  return { payload: { kind: spec.kind, shape, values, ...scaling } };
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
