import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type SiteConfig, siteConfigSchema } from '../../../site-agent/config.ts';
import { readSiteData } from '../../../site-agent/data/load-site-data.ts';
import { problemMeanings, problemRemedies } from '../../../site-agent/data/problems.ts';
import { csvText, temporaryDirectory } from '../../support/heart-site.ts';
import { imagePlan, seriesPlan } from '../../support/payload-plans.ts';

const page = readFileSync(new URL('../../../docs/data.md', import.meta.url), 'utf8');
const configs = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(
  ([, text]): SiteConfig => siteConfigSchema.parse(parse(text as string)),
);
const { cases } = JSON.parse(readFileSync(new URL('../../reference/images.json', import.meta.url), 'utf8')) as {
  readonly cases: Readonly<Record<string, { readonly file: string }>>;
};
const png = Buffer.from(cases['png grey']?.file ?? '', 'base64');

let folder: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  folder = temporaryDirectory();
  mkdirSync(join(folder.path, 'data', 'images'), { recursive: true });
});
afterEach(() => folder.remove());
const put = (name: string, content: string | Uint8Array): void =>
  writeFileSync(join(folder.path, 'data', name), content);

describe('docs/data.md', () => {
  it('lists every problem of a row as the check prints it', () => {
    for (const [rule, meaning] of Object.entries(problemMeanings)) {
      expect(page).toContain(`| \`${rule}\` | ${meaning} | ${problemRemedies[rule as keyof typeof problemRemedies]} |`);
    }
  });

  it('has a configuration for tables, series, and images by list and by folder', () => {
    expect(configs.map(({ data }) => [data.series !== undefined, data.images !== undefined])).toEqual([
      [false, false],
      [true, false],
      [false, true],
      [false, true],
    ]);
  });

  it('shows a series query that reads times, drops artefacts and sorts', async () => {
    const data = configs[1]?.data as SiteConfig['data'];
    const sql = (text: string): string => text.replaceAll('.parquet', '.csv');
    put(
      'stays.csv',
      csvText(
        [1, 2].map((n) => ({ patient: `p${n}`, stay: n, admitted: `2023-01-0${n} 10:00:00`, age: 50, died: n % 2 })),
      ),
    );
    put(
      'measurements.csv',
      csvText(
        [
          [2, '2023-01-02 11:10:00', 100, 2],
          [1, '2023-01-01 10:30:00', 90, 900],
          [2, '2023-01-02 09:00:00', 50, 1],
          [2, '2023-01-02 11:50:00', 110, null],
        ].map(([stay, at, pulse, lactate]) => ({
          stay: stay as number,
          admitted: `2023-01-0${stay} 10:00:00`,
          measured_at: at as string,
          pulse: pulse as number,
          lactate: lactate as number | null,
        })),
      ),
    );
    const plan = seriesPlan({ data: { label: { name: 'died', levels: ['0', '1'] } } });
    const found = await readSiteData(
      folder.path,
      {
        ...data,
        query: sql(data.query ?? ''),
        series: { units: {}, ...data.series, query: sql(data.series?.query ?? '') },
      },
      plan.data,
      Date.UTC(2026, 0, 1),
    );
    expect(found.loaded.problems.rows).toBe(0);
    // Pulse (x - 80) / 20 and lactate (x - 1) / 2: 90 in the first hour; 105 and 2 in the second.
    expect([...(found.table.payload?.values ?? [])]).toEqual([
      ...[0.5, 0, 0.5, 0, 0.5, 0, 0.5, 0],
      ...[0, 0, 1.25, 0.5, 1.25, 0.5, 1.25, 0.5],
    ]);
  });

  it('shows an image folder with a list, and one with a subfolder a class', async () => {
    const finding = { label: { name: 'finding', levels: ['absent', 'present'] } };
    put('images/a.png', png);
    put('images.csv', 'patient,taken,file,finding\np1,2023-01-01,a.png,present\n');
    const listed = imagePlan({ data: { ...finding, time: 'taken' } });
    const list = await readSiteData(
      folder.path,
      configs[2]?.data as SiteConfig['data'],
      listed.data,
      Date.UTC(2026, 0, 1),
    );
    expect([list.table.rows, list.loaded.problems.rows]).toEqual([1, 0]);
    for (const name of ['absent/p1_left.png', 'present/p2_left.png']) {
      mkdirSync(join(folder.path, 'data', 'images', name.split('/')[0] as string));
      put(`images/${name}`, png);
    }
    const classes = imagePlan({ data: { ...finding, time: null, trainingCutoff: null } });
    const found = await readSiteData(
      folder.path,
      configs[3]?.data as SiteConfig['data'],
      classes.data,
      Date.UTC(2026, 0, 1),
    );
    expect(found.table.patientKeys).toEqual(['p1', 'p2']);
    expect([...found.table.labels]).toEqual([0, 1]);
  });
});
