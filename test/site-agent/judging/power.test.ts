import { describe, expect, it } from 'vitest';
import { lookOf, powerOf } from '../../../site-agent/judging/power.ts';
import { estimate, policyOf } from '../../support/evidence.ts';

const policy = policyOf({ auroc: { margin: 0.02 }, minimumEvents: 100, minimumNonEvents: 100 });
const enough = { events: 400, nonEvents: 600 };
/** 1.644854 + 0.841621 standard errors to a one-sided bound at 80% power. */
const deviates = 2.486475;
const errorAt = (fraction: number): number => 0.02 / deviates / Math.sqrt(fraction);

describe('looks at a release on growing data', () => {
  it('spend a share of the error by the information that the margin needs', () => {
    // Pocock's spending function at half of the information: 0.05·ln(1 + (e - 1)/2) = 0.031006 (Lan and DeMets 1983).
    const half = lookOf(policy, errorAt(0.5), enough, []);
    expect(half.informationFraction).toBeCloseTo(0.5, 6);
    expect(half.oneSidedLevel).toBeCloseTo(0.0310057, 6);
    expect(half.twoSidedLevel).toBeCloseTo(0.0310057, 6);
    expect(half).toMatchObject({ number: 1, earlier: [] });
  });

  it('spend all at full information, and no more later', () => {
    expect(lookOf(policy, errorAt(3), enough, [])).toMatchObject({
      informationFraction: 1,
      oneSidedLevel: expect.closeTo(0.05, 9),
    });
    const second = lookOf(policy, errorAt(1), enough, [0.5]);
    expect(second.number).toBe(2);
    // What is left after half was spent: less than the whole, more than the rest, since the looks go together.
    expect(second.oneSidedLevel).toBeLessThan(0.05);
    expect(second.oneSidedLevel).toBeGreaterThan(0.05 - 0.0310057);
    // After a look that could have resolved the margin nothing can be shown any more.
    expect(lookOf(policy, errorAt(2), enough, [0.5, 1])).toMatchObject({ number: 3, oneSidedLevel: 1e-300 });
    // A look at the same information asks the same question again.
    expect(lookOf(policy, errorAt(0.5), enough, [0.5]).oneSidedLevel).toBeCloseTo(0.0310057, 6);
    // Nor does a look with less information than the last have a level of its own.
    expect(lookOf(policy, errorAt(0.4), enough, [0.5])).toMatchObject({ informationFraction: 0.5 });
  });

  it("spends far less early by O'Brien and Fleming's function", () => {
    const strict = policyOf({ looks: { spending: 'obrien-fleming' } });
    // 2 - 2Φ(z(0.025)/√0.5) = 2·(1 - Φ(2.771808)) = 0.0055750.
    expect(lookOf(strict, errorAt(0.5), enough, []).oneSidedLevel).toBeCloseTo(0.005575, 5);
    const tiny = lookOf(strict, errorAt(1e-4), enough, []);
    expect(tiny.oneSidedLevel).toBeGreaterThan(0);
    expect(tiny.oneSidedLevel).toBeLessThan(1e-30);
  });

  it('are no tests with fewer events than the policy asks for, and spend nothing', () => {
    const few = lookOf(policy, errorAt(0.3), { events: 99, nonEvents: 600 }, []);
    expect(few.informationFraction).toBeNull();
    expect(few.oneSidedLevel).toBeLessThan(0.05);
    expect(lookOf(policy, null, enough, [])).toEqual({
      number: 1,
      earlier: [],
      informationFraction: null,
      oneSidedLevel: 0.05,
      twoSidedLevel: 0.05,
    });
  });

  it('have all the information where models rank alike, or where a margin of 0 can never be resolved', () => {
    expect(lookOf(policy, 0, enough, [])).toMatchObject({ informationFraction: 1 });
    expect(lookOf(policyOf({ auroc: { margin: 0 } }), 0.01, enough, [])).toMatchObject({ informationFraction: 1 });
  });
});

describe('what would settle a hold', () => {
  const day = 86_400_000;

  it('events by rate, and the events the margin needs', () => {
    // 141 patients over 70 days, one every half day: 2 a day, of whom 35 of 141 have the event.
    const times = Float64Array.from({ length: 141 }, (_, row) => (row * day) / 2);
    const difference = { ...estimate(0, -0.03, 0.03), standardError: 0.016 };
    const power = powerOf(policy, times, 35, difference, null);
    expect(power.eventsPerWeek).toBeCloseTo((35 / 141) * 14, 9);
    // (0.016 · 2.486475 / 0.02)² = 3.9569 times as many.
    expect(power.eventsForMargin).toBe(139);
    expect(power.eventsForNetBenefit).toBeNull();
  });

  it('is null without times, spread, events or a current model', () => {
    const none = { eventsPerWeek: null, eventsForMargin: null, eventsForNetBenefit: null };
    expect(powerOf(policy, new Float64Array(0), 0, null, null)).toEqual(none);
    expect(powerOf(policy, Float64Array.of(Number.NaN, Number.NaN), 1, null, null)).toEqual(none);
    expect(powerOf(policy, Float64Array.of(5, 5), 1, null, null)).toEqual(none);
    expect(powerOf(policy, Float64Array.of(5), 1, null, null)).toEqual(none);
  });
});
