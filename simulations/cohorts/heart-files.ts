import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SiteName } from '../../shared/runtime/ids.ts';
import { deriveSeed } from '../../shared/runtime/random.ts';
import { SimulationError } from '../simulation-error.ts';
import { parseCsv } from './csv.ts';
import { heartColumns } from './heart-marginals.ts';
import type { SiteRows } from './site-rows.ts';

/** Site names here, and what the published files and the split call them. */
const fileNames = { cleveland: 'cleveland', hungarian: 'hungarian', switzerland: 'switzerland', 'long-beach': 'va' };
/** Share of the rows outside the split that judge: the split's own share. */
const judgingShare = 0.34;
const cellsPerRow = 14;

/** Columns of the rows read: no dates exist, so a declared holdout stands in their place. */
export const heartFilesHeader = ['patient', ...heartColumns, 'disease', 'judging'] as const;

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new SimulationError(
      'cohort_file_missing',
      `${path} cannot be read. The folder must hold processed.cleveland.data, processed.hungarian.data, processed.switzerland.data and processed.va.data of UCI data set 45.`,
      { file: path },
      cause,
    );
  }
}

/** `flamby-split.csv` as a map from `file name/row` to whether the row judges; empty when the folder has none. */
function readSplit(directory: string): ReadonlyMap<string, boolean> {
  const path = join(directory, 'flamby-split.csv');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw new SimulationError('cohort_file_missing', `${path} cannot be read.`, { file: path }, cause);
  }
  const [header, ...rows] = parseCsv(text, path);
  if (header?.join(',') !== 'site,row,set') {
    throw new SimulationError('cohort_invalid', `${path}: the first line must be "site,row,set".`, { file: path });
  }
  return new Map(rows.map(([site, row, set]) => [`${site}/${row}`, set === 'test']));
}

/**
 * Reads the four published files (no header, `?` for missing). Rows named in `flamby-split.csv` judge or train as it says, so that
 * figures compare with those published on it; it names complete rows only, and judging complete rows alone would be
 * another population than training saw, so the other rows judge with the same share, by a hash of site and row.
 *
 * @throws SimulationError `cohort_file_missing`, `cohort_invalid`
 */
export function readHeartFiles(directory: string): SiteRows[] {
  const split = readSplit(directory);
  return Object.entries(fileNames).map(([site, file]) => {
    const path = join(directory, `processed.${file}.data`);
    const rows = parseCsv(read(path), path).map((cells, index) => {
      if (cells.length !== cellsPerRow) {
        throw new SimulationError(
          'cohort_invalid',
          `${path}, line ${index + 1}: ${cells.length} cells where the published files have ${cellsPerRow}.`,
          { file: path, line: index + 1 },
        );
      }
      const values = cells.map((cell) => (cell.trim() === '?' ? '' : cell.trim()));
      const status = Number(values[cellsPerRow - 1]);
      if (values[cellsPerRow - 1] === '' || !Number.isInteger(status) || status < 0 || status > 4) {
        throw new SimulationError(
          'cohort_invalid',
          `${path}, line ${index + 1}: the last cell is "${cells[cellsPerRow - 1]}"; it must be the angiographic status, 0 to 4.`,
          { file: path, line: index + 1 },
        );
      }
      const byHash = deriveSeed(0, 'judging', file, index) / 2 ** 32 < judgingShare;
      const judging = split.get(`${file}/${index}`) ?? byHash;
      return [
        `${site}-${String(index).padStart(3, '0')}`,
        ...heartColumns.map((_, column) => values[column] as string),
        status > 0 ? '1' : '0',
        judging ? '1' : '0',
      ];
    });
    return { site: site as SiteName, header: heartFilesHeader, rows };
  });
}
