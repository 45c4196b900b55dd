import { describe, expect, it } from 'vitest';
import { permutation, type RandomStream, randomStream } from '../../../shared/runtime/random.ts';
import {
  type Calibrator,
  cbpe,
  expectedPerformance,
  pape,
  weightedPerformance,
} from '../../../shared/statistics/confidence-based.ts';
import { aurocEstimate } from '../../../shared/statistics/discrimination.ts';
import { take, takeRows } from '../../../shared/statistics/matrix.ts';
import { StatisticsError } from '../../../shared/statistics/statistics-error.ts';
import { readReference } from '../../reference/read.ts';

interface Reference {
  readonly expected: {
    readonly name: string;
    readonly scores: number[];
    readonly chances: number[];
    readonly auroc: number;
    readonly brier: number;
    readonly aurocSpread: number;
    readonly brierSpread: number;
  }[];
  readonly reference: { readonly probabilities: number[]; readonly labels: number[] };
  readonly current: number[];
  readonly calibrations: {
    readonly name: string;
    readonly calibrator: Calibrator;
    readonly weights: number[] | null;
    readonly auroc: number;
    readonly brier: number;
    readonly prevalence: number;
    readonly effective: number;
  }[];
}

// Made by scikit-learn and statsmodels: /usr/bin/python3 test/reference/without-labels.py
const { expected, reference, current, calibrations } = readReference<Reference>('without-labels.json');

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

describe('expected performance against NannyML and 40,000 draws of the outcomes', () => {
  it.each(expected)('$name', ({ scores, chances, auroc, brier, aurocSpread, brierSpread }) => {
    const found = expectedPerformance(scores, chances);
    expect(found.auroc.value).toBeCloseTo(auroc, 11);
    expect(found.brier.value).toBeCloseTo(brier, 12);
    expect(Math.abs((found.brier.standardError as number) / brierSpread - 1)).toBeLessThan(0.03);
    // First order only: with six events in a hundred and twenty rows it is short by some percent.
    expect(Math.abs((found.auroc.standardError as number) / aurocSpread - 1)).toBeLessThan(0.15);
    const order = permutation(scores.length, randomStream(1, 'order'));
    expect(expectedPerformance(take(scores, order), take(chances, order))).toEqual(found);
  });

  it('is undefined with a reason', () => {
    expect(expectedPerformance([], []).auroc).toMatchObject({ value: null, reason: 'no_rows' });
    expect(expectedPerformance([0.2, 0.4], [0, 0]).auroc).toMatchObject({ value: null, reason: 'single_class' });
    expect(expectedPerformance([0.2, 0.4], [0, 0]).brier.value).toBeCloseTo(0.1, 12);
    expect(expectedPerformance([0.3, 0.3], [0.2, 0.4]).auroc).toMatchObject({
      value: 0.5,
      low: null,
      reason: 'constant_scores',
    });
    expect(() => expectedPerformance([0.3], [1.3])).toThrow(StatisticsError);
    expect(() => expectedPerformance([Number.NaN], [0.3])).toThrow(StatisticsError);
  });
});

describe('calibration on a labelled reference against scikit-learn and statsmodels', () => {
  it.each(calibrations)('$name', ({ calibrator, weights, auroc, brier, prevalence, effective }) => {
    const found = weightedPerformance(reference, current, weights, calibrator);
    expect(found.auroc.value).toBeCloseTo(auroc, 8);
    expect(found.brier.value).toBeCloseTo(brier, 8);
    expect(found.prevalence.value).toBeCloseTo(prevalence, 8);
    expect(found.effectiveReferenceRows).toBeCloseTo(effective, 8);
    expect(found.calibrator).toBe(calibrator);
    if (weights === null) expect(cbpe(reference, current, { calibrator, largestShareOutside: 1 })).toEqual(found);
  });

  it('chooses isotonic only with rows and events enough', () => {
    expect(cbpe(reference, current, { largestShareOutside: 1 }).calibrator).toBe('logistic');
    const repeat = <T>(values: T[]): T[] => Array.from({ length: 5 }, () => values).flat();
    const large = { probabilities: repeat(reference.probabilities), labels: repeat(reference.labels) };
    expect(cbpe(large, current, { largestShareOutside: 1 }).calibrator).toBe('isotonic');
  });

  it('is undefined with a reason where it cannot tell', () => {
    expect(cbpe({ probabilities: [0.1, 0.6], labels: [0, 0] }, [0.3])).toMatchObject({ reason: 'single_class' });
    expect(cbpe({ probabilities: [], labels: [] }, [0.3]).auroc).toMatchObject({ value: null, reason: 'no_rows' });
    expect(cbpe(reference, []).brier.reason).toBe('no_rows');
    // Scores the reference never saw.
    const beyond = cbpe({ probabilities: [0.1, 0.2, 0.3, 0.25], labels: [0, 1, 0, 1] }, [0.9, 0.95, 0.2]);
    expect(beyond.auroc).toMatchObject({ value: null, reason: 'poor_overlap' });
    // Separated classes have no logistic calibration.
    expect(cbpe({ probabilities: [0.1, 0.2, 0.7, 0.8], labels: [0, 0, 1, 1] }, [0.3]).reason).toBe('not_converged');
    expect(() => weightedPerformance(reference, current, new Float64Array(reference.labels.length).fill(-1))).toThrow(
      StatisticsError,
    );
  });
});

