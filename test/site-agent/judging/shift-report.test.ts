import { describe, expect, it } from 'vitest';
import type { ColumnShift } from '../../../shared/plan/judgement.ts';
import type { Policy } from '../../../shared/plan/policy.ts';
import type { Preprocessing } from '../../../shared/plan/preprocessing.ts';
import type { SiteTable } from '../../../site-agent/data/site-table.ts';
import { shiftReport } from '../../../site-agent/judging/shift-report.ts';
import { policyOf } from '../../support/evidence.ts';
import { type Cohort, cohort, consortiumReference, smallPlan } from '../../support/judging.ts';

const plan = smallPlan();
const reference = consortiumReference(plan);
const usual: Cohort = { seed: 11, training: 400, judged: 300 };

function reportOf(
  table: SiteTable,
  training: number,
  preprocessing: Preprocessing | null = reference,
  policy: Policy = policyOf(),
): ColumnShift[] {
  const rows = Uint32Array.from({ length: table.rows }, (_, row) => row);
  return shiftReport({
    plan,
    policy,
    preprocessing,
    table,
    training: rows.slice(0, training),
    judged: rows.slice(training),
    seed: 1,
  });
}

const rowOf = (report: readonly ColumnShift[], column: string, against: ColumnShift['against']): ColumnShift => {
  const found = report.find((row) => row.column === column && row.against === against);
  if (found === undefined) throw new Error(`no row of ${column} against ${against}`);
  return found;
};

describe('the shift report', () => {
  it('finds nothing in sixty cohorts that did not change', () => {
    let reports = 0;
    let alarms = 0;
    let small = 0;
    let tests = 0;
    for (let seed = 200; seed < 260; seed++) {
      // A consortium of its own each time: one reference with an unlucky draw would be met sixty times.
      const others = consortiumReference(plan, [1000 + 3 * seed, 1001 + 3 * seed, 1002 + 3 * seed]);
      const report = reportOf(cohort({ ...usual, seed }), usual.training, others);
      reports++;
      if (report.some(({ found }) => found)) alarms++;
      for (const { p } of report) {
        if (p === null) continue;
        tests++;
        if (p <= 0.05) small++;
      }
    }
    // At a rate of 5% over the whole report three of sixty may, seven in one of a hundred trials; 480 single tests, 5% ± 3 standard errors of 1%.
    expect(reports).toBe(60);
    expect(alarms).toBeLessThanOrEqual(7);
    expect(small / tests).toBeLessThan(0.08);
    expect(small / tests).toBeGreaterThan(0.01);
  });

  it('says in which direction a distribution moved', () => {
    const report = reportOf(cohort({ ...usual, age: (years) => years + 12 }), usual.training);
    const row = rowOf(report, 'age', 'consortium');
    expect(row).toMatchObject({ found: true, kind: 'distribution', degreesOfFreedom: 4 });
    expect(row.explanation).toMatch(
      /^age is distributed otherwise than in the consortium: more often from 70 years, less often /,
    );
    expect(rowOf(report, 'cholesterol', 'own-training').found).toBe(false);
  });

  it('says so when not every hospital of the consortium is in the counts compared with', () => {
    const sites = ['a', 'b', 'c'];
    const some: Preprocessing = {
      ...reference,
      sites,
      labelSites: ['a', 'c'],
      columns: reference.columns.map((column) =>
        column.name === 'age' ? { ...column, referenceSites: ['b'] } : column,
      ),
    };
    const report = reportOf(cohort({ ...usual, age: (years) => years + 12, judgedLogOdds: 2 }), usual.training, some);
    const age = rowOf(report, 'age', 'consortium');
    expect(age.referenceSites).toEqual({ known: 1, of: 3 });
    expect(age.explanation).toContain("than in the 1 of the consortium's 3 hospitals that could share these counts");
    expect(rowOf(report, 'age', 'own-training').explanation).toContain("than in this hospital's earlier rows");
    const outcome = rowOf(report, plan.data.label.name, 'consortium');
    expect(outcome.referenceSites).toEqual({ known: 2, of: 3 });
    expect(outcome.explanation).toContain(
      "than in the 2 of the consortium's 3 hospitals that could share these counts",
    );
    expect(rowOf(report, 'cholesterol', 'consortium')).not.toHaveProperty('referenceSites');
  });

  it('compares merged bins where the reference has groups, and does not know a missing rate that was withheld', () => {
    const merged = {
      ...reference,
      columns: reference.columns.map((column) =>
        column.name === 'age'
          ? {
              ...column,
              referenceCounts: [50, 0, 400, 300, 100, 0].slice(0, column.referenceCounts.length),
              referenceGroups: [[0, 1, 5]],
            }
          : column,
      ),
    };
    const row = rowOf(reportOf(cohort(usual), usual.training, merged), 'age', 'consortium');
    expect(row.degreesOfFreedom).toBe(3);
    expect(row.referenceMissingRate).toBeNull();
    expect(row.missingRate).toBe(0);
  });

  it('says why it compares nothing', () => {
    const empty = cohort({ ...usual, judged: 0 });
    expect(rowOf(reportOf(empty, usual.training), 'age', 'consortium')).toMatchObject({
      p: null,
      psi: null,
      missingRate: null,
      reason: 'no_rows',
    });
    const table = cohort(usual);
    expect(rowOf(reportOf(table, usual.training, null), 'age', 'consortium')).toMatchObject({
      p: null,
      adjustedP: null,
      found: false,
      reason: 'no_reference',
    });
    expect(rowOf(reportOf(table, 0), 'age', 'own-training').reason).toBe('no_reference');
    // Six patients cannot fill two bins with five expected in each.
    expect(rowOf(reportOf(cohort({ ...usual, judged: 6 }), usual.training), 'age', 'own-training').reason).toBe(
      'too_few_rows',
    );
  });

  it('names a level that was not there before', () => {
    const table = cohort(usual);
    const sex = table.columns[2]?.values as Float64Array;
    for (let row = 0; row < usual.training; row++) sex[row] = 0;
    const row = rowOf(reportOf(table, usual.training), 'sex', 'own-training');
    expect(row).toMatchObject({ found: true, kind: 'levels' });
    expect(row.explanation).toContain('male');
  });

  it('adjusts over the whole report: more columns make one p count for less', () => {
    const report = reportOf(cohort({ ...usual, age: (years) => years + 4 }), usual.training);
    for (const { p, adjustedP } of report) {
      if (p !== null) expect(adjustedP as number).toBeGreaterThanOrEqual(p);
    }
  });

  it('calls large what the policy calls a shift, and no more', () => {
    const table = cohort({ ...usual, age: (years) => years + 5 });
    const strict = reportOf(table, usual.training, reference, policyOf({ shift: { psi: 0.01 } }));
    const mild = reportOf(table, usual.training, reference, policyOf({ shift: { psi: 2 } }));
    expect(rowOf(strict, 'age', 'consortium')).toMatchObject({ found: true, large: true });
    // Found all the same, and explained, but too small to be named among the reasons.
    expect(rowOf(mild, 'age', 'consortium')).toMatchObject({ found: true, large: false, kind: 'distribution' });
  });
});
