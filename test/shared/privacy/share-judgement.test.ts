import { describe, expect, it } from 'vitest';
import type { Judgement } from '../../../shared/plan/judgement.ts';
import type { Plan } from '../../../shared/plan/plan.ts';
import type { SiteSummary } from '../../../shared/plan/preprocessing.ts';
import type { SharedJudgement, SharingHistory, SiteCells } from '../../../shared/plan/shared-judgement.ts';
import { sharedJudgementSchema } from '../../../shared/plan/shared-judgement-schema.ts';
import { derivableFromJudgement } from '../../../shared/privacy/judgement-check.ts';
import { judgementUnder } from '../../../shared/privacy/other-plans.ts';
import { shareJudgement } from '../../../shared/privacy/share-judgement.ts';
import { sharedCellsProblem } from '../../../shared/privacy/shared-cells-check.ts';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import { populationStability } from '../../../shared/statistics/shift.ts';
import type { SiteTable } from '../../../site-agent/data/site-table.ts';
import { countSharedCells } from '../../../site-agent/judging/share-cells.ts';
import { columnShift, goodPerformance } from '../../support/evidence.ts';
import { judgedTable, patients, sharingPlan } from '../../support/shared-patients.ts';

const plan = sharingPlan;
const none: SharingHistory = { summaries: [], judgements: [] };
const judged = (table: SiteTable, evidence: Partial<Judgement['evidence']> = {}) => judgedTable(table, { evidence });

const share = (
  given: { judgement: Judgement; cells: SiteCells | null },
  history = none,
  under: Plan = plan,
): SharedJudgement => shareJudgement(given.judgement, given.cells, under, history);
const adding = (history: SharingHistory, shared: SharedJudgement): SharingHistory => ({
  ...history,
  judgements: [...history.judgements, shared],
});

/** Every number that stands for patients in a message, wherever it stands. */
function counts(shared: SharedJudgement): number[] {
  const { cells, evidence } = shared;
  return [
    evidence.rows,
    evidence.events,
    evidence.nonEvents,
    ...Object.values(evidence.excluded),
    ...evidence.subgroups.flatMap(({ rows, events, nonEvents }) => [rows, events, nonEvents]),
    ...(cells.classes ?? []),
    ...cells.columns.flatMap((column) => column.counts),
    ...(cells.scores.new === null ? [] : [...cells.scores.new.events, ...cells.scores.new.nonEvents]),
  ].flatMap((count) => (count === null ? [] : [count]));
}

