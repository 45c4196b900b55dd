/** One contract column of a site's rows, in the contract's order. Both kinds hold one float64 a row, NaN for missing. */
export interface SiteColumn {
  readonly name: string;
  readonly kind: 'continuous' | 'categorical';
  /** Values in the contract's unit, or level indices (0-based); NaN where missing. */
  readonly values: Float64Array;
}

/** Series or images of a site's rows, one after the other. */
export interface SitePayload {
  readonly kind: 'series' | 'images';
  /** Of one row: series [steps, channels], images [channels, height, width]; see `payloadShape`. */
  readonly shape: readonly number[];
  /** [rows, ...shape]: series laid on the grid and scaled, float32; images the bytes of their pixels, 0 to 255. */
  readonly values: Float32Array | Uint8Array;
}

/** Rows of one site that passed the contract. Lives only in `data`, `training` and `judging`; never serialised. */
export interface SiteTable {
  readonly rows: number;
  readonly columns: readonly SiteColumn[];
  /** Class index or numeric outcome; for survival the time, above 0. NaN where not known yet. */
  readonly labels: Float64Array;
  /** Of survival tasks: 1 where the event was seen at that time, 0 where observation ended, NaN where the label is. */
  readonly events?: Float64Array;
  readonly payload?: SitePayload;
  readonly patientKeys: readonly string[];
  /** Milliseconds since the epoch, UTC; NaN when the contract has no time. */
  readonly times: Float64Array;
  /** 1 where the row is in the declared holdout; all 0 when the site declares none. */
  readonly holdout: Uint8Array;
}

/** Some of a table's rows, copied; without series or images. */
export function pickRows(table: SiteTable, rows: Uint32Array): Omit<SiteTable, 'payload'> {
  const pick = (values: Float64Array): Float64Array => Float64Array.from(rows, (row) => values[row] as number);
  const { payload: _, ...rest } = table;
  return {
    ...rest,
    rows: rows.length,
    columns: table.columns.map((column) => ({ ...column, values: pick(column.values) })),
    labels: pick(table.labels),
    ...(table.events === undefined ? {} : { events: pick(table.events) }),
    patientKeys: Array.from(rows, (row) => table.patientKeys[row] as string),
    times: pick(table.times),
    holdout: Uint8Array.from(rows, (row) => table.holdout[row] as number),
  };
}
