import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomStream } from '../../shared/runtime/random.ts';
import { type SiteConfig, siteConfigSchema } from '../../site-agent/config.ts';

export type HeartRow = Record<string, string | number | null>;

/** Units of `heartPlan`'s numeric columns. */
export const heartUnits = {
  age: 'years',
  resting_pressure: 'mmHg',
  cholesterol: 'mg/dL',
  maximum_rate: '1/min',
  st_depression: 'mm',
} as const;

/** Synthetic rows under `heartPlan`: one a patient, dates over 2023 and 2024, so that about half lie before its cut-off. */
export function heartRows(count: number, seed = 1): HeartRow[] {
  const random = randomStream(seed, 'heart rows');
  const pick = <Value>(values: readonly Value[]): Value => values[random.integer(values.length)] as Value;
  return Array.from({ length: count }, (_, index) => {
    const age = Math.round(55 + 9 * random.normal());
    const sex = pick(['female', 'male']);
    const pain = pick(['asymptomatic', 'typical', 'atypical', 'non_anginal']);
    const depression = Math.round(10 * Math.abs(random.normal())) / 10;
    const score = -1 + 0.05 * (age - 55) + (sex === 'male' ? 1 : 0) + (pain === 'asymptomatic' ? 1.5 : 0) + depression;
    return {
      patient: `p${index}`,
      admitted: new Date(Date.UTC(2023, 0, 1) + random.integer(730) * 86_400_000).toISOString().slice(0, 10),
      age: Math.min(100, Math.max(20, age)),
      sex,
      chest_pain: pain,
      resting_pressure: Math.round(130 + 15 * random.normal()),
      cholesterol: random.uniform() < 0.1 ? null : Math.round(245 + 40 * random.normal()),
      fasting_sugar_high: random.uniform() < 0.15 ? 1 : 0,
      resting_ecg: pick(['normal', 'st_t', 'hypertrophy']),
      maximum_rate: Math.round(150 + 20 * random.normal()),
      exercise_angina: random.uniform() < 0.3 ? 1 : 0,
      st_depression: depression,
      disease: random.uniform() < 1 / (1 + Math.exp(-score)) ? 1 : 0,
    };
  });
}

export function csvText(rows: readonly HeartRow[]): string {
  const heads = Object.keys(rows[0] ?? {});
  const lines = rows.map((row) => heads.map((head) => row[head] ?? '').join(','));
  return `${[heads.join(','), ...lines].join('\n')}\n`;
}

/** A folder of its own under the system's temporary folder. */
export function temporaryDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'wardround-site-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A site directory whose query reads `data/patients.csv`, and its configuration. */
export function writeHeartSite(
  directory: string,
  rows: readonly HeartRow[],
  overrides: { readonly data?: object; readonly config?: object } = {},
): SiteConfig {
  mkdirSync(join(directory, 'data'), { recursive: true });
  writeFileSync(join(directory, 'data', 'patients.csv'), csvText(rows));
  return siteConfigSchema.parse({
    wardround: 'site/1',
    engine: 'onnx',
    ...overrides.config,
    data: { query: "SELECT * FROM 'data/patients.csv'", units: { ...heartUnits }, ...overrides.data },
  });
}
