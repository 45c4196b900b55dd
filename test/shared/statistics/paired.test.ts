import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  aurocDifference,
  type BootstrapStatistic,
  bonettPrice,
  bootstrapAuroc,
  bootstrapBrier,
  bootstrapNetBenefit,
  brierScore,
  clopperPearson,
  eventsToResolve,
  mcnemar,
  netBenefit,
  netBenefitDifference,
  nonInferiority,
  pairedBootstrap,
  pairedClassification,
  StatisticsError,
} from '../../../shared/statistics/index.ts';
import { readReference } from '../../reference/read.ts';

interface BootCase {
  readonly statistic: 'auroc' | 'brier' | 'netBenefit';
  readonly value: number;
  readonly se: number;
  readonly percentile: [number, number];
  readonly bca: [number, number];
  readonly lower: number;
}

// Made by R's binom.test, dbinom, qnorm, and by boot: Rscript test/reference/paired.R
const reference = readReference<{
  mcnemar: { b: number; c: number; exact: number; midP: number }[];
  clopperPearson: { k: number; n: number; low: number; high: number }[];
  bootstrap: { a: number[]; b: number[]; y: number[]; cases: BootCase[] };
  nonInferiority: {
    value: number;
    se: number;
    margin: number;
    alpha: number;
    lower: number;
    p: number;
    resolvable: number;
  }[];
}>('paired.json');

const relative = (found: number, expected: number): number => Math.abs(found / expected - 1);
const code = (wanted: string) => expect.objectContaining({ code: wanted });

describe('pairs of proportions against R', () => {
  it.each(reference.mcnemar)('McNemar of $b and $c', ({ b, c, exact, midP }) => {
    for (const found of [mcnemar(b, c), mcnemar(c, b)]) {
      expect(relative(found.exact, exact)).toBeLessThan(1e-11);
      expect(relative(found.midP, midP)).toBeLessThan(1e-11);
    }
  });

  it.each(reference.clopperPearson)('Clopper-Pearson interval of $k of $n', ({ k, n, low, high }) => {
    const found = clopperPearson(k, n);
    expect(found.value).toBe(k / n);
    expect(found.low).toBeCloseTo(low, 13);
    expect(found.high).toBeCloseTo(high, 13);
  });

  it('Bonett-Price interval', () => {
    // Airway hyper-responsiveness before and after transplantation, n = 21, 1 and 7 unlike pairs: M. W. Fagerland, S. Lydersen, P. Laake
    // (2014), Statistics in Medicine 33:2850. (1+1)/23 - (7+1)/23 = -6/23; SE = sqrt((10/23 - 36/529)/23) = sqrt(194/12167) = 0.126272.
    const found = bonettPrice(1, 7, 21);
    expect(found.value).toBe(-6 / 21);
    expect(found.standardError).toBeCloseTo(Math.sqrt(194 / 12167), 14);
    expect(found.low).toBeCloseTo(-6 / 23 - 1.959963984540054 * Math.sqrt(194 / 12167), 13);
    expect(found.high).toBeCloseTo(-6 / 23 + 1.959963984540054 * Math.sqrt(194 / 12167), 13);
    expect(bonettPrice(0, 0, 0)).toMatchObject({ value: null, low: null, reason: 'no_rows' });
    expect(bonettPrice(1, 0, 1)).toMatchObject({ value: 1, high: 1 });
  });

  it('nothing unlike, nothing at all, and no counts', () => {
    expect(mcnemar(0, 0)).toEqual({ exact: 1, midP: 1 });
    expect(clopperPearson(0, 0)).toMatchObject({ value: null, reason: 'no_rows' });
    for (const wrong of [
      () => mcnemar(-1, 2),
      () => mcnemar(0.5, 2),
      () => mcnemar(Number.NaN, 2),
      () => bonettPrice(3, 3, 5),
      () => clopperPearson(3, 2),
    ]) {
      expect(wrong).toThrow(StatisticsError);
    }
  });
});

