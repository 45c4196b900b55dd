import type { ContractColumn } from '../../shared/plan/contract.ts';
import type { Matrix } from '../../shared/statistics/matrix.ts';
import type { SiteTable } from '../data/site-table.ts';

/** More columns than this, levels apart, are not compared all at once: the methods grow with their square. */
const mostColumns = 200;

/** Rows as numbers for methods that look at all columns at once. */
export interface Features {
  /** Values, and 0/1 for each level but the first; NaN where missing. */
  readonly matrix: Matrix;
  /** By column of the matrix: index of the plan's column. */
  readonly columns: readonly number[];
}

/**
 * Encodes rows: continuous columns as they are, a categorical one as 0/1 for each level but the first.
 * @returns null where the plan has too many columns for methods whose work grows with their square.
 */
export function featuresOf(table: SiteTable, columns: readonly ContractColumn[], rows: Uint32Array): Features | null {
  const parts = columns.flatMap((column, index): { readonly index: number; readonly level: number | null }[] =>
    column.kind === 'continuous'
      ? [{ index, level: null }]
      : column.levels.slice(1).map((_, level) => ({ index, level: level + 1 })),
  );
  if (parts.length > mostColumns) return null;
  const width = parts.length;
  const values = new Float64Array(rows.length * width);
  for (const [place, { index, level }] of parts.entries()) {
    const source = table.columns[index]?.values as Float64Array;
    for (let row = 0; row < rows.length; row++) {
      const value = source[rows[row] as number] as number;
      values[row * width + place] = level === null || Number.isNaN(value) ? value : Number(value === level);
    }
  }
  return { matrix: { rows: rows.length, columns: width, values }, columns: parts.map(({ index }) => index) };
}

/**
 * The same two samples without missing values: each column in standard deviations of the reference's known values, missing ones at their
 * mean, with a 0/1 column of their own where any is missing. Columns that do not vary in the reference are in units of their own.
 */
export function completed(
  reference: Matrix,
  current: Matrix,
): { readonly reference: Matrix; readonly current: Matrix } {
  const width = reference.columns;
  const scales = Array.from({ length: width }, (_, column) => scaleOf(reference, column));
  const withMissing = scales.flatMap(({ missing }, column) => (missing || hasMissing(current, column) ? [column] : []));
  const complete = (matrix: Matrix): Matrix => {
    const columns = width + withMissing.length;
    const values = new Float64Array(matrix.rows * columns);
    for (let row = 0; row < matrix.rows; row++) {
      for (let column = 0; column < width; column++) {
        const value = matrix.values[row * width + column] as number;
        const { mean, deviation } = scales[column] as Scale;
        values[row * columns + column] = Number.isNaN(value) ? 0 : (value - mean) / deviation;
      }
      for (const [place, column] of withMissing.entries()) {
        values[row * columns + width + place] = Number(Number.isNaN(matrix.values[row * width + column]));
      }
    }
    return { rows: matrix.rows, columns, values };
  };
  return { reference: complete(reference), current: complete(current) };
}

interface Scale {
  readonly mean: number;
  readonly deviation: number;
  readonly missing: boolean;
}

function scaleOf(matrix: Matrix, column: number): Scale {
  let count = 0;
  let sum = 0;
  for (let row = 0; row < matrix.rows; row++) {
    const value = matrix.values[row * matrix.columns + column] as number;
    if (Number.isNaN(value)) continue;
    count++;
    sum += value;
  }
  const mean = count === 0 ? 0 : sum / count;
  let squares = 0;
  for (let row = 0; row < matrix.rows; row++) {
    const value = matrix.values[row * matrix.columns + column] as number;
    if (!Number.isNaN(value)) squares += (value - mean) ** 2;
  }
  const deviation = count < 2 ? 0 : Math.sqrt(squares / (count - 1));
  return { mean, deviation: deviation > 0 ? deviation : 1, missing: count < matrix.rows };
}

function hasMissing(matrix: Matrix, column: number): boolean {
  for (let row = 0; row < matrix.rows; row++) {
    if (Number.isNaN(matrix.values[row * matrix.columns + column])) return true;
  }
  return false;
}
