import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomStream } from '../../../shared/runtime/random.ts';
import {
  initBettingSequence,
  initConfidenceSequence,
  runBettingSequence,
  runConfidenceSequence,
  stepBettingSequence,
  stepConfidenceSequence,
} from '../../../shared/statistics/confidence-sequence.ts';
import {
  cusumIncrement,
  cusumThreshold,
  initCusum,
  type LabelledPrediction,
  runCusum,
  stepCusum,
} from '../../../shared/statistics/cusum.ts';
import {
  combineEValues,
  initOddsEProcess,
  initSquaredErrorEProcess,
  runOddsEProcess,
  runSquaredErrorEProcess,
  stepOddsEProcess,
  stepSquaredErrorEProcess,
} from '../../../shared/statistics/e-process.ts';
import { initPageHinkley, runPageHinkley, stepPageHinkley } from '../../../shared/statistics/page-hinkley.ts';
import { applyRecalibration, fitLogisticUpdate } from '../../../shared/statistics/recalibration.ts';
import { StatisticsError } from '../../../shared/statistics/statistics-error.ts';
import {
  initWindowedOutcomes,
  stepWindowedOutcomes,
  windowedObservedExpected,
  windowLimit,
} from '../../../shared/statistics/windowed-oe.ts';
import { readReference } from '../../reference/read.ts';

interface Reference {
  readonly p: number[];
  readonly y: (0 | 1)[];
  readonly cusumUp: number[];
  readonly cusumDown: number[];
  readonly odds: { ratios: number[]; initialShare: number; lifetimePatients: number; eValues: number[] };
  readonly squaredError: {
    accepted: number;
    tolerance: number;
    shares: number[];
    initialShare: number;
    lifetimePatients: number;
    eValues: number[];
  };
  readonly sequence: {
    x: number[];
    at: number[];
    low: number[];
    high: number[];
    hedged: [number, number];
    hedgedOf40: [number, number];
  };
  readonly pageHinkley: {
    values: number[];
    tolerance: number;
    threshold: number;
    minimum: number;
    increase: number | null;
    decrease: number | null;
  }[];
  readonly windows: { observed: number; expected: number; z: number; p: number }[];
  readonly windowLimit: { windows: number; alpha: number; limit: number }[];
  readonly lifetimeMaximum: { patients: number; q93: number; q95: number; q98: number };
}

// From the definitions, in other forms, by numpy: /usr/bin/python3 test/reference/monitoring.py
const reference = readReference<Reference>('monitoring.json');
const { p, y } = reference;
const patients = p.map((probability, row): LabelledPrediction => ({ probability, label: y[row] as 0 | 1 }));

/** Steps a state over patients, written down and read again between any two. */
function stepped<State, Item>(start: State, step: (state: State, item: Item) => State, items: readonly Item[]): State {
  let state = start;
  for (const item of items) state = step(JSON.parse(JSON.stringify(state)) as State, item);
  return state;
}