describe('two classifications of the same patients', () => {
  const labels = [1, 1, 1, 1, 1, 0, 0, 0, 0];
  const first = [0.9, 0.8, 0.7, 0.2, 0.5, 0.6, 0.1, 0.2, 0.1];
  const second = [0.9, 0.1, 0.2, 0.6, 0.4, 0.1, 0.7, 0.8, 0.2];

  it('counts within events and within non-events', () => {
    const { sensitivity, specificity } = pairedClassification(first, second, labels, 0.5);
    // Events: rightly by the first alone rows 2, 3, 5; by the second alone row 4. Non-events: rows 7, 8; row 6.
    expect(sensitivity).toMatchObject({ patients: 5, gained: 3, lost: 1, change: bonettPrice(3, 1, 5) });
    expect(specificity).toMatchObject({ patients: 4, gained: 2, lost: 1, change: bonettPrice(2, 1, 4) });
    expect(sensitivity.mcnemar).toEqual(mcnemar(3, 1));
    expect(sensitivity.change.value).toBeCloseTo(4 / 5 - 2 / 5, 15);
    expect(sensitivity.twoSidedUpper).toBe(sensitivity.change.high);
    // R: qnorm(.999) = 3.09023230616781; (4 - 2)/7 - 3.0902·sqrt((6/7 - 4/49)/7).
    const strict = pairedClassification(first, second, labels, 0.5, { oneSided: 0.001, twoSided: 0.002 });
    const bound = 2 / 7 - 3.09023230616781 * Math.sqrt((6 / 7 - 4 / 49) / 7);
    expect(strict.sensitivity.oneSidedLower).toBeCloseTo(bound, 12);
    expect(strict.sensitivity.twoSidedUpper).toBe(1);
    expect(strict.sensitivity.change).toEqual(sensitivity.change);
  });

  it('equal probabilities change nothing, and a class without patients is undefined', () => {
    const same = pairedClassification(first, first, labels, 0.5);
    expect(same.sensitivity.change).toEqual({ value: 0, low: 0, high: 0, standardError: 0 });
    expect(same.specificity).toMatchObject({ oneSidedLower: 0, twoSidedUpper: 0 });
    const onlyEvents = pairedClassification([0.1, 0.9], [0.9, 0.1], [1, 1], 0.5);
    expect(onlyEvents.specificity).toMatchObject({ patients: 0, mcnemar: null, oneSidedLower: null });
    expect(onlyEvents.specificity.change).toMatchObject({ value: null, reason: 'single_class' });
    expect(pairedClassification([], [], [], 0.5).sensitivity.change).toMatchObject({ value: null, reason: 'no_rows' });
  });
});

