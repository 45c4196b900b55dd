import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { effectKey, outstanding } from '../../../coordinator/rounds/effects.ts';
import type { AcceptedAnswer, RunEvent } from '../../../coordinator/rounds/events.ts';
import { offersFor } from '../../../coordinator/rounds/offers.ts';
import type { RunSpec } from '../../../coordinator/rounds/run-spec.ts';
import { runView } from '../../../coordinator/rounds/run-view.ts';
import { type RunState, roundTask } from '../../../coordinator/rounds/state.ts';
import { transition } from '../../../coordinator/rounds/transition.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { ReleaseVersion, RunId, SiteName } from '../../../shared/runtime/ids.ts';

const run = 'heart-1' as RunId;
const [site0, site1, site2] = ['aachen', 'bern', 'cork'] as [SiteName, SiteName, SiteName];
const names = [site0, site1, site2];
const spec: RunSpec = {
  rounds: 1,
  minimumSites: 2,
  targetSites: 3,
  roundDeadlineMs: 1_000,
  graceMs: 100,
  retries: 1,
  judgementDeadlineMs: 5_000,
  settleMs: 10,
  retryDelayMs: 20,
};
const object = (name: string) => ({ digest: digestOf(name), bytes: name.length });

const created: RunEvent = {
  kind: 'run-created',
  timeMs: 0,
  run,
  plan: digestOf('plan'),
  planName: 'heart',
  spec,
  from: null,
  by: 'anna',
};
const initialised: RunEvent = {
  kind: 'weights-initialised',
  timeMs: 1,
  weights: object('weights'),
  parentPreprocessing: null,
};
const opened = (round: number, attempt = 1, timeMs = 10, sites = names): RunEvent => ({
  kind: 'round-opened',
  timeMs,
  round,
  attempt,
  offered: sites.map((site) => ({ site, task: roundTask(run, round, attempt, site) })),
  absent: [],
});
const answer = (round: number, site: SiteName, attempt = 1, text = ''): AcceptedAnswer => ({
  site,
  task: roundTask(run, round, attempt, site),
  submission: digestOf(`${round} ${site} ${text}`),
  object: object(`${round} ${site} ${text}`),
  examples: 10,
  weight: 10,
  metrics: {},
});
const accepted = (round: number, site: SiteName, attempt = 1, timeMs = 20, text = ''): RunEvent => ({
  kind: 'answer-accepted',
  timeMs,
  round,
  attempt,
  answer: answer(round, site, attempt, text),
});
const refused = (round: number, site: SiteName, attempt = 1, timeMs = 20): RunEvent => ({
  kind: 'answer-refused',
  timeMs,
  round,
  attempt,
  site,
  task: roundTask(run, round, attempt, site),
  submission: digestOf('bad'),
  code: 'not_finite',
  reason: 'NaN',
});
const declined = (round: number, site: SiteName, attempt = 1): RunEvent => ({
  kind: 'task-declined',
  timeMs: 20,
  site,
  task: roundTask(run, round, attempt, site),
  reason: 'busy',
  text: '',
});
const deadline = (round: number, uploading: SiteName[] = [], attempt = 1, timeMs = 1_010): RunEvent => ({
  kind: 'deadline-passed',
  timeMs,
  round,
  attempt,
  uploading,
});
const folded = (round: number, attempt = 1): RunEvent => ({
  kind: 'round-folded',
  timeMs: 30,
  round,
  attempt,
  object: object(`result ${round}`),
});

function reached(...events: readonly RunEvent[]): RunState {
  let state: RunState | null = null;
  for (const event of events) [state] = transition(state, event);
  if (state === null) throw new Error('no run');
  return state;
}

const summaries = [created, initialised, opened(0), ...names.map((site) => accepted(0, site)), folded(0)];
const trained = [...summaries, opened(1), ...names.map((site) => accepted(1, site)), folded(1)];
const numbered: RunEvent = {
  kind: 'release-numbered',
  timeMs: 40,
  version: 'heart/1' as ReleaseVersion,
  number: 1,
  software: 'w 1',
};
const released: RunEvent = {
  kind: 'released',
  timeMs: 50,
  digest: digestOf('manifest'),
  manifest: object('manifest'),
  invited: names,
};

