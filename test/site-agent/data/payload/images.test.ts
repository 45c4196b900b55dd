import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ImagePayload } from '../../../../shared/plan/payload.ts';
import { type SiteConfig, siteConfigSchema } from '../../../../site-agent/config.ts';
import { checkSiteData } from '../../../../site-agent/data/check-report.ts';
import { loadSiteData, readSiteData } from '../../../../site-agent/data/load-site-data.ts';
import { decodeImage } from '../../../../site-agent/data/payload/decode-image.ts';
import { fileSource } from '../../../../site-agent/data/row-source.ts';
import type { SiteTable } from '../../../../site-agent/data/site-table.ts';
import { csvText, type HeartRow, temporaryDirectory } from '../../../support/heart-site.ts';
import { imagePlan } from '../../../support/payload-plans.ts';
import { sinkInto } from '../../../support/row-sink.ts';

const { cases } = JSON.parse(readFileSync(new URL('../../../reference/images.json', import.meta.url), 'utf8')) as {
  readonly cases: Readonly<Record<string, { readonly file: string; readonly grey: number[] }>>;
};
const greyOf = (name: string): number[] => cases[name]?.grey ?? [];
const bytesOf = (name: string): Buffer => Buffer.from(cases[name]?.file ?? '', 'base64');
const forms = ['png grey', 'png colour', 'png palette', 'png 1 bit'];

let folder: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  folder = temporaryDirectory();
  mkdirSync(join(folder.path, 'images', 'deep'), { recursive: true });
  mkdirSync(join(folder.path, 'data'));
});
afterEach(() => folder.remove());

const plan = imagePlan({ data: { maximumProblemShare: 0.5 } });
const put = (name: string, bytes: Uint8Array | string): void => writeFileSync(join(folder.path, 'images', name), bytes);
const row = (index: number, file: string | null, more: HeartRow = {}): HeartRow => ({
  patient: `p${index}`,
  admitted: index % 2 === 0 ? '2023-05-01' : '2024-05-01',
  file,
  disease: index % 3 === 0 ? 1 : 0,
  ...more,
});

/** So many sound rows of files 0.png, 1.png, ... */
function soundRows(count: number): HeartRow[] {
  return Array.from({ length: count }, (_, index) => {
    put(`${index}.png`, bytesOf(forms[index % forms.length] as string));
    return row(index, `${index}.png`);
  });
}

function config(rows: readonly HeartRow[], data: object = {}): SiteConfig['data'] {
  writeFileSync(join(folder.path, 'data', 'patients.csv'), csvText(rows));
  return siteConfigSchema.parse({
    wardround: 'site/1',
    data: { query: "SELECT * FROM 'data/patients.csv'", images: { folder: 'images' }, ...data },
  }).data;
}

