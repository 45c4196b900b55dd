import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RunningFigures } from '../../../../site-agent/data/payload/computed-columns.ts';

const figuresOf = (values: readonly number[]): RunningFigures => {
  const figures = new RunningFigures();
  for (const value of values) figures.add(value);
  return figures;
};

describe('running figures', () => {
  it('are those of numpy', () => {
    // numpy.array([3, 8, -2, 8.5]): mean 4.375, std 4.262848226244984, min -2, max 8.5
    const figures = figuresOf([3, 8, -2, 8.5]);
    expect(figures.figure('mean')).toBe(4.375);
    expect(figures.figure('standard-deviation')).toBeCloseTo(4.262848226244984, 12);
    expect([figures.figure('minimum'), figures.figure('maximum')]).toEqual([-2, 8.5]);
    expect([figures.figure('first'), figures.figure('last'), figures.figure('count')]).toEqual([3, 8.5, 4]);
  });

  it('keep their precision far from zero, where sums of squares lose it', () => {
    expect(figuresOf([1e9 + 1, 1e9 + 2, 1e9 + 3]).figure('standard-deviation')).toBeCloseTo(Math.sqrt(2 / 3), 9);
  });

  it('are NaN of nothing, and the count 0', () => {
    const none = new RunningFigures();
    for (const by of ['mean', 'standard-deviation', 'first', 'last'] as const) expect(none.figure(by)).toBeNaN();
    expect(none.figure('count')).toBe(0);
    expect(figuresOf([5]).figure('standard-deviation')).toBe(0);
  });

  it('are the same taken together as one after the other', () => {
    const numbers = fc.array(fc.double({ min: -1000, max: 1000, noNaN: true }), { maxLength: 20 });
    fc.assert(
      fc.property(numbers, numbers, (one, other) => {
        const together = figuresOf(one);
        together.include(figuresOf(other));
        const whole = figuresOf([...one, ...other]);
        expect(together.count).toBe(whole.count);
        expect([together.minimum, together.maximum]).toEqual([whole.minimum, whole.maximum]);
        if (whole.count === 0) return;
        expect(together.figure('mean')).toBeCloseTo(whole.figure('mean'), 8);
        expect(together.figure('standard-deviation')).toBeCloseTo(whole.figure('standard-deviation'), 6);
      }),
      { seed: 3 },
    );
  });
});
