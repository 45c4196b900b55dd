import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { poolSummaries } from '../../../shared/algorithms/federated-scaling.ts';
import type { ContractColumn } from '../../../shared/plan/contract.ts';
import type { ColumnShift } from '../../../shared/plan/judgement.ts';
import type { Plan } from '../../../shared/plan/plan.ts';
import type { Preprocessing } from '../../../shared/plan/preprocessing.ts';
import { canonicalDigest } from '../../../shared/runtime/canonical.ts';
import type { SiteName } from '../../../shared/runtime/ids.ts';
import { countBins } from '../../../shared/statistics/binning.ts';
import { summarise } from '../../../site-agent/data/site-summary.ts';
import type { SiteTable } from '../../../site-agent/data/site-table.ts';
import { shiftReport } from '../../../site-agent/judging/shift-report.ts';
import { policyOf } from '../../support/evidence.ts';
import { heartPlan } from '../../support/plans.ts';

const folder = join(
  process.env.WARDROUND_DATA ?? fileURLToPath(new URL('../../../../shared/data', import.meta.url)),
  'heart-disease',
);
const there = existsSync(join(folder, 'processed.cleveland.data'));

// UCI data set 45, its 14 columns in their order; the label is the last.
const names = [
  'age',
  'sex',
  'cp',
  'trestbps',
  'chol',
  'fbs',
  'restecg',
  'thalach',
  'exang',
  'oldpeak',
  'slope',
  'ca',
  'thal',
];
const levels: Readonly<Record<string, readonly string[]>> = {
  sex: ['0', '1'],
  cp: ['1', '2', '3', '4'],
  fbs: ['0', '1'],
  restecg: ['0', '1', '2'],
  exang: ['0', '1'],
  slope: ['1', '2', '3'],
  ca: ['0', '1', '2', '3'],
  thal: ['3', '6', '7'],
};
/** 0 is inside the ranges: nobody knew beforehand that it stands for missing. */
const numeric: Readonly<Record<string, { unit: string; range: [number, number]; edges: number[] }>> = {
  age: { unit: 'years', range: [0, 120], edges: [40, 45, 50, 55, 60, 65, 70] },
  trestbps: { unit: 'mm Hg', range: [0, 300], edges: [110, 120, 130, 140, 150, 160] },
  chol: { unit: 'mg/dL', range: [0, 1000], edges: [180, 200, 220, 240, 260, 300] },
  thalach: { unit: 'beats/min', range: [0, 250], edges: [105, 120, 135, 150, 165, 180] },
  oldpeak: { unit: 'mm', range: [-10, 10], edges: [0.05, 1, 2, 3] },
};

function plan(): Plan {
  const heart = heartPlan();
  return {
    ...heart,
    data: {
      ...heart.data,
      columns: names.map((name) => {
        const of = numeric[name];
        return of === undefined
          ? { name, kind: 'categorical', levels: [...(levels[name] ?? [])], missing: 'indicator' }
          : { name, kind: 'continuous', missing: 'indicator', ...of };
      }),
      label: { name: 'disease', levels: ['0', '1'] },
      subgroups: [],
    },
  };
}

function hospital(name: string): SiteTable {
  const cells = readFileSync(join(folder, `processed.${name}.data`), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.trim().split(','));
  const numberAt = (row: readonly string[], at: number): number => (row[at] === '?' ? Number.NaN : Number(row[at]));
  return {
    rows: cells.length,
    columns: names.map((column, at) => {
      const of = levels[column];
      return {
        name: column,
        kind: of === undefined ? 'continuous' : 'categorical',
        values: Float64Array.from(cells, (row) => {
          const value = numberAt(row, at);
          return of === undefined || Number.isNaN(value) ? value : of.indexOf(String(value));
        }),
      };
    }),
    labels: Float64Array.from(cells, (row) => (numberAt(row, 13) > 0 ? 1 : 0)),
    patientKeys: cells.map((_, row) => `${name}-${row}`),
    times: new Float64Array(cells.length).fill(Number.NaN),
    holdout: new Uint8Array(cells.length),
  };
}

const all = (table: SiteTable): Uint32Array => Uint32Array.from({ length: table.rows }, (_, row) => row);

const contract = plan();
const digest = canonicalDigest(contract);

/** Cleveland's counts as it may share them: small cells withheld, and others so that none can be derived. */
function shared(): Preprocessing {
  const cleveland = hospital('cleveland');
  return poolSummaries(
    contract,
    digest,
    new Map([['cleveland' as SiteName, summarise(cleveland, all(cleveland), contract, digest)]]),
  );
}

/** The same in full, as of a consortium of many such hospitals. */
function exact(): Preprocessing {
  const cleveland = hospital('cleveland');
  const of = shared();
  return {
    ...of,
    columns: of.columns.map(({ name, count, mean, scale }, index) => ({
      name,
      count,
      mean,
      scale,
      referenceCounts: countBins(
        cleveland.columns[index]?.values as Float64Array,
        contract.data.columns[index] as ContractColumn,
      ),
    })),
  };
}

