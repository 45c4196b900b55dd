import { describe, expect, it } from 'vitest';
import { brierScore } from '../../../shared/statistics/brier.ts';
import { calibrate } from '../../../shared/statistics/calibration.ts';
import { StatisticsError } from '../../../shared/statistics/statistics-error.ts';
import { readReference } from '../../reference/read.ts';

interface Case {
  readonly name: string;
  readonly p: number[];
  readonly y: number[];
  readonly slope: number;
  readonly slopeSe: number;
  readonly intercept: number;
  readonly interceptSe: number;
  readonly brier: number;
  readonly brierSe: number;
}

// Made by R's glm (binomial, with and without offset): Rscript test/reference/statistics.R
const { calibration } = readReference<{ calibration: Case[] }>('statistics.json');

describe('calibration and Brier score against R', () => {
  it.each(calibration)('$name', (item) => {
    const { slope, intercept } = calibrate(item.p, item.y);
    expect(slope.value).toBeCloseTo(item.slope, 9);
    // glm reports the information of its last but one step, so its standard errors carry fewer figures.
    expect(slope.standardError).toBeCloseTo(item.slopeSe, 6);
    expect(intercept.value).toBeCloseTo(item.intercept, 9);
    expect(intercept.standardError).toBeCloseTo(item.interceptSe, 6);
    expect(slope.low).toBeCloseTo(item.slope - 1.959963984540054 * item.slopeSe, 6);
    expect(intercept.high).toBeCloseTo(item.intercept + 1.959963984540054 * item.interceptSe, 6);
    const brier = brierScore(item.p, item.y);
    expect(brier.value).toBeCloseTo(item.brier, 13);
    expect(brier.standardError).toBeCloseTo(item.brierSe, 13);
  });
});

describe('calibration', () => {
  const reasons = (p: number[], y: number[]): unknown[] => {
    const { slope, intercept } = calibrate(p, y);
    return [slope.reason, intercept.reason];
  };

  it('is undefined with a reason', () => {
    expect(reasons([], [])).toEqual(['no_rows', 'no_rows']);
    expect(reasons([0.3], [1])).toEqual(['single_class', 'single_class']);
    expect(reasons([0.3, 0.6], [0, 0])).toEqual(['single_class', 'single_class']);
    expect(reasons([0.3, 0.3, 0.3], [0, 1, 0])).toEqual(['constant_scores', undefined]);
    // A threshold divides the classes: wholly, at a tie, and the wrong way round.
    expect(reasons([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])).toEqual(['separation', undefined]);
    expect(reasons([0.1, 0.5, 0.5, 0.9], [0, 0, 1, 1])).toEqual(['separation', undefined]);
    expect(reasons([0.9, 0.8, 0.2, 0.1], [0, 0, 1, 1])).toEqual(['separation', undefined]);
    expect(calibrate([0.3, 0.6], [0, 0]).slope.value).toBeNull();
  });

  it('in the large, with a constant prediction, is the difference of log odds', () => {
    // 1 event in 4 against a predicted 0.5: log(1/3) - 0 = -1.0986; SE = 1 / sqrt(4 · 0.25 · 0.75) = 1.1547.
    const { intercept } = calibrate([0.5, 0.5, 0.5, 0.5], [0, 0, 0, 1]);
    expect(intercept.value).toBeCloseTo(Math.log(1 / 3), 12);
    expect(intercept.standardError).toBeCloseTo(1 / Math.sqrt(0.75), 12);
  });

  it('refuses what is no probability', () => {
    for (const p of [Number.NaN, -0.1, 1.1]) {
      expect(() => calibrate([p, 0.5], [0, 1])).toThrow(StatisticsError);
      expect(() => brierScore([p, 0.5], [0, 1])).toThrow(StatisticsError);
    }
  });

  it('survives predictions of exactly 0 and 1 that are wrong', () => {
    const { slope, intercept } = calibrate([0, 1, 0, 1, 0.5], [1, 0, 0, 1, 1]);
    expect(Number.isFinite(slope.value)).toBe(true);
    expect(Number.isFinite(intercept.value)).toBe(true);
  });
});

describe('Brier score', () => {
  it('says why it has no interval', () => {
    expect(brierScore([], [])).toMatchObject({ value: null, reason: 'no_rows' });
    expect(brierScore([0.2], [1])).toMatchObject({ low: null, reason: 'too_few_for_interval' });
    expect(brierScore([0.5, 0.5], [0, 1])).toMatchObject({ value: 0.25, low: null, reason: 'zero_variance' });
  });
});
