import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Policy } from '../../../shared/plan/policy.ts';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import type { Digest, ReleaseVersion } from '../../../shared/runtime/ids.ts';
import { permutation, type RandomStream, randomStream } from '../../../shared/runtime/random.ts';
import type { ScoredOutcome } from '../../../site-agent/data/predictions.ts';
import type { SiteTable } from '../../../site-agent/data/site-table.ts';
import { type Baseline, makeBaseline } from '../../../site-agent/judging/monitor/baseline.ts';
import { levelOfOne, splitBudget } from '../../../site-agent/judging/monitor/budget.ts';
import { initHarmTest, stepHarmTest } from '../../../site-agent/judging/monitor/harm-test.ts';
import {
  initMonitor,
  type MonitorState,
  noteLevels,
  readMonitor,
  takeOutcomes,
  takeRows,
} from '../../../site-agent/judging/monitor/monitor-state.ts';
import { chanceFloor } from '../../../site-agent/judging/monitor/row-window.ts';
import { levelOf } from '../../../site-agent/judging/monitor/signal.ts';
import { policyOf } from '../../support/evidence.ts';
import { cohort } from '../../support/judging.ts';
import { watchedPlan } from '../../support/watched-site.ts';

const plan = watchedPlan();
const nowMs = Date.parse('2024-12-01T00:00:00Z');
/** The model that is right for `cohort`. */
function riskOf(table: SiteTable, row: number): number {
  const [age, , sex] = table.columns;
  return 1 / (1 + Math.exp(-(0.08 * ((age?.values[row] as number) - 58) + (sex?.values[row] as number) - 0.7)));
}
const everyRow = (table: SiteTable): Uint32Array => Uint32Array.from({ length: table.rows }, (_, row) => row);

function baselineOf(table: SiteTable, policy: Policy, against: Baseline['against'] = null): Baseline {
  const reference = everyRow(table);
  return makeBaseline({
    release: { version: 'heart-disease/1' as ReleaseVersion, digest: 'a'.repeat(64) as Digest },
    against,
    contract: plan.data,
    policy,
    table,
    reference,
    probabilities: Float64Array.from(reference, (row) => riskOf(table, row)),
    schema: 'b'.repeat(64) as Digest,
    validatedMs: nowMs,
    revalidateDays: 90,
    nowMs,
  });
}
const policy = policyOf({ monitor: { falseAlarmRate: 0.2, lifetimePatients: 1000, windowPatients: 100 } });
const reference = cohort({ seed: 1, training: 0, judged: 900 });
const baseline = baselineOf(reference, policy);
const scores = {
  probabilities: Float64Array.from(everyRow(reference), (row) => riskOf(reference, row)),
  labels: reference.labels,
};

function outcomesOf(table: SiteTable, other: ((row: number) => number) | null = null): ScoredOutcome[] {
  return Array.from(everyRow(table), (row) => ({
    sequence: row + 1,
    probability: riskOf(table, row),
    other: other === null ? null : other(row),
    outcome: table.labels[row] as number,
    subgroups: table.columns[2]?.values[row] === 0 ? [0] : [],
    altered: false,
  }));
}
function rowsTaken(state: MonitorState, table: SiteTable, rows: readonly number[]): MonitorState {
  return takeRows(state, plan.data, baseline, scores, {
    table,
    rows,
    probabilities: rows.map((row) => riskOf(table, row)),
  });
}
const start = (): MonitorState => initMonitor(plan.data, baseline, 0);
const levels = (state: MonitorState, of: Baseline = baseline): Record<string, string> =>
  Object.fromEntries(readMonitor(state, of, [], nowMs).map(({ signal, parts }) => [signal, levelOf(parts)]));

describe('the budget', () => {
  it('is split over what is watched, and none of it is lost or made', () => {
    const lines = ['performance', 'harm', 'calibration', 'window'] as const;
    const budget = splitBudget(0.05, lines);
    expect(Object.values(budget).reduce((sum, share) => sum + share, 0)).toBeCloseTo(0.05, 15);
    expect(budget.calibration).toBeCloseTo((0.05 * 4) / 12, 15);
    expect(budget.inputs).toBeUndefined();
  });

  it('gives one of many windows its part: 1 - (1 - 0.05)^(1/50)', () => {
    expect(levelOfOne(0.05, 50)).toBeCloseTo(0.0010253, 7);
  });
});