function known(state: RunState | null): RunState {
  if (state === null) throw new Error('no run');
  return state;
}

function shape(state: RunState): string {
  return state.tag === 'round' ? `round ${state.current.round} ${state.current.phase}` : state.tag;
}

describe('the table', () => {
  const cases: readonly (readonly [string, readonly RunEvent[], string])[] = [
    ['a new run writes its weights', [created], 'initialising'],
    ['then plans the summaries', [created, initialised], 'round 0 planned'],
    ['which open', [created, initialised, opened(0)], 'round 0 open'],
    [
      'and collect from the first answer on',
      [created, initialised, opened(0), accepted(0, site0)],
      'round 0 collecting',
    ],
    ['and fold when all have answered', summaries.slice(0, 6), 'round 0 folding'],
    ['and are followed by round 1', summaries, 'round 1 planned'],
    ['the last round is followed by a release', trained, 'releasing'],
    ['which is judged', [...trained, numbered, released], 'judging'],
    ['until the deadline', [...trained, numbered, released, { kind: 'judging-closed', timeMs: 5_050 }], 'finished'],
    ['and not before', [...trained, numbered, released, { kind: 'judging-closed', timeMs: 5_049 }], 'judging'],
    [
      'k of n at the deadline',
      [...summaries, opened(1), accepted(1, site0), accepted(1, site1), deadline(1)],
      'round 1 folding',
    ],
    [
      'not before it',
      [...summaries, opened(1), accepted(1, site0), accepted(1, site1), deadline(1, [], 1, 1_009)],
      'round 1 collecting',
    ],
    ['below k: another try', [...summaries, opened(1), accepted(1, site0), deadline(1)], 'round 1 planned'],
    [
      'below k after all tries: a pause',
      [...summaries, opened(1), accepted(1, site0), deadline(1), opened(1, 2), deadline(1, [], 2)],
      'paused',
    ],
    ['declines end the wait', [...summaries, opened(1), ...names.map((site) => declined(1, site))], 'round 1 planned'],
    [
      'a refusal ends its own part only',
      [...summaries, opened(1), refused(1, site0), accepted(1, site1), accepted(1, site2)],
      'round 1 folding',
    ],
    [
      'an upload under way has the grace time',
      [...summaries, opened(1), accepted(1, site0), deadline(1, [site1])],
      'round 1 collecting',
    ],
    [
      'and no longer',
      [
        ...summaries,
        opened(1),
        accepted(1, site0),
        deadline(1, [site1]),
        { kind: 'grace-passed', timeMs: 1_110, round: 1, attempt: 1 },
      ],
      'round 1 planned',
    ],
    [
      'a revoked site does not count, though it had answered',
      [
        ...summaries,
        opened(1),
        accepted(1, site0),
        accepted(1, site1),
        { kind: 'site-revoked', timeMs: 25, site: site0 },
        deadline(1),
      ],
      'round 1 planned',
    ],
    [
      'a pause withdraws the round',
      [...summaries, opened(1), { kind: 'run-paused', timeMs: 21, by: 'anna' }],
      'paused',
    ],
    [
      'a resumption plans it again',
      [
        ...summaries,
        opened(1),
        { kind: 'run-paused', timeMs: 21, by: 'anna' },
        { kind: 'run-resumed', timeMs: 22, by: 'anna' },
      ],
      'round 1 planned',
    ],
    ['a stop is final', [...summaries, { kind: 'run-stopped', timeMs: 21, by: 'anna' }, opened(1)], 'stopped'],
    ['a failure is final', [...summaries, { kind: 'run-failed', timeMs: 21, reason: 'x' }, opened(1)], 'failed'],
  ];
  test.each(cases)('%s', (_, events, expected) => {
    expect(shape(reached(...events))).toBe(expected);
  });
});

