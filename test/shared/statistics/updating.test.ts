import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closedTest } from '../../../shared/statistics/closed-testing.ts';
import { fitIsotonicUpdate, isotonicFit } from '../../../shared/statistics/isotonic.ts';
import { adjustPrior, priorShiftUpdate } from '../../../shared/statistics/prior-shift.ts';
import {
  applyRecalibration,
  fitInterceptUpdate,
  fitLogisticUpdate,
  fitTemperatureUpdate,
  recalibrateOne,
} from '../../../shared/statistics/recalibration.ts';
import type { Recalibration } from '../../../shared/statistics/recalibration-kinds.ts';
import { StatisticsError } from '../../../shared/statistics/statistics-error.ts';
import { readReference } from '../../reference/read.ts';

interface ClosedCase {
  readonly name: string;
  readonly p: number[];
  readonly y: number[];
  readonly alpha: number;
  readonly llNone: number;
  readonly llIntercept: number;
  readonly llLogistic: number;
  readonly llRevision: number;
  readonly intercept: number;
  readonly a: number;
  readonly b: number;
  readonly temperature: number;
  readonly pNone: number;
  readonly pIntercept: number;
  readonly pNoneRevised: number;
  readonly pInterceptRevised: number;
  readonly pLogisticRevised: number;
  readonly step: string;
  readonly stepRevised: string;
}

// Made by R's glm and isoreg (test/reference/updating.R) and by scikit-learn (test/reference/updating.py).
const reference = readReference<{ closed: ClosedCase[]; isoreg: { x: number[]; y: number[]; fitted: number[] }[] }>(
  'updating.json',
);
const sklearn = readReference<{
  cases: { name: string; x: number[]; y: number[]; weights: number[] | null; at: number[]; predicted: number[] }[];
}>('isotonic.json');

describe('updates against R', () => {
  it.each(reference.closed)('$name', (item) => {
    expect(fitInterceptUpdate(item.p, item.y).recalibration?.intercept).toBeCloseTo(item.intercept, 9);
    const logistic = fitLogisticUpdate(item.p, item.y).recalibration;
    expect(logistic?.intercept).toBeCloseTo(item.a, 9);
    expect(logistic?.slope).toBeCloseTo(item.b, 9);
    expect(fitTemperatureUpdate(item.p, item.y).recalibration?.temperature).toBeCloseTo(item.temperature, 8);

    const test = closedTest(item.p, item.y, item.alpha);
    expect(test.step).toBe(item.step);
    expect(test.logLikelihoods.none).toBeCloseTo(item.llNone, 8);
    expect(test.logLikelihoods.intercept).toBeCloseTo(item.llIntercept, 8);
    expect(test.logLikelihoods.logistic).toBeCloseTo(item.llLogistic, 8);
    expect(test.pValues.none).toBeCloseTo(item.pNone, 9);
    if (item.step === 'none') expect(test.pValues.intercept).toBeNull();
    else expect(test.pValues.intercept).toBeCloseTo(item.pIntercept, 9);

    const revised = closedTest(item.p, item.y, item.alpha, { logLikelihood: item.llRevision, parameters: 4 });
    expect(revised.step).toBe(item.stepRevised);
    expect(revised.pValues.none).toBeCloseTo(item.pNoneRevised, 9);
    if (revised.pValues.intercept !== null) expect(revised.pValues.intercept).toBeCloseTo(item.pInterceptRevised, 9);
    if (revised.pValues.logistic !== null) expect(revised.pValues.logistic).toBeCloseTo(item.pLogisticRevised, 9);
    expect(revised.recalibration === null).toBe(item.stepRevised === 'revision');
  });

  it.each(reference.isoreg)('isoreg', ({ x, y, fitted }) => {
    const fit = isotonicFit(x, y);
    for (const [row, value] of fitted.entries()) expect(fit?.fitted[row]).toBeCloseTo(value, 12);
  });
});

