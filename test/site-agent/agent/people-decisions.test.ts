import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LoadedPlan } from '../../../shared/plan/load-plan.ts';
import type { Policy } from '../../../shared/plan/policy.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { Digest, ReleaseVersion, SiteName } from '../../../shared/runtime/ids.ts';
import { AgentError } from '../../../site-agent/agent/agent-error.ts';
import { createPeopleDecisions, type PeopleDecisions } from '../../../site-agent/agent/people-decisions.ts';
import type { PlanBook } from '../../../site-agent/agent/plans.ts';
import { type AgentStore, openAgentStore } from '../../../site-agent/agent/store.ts';
import { decide } from '../../../site-agent/judging/decide.ts';
import { createModelRegistry, type ModelRegistry } from '../../../site-agent/models/registry.ts';
import { goodEvidence, goodPackage, policyOf } from '../../support/evidence.ts';
import { temporaryDirectory } from '../../support/heart-site.ts';
import { testSigner } from '../../support/site-agent.ts';

const version = 'heart-disease/2' as ReleaseVersion;
const first = 'heart-disease/1' as ReleaseVersion;
const roles = ['clinical lead', 'data protection officer'];
const lead = { role: 'clinical lead', name: 'Ada Byron', reason: 'The list is reviewed by hand this month.' };
const officer = { role: 'data protection officer', name: 'Grace Murray', reason: 'Agreed with the clinical lead.' };
const startMs = Date.parse('2024-12-31T00:00:00.000Z');

let folder: ReturnType<typeof temporaryDirectory>;
let store: AgentStore;
let registry: ModelRegistry;
let nowMs = startMs;

function open(policy: Policy = policyOf({ override: { roles } })): PeopleDecisions {
  return createPeopleDecisions({
    store,
    registry,
    plans: { load: () => ({}) as LoadedPlan, signedPolicy: () => policy } as unknown as PlanBook,
    site: 'north' as SiteName,
    signer: testSigner(),
    clock: { now: () => nowMs, sleep: () => Promise.resolve() },
  });
}

/** Release 2 judged on so many events: fewer than 100 hold it. */
function judge(events: number): void {
  const evidence = goodEvidence({ events });
  const decision = decide(policyOf({ override: { roles } }), goodPackage(), evidence);
  registry.decide(version, { decision, package: goodPackage(), evidence }, ++nowMs);
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(AgentError);
    return (error as AgentError).code;
  }
  throw new Error('nothing was thrown');
}

beforeEach(() => {
  nowMs = startMs;
  folder = temporaryDirectory();
  store = openAgentStore(folder.path);
  registry = createModelRegistry(store);
  for (const [name, digest] of [
    [first, digestOf('1')],
    [version, 'b'.repeat(64) as Digest],
  ] as const) {
    registry.receive({ version: name, digest, plan: digestOf('plan') }, ++nowMs);
    if (name === first) registry.override(name, ++nowMs);
  }
  judge(60);
});
afterEach(() => {
  store.close();
  folder.remove();
});

