import { describe, expect, it } from 'vitest';
import type { CategoricalColumn, ContinuousColumn } from '../../../shared/plan/contract.ts';
import type { ColumnReference } from '../../../shared/plan/preprocessing.ts';
import { randomStream } from '../../../shared/runtime/random.ts';
import { countBins } from '../../../shared/statistics/binning.ts';
import { codingAgainstCounts, levelCoding } from '../../../site-agent/judging/counts-coding.ts';

const pressure: ContinuousColumn = {
  name: 'pressure',
  kind: 'continuous',
  unit: 'mm Hg',
  range: [0, 300],
  missing: 'impute',
  edges: [100, 120, 140, 160],
};

function sample(seed: number, n: number, mean = 130, deviation = 17): Float64Array {
  const stream = randomStream(seed, 'pressure');
  return Float64Array.from({ length: n }, () => Math.round(mean + deviation * stream.normal()));
}

function referenceOf(values: Float64Array, groups?: number[][]): ColumnReference {
  return {
    name: 'pressure',
    count: values.length,
    mean: 130,
    scale: 17,
    referenceCounts: countBins(values, pressure),
    ...(groups === undefined ? {} : { referenceGroups: groups }),
  };
}

const reference = referenceOf(sample(1, 2000));
const named = (values: Float64Array, of: ColumnReference = reference) =>
  codingAgainstCounts(pressure, of, values.slice().sort(), 'the consortium', 11);

describe('coding beside the counts of the consortium', () => {
  it('names a column that is the same in everybody, unless it is so there too', () => {
    expect(named(new Float64Array(60))).toMatchObject({
      kind: 'constant',
      certain: false,
      explanation: expect.stringContaining('is 0 in every judged patient and varies in the consortium'),
    });
    const same = referenceOf(new Float64Array(500));
    expect(named(new Float64Array(60), same)).toBeNull();
  });

  it('names one value that stands in many, where there hardly are such values', () => {
    const zeros = sample(2, 200).map((value, row) => (row % 5 === 0 ? 0 : value));
    expect(named(zeros)).toMatchObject({
      kind: 'coding',
      explanation: expect.stringContaining('pressure is 0 in about 20% of judged patients'),
    });
    // Four standard deviations from the mean say it as well where the lowest bin is withheld with a full one.
    expect(named(zeros, referenceOf(sample(1, 2000), [[0, 1]]))?.kind).toBe('coding');
    const nines = sample(2, 60).map((value, row) => (row < 8 ? 299 : value));
    const found = named(nines);
    expect(found?.kind).toBe('coding');
    expect(found?.explanation).not.toContain('299');
  });

  it('names a single 0 far from every other value, and not by its number', () => {
    const one = sample(2, 200, 130, 9).map((value, row) => (row === 7 ? 0 : value));
    expect(named(one)).toMatchObject({
      kind: 'coding',
      certain: true,
      explanation: expect.stringContaining('fewer than 11'),
    });
    // As far away, but no number that anybody writes for missing.
    expect(named(one.map((value) => (value === 0 ? 3 : value)))).toBeNull();
    // A 0 that others come near to.
    expect(named(one.map((value, row) => (row === 9 ? 40 : value)))).toBeNull();
  });

  it('names nothing where only the distribution is another, or patients are few', () => {
    expect(named(sample(3, 300))).toBeNull();
    expect(named(sample(4, 300, 170, 10))).toBeNull();
    expect(named(new Float64Array(19))).toBeNull();
    expect(named(new Float64Array(60), referenceOf(sample(1, 19)))).toBeNull();
    expect(named(new Float64Array(0))).toBeNull();
    // Half of the patients have none of something, there as here.
    const half = (seed: number, n: number): Float64Array =>
      sample(seed, n).map((v, row) => (row % 2 === 0 ? 0 : v - 100));
    const symptoms = { ...pressure, edges: [1, 20, 40], name: 'symptoms' };
    const of = {
      ...referenceOf(half(1, 900)),
      referenceCounts: countBins(half(1, 900), symptoms),
      mean: 15,
      scale: 20,
    };
    expect(codingAgainstCounts(symptoms, of, half(2, 200).sort(), 'the consortium', 11)).toBeNull();
  });
});

describe('coding of levels', () => {
  const ecg: CategoricalColumn = {
    name: 'ecg',
    kind: 'categorical',
    levels: ['normal', 'wave', 'hypertrophy'],
    missing: 'indicator',
  };
  const named = (then: number[], now: number[]) => levelCoding(ecg, then, now, 'the consortium');

  it('names a rare level that is now frequent while another fell away', () => {
    expect(named([500, 12, 488, 0], [40, 45, 15, 7])).toMatchObject({
      kind: 'coding',
      explanation:
        'ecg is wave in 45% of judged patients (1% in the consortium) and hypertrophy in 15% (49%): these levels may be coded otherwise here.',
    });
  });

  it('names nothing else', () => {
    // A level that was never there has a name of its own.
    expect(named([500, 0, 488, 0], [40, 45, 15, 0])).toBeNull();
    // The others lost alike.
    expect(named([500, 12, 488, 0], [42, 18, 40, 0])).toBeNull();
    expect(named([300, 300, 300, 0], [20, 70, 10, 0])).toBeNull();
    expect(named([500, 12, 488, 0], [4, 9, 1, 0])).toBeNull();
    expect(named([0, 0, 0, 900], [40, 45, 15, 0])).toBeNull();
    const two: CategoricalColumn = { ...ecg, levels: ['no', 'yes'] };
    expect(levelCoding(two, [990, 10, 0], [50, 50, 0], 'the consortium')).toBeNull();
  });
});
