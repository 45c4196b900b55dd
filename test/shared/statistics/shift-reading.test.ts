import { describe, expect, it } from 'vitest';
import { permutation, type RandomStream, randomStream } from '../../../shared/runtime/random.ts';
import { logistic } from '../../../shared/statistics/estimate.ts';
import { chiSquareUpper } from '../../../shared/statistics/gamma.ts';
import { take, takeRows } from '../../../shared/statistics/matrix.ts';
import { stratifiedScoreTest } from '../../../shared/statistics/score-test.ts';
import { readShift, type ShiftSide } from '../../../shared/statistics/shift-reading.ts';
import { StatisticsError } from '../../../shared/statistics/statistics-error.ts';
import { readReference } from '../../reference/read.ts';

interface Side {
  readonly features: number[];
  readonly labels: number[];
  readonly probabilities: number[];
}

// Made by R's glm and anova(test = "Rao" and "LRT"): Rscript test/reference/shift.R
const { readings } = readReference<{
  readings: {
    readonly name: string;
    readonly source: Side;
    readonly target: Side;
    readonly featuresStatistic: number;
    readonly featuresDf: number;
    readonly withinStatistic: number;
    readonly withinDf: number;
    readonly lr: number;
    readonly intercept: number;
    readonly interceptSe: number;
    readonly slope: number;
    readonly slopeSe: number;
    readonly overall: number;
    readonly overallDf: number;
    readonly single: number;
    readonly singleDf: number;
    readonly prevalence: number;
  }[];
}>('shift-r.json');

const side = ({ features, labels, probabilities }: Side): ShiftSide => ({
  features: { rows: labels.length, columns: features.length / labels.length, values: features },
  labels,
  probabilities,
});

describe('tests behind a reading, against R', () => {
  it.each(readings)('$name', (wanted) => {
    const found = readShift(side(wanted.source), side(wanted.target), { seed: 1, squares: false });
    expect(found.tests.features.statistic).toBeCloseTo(wanted.featuresStatistic, 6);
    expect(found.tests.features.degreesOfFreedom).toBe(wanted.featuresDf);
    expect(found.tests.features.p).toBeCloseTo(chiSquareUpper(wanted.featuresStatistic, wanted.featuresDf), 8);
    expect(found.tests.featuresGivenOutcome.statistic).toBeCloseTo(wanted.withinStatistic, 6);
    expect(found.tests.featuresGivenOutcome.degreesOfFreedom).toBe(wanted.withinDf);
    expect(found.recalibration.p).toBeCloseTo(chiSquareUpper(wanted.lr, 2), 9);
    expect(found.recalibration.intercept.value).toBeCloseTo(wanted.intercept, 7);
    expect(found.recalibration.intercept.standardError).toBeCloseTo(wanted.interceptSe, 6);
    expect(found.recalibration.slope.value).toBeCloseTo(wanted.slope, 7);
    expect(found.recalibration.slope.standardError).toBeCloseTo(wanted.slopeSe, 6);
    // The smaller of the two groups' p, doubled. The trace of a penalty moves the statistic by less than a thousandth.
    const overall = chiSquareUpper(wanted.overall, wanted.overallDf);
    const single = chiSquareUpper(wanted.single, wanted.singleDf);
    expect(found.tests.outcomeGivenFeatures.statistic).toBeCloseTo(
      single < overall ? wanted.single : wanted.overall,
      2,
    );
    expect(found.tests.outcomeGivenFeatures.degreesOfFreedom).toBe(
      single < overall ? wanted.singleDf : wanted.overallDf,
    );
    expect(found.tests.outcomeGivenFeatures.p).toBeCloseTo(Math.min(1, 2 * Math.min(single, overall)), 3);
    expect(found.prevalence.difference.value).toBeCloseTo(wanted.prevalence, 12);
  });

  it('without features the recalibration is the test of P(Y | X)', () => {
    const [wanted] = readings as [(typeof readings)[number]];
    const scores = (of: Side): ShiftSide => ({ ...side(of), features: null });
    const found = readShift(scores(wanted.source), scores(wanted.target), { seed: 1 });
    expect(found.tests.outcomeGivenFeatures.statistic).toBeCloseTo(wanted.lr, 7);
    expect(found.tests.outcomeGivenFeatures.degreesOfFreedom).toBe(2);
    expect(found.name).not.toBeNull();
  });
});

