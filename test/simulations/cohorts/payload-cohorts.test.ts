import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { aurocEstimate } from '../../../shared/statistics/discrimination.ts';
import { generateIcuCohort, type IcuRows, icuHours } from '../../../simulations/cohorts/icu-series.ts';
import { admittedBefore } from '../../../simulations/cohorts/scenario-cohort.ts';
import { generateImageCohort } from '../../../simulations/cohorts/shape-images.ts';

const dates = { from: '2024-01-01', until: '2026-01-01' };
const icu = generateIcuCohort({ rows: 1500, ...dates }, 7);
const images = generateImageCohort({ rows: 400, ...dates }, 7);

const died = ({ rows }: IcuRows): Float64Array => Float64Array.from(rows, (row) => Number(row[4]));

/** By stay: the mean of a channel over its hours from one to another; NaN without a measurement. */
function meanOf(table: IcuRows, channel: string, fromHour: number, untilHour: number): Float64Array {
  const place = table.series?.header.indexOf(channel) ?? -1;
  const values = new Map<string, number[]>();
  for (const row of table.series?.rows ?? []) {
    const hour = Number(row[1]) / 60;
    if (row[place] === '' || hour < fromHour || hour >= untilHour) continue;
    const list = values.get(row[0] as string) ?? [];
    list.push(Number(row[place]));
    values.set(row[0] as string, list);
  }
  return Float64Array.from(table.rows, (row) => {
    const list = values.get(row[1] as string) ?? [];
    return list.reduce((sum, value) => sum + value, 0) / list.length;
  });
}

const auroc = (scores: Float64Array, labels: Float64Array): number => aurocEstimate(scores, labels).value as number;

describe('the cohort of hourly series', () => {
  it('is the same for the same seed and another for another', () => {
    const again = generateIcuCohort({ rows: 40, ...dates }, 7);
    expect(generateIcuCohort({ rows: 40, ...dates }, 7)).toEqual(again);
    expect(generateIcuCohort({ rows: 40, ...dates }, 8)).not.toEqual(again);
    expect(generateIcuCohort({ rows: { east: 3 }, ...dates }, 7).map(({ rows }) => rows.length)).toEqual([0, 3, 0, 0]);
  });

  it('has the rows that the dry run in the README trains on', () => {
    // As `wardround cohort --kind icu-series` draws them, and the plan's cut-off and batch.
    const [north] = generateIcuCohort({ rows: { north: 2400 }, ...dates }, 7);
    const training = (north?.rows ?? []).filter((row) => (row[2] as string) < '2025-01-01').length;
    const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
    expect(readme).toContain(`\n  rows            ${training}\n`);
    expect(readme).toContain(`\n  steps           ${Math.ceil(training / 32)} of at most 32 rows at once\n`);
  });

  it('has series of 48 hours whose rows stand together, and a risk that the outcome follows', () => {
    for (const table of icu) {
      const seen: string[] = [];
      const minutes: number[] = [];
      for (const [stay, minute] of table.series?.rows ?? []) {
        if (seen.at(-1) !== stay) seen.push(stay as string);
        minutes.push(Number(minute));
      }
      expect(new Set(seen).size).toBe(seen.length);
      expect(minutes.every((minute) => minute >= 0 && minute < icuHours * 60)).toBe(true);
      const labels = died(table);
      const events = labels.reduce((sum, label) => sum + label, 0);
      const expected = table.risks.reduce((sum, risk) => sum + risk, 0);
      // Four standard deviations of a sum of independent events.
      const spread = Math.sqrt(table.risks.reduce((sum, risk) => sum + risk * (1 - risk), 0));
      expect(Math.abs(events - expected)).toBeLessThan(4 * spread);
      expect(auroc(Float64Array.from(table.risks), labels)).toBeGreaterThan(0.85);
    }
  });

  it('holds a signal in the course of a stay that its beginning does not', () => {
    for (const table of icu) {
      const labels = died(table);
      const of = (values: Float64Array): number => {
        const known = values.map((value) => (Number.isNaN(value) ? 0 : 1));
        return auroc(
          values.filter((_, row) => known[row] === 1),
          labels.filter((_, row) => known[row] === 1),
        );
      };
      const first = of(meanOf(table, 'pulse', 0, 8));
      const last = of(meanOf(table, 'pulse', 40, 48));
      expect(last).toBeGreaterThan(first + 0.05);
      expect(last).toBeGreaterThan(0.75);
    }
  });

  it('differs by hospital: how often is measured, and one thermometer', () => {
    const measured = icu.map(({ series }) => series?.rows.filter((row) => row[7] !== '').length ?? 0);
    expect((measured[2] as number) / (measured[0] as number)).toBeCloseTo(0.6, 1);
    const warmth = icu.map((table) => {
      const means = meanOf(table, 'temperature', 0, icuHours).filter((value) => !Number.isNaN(value));
      return means.reduce((sum, value) => sum + value, 0) / means.length;
    });
    expect((warmth[0] as number) - (warmth[2] as number)).toBeGreaterThan(0.25);
  });

  it('is cut at a date together with its series', () => {
    const early = admittedBefore(icu[0] as IcuRows, '2024-03-01');
    const stays = new Set(early.rows.map((row) => row[1]));
    expect(stays.size).toBeGreaterThan(50);
    expect(new Set(early.series?.rows.map(([stay]) => stay))).toEqual(stays);
  });
});

describe('the cohort of images', () => {
  it('is the same for the same seed and another for another', () => {
    const again = generateImageCohort({ rows: 10, ...dates }, 7);
    expect(generateImageCohort({ rows: 10, ...dates }, 7)).toEqual(again);
    expect(generateImageCohort({ rows: 10, ...dates }, 8)).not.toEqual(again);
  });

  it('names one file a row, of which the number of discs carries the outcome', () => {
    for (const table of images) {
      expect([...(table.images?.files.keys() ?? [])]).toEqual(table.rows.map((row) => row[2]));
      const labels = Float64Array.from(table.rows, (row) => Number(row[3]));
      expect(auroc(Float64Array.from(table.shapes), labels)).toBeGreaterThan(0.85);
    }
  });

  it('is cut at a date together with its files', () => {
    const early = admittedBefore(images[0] as (typeof images)[number], '2024-06-01');
    expect(early.rows.length).toBeGreaterThan(20);
    expect([...(early.images?.files.keys() ?? [])]).toEqual(early.rows.map((row) => row[2]));
  });
});
