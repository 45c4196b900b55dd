import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  benjaminiHochberg,
  crossingProbabilities,
  holm,
  normalUpper,
  type SpendingKind,
  StatisticsError,
  spendingBoundaries,
} from '../../../shared/statistics/index.ts';
import { readReference } from '../../reference/read.ts';

// Made by mvtnorm in R: Rscript test/reference/multiplicity.R
const reference = readReference<{
  cases: { kind: SpendingKind; alpha: number; sided: 1 | 2; fractions: number[]; z: number[] }[];
  fixedTwoSided: number;
  fixedOneSided: number;
}>('multiplicity.json');
// Made by R's p.adjust: Rscript test/reference/paired.R
const adjustments = readReference<{ holm: { p: number[]; adjusted: number[]; benjaminiHochberg: number[] } }>(
  'paired.json',
).holm;

describe('boundaries by alpha spending', () => {
  it.each(reference.cases)(
    'agree with multivariate normal probabilities: $kind $alpha, $sided sides, $fractions',
    (item) => {
      const looks = spendingBoundaries({ ...item, informationFractions: item.fractions });
      for (const [index, { z, level, informationFraction }] of looks.entries()) {
        // The reference's own search stops at 1e-9; with looks at .5 and .501 its integration is good to 1e-6.
        expect(Math.abs((z as number) - (item.z[index] as number))).toBeLessThan(
          item.fractions.length > 2 ? 1e-8 : 1e-6,
        );
        expect(level).toBeCloseTo(item.sided * normalUpper(z as number), 15);
        expect(informationFraction).toBe(item.fractions[index]);
      }
    },
  );

  it('agree with print: five even looks', () => {
    const informationFractions = [0.2, 0.4, 0.6, 0.8, 1];
    const z = (kind: SpendingKind, alpha: number, sided: 1 | 2): (number | null)[] =>
      spendingBoundaries({ kind, alpha, sided, informationFractions }).map((look) => look.z);
    // D. M. Reboussin, D. L. DeMets, K. Kim, K. K. G. Lan (2000), Controlled Clinical Trials 21:190 (the program ld98): 4.8769 3.3569 2.6803 2.2898 2.0310 and 2.4380 2.4268 2.4101 2.3966 2.3859.
    for (const [found, expected] of [
      [z('obrien-fleming', 0.025, 1), [4.8769, 3.3569, 2.6803, 2.2898, 2.031]],
      [z('obrien-fleming', 0.05, 2), [4.8769, 3.3569, 2.6803, 2.2898, 2.031]],
      [z('pocock', 0.05, 2), [2.438, 2.4268, 2.4101, 2.3966, 2.3859]],
    ] as const) {
      for (const [index, value] of expected.entries())
        expect(Math.abs((found[index] as number) - value)).toBeLessThan(2e-4);
    }
  });

  it('spend what they say, look by look, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<SpendingKind>('obrien-fleming', 'pocock'),
        fc.constantFrom<1 | 2>(1, 2),
        fc.double({ min: 0.005, max: 0.2, noNaN: true }),
        fc.uniqueArray(fc.integer({ min: 5, max: 100 }), { minLength: 1, maxLength: 5 }),
        (kind, sided, alpha, percents) => {
          const informationFractions = percents.sort((a, b) => a - b).map((percent) => percent / 100);
          const looks = spendingBoundaries({ kind, alpha, sided, informationFractions });
          const crossed = crossingProbabilities(
            looks.map(({ z }) => z),
            informationFractions,
            sided,
          );
          for (const [index, { spent }] of looks.entries()) {
            expect(Math.abs((crossed[index] as number) - spent)).toBeLessThan(1e-10);
            expect(spent).toBeLessThanOrEqual(alpha * (1 + 1e-12));
          }
          if (informationFractions.at(-1) === 1) expect(looks.at(-1)?.spent).toBeCloseTo(alpha, 12);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('does not change the looks so far when one is added', () => {
    const plan = { kind: 'obrien-fleming', alpha: 0.05, sided: 1 } as const;
    const three = spendingBoundaries({ ...plan, informationFractions: [0.2, 0.35, 0.9] });
    expect(spendingBoundaries({ ...plan, informationFractions: [0.2, 0.35] })).toEqual(three.slice(0, 2));
    // A single look at the end is a plain test.
    expect(spendingBoundaries({ ...plan, informationFractions: [1] })[0]?.level).toBeCloseTo(0.05, 13);
    expect(spendingBoundaries({ ...plan, informationFractions: [] })).toEqual([]);
  });

  it('has no boundary where a look may spend nothing a double can hold', () => {
    const looks = spendingBoundaries({
      kind: 'obrien-fleming',
      alpha: 0.05,
      sided: 1,
      informationFractions: [0.001, 1],
    });
    expect(looks[0]).toEqual({ informationFraction: 0.001, spent: 0, z: null, level: 0 });
    expect(looks[1]?.level).toBeCloseTo(0.05, 12);
  });

  it('repeated tests at one level spend more than it', () => {
    // P. Armitage et al. (1969), table 2: 12.6% for four looks at 5%.
    const fractions = [0.25, 0.5, 0.75, 1];
    const two = crossingProbabilities(new Array(4).fill(1.959963984540054), fractions, 2);
    expect(two[3]).toBeCloseTo(reference.fixedTwoSided, 9);
    expect(two[3]).toBeCloseTo(0.126, 3);
    const one = crossingProbabilities(new Array(4).fill(1.6448536269514722), fractions, 1);
    expect(one[3]).toBeCloseTo(reference.fixedOneSided, 9);
  });

  it('refuses plans that are none', () => {
    const plan = { kind: 'pocock', alpha: 0.05, sided: 1 } as const;
    for (const wrong of [
      () => spendingBoundaries({ ...plan, informationFractions: [0] }),
      () => spendingBoundaries({ ...plan, informationFractions: [0.5, 0.5] }),
      () => spendingBoundaries({ ...plan, informationFractions: [0.5, 1.1] }),
      () => spendingBoundaries({ ...plan, informationFractions: [Number.NaN] }),
      () => spendingBoundaries({ ...plan, alpha: 0, informationFractions: [1] }),
      () => spendingBoundaries({ ...plan, alpha: 0.6, informationFractions: [1] }),
      () => crossingProbabilities([2], [0.5, 1], 1),
      () => crossingProbabilities([2, 2], [0.5, 0.4], 1),
    ]) {
      expect(wrong).toThrow(StatisticsError);
    }
  });
});

describe('many tests', () => {
  it('Holm and Benjamini-Hochberg against R', () => {
    for (const [index, p] of holm(adjustments.p).entries())
      expect(p).toBeCloseTo(adjustments.adjusted[index] as number, 14);
    for (const [index, p] of benjaminiHochberg(adjustments.p).entries()) {
      expect(p).toBeCloseTo(adjustments.benjaminiHochberg[index] as number, 14);
    }
  });

  it('Holm leaves out tests that could not be made', () => {
    expect(holm([null, 0.01, null, 0.04])).toEqual([null, 0.02, null, 0.04]);
    expect(holm([])).toEqual([]);
    expect(holm([null])).toEqual([null]);
    expect(holm([0.03])).toEqual([0.03]);
    for (const p of [Number.NaN, -0.1, 1.1]) expect(() => holm([p])).toThrow(StatisticsError);
  });
});
