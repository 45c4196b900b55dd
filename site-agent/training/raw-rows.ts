import type { SiteTable } from '../data/site-table.ts';

/** Series or images as a released model takes them; some of the rows of a table, which is not copied. */
export interface RawPayload {
  /** Of one row. */
  readonly shape: readonly number[];
  /** Rows one after the other: series laid on the grid and scaled, or the pixels of images, 0 to 255. */
  readonly values: Float32Array | Uint8Array;
  /** Which of them, in which order; all when null. */
  readonly rows: Uint32Array | null;
}

/** Rows as a released model takes them. */
export interface RawRows {
  readonly rows: number;
  /** Row-major [rows, columns]: values in the contract's units, level indices, NaN where missing. */
  readonly features: Float32Array;
  readonly payload?: RawPayload;
}

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

/** The rows with their series or images. @param rows which rows, in which order; all when absent */
export function rawRows(table: SiteTable, rows?: Uint32Array): RawRows {
  const { payload } = table;
  return {
    rows: rows?.length ?? table.rows,
    features: rawFeatures(table, rows),
    ...(payload === undefined ? {} : { payload: { shape: payload.shape, values: payload.values, rows: rows ?? null } }),
  };
}

/** Copies a part of a payload into float32, as a model's input. */
export function gatherPayload(payload: RawPayload, begin: number, end: number): Float32Array {
  const size = payload.shape.reduce((product, length) => product * length, 1);
  if (payload.rows === null) return Float32Array.from(payload.values.subarray(begin * size, end * size));
  const gathered = new Float32Array((end - begin) * size);
  for (let place = begin; place < end; place++) {
    const row = payload.rows[place] as number;
    gathered.set(payload.values.subarray(row * size, (row + 1) * size), (place - begin) * size);
  }
  return gathered;
}
