import { describe, expect, it } from 'vitest';
import type { SiteName } from '../../../shared/runtime/ids.ts';
import { randomStream } from '../../../shared/runtime/random.ts';
import type { SiteRows } from '../../../simulations/cohorts/site-rows.ts';
import { applyShift, type ShiftContext } from '../../../simulations/shifts/apply-shift.ts';
import { type Shift, shiftSchema } from '../../../simulations/shifts/shift-schema.ts';
import { SimulationError } from '../../../simulations/simulation-error.ts';

const context: ShiftContext = { timeColumn: 'day', holdoutColumn: 'judging', labelColumn: 'outcome', eventLevel: '1' };
const table: SiteRows = {
  site: 'north' as SiteName,
  header: ['day', 'judging', 'chol', 'code', 'outcome'],
  rows: [
    ['2024-12-31', '0', '200', '1.0', '1'],
    ['2025-01-01', '1', '250', '1', '0'],
    ['2025-01-02', '1', '', '2', '1'],
    ['2025-01-03', '0', '300', '', '0'],
  ],
};
const site = 'north';
const shifted = (shift: unknown, rows: SiteRows = table, where = context): SiteRows =>
  applyShift(shiftSchema.parse(shift) as Shift, rows, where, randomStream(1, 'test'));
const column = (rows: SiteRows, name: string): string[] =>
  rows.rows.map((row) => row[rows.header.indexOf(name)] as string);

describe('shifts', () => {
  it('change a unit from the date on and leave missing cells and earlier rows alone', () => {
    const result = shifted({ site, from: '2025-01-01', kind: 'unit', column: 'chol', factor: 0.02586, to: 'mmol/L' });
    // 250 · 0.02586 = 6.465; 300 · 0.02586 = 7.758
    expect(column(result, 'chol')).toEqual(['200', '6.465', '', '7.758']);
    expect(table.rows[1]?.[2]).toBe('250');
  });

  it('change a channel of the series of the rows concerned', () => {
    const series = {
      key: 'code',
      header: ['code', 'minute', 'pulse'],
      rows: [
        ['2', '0', '80'],
        ['2', '5', ''],
        ['1.0', '0', '70'],
        ['1', '3', '60'],
      ],
    };
    const shift = { site, from: '2025-01-01', kind: 'distribution', column: 'pulse', multiply: 2, add: 1 };
    const result = shifted(shift, { ...table, series });
    expect(result.series?.rows.map((row) => row[2])).toEqual(['161', '', '70', '121']);
    expect(result.rows).toEqual(table.rows);
    expect(() => shifted({ ...shift, column: 'lactate' }, { ...table, series })).toThrow(SimulationError);
  });

  it('scale and move a distribution, in the holdout only where asked', () => {
    const result = shifted({ site, from: 'holdout', kind: 'distribution', column: 'chol', multiply: 2, add: -100 });
    expect(column(result, 'chol')).toEqual(['200', '400', '', '300']);
  });

  it('recode numbers as numbers, and every row when always', () => {
    const result = shifted({ site, from: 'always', kind: 'recode', column: 'code', codes: { '1': '2', '2': '1' } });
    expect(column(result, 'code')).toEqual(['2', '2', '1', '']);
  });

  it('reach a prevalence by leaving rows out, never by repeating a patient', () => {
    const rows = Array.from({ length: 1000 }, (_, index) => [
      index < 200 ? '2024-06-01' : '2025-06-01',
      '0',
      String(index),
      '1',
      index % 4 === 0 ? '1' : '0',
    ]);
    const result = shifted({ site, from: '2025-01-01', kind: 'prevalence', prevalence: 0.6 }, { ...table, rows });
    const before = result.rows.filter((row) => (row[0] as string) < '2025-01-01');
    const after = result.rows.filter((row) => (row[0] as string) >= '2025-01-01');
    expect(before).toHaveLength(200);
    // 200 events stay, and 200 · .4 / .6 = 133 others.
    expect(after.filter((row) => row[4] === '1')).toHaveLength(200);
    expect(after.filter((row) => row[4] === '0')).toHaveLength(133);
    expect(new Set(column(result, 'chol')).size).toBe(result.rows.length);
    expect(shifted({ site, from: '2025-01-01', kind: 'prevalence', prevalence: 0.6 }, { ...table, rows })).toEqual(
      result,
    );
  });

  it.each([
    [
      { site, from: '2030-01-01', kind: 'unit', column: 'chol', factor: 2, to: 'x' },
      'shift_invalid',
      /No row of north/,
    ],
    [{ site, from: 'always', kind: 'distribution', column: 'day', add: 1 }, 'shift_invalid', /is no number/],
    [{ site, from: 'always', kind: 'unit', column: 'none', factor: 2, to: 'x' }, 'cohort_invalid', /no column "none"/],
  ])('refuse what they cannot do: %j', (shift, code, message) => {
    const attempt = (): unknown => shifted(shift);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(expect.objectContaining({ code }));
  });

  it('say what is lacking where the cohort has no dates, no holdout or one outcome only', () => {
    const undated = { ...context, timeColumn: null, holdoutColumn: null };
    const unit = { site, kind: 'unit', column: 'chol', factor: 2, to: 'x' };
    expect(() => shifted({ ...unit, from: '2025-01-01' }, table, undated)).toThrow(/no time of prediction/);
    expect(() => shifted({ ...unit, from: 'holdout' }, table, undated)).toThrow(/no declared holdout column/);
    const oneClass = { ...table, rows: table.rows.slice(0, 1) };
    expect(() => shifted({ site, from: 'always', kind: 'prevalence', prevalence: 0.5 }, oneClass)).toThrow(
      SimulationError,
    );
  });
});
