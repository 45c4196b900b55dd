import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Plan } from '../../../../shared/plan/plan.ts';
import { randomStream } from '../../../../shared/runtime/random.ts';
import { type SiteConfig, siteConfigSchema } from '../../../../site-agent/config.ts';
import { checkSiteData } from '../../../../site-agent/data/check-report.ts';
import { DataError, type DataErrorCode } from '../../../../site-agent/data/data-error.ts';
import { loadSiteData, readSiteData, type SiteData } from '../../../../site-agent/data/load-site-data.ts';
import { fileSource, schemaDigest } from '../../../../site-agent/data/row-source.ts';
import type { SiteTable } from '../../../../site-agent/data/site-table.ts';
import { csvText, type HeartRow, temporaryDirectory } from '../../../support/heart-site.ts';
import { seriesPlan } from '../../../support/payload-plans.ts';
import { sinkInto } from '../../../support/row-sink.ts';

let folder: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  folder = temporaryDirectory();
  mkdirSync(join(folder.path, 'data'));
});
afterEach(() => folder.remove());

const plan = seriesPlan({ data: { maximumProblemShare: 1 } });
const stays = (count: number): HeartRow[] =>
  Array.from({ length: count }, (_, index) => ({
    patient: `p${index}`,
    stay: `s${index}`,
    admitted: index % 2 === 0 ? '2023-05-01' : '2024-05-01',
    age: 40 + index,
    disease: index % 3 === 0 ? 1 : 0,
  }));
const at = (
  stay: string | null,
  minute: string | number | null,
  pulse: string | number | null,
  lactate: string | number | null = null,
): HeartRow => ({ stay, minute, pulse, lactate });

function config(rows: readonly HeartRow[], measured: readonly HeartRow[], series: object = {}): SiteConfig['data'] {
  writeFileSync(join(folder.path, 'data', 'stays.csv'), csvText(rows));
  writeFileSync(join(folder.path, 'data', 'measured.csv'), csvText(measured));
  return siteConfigSchema.parse({
    wardround: 'site/1',
    data: {
      query: "SELECT * FROM 'data/stays.csv'",
      units: { age: 'years' },
      series: {
        query: "SELECT * FROM read_csv('data/measured.csv', all_varchar = true)",
        units: { pulse: '1/min', lactate: 'mmol/L' },
        ...series,
      },
    },
  }).data;
}

const read = (rows: readonly HeartRow[], measured: readonly HeartRow[], under: Plan = plan): Promise<SiteData> =>
  readSiteData(folder.path, config(rows, measured), under.data, Date.UTC(2026, 0, 1));

const valuesOf = ({ table }: { readonly table: SiteTable }, row: number): number[] => {
  const size = (table.payload?.shape ?? []).reduce((product, length) => product * length, 1);
  return Array.from(table.payload?.values.subarray(row * size, (row + 1) * size) ?? []);
};

/** Measurements at random minutes, some of them empty, those of a stay together. */
function randomMeasurements(count: number, seed: number): HeartRow[] {
  const random = randomStream(seed, 'measurements');
  return Array.from({ length: count }, (_, stay) =>
    Array.from({ length: random.integer(9) + 1 }, () =>
      at(
        `s${stay}`,
        Math.round(random.uniform() * 2600) / 10,
        random.uniform() < 0.3 ? null : Math.round(80 + 10 * random.normal()),
        random.uniform() < 0.6 ? null : Math.round(20 * random.uniform()) / 10,
      ),
    ),
  ).flat();
}