describe('non-inferiority', () => {
  it.each(reference.nonInferiority)('of $value with standard error $se', (item) => {
    const estimate = { value: item.value, low: null, high: null, standardError: item.se };
    const found = nonInferiority(estimate, item.margin, item.alpha);
    expect(found.lower).toBeCloseTo(item.lower, 14);
    expect(relative(found.p as number, item.p)).toBeLessThan(1e-10);
    expect(found.resolvableMargin).toBeCloseTo(item.resolvable, 14);
    expect(found.shown).toBe(item.p < item.alpha);
  });

  it('models that say the same are shown for any margin above 0 and not for 0', () => {
    const same = { value: 0, low: 0, high: 0, standardError: 0 };
    expect(nonInferiority(same, 0.01)).toEqual({ lower: 0, p: 0, shown: true, resolvableMargin: 0 });
    expect(nonInferiority(same, 0)).toMatchObject({ p: 1, shown: false });
  });

  it('is undefined with the reason of its figure, and refuses levels and margins that are none', () => {
    const none = { value: null, low: null, high: null, standardError: null, reason: 'single_class' };
    expect(nonInferiority(none, 0.02)).toEqual({
      lower: null,
      p: null,
      shown: null,
      resolvableMargin: null,
      reason: 'single_class',
    });
    expect(nonInferiority({ value: 0.1, low: null, high: null }, 0.02).reason).toBe('no_standard_error');
    const one = { value: 0, low: null, high: null, standardError: 1 };
    for (const wrong of [
      () => nonInferiority(one, -0.01),
      () => nonInferiority(one, Number.NaN),
      () => nonInferiority(one, 0.01, 0.5),
      () => nonInferiority(one, 0.01, 0),
    ]) {
      expect(wrong).toThrow(code('out_of_range'));
    }
  });

  it('events needed: 80% needs a standard error of margin / 2.486', () => {
    // 100 events give SE .0234; 100 · (.0234 · 2.486475/.02)² = 846.3. R: (qnorm(.95)+qnorm(.8))^2 * .0234^2 / .02^2 * 100
    const found = eventsToResolve({ standardError: 0.0234, events: 100, margin: 0.02, difference: 0 });
    expect(found.events).toBe(847);
    expect(found.standardError).toBeCloseTo(0.02 / 2.48647486052442, 14);
    // Half of the margin lost already: four times the events. A gain of a margin: a quarter.
    expect(eventsToResolve({ standardError: 0.0234, events: 100, margin: 0.02, difference: -0.01 }).events).toBe(3386);
    expect(eventsToResolve({ standardError: 0.0234, events: 100, margin: 0.02, difference: 0.02 }).events).toBe(212);
    expect(eventsToResolve({ standardError: 0.1, events: 100, margin: 0.02, difference: -0.02 })).toEqual({
      events: null,
      standardError: null,
      reason: 'margin_out_of_reach',
    });
    expect(eventsToResolve({ standardError: 0, events: 100, margin: 0.02, difference: 0 }).events).toBe(0);
    // R: ((qnorm(.99) + qnorm(.9)) * .0234 / .02)^2 * 100 = 1781.8
    expect(
      eventsToResolve({ standardError: 0.0234, events: 100, margin: 0.02, difference: 0, alpha: 0.01, power: 0.9 })
        .events,
    ).toBe(1782);
    expect(() => eventsToResolve({ standardError: -1, events: 100, margin: 0.02, difference: 0 })).toThrow(
      code('out_of_range'),
    );
    expect(() => eventsToResolve({ standardError: 1, events: 0, margin: 0.02, difference: 0 })).toThrow(
      code('out_of_range'),
    );
  });
});

describe('levels of a look among several', () => {
  it('move the bounds and not the 95% interval', () => {
    const { a, b, y } = reference.bootstrap;
    for (const compare of [
      (levels?: { oneSided: number; twoSided: number }) => aurocDifference(a, b, y, levels),
      (levels?: { oneSided: number; twoSided: number }) => netBenefitDifference(a, b, y, 0.3, levels),
    ]) {
      const usual = compare();
      const strict = compare({ oneSided: 0.01, twoSided: 0.01 });
      const { value, standardError } = usual.estimate as { value: number; standardError: number };
      expect(strict.estimate).toEqual(usual.estimate);
      // R: qnorm(c(.99, .995, .8)) = 2.32634787404084 2.5758293035489 0.841621233572914
      expect(strict.oneSidedLower).toBeCloseTo(value - 2.32634787404084 * standardError, 13);
      expect(strict.twoSidedUpper).toBeCloseTo(value + 2.5758293035489 * standardError, 13);
      expect(strict.resolvableMargin).toBeCloseTo((2.32634787404084 + 0.841621233572914) * standardError, 13);
      expect(usual.twoSidedUpper).toBeCloseTo(usual.estimate.high as number, 14);
    }
  });
});