test('every site left out is named with its reason', () => {
  const sites = ['aachen', 'bern', 'cork', 'delft', 'essen', 'fulda', 'genf'] as SiteName[];
  const [accepting, accepting2, refusing, declining, silent, late, revoked] = sites as [
    SiteName,
    SiteName,
    SiteName,
    SiteName,
    SiteName,
    SiteName,
    SiteName,
  ];
  const state = reached(
    ...summaries,
    {
      ...(opened(1, 1, 10, sites) as Extract<RunEvent, { kind: 'round-opened' }>),
      absent: [{ site: 'ulm' as SiteName, reason: 'not_connected', detail: null }],
    },
    accepted(1, accepting),
    accepted(1, accepting2),
    refused(1, refusing),
    declined(1, declining),
    { kind: 'site-revoked', timeMs: 25, site: revoked },
    deadline(1, [late]),
    { kind: 'grace-passed', timeMs: 1_110, round: 1, attempt: 1 },
    // After the round has closed, the silent site turns out to have been late.
    { ...(refused(1, silent) as Extract<RunEvent, { kind: 'answer-refused' }>), code: 'round_closed' },
  );
  if (state.tag !== 'round' || state.current.phase !== 'folding') throw new Error(shape(state));
  expect(state.current.updates.map(({ site }) => site)).toEqual([accepting, accepting2]);
  expect(state.current.excluded.map(({ site, reason }) => [site, reason])).toEqual([
    ['cork', 'refused'],
    ['delft', 'declined'],
    ['essen', 'late'],
    ['fulda', 'late'],
    ['genf', 'revoked'],
    ['ulm', 'not_connected'],
  ]);
});

test('the reason of a pause names who was missing', () => {
  const state = reached(
    ...summaries,
    opened(1),
    accepted(1, site0),
    deadline(1),
    opened(1, 2),
    declined(1, site1, 2),
    deadline(1, [], 2),
  );
  expect(state).toMatchObject({
    tag: 'paused',
    reason:
      'Round 1: 0 of at least 2 sites answered in time, in 2 tries. Left out: aachen (no_answer), bern (declined: busy), cork (no_answer). Resume the run when the cause is gone.',
  });
});

test('a pause names the first sites left out, shortly, and how many more: the reason stays one that can be sent and read', () => {
  const absent = Array.from({ length: 500 }, (_, at) => ({
    site: `a-hospital-${String(at).padStart(3, '0')}` as SiteName,
    reason: 'refused' as const,
    detail: 'x'.repeat(1_500),
  }));
  const state = reached(
    ...summaries,
    { ...opened(1), absent } as RunEvent,
    deadline(1),
    { ...opened(1, 2), absent } as RunEvent,
    deadline(1, [], 2),
  );
  if (state.tag !== 'paused') throw new Error(state.tag);
  expect(state.reason).toContain(`Left out: a-hospital-000 (refused: ${'x'.repeat(300)}…), a-hospital-001 (refused: `);
  expect(state.reason).toContain(' and 483 more. Resume the run when the cause is gone.');
  expect(state.reason.length).toBeLessThan(8_000);
});

test('the wait before another try doubles', () => {
  const state = reached(...summaries, opened(1), deadline(1));
  expect(state).toMatchObject({ current: { attempt: 2, notBeforeMs: 1_010 + 20 } });
});

test('a task is offered again under the same id, an answered one is not offered', () => {
  const state = reached(...summaries, opened(1), accepted(1, site0));
  expect(offersFor(state, site0)).toEqual([]);
  expect(offersFor(state, site1)).toMatchObject([{ kind: 'train', id: 'heart-1.r1.a1.bern', deadlineMs: 1_010 }]);
  expect(offersFor(state, site1)).toEqual(offersFor(state, site1));
});

