import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Plan } from '../../../shared/plan/plan.ts';
import { errorFields } from '../../../shared/runtime/logger.ts';
import { checkSiteData } from '../../../site-agent/data/check-report.ts';
import { DataError, type DataErrorCode } from '../../../site-agent/data/data-error.ts';
import { loadSiteData, readSiteData } from '../../../site-agent/data/load-site-data.ts';
import { type HeartRow, heartRows, heartUnits, temporaryDirectory, writeHeartSite } from '../../support/heart-site.ts';
import { heartPlan } from '../../support/plans.ts';

let folder: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  folder = temporaryDirectory();
});
afterEach(() => folder.remove());

const plan = heartPlan();
const load = (rows: readonly HeartRow[], data: object = {}, under: Plan = plan) =>
  loadSiteData(folder.path, writeHeartSite(folder.path, rows, { data }).data, under, Date.UTC(2026, 0, 1));
const read = (rows: readonly HeartRow[], data: object = {}, under: Plan = plan) =>
  readSiteData(folder.path, writeHeartSite(folder.path, rows, { data }).data, under.data, Date.UTC(2026, 0, 1));

async function refusal(promise: Promise<unknown>): Promise<DataError> {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(DataError);
  return error as DataError;
}

async function expectCode(promise: Promise<unknown>, code: DataErrorCode): Promise<DataError> {
  const error = await refusal(promise);
  expect(error.code).toBe(code);
  return error;
}

describe('a sound table', () => {
  it('has the columns in the order of the contract, whatever order the query has', async () => {
    const rows = heartRows(200);
    const data = await load(rows, {
      query: "SELECT disease, st_depression, * EXCLUDE (disease, st_depression) FROM 'data/patients.csv'",
    });
    expect(data.table.columns.map(({ name }) => name)).toEqual(plan.data.columns.map(({ name }) => name));
    expect(data.table.rows).toBe(200);
    expect([...(data.table.columns[0]?.values ?? [])]).toEqual(rows.map(({ age }) => age));
    const levels = ['female', 'male'];
    expect([...(data.table.columns[1]?.values ?? [])]).toEqual(rows.map(({ sex }) => levels.indexOf(sex as string)));
    const cholesterol = data.table.columns[4]?.values ?? new Float64Array();
    expect([...cholesterol].map((value) => (Number.isNaN(value) ? null : value))).toEqual(
      rows.map((row) => row.cholesterol),
    );
    expect([...data.table.labels]).toEqual(rows.map(({ disease }) => disease));
    expect([...data.table.times]).toEqual(rows.map(({ admitted }) => Date.parse(`${admitted}T00:00:00Z`)));
  });

  it('trains before the cut-off and judges from it on', async () => {
    const rows = heartRows(200);
    const data = await load(rows);
    const early = rows.flatMap(({ admitted }, index) => ((admitted as string) < '2024-01-01' ? [index] : []));
    expect([...data.trainingRows]).toEqual(early);
    expect(data.judgingRows.length).toBe(200 - early.length);
    expect(data.kind).toBe('prospective');
  });

  it('is the same from CSV, Parquet and JSON', async () => {
    const rows = heartRows(150);
    const fromCsv = await load(rows);
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const source = join(folder.path, 'data', 'patients.csv');
    await connection.run(`COPY (SELECT * FROM '${source}') TO '${join(folder.path, 'data', 'patients.parquet')}'`);
    connection.closeSync();
    instance.closeSync();
    writeFileSync(join(folder.path, 'data', 'patients.json'), JSON.stringify(rows));
    for (const file of ['patients.parquet', 'patients.json']) {
      const other = await load(rows, { query: `SELECT * FROM 'data/${file}'` });
      expect(other.table).toEqual(fromCsv.table);
    }
  });

  it('takes 1.0 for 1, and DATE, TIMESTAMP and ISO text for the same time', async () => {
    const rows = heartRows(50).map((row) => ({ ...row, fasting_sugar_high: `${row.fasting_sugar_high}.0` }));
    const text = await load(rows, { query: "SELECT * FROM read_csv('data/patients.csv', all_varchar = true)" });
    const stamp = await load(rows, {
      query: "SELECT * REPLACE (admitted::TIMESTAMP AS admitted) FROM 'data/patients.csv'",
    });
    expect(text.loaded.problems.rows).toBe(0);
    expect(text.table).toEqual(stamp.table);
  });

  it('ignores columns the plan does not name, and says so', async () => {
    const data = await load(heartRows(60), { query: "SELECT *, 1 AS shoe_size FROM 'data/patients.csv'" });
    expect(data.loaded.ignoredColumns).toEqual(['shoe_size']);
  });

  it('keeps rows whose outcome is not known out of training, and counts them', async () => {
    const rows = heartRows(80).map((row, index) => ({
      ...row,
      admitted: '2023-05-01',
      disease: index < 5 ? null : (row.disease ?? null),
    }));
    const data = await load(rows);
    expect(data.unlabelledTrainingRows).toBe(5);
    expect(data.trainingRows.length).toBe(75);
  });

  it('keeps rows whose outcome window is open out of training, events too, and counts them', async () => {
    const days = 30;
    const rows = heartRows(60).map((row, index) => ({
      ...row,
      admitted: index < 20 ? '2023-05-01' : index < 40 ? '2023-05-02' : '2023-04-01',
    }));
    const waiting = { ...plan, data: { ...plan.data, outcomeWindowDays: days } };
    const config = writeHeartSite(folder.path, rows);
    const at = (iso: string) => readSiteData(folder.path, config.data, waiting.data, Date.parse(iso));
    const admitted = Date.parse('2023-05-01T00:00:00Z') + days * 86_400_000;
    const counts = async (iso: string) => {
      const { trainingRows, openTrainingRows, judgingRows } = await at(iso);
      expect(judgingRows).toHaveLength(0);
      return [trainingRows.length, openTrainingRows];
    };
    expect(await counts(new Date(admitted - 1).toISOString())).toEqual([20, 40]);
    expect(await counts(new Date(admitted).toISOString())).toEqual([40, 20]);
    expect(await counts('2023-06-01T00:00:00Z')).toEqual([60, 0]);
    const check = await checkSiteData(folder.path, config.data, waiting.data, 30, admitted - 1);
    expect(check.split).toMatchObject({ training: 20, trainingWithoutOutcome: 0, trainingWindowOpen: 40 });
    expect(check.refusal?.code).toBe('data.too_few_rows');
  });
});