/** What the report of a hospital says of each column beside Cleveland. */
function beside(preprocessing: Preprocessing, name: string): ReadonlyMap<string, ColumnShift> {
  const table = hospital(name);
  const report = shiftReport({
    plan: contract,
    policy: policyOf(),
    preprocessing,
    table,
    judged: all(table),
    training: new Uint32Array(0),
    seed: 1,
  });
  return new Map(report.filter(({ against }) => against === 'consortium').map((row) => [row.column, row]));
}

/** The sentence of a column that is named. */
function sentence(report: ReadonlyMap<string, ColumnShift>, column: string): string {
  const row = report.get(column);
  expect(row).toMatchObject({ found: true, large: true });
  return row?.explanation ?? '';
}

describe.skipIf(!there)('real hospitals beside Cleveland (needs ../shared/data/heart-disease)', () => {
  it.each(['switzerland', 'hungarian', 'va'])('%s: the ECG is coded otherwise', (name) => {
    const levels = {
      switzerland: 'restecg is 1 in 25% of judged patients (1% in the consortium) and 2 in 6% (49%)',
      hungarian: 'restecg is 1 in 18% of judged patients (1% in the consortium) and 2 in 2% (49%)',
      va: 'restecg is 1 in 47% of judged patients (1% in the consortium) and 2 in 14% (49%)',
    }[name];
    const report = beside(exact(), name);
    expect(report.get('restecg')?.kind).toBe('coding');
    expect(sentence(report, 'restecg')).toBe(`${levels}: these levels may be coded otherwise here.`);
    // From what one hospital alone may share the rare level cannot be told from its neighbour, but the change is found.
    expect(beside(shared(), name).get('restecg')).toMatchObject({
      found: true,
      explanation: expect.stringMatching(/more often (0, less often 1 or 2|1 or 2, less often 0)/),
    });
  });

  it.each([
    ['shared', shared],
    ['exact', exact],
  ] as const)('Switzerland, %s counts: cholesterol is 0 in everybody, nearly everybody is ill', (_, counts) => {
    const report = beside(counts(), 'switzerland');
    expect(report.get('chol')?.kind).toBe('constant');
    expect(sentence(report, 'chol')).toBe(
      'chol is 0 in every judged patient and varies in the consortium: it may not be measured here, or 0 may stand for missing.',
    );
    expect(sentence(report, 'disease')).toBe(
      'The outcome disease is more frequent than in the consortium: prevalence 93.5% against 45.9%.',
    );
    for (const column of ['fbs', 'slope', 'ca']) {
      expect(report.get(column)?.kind).toBe('missingness');
      expect(sentence(report, column)).toContain(`${column} is missing more often than in the consortium`);
    }
    expect(sentence(report, 'sex')).toContain('more often 1, less often 0');
  });

  it.each([
    ['shared', shared],
    ['exact', exact],
  ] as const)('Long Beach, %s counts: 0 stands for missing cholesterol and pressure; much is missing', (_, counts) => {
    const report = beside(counts(), 'va');
    expect(report.get('chol')?.kind).toBe('coding');
    expect(sentence(report, 'chol')).toBe(
      'chol is 0 in about 25% of judged patients, where the consortium hardly has such values: missing values may be coded as 0 here.',
    );
    // A single patient, whom no test can see: 0 lies further from every other pressure than those lie from one another.
    expect(report.get('trestbps')?.kind).toBe('coding');
    expect(sentence(report, 'trestbps')).toMatch(
      /^trestbps has, in fewer than \d+ judged patients, a value that is often written for missing \(such as 0 or 999\)/,
    );
    expect(sentence(report, 'disease')).toContain(
      'more frequent than in the consortium: prevalence 74.5% against 45.9%',
    );
    for (const column of ['thalach', 'exang', 'oldpeak', 'slope', 'ca', 'thal']) {
      expect(report.get(column)?.kind).toBe('missingness');
      expect(sentence(report, column)).toContain('missing more often');
    }
  });

  it('Hungary: the outcome is rarer, three columns are missing, and cholesterol is cholesterol', () => {
    const report = beside(exact(), 'hungarian');
    expect(sentence(report, 'disease')).toBe(
      'The outcome disease is less frequent than in the consortium: prevalence 36.1% against 45.9%.',
    );
    for (const column of ['slope', 'ca', 'thal']) expect(report.get(column)?.kind).toBe('missingness');
    expect(report.get('chol')?.kind).toBe('missingness');
    expect(report.get('trestbps')?.kind).not.toBe('coding');
    expect(report.get('sex')).toMatchObject({ found: false, kind: null, explanation: null });
  });

  it('Cleveland beside itself: nothing', () => {
    const report = beside(exact(), 'cleveland');
    expect([...report.values()].filter(({ found }) => found)).toEqual([]);
  });
});