describe('an override', () => {
  it('needs two people in two roles, and is recorded and signed', () => {
    const people = open();
    expect(people.override(version, lead)).toEqual({
      state: 'waiting',
      roles: ['clinical lead'],
      stillNeeded: ['data protection officer'],
    });
    expect(registry.inSlot('heart-disease', 'active')?.version).toBe(first);
    expect(people.override(version, officer)).toEqual({ state: 'in_use', roles, stillNeeded: [] });
    expect(registry.inSlot('heart-disease', 'active')?.version).toBe(version);
    expect(registry.inSlot('heart-disease', 'previous')?.version).toBe(first);
    expect(registry.events().at(-1)).toMatchObject({ event: 'overridden', version, fromVersion: first });
    expect(people.list()).toMatchObject([
      { kind: 'override', ...lead, signed: true, evidence: registry.judgementOf(version)?.decision.evidence },
      { kind: 'override', ...officer, signed: true },
    ]);
  });

  it('is not one person under two roles, nor two under one', () => {
    const people = open();
    people.override(version, lead);
    expect(codeOf(() => people.override(version, { ...officer, name: '  ada   BYRON ' }))).toBe('override_same_person');
    expect(codeOf(() => people.override(version, { ...lead, name: 'Grace Murray' }))).toBe('override_same_person');
    expect(registry.inSlot('heart-disease', 'active')?.version).toBe(first);
    expect(people.list()).toHaveLength(1);
  });

  it('is of one judgement: after a later one both are needed anew', () => {
    const people = open();
    people.override(version, lead);
    judge(70);
    expect(people.override(version, officer).state).toBe('waiting');
    expect(people.override(version, lead).state).toBe('in_use');
  });

  it('does not count a statement of a role that may no longer override', () => {
    open(policyOf({ override: { roles: [...roles, 'porter'] } })).override(version, { ...lead, role: 'porter' });
    const people = open();
    expect(people.override(version, officer).state).toBe('waiting');
    expect(registry.inSlot('heart-disease', 'active')?.version).toBe(first);
    expect(people.override(version, lead).state).toBe('in_use');
  });

  it('does not count a statement that somebody wrote into the database', () => {
    const people = open();
    people.override(version, lead);
    store.run(`update people_decisions set record = replace(record, 'clinical lead', 'board')`);
    expect(people.list()[0]?.signed).toBe(false);
    expect(people.override(version, officer).state).toBe('waiting');
  });

  it.each([
    ['no role may', {}, lead, 'override_forbidden'],
    ['a single role may', { override: { roles: ['clinical lead'] } }, lead, 'override_forbidden'],
    ['another role', { override: { roles } }, { ...lead, role: 'porter' }, 'override_role'],
    ['no reason', { override: { roles } }, { ...lead, reason: '  ' }, 'override_role'],
    ['no name', { override: { roles } }, { ...lead, name: '' }, 'override_role'],
    [
      'a name with a space that is not seen',
      { override: { roles } },
      { ...lead, name: 'Ada\u200b Byron' },
      'override_role',
    ],
    ['a reason that turns the text round', { override: { roles } }, { ...lead, reason: 'a\u202eb' }, 'override_role'],
    ['a name with a control character', { override: { roles } }, { ...lead, name: 'a\u0007b' }, 'override_role'],
  ])('is refused: %s', (_, policy, statement, code) => {
    const people = open(policyOf(policy));
    expect(codeOf(() => people.override(version, statement))).toBe(code);
    expect(people.list()).toEqual([]);
  });

  it('is of holds only: not of a rejection, of what is in use, of an unknown release, or after the deadline', () => {
    const people = open();
    expect(codeOf(() => people.override('heart-disease/9' as ReleaseVersion, lead))).toBe('unknown_model');
    expect(codeOf(() => people.override(first, lead))).toBe('not_on_hold');
    nowMs += 91 * 86_400_000;
    expect(codeOf(() => people.override(version, lead))).toBe('not_on_hold');
    nowMs = startMs + 1000;
    const evidence = goodEvidence({ difference: { oneSidedLower: -0.2, twoSidedUpper: -0.1 } });
    const decision = decide(policyOf(), goodPackage(), evidence);
    registry.decide(version, { decision, package: goodPackage(), evidence }, ++nowMs);
    expect(codeOf(() => people.override(version, lead))).toBe('not_on_hold');
  });
});

describe('a refusal', () => {
  it('takes one person, is recorded, and leaves the release in use', () => {
    const people = open(policyOf());
    people.refuse(version, { ...lead, role: 'ward physician' });
    expect(registry.find(version)).toMatchObject({ slot: null, decision: 'reject' });
    expect(registry.inSlot('heart-disease', 'active')?.version).toBe(first);
    expect(registry.events().at(-1)).toMatchObject({ event: 'refused', version });
    expect(people.list()).toMatchObject([{ kind: 'refuse', role: 'ward physician', signed: true }]);
    expect(codeOf(() => people.override(version, lead))).toBe('not_on_hold');
  });
});