describe('the query', () => {
  const rows = heartRows(20);
  it('query_failed: broken SQL, with DuckDB’s words', async () => {
    const error = await expectCode(load(rows, { query: "SELEKT * FROM 'data/patients.csv'" }), 'query_failed');
    expect(error.message).toContain('SELEKT');
  });
  it('query_failed: a line that DuckDB quotes is cut, cannot write over the screen, and is in no log', async () => {
    const query = "SELECT CAST(repeat('x', 50000) AS INT) AS patient";
    const error = await expectCode(load(rows, { query }), 'query_failed');
    expect(error.message).toContain('xxxx');
    expect(error.message.length).toBeLessThan(4100);
    const short = "SELECT CAST('Schmidt\u001b' AS INT) AS patient";
    const quoting = await expectCode(load(rows, { query: short }), 'query_failed');
    expect(quoting.message).toContain('Schmidt\\u{1b}');
    expect(JSON.stringify(errorFields(quoting))).not.toContain('Schmidt');
    expect(errorFields(quoting)).toMatchObject({ error: 'data.query_failed', reason: expect.any(String) });
  });
  it('file_missing: names the file', async () => {
    const error = await expectCode(load(rows, { query: "SELECT * FROM 'data/absent.csv'" }), 'file_missing');
    expect(error.details.file).toBe('data/absent.csv');
  });
  it('file_ambiguous: DuckDB looks where the program was started before it looks in the site directory', async () => {
    writeFileSync(join(folder.path, 'package.json'), '[]');
    for (const query of [
      "SELECT * FROM 'package.json'",
      'SELECT 1 FROM "package.json"',
      'SELECT * FROM package.json',
    ]) {
      const error = await expectCode(load(rows, { query }), 'file_ambiguous');
      expect(error.details.file).toBe('package.json');
    }
    // What DuckDB itself does, which is why: the name is that of this project's own file.
    const instance = await DuckDBInstance.create(':memory:', { file_search_path: folder.path });
    const connection = await instance.connect();
    const found = await connection.runAndReadAll("SELECT name FROM 'package.json'");
    expect(found.getRows()).toEqual([['wardround']]);
    connection.closeSync();
    instance.closeSync();
    const own = "SELECT * FROM 'data/patients.csv' -- 'package.json' was another";
    expect((await load(rows, { query: own })).table.rows).toBe(20);
    const whole = `SELECT * FROM '${folder.path}/data/patients.csv' WHERE true /* "package.json" */`;
    expect((await load(rows, { query: whole })).table.rows).toBe(20);
  });
  it('query_file_missing', async () => {
    await expectCode(load(rows, { query: undefined, queryFile: 'absent.sql' }), 'query_file_missing');
  });
  it('reads the query from a file', async () => {
    writeFileSync(join(folder.path, 'query.sql'), "SELECT * FROM 'data/patients.csv'");
    expect((await load(rows, { query: undefined, queryFile: 'query.sql' })).table.rows).toBe(20);
  });
  it.each([
    "SELECT 1; SELECT * FROM 'data/patients.csv'",
    "COPY (SELECT * FROM 'data/patients.csv') TO 'copy.csv'",
    "CREATE TABLE t AS SELECT * FROM 'data/patients.csv'",
    'SET threads = 8',
    "ATTACH 'other.db'",
  ])('query_not_select: %s', async (query) => {
    await expectCode(load(rows, { query }), 'query_not_select');
  });
  it('never reaches for the network or an extension', async () => {
    const remote = await expectCode(load(rows, { query: "SELECT * FROM 'https://127.0.0.1:9/p.csv'" }), 'query_failed');
    expect(remote.message).toContain('httpfs');
    await expectCode(load(rows, { query: "SELECT * FROM sqlite_scan('a', 'b')" }), 'query_failed');
  });
  it('missing_column: names it and what there is', async () => {
    const query = "SELECT * EXCLUDE (cholesterol) FROM 'data/patients.csv'";
    const error = await expectCode(load(rows, { query }), 'missing_column');
    expect(error.details.column).toBe('cholesterol');
    expect(error.message).toContain('resting_pressure');
  });
  it('repeated_column', async () => {
    const query = "SELECT *, 1 AS age FROM 'data/patients.csv'";
    await expectCode(load(rows, { query }), 'repeated_column');
  });
  it('empty_table', async () => {
    await expectCode(load(rows, { query: "SELECT * FROM 'data/patients.csv' WHERE false" }), 'empty_table');
  });
  it('out_of_memory, and nothing spilled to disk', async () => {
    const query = "SELECT p.*, r.range FROM 'data/patients.csv' p, range(30000000) r ORDER BY hash(r.range)";
    await expectCode(load(rows, { query, memoryMegabytes: 64 }), 'out_of_memory');
  });
});

