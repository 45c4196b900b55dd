import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { predictFile, type RowScorer } from '../../../site-agent/data/predict.ts';
import { csvText, heartRows, temporaryDirectory } from '../../support/heart-site.ts';
import { heartPlan } from '../../support/plans.ts';

let folder: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  folder = temporaryDirectory();
});
afterEach(() => folder.remove());

const plan = heartPlan();
/** Gives each row's age over 200, so that rows can be told apart. */
const byAge: RowScorer = {
  score: async ({ features, rows }) =>
    Float32Array.from({ length: rows }, (_, row) => (features[row * 10] as number) / 200),
};
const path = (name: string): string => join(folder.path, name);

describe('prediction over a file', () => {
  it('writes key, time and probability in the order of the input, as CSV and JSON alike', async () => {
    const rows = heartRows(40).map(({ disease: _, ...row }) => row);
    writeFileSync(path('in.csv'), csvText(rows));
    const result = await predictFile({ plan, scorer: byAge }, { input: path('in.csv'), output: path('out.csv') });
    expect(result).toMatchObject({ rowsRead: 40, rowsWritten: 40, ignoredColumns: [] });
    const lines = readFileSync(path('out.csv'), 'utf8').trim().split('\n');
    expect(lines[0]).toBe('patient,admitted,probability');
    expect(lines.slice(1).map((line) => line.split(',')[0])).toEqual(rows.map(({ patient }) => patient));
    expect(lines.slice(1).map((line) => Number(line.split(',')[2]))).toEqual(
      rows.map(({ age }) => Math.fround((age as number) / 200)),
    );
    await predictFile({ plan, scorer: byAge }, { input: path('in.csv'), output: path('out.json') });
    const json = JSON.parse(readFileSync(path('out.json'), 'utf8')) as { patient: string; probability: number }[];
    expect(json.map(({ probability }) => probability)).toEqual(
      rows.map(({ age }) => Math.fround((age as number) / 200)),
    );
  });

  it('leaves out and names rows with problems', async () => {
    const rows = heartRows(40).map((row, index) => (index === 4 ? { ...row, age: 'old' } : row));
    writeFileSync(path('in.csv'), csvText(rows));
    const result = await predictFile({ plan, scorer: byAge }, { input: path('in.csv'), output: path('out.csv') });
    expect(result.rowsWritten).toBe(39);
    expect(result.problems.listed).toEqual([{ row: 5, column: 'age', rule: 'text_in_number', value: 'old' }]);
  });

  it.each([
    ['too_many_problems', heartRows(40).map((row) => ({ ...row, sex: '?' })), byAge, 'in.csv', 'out.csv'],
    ['missing_column', heartRows(9).map(({ age: _, ...row }) => row), byAge, 'in.csv', 'out.csv'],
    ['file_missing', heartRows(9), byAge, 'in.xls', 'out.csv'],
    ['output_failed', heartRows(9), byAge, 'in.csv', 'out.xls'],
    ['output_failed', heartRows(9), byAge, 'in.csv', join('absent', 'out.csv')],
    ['output_failed', heartRows(9), { score: async () => Float32Array.of(Number.NaN) }, 'in.csv', 'out.csv'],
  ] as const)('%s writes nothing', async (code, rows, scorer, input, output) => {
    writeFileSync(path('in.csv'), csvText(rows as never));
    await expect(predictFile({ plan, scorer }, { input: path(input), output: path(output) })).rejects.toMatchObject({
      code,
    });
    expect(existsSync(path(output))).toBe(false);
    expect(readdirSync(folder.path)).toEqual(['in.csv']);
  });
});
