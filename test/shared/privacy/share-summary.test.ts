import { describe, expect, it } from 'vitest';
import { summaryProblem } from '../../../shared/algorithms/summary-check.ts';
import type { SiteSummary } from '../../../shared/plan/preprocessing.ts';
import { derivableFromSummary, shareSummary } from '../../../shared/privacy/share-summary.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import { summarise } from '../../../site-agent/data/site-summary.ts';
import type { SiteTable } from '../../../site-agent/data/site-table.ts';
import { heartPlan } from '../../support/plans.ts';
import { patients } from '../../support/shared-patients.ts';

const digest = digestOf('plan');
const rowsOf = (rows: number): Uint32Array => Uint32Array.from({ length: rows }, (_, row) => row);

describe.each([5, 11])('summaries at a minimum of %i', (minimumCount) => {
  const plan = heartPlan({ federation: { minimumCount } });
  const made = (table: SiteTable, rows = table.rows): SiteSummary => summarise(table, rowsOf(rows), plan, digest);

  it('leave as they are made: the checker finds nothing in a first one, of any size', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const summary = made(patients((seed * 13) % 400, { seed, sick: (seed % 10) / 10 }));
      expect(derivableFromSummary(summary, plan, []), `seed ${seed}`).toEqual([]);
      expect(shareSummary(summary, plan, [])).toBe(summary);
    }
  });

  it('leave less what a subtraction from the last would tell, and are still taken', () => {
    let told = 0;
    for (let seed = 1; seed <= 25; seed++) {
      const table = patients(400, { seed });
      let earlier: readonly SiteSummary[] = [];
      for (const rows of [150, 150 + seed, 260, 400]) {
        const shared = shareSummary(made(table, rows), plan, earlier);
        expect(derivableFromSummary(shared, plan, earlier), `seed ${seed}, ${rows} rows`).toEqual([]);
        expect(summaryProblem(plan, digest, shared)).toBeNull();
        if (rows === 150 + seed && seed < minimumCount) expect(shared.rows).toBeNull();
        told += shared.columns.flatMap(({ counts }) => counts).filter((count) => count !== null).length;
        earlier = [...earlier, shared];
      }
    }
    expect(told).toBeGreaterThan(1000);
  });

  it('are the same again for the same rows', () => {
    const summary = made(patients(200));
    expect(shareSummary(summary, plan, [summary])).toEqual(summary);
  });
});
