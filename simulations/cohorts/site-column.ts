import { readFileSync } from 'node:fs';
import { isSiteName, type SiteName } from '../../shared/runtime/ids.ts';
import { SimulationError } from '../simulation-error.ts';
import { parseCsv } from './csv.ts';
import type { SiteRows } from './site-rows.ts';

/**
 * Reads a CSV file whose column `siteColumn` says which site a row belongs to, and gives each site its rows without that column.
 * Sites come in alphabetical order.
 *
 * @throws SimulationError `cohort_file_missing`, `cohort_invalid`
 */
export function readSiteColumnCsv(path: string, siteColumn: string): SiteRows[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new SimulationError('cohort_file_missing', `${path} cannot be read.`, { file: path }, cause);
  }
  const [header, ...rows] = parseCsv(text, path);
  const position = header?.indexOf(siteColumn) ?? -1;
  if (header === undefined || position < 0) {
    throw new SimulationError(
      'cohort_invalid',
      `${path}: the first line has no column "${siteColumn}". It has: ${header?.join(', ') ?? 'nothing'}.`,
      { file: path, column: siteColumn },
    );
  }
  const bySite = new Map<SiteName, string[][]>();
  for (const [index, row] of rows.entries()) {
    if (row.length !== header.length) {
      throw new SimulationError(
        'cohort_invalid',
        `${path}, row ${index + 1}: ${row.length} cells, and the first line names ${header.length} columns.`,
        { file: path, row: index + 1 },
      );
    }
    const site = row[position] as string;
    if (!isSiteName(site)) {
      throw new SimulationError(
        'cohort_invalid',
        `${path}, row ${index + 1}: "${site}" is no site name: lower-case letters, digits and -, starting with a letter.`,
        { file: path, row: index + 1 },
      );
    }
    const list = bySite.get(site) ?? [];
    list.push(row.filter((_, at) => at !== position));
    bySite.set(site, list);
  }
  if (bySite.size === 0) throw new SimulationError('cohort_invalid', `${path} holds no rows.`, { file: path });
  const columns = header.filter((_, at) => at !== position);
  return [...bySite.keys()].sort().map((site) => ({ site, header: columns, rows: bySite.get(site) as string[][] }));
}