const weights = [1, -0.8, 0.5];

interface Plant {
  readonly shift?: number;
  readonly weights?: readonly number[];
  readonly intercept?: number;
  readonly keepEvents?: number;
}

function cohort(stream: RandomStream, n: number, plant: Plant = {}): ShiftSide {
  const values = new Float64Array(3 * n);
  const labels = new Uint8Array(n);
  const probabilities = new Float64Array(n);
  const dot = (w: readonly number[], x: readonly number[]): number =>
    w.reduce((sum, value, c) => sum + value * (x[c] as number), 0);
  for (let row = 0; row < n; ) {
    const x = [stream.normal() + (plant.shift ?? 0), stream.normal(), stream.normal()];
    const event = Number(stream.uniform() < logistic((plant.intercept ?? -0.3) + dot(plant.weights ?? weights, x)));
    if (event === 1 && stream.uniform() >= (plant.keepEvents ?? 1)) continue;
    values.set(x, 3 * row);
    labels[row] = event;
    probabilities[row] = logistic(-0.3 + dot(weights, x));
    row++;
  }
  return { features: { rows: n, columns: 3, values }, labels, probabilities };
}

describe('reading of a planted shift', () => {
  const planted: readonly (readonly [string, Plant])[] = [
    ['none', {}],
    ['covariate', { shift: 0.5 }],
    ['label', { keepEvents: 0.4 }],
    ['concept', { weights: [0.2, -0.8, 0.5] }],
    ['mixed', { shift: 0.5, weights: [0.2, -0.8, 0.5], intercept: 0.6 }],
  ];

  it.each(planted)('%s', (name, plant) => {
    let named = 0;
    for (let seed = 0; seed < 20; seed++) {
      const stream = randomStream(seed, 'planted', name);
      const reading = readShift(cohort(stream, 1200), cohort(stream, 1200, plant), { seed });
      if (reading.name === name) named++;
      expect(reading.sentence).not.toMatch(/\d/);
    }
    expect(named).toBeGreaterThanOrEqual(16);
  });

  it('shows both framings side by side, and says how large the change is', () => {
    const stream = randomStream(1, 'framings');
    const { framings, prevalence, tests } = readShift(cohort(stream, 800), cohort(stream, 800, { keepEvents: 0.3 }), {
      seed: 1,
    });
    expect(framings.covariateAndConcept.p).toEqual([tests.features.p, tests.outcomeGivenFeatures.p]);
    expect(framings.label.p).toEqual([prevalence.p, tests.featuresGivenOutcome.p]);
    expect(framings.label.assumption).not.toBe(framings.covariateAndConcept.assumption);
    expect(prevalence.difference.high).toBeLessThan(0);
  });

  it('gives the same reading for rows in another order, and stands on as many rows as it says', () => {
    const stream = randomStream(2, 'order');
    const [source, target] = [cohort(stream, 500), cohort(stream, 400, { shift: 0.3 })];
    const shuffled = (of: ShiftSide, seed: number): ShiftSide => {
      const order = permutation(of.labels.length, randomStream(seed, 'shuffle'));
      return {
        features: of.features === null ? null : takeRows(of.features, order),
        labels: take(of.labels, order),
        probabilities: take(of.probabilities, order),
      };
    };
    const options = { seed: 3, maximumRows: 300 };
    const found = readShift(source, target, options);
    expect(found.rows).toEqual({ source: 300, target: 300 });
    expect(readShift(shuffled(source, 1), shuffled(target, 2), options)).toEqual(found);
  });

  it('takes missing values and constant columns', () => {
    const stream = randomStream(3, 'missing');
    const holes = (of: ShiftSide, share: number): ShiftSide => ({
      ...of,
      features: {
        rows: of.labels.length,
        columns: 3,
        values: Float64Array.from(of.features?.values as Float64Array, (value, index) =>
          index % 3 === 2 ? 7 : index % 3 === 1 && stream.uniform() < share ? Number.NaN : value,
        ),
      },
    });
    const same = readShift(holes(cohort(stream, 900), 0.1), holes(cohort(stream, 900), 0.1), { seed: 1 });
    expect(same.name).toBe('none');
    const other = readShift(holes(cohort(stream, 900), 0.1), holes(cohort(stream, 900), 0.4), { seed: 1 });
    expect(other.tests.features.p).toBeLessThan(1e-6);
  });

  it('has no name without rows, with one class, or with too few rows', () => {
    const stream = randomStream(4, 'undefined');
    const source = cohort(stream, 300);
    const empty: ShiftSide = { features: { rows: 0, columns: 3, values: [] }, labels: [], probabilities: [] };
    expect(readShift(source, empty, { seed: 1 })).toMatchObject({ name: null, sentence: null, reason: 'no_rows' });
    const one = { ...source, labels: new Uint8Array(300) };
    expect(readShift(source, one, { seed: 1 })).toMatchObject({ name: null, reason: 'single_class' });
    expect(readShift(source, cohort(stream, 12), { seed: 1 })).toMatchObject({ name: null, reason: 'too_few_rows' });
    const constant = { ...source, features: null, probabilities: new Float64Array(300).fill(0.4) };
    expect(readShift(constant, constant, { seed: 1 })).toMatchObject({ name: null, reason: 'constant_columns' });
  });

  it('refuses unusable input', () => {
    const stream = randomStream(5, 'refuse');
    const source = cohort(stream, 50);
    expect(() => readShift(source, { ...source, features: null }, { seed: 1 })).toThrow(StatisticsError);
    expect(() => readShift(source, { ...source, probabilities: [0.5] }, { seed: 1 })).toThrow(StatisticsError);
    expect(() => readShift(source, source, { seed: 1, alpha: 0 })).toThrow(StatisticsError);
  });
});