describe('what is shared of a judgement', () => {
  it('leaves the site where the classes stay and every woman had the event', () => {
    const table = patients(142, { seed: 5 });
    const sex = table.columns[1]?.values as Float64Array;
    for (let row = 0; row < 142; row++) {
      sex[row] = row < 11 ? 0 : 1;
      table.labels[row] = row < 132 ? 1 : 0;
    }
    const few = judged(table);
    const told = share(few);
    expect(told.cells.classes).toBeNull();
    expect(told.evidence.subgroups[0]).toMatchObject({ name: 'women', rows: 11, events: null, nonEvents: null });
    expect(derivableFromJudgement(told, plan, none)).toEqual([]);
    // As soon as the classes are said, an unknown one of the women is a withheld one.
    const careless = { ...told, cells: { ...told.cells, classes: [10, 132] } };
    expect(derivableFromJudgement(careless, plan, none)).not.toEqual([]);
  });

  const large = judged(patients(900));
  const shared = share(large);

  it('has the form that is taken outside, fits its plan and holds no small count', () => {
    expect(sharedJudgementSchema.safeParse(shared).error).toBeUndefined();
    expect(sharedCellsProblem(shared, plan)).toBeNull();
    expect(counts(shared).filter((count) => count > 0 && count < 11)).toEqual([]);
    expect(derivableFromJudgement(shared, plan, none)).toEqual([]);
    expect(shared.evidence.rows).toBe(900);
    expect(shared.evidence.excluded).toEqual({ label_missing: null, before_cutoff: 900 });
  });

  it('says of everything withheld what and why', () => {
    const why = new Map(shared.withheld.map(({ what, why: reason }) => [what, reason]));
    expect(why.get('evidence.excluded.label_missing')).toBe('small_cell');
    expect(why.get('evidence.performance.decisionCurve')).toBe('finer_than_plan');
    for (const { name, counts: told } of shared.cells.columns) {
      expect(why.has(`cells.columns.${name}`), name).toBe(told.includes(null));
    }
  });

  it('keeps the decision, its codes and the digest of the whole evidence, and no sentence of the site', () => {
    const { decision } = large.judgement;
    expect(shared.decision).toMatchObject({
      decision: decision.decision,
      policy: decision.policy,
      package: decision.package,
      evidence: decision.evidence,
    });
    expect(shared.decision.reasons.map(({ code }) => code)).toEqual(decision.reasons.map(({ code }) => code));
    const text = canonicalJson(shared);
    expect(text).not.toContain('3 patients');
    expect(text).not.toContain('"p1"');
    expect(text).not.toContain(large.cells.secret);
  });

  it("shows a histogram of scores whose cells are sums of the plan's, with the threshold among its edges", () => {
    const told = shared.cells.scores.new;
    expect(told?.edges).toContain(0.5);
    expect(told?.edges.length).toBeGreaterThan(6);
    const fine = large.cells.scores.new;
    const at = (fine?.edges ?? []).indexOf(0.5);
    const here = (told?.edges ?? []).indexOf(0.5);
    const sum = (values: readonly number[] | undefined): number =>
      (values ?? []).reduce((total, value) => total + value, 0);
    expect(sum(told?.events.slice(here + 1))).toBe(sum(fine?.events.slice(at + 1)));
    // So figures at the threshold follow from published cells, and may stay.
    expect(shared.evidence.performance?.new.classification).not.toBeNull();
  });

  it('withholds figures that are equations in hidden cells, and keeps those whose cells are all shown', () => {
    for (const row of shared.evidence.shift.filter(({ against }) => against === 'consortium')) {
      const told = shared.cells.columns.find(({ name }) => name === row.column)?.counts ?? [];
      expect(row.statistic === null, row.column).toBe(told.includes(null));
      expect(row.reason === 'withheld', row.column).toBe(told.includes(null));
    }
    // Against its own earlier rows nothing may be said: no summary of them has left.
    expect(shared.evidence.shift.at(-1)).toMatchObject({ statistic: null, found: true, kind: 'distribution' });
    expect(shared.evidence.comparison).not.toHaveProperty('netBenefit');
    expect(shared.evidence.subgroups.map(({ sensitivity }) => sensitivity.new.reason)).toEqual([
      'withheld',
      'withheld',
    ]);
  });

  it('is the same for the same cells, whatever the order of rows', () => {
    const table = patients(300);
    const order = Array.from({ length: 300 }, (_, row) => (row * 7) % 300);
    const turned: SiteTable = {
      ...table,
      columns: table.columns.map((column) => ({
        ...column,
        values: Float64Array.from(order, (row) => column.values[row] as number),
      })),
      labels: Float64Array.from(order, (row) => table.labels[row] as number),
      patientKeys: order.map((row) => `p${row}`),
    };
    const judgedOf = (of: SiteTable) => Uint32Array.from({ length: of.rows }, (_, row) => row);
    const counted = (of: SiteTable) =>
      countSharedCells({ plan, preprocessing: null, table: of, judged: judgedOf(of), scores: null });
    expect(counted(turned)).toEqual(counted(table));
  });

  it('is next to nothing with few patients, few events, or without cells', () => {
    const few = share(judged(patients(8)));
    expect(few.evidence).toMatchObject({ rows: null, events: null, performance: null, shift: expect.any(Array) });
    expect(few.cells).toMatchObject({ rows: null, classes: null, columns: [], sums: [] });
    expect(few.evidence.auroc.new).toMatchObject({ value: null, low: null, reason: 'withheld' });

    const rare = patients(400);
    rare.labels.fill(0);
    rare.labels.fill(1, 0, 5);
    const fewEvents = share(judged(rare));
    expect(fewEvents.evidence).toMatchObject({ rows: 400, events: null, nonEvents: null, performance: null });
    expect(fewEvents.evidence.look.informationFraction).toBeNull();
    expect(fewEvents.cells).toMatchObject({ rows: 400, classes: null, scores: { new: null } });
    expect(fewEvents.cells.columns.length).toBe(plan.data.columns.length);
    expect(derivableFromJudgement(fewEvents, plan, none)).toEqual([]);

    const without = share({ judgement: large.judgement, cells: null });
    expect(without.cells).toMatchObject({ rows: 900, classes: null, columns: [] });
    expect(sharedJudgementSchema.safeParse(without).success).toBe(true);
  });

  it('does not give the digest of evidence so poor that its counts could be tried', () => {
    const poor = judged(patients(300), { performance: null });
    expect(share(poor).decision.evidence).toBeNull();
  });
});

