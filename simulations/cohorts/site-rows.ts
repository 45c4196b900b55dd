import type { SiteName } from '../../shared/runtime/ids.ts';
import { SimulationError } from '../simulation-error.ts';

/** The rows of one hospital as its record system would export them: text cells, '' where nothing was recorded. */
export interface SiteRows {
  readonly site: SiteName;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
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
