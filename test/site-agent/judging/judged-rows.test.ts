import { describe, expect, it } from 'vitest';
import type { SiteTable } from '../../../site-agent/data/site-table.ts';
import { type Eligibility, selectRows } from '../../../site-agent/judging/judged-rows.ts';
import { smallPlan } from '../../support/judging.ts';

const { data: contract } = smallPlan();
const at = (date: string): number => Date.parse(date);
const nowMs = at('2025-01-01');
const since = (...cutoffs: (string | null)[]): Eligibility => ({ cutoffs, nowMs });

function tableOf(
  rows: readonly { key: string; time: number; age?: number; label?: number; holdout?: number }[],
): SiteTable {
  const of = (pick: (row: (typeof rows)[number]) => number): Float64Array => Float64Array.from(rows, pick);
  return {
    rows: rows.length,
    columns: [{ name: 'age', kind: 'continuous', values: of(({ age }) => age ?? 50) }],
    labels: of(({ label }) => label ?? 0),
    patientKeys: rows.map(({ key }) => key),
    times: of(({ time }) => time),
    holdout: Uint8Array.from(rows, ({ holdout }) => holdout ?? 0),
  };
}

describe('which rows judge', () => {
  const table = tableOf([
    { key: 'd', time: at('2024-03-01') },
    { key: 'a', time: at('2023-12-31T23:59:59.999Z') },
    { key: 'b', time: at('2024-01-01') },
    { key: 'c', time: Number.NaN },
    { key: 'e', time: at('2024-02-01'), label: Number.NaN },
    { key: 'd', time: at('2024-02-01') },
    { key: 'd', time: at('2024-04-01') },
    { key: 'f', time: at('2023-05-01'), label: Number.NaN },
    { key: 'g', time: at('2024-03-01') },
  ]);

  it('those at or after the cut-off with a known outcome, the first of each patient, in the order of keys', () => {
    const selection = selectRows(table, contract, since(contract.trainingCutoff));
    expect([...selection.judged]).toEqual([2, 5, 8]);
    expect([...selection.training]).toEqual([1]);
    expect(selection.excluded).toEqual({ before_cutoff: 2, time_unknown: 1, label_missing: 1, repeat_patient: 2 });
    expect(selection.kind).toBe('prospective');
    expect(selection.judgedFromMs).toBe(at('2024-01-01'));
  });

  it('those after the cut-off of every version compared', () => {
    const selection = selectRows(table, contract, since('2024-01-01', '2024-02-15'));
    expect([...selection.judged]).toEqual([8]);
    expect(selection.judgedFromMs).toBe(at('2024-02-15'));
    // What trained at this site is still what lies before the plan's own cut-off.
    expect([...selection.training]).toEqual([1]);
  });

  it('no later row of a patient whose earlier outcome may have trained a version compared', () => {
    const returning = tableOf([
      { key: 'trained', time: at('2023-06-01') },
      { key: 'trained', time: at('2024-06-01') },
      // Between the plan's cut-off and that of the other version: this row may have trained that one.
      { key: 'trained another', time: at('2024-02-01') },
      { key: 'trained another', time: at('2024-06-01') },
      // Its outcome was never known, so it trained nothing.
      { key: 'waited', time: at('2023-06-01'), label: Number.NaN },
      { key: 'waited', time: at('2024-06-01') },
      { key: 'new', time: at('2024-06-01') },
    ]);
    const selection = selectRows(returning, contract, since('2024-01-01', '2024-02-15'));
    expect([...selection.judged]).toEqual([6, 5]);
    expect(selection.excluded).toEqual({ before_cutoff: 3, trained_patient: 2 });
  });

  it('the declared holdout where there are no dates', () => {
    const undated = tableOf([
      { key: 'a', time: Number.NaN, holdout: 1, age: 60 },
      { key: 'b', time: Number.NaN, holdout: 0 },
      { key: 'a', time: Number.NaN, holdout: 1, age: 40 },
    ]);
    const selection = selectRows(undated, { ...contract, time: null, trainingCutoff: null }, since(null));
    expect(selection.kind).toBe('retrospective');
    expect(selection.judgedFromMs).toBeNull();
    // Two rows of one patient without a time: the smaller first value counts, wherever it stands.
    expect([...selection.judged]).toEqual([2]);
    expect([...selection.training]).toEqual([1]);
    expect(selection.excluded).toEqual({ not_in_holdout: 1, repeat_patient: 1 });
  });

  it('none where a version compared has no cut-off: nothing shows what it was trained on', () => {
    expect([...selectRows(table, contract, since(contract.trainingCutoff, null)).judged]).toEqual([]);
  });

  it('those whose outcome window has closed by now; early events and later dates are left out and counted', () => {
    const windowed = { ...contract, outcomeWindowDays: 30 };
    const waiting = tableOf([
      { key: 'closed', time: at('2024-11-01') },
      // Thirty days after it is this very moment: closed.
      { key: 'just closed', time: at('2024-12-02') },
      // An event that came early would count although a non-event of the same day cannot be known yet.
      { key: 'early event', time: at('2024-12-02T00:00:00.001Z'), label: 1 },
      { key: 'open', time: at('2024-12-20'), label: Number.NaN },
      { key: 'tomorrow', time: at('2025-01-02') },
      { key: 'never told', time: at('2024-06-01'), label: Number.NaN },
      { key: 'told later', time: at('2024-06-01'), label: Number.NaN },
      { key: 'told later', time: at('2024-08-01') },
      { key: 'trained', time: at('2023-08-01') },
      { key: 'trained', time: at('2024-12-30'), label: Number.NaN },
    ]);
    const selection = selectRows(waiting, windowed, since(contract.trainingCutoff));
    expect([...selection.judged]).toEqual([0, 1, 7]);
    expect(selection.excluded).toEqual({ before_cutoff: 1, window_open: 3, future_dated: 1, label_missing: 2 });
    // Those without a usable outcome who judge nothing, and have trained nothing.
    expect([...selection.waiting]).toEqual(
      [2, 5, 3].sort((a, b) => ((waiting.patientKeys[a] ?? '') < (waiting.patientKeys[b] ?? '') ? -1 : 1)),
    );
    expect(selection.rowsInPeriod).toBe(8);
    // Of four patients whose window has closed one has no outcome.
    expect(selection.pendingShare).toBeCloseTo(1 / 4, 12);
  });

  it('none of the rows that a local update may have learnt from, nor later ones of the same patients', () => {
    const updated = tableOf([
      { key: 'updated it', time: at('2024-02-01') },
      { key: 'updated it', time: at('2024-09-01') },
      { key: 'later', time: at('2024-05-01T12:00:00Z') },
      { key: 'at once', time: at('2024-05-01T11:59:59.999Z') },
    ]);
    const selection = selectRows(updated, contract, since('2024-01-01', '2024-05-01T12:00:00.000Z'));
    expect([...selection.judged]).toEqual([2]);
    expect(selection.excluded).toEqual({ before_cutoff: 2, trained_patient: 1 });
    expect(selection.judgedFromMs).toBe(at('2024-05-01T12:00:00Z'));
  });

  it('knows no pending outcomes where there are no times', () => {
    const undated = tableOf([{ key: 'a', time: Number.NaN, holdout: 1, label: Number.NaN }]);
    const selection = selectRows(undated, { ...contract, time: null, trainingCutoff: null }, since(null));
    expect(selection.pendingShare).toBeNull();
    expect([...selection.waiting]).toEqual([0]);
    expect(selectRows(tableOf([]), contract, since('2024-01-01'))).toMatchObject({
      rowsInPeriod: 0,
      pendingShare: null,
    });
  });
});
