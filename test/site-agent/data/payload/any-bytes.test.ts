import { mkdirSync, writeFileSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { siteConfigSchema } from '../../../../site-agent/config.ts';
import { DataError } from '../../../../site-agent/data/data-error.ts';
import { readSiteData } from '../../../../site-agent/data/load-site-data.ts';
import { imageBytes } from '../../../../site-agent/data/payload/image-bytes.ts';
import { problemMeanings } from '../../../../site-agent/data/problems.ts';
import { temporaryDirectory } from '../../../support/heart-site.ts';
import { imagePlan, seriesPlan } from '../../../support/payload-plans.ts';

let folder: ReturnType<typeof temporaryDirectory>;
beforeAll(() => {
  folder = temporaryDirectory();
  mkdirSync(join(folder.path, 'images', 'deep', 'deeper'), { recursive: true });
  for (const name of ['a.png', 'deep/a.png', 'deep/deeper/a.png']) put(`images/${name}`, 'inside');
  put('a.png', 'outside');
  put('images-beside.png', 'outside');
  put(
    'stays.csv',
    'patient,stay,admitted,age,disease,file\np1,s1,2023-01-01,50,1,a.png\np2,s2,2024-01-01,60,0,b.png\n',
  );
  put('measured.csv', 'stay,minute,pulse,lactate\ns1,0,80,1\ns2,5,90,2\n');
});
afterAll(() => folder.remove());
const put = (name: string, bytes: string | Uint8Array): void => writeFileSync(join(folder.path, name), bytes);

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.string({ unit: 'binary', maxLength: 120 }).map((text) => Buffer.from(text)),
  fc
    .array(
      fc.constantFrom('stay', 'minute', 'pulse', 'lactate', ',', '\n', '"', ';', '1', '-1', '9e999', 's1', '\0', '\r'),
      {
        maxLength: 60,
      },
    )
    .map((words) => Buffer.from(words.join(''))),
  fc.uint8Array({ maxLength: 200 }).map((body) => Buffer.concat([Buffer.from('PAR1'), body, Buffer.from('PAR1')])),
);

/** Whether reading ends as it may: in rows of the plan's form, or in an error of the closed list. */
async function ends(stays: string, measured: string): Promise<void> {
  const plan = seriesPlan({ data: { maximumProblemShare: 1 } });
  const { data } = siteConfigSchema.parse({
    wardround: 'site/1',
    data: {
      query: `SELECT * FROM ${stays}`,
      units: { age: 'years' },
      series: { query: `SELECT * FROM ${measured}`, units: { pulse: '1/min', lactate: 'mmol/L' } },
    },
  });
  const result = await readSiteData(folder.path, data, plan.data, Date.UTC(2026, 0, 1)).catch(
    (error: unknown) => error,
  );
  if (result instanceof Error) expect(result).toBeInstanceOf(DataError);
  else {
    const { table } = result as Awaited<ReturnType<typeof readSiteData>>;
    expect(table.payload?.values.length).toBe(table.rows * 8);
    expect(table.payload?.values.every((value) => Number.isFinite(value))).toBe(true);
  }
}

describe('any bytes', () => {
  it('as the rows, or as the series, in CSV and Parquet, end in a known error or in rows', async () => {
    await fc.assert(
      fc.asyncProperty(bytes, fc.constantFrom('csv', 'parquet'), fc.boolean(), async (content, ending, asRows) => {
        put(`any.${ending}`, content);
        if (asRows) await ends(`'any.${ending}'`, "'measured.csv'");
        else await ends("'stays.csv'", `'any.${ending}'`);
      }),
      { numRuns: 80, seed: 21 },
    );
  });

  it('as an image end in a problem of the row', async () => {
    const plan = imagePlan({ data: { maximumProblemShare: 1 } });
    const { data } = siteConfigSchema.parse({
      wardround: 'site/1',
      data: { query: "SELECT * FROM 'stays.csv'", images: { folder: 'images' } },
    });
    await fc.assert(
      fc.asyncProperty(bytes, async (content) => {
        put('images/b.png', content);
        const { loaded, table } = await readSiteData(folder.path, data, plan.data, Date.UTC(2026, 0, 1));
        expect(table.rows).toBe(0);
        expect(loaded.problems.rows).toBe(2);
        for (const { rule } of loaded.problems.listed) expect(problemMeanings[rule]).toBeTypeOf('string');
      }),
      { numRuns: 30, seed: 22 },
    );
  });

  it('as a file name read nothing outside the folder', async () => {
    const real = await realpath(join(folder.path, 'images'));
    const step = fc.constantFrom(
      '..',
      '.',
      '',
      'deep',
      'deeper',
      'a.png',
      '/',
      '\\',
      '\0',
      'C:',
      '~',
      ' ',
      'images-beside.png',
      folder.path,
    );
    const name = fc.oneof(
      fc.array(step, { maxLength: 6 }).map((steps) => steps.join('/')),
      fc.array(step, { maxLength: 6 }).map((steps) => steps.join('')),
      fc.string({ maxLength: 30 }),
    );
    const rules: string[] = [];
    await fc.assert(
      fc.asyncProperty(name, async (asked) => {
        const found = await imageBytes(real, asked);
        if ('value' in found) expect(found.value.toString()).toBe('inside');
        else rules.push(found.rule);
      }),
      {
        numRuns: 1500,
        seed: 23,
        examples: [['../a.png'], ['../images-beside.png'], ['deep/../../a.png'], ['deep/a.png'], ['/etc/passwd']],
      },
    );
    expect(new Set(rules)).toEqual(new Set(['image_name', 'image_missing', 'image_unreadable']));
  });
});
