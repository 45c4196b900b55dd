import { describe, expect, it } from 'vitest';
import { estimateText } from '../../../simulations/report/figures.ts';

describe('an estimate as it is printed', () => {
  it.each([
    [{ value: 0.8424, low: 0.801, high: 0.883 }, '0.842 (0.801 to 0.883)'],
    [{ value: 1, low: null, high: null, reason: 'perfect_separation' }, '1.000 (no interval)'],
    [{ value: null, low: null, high: null, reason: 'single_class' }, '–'],
    [{ value: null, low: null, high: null, reason: 'withheld' }, 'stays at the hospital'],
  ])('%j', (estimate, text) => {
    expect(estimateText(estimate)).toBe(text);
  });
});
