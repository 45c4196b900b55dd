import { describe, expect, it } from 'vitest';
import {
  type LinearPredictor,
  normalQuantile,
  StatisticsError,
  sampleSizeForAuroc,
  sampleSizeForNetBenefit,
  sampleSizeForObservedExpected,
  sampleSizeForSlope,
  validationSampleSize,
} from '../../../shared/statistics/index.ts';
import { readReference } from '../../reference/read.ts';

// Made by R's integrate and uniroot: Rscript test/reference/sample-size.R
const reference = readReference<{
  slope: { kind: 'normal' | 'binormal'; a: number; b: number; width: number; n: number }[];
  miscalibrated: number;
  auroc: { prevalence: number; auroc: number; width: number; n: number }[];
  observedExpected: { prevalence: number; width: number; ratio: number; n: number }[];
}>('sample-size.json');

const normal = (mean: number, standardDeviation: number): LinearPredictor => ({
  kind: 'normal',
  mean,
  standardDeviation,
});

describe('sample size against R', () => {
  it.each(reference.slope)('calibration slope, $kind $a $b', ({ kind, a, b, width, n }) => {
    const linearPredictor: LinearPredictor = kind === 'normal' ? normal(a, b) : { kind, prevalence: a, auroc: b };
    expect(sampleSizeForSlope({ linearPredictor, width })).toBe(n);
  });

  it('calibration slope of a model that is not calibrated', () => {
    expect(sampleSizeForSlope({ linearPredictor: normal(-2, 1.1), width: 0.25, intercept: -0.3, slope: 0.8 })).toBe(
      reference.miscalibrated,
    );
  });

  it.each(reference.auroc)('AUROC $auroc at prevalence $prevalence', ({ n, ...question }) => {
    expect(sampleSizeForAuroc(question)).toBe(n);
  });

  it.each(reference.observedExpected)('O/E at prevalence $prevalence', ({ n, ...question }) => {
    expect(sampleSizeForObservedExpected(question)).toBe(n);
  });
});

describe('sample size against print', () => {
  it('prevalence 8%, AUROC .82, log odds normal(-3, 1.2): 191 for O/E, 931 for the AUROC, 5453 for the slope', () => {
    expect(validationSampleSize({ prevalence: 0.08, auroc: 0.82, linearPredictor: normal(-3, 1.2) })).toEqual({
      observedExpected: 191,
      slope: 5453,
      auroc: 931,
      netBenefit: null,
      patients: 5453,
      events: 437,
    });
  });

  it('figures of Riley 2021, whose deviate is 1.96 and whose standard errors are rounded to .051 and .0255', () => {
    const width = (standardError: number): number => 2 * normalQuantile(0.975) * standardError;
    // Section 3.1.1: (1 - .5)/(.5 · .051²) = 384.5, and 3460 at prevalence .1; here with the width on the scale of O/E.
    const ratioWidth = (standardError: number): number => 2 * Math.sinh(normalQuantile(0.975) * standardError);
    expect(sampleSizeForObservedExpected({ prevalence: 0.5, width: ratioWidth(0.051) })).toBe(385);
    expect(sampleSizeForObservedExpected({ prevalence: 0.1, width: ratioWidth(0.051) })).toBe(3461);
    // Section 4: c = .80 at prevalence .018 needs 4252.
    expect(sampleSizeForAuroc({ prevalence: 0.018, auroc: 0.8, width: 0.1 })).toBe(4252);
    // Section 3.4.1's formula by hand: w = (.28/.72)·4 = 1.5556; (.6·.4/.72 + w²·.88·.12/.28 + w²·.12²/(.72·.28)) / .051²
    // = (.333333 + .912593 + .172840) / .002601 = 545.5.
    expect(
      sampleSizeForNetBenefit({
        prevalence: 0.72,
        sensitivity: 0.6,
        specificity: 0.88,
        threshold: 0.8,
        width: width(0.051),
      }),
    ).toBe(546);
  });
});

describe('sample size', () => {
  it('from log odds at hand is that of their distribution', () => {
    // Quantiles of normal(-3, 1.2) at 4000 even places.
    const values = Float64Array.from({ length: 4000 }, (_, i) => -3 + 1.2 * normalQuantile((i + 0.5) / 4000));
    const n = sampleSizeForSlope({ linearPredictor: { kind: 'observed', values }, width: 0.2 });
    expect(Math.abs(n / 5453 - 1)).toBeLessThan(0.005);
    expect(sampleSizeForSlope({ linearPredictor: { kind: 'observed', values: values.toReversed() }, width: 0.2 })).toBe(
      n,
    );
  });

  it('takes the linear predictor that prevalence and AUROC imply when none is given, and the most of all criteria', () => {
    const all = validationSampleSize({
      prevalence: 0.08,
      auroc: 0.82,
      netBenefit: { sensitivity: 0.5, specificity: 0.9, threshold: 0.1 },
    });
    const implied = reference.slope.find(({ kind, a }) => kind === 'binormal' && a === 0.08)?.n;
    expect(all.slope).toBe(implied);
    expect(all.patients).toBe(Math.max(all.observedExpected, all.slope, all.auroc, all.netBenefit as number));
    expect(all.netBenefit).toBe(
      sampleSizeForNetBenefit({ prevalence: 0.08, sensitivity: 0.5, specificity: 0.9, threshold: 0.1, width: 0.2 }),
    );
    const wide = validationSampleSize({ prevalence: 0.08, auroc: 0.82, slopeWidth: 2, aurocWidth: 0.5 });
    expect(wide.patients).toBe(191);
    expect(wide.events).toBe(16);
  });

  it('refuses what is no question', () => {
    const values = new Float64Array(0);
    for (const wrong of [
      () => sampleSizeForObservedExpected({ prevalence: 0, width: 1 }),
      () => sampleSizeForObservedExpected({ prevalence: 0.1, width: 0 }),
      () => sampleSizeForAuroc({ prevalence: 0.1, auroc: 1, width: 0.1 }),
      () => sampleSizeForSlope({ linearPredictor: normal(0, 0), width: 0.2 }),
      () => sampleSizeForSlope({ linearPredictor: { kind: 'observed', values }, width: 0.2 }),
      () => sampleSizeForSlope({ linearPredictor: { kind: 'observed', values: [1, 1, 1] }, width: 0.2 }),
      () => sampleSizeForSlope({ linearPredictor: { kind: 'binormal', prevalence: 0.1, auroc: 0.5 }, width: 0.2 }),
      () => sampleSizeForSlope({ linearPredictor: normal(Number.NaN, 1), width: 0.2 }),
      () =>
        sampleSizeForNetBenefit({ prevalence: 0.1, sensitivity: 1.2, specificity: 0.9, threshold: 0.1, width: 0.2 }),
      () => sampleSizeForNetBenefit({ prevalence: 0.1, sensitivity: 1, specificity: 0.9, threshold: 1, width: 0.2 }),
    ]) {
      expect(wrong).toThrow(StatisticsError);
    }
  });
});