describe('CUSUM', () => {
  it('has the heights of the reference, up and down, in one go and patient by patient', () => {
    for (const [oddsRatio, heights] of [
      [2, reference.cusumUp],
      [0.5, reference.cusumDown],
    ] as const) {
      const settings = { oddsRatio, threshold: 2 };
      const run = runCusum(settings, p, y);
      for (const [row, height] of heights.entries()) expect(run.heights[row]).toBeCloseTo(height, 11);
      const first = heights.findIndex((height) => height > 2);
      expect(run.chart.firstSignal).toBe(first < 0 ? null : first + 1);
      expect(stepped(initCusum(settings), stepCusum, patients)).toEqual(run.chart);
    }
  });

  it('increments as in Steiner et al. (2000), equation 2', () => {
    // p = .1, R = 2: an event gives ln(2 / 1.1) = .5978370, none gives -ln 1.1 = -.0953102.
    expect(cusumIncrement(0.1, 1, 2)).toBeCloseTo(0.597837, 6);
    expect(cusumIncrement(0.1, 0, 2)).toBeCloseTo(-0.0953102, 6);
    expect(cusumIncrement(0, 0, 2)).toBeCloseTo(0, 15);
  });

  it('threshold lies where another simulation has the 95th percentile, on the safe side', () => {
    const { patients: lifetimePatients, q95, q98 } = reference.lifetimeMaximum;
    const options = { scores: p.slice(2), lifetimePatients, alpha: 0.05, oddsRatio: 2, seed: 11, simulations: 4000 };
    const found = cusumThreshold(options);
    expect(found.threshold).toBeGreaterThan(q95 - 0.02);
    expect(found.threshold).toBeLessThan(q98);
    expect(found.simulatedRate).toBeLessThanOrEqual(0.05);
    // 5% less one-sided 95% of the binomial: 1.645·√(.05·.95/4000) = .0057.
    expect(found.simulatedRate).toBeGreaterThan(0.042);
    expect(found.monteCarloError).toBeCloseTo(Math.sqrt((found.simulatedRate * (1 - found.simulatedRate)) / 4000), 12);
    expect(cusumThreshold({ ...options, scores: p.slice(2).reverse() })).toEqual(found);
    expect(cusumThreshold({ ...options, seed: 12 }).threshold).not.toBe(found.threshold);
  });

  it('threshold rises with the error of a recalibration, and falls back to that of a known one', () => {
    const options = {
      scores: p.slice(2),
      lifetimePatients: 500,
      alpha: 0.05,
      oddsRatio: 2,
      seed: 3,
      simulations: 1000,
    };
    const known = cusumThreshold(options).threshold;
    const [few, some, many] = [200, 2000, 1e8].map(
      (recalibrationRows) => cusumThreshold({ ...options, recalibrationRows }).threshold,
    ) as [number, number, number];
    expect(few).toBeGreaterThan(some * 1.2);
    expect(some).toBeGreaterThan(many);
    // Another stream of draws: the two differ by the simulations' error only.
    expect(Math.abs(many - known)).toBeLessThan(0.6);
    expect(() => cusumThreshold({ ...options, recalibrationRows: 0 })).toThrow(StatisticsError);
    expect(() => cusumThreshold({ ...options, scores: [0.2, 0.2], recalibrationRows: 100 })).toThrow(/equal scores/);
  });

  it('asks for enough simulations and for scores', () => {
    const options = { scores: [0.2], lifetimePatients: 10, alpha: 0.05, oddsRatio: 2, seed: 1, simulations: 59 };
    // ln .05 / ln .95 = 58.4: with 59 the highest lifetime just will do.
    expect(cusumThreshold(options).simulatedRate).toBe(0);
    expect(() => cusumThreshold({ ...options, simulations: 58 })).toThrow(/at least 59/);
    expect(() => cusumThreshold({ ...options, scores: [] })).toThrow(StatisticsError);
    expect(() => cusumThreshold({ ...options, alpha: 0 })).toThrow(StatisticsError);
    expect(() => cusumThreshold({ ...options, oddsRatio: 1 })).toThrow(StatisticsError);
    expect(() => cusumThreshold({ ...options, lifetimePatients: 0.5 })).toThrow(StatisticsError);
    expect(cusumThreshold({ ...options, scores: [0, 0] }).threshold).toBeGreaterThan(0);
  });

  it('refuses what is no patient', () => {
    const chart = initCusum({ oddsRatio: 2, threshold: 3 });
    expect(() => stepCusum(chart, { probability: Number.NaN, label: 1 })).toThrow(StatisticsError);
    expect(() => stepCusum(chart, { probability: 0.2, label: 2 as 0 })).toThrow(StatisticsError);
    expect(() => initCusum({ oddsRatio: 2, threshold: 0 })).toThrow(StatisticsError);
    expect(runCusum({ oddsRatio: 2, threshold: 3 }, [], []).chart).toEqual(chart);
  });
});

