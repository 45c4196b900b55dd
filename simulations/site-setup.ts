import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Plan } from '../shared/plan/plan.ts';
import { writeFileAtomically } from '../shared/runtime/files.ts';
import { formatCsv } from './cohorts/csv.ts';
import type { SiteRows } from './cohorts/site-rows.ts';

/** What the hospitals of the heart-disease cohorts run: 0 stands for "not measured" in both columns. */
export const heartQuery = `SELECT * REPLACE (nullif(chol, '0') AS chol, nullif(trestbps, '0') AS trestbps)
FROM read_csv('data/patients.csv', header = true, all_varchar = true)
`;

/** What the hospitals of the invented cohorts run. */
export const plainQuery = "SELECT * FROM 'data/patients.csv'\n";
const seriesQuery = "SELECT * FROM 'data/measurements.csv'\n";

/** The engine of every simulated hospital, by name: `auto` would choose by measuring. */
export const simulatedEngine = 'onnx';

export interface SiteSettings {
  readonly query: string;
  readonly holdoutColumn: string | null;
  readonly approval: 'manual' | 'automatic';
}

/** Writes the hospital's export. It takes the place of an older one in one step: an agent never reads half a file. */
export async function writePatients(directory: string, table: SiteRows): Promise<void> {
  await mkdir(join(directory, 'data'), { recursive: true });
  const { images, series } = table;
  // Before the rows that name them.
  if (series !== undefined) {
    await writeFileAtomically(join(directory, 'data', 'measurements.csv'), formatCsv(series.header, series.rows));
  }
  if (images !== undefined) {
    await mkdir(join(directory, 'data', 'images'), { recursive: true });
    for (const [name, bytes] of images.files) await writeFile(join(directory, 'data', 'images', name), bytes);
  }
  await writeFileAtomically(join(directory, 'data', 'patients.csv'), formatCsv(table.header, table.rows));
}

/** Writes `site.yaml`: the query, the plan's units as the hospital's own, and the engine by name, so that runs can be repeated bit for bit. */
export async function writeSiteConfig(directory: string, plan: Plan, settings: SiteSettings): Promise<void> {
  const units = Object.fromEntries(
    plan.data.columns.flatMap((column) =>
      column.kind === 'continuous' && column.summary === undefined ? [[column.name, column.unit]] : [],
    ),
  );
  if ('unit' in plan.data.label) units[plan.data.label.name] = plan.data.label.unit;
  const config = {
    wardround: 'site/1',
    data: {
      query: settings.query,
      units,
      ...payloadSettings(plan),
      ...(settings.holdoutColumn === null ? {} : { holdout: { column: settings.holdoutColumn } }),
    },
    engine: simulatedEngine,
    approval: settings.approval,
  };
  await mkdir(directory, { recursive: true });
  await writeFileAtomically(join(directory, 'site.yaml'), stringify(config, { lineWidth: 120 }));
}

/** Where `writePatients` puts what the plan reads beside the rows. */
function payloadSettings({ data: { payload } }: Plan): object {
  if (payload === undefined) return {};
  if (payload.kind === 'images') return { images: { folder: 'data/images' } };
  return {
    series: { query: seriesQuery, units: Object.fromEntries(payload.channels.map(({ name, unit }) => [name, unit])) },
  };
}
