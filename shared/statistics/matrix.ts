import { deriveSeed } from '../runtime/random.ts';
import { ascendingOrder } from './sorted-order.ts';
import { StatisticsError } from './statistics-error.ts';

/** Rows of numbers, row-major: value of row r and column c at `values[r * columns + c]`. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: ArrayLike<number>;
}

/** @throws StatisticsError `length_mismatch`, or `not_finite` for infinite entries, and for NaN (missing) unless allowed. */
export function assertMatrix(matrix: Matrix, name: string, missing: 'refused' | 'allowed' = 'refused'): void {
  const { rows, columns, values } = matrix;
  if (values.length !== rows * columns) {
    throw new StatisticsError(
      'length_mismatch',
      `${name} says ${rows} rows of ${columns} columns and holds ${values.length} values`,
      { name },
    );
  }
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    if (Number.isFinite(value) || (missing === 'allowed' && Number.isNaN(value))) continue;
    const place = `row ${Math.floor(index / columns)}, column ${index % columns}`;
    throw new StatisticsError('not_finite', `${name}: ${place} is ${value}`, { name, index });
  }
}

const bytes = new DataView(new ArrayBuffer(8));

/**
 * An order of rows that depends on what they hold and on the seed, not on where they stand: ascending by a 53-bit hash of their
 * values, rows with equal hashes by the values themselves. Rows alike in every part are interchangeable. Whatever draws a subsample
 * or deals rows into folds does so along this order, so that re-ordering a table changes no figure.
 *
 * @param parts all that the result will depend on, each with the same number of rows. NaN is a value like another.
 */
export function canonicalOrder(parts: readonly Matrix[], seed: number): Uint32Array {
  const rows = parts[0]?.rows ?? 0;
  const high = new Uint32Array(rows).fill(deriveSeed(seed, 'canonical-order', 'high'));
  const low = new Uint32Array(rows).fill(deriveSeed(seed, 'canonical-order', 'low'));
  for (const { columns, values } of parts) {
    for (let row = 0; row < rows; row++) {
      let h = high[row] as number;
      let l = low[row] as number;
      for (let place = row * columns; place < (row + 1) * columns; place++) {
        // Adding 0 makes -0 and 0 one value; every NaN has the same bits.
        const value = (values[place] as number) + 0;
        bytes.setFloat64(0, Number.isNaN(value) ? Number.NaN : value);
        h = mix(h ^ bytes.getUint32(0), l);
        l = mix(l ^ bytes.getUint32(4), h);
      }
      high[row] = h;
      low[row] = l;
    }
  }
  const keys = Float64Array.from({ length: rows }, (_, row) => {
    return ((high[row] as number) >>> 5) * 67_108_864 + ((low[row] as number) >>> 6);
  });
  const order = ascendingOrder(keys);
  // Equal hashes of unlike rows are one in 10^16 pairs; then the values decide.
  for (let start = 0; start < rows; ) {
    let end = start + 1;
    while (end < rows && keys[order[end] as number] === keys[order[start] as number]) end++;
    if (end - start > 1) order.subarray(start, end).sort((a, b) => compareRows(parts, a, b));
    start = end;
  }
  return order;
}

/** murmur3's 32-bit finaliser (A. Appleby, public domain) of a word, stirred with another. */
function mix(word: number, other: number): number {
  let h = (Math.imul(word, 0x9e3779b1) + other) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function compareRows(parts: readonly Matrix[], a: number, b: number): number {
  for (const { columns, values } of parts) {
    for (let column = 0; column < columns; column++) {
      const first = values[a * columns + column] as number;
      const second = values[b * columns + column] as number;
      if (first < second || (Number.isNaN(second) && !Number.isNaN(first))) return -1;
      if (first > second || (Number.isNaN(first) && !Number.isNaN(second))) return 1;
    }
  }
  return 0;
}

/** Rows of a matrix in the order given, as a new one. */
export function takeRows(
  matrix: Matrix,
  order: ArrayLike<number>,
): { rows: number; columns: number; values: Float64Array } {
  const { columns, values } = matrix;
  const taken = new Float64Array(order.length * columns);
  for (let row = 0; row < order.length; row++) {
    const from = (order[row] as number) * columns;
    for (let column = 0; column < columns; column++) taken[row * columns + column] = values[from + column] as number;
  }
  return { rows: order.length, columns, values: taken };
}

/** Values at the places given. */
export function take(values: ArrayLike<number>, order: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: order.length }, (_, place) => values[order[place] as number] as number);
}

/** A column as a matrix of its own. */
export function columnOf(values: ArrayLike<number>): Matrix {
  return { rows: values.length, columns: 1, values };
}

/** Up to `maximumRows` rows of a matrix, a seeded sample along the canonical order, in that order. */
export function sampleRows(
  matrix: Matrix,
  maximumRows: number,
  seed: number,
): { rows: number; columns: number; values: Float64Array } {
  return takeRows(matrix, canonicalOrder([matrix], seed).subarray(0, maximumRows));
}