describe('e-processes', () => {
  const odds = {
    oddsRatios: reference.odds.ratios,
    initialShare: reference.odds.initialShare,
    lifetimePatients: reference.odds.lifetimePatients,
  };
  const squared = {
    acceptedLevel: reference.squaredError.accepted,
    tolerance: reference.squaredError.tolerance,
    betShares: reference.squaredError.shares,
    initialShare: reference.squaredError.initialShare,
    lifetimePatients: reference.squaredError.lifetimePatients,
  };

  it('have the values of the sum over bets and starting times', () => {
    const first = runOddsEProcess(odds, p, y, 0.05);
    for (const [row, value] of reference.odds.eValues.entries()) {
      expect(Math.abs((first.eValues[row] as number) / value - 1)).toBeLessThan(1e-10);
    }
    const second = runSquaredErrorEProcess(squared, p, y, 0.05);
    for (const [row, value] of reference.squaredError.eValues.entries()) {
      expect(Math.abs((second.eValues[row] as number) / value - 1)).toBeLessThan(1e-10);
    }
    expect(first.state.maximum).toBe(Math.max(1, ...first.eValues));
    expect(stepped(initOddsEProcess(odds), stepOddsEProcess, patients)).toEqual(first.state);
    expect(stepped(initSquaredErrorEProcess(squared), stepSquaredErrorEProcess, patients)).toEqual(second.state);
  });

  it('have mean exactly 1 after one patient whose risk is as predicted, and at most 1 at the level', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (probability) => {
        const oddsOf = (label: 0 | 1): number =>
          stepOddsEProcess(initOddsEProcess(odds), { probability, label }).eValue;
        expect(probability * oddsOf(1) + (1 - probability) * oddsOf(0)).toBeCloseTo(1, 12);
        const level = squared.acceptedLevel + squared.tolerance;
        const brier = (label: 0 | 1): number =>
          stepSquaredErrorEProcess(initSquaredErrorEProcess(squared), { probability, label }).eValue;
        if (probability * (1 - probability) <= level) {
          expect(probability * brier(1) + (1 - probability) * brier(0)).toBeLessThanOrEqual(1 + 1e-12);
        }
        expect(Math.min(brier(0), brier(1))).toBeGreaterThan(0);
      }),
    );
  });

  it('alarm at a change and seldom without', () => {
    const stream = randomStream(5, 'e-process-test');
    let falseAlarms = 0;
    let delays = 0;
    for (let run = 0; run < 60; run++) {
      const risks = Float64Array.from({ length: 1500 }, () => 1 / (1 + Math.exp(1.3 - 1.2 * stream.normal())));
      const labels = risks.map((risk, row) => {
        const chance = row < 1000 ? risk : (3 * risk) / (1 + 2 * risk);
        return stream.uniform() < chance ? 1 : 0;
      });
      const { firstAlarm } = runOddsEProcess(
        { oddsRatios: [1.5, 2, 3, 2 / 3, 1 / 2, 1 / 3], initialShare: 0.2, lifetimePatients: 1500 },
        risks,
        labels,
        0.05,
      );
      if (firstAlarm !== null && firstAlarm <= 1000) falseAlarms++;
      else delays += (firstAlarm ?? 1500) - 1000;
    }
    // Ville: at most 5% of 60 = 3 expected; 8 or more has chance below 1%.
    expect(falseAlarms).toBeLessThan(8);
    expect(delays / (60 - falseAlarms)).toBeLessThan(250);
  });

  it('stay finite under overwhelming evidence, and can be written down', () => {
    const many = new Array<number>(3000).fill(0.01);
    const { state, firstAlarm } = runOddsEProcess(
      { ...odds, lifetimePatients: 3000 },
      many,
      many.map(() => 1),
      0.05,
    );
    expect(Number.isFinite(state.eValue)).toBe(true);
    expect(firstAlarm).toBeLessThan(10);
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
  });

  it('refuse settings out of range', () => {
    expect(() => initOddsEProcess({ ...odds, oddsRatios: [] })).toThrow(StatisticsError);
    expect(() => initOddsEProcess({ ...odds, oddsRatios: [0] })).toThrow(StatisticsError);
    expect(() => initOddsEProcess({ ...odds, initialShare: 1.1 })).toThrow(StatisticsError);
    expect(() => initOddsEProcess({ ...odds, lifetimePatients: 0 })).toThrow(StatisticsError);
    expect(() => initSquaredErrorEProcess({ ...squared, tolerance: 0.9 })).toThrow(StatisticsError);
    expect(() => initSquaredErrorEProcess({ ...squared, betShares: [1] })).toThrow(StatisticsError);
    expect(() => runOddsEProcess(odds, [0.1], [1], 0)).toThrow(StatisticsError);
  });

  it('combine', () => {
    expect(combineEValues([4, 1, 1], 'mean')).toBeCloseTo(2, 14);
    expect(combineEValues([4, 1], 'mean', [3, 1])).toBeCloseTo(3.25, 14);
    expect(combineEValues([4, 0.5, 3], 'product')).toBeCloseTo(6, 14);
    expect(combineEValues([], 'mean')).toBeNull();
    expect(combineEValues([1e300, 1e300], 'product')).toBe(Number.MAX_VALUE);
    expect(() => combineEValues([-1], 'mean')).toThrow(StatisticsError);
    expect(() => combineEValues([1, 2], 'product', [1, 1])).toThrow(StatisticsError);
    expect(() => combineEValues([1, 2], 'mean', [0, 0])).toThrow(StatisticsError);
    expect(() => combineEValues([1, 2], 'mean', [1])).toThrow(StatisticsError);
  });
});