describe('series on the grid', () => {
  it('are what DuckDB makes of them with averages and last values, from CSV and Parquet alike', async () => {
    const rows = stays(60);
    const measured = randomMeasurements(60, 3);
    const observed = seriesPlan({ payload: { observed: true }, data: { maximumProblemShare: 1 } });
    const csv = await read(rows, measured, observed);
    expect(csv.loaded.problems.rows).toBe(0);
    expect(csv.table.payload?.shape).toEqual([4, 4]);

    const source = join(folder.path, 'data', 'measured.csv');
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    await connection.run(`COPY (SELECT * FROM '${source}') TO '${join(folder.path, 'data', 'measured.parquet')}'`);
    const result = await connection.runAndReadAll(`
      WITH means AS (
        SELECT stay, floor(minute / 60)::INT AS step, avg(pulse) AS pulse, avg(lactate) AS lactate
        FROM '${source}' WHERE minute < 240 GROUP BY ALL),
      grid AS (SELECT stay, step FROM (SELECT DISTINCT stay FROM '${source}'), range(4) AS steps(step)),
      laid AS (SELECT grid.stay, grid.step, pulse, lactate FROM grid LEFT JOIN means USING (stay, step))
      SELECT (coalesce(last_value(pulse IGNORE NULLS) OVER past, 80) - 80) / 20 AS a,
        (coalesce(last_value(lactate IGNORE NULLS) OVER past, 1) - 1) / 2 AS b,
        (pulse IS NOT NULL)::INT AS c, (lactate IS NOT NULL)::INT AS d
      FROM laid WINDOW past AS (PARTITION BY stay ORDER BY step)
      ORDER BY substr(stay, 2)::INT, step`);
    const expected = result.getRows().map((cells) => cells.map(Number));
    const summaries = await connection.runAndReadAll(`
      WITH means AS (
        SELECT stay, floor(minute / 60)::INT AS step, avg(pulse) AS pulse, avg(lactate) AS lactate
        FROM '${source}' WHERE minute < 240 GROUP BY ALL)
      SELECT any_value(substr(all_stays.stay, 2)::INT) AS place, avg(pulse), count(lactate)
      FROM (SELECT DISTINCT stay FROM '${source}') all_stays LEFT JOIN means USING (stay)
      GROUP BY all_stays.stay ORDER BY place`);
    connection.closeSync();
    instance.closeSync();
    expect([...(csv.table.payload?.values ?? [])]).toEqual(expected.flat().map((value) => Math.fround(value)));
    for (const [row, [, mean, count]] of summaries.getRows().entries()) {
      const found = csv.table.columns[1]?.values[row] as number;
      if (mean === null) expect(found).toBeNaN();
      else expect(found).toBeCloseTo(mean as number, 10);
      expect(csv.table.columns[2]?.values[row]).toBe(Number(count));
    }

    const parquet = await readSiteData(
      folder.path,
      config(rows, measured, { query: "SELECT * FROM 'data/measured.parquet'" }),
      observed.data,
      Date.UTC(2026, 0, 1),
    );
    expect(parquet.table).toEqual(csv.table);
  });

  it('are summed up by channel, of the series that were laid out', async () => {
    const data = await read(stays(3), [
      at('s0', 0, 100, 2),
      at('s0', 30, 110),
      at('s0', 180, 60),
      at('s1', 0, 90),
      at('s2', 0, 999),
    ]);
    // 8 steps: means 105, 60 and 90 of pulse, 2 of lactate.
    expect(data.loaded.payload?.channels).toEqual([
      { name: 'pulse', unit: '1/min', measuredShare: 3 / 8, range: { least: 60, mean: 85, largest: 105 } },
      { name: 'lactate', unit: 'mmol/L', measuredShare: 1 / 8, range: { least: 2, mean: 2, largest: 2 } },
    ]);
  });

  it('start with the normal value, carry the last on, and average inside a step', async () => {
    const data = await read(stays(2), [
      // Step 1 holds minutes 60 to 119.99: 100 and 110 are in it, 120 is not.
      at('s0', 60, 100),
      at('s0', 119.99, 110),
      at('s0', 120, 40),
      at('s0', 0, null, 5),
      at('s1', 239.9, null, 3),
    ]);
    expect(valuesOf(data, 0)).toEqual([0, 2, 1.25, 2, -2, 2, -2, 2]);
    expect(valuesOf(data, 1)).toEqual([0, 0, 0, 0, 0, 0, 0, 1]);
    expect(data.table.columns[1]?.values[0]).toBe((105 + 40) / 2);
    expect(data.table.columns[1]?.values[1]).toBeNaN();
    expect([...(data.table.columns[2]?.values ?? [])]).toEqual([1, 1]);
  });

  it('put a minute with a fraction into the step that it begins', async () => {
    const read4 = async (stepMinutes: number, minutes: readonly (string | number)[]): Promise<number[]> => {
      const under = seriesPlan({ payload: { stepMinutes, steps: 8 }, data: { maximumProblemShare: 1 } });
      const data = await read(
        stays(1),
        minutes.map((minute, place) => at('s0', minute, 100 + 20 * place)),
        under,
      );
      return valuesOf(data, 0).filter((_, place) => place % 2 === 0);
    };
    // In doubles 0.3 / 0.1, 0.6 / 0.1 and 0.7 / 0.1 are below 3, 6 and 7.
    expect(await read4(0.1, ['0.0', '0.3', '0.6', '0.7'])).toEqual([1, 1, 1, 2, 2, 2, 3, 4]);
    // The second step of 0.7 minutes ends before 1.4, and not at it.
    expect(await read4(0.7, ['0.699999', '0.7', '1.399999', '1.4'])).toEqual([1, 2.5, 4, 4, 4, 4, 4, 4]);
  });

  it('take keys as numbers and as text, and the patient key where each patient has one stay', async () => {
    const numbered = stays(3).map((row, index) => ({ ...row, stay: index + 10 }));
    expect((await read(numbered, [at('10', 0, 90), at('11', 0, 90), at('12', 0, 90)])).table.rows).toBe(3);
    const own = seriesPlan({ payload: { key: 'patient' } });
    const measured = stays(3).map(({ patient }) => ({ patient: patient ?? null, minute: 5, pulse: 90, lactate: null }));
    expect((await read(stays(3), measured, own)).table.rows).toBe(3);
  });
});