describe('an image folder', () => {
  it('gives every row the bytes of its image, and the columns computed from it', async () => {
    const rows = soundRows(21);
    const { table, loaded } = await loadSiteData(folder.path, config(rows), plan, Date.UTC(2026, 0, 1));
    expect(loaded.problems.rows).toBe(0);
    expect(table.payload).toMatchObject({ kind: 'images', shape: [1, 4, 6] });
    const values = table.payload?.values as Uint8Array;
    expect(values).toBeInstanceOf(Uint8Array);
    for (let index = 0; index < 21; index++) {
      const expected = cases[forms[index % forms.length] as string]?.grey as number[];
      expect([...values.subarray(index * 24, index * 24 + 24)]).toEqual(expected);
      const mean = expected.reduce((sum, pixel) => sum + pixel, 0) / 24;
      expect(table.columns[0]?.values[index]).toBeCloseTo(mean, 10);
    }
  });

  it('reads a folder with a subfolder a class through a query over its listing', async () => {
    for (const [index, label] of ['0', '1', '1', '0'].entries()) {
      mkdirSync(join(folder.path, 'images', label), { recursive: true });
      put(`${label}/p${index}_x.png`, bytesOf('png grey'));
    }
    const query = `SELECT regexp_extract(file, 'images/(.*)$', 1) AS file,
        split_part(file, '/', -2) AS disease,
        regexp_extract(file, '([^/_]+)_[^/]*$', 1) AS patient
      FROM glob('images/*/*.png')`;
    const listing = imagePlan({ data: { time: null, trainingCutoff: null } });
    const found = await readSiteData(
      folder.path,
      config([], { query, holdout: { share: 0.5, seed: 3 } }),
      listing.data,
      Date.UTC(2026, 0, 1),
    );
    expect(found.table.rows).toBe(4);
    expect([...found.table.patientKeys].sort()).toEqual(['p0', 'p1', 'p2', 'p3']);
    for (const [place, key] of found.table.patientKeys.entries()) {
      expect(found.table.labels[place]).toBe(['p1', 'p2'].includes(key) ? 1 : 0);
    }
  });

  it('lists what is wrong with each file, row by row, and goes on with the others', async () => {
    const rows = soundRows(30);
    const large = bytesOf('png colour');
    put('broken.png', large.subarray(0, large.length - 30));
    put('text.png', 'This is no image.');
    put('faint.png', bytesOf('png colour with a faint pixel'));
    put('deep16.png', bytesOf('png 16 bits'));
    put('upright.jpg', Buffer.from(bytesOf('jpeg orientation 6')));
    put('huge.png', Buffer.concat([bytesOf('png grey'), Buffer.alloc(33 * 1024 * 1024)]));
    writeFileSync(join(folder.path, 'outside.png'), bytesOf('png grey'));
    symlinkSync(join(folder.path, 'outside.png'), join(folder.path, 'images', 'link.png'));
    symlinkSync('1.png', join(folder.path, 'images', 'alias.png'));
    mkdirSync(join(folder.path, 'images', 'folder.png'));
    execFileSync('mkfifo', [join(folder.path, 'images', 'pipe.png')]);
    const faults: readonly (readonly [string | null, string])[] = [
      ['broken.png', 'image_broken'],
      ['text.png', 'image_format'],
      ['faint.png', 'image_transparent'],
      ['deep16.png', 'image_depth'],
      ['huge.png', 'image_too_large'],
      ['absent.png', 'image_missing'],
      ['../outside.png', 'image_name'],
      [join(folder.path, 'outside.png'), 'image_name'],
      ['deep\\1.png', 'image_name'],
      ['link.png', 'image_outside'],
      ['folder.png', 'image_unreadable'],
      ['pipe.png', 'image_unreadable'],
      [null, 'payload_key_missing'],
      ['3.png', 'payload_repeated'],
    ];
    const all = [
      ...rows,
      ...faults.map(([file], index) => row(100 + index, file)),
      row(200, 'alias.png'),
      row(201, 'upright.jpg', { disease: null }),
    ];
    const data = await readSiteData(folder.path, config(all), plan.data, Date.UTC(2026, 0, 1));
    expect(data.table.rows).toBe(32);
    expect(data.loaded.problems.rows).toBe(faults.length);
    const listed = data.loaded.problems.listed.map(({ row: number, column, rule, value }) => [
      number,
      column,
      rule,
      value,
    ]);
    expect(listed).toEqual(
      faults.map(([file, rule], index) => {
        const shown = file !== null && file.length > 60 ? `${file.slice(0, 57)}...` : file;
        return [31 + index, 'file', rule, shown];
      }),
    );
    expect(data.loaded.rowsWithoutOutcome).toEqual([46]);
    // Rows moved up keep their own image.
    const alias = data.table.patientKeys.indexOf('p200');
    const values = data.table.payload?.values as Uint8Array;
    expect([...values.subarray(alias * 24, alias * 24 + 24)]).toEqual(cases['png colour']?.grey);
    expect(values.length).toBe(32 * 24);
  });

  it('says in the check what to do, which files have no row, and when too many are unfit', async () => {
    const rows = soundRows(10);
    put('stray.png', bytesOf('png grey'));
    put('deep/notes.txt', 'no image');
    const wide = imagePlan({ payload: { width: 8 } });
    const check = await checkSiteData(folder.path, config(rows.slice(1)), wide.data, 1, Date.now());
    expect(check.refusal?.code).toBe('data.too_many_problems');
    expect(check.problems.counts).toEqual([{ column: 'file', rule: 'image_size', rows: 9 }]);
    expect(check.problems.listed[0]).toEqual({
      row: 1,
      column: 'file',
      rule: 'image_size',
      value: '1.png',
      where: '6 x 4, not 8 x 4',
    });
    expect(check.notes.join('\n')).toContain(
      'Image files that belong to no row of the query, have no outcome and are not read: 2 (0.png, stray.png).',
    );
  });

  it('lists names as they can be read, and those that only look like a file there is', async () => {
    const rows = soundRows(10);
    put('empty.png', '');
    // Decomposed on disk, as macOS writes it, and composed in the list.
    put('Ro\u0308ntgen.png', bytesOf('png grey'));
    put('stray\n\u001b[2J.png', bytesOf('png grey'));
    const odd = ['R\u00f6ntgen.png', 'esc\u001b]0;x\u0007.png', 'right\u202egnp.png', 'empty.png'];
    const { problems, payload } = (
      await readSiteData(
        folder.path,
        config([...rows, ...odd.map((file, index) => row(100 + index, file))]),
        plan.data,
        Date.UTC(2026, 0, 1),
      )
    ).loaded;
    expect(problems.listed.map(({ rule, value, where }) => [rule, value, where])).toEqual([
      [
        'image_missing',
        'R\u00f6ntgen.png',
        'there is one whose letters with marks are written in the form NFD of Unicode',
      ],
      ['image_missing', 'esc\\u{1b}]0;x\\u{7}.png', undefined],
      ['image_missing', 'right\\u{202e}gnp.png', undefined],
      ['image_broken', 'empty.png', 'an empty file'],
    ]);
    expect(payload?.withoutRow).toBe(2);
    const check = await checkSiteData(folder.path, config(rows), plan.data, 1, Date.now());
    expect(check.notes.join('')).toContain('stray\\u{a}\\u{1b}[2J.png');
  });

  it('holds computed columns to their range', async () => {
    const dark = imagePlan({
      data: {
        maximumProblemShare: 1,
        columns: [{ ...imagePlan().data.columns[0], range: [0, 100], edges: [50] }],
      },
    });
    const data = await readSiteData(folder.path, config(soundRows(8)), dark.data, Date.UTC(2026, 0, 1));
    const means = forms.map((form) => greyOf(form).reduce((sum, pixel) => sum + pixel, 0) / 24);
    const fits = means.map((mean) => mean <= 100);
    expect(data.table.rows).toBe(2 * fits.filter(Boolean).length);
    expect(data.loaded.problems.counts).toEqual([
      { column: 'brightness', rule: 'out_of_range', rows: 8 - data.table.rows },
    ]);
    expect(data.loaded.outOfRange.get('brightness')?.values.length).toBe(8 - data.table.rows);
  });

  it('refuses a site without a folder, or with one that is not there', async () => {
    const rows = soundRows(3);
    await expect(
      loadSiteData(folder.path, config(rows, { images: undefined }), plan, Date.UTC(2026, 0, 1)),
    ).rejects.toMatchObject({
      code: 'payload_source_missing',
      details: { path: 'data.images' },
    });
    await expect(
      loadSiteData(folder.path, config(rows, { images: { folder: 'no' } }), plan, Date.UTC(2026, 0, 1)),
    ).rejects.toMatchObject({
      code: 'image_folder_missing',
    });
  });

  it('comes in parts for scoring, each with its own images', async () => {
    const rows = soundRows(10);
    config(rows);
    const parts: SiteTable[] = [];
    const source = fileSource(join(folder.path, 'data', 'patients.csv'), { images: join(folder.path, 'images') });
    await source.read(plan.data, sinkInto(parts));
    expect(parts.reduce((sum, { rows: count }) => sum + count, 0)).toBe(10);
    for (const { payload, rows: count } of parts) expect(payload?.values.length).toBe(count * 24);
  });

  it('stops when it is told to', async () => {
    const stop = new AbortController();
    stop.abort(new Error('stopped'));
    await expect(
      loadSiteData(folder.path, config(soundRows(4)), plan, Date.UTC(2026, 0, 1), stop.signal),
    ).rejects.toThrow('stopped');
  });

  it('turns colour into three planes', async () => {
    const decoded = await decodeImage(bytesOf('png grey'), {
      ...(plan.data.payload as ImagePayload),
      channels: 3,
    });
    const pixels = cases['png grey']?.grey as number[];
    expect('value' in decoded && [...decoded.value]).toEqual([...pixels, ...pixels, ...pixels]);
  });
});