describe('units', () => {
  const rows = heartRows(20);
  it('unit_missing names the column', async () => {
    const { age: _, ...others } = heartUnits;
    const error = await expectCode(load(rows, { units: others }), 'unit_missing');
    expect(error.details.path).toBe('data.units.age');
  });
  it('wrong_unit names column, both units and the conversion', async () => {
    const error = await expectCode(load(rows, { units: { ...heartUnits, cholesterol: 'mmol/L' } }), 'wrong_unit');
    expect(error.details).toMatchObject({ column: 'cholesterol', value: 'mmol/L', unit: 'mg/dL' });
    // 1 mmol/L of cholesterol (386.65 g/mol) is 38.665 mg/dL.
    expect(error.message).toContain('cholesterol * 38.665 AS cholesterol');
  });
  it('says when it may be the same unit in other letters', async () => {
    const error = await expectCode(load(rows, { units: { ...heartUnits, cholesterol: 'mg/dl' } }), 'wrong_unit');
    expect(error.message).toContain('write it as the plan does: mg/dL');
  });
});

describe('problems, row by row', () => {
  const sound = heartRows(400);
  const broken = (index: number, change: HeartRow): HeartRow[] =>
    sound.map((row, at) => (at === index ? { ...row, ...change } : row));

  it.each([
    [{ age: 'old' }, 'age', 'text_in_number', 'old'],
    [{ age: 'NaN' }, 'age', 'not_finite', 'NaN'],
    [{ age: 150 }, 'age', 'out_of_range', '150'],
    [{ sex: 'unknown' }, 'sex', 'unknown_level', 'unknown'],
    [{ disease: 2 }, 'disease', 'label_invalid', '2'],
    [{ admitted: 'yesterday' }, 'admitted', 'time_invalid', 'yesterday'],
    [{ admitted: '2024-02-30' }, 'admitted', 'time_invalid', '2024-02-30'],
    [{ admitted: null }, 'admitted', 'time_missing', null],
    [{ patient: null }, 'patient', 'key_missing', null],
  ] as const)('%o', async (change, column, rule, value) => {
    const data = await load(broken(6, change));
    expect(data.loaded.problems.listed).toEqual([{ row: 7, column, rule, value }]);
    expect(data.loaded.problems.rows).toBe(1);
    expect(data.table.rows).toBe(399);
  });

  it('not_finite: a NaN of the file itself', async () => {
    const query = "SELECT * REPLACE (if(patient = 'p6', 'nan'::DOUBLE, age) AS age) FROM 'data/patients.csv'";
    const data = await load(sound, { query });
    expect(data.loaded.problems.listed).toEqual([{ row: 7, column: 'age', rule: 'not_finite', value: 'NaN' }]);
  });

  it('missing: only where the plan forbids it', async () => {
    const columns = plan.data.columns.map((column) =>
      column.name === 'age' ? { ...column, missing: 'forbid' as const } : column,
    );
    const strict = heartPlan({ data: { columns } } as never);
    const data = await load(broken(6, { age: null }), {}, strict);
    expect(data.loaded.problems.counts).toEqual([{ column: 'age', rule: 'missing', rows: 1 }]);
    expect((await load(broken(6, { age: null }))).loaded.problems.rows).toBe(0);
  });

  it('duplicate: the first sound row of a patient and time stays', async () => {
    const twice = [...sound, { ...(sound[3] as HeartRow), age: 60 }];
    const data = await load(twice);
    expect(data.loaded.problems.listed).toEqual([{ row: 401, column: 'patient', rule: 'duplicate', value: 'p3' }]);
    // The same patient at another time is another prediction.
    const later = [...sound, { ...(sound[3] as HeartRow), admitted: '2024-12-31' }];
    expect((await load(later)).loaded.problems.rows).toBe(0);
  });

  it('too_many_problems beyond the plan’s share, and not at it', async () => {
    const spoiled = (count: number): HeartRow[] =>
      sound.map((row, index) => (index < count ? { ...row, age: 'x' } : row));
    expect((await load(spoiled(20))).loaded.problems.rows).toBe(20);
    const error = await expectCode(load(spoiled(21)), 'too_many_problems');
    expect(error.message).toContain('21 of 400');
    expect(error.message).toContain('age');
  });

  it('levels_ambiguous: levels that are one number', async () => {
    const contract = {
      ...plan.data,
      columns: [{ name: 'sex', kind: 'categorical', levels: ['1', '1.0'], missing: 'indicator' }],
    };
    const config = writeHeartSite(folder.path, sound);
    await expectCode(
      readSiteData(folder.path, config.data, contract as Plan['data'], Date.UTC(2026, 0, 1)),
      'levels_ambiguous',
    );
  });
});