describe('what is wrong with a series', () => {
  it('is listed by row with minute and place, and the row is left out', async () => {
    const rows: HeartRow[] = [
      ...stays(9),
      { ...(stays(10)[9] as HeartRow), stay: null },
      { ...(stays(11)[10] as HeartRow), stay: 's0' },
    ];
    const data = await read(rows, [
      at('s0', 10, 70),
      at('s1', 10, 400),
      at('s1', 20, 500),
      at('s1', 30, 90, 'high'),
      at('s2', 10, 'NaN'),
      at('s3', -5, 80),
      at('s4', 'noon', 80),
      at('s5', null, 80),
      at('s6', 500, 80),
      at(null, 5, 80),
      at('s9', 5, 80),
      at('s7', 0, 'Infinity'),
    ]);
    expect(data.table.rows).toBe(2);
    expect(data.table.patientKeys).toEqual(['p0', 'p6']);
    expect(
      data.loaded.problems.listed.map(({ row, column, rule, value, where }) => [row, column, rule, value, where]),
    ).toEqual([
      [2, 'pulse', 'out_of_range', '400', 'minute 10, row 2 of the series query, and 1 more'],
      [2, 'lactate', 'text_in_number', 'high', 'minute 30, row 4 of the series query'],
      [3, 'pulse', 'text_in_number', 'NaN', 'minute 10, row 5 of the series query'],
      [4, 'minute', 'minute_negative', '-5', 'minute -5, row 6 of the series query'],
      [5, 'minute', 'minute_invalid', 'noon', 'row 7 of the series query'],
      [6, 'minute', 'minute_invalid', null, 'row 8 of the series query'],
      [8, 'pulse', 'text_in_number', 'Infinity', 'minute 0, row 12 of the series query'],
      [9, 'stay', 'series_missing', 's8', undefined],
      [10, 'stay', 'payload_key_missing', null, undefined],
      [11, 'stay', 'payload_repeated', 's0', undefined],
    ]);
    expect(data.loaded.problems.rows).toBe(9);
    expect(data.loaded.payload).toMatchObject({ withoutRow: 1, firstWithoutRow: ['s9'], beyondEnd: 1, withoutKey: 1 });
    // Beyond the end is not read: nothing was measured of s6.
    expect(valuesOf(data, 1)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('not_finite where the source holds NaN or infinity as numbers', async () => {
    const query = `SELECT * FROM (VALUES ('s0', 0.0::DOUBLE, 'nan'::DOUBLE, NULL::DOUBLE), ('s1', 0.0, 'inf'::DOUBLE, NULL), ('s2', 0.0, 80.0, 1.0))
      AS measured(stay, minute, pulse, lactate)`;
    const data = await readSiteData(folder.path, config(stays(3), [], { query }), plan.data, Date.UTC(2026, 0, 1));
    expect(data.loaded.problems.listed.map(({ row, rule }) => [row, rule])).toEqual([
      [1, 'not_finite'],
      [2, 'not_finite'],
    ]);
    expect(data.table.rows).toBe(1);
  });

  it('series_sparse: more empty steps than the plan allows, and not at its share', async () => {
    const sparse = seriesPlan({ payload: { maximumMissingShare: 0.5 }, data: { maximumProblemShare: 1 } });
    const data = await read(
      stays(2),
      [at('s0', 0, 80), at('s0', 61, null, 1), at('s1', 0, 80), at('s1', 3, 82)],
      sparse,
    );
    expect(data.table.patientKeys).toEqual(['p0']);
    expect(data.loaded.problems.listed).toEqual([
      { row: 2, column: 'stay', rule: 'series_sparse', value: 's1', where: '75.0% of steps; 50.0% may' },
    ]);
  });

  it('computed columns are held to their rules', async () => {
    const columns = plan.data.columns.map((column) =>
      column.name === 'pulse_mean' ? { ...column, missing: 'forbid', range: [0, 85], edges: [70] } : column,
    );
    const strict = seriesPlan({ data: { columns, maximumProblemShare: 1 } });
    const data = await read(stays(3), [at('s0', 0, 84), at('s1', 0, 90), at('s2', 0, null, 1)], strict);
    expect(data.loaded.problems.listed.map(({ row, rule, column }) => [row, rule, column])).toEqual([
      [2, 'out_of_range', 'pulse_mean'],
      [3, 'missing', 'pulse_mean'],
    ]);
    expect([...(data.loaded.outOfRange.get('pulse_mean')?.values ?? [])]).toEqual([90]);
  });

  it('a minute that is an hour is asked about: it would put the whole series into the first step', async () => {
    const rows = stays(20);
    const notes = async (minutes: readonly number[]): Promise<string> => {
      const measured = rows.flatMap(({ stay }) =>
        minutes.map((minute) => at(stay as string, minute, 80 + minute / 10)),
      );
      return (await checkSiteData(folder.path, config(rows, measured), plan.data, 1, Date.now())).notes.join('\n');
    };
    expect(await notes([0, 1, 2, 3])).toContain(
      'Nothing was measured after minute 3 in any series, and the plan reads until minute 240: is minute in minutes?',
    );
    expect(await notes([0, 60, 120, 180])).not.toContain('Nothing was measured after');
  });

  it('shows in the check, with a unit that would mend it', async () => {
    const rows = stays(30);
    const measured = rows.map(({ stay }) => at(stay as string, 0, 80, 90));
    const glucose = plan.data.payload;
    const under = seriesPlan({
      data: {
        columns: plan.data.columns.slice(0, 2),
        payload: {
          ...glucose,
          channels: [
            { name: 'pulse', unit: '1/min', range: [0, 300], normal: 80, scale: 20 },
            { name: 'lactate', description: 'blood glucose', unit: 'mmol/L', range: [0, 40], normal: 5, scale: 2 },
          ],
        },
      },
    });
    const check = await checkSiteData(folder.path, config(rows, measured), under.data, 1, Date.now());
    expect(check.refusal?.code).toBe('data.too_many_problems');
    expect(check.notes.join('\n')).toContain('write in the series query: lactate * 0.0555074 AS lactate');
  });
});

describe('the series query', () => {
  async function refusal(code: DataErrorCode, series: object, measured: readonly HeartRow[] = []): Promise<string> {
    const error = await loadSiteData(folder.path, config(stays(2), measured, series), plan, Date.UTC(2026, 0, 1)).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).code).toBe(code);
    return (error as DataError).message;
  }

  it('series_scattered: the rows of a series must come together, known or not', async () => {
    const rows = [at('s0', 0, 80), at('s1', 0, 80), at('s0', 60, 80)];
    expect(await refusal('series_scattered', {}, rows)).toContain('ORDER BY stay');
    await refusal('series_scattered', {}, [at('x', 0, 80), at('s1', 0, 80), at('x', 60, 80)]);
    const sorted = { query: "SELECT * FROM read_csv('data/measured.csv', all_varchar = true) ORDER BY stay" };
    expect(
      (await loadSiteData(folder.path, config(stays(2), rows, sorted), plan, Date.UTC(2026, 0, 1))).table.rows,
    ).toBe(2);
  });

  it('goes through the same guards as the other', async () => {
    const messages = [
      await refusal('query_not_select', { query: "COPY (SELECT 1) TO 'x.csv'" }),
      await refusal('query_not_select', { query: 'SELECT 1; SELECT 2' }),
      await refusal('query_failed', { query: 'SELEKT' }),
      await refusal('file_missing', { query: "SELECT * FROM 'data/absent.csv'" }),
      await refusal('file_ambiguous', { query: "SELECT * FROM 'package.json'" }),
    ];
    for (const message of messages) expect(message).toMatch(/^The series query /);
    const sorted = 'SELECT md5(i::VARCHAR) AS stay FROM range(8000000) rows(i) ORDER BY stay';
    const little = { ...config(stays(2), [], { query: sorted }), memoryMegabytes: 200 };
    await expect(loadSiteData(folder.path, little, plan, Date.UTC(2026, 0, 1))).rejects.toMatchObject({
      code: 'out_of_memory',
      message: expect.stringMatching(/^The series query needs more memory than the 200 megabytes/),
    });
    expect(await refusal('query_file_missing', { query: undefined, queryFile: 'absent.sql' })).toContain(
      'data.series.queryFile',
    );
    expect(await refusal('missing_column', { query: 'SELECT 1 AS stay, 2 AS minute, 3 AS pulse' })).toContain(
      'lactate',
    );
  });

  it('declares its units, and is part of what tells one schema from another', async () => {
    expect(await refusal('unit_missing', { units: { pulse: '1/min' } })).toContain('data.series.units.lactate');
    expect(await refusal('wrong_unit', { units: { pulse: '1/min', lactate: 'mg/dL' } })).toContain('mmol/L');
    const one = config(stays(1), []);
    const other = config(stays(1), [], { units: { pulse: 'Hz', lactate: 'mmol/L' } });
    expect(schemaDigest(folder.path, one)).not.toBe(schemaDigest(folder.path, other));
  });

  it('payload_source_missing where site.yaml has none', async () => {
    const { series: _, ...without } = config(stays(1), []);
    await expect(loadSiteData(folder.path, without, plan, Date.UTC(2026, 0, 1))).rejects.toMatchObject({
      code: 'payload_source_missing',
    });
  });

  it('ends on any text in a problem or a number, never otherwise', async () => {
    const text = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.double().map(String),
      fc.constantFrom('', 'NULL', '1e999', '0x10'),
    );
    const clean = (cell: string): string => cell.replaceAll(/[\0\r\n",]/g, '');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(text, text, text), { minLength: 1, maxLength: 8 }), async (cells) => {
        const measured = cells.map(([minute, pulse, lactate]) => at('s0', clean(minute), clean(pulse), clean(lactate)));
        const loaded = await read(stays(1), measured).catch((error: unknown) => error);
        if (loaded instanceof Error) expect(loaded).toBeInstanceOf(DataError);
        else for (const value of (loaded as SiteData).table.payload?.values ?? []) expect(value).not.toBeNaN();
      }),
      { numRuns: 25, seed: 11 },
    );
  });
});

