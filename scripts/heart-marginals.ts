// Prints simulations/cohorts/heart-marginals.ts: aggregate figures of the four public heart-disease files, no rows.
//   npx tsx scripts/heart-marginals.ts DIR > simulations/cohorts/heart-marginals.ts
// DIR holds processed.{cleveland,hungarian,switzerland,va}.data (UCI data set 45, doi 10.24432/C52P4X, CC BY 4.0).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const directory = process.argv[2];
if (directory === undefined) throw new Error('usage: tsx scripts/heart-marginals.ts DIR');

const columns = ['age', 'sex', 'cp', 'trestbps', 'chol', 'fbs', 'restecg', 'thalach', 'exang', 'oldpeak'] as const;
type Column = (typeof columns)[number];
type Row = Record<Column, number> & { disease: 0 | 1 };
const levels: Partial<Record<Column, number[]>> = {
  sex: [0, 1],
  cp: [1, 2, 3, 4],
  fbs: [0, 1],
  restecg: [0, 1, 2],
  exang: [0, 1],
};
const files = { cleveland: 'cleveland', hungarian: 'hungarian', switzerland: 'switzerland', 'long-beach': 'va' };

function readRows(file: string): Row[] {
  const lines = readFileSync(join(directory as string, `processed.${file}.data`), 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
  return lines.map((line) => {
    const cells = line.split(',').map((cell) => (cell.trim() === '?' ? Number.NaN : Number(cell)));
    const row = Object.fromEntries(columns.map((name, index) => [name, cells[index]])) as unknown as Row;
    // Zero stands for "not measured" in both of these.
    if (row.chol === 0) row.chol = Number.NaN;
    if (row.trestbps === 0) row.trestbps = Number.NaN;
    row.disease = Number(cells[13]) > 0 ? 1 : 0;
    return row;
  });
}

const present = (values: number[]) => values.filter((value) => !Number.isNaN(value));
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: number[]) => Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));
const round = (value: number, digits: number) => Number(value.toFixed(digits));

function ranks(values: number[]): number[] {
  const order = values.map((value, index) => ({ value, index })).sort((a, b) => a.value - b.value);
  const result = new Array<number>(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && order[end]?.value === order[start]?.value) end++;
    for (let k = start; k < end; k++) result[order[k]?.index as number] = (start + end - 1) / 2;
    start = end;
  }
  return result;
}

/** Spearman correlation of two columns within hospital and outcome, pooled over strata by their size. */
function withinStratum(strata: Row[][], a: Column, b: Column): number {
  let sum = 0;
  let weight = 0;
  for (const rows of strata) {
    const both = rows.filter((row) => !Number.isNaN(row[a]) && !Number.isNaN(row[b]));
    if (both.length < 20) continue;
    const x = ranks(both.map((row) => row[a]));
    const y = ranks(both.map((row) => row[b]));
    const [mx, my, sx, sy] = [mean(x), mean(y), deviation(x), deviation(y)];
    if (sx === 0 || sy === 0) continue;
    sum += both.length * mean(x.map((value, index) => ((value - mx) * ((y[index] as number) - my)) / (sx * sy)));
    weight += both.length;
  }
  return sum / weight;
}

const hospitals = Object.entries(files).map(([name, file]) => [name, readRows(file)] as const);
const strata = hospitals.flatMap(([, rows]) => [0, 1].map((disease) => rows.filter((row) => row.disease === disease)));

function describe(rows: Row[]) {
  const entries = columns.map((name) => {
    const values = present(rows.map((row) => row[name]));
    const known = levels[name];
    if (known !== undefined) return [name, known.map((level) => values.filter((value) => value === level).length)];
    const body = name === 'oldpeak' ? values.filter((value) => value !== 0) : values;
    const figures = {
      mean: body.length === 0 ? null : round(mean(body), 2),
      sd: body.length < 2 ? null : round(deviation(body), 2),
    };
    return [name, name === 'oldpeak' ? { ...figures, zeroShare: round(1 - body.length / values.length, 3) } : figures];
  });
  return { rows: rows.length, ...Object.fromEntries(entries) };
}

const marginals = Object.fromEntries(
  hospitals.map(([name, rows]) => [
    name,
    {
      rows: rows.length,
      missing: Object.fromEntries(
        columns.map((column) => [column, round(1 - present(rows.map((row) => row[column])).length / rows.length, 3)]),
      ),
      healthy: describe(rows.filter((row) => row.disease === 0)),
      diseased: describe(rows.filter((row) => row.disease === 1)),
    },
  ]),
);
const correlations = columns.map((a) => columns.map((b) => (a === b ? 1 : round(withinStratum(strata, a, b), 3))));

console.log(`// Printed by scripts/heart-marginals.ts from UCI data set 45 (Janosi, Steinbrunn, Pfisterer, Detrano 1988,
// doi 10.24432/C52P4X, CC BY 4.0). Figures of groups only: no row of any patient is in this file.
import type { HospitalMarginals } from './hospital-marginals.ts';

/** Columns in the order of \`columnCorrelations\`. */
export const heartColumns = ${JSON.stringify(columns)} as const;

/** Spearman correlations within hospital and outcome, pooled over the eight groups by size. */
export const columnCorrelations: readonly (readonly number[])[] = ${JSON.stringify(correlations)};

/** Zero cholesterol and zero blood pressure are counted as missing; categorical columns hold counts by level. */
export const heartMarginals: Readonly<Record<string, HospitalMarginals>> = ${JSON.stringify(marginals)};`);