const anyEvent: fc.Arbitrary<RunEvent> = fc.oneof(
  ...[
    ...trained.slice(1),
    numbered,
    released,
    opened(1, 2),
    deadline(0),
    deadline(1),
    deadline(1, [site1]),
    folded(1, 2),
    ...names.flatMap((site): RunEvent[] => [
      refused(1, site),
      declined(1, site),
      accepted(1, site, 1, 22, 'another'),
      accepted(1, site, 2),
      { kind: 'site-revoked', timeMs: 23, site },
      { kind: 'judge-invited', timeMs: 60, site },
    ]),
    { kind: 'grace-passed', timeMs: 1_200, round: 1, attempt: 1 } as const,
    { kind: 'run-paused', timeMs: 24, by: 'anna' } as const,
    { kind: 'run-resumed', timeMs: 25, by: 'anna' } as const,
    { kind: 'judging-closed', timeMs: 9_999 } as const,
  ].map((event) => fc.constant(event)),
);

describe('in any order, however often repeated', () => {
  test('no site counts twice, no round is folded below the minimum, and every asked site is in or named as left out', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 60 }), (events) => {
        let state: RunState | null = reached(...(events.length % 2 === 0 ? [created] : summaries));
        for (const event of events) {
          [state] = transition(state, event);
          if (state === null) throw new Error('lost');
          const current = state.tag === 'round' && state.current.phase === 'folding' ? [state.current] : [];
          for (const round of [...state.rounds, ...current]) {
            const took = round.updates.map(({ site }) => site);
            expect(new Set(took).size).toBe(took.length);
            expect(took.length).toBeGreaterThanOrEqual(spec.minimumSites);
            const out = round.excluded.map(({ site }) => site);
            expect([...took, ...out].sort()).toEqual([...round.offered].sort());
          }
          expect(state.rounds.map(({ round }) => round)).toEqual(state.rounds.map((_, index) => index));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('what is ignored changes nothing, and a second time everything is ignored or fits anew', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 40 }), (events) => {
        let state: RunState | null = reached(...summaries);
        for (const event of events) {
          const [next, effects] = transition(state, event);
          if (next === state) expect(effects).toEqual([]);
          state = next;
          if (event.kind === 'answer-accepted') {
            const [again] = transition(state, event);
            expect(again).toBe(state);
          }
        }
      }),
    );
  });

  test('a replay of the stored events gives the live state, and the effects that were begun are those outstanding', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 60 }), (events) => {
        const stored: RunEvent[] = [created];
        const [first, begun] = transition(null, created);
        let state = first;
        let running = new Set(begun.map(effectKey));
        for (const event of events) {
          const [next, effects] = transition(state, event);
          if (next === state) continue;
          stored.push(event);
          state = next;
          const wanted = new Set(outstanding(known(state)).map(effectKey));
          running = new Set([...[...running].filter((key) => wanted.has(key)), ...effects.map(effectKey)]);
          expect(running).toEqual(wanted);
        }
        const read = JSON.parse(JSON.stringify(stored)) as RunEvent[];
        expect(reached(...read)).toEqual(state);
      }),
    );
  });

  test('the order in which answers arrive changes nothing of what is folded', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...names], { minLength: 3 }), (order) => {
        const state = reached(...summaries, opened(1), ...order.map((site) => accepted(1, site)), folded(1));
        expect(state.rounds).toEqual(reached(...trained).rounds);
      }),
    );
  });
});

test('a round that failed is shown as the try that failed, not as the one to come', () => {
  const shown = (state: RunState) =>
    runView(state, { obstacle: null, traffic: new Map(), nowMs: 5_000 }).rounds.map(({ phase, attempt }) => [
      phase,
      attempt,
    ]);
  const first = [created, initialised, opened(0), deadline(0)];
  expect(shown(reached(...first))).toEqual([['failed', 1]]);
  // One retry: the second failure pauses the run.
  const second = [...first, opened(0, 2, 1_100), deadline(0, [], 2, 2_200)];
  expect(shown(reached(...second))).toEqual([['failed', 2]]);
  const resumed: RunEvent = { kind: 'run-resumed', timeMs: 3_000, by: 'anna' };
  expect(shown(reached(...second, resumed, opened(0, 3, 3_100)))).toEqual([['open', 3]]);
});