describe('rows in parts', () => {
  it('get their own series, from files a person names', async () => {
    const rows = stays(30);
    const measured = randomMeasurements(30, 5);
    const whole = await read(rows, measured);
    const parts: SiteTable[] = [];
    const path = (name: string): string => join(folder.path, 'data', name);
    const sink = sinkInto(parts);
    const passed = await fileSource(path('stays.csv'), { series: path('measured.csv') }).read(plan.data, sink);
    expect(passed.rowsRead).toBe(30);
    expect(parts.flatMap(({ payload }) => [...(payload?.values ?? [])])).toEqual([
      ...(whole.table.payload?.values ?? []),
    ]);
    // A name that DuckDB takes for a pattern, beside the file that the pattern means.
    writeFileSync(path('measured1.csv'), csvText([at('s0', 0, 1)]));
    writeFileSync(path("o'[*]?.csv"), csvText(rows.slice(0, 7)));
    writeFileSync(path('measured[1].csv'), csvText(measured));
    parts.length = 0;
    const odd = fileSource(path("o'[*]?.csv"), { series: path('measured[1].csv') });
    expect((await odd.read(plan.data, sink)).rowsRead).toBe(7);
    expect([...(parts[0]?.payload?.values ?? [])]).toEqual([...(whole.table.payload?.values.subarray(0, 7 * 8) ?? [])]);
    await expect(fileSource(path('stays.csv')).read(plan.data, sink)).rejects.toMatchObject({
      code: 'payload_source_missing',
    });
  });
});

