import { expect, test } from 'vitest';
import { chooseSites } from '../../../coordinator/rounds/choose-sites.ts';
import type { RunSpec } from '../../../coordinator/rounds/run-spec.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { SiteName } from '../../../shared/runtime/ids.ts';

const plan = digestOf('plan');
const members = ['delft', 'aachen', 'cork', 'bern'] as SiteName[];
const spec = { minimumSites: 2, targetSites: 3, settleMs: 100 } as RunSpec;
const here = (...names: string[]) =>
  new Map(names.map((name) => [name as SiteName, { approvedPlans: new Set([plan]) }]));
const base = { spec, plan, members, nowMs: 1_000, notBeforeMs: 0, enoughSinceMs: null };

test('below the minimum it waits, and says who is missing and why', () => {
  const attending = new Map([...here('bern'), ['cork' as SiteName, { approvedPlans: new Set<never>() }] as const]);
  expect(chooseSites({ ...base, attending })).toEqual({
    kind: 'wait',
    untilMs: null,
    reason: 'Waiting for sites: 1 of at least 2; here: bern; not connected: aachen, delft; plan not approved: cork.',
    enoughSinceMs: null,
  });
});

test('at the target it opens at once, in the order of names, and names the absent', () => {
  expect(chooseSites({ ...base, attending: here('delft', 'bern', 'aachen') })).toEqual({
    kind: 'open',
    sites: ['aachen', 'bern', 'delft'],
    absent: [{ site: 'cork', reason: 'not_connected', detail: null }],
  });
});

test('between minimum and target it waits the settling time, and no longer', () => {
  const attending = here('bern', 'cork');
  const first = chooseSites({ ...base, attending });
  expect(first).toMatchObject({ kind: 'wait', untilMs: 1_100, enoughSinceMs: 1_000 });
  expect(chooseSites({ ...base, attending, nowMs: 1_099, enoughSinceMs: 1_000 }).kind).toBe('wait');
  expect(chooseSites({ ...base, attending, nowMs: 1_100, enoughSinceMs: 1_000 }).kind).toBe('open');
});

test('when every enrolled site is here there is nobody to wait for', () => {
  const attending = here('bern', 'cork');
  expect(chooseSites({ ...base, members: ['cork', 'bern'] as SiteName[], attending }).kind).toBe('open');
});

test('a retry does not begin before its time', () => {
  const attending = here('delft', 'bern', 'aachen');
  expect(chooseSites({ ...base, attending, notBeforeMs: 1_500 })).toMatchObject({
    kind: 'wait',
    untilMs: 1_500,
    reason: expect.stringMatching(/^Waiting before the round is tried again;/),
  });
});

test('a site that attends and is not enrolled (any more) is not chosen', () => {
  const choice = chooseSites({ ...base, attending: here('aachen', 'bern', 'zug') });
  expect(choice).toMatchObject({ kind: 'wait' });
});

test('of many sites it names the first, and how many more: the reason stays one that can be sent and read', () => {
  const many = Array.from({ length: 2_000 }, (_, at) => `hospital-of-a-long-name-${String(at).padStart(4, '0')}`);
  const choice = chooseSites({ ...base, members: many as SiteName[], attending: here('hospital-of-a-long-name-0001') });
  if (choice.kind !== 'wait') throw new Error(choice.kind);
  expect(choice.reason).toContain('not connected: hospital-of-a-long-name-0000, hospital-of-a-long-name-0002, ');
  expect(choice.reason).toContain('hospital-of-a-long-name-0020 and 1979 more; plan not approved: none.');
});