/** The outcome follows the first finding alone; the model also listens to the second, so that a score means more where the first is high. */
function cohort(stream: RandomStream, n: number, shift: number) {
  const values = Float64Array.from({ length: n }, () => stream.normal() + shift);
  const truth = values.map((x) => sigmoid(1.2 * x));
  const labels = truth.map((p) => Number(stream.uniform() < p));
  // A second finding moves the model's score, but not the outcome.
  const noise = Float64Array.from({ length: n }, () => stream.normal());
  const probabilities = values.map((x, row) => sigmoid(0.7 * x + 0.9 * (noise[row] as number)));
  const features = new Float64Array(2 * n);
  for (let row = 0; row < n; row++) features.set([values[row] as number, noise[row] as number], 2 * row);
  return { features: { rows: n, columns: 2, values: features }, labels, probabilities };
}

describe('CBPE and PAPE on cohorts', () => {
  it('CBPE: the band holds what is then observed, where nothing has changed', () => {
    const stream = randomStream(40, 'cbpe');
    const before = cohort(stream, 2500, 0);
    let auroc = 0;
    let brier = 0;
    const turns = 60;
    for (let turn = 0; turn < turns; turn++) {
      const now = cohort(stream, 300, 0);
      const found = cbpe(before, now.probabilities);
      const seen = aurocEstimate(now.probabilities, now.labels).value as number;
      if ((found.auroc.low as number) <= seen && seen <= (found.auroc.high as number)) auroc++;
      const error = now.probabilities.reduce((sum, p, row) => sum + (p - (now.labels[row] as number)) ** 2, 0) / 300;
      if ((found.brier.low as number) <= error && error <= (found.brier.high as number)) brier++;
    }
    expect(auroc).toBeGreaterThanOrEqual(51);
    expect(brier).toBeGreaterThanOrEqual(51);
  });

  it('PAPE follows a covariate shift under which the calibration changes, closer than CBPE', () => {
    const stream = randomStream(41, 'pape');
    const bias = { cbpe: 0, pape: 0 };
    const turns = 5;
    for (let turn = 0; turn < turns; turn++) {
      const before = cohort(stream, 2500, 0);
      const now = cohort(stream, 2500, 1);
      const seen = now.probabilities.reduce((sum, p, row) => sum + (p - (now.labels[row] as number)) ** 2, 0) / 2500;
      bias.cbpe += ((cbpe(before, now.probabilities).brier.value as number) - seen) / turns;
      bias.pape += ((pape(before, now, { seed: turn, folds: 2 }).brier.value as number) - seen) / turns;
    }
    expect(Math.abs(bias.cbpe)).toBeGreaterThan(0.012);
    expect(Math.abs(bias.pape)).toBeLessThan(0.5 * Math.abs(bias.cbpe));
  });

  it('PAPE does not depend on the order of rows, and refuses poor overlap', () => {
    const stream = randomStream(42, 'pape-order');
    const before = cohort(stream, 500, 0);
    const now = cohort(stream, 400, 0.4);
    const found = pape(before, now, { seed: 7, maximumRows: 300 });
    expect(found.reason).toBeNull();
    const a = permutation(500, randomStream(1, 'a'));
    const b = permutation(400, randomStream(1, 'b'));
    expect(
      pape(
        {
          features: takeRows(before.features, a),
          labels: take(before.labels, a),
          probabilities: take(before.probabilities, a),
        },
        { features: takeRows(now.features, b), probabilities: take(now.probabilities, b) },
        { seed: 7, maximumRows: 300 },
      ),
    ).toEqual(found);
    expect(pape(before, cohort(stream, 400, 5), { seed: 7 })).toMatchObject({ reason: 'poor_overlap' });
    expect(pape(before, cohort(stream, 20, 0), { seed: 7 })).toMatchObject({ reason: 'too_few_rows' });
    expect(() => pape(before, now, { seed: 1, calibrator: 'none' })).toThrow(StatisticsError);
  });
});
