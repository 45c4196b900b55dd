import type { SiteName } from '../../shared/runtime/ids.ts';
import { SimulationError } from '../simulation-error.ts';

/** The rows of one hospital as its record system would export them: text cells, '' where nothing was recorded. */
export interface SiteRows {
  readonly site: SiteName;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Measurements over time, long: a row a key and minute. The rows of one key stand together. */
  readonly series?: {
    readonly key: string;
    readonly header: readonly string[];
    readonly rows: readonly (readonly string[])[];
  };
  /** PNG files, in the order of the rows, and the column that names them. */
  readonly images?: { readonly column: string; readonly files: ReadonlyMap<string, Uint8Array> };
}

/** Position of a column. @throws SimulationError `cohort_invalid` naming the site, the column and the columns there are. */
export function columnIndex(table: SiteRows, column: string): number {
  const index = table.header.indexOf(column);
  if (index >= 0) return index;
  throw new SimulationError(
    'cohort_invalid',
    `The rows of ${table.site} have no column "${column}". There are: ${table.header.join(', ')}.`,
    { site: table.site, column },
  );
}

/** The same rows with every cell of one column passed through `change`, which gets the row's number too. */
export function mapColumn(
  table: SiteRows,
  column: string,
  change: (cell: string, row: readonly string[], index: number) => string,
): SiteRows {
  const position = columnIndex(table, column);
  const rows = table.rows.map((row, index) =>
    row.map((cell, at) => (at === position ? change(cell, row, index) : cell)),
  );
  return { ...table, rows };
}

/** Some of the rows, with the series and images that belong to them. */
export function keepRows(table: SiteRows, keep: (row: readonly string[]) => boolean): SiteRows {
  const rows = table.rows.filter(keep);
  const { series, images } = table;
  const named = (column: string): ReadonlySet<string> => {
    const position = columnIndex(table, column);
    return new Set(rows.map((row) => row[position] as string));
  };
  const keys = series === undefined ? null : named(series.key);
  const place = series?.header.indexOf(series.key) ?? 0;
  const files = images === undefined ? null : named(images.column);
  return {
    ...table,
    rows,
    ...(series === undefined
      ? {}
      : { series: { ...series, rows: series.rows.filter((row) => keys?.has(row[place] as string)) } }),
    ...(images === undefined
      ? {}
      : { images: { ...images, files: new Map([...images.files].filter(([name]) => files?.has(name))) } }),
  };
}