describe('stratified score test', () => {
  it('sees differences that point one way in one stratum and the other way in the next', () => {
    const stream = randomStream(6, 'strata');
    const n = 400;
    const group = Uint8Array.from({ length: n }, () => stream.integer(2));
    const stratum = Uint8Array.from({ length: n }, () => stream.integer(2));
    const values = Float64Array.from({ length: n }, (_, row) => {
      return stream.normal() + (group[row] === 1 ? 0.7 : 0) * (stratum[row] === 1 ? 1 : -1);
    });
    const design = { rows: n, columns: 1, values };
    expect(stratifiedScoreTest(design, group, stratum, 2).p).toBeLessThan(1e-6);
    expect(stratifiedScoreTest(design, group, new Uint8Array(n), 1).p).toBeGreaterThan(0.01);
  });

  it('leaves out columns that follow from others, and strata without either group', () => {
    const stream = randomStream(7, 'rank');
    const n = 100;
    const values = new Float64Array(3 * n);
    for (let row = 0; row < n; row++) {
      const x = stream.normal();
      values.set([x, 2 * x + 1, 4], 3 * row);
    }
    const group = Uint8Array.from({ length: n }, (_, row) => row % 2);
    const stratum = Uint8Array.from({ length: n }, (_, row) => (row < 10 ? 1 : 0));
    group.fill(1, 0, 10);
    const found = stratifiedScoreTest({ rows: n, columns: 3, values }, group, stratum, 2);
    expect(found.degreesOfFreedom).toBe(1);
    const constant = { rows: n, columns: 1, values: new Float64Array(n).fill(2) };
    expect(stratifiedScoreTest(constant, group, stratum, 2)).toMatchObject({ p: null, reason: 'constant_columns' });
    const few = { rows: 3, columns: 1, values: Float64Array.from([1, 2, 3]) };
    expect(stratifiedScoreTest(few, [0, 1, 1], [0, 0, 0], 1)).toMatchObject({ p: null, reason: 'too_few_rows' });
  });
});