/** A ladder on so many patients. */
function ladderOf(counts: { updateRows: number; updateEvents: number; rows: number; events: number }) {
  const performance = goodPerformance();
  return {
    ...counts,
    judgedFrom: '2025-03-04T11:12:13.000Z',
    steps: [
      {
        step: 'intercept' as const,
        reason: null,
        p: 0.2,
        calibration: performance.calibration,
        auroc: performance.auroc,
        loss: performance.logLoss,
        difference: { estimate: performance.auroc, oneSidedLower: 0, twoSidedUpper: 0 },
        forgetting: performance.auroc,
        gapClosed: performance.auroc,
      },
    ],
    chosen: null,
    variant: null,
  };
}

describe('figures that counts could be solved for', () => {
  const updateOf = (
    counts: { updateRows: number; updateEvents: number; rows: number; events: number },
    history = none,
    rows = 300,
  ) => share(judged(patients(rows), { update: ladderOf(counts) }), history).evidence.update;

  it('the steps of an update are told with its counts, or not at all: the width of an interval tells the events', () => {
    expect(updateOf({ updateRows: 150, updateEvents: 60, rows: 150, events: 55 })).toMatchObject({
      updateRows: 150,
      steps: [{ step: 'intercept' }],
    });
    expect(updateOf({ updateRows: 150, updateEvents: 60, rows: 150, events: 7 })).toMatchObject({
      updateRows: null,
      events: null,
      steps: [],
    });
    // Seven patients in neither part would follow from the rest.
    expect(updateOf({ updateRows: 150, updateEvents: 60, rows: 143, events: 55 })).toMatchObject({ rows: null });
  });

  it('those who fit an update may be all of an earlier judgement and few more: their number is not told then', () => {
    const history = adding(none, share(judged(patients(300))));
    const later = (updateRows: number) =>
      updateOf({ updateRows, updateEvents: 200, rows: 620 - updateRows, events: 150 }, history, 620);
    expect(later(305)).toMatchObject({ updateRows: null, steps: [] });
    expect(later(320)).toMatchObject({ updateRows: 320 });
    // 240 without an event, then 245.
    const before = adding(
      none,
      share(judged(patients(300), { update: ladderOf({ updateRows: 150, updateEvents: 60, rows: 150, events: 60 }) })),
    );
    const next = { updateRows: 215, updateEvents: 120, rows: 405, events: 160 };
    expect(updateOf(next, before, 620)).toMatchObject({ updateEvents: null, steps: [] });
  });

  it('neither the patients whom two models classify differently nor the days they came in follow from what is needed', () => {
    const power = { eventsPerWeek: 3.1847, eventsForMargin: 281.4, eventsForNetBenefit: 503.7 };
    expect(share(judged(patients(300), { power })).evidence.power).toEqual({
      eventsPerWeek: 3,
      eventsForMargin: 281,
      eventsForNetBenefit: null,
    });
  });

  it('of levels that the plan does not know the columns are told that the decision names, and no number', () => {
    const given = judged(patients(300), {
      data: {
        unseenLevels: [
          { column: 'sex', rows: 7, share: 7 / 300 },
          { column: 'cp', rows: 40, share: 40 / 300 },
        ],
        pendingShare: 0,
        latestRowAt: null,
      },
    });
    const { judgement } = given;
    const decision = {
      ...judgement.decision,
      reasons: [{ code: 'data.unseen_levels' as const, text: '7 patients', column: 'sex' }],
    };
    const { data } = share({ ...given, judgement: { ...judgement, decision } }).evidence;
    expect(data.unseenLevels).toEqual([{ column: 'sex', rows: null, share: null }]);
  });

  it('a slice is told with its loss alone: with that of the rest its patients would follow from the Brier score', () => {
    const slice = {
      conditions: [{ column: 'age', text: 'age from 62' }],
      rows: 60,
      events: 25,
      loss: 0.24567,
      lossElsewhere: 0.12345,
      score: 1,
      p: 0.0001,
      adjustedP: 0.00123,
    };
    expect(share(judged(patients(300), { slices: [slice] })).evidence.slices).toEqual([
      { conditions: slice.conditions, loss: 0.2457, adjustedP: 0.00123 },
    ]);
  });

  it('figures against own earlier rows are told only where those are the rows of the summary that left', () => {
    const given = judged(patients(900));
    const { counts: now } = share(given).cells.columns[0] as { counts: readonly (number | null)[] };
    expect(now).not.toContain(null);
    const name = plan.data.columns[0]?.name as string;
    const then = now.map((count) => (count ?? 0) + 20);
    const summary: SiteSummary = {
      wardround: 'summary/1',
      plan: 'a'.repeat(64),
      rows: then.reduce((sum, count) => sum + count, 0),
      labelCounts: [600, 400],
      columns: [{ name, sums: null, counts: then }],
    } as never;
    const against = (reference: readonly number[], ownTraining: number) => {
      const row = columnShift({
        column: name,
        against: 'own-training',
        psi: populationStability(reference, now as number[]),
        referenceMissingRate: (reference.at(-1) as number) / reference.reduce((sum, count) => sum + count, 0),
      });
      const { evidence } = given.judgement;
      const judgement = {
        ...given.judgement,
        evidence: { ...evidence, shift: [row], prevalence: { ...evidence.prevalence, ownTraining } },
      };
      return share({ ...given, judgement }, { summaries: [summary], judgements: [] }).evidence.shift[0];
    };
    expect(against(then, 0.4)?.psi).not.toBeNull();
    // Three patients came since.
    const grown = then.map((count, at) => (at === 1 ? count + 3 : count));
    expect(against(grown, 0.4)).toMatchObject({
      psi: null,
      statistic: null,
      referenceMissingRate: null,
      reason: 'withheld',
    });
    expect(against(then, 402 / 1002)).toMatchObject({ psi: null, reason: 'withheld' });
  });

  it('rows of the time that trains are not told where those of the summary are a few less', () => {
    const summary = (rows: number) => ({ rows, labelCounts: null, columns: [] }) as unknown as SiteSummary;
    const excluded = (rows: number) =>
      share(judged(patients(300), { excluded: { before_cutoff: 903, label_missing: 12 } }), {
        summaries: [summary(rows)],
        judgements: [],
      }).evidence.excluded;
    expect(excluded(900)).toEqual({ before_cutoff: null, label_missing: 12 });
    expect(excluded(903)).toEqual({ before_cutoff: 903, label_missing: 12 });
    expect(excluded(700)).toEqual({ before_cutoff: 903, label_missing: 12 });
  });

  it('patients who wait are not told where the rows that wait are a few more', () => {
    const figure = { confidenceBased: goodPerformance().auroc, adapted: goodPerformance().auroc };
    const waiting = (rows: number) =>
      share(
        judged(patients(300), {
          excluded: { window_open: 40, label_missing: 20 },
          unlabelled: { rows, auroc: figure, brier: figure },
        }),
      ).evidence.unlabelled;
    expect(waiting(57)).toBeNull();
    expect(waiting(37)).toBeNull();
    expect(waiting(60)).toMatchObject({ rows: 60 });
  });

  it('a model with few different risks is told without figures where they could be solved for who has which', () => {
    const table = patients(300);
    const few = [0.1234, 0.3217, 0.7719];
    const risksBy = (rare: (row: number) => boolean) =>
      Float64Array.from(table.labels, (label, row) => few[rare(row) ? 2 : (row + label) % 2] as number);
    // Four patients of either outcome or so have the third risk.
    const risks = risksBy((row) => row % 40 === 0);
    const given = judgedTable(table, { risks });
    // What could be solved: the sum of squared errors of the events fits one number of them alone.
    const events = given.cells.classes?.[1] as number;
    const ofEvents = (first: number, third: number): number =>
      first * (1 - 0.1234) ** 2 + (events - first - third) * (1 - 0.3217) ** 2 + third * (1 - 0.7719) ** 2;
    const told = risks.reduce((sum, risk, row) => sum + (table.labels[row] === 1 ? (1 - risk) ** 2 : 0), 0);
    const fitting = new Set<number>();
    for (let first = 0; first <= events; first++) {
      for (let third = 0; first + third <= events; third++) {
        if (Math.abs(ofEvents(first, third) - told) < 1e-4) fitting.add(third);
      }
    }
    expect([...fitting].length).toBe(1);
    expect([...fitting][0]).toBeLessThan(11);

    const shared = share(given);
    expect(shared.evidence).toMatchObject({ rows: 300, events, performance: null, multivariate: null });
    expect(shared.evidence.auroc.new).toMatchObject({ value: null, reason: 'withheld' });
    expect(shared.evidence.subgroups[0]?.auroc.new.value).toBeNull();
    expect(shared.cells.sums).toEqual([]);
    expect(shared.decision.evidence).toBeNull();
    expect(shared.withheld).toContainEqual({ what: 'evidence.performance', why: 'from_small_cell' });
    expect(sharedJudgementSchema.safeParse(shared).success).toBe(true);
    // Many patients a risk, or many risks: nothing small follows.
    expect(share(judgedTable(table, { risks: risksBy(() => false) })).evidence.performance).not.toBeNull();
    expect(share(judgedTable(table)).evidence.performance).not.toBeNull();
    // Every patient has another risk, made of an age and pressures that nobody outside knows.
    expect(share(judgedTable(patients(45))).evidence.performance).not.toBeNull();
  });

  it('what a hidden column was tested on is not told either', () => {
    const { shift } = share(judged(patients(300))).evidence;
    const hidden = shift.filter(({ reason }) => reason === 'withheld');
    expect(hidden.length).toBeGreaterThan(0);
    expect(hidden.every(({ degreesOfFreedom }) => degreesOfFreedom === null)).toBe(true);
  });
});

