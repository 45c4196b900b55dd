import { describe, expect, it } from 'vitest';
import { type HeterogeneityMethod, randomEffects } from '../../../shared/statistics/random-effects.ts';
import { StatisticsError } from '../../../shared/statistics/statistics-error.ts';
import { readReference } from '../../reference/read.ts';

interface Case {
  readonly name: string;
  readonly method: HeterogeneityMethod;
  readonly knappHartung: boolean;
  readonly values: number[];
  readonly errors: number[];
  readonly mean: number;
  readonly se: number;
  readonly low: number;
  readonly high: number;
  readonly tau2: number;
  readonly i2: number;
  readonly q: number;
  readonly p: number;
  readonly predictionLow: number | null;
  readonly predictionHigh: number | null;
  readonly weights: number[];
}

// Made by metafor: Rscript test/reference/pooling.R
const { pooled, logit } = readReference<{ pooled: Case[]; logit: Omit<Case, 'name'> }>('pooling.json');
const sitesOf = ({ values, errors }: Pick<Case, 'values' | 'errors'>) =>
  values.map((value, index) => ({ value, standardError: errors[index] as number }));

describe('random effects against metafor', () => {
  it.each(pooled)('$name, $method, Knapp-Hartung $knappHartung', (item) => {
    const result = randomEffects(sitesOf(item), { method: item.method, knappHartung: item.knappHartung });
    // metafor stops its iterations for REML and Paule-Mandel at a change of 1e-14 or at its root finder's tolerance.
    expect(result.tau2).toBeCloseTo(item.tau2, 7);
    expect(result.iSquared).toBeCloseTo(item.i2, 6);
    expect(result.mean.value).toBeCloseTo(item.mean, 7);
    expect(result.mean.standardError).toBeCloseTo(item.se, 7);
    expect(result.mean.low).toBeCloseTo(item.low, 6);
    expect(result.mean.high).toBeCloseTo(item.high, 6);
    expect(result.heterogeneity?.q).toBeCloseTo(item.q, 9);
    expect(result.heterogeneity?.p).toBeCloseTo(item.p, 10);
    for (const [index, weight] of item.weights.entries()) expect(result.weights[index]).toBeCloseTo(weight, 6);
    if (item.predictionLow === null || item.predictionHigh === null) {
      expect(result.prediction).toEqual({ low: null, high: null, reason: 'too_few_sites' });
    } else {
      expect(result.prediction.low).toBeCloseTo(item.predictionLow, 6);
      expect(result.prediction.high).toBeCloseTo(item.predictionHigh, 6);
    }
  });

  it('AUROC on log odds', () => {
    const result = randomEffects(sitesOf(logit), { method: 'reml', knappHartung: true, scale: 'logit' });
    expect(result.tau2).toBeCloseTo(logit.tau2, 7);
    expect(result.mean.value).toBeCloseTo(logit.mean, 8);
    expect(result.mean.low).toBeCloseTo(logit.low, 7);
    expect(result.mean.high).toBeCloseTo(logit.high, 7);
    expect(result.prediction.low).toBeCloseTo(logit.predictionLow as number, 7);
    expect(result.prediction.high).toBeCloseTo(logit.predictionHigh as number, 7);
  });
});

describe('random effects', () => {
  const options = { method: 'reml', knappHartung: true } as const;

  it('O/E pools its logarithm', () => {
    // Two equal errors: the mean of ln 1 and ln 4 is ln 2.
    const sites = [1, 4].map((value) => ({ value, standardError: 0.2 }));
    expect(randomEffects(sites, { ...options, scale: 'log' }).mean.value).toBeCloseTo(2, 12);
  });

  it('of no hospital, one, and equal ones says what is undefined', () => {
    expect(randomEffects([], options)).toMatchObject({
      sites: 0,
      mean: { value: null, reason: 'no_sites' },
      prediction: { low: null, reason: 'no_sites' },
      tau2: null,
      heterogeneity: null,
    });
    const one = [{ value: 0.8, standardError: 0.02 }];
    expect(randomEffects(one, options)).toMatchObject({
      mean: { value: 0.8, low: null, reason: 'too_few_sites' },
      tau2: null,
      iSquared: null,
      weights: [1],
    });
    const wald = randomEffects(one, { ...options, knappHartung: false }).mean;
    expect(wald.low).toBeCloseTo(0.8 - 1.959963984540054 * 0.02, 14);
    const equal = [0.1, 0.2, 0.3].map((standardError) => ({ value: 0.8, standardError }));
    for (const method of ['reml', 'paule-mandel', 'dersimonian-laird'] as const) {
      const result = randomEffects(equal, { method, knappHartung: true });
      expect(result).toMatchObject({ tau2: 0, iSquared: 0 });
      expect(result.mean.value).toBeCloseTo(0.8, 14);
    }
  });

  it('one hospital that outweighs all others by far leaves every figure a number', () => {
    const sites = [
      { value: 0.7, standardError: 1e-9 },
      { value: 0.8, standardError: 0.05 },
      { value: 0.9, standardError: 0.1 },
    ];
    for (const method of ['reml', 'paule-mandel', 'dersimonian-laird'] as const) {
      const { mean, tau2, iSquared, prediction } = randomEffects(sites, { method, knappHartung: true });
      for (const figure of [mean.value, mean.low, mean.high, tau2, iSquared, prediction.low, prediction.high]) {
        expect(Number.isFinite(figure)).toBe(true);
      }
    }
    // DerSimonian and Laird by hand, the first weight w: Q = 400·.01 + 100·.04 = 8, c = Σw - Σw²/Σw = 2·500 to within 1e-15, tau² = 6/1000.
    expect(randomEffects(sites, { method: 'dersimonian-laird', knappHartung: true }).tau2).toBeCloseTo(0.006, 12);
  });

  it('does not depend on the order of hospitals', () => {
    const [item] = pooled;
    if (item === undefined) throw new Error('no case');
    const sites = sitesOf(item);
    const turned = randomEffects([...sites].reverse(), options);
    const result = randomEffects(sites, options);
    expect(turned).toEqual({ ...result, weights: [...result.weights].reverse() });
  });

  it('refuses what cannot be pooled', () => {
    for (const site of [
      { value: Number.NaN, standardError: 1 },
      { value: 0.5, standardError: 0 },
      { value: 0.5, standardError: -1 },
    ]) {
      expect(() => randomEffects([site], options)).toThrow(StatisticsError);
    }
    expect(() => randomEffects([{ value: 1, standardError: 0.1 }], { ...options, scale: 'logit' })).toThrow(
      StatisticsError,
    );
    expect(() => randomEffects([{ value: 0, standardError: 0.1 }], { ...options, scale: 'log' })).toThrow(
      StatisticsError,
    );
  });
});