describe('isotonic regression', () => {
  it.each(sklearn.cases)('as scikit-learn: $name', ({ x, y, weights, at, predicted }) => {
    const fit = weights === null ? isotonicFit(x, y) : isotonicFit(x, y, weights);
    if (fit === null) throw new Error('no fit');
    const map: Recalibration = { kind: 'isotonic', scores: fit.scores, values: fit.values };
    for (const [index, place] of at.entries()) {
      if (place < 0 || place > 1) continue;
      expect(recalibrateOne(map, place)).toBeCloseTo(predicted[index] as number, 12);
    }
  });

  it('is monotone, keeps the weighted mean, and does not depend on the order of points', () => {
    const point = fc.tuple(
      fc.integer({ min: 0, max: 8 }).map((value) => value / 8),
      fc.constantFrom(0, 1),
      fc.integer({ min: 0, max: 3 }),
    );
    fc.assert(
      fc.property(fc.array(point, { minLength: 1, maxLength: 40 }), fc.infiniteStream(fc.nat()), (points, keys) => {
        const fit = isotonicFit(
          points.map(([x]) => x),
          points.map(([, y]) => y),
          points.map(([, , w]) => w),
        );
        const total = points.reduce((sum, [, , w]) => sum + w, 0);
        if (total === 0) {
          expect(fit).toBeNull();
          return;
        }
        for (let index = 1; index < (fit?.values.length ?? 0); index++) {
          expect(fit?.values[index]).toBeGreaterThanOrEqual(fit?.values[index - 1] as number);
          expect(fit?.scores[index]).toBeGreaterThan(fit?.scores[index - 1] as number);
        }
        const mean = (value: (row: number) => number): number =>
          points.reduce((sum, [, , w], row) => sum + w * value(row), 0) / total;
        expect(mean((row) => fit?.fitted[row] as number)).toBeCloseTo(
          mean((row) => points[row]?.[1] as number),
          10,
        );
        const order = points
          .map((_, row) => ({ row, key: keys.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map(({ row }) => row);
        const turned = isotonicFit(
          order.map((row) => points[row]?.[0] as number),
          order.map((row) => points[row]?.[1] as number),
          order.map((row) => points[row]?.[2] as number),
        );
        expect(turned?.values).toEqual(fit?.values);
      }),
      { numRuns: 100 },
    );
  });

  it('says why there is no map', () => {
    expect(fitIsotonicUpdate([], [])).toEqual({ recalibration: null, reason: 'no_rows' });
    expect(fitIsotonicUpdate([0.2, 0.3], [1, 1])).toEqual({ recalibration: null, reason: 'single_class' });
    expect(fitIsotonicUpdate([0.2, 0.2], [0, 1])).toEqual({ recalibration: null, reason: 'constant_scores' });
    expect(isotonicFit([], [])).toBeNull();
    expect(() => isotonicFit([1, 2], [0, 1], [1, -1])).toThrow(StatisticsError);
    expect(() => isotonicFit([1, Number.NaN], [0, 1])).toThrow(StatisticsError);
  });

  it('maps between blocks by straight lines and outside by the ends', () => {
    // Means .25 at scores .1 to .4 pooled (1 of 4), 1 at .8.
    const { recalibration } = fitIsotonicUpdate([0.1, 0.2, 0.3, 0.4, 0.8], [0, 1, 0, 0, 1]);
    expect(recalibration).toEqual({ kind: 'isotonic', scores: [0.1, 0.2, 0.4, 0.8], values: [0, 1 / 3, 1 / 3, 1] });
    if (recalibration === null) return;
    // .15 lies halfway between 0 and 1/3; .6 halfway between 1/3 and 1.
    const expected = [0, 1 / 6, 1 / 3, 2 / 3, 1];
    for (const [index, value] of applyRecalibration(recalibration, [0, 0.15, 0.3, 0.6, 1]).entries()) {
      expect(value).toBeCloseTo(expected[index] as number, 14);
    }
  });
});

describe('prior shift', () => {
  it('multiplies the odds by the ratio of the prevalences’ odds', () => {
    // Odds 1/4 at prevalence .2 (odds 1/4) moved to prevalence .5 (odds 1): 1/4 · 4 = 1, so one half.
    expect(adjustPrior(0.2, 0.2, 0.5)).toBeCloseTo(0.5, 15);
    // Odds 3 · (.1/.9)/(.3/.7) = 3 · 7/27 = 7/9, p = 7/16.
    expect(adjustPrior(0.75, 0.3, 0.1)).toBeCloseTo(7 / 16, 15);
    expect(adjustPrior(0, 0.3, 0.1)).toBe(0);
    expect(adjustPrior(1, 0.3, 0.1)).toBe(1);
    expect(recalibrateOne({ kind: 'prior', trainingPrevalence: 0.3, targetPrevalence: 0.3 }, 0.4)).toBeCloseTo(0.4, 15);
  });

  it('has no update without both classes, and refuses what is no prevalence', () => {
    expect(priorShiftUpdate(0.2, 0)).toEqual({ recalibration: null, reason: 'single_class' });
    expect(priorShiftUpdate(1, 0.5)).toEqual({ recalibration: null, reason: 'single_class' });
    expect(priorShiftUpdate(0.2, 0.4).recalibration).toEqual({
      kind: 'prior',
      trainingPrevalence: 0.2,
      targetPrevalence: 0.4,
    });
    expect(() => priorShiftUpdate(0.2, Number.NaN)).toThrow(StatisticsError);
    expect(() => adjustPrior(0.2, 0, 0.5)).toThrow(StatisticsError);
  });
});

describe('updates', () => {
  it('say why there is none', () => {
    const reasons = (p: number[], y: number[]): unknown[] =>
      [fitInterceptUpdate, fitLogisticUpdate, fitTemperatureUpdate].map((update) => {
        const { recalibration, reason } = update(p, y);
        expect(recalibration === null).toBe(reason !== null);
        return reason;
      });
    expect(reasons([], [])).toEqual(['no_rows', 'no_rows', 'no_rows']);
    expect(reasons([0.7], [1])).toEqual(['single_class', 'single_class', 'separation']);
    expect(reasons([0.2, 0.4], [0, 0])).toEqual(['single_class', 'single_class', 'separation']);
    expect(reasons([0.5, 0.5, 0.5], [0, 1, 0])).toEqual([null, 'constant_scores', 'constant_scores']);
    expect(reasons([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])).toEqual([null, 'separation', 'separation']);
    // Events where the model expects none: the slope would turn the order of patients.
    expect(reasons([0.1, 0.2, 0.3, 0.7, 0.8, 0.9], [1, 1, 0, 1, 0, 0])).toEqual([
      null,
      'slope_not_positive',
      'slope_not_positive',
    ]);
    expect(reasons([0.1, 0.9], [1, 0])).toEqual([null, 'separation', 'slope_not_positive']);
  });

  it('can be written down, applied, and undone', () => {
    const every: Recalibration[] = [
      { kind: 'none' },
      { kind: 'intercept', intercept: 0.4 },
      { kind: 'prior', trainingPrevalence: 0.2, targetPrevalence: 0.35 },
      { kind: 'logistic', intercept: -0.3, slope: 0.7 },
      { kind: 'temperature', temperature: 1.8 },
      { kind: 'isotonic', scores: [0.1, 0.5, 0.9], values: [0.05, 0.4, 0.8] },
    ];
    const p = [0, 1e-9, 0.05, 0.2, 0.5, 0.77, 1];
    for (const recalibration of every) {
      const stored = JSON.parse(JSON.stringify(recalibration)) as Recalibration;
      const updated = applyRecalibration(stored, p);
      expect(updated).toEqual(applyRecalibration(recalibration, p));
      for (let row = 0; row < p.length; row++) {
        expect(updated[row]).toBeGreaterThanOrEqual(0);
        expect(updated[row]).toBeLessThanOrEqual(1);
        if (row > 0) expect(updated[row]).toBeGreaterThanOrEqual(updated[row - 1] as number);
      }
      expect(() => applyRecalibration(recalibration, [1.2])).toThrow(StatisticsError);
      expect(() => applyRecalibration(recalibration, [Number.NaN])).toThrow(StatisticsError);
    }
    // Doubled odds and halved odds: ln 2 up, ln 2 down.
    const up = recalibrateOne({ kind: 'intercept', intercept: Math.log(2) }, 0.2);
    expect(up).toBeCloseTo(1 / 3, 14);
    expect(recalibrateOne({ kind: 'intercept', intercept: -Math.log(2) }, up)).toBeCloseTo(0.2, 14);
  });
});

describe('closed testing', () => {
  it('is undefined with a reason', () => {
    const reason = (p: number[], y: number[]): unknown => {
      const test = closedTest(p, y, 0.05);
      expect(test).toMatchObject({ step: null, recalibration: null, pValues: { none: null } });
      return test.reason;
    };
    expect(reason([], [])).toBe('no_rows');
    expect(reason([0.3], [1])).toBe('single_class');
    expect(reason([0.3, 0.3], [1, 0])).toBe('constant_scores');
    expect(reason([0.1, 0.9], [0, 1])).toBe('separation');
  });

  it('names a step without an update where the slope would turn the order', () => {
    const p = Array.from({ length: 60 }, (_, row) => (row % 2 === 0 ? 0.2 : 0.8));
    const y = p.map((value, row) => ((value < 0.5 ? row % 10 !== 0 : row % 10 === 1) ? 1 : 0));
    expect(closedTest(p, y, 0.05)).toMatchObject({
      step: 'logistic',
      recalibration: null,
      reason: 'slope_not_positive',
    });
  });

  it('a stricter level never chooses a larger update', () => {
    const size = { none: 0, intercept: 1, logistic: 2, revision: 3 } as const;
    for (const item of reference.closed) {
      const steps = [0.5, 0.2, 0.05, 0.01, 1e-6].map((alpha) => closedTest(item.p, item.y, alpha).step);
      for (let index = 1; index < steps.length; index++) {
        const [before, now] = [steps[index - 1], steps[index]];
        if (before && now) expect(size[now]).toBeLessThanOrEqual(size[before]);
      }
    }
  });

  it('reordering rows changes nothing', () => {
    const [item] = reference.closed;
    if (item === undefined) throw new Error('no case');
    expect(closedTest([...item.p].reverse(), [...item.y].reverse(), 0.05)).toEqual(closedTest(item.p, item.y, 0.05));
  });

  it('refuses a level and a revision out of range', () => {
    for (const alpha of [0, 1, Number.NaN])
      expect(() => closedTest([0.1, 0.2], [0, 1], alpha)).toThrow(StatisticsError);
    expect(() => closedTest([0.1, 0.2], [0, 1], 0.05, { logLikelihood: -1, parameters: 2 })).toThrow(StatisticsError);
  });
});
