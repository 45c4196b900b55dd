import { describe, expect, it } from 'vitest';
import { lookOf, powerOf } from '../../../site-agent/judging/power.ts';
import { policyOf } from '../../support/evidence.ts';

const policy = policyOf();
const enough = { events: 200, nonEvents: 200 };
/** The standard error at which the default margin of 0.02 is just resolved: 0.02 / 2.486475. */
const resolving = 0.02 / 2.486475;

describe('which look it is, and what it may spend', () => {
  it('has all of the error once the margin can be resolved', () => {
    const look = lookOf(policy, resolving / 2, enough, []);
    expect(look).toMatchObject({ number: 1, informationFraction: 1, earlier: [] });
    expect(look.oneSidedLevel).toBeCloseTo(0.05, 9);
    expect(look.twoSidedLevel).toBeCloseTo(0.05, 9);
  });

  it('has less before: at half the information a·ln(1 + (e-1)/2) by Pocock', () => {
    const look = lookOf(policy, resolving * Math.SQRT2, enough, []);
    expect(look.informationFraction).toBeCloseTo(0.5, 5);
    expect(look.oneSidedLevel).toBeCloseTo(0.05 * Math.log(1 + (Math.E - 1) * 0.5), 5);
  });

  it('spends at the second look only what the first left', () => {
    const second = lookOf(policy, resolving, enough, [0.5]);
    expect(second).toMatchObject({ number: 2, earlier: [0.5] });
    expect(second.oneSidedLevel).toBeLessThan(0.05);
    expect(second.oneSidedLevel).toBeGreaterThan(0.05 - 0.05 * Math.log(1 + (Math.E - 1) * 0.5) - 1e-9);
  });

  it('spends nothing on patients who are too few to accept on', () => {
    expect(lookOf(policy, resolving, { events: 99, nonEvents: 500 }, []).informationFraction).toBeNull();
  });

  it('has nothing left after a look with all the information', () => {
    const look = lookOf(policy, resolving / 3, enough, [0.4, 1]);
    expect(look.number).toBe(3);
    expect(look.oneSidedLevel).toBeLessThan(1e-100);
  });

  it('a look without new patients repeats the one before', () => {
    const first = lookOf(policy, resolving * Math.SQRT2, enough, []);
    const again = lookOf(policy, resolving * Math.SQRT2, enough, [first.informationFraction as number]);
    expect(again.oneSidedLevel).toBeCloseTo(first.oneSidedLevel, 12);
  });

  it('is at the full level without a model to compare with', () => {
    expect(lookOf(policy, null, enough, [])).toMatchObject({ informationFraction: null, oneSidedLevel: 0.05 });
  });
});

describe('what would settle a hold', () => {
  it('counts events a week over the judged time, and the events a margin needs', () => {
    const week = 7 * 86_400_000;
    const times = Float64Array.from({ length: 41 }, (_, row) => (row * week) / 4);
    // 41 rows over 10 weeks; 20 of them events: 20 · (40 / 41) / 10 a week. Twice the standard error needs four times the events.
    const power = powerOf(policy, times, 20, { value: 0, low: -1, high: 1, standardError: 2 * resolving }, null);
    expect(power.eventsPerWeek).toBeCloseTo((20 * (40 / 41)) / 10, 9);
    expect(power.eventsForMargin).toBe(80);
    expect(power.eventsForNetBenefit).toBeNull();
  });

  it('is unknown without times or a standard error', () => {
    const power = powerOf(policy, Float64Array.of(Number.NaN), 1, null, null);
    expect(power).toEqual({ eventsPerWeek: null, eventsForMargin: null, eventsForNetBenefit: null });
  });
});