describe('the baseline', () => {
  it('holds what the reference rows say, whatever their order', () => {
    expect(baseline).toMatchObject({ rows: 900, against: null, windows: 10, days: { first: 19724, last: 20023 } });
    const order = permutation(reference.rows, randomStream(9, 'order'));
    const pick = (values: ArrayLike<number>): Float64Array => Float64Array.from(order, (row) => values[row] as number);
    const shuffled: SiteTable = {
      ...reference,
      columns: reference.columns.map((column) => ({ ...column, values: pick(column.values) })),
      labels: pick(reference.labels),
      times: pick(reference.times),
      patientKeys: Array.from(order, (row) => reference.patientKeys[row] as string),
    };
    expect(canonicalJson(baselineOf(shuffled, policy))).toBe(canonicalJson(baseline));
  });

  it('has a miscalibration that was accepted, overall or in a group, raise no alarm', () => {
    // Women's odds are a quarter of what the model says, everybody's a third higher: so they were among those who judged it.
    const off = (table: SiteTable, seed: number): SiteTable => {
      const random = randomStream(seed, 'off');
      const labels = Float64Array.from(everyRow(table), (row) => {
        const woman = table.columns[2]?.values[row] === 0;
        const odds = (riskOf(table, row) / (1 - riskOf(table, row))) * (woman ? 0.25 : 1) * 1.33;
        return random.uniform() < odds / (1 + odds) ? 1 : 0;
      });
      return { ...table, labels };
    };
    const judged = off(cohort({ seed: 21, training: 0, judged: 3000 }), 1);
    const accepted = baselineOf(judged, policy);
    const state = takeOutcomes(
      initMonitor(plan.data, accepted, 0),
      accepted,
      outcomesOf(off(cohort({ seed: 23, training: 0, judged: 1000 }), 2)),
    );
    expect(levels(state, accepted)).toMatchObject({
      calibration: 'quiet',
      performance: 'quiet',
      window: 'quiet',
      subgroup: 'quiet',
    });
    // Against the model's own word the same patients alarm.
    const unadjusted: Baseline = {
      ...accepted,
      recalibration: { kind: 'none' },
      subgroups: accepted.subgroups.map((group) => ({ ...group, recalibration: { kind: 'none' } })),
    };
    const word = takeOutcomes(
      initMonitor(plan.data, unadjusted, 0),
      unadjusted,
      outcomesOf(off(cohort({ seed: 23, training: 0, judged: 1000 }), 2)),
    );
    expect(levels(word, unadjusted).subgroup).not.toBe('quiet');
  });

  it('refuses reference rows with one outcome only', () => {
    const healthy = { ...reference, labels: new Float64Array(reference.rows) };
    expect(() => baselineOf(healthy, policy)).toThrow(expect.objectContaining({ code: 'monitor_reference' }));
  });

  it('does not watch a subgroup with too few events, and gives its share to the others', () => {
    const strict = policyOf({
      monitor: { falseAlarmRate: 0.2, lifetimePatients: 200, windowPatients: 100 },
      subgroups: { minimumEvents: 400 },
    });
    const without = baselineOf(reference, strict);
    expect(without.subgroups).toMatchObject([{ name: 'women', position: 0, brier: null, reason: 'too_few_events' }]);
    expect(without.budget.subgroup).toBeUndefined();
    expect(without.budget.calibration).toBeGreaterThan(baseline.budget.calibration as number);
  });
});

