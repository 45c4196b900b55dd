import { describe, expect, it } from 'vitest';
import type { Evidence, Judgement } from '../../../shared/plan/judgement.ts';
import { judgeAgainAt } from '../../../site-agent/agent/judge-again.ts';
import { decide } from '../../../site-agent/judging/decide.ts';
import { columnShift, goodEvidence, goodPackage, policyOf } from '../../support/evidence.ts';

const day = 86_400_000;
const judgedAt = '2024-12-31T00:00:00.000Z';

function held(change: Partial<Evidence>, policy: Record<string, unknown> = {}): Judgement {
  const evidence = goodEvidence({ judgedAt, ...change });
  const decision = decide(policyOf(policy), goodPackage(), evidence);
  expect(decision.decision).toBe('hold');
  return { decision, package: goodPackage(), evidence };
}

/** Days from the judgement until it is judged again; null: not by itself. */
function days(judgement: Judgement, policy: Record<string, unknown> = {}): number | null {
  const at = judgeAgainAt(policyOf(policy), judgement);
  return at === null ? null : (at - Date.parse(judgedAt)) / day;
}

describe('when a held release is judged again by itself', () => {
  it('once the events that lack are expected: 40 at 3.5 a week are 80 days', () => {
    expect(days(held({ events: 60 }))).toBeCloseTo(80, 9);
  });

  it('for patients without the event, by their own pace: 60 at 14 a week', () => {
    const evidence = {
      events: 160,
      nonEvents: 40,
      power: { eventsPerWeek: 3.5, eventsForMargin: null, eventsForNetBenefit: null },
    };
    // 100 without among 40 in 160: 400 events' time, so 240 events more.
    expect(days(held(evidence))).toBeCloseTo((240 / 3.5) * 7, 9);
  });

  it('once the margin can be resolved: 100 more events', () => {
    expect(days(held({ difference: { oneSidedLower: -0.03, twoSidedUpper: 0.02 } }))).toBeCloseTo((100 / 3.5) * 7, 9);
  });

  it('after a quarter more of patients where the margin could be resolved already', () => {
    const evidence = {
      difference: { oneSidedLower: -0.03, twoSidedUpper: 0.02 },
      power: { eventsPerWeek: 3.5, eventsForMargin: 150, eventsForNetBenefit: null },
    };
    expect(days(held(evidence))).toBeCloseTo((45 / 3.5) * 7, 9);
  });

  it('never sooner than a day after', () => {
    const power = { eventsPerWeek: 1e6, eventsForMargin: null, eventsForNetBenefit: null };
    expect(days(held({ events: 60, power }))).toBe(1);
  });

  it('weekly while nothing can be tested and the pace is unknown', () => {
    const power = { eventsPerWeek: null, eventsForMargin: null, eventsForNetBenefit: null };
    expect(days(held({ rows: 0, events: 0, nonEvents: 0, power }))).toBe(7);
  });

  it('never where a person has to act, or no look is left', () => {
    const unit = columnShift({
      against: 'own-training',
      adjustedP: 1e-9,
      psi: 8,
      found: true,
      large: true,
      kind: 'unit',
    });
    expect(days(held({ shift: [unit] }))).toBeNull();
    expect(days(held({ shift: [unit], events: 60 }))).toBeNull();
    expect(days(held({ kind: 'retrospective' }))).toBeNull();
    const look = { ...goodEvidence().look, number: 5 };
    expect(days(held({ look, difference: { oneSidedLower: -0.03, twoSidedUpper: 0.02 } }))).toBeNull();
  });
});
