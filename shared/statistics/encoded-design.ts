import { assertMatrix, type Matrix } from './matrix.ts';
import { squaringScale } from './squaring-scale.ts';
import { StatisticsError } from './statistics-error.ts';

/** A column of an encoded design, and where it comes from. */
export interface EncodedColumn {
  /** Column of the features. */
  readonly column: number;
  readonly kind: 'value' | 'square' | 'missing';
}

export interface EncodedDesign {
  /** Source rows, then target rows. */
  readonly matrix: { readonly rows: number; readonly columns: number; readonly values: Float64Array };
  readonly columns: readonly EncodedColumn[];
}

/** Squares grow without bound in heavy tails; beyond so many standard deviations they stay. */
const squareLimit = 5;

/**
 * Standardises features over both samples together for a comparison of the two: each column less its mean, over its standard deviation;
 * missing values (NaN) at the mean, with a 0/1 column of their own, standardised too; on demand the square less 1 of each column with
 * more than two values. Columns that do not vary are left out. Sums run in the order of the rows: put them in canonical order before.
 *
 * @throws StatisticsError for infinite values or samples of unequal columns.
 */
export function encodeDesign(source: Matrix, target: Matrix, squares: boolean): EncodedDesign {
  assertMatrix(source, 'source', 'allowed');
  assertMatrix(target, 'target', 'allowed');
  if (source.columns !== target.columns) {
    throw new StatisticsError(
      'length_mismatch',
      `the samples have ${source.columns} and ${target.columns} columns; both must have the same ones`,
    );
  }
  const rows = source.rows + target.rows;
  const kept: { readonly column: EncodedColumn; readonly values: Float64Array }[] = [];
  for (let column = 0; column < source.columns; column++) {
    const values = new Float64Array(rows);
    for (let row = 0; row < source.rows; row++) values[row] = source.values[row * source.columns + column] as number;
    for (let row = 0; row < target.rows; row++) {
      values[source.rows + row] = target.values[row * source.columns + column] as number;
    }
    const standard = standardise(values);
    if (standard !== null) {
      kept.push({ column: { column, kind: 'value' }, values: standard });
      if (squares && hasThreeValues(values)) {
        const square = standardise(standard.map((z) => Math.min(squareLimit, Math.abs(z)) ** 2));
        if (square !== null) kept.push({ column: { column, kind: 'square' }, values: square });
      }
    }
    const missing = standardise(values.map((value) => (Number.isNaN(value) ? 1 : 0)));
    if (missing !== null) kept.push({ column: { column, kind: 'missing' }, values: missing });
  }
  const width = kept.length;
  const matrix = new Float64Array(rows * width);
  for (const [place, { values }] of kept.entries()) {
    for (let row = 0; row < rows; row++) matrix[row * width + place] = values[row] as number;
  }
  return { matrix: { rows, columns: width, values: matrix }, columns: kept.map(({ column }) => column) };
}

/** Null for a column with fewer than two distinct values. */
function standardise(given: Float64Array): Float64Array | null {
  const scale = squaringScale(given);
  const values = scale === 1 ? given : given.map((value) => value * scale);
  let known = 0;
  let sum = 0;
  let first = Number.NaN;
  let varies = false;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    if (known === 0) first = value;
    else if (value !== first) varies = true;
    known++;
    sum += value;
  }
  if (!varies) return null;
  const mean = sum / known;
  let squares = 0;
  for (const value of values) if (!Number.isNaN(value)) squares += (value - mean) ** 2;
  const sd = Math.sqrt(squares / known);
  if (!(sd > 0)) return null;
  return values.map((value) => (Number.isNaN(value) ? 0 : (value - mean) / sd));
}

function hasThreeValues(values: Float64Array): boolean {
  const seen = new Set<number>();
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    seen.add(value);
    if (seen.size > 2) return true;
  }
  return false;
}