describe('monitors', () => {
  const stream = cohort({ seed: 2, training: 0, judged: 450, judgedLogOdds: 0.5 });
  const outcomes = outcomesOf(stream, (row) => riskOf(stream, row) * 0.9);
  const whole = rowsTaken(takeOutcomes(start(), baseline, outcomes), stream, Array.from(everyRow(stream)));

  it('come to the same state wherever the stream is cut, through their JSON', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 450 }), { maxLength: 4 }), (cuts) => {
        const ends = [...cuts, 450].sort((a, b) => a - b);
        let state = start();
        let from = 0;
        for (const end of ends) {
          const rows = Array.from({ length: end - from }, (_, index) => from + index);
          state = takeOutcomes(state, baseline, outcomes.slice(from, end));
          state = rowsTaken(state, stream, rows);
          state = JSON.parse(canonicalJson(state)) as MonitorState;
          from = end;
        }
        expect(canonicalJson(state)).toBe(canonicalJson(whole));
      }),
      { numRuns: 15 },
    );
  });

  it('are quiet on the very patients they were made from', () => {
    const state = rowsTaken(
      takeOutcomes(start(), baseline, outcomesOf(reference)),
      reference,
      Array.from(everyRow(reference)),
    );
    expect(new Set(Object.values(levels(state)))).toEqual(new Set(['quiet']));
  });

  it('find doubled odds by the chart, by the test that is valid at any time, and by windows', () => {
    const doubled = cohort({ seed: 3, training: 0, judged: 900, judgedLogOdds: Math.log(2) });
    const state = takeOutcomes(start(), baseline, outcomesOf(doubled));
    expect(levels(state)).toMatchObject({ calibration: 'revalidate', performance: 'revalidate', window: 'revalidate' });
    expect(state.outcomes.calibration[0]?.firstSignal).toBeLessThan(400);
    // Nothing says that the odds fell.
    expect(state.outcomes.calibration[1]?.firstSignal).toBeNull();
  });

  it('keep an alarm when the windows after it are quiet', () => {
    const wild = cohort({ seed: 4, training: 0, judged: 100, judgedLogOdds: 3 });
    const calm = cohort({ seed: 5, training: 0, judged: 300 });
    const alarmed = takeOutcomes(start(), baseline, outcomesOf(wild));
    expect(levels(alarmed).window).toBe('revalidate');
    expect(levels(takeOutcomes(alarmed, baseline, outcomesOf(calm))).window).toBe('revalidate');
  });

  it('find inputs that moved, at whatever outcome, and a share of events read from them', () => {
    const older = cohort({ seed: 6, training: 0, judged: 200, age: (years) => years + 12 });
    const state = rowsTaken(start(), older, Array.from(everyRow(older)));
    expect(levels(state)).toMatchObject({ inputs: 'revalidate', calibration: 'quiet', performance: 'quiet' });
    const age = readMonitor(state, baseline, [], nowMs)
      .find(({ signal }) => signal === 'inputs')
      ?.parts.find(({ name }) => name === 'age');
    // 12 years over a standard deviation of about 10.
    expect(age?.figure).toBeGreaterThan(1);
    expect(age?.figure).toBeLessThan(1.35);
    // A shift of the patients is no shift of the outcome: no share of events explains these predictions.
    expect(readMonitor(state, baseline, [], nowMs).find(({ signal }) => signal === 'prior')?.parts).toMatchObject([
      { figure: null, reason: 'not_label_shift' },
    ]);
  });

  it('read a share of events that fell from the predictions alone', () => {
    const many = cohort({ seed: 8, training: 0, judged: 1500 });
    // Four of five of those with the event stay away.
    const rows = Array.from(everyRow(many)).filter((row) => many.labels[row] === 0 || row % 5 === 0);
    const state = rowsTaken(start(), many, rows.slice(0, 800));
    const share = rows.slice(700, 800).filter((row) => many.labels[row] === 1).length / 100;
    const part = readMonitor(state, baseline, [], nowMs).find(({ signal }) => signal === 'prior')?.parts[0];
    expect(part?.figure).toBeLessThan(0.8);
    expect(Math.abs((part?.figure ?? 1) * baseline.accepted.prevalence - share)).toBeLessThan(0.25);
    expect(part?.level).not.toBe('quiet');
  });

  it('find values that went missing', () => {
    const missing = cohort({ seed: 7, training: 0, judged: 200, missingShare: 0.3 });
    const state = rowsTaken(start(), missing, Array.from(everyRow(missing)));
    const inputs = readMonitor(state, baseline, [], nowMs).find(({ signal }) => signal === 'inputs');
    expect(inputs?.parts.filter(({ level }) => level !== 'quiet').map(({ name }) => name)).toEqual([
      'cholesterol missing',
      // A missing value is part of the row.
      'all columns together',
    ]);
  });

  it('say since when a signal has its level', () => {
    const state = takeOutcomes(
      start(),
      baseline,
      outcomesOf(cohort({ seed: 4, training: 0, judged: 100, judgedLogOdds: 3 })),
    );
    const first = noteLevels(start(), readMonitor(start(), baseline, [], nowMs), nowMs);
    const later = noteLevels(
      { ...state, levels: first.levels },
      readMonitor(state, baseline, [], nowMs + 5),
      nowMs + 5,
    );
    expect(later.levels.window).toEqual({ level: 'revalidate', sinceMs: nowMs + 5 });
    expect(later.levels.inputs).toEqual({ level: 'quiet', sinceMs: nowMs });
  });
});