describe('a plan without dates', () => {
  const undated = heartPlan({ data: { time: null, trainingCutoff: null } });
  it('holdout_missing when the site declares none', async () => {
    await expectCode(load(heartRows(60), {}, undated), 'holdout_missing');
  });
  it('by share: a patient is on one side, and the same seed gives the same split', async () => {
    const rows = heartRows(1000);
    const first = await load(rows, { holdout: { share: 0.3, seed: 5 } }, undated);
    const again = await load(rows, { holdout: { share: 0.3, seed: 5 } }, undated);
    const other = await load(rows, { holdout: { share: 0.3, seed: 6 } }, undated);
    expect(first.judgingRows).toEqual(again.judgingRows);
    expect(first.judgingRows).not.toEqual(other.judgingRows);
    // Binomial(1000, 0.3) has standard deviation 14.5; six of them.
    expect(Math.abs(first.judgingRows.length - 300)).toBeLessThan(87);
    expect(first.trainingRows.length + first.judgingRows.length).toBe(1000);
    expect(first.kind).toBe('retrospective');
    expect(first.table.holdout.reduce((sum, mark) => sum + mark, 0)).toBe(first.judgingRows.length);
  });
  it('by column', async () => {
    const rows = heartRows(100).map((row, index) => ({ ...row, kept: index % 4 === 0 ? 'yes' : 'no' }));
    const data = await load(rows, { holdout: { column: 'kept' } }, undated);
    expect([...data.judgingRows]).toEqual(Array.from({ length: 25 }, (_, index) => 4 * index));
  });
  it('holdout_invalid: a column that splits a patient', async () => {
    // Without dates a patient has one row; the check stands in case a contract ever allows more.
    const dated = { ...plan, data: { ...plan.data, trainingCutoff: null } };
    const rows = heartRows(100).map((row, index) => ({
      ...row,
      patient: `p${index % 50}`,
      admitted: `2023-01-${String(1 + Math.floor(index / 50)).padStart(2, '0')}`,
      kept: index < 50 ? 1 : 0,
    }));
    const error = await expectCode(load(rows, { holdout: { column: 'kept' } }, dated), 'holdout_invalid');
    expect(error.details.patients).toBe(50);
  });
  it('a row whose mark is neither true nor false is a problem', async () => {
    const rows = heartRows(100).map((row, index) => ({ ...row, kept: index === 2 ? 'maybe' : '0' }));
    const data = await read(rows, { holdout: { column: 'kept' } }, undated);
    expect(data.loaded.problems.listed).toEqual([{ row: 3, column: 'kept', rule: 'holdout_invalid', value: 'maybe' }]);
  });
});