describe('net benefit compared', () => {
  it('is the mean of the patients differences, with its standard error', () => {
    const { a, b, y } = reference.bootstrap;
    const weight = 0.3 / 0.7;
    const part = (p: number, label: number): number => (p < 0.3 ? 0 : label === 1 ? 1 : -weight);
    const differences = y.map((label, row) => part(a[row] as number, label) - part(b[row] as number, label));
    const mean = differences.reduce((sum, d) => sum + d, 0) / y.length;
    const variance = differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (y.length - 1);
    const found = netBenefitDifference(a, b, y, 0.3);
    expect(found.estimate.value).toBeCloseTo(mean, 14);
    expect(found.estimate.standardError).toBeCloseTo(Math.sqrt(variance / y.length), 14);
    const apart = (netBenefit(a, y, 0.3).value as number) - (netBenefit(b, y, 0.3).value as number);
    expect(found.estimate.value).toBeCloseTo(apart, 14);
  });

  it('equal probabilities differ by exactly 0; equal calls of unequal probabilities by what is not yet seen', () => {
    const labels = [0, 1, 0, 1, 1, 0, 0, 0, 0, 0];
    const p = [0.1, 0.5, 0.4, 0.3, 0.9, 0.2, 0.3, 0.1, 0.2, 0.6];
    expect(netBenefitDifference(p, p, labels, 0.25)).toEqual({
      estimate: { value: 0, low: 0, high: 0, standardError: 0 },
      oneSidedLower: 0,
      twoSidedUpper: 0,
      resolvableMargin: 0,
    });
    const near = p.map((value) => value + 0.01);
    const found = netBenefitDifference(near, p, labels, 0.25);
    // R: binom.test(0, 10, alternative = "less")$conf.int gives 0.2588656, binom.test(0, 10)$conf.int 0.3084971; t/(1-t) is below 1.
    expect(found.oneSidedLower).toBeCloseTo(-0.2588656, 7);
    expect(found.estimate.low).toBeCloseTo(-0.3084971, 7);
    expect(found.twoSidedUpper).toBeCloseTo(0.3084971, 7);
    expect(found.estimate).toMatchObject({ value: 0, standardError: null });
    const high = netBenefitDifference([0.7, 0.9, 0.95], [0.72, 0.9, 0.95], [0, 1, 1], 0.8);
    // 1 - .05^(1/3) = .6315969, times t/(1-t) = 4.
    expect(high.oneSidedLower).toBeCloseTo(-4 * 0.6315969, 6);
  });

  it('is undefined with a reason', () => {
    expect(netBenefitDifference([], [], [], 0.2).estimate).toMatchObject({ value: null, reason: 'no_rows' });
    expect(netBenefitDifference([0.1], [0.4], [1], 0.2).estimate).toMatchObject({
      value: -1,
      low: null,
      reason: 'too_few_for_interval',
    });
    // Both rows change alike: no spread to judge by.
    expect(netBenefitDifference([0.9, 0.9], [0.1, 0.1], [1, 1], 0.2)).toMatchObject({
      estimate: { value: 1, low: null, reason: 'zero_variance' },
      oneSidedLower: null,
    });
    for (const threshold of [0, 1, Number.NaN]) {
      expect(() => netBenefitDifference([0.1], [0.2], [1], threshold)).toThrow(code('out_of_range'));
    }
    expect(() => netBenefitDifference([0.1], [1.2], [1], 0.5)).toThrow(code('out_of_range'));
    expect(() => netBenefitDifference([0.1], [0.1, 0.2], [1], 0.5)).toThrow(code('length_mismatch'));
  });
});