describe('labels of survival tasks', () => {
  const survival = seriesPlan({
    data: {
      label: { name: 'days', event: 'died', unit: 'days', range: [0, 400] },
      maximumProblemShare: 1,
    },
    rest: { task: { kind: 'survival' } },
  });
  it('need time and event, or neither', async () => {
    const labels: readonly (readonly [number | string | null, number | string | null])[] = [
      [12, 1],
      [30.5, 0],
      [null, null],
      [0, 1],
      [500, 0],
      [7, null],
      [null, 1],
      [8, 2],
      [9, 'yes'],
    ];
    const rows = labels.map(([days, died], index) => ({ ...(stays(20)[index] as HeartRow), days, died }));
    const base = config(
      rows,
      labels.map((_, index) => at(`s${index}`, 0, 80)),
    );
    const data = await readSiteData(
      folder.path,
      { ...base, units: { ...base.units, days: 'days' } },
      survival.data,
      Date.UTC(2026, 0, 1),
    );
    expect([...data.table.labels]).toEqual([12, 30.5, Number.NaN, 9]);
    expect([...(data.table.events ?? [])]).toEqual([1, 0, Number.NaN, 1]);
    expect(data.loaded.problems.listed.map(({ row, column, rule }) => [row, column, rule])).toEqual([
      [4, 'days', 'label_out_of_range'],
      [5, 'days', 'label_out_of_range'],
      [6, 'died', 'label_incomplete'],
      [7, 'days', 'label_incomplete'],
      [8, 'died', 'label_invalid'],
    ]);
    expect(data.loaded.rowsWithoutOutcome).toEqual([3]);
  });
});