describe('what is shared after something was shared before', () => {
  it('the same judgement again is shared as it was', () => {
    const given = judged(patients(300));
    const first = share(given);
    const again = share(given, adding(none, first));
    expect(again).toEqual(first);
  });

  it('five patients more tell nothing of themselves: no count is shared, and no figure of outcomes', () => {
    const history = adding(none, share(judged(patients(300))));
    const next = share(judged(patients(305)), history);
    expect(next.evidence.rows).toBeNull();
    expect(next.cells).toMatchObject({ rows: null, classes: null, columns: [] });
    expect(next.withheld).toContainEqual({ what: 'evidence.rows', why: 'too_little_new' });
    expect(derivableFromJudgement(next, plan, history)).toEqual([]);
  });

  it('under another plan that counts the same cells it is as under the same', () => {
    const { columns } = plan.data;
    const [first, ...rest] = columns;
    const turned: Plan = { ...plan, name: 'renamed', data: { ...plan.data, columns: [...rest, first as never] } };
    const before = share(judged(patients(300)));
    const order = {
      ...before,
      cells: { ...before.cells, columns: [...before.cells.columns.slice(1), before.cells.columns[0] as never] },
    };
    const seen = judgementUnder(plan, turned, order);
    expect(seen).toEqual(before);
    const history = { ...none, judgements: seen === null ? [] : [seen] };
    expect(share(judged(patients(305)), history).evidence.rows).toBeNull();
    expect(share(judged(patients(420)), history).evidence.rows).toBe(420);
  });

  it('of another plan only what both cut alike is compared', () => {
    const [first, ...rest] = plan.data.columns;
    const other: Plan = {
      ...plan,
      data: {
        ...plan.data,
        columns: [
          { ...first, edges: [first?.kind === 'continuous' ? (first.edges[0] as number) + 1 : 0] } as never,
          ...rest,
        ],
        subgroups: [],
      },
    };
    const seen = judgementUnder(plan, other, share(judged(patients(300))));
    expect(seen?.cells.columns.map(({ name }) => name)).toEqual(['', ...rest.map(({ name }) => name)]);
    expect(seen?.evidence.subgroups).toEqual([]);
    const history = { ...none, judgements: seen === null ? [] : [seen] };
    const next = share(judged(patients(420)), history);
    expect(derivableFromJudgement(next, plan, history)).toEqual([]);
    expect(next.cells.columns[0]?.counts).toEqual(share(judged(patients(420))).cells.columns[0]?.counts);
    const label = { ...plan.data.label, name: 'another' } as never;
    expect(judgementUnder(plan, { ...plan, data: { ...plan.data, label } }, next)).toBeNull();
    // Under a later cut-off some of the patients judged before train; under an earlier one all of them judge again.
    const dated = (trainingCutoff: string) => ({ ...plan, data: { ...plan.data, trainingCutoff } });
    expect(judgementUnder(dated('2025-07-01'), dated('2025-01-01'), next)).toBeNull();
    expect(judgementUnder(dated('2025-01-01'), dated('2025-07-01'), next)).not.toBeNull();
    expect(judgementUnder(dated('2025-01-01'), dated('2025-01-01'), next)).not.toBeNull();
  });

  it.each([40, 120, 600])('%i patients more are shared less what a subtraction would tell', (more) => {
    let history = none;
    for (const rows of [300, 300 + more, 300 + 2 * more]) {
      const next = share(judged(patients(rows)), history);
      expect(derivableFromJudgement(next, plan, history)).toEqual([]);
      for (const before of history.judgements) {
        for (const [index, { name, counts: now }] of next.cells.columns.entries()) {
          const then = before.cells.columns[index]?.counts ?? [];
          for (const [bin, count] of now.entries()) {
            const step = Math.abs((count ?? 0) - (then[bin] ?? count ?? 0));
            expect(count !== null && step > 0 && step < 11, `${name} ${bin}`).toBe(false);
          }
        }
      }
      expect(next.evidence.rows).toBe(rows);
      history = adding(history, next);
    }
  });

  it('the check finds a message that was not suppressed', () => {
    const given = judged(patients(300));
    const honest = share(given);
    const open: SharedJudgement = {
      ...honest,
      cells: { ...honest.cells, columns: given.cells.columns.map(({ name, counts: all }) => ({ name, counts: all })) },
    };
    const found = derivableFromJudgement(open, plan, none);
    expect(found.length).toBeGreaterThan(0);
    const [first] = found;
    const column = given.cells.columns.find(({ name }) => first?.table === `column ${name}`);
    expect(column?.counts).toContain(first?.low);
  });
});
