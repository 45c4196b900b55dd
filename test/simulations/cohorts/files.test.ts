import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { readHeartFiles } from '../../../simulations/cohorts/heart-files.ts';
import { readSiteColumnCsv } from '../../../simulations/cohorts/site-column.ts';
import { SimulationError } from '../../../simulations/simulation-error.ts';

const published = join(
  process.env.WARDROUND_DATA ?? fileURLToPath(new URL('../../../../shared/data', import.meta.url)),
  'heart-disease',
);
const folder = mkdtempSync(join(tmpdir(), 'wardround-cohort-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof SimulationError) return error.code;
    throw error;
  }
  return 'nothing thrown';
}

describe('the published heart-disease files', () => {
  it.skipIf(!existsSync(published))(
    'are read whole, with the split where it speaks and its share elsewhere (needs ../shared/data/heart-disease)',
    () => {
      const sites = readHeartFiles(published);
      // wc -l processed.{cleveland,hungarian,switzerland,va}.data  →  303, 294, 123, 200
      expect(sites.map(({ site, rows }) => [site, rows.length])).toEqual([
        ['cleveland', 303],
        ['hungarian', 294],
        ['switzerland', 123],
        ['long-beach', 200],
      ]);
      const judging = sites.map(({ rows }) => rows.filter((row) => row.at(-1) === '1').length);
      // grep -c 'cleveland,.*,test' flamby-split.csv  →  104; all its rows are complete, so the split alone decides there.
      expect(judging[0]).toBe(104);
      for (const [index, { rows }] of sites.entries()) {
        expect(Math.abs((judging[index] as number) / rows.length - 0.34)).toBeLessThan(0.06);
      }
      // First line of processed.hungarian.data: 28,1,2,130,132,0,2,185,0,0,?,?,?,0
      expect(sites[1]?.rows[0]?.slice(0, 12)).toEqual([
        'hungarian-000',
        '28',
        '1',
        '2',
        '130',
        '132',
        '0',
        '2',
        '185',
        '0',
        '0',
        '0',
      ]);
    },
  );

  it('are refused when one is missing or has another form', () => {
    expect(codeOf(() => readHeartFiles(join(folder, 'nothing')))).toBe('cohort_file_missing');
    writeFileSync(join(folder, 'processed.cleveland.data'), '63,1,1,145,233,1,2,150,0,2.3,3,0,6\n');
    expect(codeOf(() => readHeartFiles(folder))).toBe('cohort_invalid');
    writeFileSync(join(folder, 'processed.cleveland.data'), '63,1,1,145,233,1,2,150,0,2.3,3,0,6,?\n');
    expect(() => readHeartFiles(folder)).toThrow(/line 1: the last cell is "\?"/);
  });
});

describe('a CSV file with a site column', () => {
  it('gives each site its rows without that column', () => {
    const path = join(folder, 'all.csv');
    writeFileSync(path, 'hospital,age,outcome\nnorth,50,1\nsouth,60,0\nnorth,70,0\n');
    expect(readSiteColumnCsv(path, 'hospital')).toEqual([
      {
        site: 'north',
        header: ['age', 'outcome'],
        rows: [
          ['50', '1'],
          ['70', '0'],
        ],
      },
      { site: 'south', header: ['age', 'outcome'], rows: [['60', '0']] },
    ]);
  });

  it.each([
    ['ward,age\nnorth,50\n', /no column "hospital"/],
    ['hospital,age\nNorth Wing,50\n', /row 1: "North Wing" is no site name/],
    ['hospital,age\nnorth,50\nsouth\n', /row 2: 1 cells/],
    ['hospital,age\n', /holds no rows/],
  ])('is refused by name: %j', (text, message) => {
    const path = join(folder, 'bad.csv');
    writeFileSync(path, text);
    expect(() => readSiteColumnCsv(path, 'hospital')).toThrow(message);
    expect(codeOf(() => readSiteColumnCsv(path, 'hospital'))).toBe('cohort_invalid');
  });

  it('is refused when it is not there', () => {
    expect(codeOf(() => readSiteColumnCsv(join(folder, 'none.csv'), 'hospital'))).toBe('cohort_file_missing');
  });
});