describe('site check', () => {
  it('counts what is there', async () => {
    const rows = heartRows(300);
    const config = writeHeartSite(folder.path, rows);
    const check = await checkSiteData(folder.path, config.data, plan.data, 20, Date.UTC(2026, 0, 1));
    expect(check.rowsRead).toBe(300);
    expect(check.columns[4]?.missing).toBe(rows.filter(({ cholesterol }) => cholesterol === null).length);
    expect(check.columns[1]?.levels).toEqual({
      female: rows.filter(({ sex }) => sex === 'female').length,
      male: rows.filter(({ sex }) => sex === 'male').length,
    });
    expect(check.columns[0]?.range?.least).toBe(Math.min(...rows.map(({ age }) => age as number)));
    expect(check.label.levels?.['1']).toBe(rows.filter(({ disease }) => disease === 1).length);
    const later = rows.filter(({ admitted }) => (admitted as string) >= '2024-01-01');
    expect(check.split.judgingEvents).toBe(later.filter(({ disease }) => disease === 1).length);
    expect(check.refusal).toBeNull();
    expect(check.notes).toEqual([]);
  });

  it('names the unit that values out of range are probably in, and refuses', async () => {
    const rows = heartRows(300).map((row) => ({
      ...row,
      cholesterol: row.cholesterol === null ? null : Math.round(((row.cholesterol as number) / 38.665) * 10) / 10,
    }));
    const config = writeHeartSite(folder.path, rows);
    const check = await checkSiteData(folder.path, config.data, plan.data, 20, Date.UTC(2026, 0, 1));
    expect(check.notes[0]).toContain('mmol/L');
    expect(check.notes[0]).toContain('cholesterol * 38.665 AS cholesterol');
    expect(check.refusal?.code).toBe('data.too_many_problems');
  });

  it('counts in how many rows the event of a survival task was seen', async () => {
    const rows = heartRows(60).map((row, index) => ({ ...row, days: 10 + index, died: index % 5 === 0 ? 1 : 0 }));
    const config = writeHeartSite(folder.path, rows);
    const label = { name: 'days', event: 'died', unit: 'days', range: [0, 100] as [number, number] };
    const check = await checkSiteData(
      folder.path,
      { ...config.data, units: { ...config.data.units, days: 'days' } },
      { ...plan.data, label },
      5,
      Date.UTC(2026, 0, 1),
    );
    // Rows 0, 5, ..., 55.
    expect(check.label).toMatchObject({ unknown: 0, levels: null, event: { name: 'died', seen: 12 } });
  });

  it('notes times in the future and columns of one value; refuses too few rows', async () => {
    const rows = heartRows(30).map((row) => ({ ...row, maximum_rate: 150 }));
    const config = writeHeartSite(folder.path, rows);
    const check = await checkSiteData(folder.path, config.data, plan.data, 25, Date.UTC(2023, 6, 1));
    expect(check.notes.some((note) => note.includes('"maximum_rate" has one value'))).toBe(true);
    expect(check.notes.some((note) => note.includes('future'))).toBe(true);
    expect(check.refusal?.code).toBe('data.too_few_rows');
  });

  it('writes nothing into the site directory', async () => {
    const { readdirSync } = await import('node:fs');
    const config = writeHeartSite(folder.path, heartRows(30));
    mkdirSync(join(folder.path, 'state'), { recursive: true });
    const before = readdirSync(folder.path, { recursive: true }).sort();
    await checkSiteData(folder.path, config.data, plan.data, 5, 0);
    expect(readdirSync(folder.path, { recursive: true }).sort()).toEqual(before);
  });
});