describe('paired bootstrap', () => {
  const { a, b, y, cases } = reference.bootstrap;
  const statistics: Record<BootCase['statistic'], BootstrapStatistic> = {
    auroc: bootstrapAuroc,
    brier: bootstrapBrier,
    netBenefit: bootstrapNetBenefit(0.3),
  };

  it.each(cases)('$statistic agrees with boot, whose 40 000 resamples are others', (item) => {
    const found = pairedBootstrap(a, b, y, { statistic: statistics[item.statistic], resamples: 10_000, seed: 7 });
    expect(found.value).toBeCloseTo(item.value, 13);
    expect(relative(found.standardError as number, item.se)).toBeLessThan(0.03);
    // The 2.5% quantile of 10 000 normal draws has a standard error of .027 standard deviations: three of them, and the other side's.
    const near = (one: number, other: number): void => {
      expect(Math.abs(one - other)).toBeLessThan(0.09 * item.se);
    };
    near(found.percentile?.low as number, item.percentile[0]);
    near(found.percentile?.high as number, item.percentile[1]);
    near(found.bca?.low as number, item.bca[0]);
    near(found.bca?.high as number, item.bca[1]);
    near(found.oneSidedLower as number, item.lower);
    expect(found).toMatchObject({ resamples: 10_000, seed: 7 });
  });

  it('gives the same for a seed however the rows stand, and something else for another seed', () => {
    const options = { statistic: bootstrapAuroc, resamples: 200, seed: 3 };
    const order = y.map((_, row) => row).sort((i, j) => ((i * 37) % y.length) - ((j * 37) % y.length));
    const shuffle = (values: number[]): number[] => order.map((row) => values[row] as number);
    const found = pairedBootstrap(a, b, y, options);
    expect(pairedBootstrap(shuffle(a), shuffle(b), shuffle(y), options)).toEqual(found);
    expect(pairedBootstrap(a, b, y, { ...options, seed: 4 }).percentile).not.toEqual(found.percentile);
  });

  it('groups rows in the jackknife of a large class, with hardly another result', () => {
    const times = 6;
    const many = <T>(values: T[]): T[] => Array.from({ length: times }, () => values).flat();
    const large = pairedBootstrap(many(a), many(b), many(y), { statistic: bootstrapBrier, resamples: 4000, seed: 1 });
    expect(large.jackknifeGroups).toBe(200);
    const item = cases.find(({ statistic }) => statistic === 'brier') as BootCase;
    expect(relative((large.standardError as number) * Math.sqrt(times), item.se)).toBeLessThan(0.06);
    const { low, high } = large.bca as { low: number; high: number };
    expect((low + high) / 2).toBeCloseTo(large.value as number, 2);
  });

  it('equal scores differ by exactly 0', () => {
    expect(pairedBootstrap(a, a, y, { statistic: bootstrapAuroc, seed: 1 })).toMatchObject({
      value: 0,
      percentile: { low: 0, high: 0 },
      bca: { low: 0, high: 0 },
      standardError: 0,
    });
  });

  it('is undefined with a reason', () => {
    const run = (first: number[], second: number[], labels: number[]) =>
      pairedBootstrap(first, second, labels, { statistic: bootstrapAuroc, resamples: 40, seed: 1 });
    expect(run([], [], [])).toMatchObject({ value: null, percentile: null, reason: 'no_rows' });
    expect(run([0.1], [0.2], [1])).toMatchObject({ value: null, reason: 'single_class' });
    expect(run([0.1, 0.3], [0.2, 0.1], [0, 0])).toMatchObject({ value: null, reason: 'single_class' });
    // One row of each class: every draw is the sample itself.
    expect(run([0.1, 0.3], [0.2, 0.1], [0, 1])).toMatchObject({ value: 1, percentile: null, reason: 'zero_variance' });
    expect(() => run([0.1, Number.NaN], [0.2, 0.1], [0, 1])).toThrow(code('not_finite'));
    expect(() => pairedBootstrap(a, b, y, { statistic: bootstrapAuroc, resamples: 39, seed: 1 })).toThrow(
      code('out_of_range'),
    );
  });

  it('counts rows drawn more than once as often as they were drawn', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 1 }), fc.nat(3)), {
          minLength: 2,
          maxLength: 12,
        }),
        (rows) => {
          const scores = rows.map(([score]) => score / 4);
          const labels = rows.map(([, label]) => label);
          const times = Int32Array.from(rows, ([, , count]) => count);
          const copies = rows.flatMap(([score, label, count]) =>
            Array.from({ length: count }, () => ({ score: score / 4, label })),
          );
          const p = copies.map(({ score }) => score);
          const l = copies.map(({ label }) => label);
          const brier = bootstrapBrier.prepare(scores, labels)(times);
          const plain = brierScore(p, l).value;
          if (plain === null) expect(brier).toBeNull();
          else expect(brier).toBeCloseTo(plain, 12);
          const net = bootstrapNetBenefit(0.4).prepare(scores, labels)(times);
          const plainNet = netBenefit(p, l, 0.4).value;
          if (plainNet === null) expect(net).toBeNull();
          else expect(net).toBeCloseTo(plainNet, 12);
          const difference = aurocDifference(p, p, l).estimate.value;
          expect(bootstrapAuroc.prepare(scores, labels)(times) === null).toBe(difference === null);
        },
      ),
      { numRuns: 200 },
    );
  });
});