describe('confidence sequences', () => {
  const { x, at, low, high } = reference.sequence;
  const unit = { alpha: 0.05, minimum: 0, maximum: 1 };

  it('have the ends of the reference', () => {
    const run = runConfidenceSequence(unit, x);
    for (const [index, place] of at.entries()) {
      expect(run.lows[place]).toBeCloseTo(low[index] as number, 10);
      expect(run.highs[place]).toBeCloseTo(high[index] as number, 10);
    }
    expect(stepped(initConfidenceSequence(unit), stepConfidenceSequence, x)).toEqual(run.state);
    const hedged = runBettingSequence(unit, x);
    expect([hedged.low, hedged.high]).toEqual([
      expect.closeTo(reference.sequence.hedged[0], 12),
      expect.closeTo(reference.sequence.hedged[1], 12),
    ]);
    const few = stepped(initBettingSequence({ ...unit, alpha: 0.1 }, 101), stepBettingSequence, x.slice(0, 40));
    expect([few.low, few.high]).toEqual([
      expect.closeTo(reference.sequence.hedgedOf40[0], 12),
      expect.closeTo(reference.sequence.hedgedOf40[1], 12),
    ]);
  });

  it('follow the values’ unit', () => {
    const scaled = runConfidenceSequence(
      { alpha: 0.05, minimum: -10, maximum: 30 },
      x.map((value) => -10 + 40 * value),
    );
    const plain = runConfidenceSequence(unit, x);
    expect(scaled.state.low).toBeCloseTo(-10 + 40 * plain.state.low, 9);
    expect(scaled.state.high).toBeCloseTo(-10 + 40 * plain.state.high, 9);
  });

  it('say nothing without values, and refuse values off the bounds', () => {
    expect(runConfidenceSequence(unit, []).state).toMatchObject({ low: 0, high: 1, values: 0 });
    expect(runBettingSequence(unit, [])).toMatchObject({ low: 0, high: 1, values: 0 });
    for (const value of [-0.1, 1.1, Number.NaN]) {
      expect(() => runConfidenceSequence(unit, [value])).toThrow(StatisticsError);
      expect(() => runBettingSequence(unit, [value])).toThrow(StatisticsError);
    }
    expect(() => initConfidenceSequence({ ...unit, alpha: 1 })).toThrow(StatisticsError);
    expect(() => initBettingSequence(unit, 2)).toThrow(StatisticsError);
    expect(() => initBettingSequence({ ...unit, maximum: 0 })).toThrow(StatisticsError);
  });

  it('hold the mean at all times together', () => {
    const stream = randomStream(8, 'confidence-sequence-test');
    let left = 0;
    for (let run = 0; run < 100; run++) {
      const values = Float64Array.from({ length: 300 }, () => (stream.uniform() < 0.3 ? stream.uniform() : 0));
      const { state } = runConfidenceSequence({ alpha: 0.1, minimum: 0, maximum: 1 }, values);
      const hedged = runBettingSequence({ alpha: 0.1, minimum: 0, maximum: 1 }, values, 101);
      // The mean is .3 · .5 = .15; the ends never widen, so the last tell of all.
      if (state.low > 0.15 || state.high < 0.15 || hedged.low > 0.15 || hedged.high < 0.15) left++;
      expect(hedged.high - hedged.low).toBeLessThan(1);
    }
    expect(left).toBeLessThanOrEqual(20);
  });
});