describe('the floor of a distance', () => {
  it('lies above what two samples of one distribution show nineteen times in twenty', () => {
    const random = randomStream(12, 'floor');
    const draw = (rows: number): number[] => {
      const counts = [0, 0, 0, 0];
      for (let row = 0; row < rows; row++) {
        const level = random.integer(4);
        counts[level] = (counts[level] as number) + 1;
      }
      return counts;
    };
    const js = (p: readonly number[], q: readonly number[]): number => {
      const [n, m] = [p.reduce((a, b) => a + b), q.reduce((a, b) => a + b)];
      const term = (a: number, b: number): number => (a === 0 ? 0 : a * Math.log2((2 * a) / (a + b)));
      return Math.sqrt(
        p.reduce(
          (sum, count, i) => sum + (term(count / n, (q[i] as number) / m) + term((q[i] as number) / m, count / n)) / 2,
          0,
        ),
      );
    };
    let above = 0;
    for (let run = 0; run < 1000; run++) {
      const [first, second] = [draw(300), draw(100)];
      if (js(first, second) > chanceFloor({ edges: [], spread: null }, first, second)) above++;
    }
    expect(above).toBeLessThan(60);
    expect(above).toBeGreaterThan(5);
  });
});

describe('the test of harm', () => {
  const run = (random: RandomStream, patients: number, worse: number): number => {
    let state = initHarmTest(2000);
    for (let patient = 0; patient < patients; patient++) {
      const truth = 0.1 + 0.8 * random.uniform();
      const other = Math.min(0.99, Math.max(0.01, truth + 0.1 * random.normal()));
      // Half of the patients each way round: on average neither is better; with `worse` the model in use is off by so much more.
      const inUse = Math.min(0.99, Math.max(0.01, truth + (other - truth) * (random.uniform() < 0.5 ? 1 : -1) + worse));
      state = stepHarmTest(state, inUse, other, random.uniform() < truth ? 1 : 0);
    }
    return state.capital.maximum;
  };

  it('is reached in at most its share of streams without harm', () => {
    const reached = Array.from({ length: 400 }, (_, seed) => run(randomStream(seed, 'no harm'), 600, 0)).filter(
      (capital) => capital >= 20,
    ).length;
    // 5% of 400 is 20; three standard errors more would be 33.
    expect(reached).toBeLessThanOrEqual(20);
  });

  it('is reached when the other is better, and never by the model in use being better', () => {
    const streams = Array.from({ length: 40 }, (_, seed) => seed);
    expect(streams.filter((seed) => run(randomStream(seed, 'harm'), 1500, 0.2) >= 100).length).toBeGreaterThanOrEqual(
      38,
    );
    let state = initHarmTest(2000);
    const random = randomStream(3, 'better');
    for (let patient = 0; patient < 1000; patient++) {
      const truth = random.uniform();
      state = stepHarmTest(state, truth, 0.5, random.uniform() < truth ? 1 : 0);
    }
    expect(state.capital.maximum).toBeLessThan(5);
  });

  it('bets nothing where both say the same', () => {
    const state = initHarmTest(100);
    expect(stepHarmTest(state, 0.3, 0.3, 1)).toBe(state);
  });
});
