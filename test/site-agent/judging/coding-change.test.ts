import { describe, expect, it } from 'vitest';
import type { ContinuousColumn } from '../../../shared/plan/contract.ts';
import { type RandomStream, randomStream } from '../../../shared/runtime/random.ts';
import { countBins } from '../../../shared/statistics/binning.ts';
import { codingChange, unitAgainstCounts } from '../../../site-agent/judging/coding-change.ts';

const column = (name: string, unit: string, edges: number[] = [1]): ContinuousColumn => ({
  name,
  kind: 'continuous',
  unit,
  range: [-1e9, 1e9],
  missing: 'impute',
  edges,
});

function sample(seed: number, n: number, draw: (stream: RandomStream) => number): Float64Array {
  const stream = randomStream(seed, 'sample');
  return Float64Array.from({ length: n }, () => draw(stream));
}

const normal =
  (mean: number, deviation: number, decimals = 0) =>
  (stream: RandomStream): number =>
    Number((mean + deviation * stream.normal()).toFixed(decimals));
const lognormal =
  (middle: number, spread: number) =>
  (stream: RandomStream): number =>
    middle * Math.exp(spread * stream.normal());

describe('a change of unit', () => {
  it.each([
    // name, unit of the plan, distribution, what the source now writes, words of the explanation
    ['cholesterol', 'mg/dL', normal(220, 45), (v: number) => v / 38.67, 'mmol/L instead of mg/dL'],
    ['glucose', 'mmol/L', lognormal(6, 0.3), (v: number) => v * 18.016, 'mg/dL instead of mmol/L'],
    ['creatinine', 'mg/dL', lognormal(1, 0.3), (v: number) => v * 88.42, 'µmol/L instead of mg/dL'],
    ['resting_pressure', 'mmHg', normal(130, 18), (v: number) => v / 7.50062, 'kPa instead of mmHg'],
    ['temperature', '°C', normal(37, 0.6, 1), (v: number) => v * 1.8 + 32, '°F instead of °C'],
    ['weight', 'kg', normal(78, 14), (v: number) => v * 2.20462, 'lb instead of kg'],
    ['height', 'cm', normal(170, 9), (v: number) => v / 2.54, 'in instead of cm'],
    ['hemoglobin', 'g/dL', normal(13.5, 1.5, 1), (v: number) => v * 10, 'g/L instead of g/dL'],
    ['age', 'years', normal(60, 12), (v: number) => v * 12, 'months instead of years'],
    ['troponin', 'arbitrary', lognormal(5, 0.6), (v: number) => v / 1000, 'in another unit'],
  ] as const)('%s in %s', (name, unit, draw, change, words) => {
    const before = sample(1, 300, draw);
    const all = sample(2, 200, draw).map(change);
    expect(codingChange(column(name, unit), before, all)).toMatchObject({
      kind: 'unit',
      explanation: expect.stringContaining(words),
    });
    expect(codingChange(column(name, unit), before, all)?.explanation).toContain(name);
  });

  it('is found in a part of the rows, and in few of them', () => {
    const before = sample(1, 300, normal(220, 45));
    const mixed = sample(2, 200, normal(220, 45)).map((value, row) => (row < 60 ? value / 38.67 : value));
    expect(codingChange(column('cholesterol', 'mg/dL'), before, mixed)).toMatchObject({
      kind: 'unit',
      explanation: expect.stringMatching(/^About 3[01]% of the values/),
    });
    expect(codingChange(column('cholesterol', 'mg/dL'), before, mixed.slice(0, 25))?.kind).toBe('unit');
  });

  it('is found against the consortium where this site never had the unit', () => {
    const cholesterol = column('cholesterol', 'mg/dL', [150, 180, 210, 240, 270]);
    const reference = countBins(sample(1, 900, normal(220, 45)), cholesterol);
    const values = sample(2, 200, normal(215, 45)).map((value) => value / 38.67);
    const asTheyAre = (counts: readonly number[]): number[] => [...counts];
    const unit = (values: Float64Array) =>
      unitAgainstCounts(cholesterol, reference, countBins(values, cholesterol), values, asTheyAre);
    expect(unit(values)).toMatchObject({
      kind: 'unit',
      explanation: expect.stringContaining('mmol/L instead of mg/dL'),
    });
    expect(unit(sample(3, 200, normal(215, 45)))).toBeNull();
    expect(unit(sample(3, 200, normal(280, 30)))).toBeNull();
  });
});

describe('other changes of coding', () => {
  const before = sample(1, 300, normal(220, 45));

  it('names one value that stands for missing', () => {
    const zeros = sample(2, 200, normal(220, 45)).map((value, row) => (row % 4 === 0 ? 0 : value));
    expect(codingChange(column('cholesterol', 'mg/dL'), before, zeros)).toMatchObject({
      kind: 'coding',
      explanation: expect.stringContaining('missing values may now be coded as 0.'),
    });
    const nines = sample(2, 200, normal(220, 45)).map((value, row) => (row % 3 === 0 ? 9999 : value));
    expect(codingChange(column('cholesterol', 'mg/dL'), before, nines)?.kind).toBe('coding');
  });

  it('does not print a value that fewer patients have than the minimum count', () => {
    const few = sample(2, 40, normal(220, 45)).map((value, row) => (row < 6 ? 9999 : value));
    const found = codingChange(column('cholesterol', 'mg/dL'), before, few, [], 11);
    expect(found).toMatchObject({ kind: 'coding', explanation: expect.stringContaining('coded as that value') });
    expect(found?.explanation).not.toContain('9999');
  });

  it('names a column that no longer varies', () => {
    expect(codingChange(column('cholesterol', 'mg/dL'), before, new Float64Array(40).fill(220))?.kind).toBe('constant');
  });

  it('names nothing with fewer than 20 known values', () => {
    expect(codingChange(column('cholesterol', 'mg/dL'), before, new Float64Array(19).fill(0))).toBeNull();
    expect(codingChange(column('cholesterol', 'mg/dL'), before.slice(0, 19), new Float64Array(40).fill(0))).toBeNull();
  });

  it('names nothing where nothing or only the distribution changed', () => {
    const distributions: ((stream: RandomStream) => number)[] = [
      normal(220, 45),
      lognormal(5, 1.5),
      // Half zeros, like ST depression.
      (stream) => (stream.uniform() < 0.5 ? 0 : Math.round(20 * stream.uniform()) / 10),
      // Two values.
      (stream) => (stream.uniform() < 0.3 ? 1 : 0),
    ];
    let named = 0;
    for (let seed = 0; seed < 50; seed++) {
      for (const [index, draw] of distributions.entries()) {
        for (const name of ['st_depression', 'cholesterol', 'age']) {
          const unit = { st_depression: 'mm', cholesterol: 'mg/dL', age: 'years' }[name] ?? '';
          const earlier = sample(1000 + 10 * seed + index, 120, draw);
          const now = sample(5000 + 10 * seed + index, 60, draw);
          if (codingChange(column(name, unit), earlier, now) !== null) named++;
        }
      }
    }
    expect(named).toBe(0);
    expect(codingChange(column('cholesterol', 'mg/dL'), before, sample(2, 200, normal(280, 45)))).toBeNull();
    expect(
      codingChange(column('age', 'years'), sample(1, 200, normal(55, 10)), sample(2, 200, normal(75, 8))),
    ).toBeNull();
  });
});