describe('Page-Hinkley', () => {
  it.each(reference.pageHinkley)('signals where the reference does: $increase, $decrease', (item) => {
    const settings = { tolerance: item.tolerance, threshold: item.threshold, minimumValues: item.minimum };
    const state = runPageHinkley(settings, item.values);
    expect(state.firstIncrease).toBe(item.increase);
    expect(state.firstDecrease).toBe(item.decrease);
    expect(stepped(initPageHinkley(settings), stepPageHinkley, item.values)).toEqual(state);
  });

  it('refuses what is no number', () => {
    const settings = { tolerance: 0, threshold: 1, minimumValues: 1 };
    expect(() => stepPageHinkley(initPageHinkley(settings), Number.NaN)).toThrow(StatisticsError);
    expect(() => initPageHinkley({ ...settings, threshold: 0 })).toThrow(StatisticsError);
    expect(runPageHinkley(settings, []).firstIncrease).toBeNull();
  });
});

describe('windowed observed and expected', () => {
  it('has the windows of the reference, and leaves an open one out', () => {
    const windows = windowedObservedExpected(p, y, 25);
    expect(windows).toHaveLength(reference.windows.length);
    for (const [index, window] of reference.windows.entries()) {
      expect(windows[index]?.observed).toBe(window.observed);
      expect(windows[index]?.expected).toBeCloseTo(window.expected, 11);
      expect(windows[index]?.z).toBeCloseTo(window.z, 11);
      expect(windows[index]?.p).toBeCloseTo(window.p, 12);
    }
    const state = stepped(initWindowedOutcomes(25), stepWindowedOutcomes, patients);
    expect(state).toMatchObject({ closedWindows: 4, patients: 20, last: windows[3] });
  });

  it('z has variance 1 also over sites whose recalibration is an estimate', () => {
    // 300 sites, each recalibrated on 200 rows and watched for one window of 100: without the factor 1 + 100/200 the variance would be 1.5.
    const stream = randomStream(21, 'windowed-oe-test');
    const draw = (n: number) => {
      const risks = Float64Array.from({ length: n }, () => 1 / (1 + Math.exp(1 - 1.2 * stream.normal())));
      return { risks, labels: risks.map((risk) => (stream.uniform() < risk ? 1 : 0)) };
    };
    let squares = 0;
    for (let site = 0; site < 300; site++) {
      const reference = draw(200);
      const { recalibration } = fitLogisticUpdate(reference.risks, reference.labels);
      if (recalibration === null) throw new Error('no recalibration');
      const watched = draw(100);
      const updated = applyRecalibration(recalibration, watched.risks);
      const [window] = windowedObservedExpected(updated, watched.labels, 100, 200);
      squares += (window?.z as number) ** 2;
    }
    // The standard error of a variance of 1 from 300 values is √(2/300) = .082.
    expect(squares / 300).toBeGreaterThan(0.78);
    expect(squares / 300).toBeLessThan(1.25);
    expect(() => initWindowedOutcomes(10, 0)).toThrow(StatisticsError);
  });

  it('has no z where every prediction is 0 or 1', () => {
    expect(windowedObservedExpected([0, 1], [0, 1], 2)).toEqual([
      { patients: 2, observed: 1, expected: 1, z: null, p: null },
    ]);
    expect(windowedObservedExpected([], [], 5)).toEqual([]);
    expect(() => initWindowedOutcomes(0)).toThrow(StatisticsError);
  });

  it('limits of several windows together', () => {
    for (const { windows, alpha, limit } of reference.windowLimit) {
      expect(windowLimit(windows, alpha)).toBeCloseTo(limit, 10);
    }
    expect(() => windowLimit(0, 0.05)).toThrow(StatisticsError);
  });
});
