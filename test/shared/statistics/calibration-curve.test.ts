import { describe, expect, it } from 'vitest';
import { randomStream } from '../../../shared/runtime/random.ts';
import { calibrate, observedExpected } from '../../../shared/statistics/calibration.ts';
import { calibrationCurve } from '../../../shared/statistics/calibration-curve.ts';
import { calibrationError } from '../../../shared/statistics/calibration-error.ts';
import { harrellKnots, quantileOfGroups, splineTerms } from '../../../shared/statistics/spline-basis.ts';
import { StatisticsError } from '../../../shared/statistics/statistics-error.ts';
import { readReference } from '../../reference/read.ts';

interface CurveCase {
  readonly name: string;
  readonly p: number[];
  readonly y: number[];
  readonly at: number[];
  readonly fit: number[];
  readonly low: number[];
  readonly high: number[];
  readonly ici: number;
  readonly e50: number;
  readonly e90: number;
}
interface SplineCase extends CurveCase {
  readonly k: 3 | 4 | 5;
  readonly knots: number[];
}
interface LocalCase extends CurveCase {
  readonly degree: 1 | 2;
  readonly span: number;
}

// Made by R's glm, Hmisc's rcspline.eval and loess: Rscript test/reference/calibration.R
const reference = readReference<{ spline: SplineCase[]; local: LocalCase[] }>('calibration.json');

function sample(n: number, seed: number, shift: number, stretch: number): { p: Float64Array; y: Float64Array } {
  const stream = randomStream(seed, 'calibration-curve-test');
  const p = new Float64Array(n);
  const y = new Float64Array(n);
  for (let row = 0; row < n; row++) {
    const logit = -1.2 + 1.2 * stream.normal();
    p[row] = 1 / (1 + Math.exp(-logit));
    y[row] = stream.uniform() < 1 / (1 + Math.exp(-(shift + stretch * logit))) ? 1 : 0;
  }
  return { p, y };
}

describe('calibration curve against R', () => {
  it.each(reference.spline)('spline: $name', (item) => {
    const curve = calibrationCurve(item.p, item.y, { method: 'spline', knots: item.k, points: 5, seed: 1 });
    expect(curve.knots).toHaveLength(item.k);
    for (const [index, knot] of item.knots.entries()) expect(curve.knots[index]).toBeCloseTo(knot, 12);
    for (const [index, point] of curve.points.entries()) {
      expect(point.predicted).toBeCloseTo(item.at[index] as number, 12);
      expect(point.observed).toBeCloseTo(item.fit[index] as number, 9);
      // glm's covariance is that of its last but one step.
      expect(point.low).toBeCloseTo(item.low[index] as number, 6);
      expect(point.high).toBeCloseTo(item.high[index] as number, 6);
    }
    expect(curve.ici.value).toBeCloseTo(item.ici, 10);
    expect(curve.e50).toBeCloseTo(item.e50, 10);
    expect(curve.e90).toBeCloseTo(item.e90, 10);
  });

  it.each(reference.local)('local: $name', (item) => {
    const { degree, span } = item;
    const curve = calibrationCurve(item.p, item.y, { method: 'local', degree, span, points: 5, seed: 1 });
    for (const [index, point] of curve.points.entries()) {
      expect(point.predicted).toBeCloseTo(item.at[index] as number, 12);
      expect(point.observed).toBeCloseTo(item.fit[index] as number, 7);
      expect(point.low).toBeCloseTo(item.low[index] as number, 7);
      expect(point.high).toBeCloseTo(item.high[index] as number, 7);
    }
    expect(curve.ici.value).toBeCloseTo(item.ici, 7);
    expect(curve.e50).toBeCloseTo(item.e50, 7);
    expect(curve.e90).toBeCloseTo(item.e90, 7);
  });
});

describe('calibration curve', () => {
  it('is undefined with a reason', () => {
    for (const method of ['spline', 'local'] as const) {
      const reason = (p: number[], y: number[]): unknown => {
        const curve = calibrationCurve(p, y, { method, seed: 1 });
        expect(curve).toMatchObject({ points: [], e50: null, e90: null, iciNull95: null, ici: { value: null } });
        expect(curve.ici.reason).toBe(curve.reason);
        return curve.reason;
      };
      expect(reason([], [])).toBe('no_rows');
      expect(reason([0.4], [1])).toBe('single_class');
      expect(reason([0.4, 0.5], [1, 1])).toBe('single_class');
      expect(reason([0.4, 0.4], [1, 0])).toBe('constant_scores');
    }
    const separated = calibrationCurve([0.1, 0.2, 0.3, 0.7, 0.8, 0.9], [0, 0, 0, 1, 1, 1], {
      method: 'spline',
      seed: 1,
    });
    expect(separated.reason).toBe('not_converged');
  });

  it('takes two distinct predictions, of which only a line is left', () => {
    const p = [0.2, 0.2, 0.2, 0.2, 0.7, 0.7, 0.7, 0.7];
    const y = [0, 0, 0, 1, 0, 1, 1, 1];
    for (const method of ['spline', 'local'] as const) {
      const curve = calibrationCurve(p, y, { method, seed: 1, span: 1 });
      expect(curve.knots).toEqual([]);
      // Shares 1/4 and 3/4 are fitted exactly: |.25 - .2| and |.75 - .7| are both .05.
      expect(curve.ici.value).toBeCloseTo(0.05, 9);
      expect(curve.e90).toBeCloseTo(0.05, 9);
    }
  });

  it('does not depend on the order of rows, and depends on the seed in its draws alone', () => {
    const { p, y } = sample(300, 5, 0.3, 0.8);
    const order = Array.from(p.keys()).sort((a, b) => ((a * 7919) % 300) - ((b * 7919) % 300));
    for (const method of ['spline', 'local'] as const) {
      const curve = calibrationCurve(p, y, { method, seed: 3 });
      const turned = calibrationCurve(
        order.map((row) => p[row] as number),
        order.map((row) => y[row] as number),
        { method, seed: 3 },
      );
      expect(turned).toEqual(curve);
      const other = calibrationCurve(p, y, { method, seed: 4 });
      expect(other.points).toEqual(curve.points);
      expect(other.ici.value).toBe(curve.ici.value);
      expect(other.iciNull95).not.toBe(curve.iciNull95);
    }
  });

  // 100 samples: the binomial standard error of a rate of .05 is .022.
  it.each(['spline', 'local'] as const)(
    '%s: ICI passes its null 95th percentile in about 5% of calibrated samples',
    (method) => {
      let above = 0;
      for (let seed = 0; seed < 100; seed++) {
        const { p, y } = sample(250, seed, 0, 1);
        const curve = calibrationCurve(p, y, { method, seed, points: 2, draws: 100 });
        if ((curve.ici.value as number) > (curve.iciNull95 as number)) above++;
      }
      expect(above / 100).toBeGreaterThan(0);
      expect(above / 100).toBeLessThan(0.13);
    },
  );

  it('the interval of ICI holds the true one', () => {
    // The true ICI of these shifts, as the mean distance over many rows.
    const { p } = sample(50_000, 999, 0, 1);
    for (const [shift, stretch] of [
      [0, 1],
      [0.5, 1],
      [0, 0.6],
    ] as const) {
      const truth =
        p.reduce((sum, value) => {
          const logit = Math.log(value / (1 - value));
          return sum + Math.abs(1 / (1 + Math.exp(-(shift + stretch * logit))) - value);
        }, 0) / p.length;
      let inside = 0;
      for (let seed = 0; seed < 60; seed++) {
        const data = sample(400, 10_000 + seed, shift, stretch);
        const { ici } = calibrationCurve(data.p, data.y, { method: 'spline', seed, points: 2, draws: 100 });
        if ((ici.low as number) <= truth && truth <= (ici.high as number)) inside++;
      }
      expect(inside / 60).toBeGreaterThan(0.9);
    }
  });

  it('local regression of many rows agrees with the fit at every row', () => {
    const { p, y } = sample(2000, 17, 0.4, 0.7);
    const whole = calibrationCurve(p, y, { method: 'local', seed: 1, points: 5 });
    // 900 distinct predictions are fitted one by one; the same rounded values as 2000 rows agree to the rounding.
    const rounded = p.map((value) => Math.round(value * 900) / 900);
    const coarse = calibrationCurve(rounded, y, { method: 'local', seed: 1, points: 5 });
    expect(Math.abs((whole.ici.value as number) - (coarse.ici.value as number))).toBeLessThan(5e-4);
  });

  it('refuses options out of range', () => {
    for (const options of [
      { method: 'local', seed: 1, span: 0 },
      { method: 'local', seed: 1, span: 1.1 },
      { method: 'spline', seed: 1, points: 1 },
      { method: 'spline', seed: 1, draws: 3 },
    ] as const) {
      expect(() => calibrationCurve([0.1, 0.2], [0, 1], options)).toThrow(StatisticsError);
    }
  });
});

describe('spline terms', () => {
  it('quantiles of groups are those of their rows', () => {
    // Rows 1 1 1 4 9 9: type 7 at .5 is (1 + 4) / 2... place 2.5 between the third (1) and the fourth (4).
    expect(quantileOfGroups([1, 4, 9], [3, 1, 2], 0.5)).toBe(2.5);
    expect(quantileOfGroups([1, 4, 9], [3, 1, 2], 0)).toBe(1);
    expect(quantileOfGroups([1, 4, 9], [3, 1, 2], 1)).toBe(9);
    expect(quantileOfGroups([], [], 0.5)).toBeNull();
    expect(quantileOfGroups([7], [1], 0.3)).toBe(7);
  });

  it('fall back to fewer knots where ties leave none, and are straight outside', () => {
    expect(harrellKnots([0, 1, 2], [30, 10, 30], 5)).toEqual([0, 1, 2]);
    expect(harrellKnots([0, 1], [31, 30], 5)).toEqual([]);
    const knots = [0, 1, 3, 4];
    const slopes = [5, 7, 9].map((x) => {
      const [a, b] = [splineTerms(x, knots), splineTerms(x + 1, knots)];
      return b.map((term, index) => term - (a[index] as number));
    });
    for (const index of [0, 1, 2]) {
      expect(slopes[1]?.[index]).toBeCloseTo(slopes[0]?.[index] as number, 9);
      expect(slopes[2]?.[index]).toBeCloseTo(slopes[0]?.[index] as number, 9);
    }
    expect(() => splineTerms(1, [0, 1])).toThrow(StatisticsError);
  });
});

describe('observed over expected', () => {
  it('has its interval on the log scale', () => {
    // O = 3 of n = 10, E = 10 · .2 = 2: ratio 1.5, se = √(.7/3) = .4830459, interval 1.5·exp(±1.959964·.4830459).
    const { value, low, high, standardError } = observedExpected(
      new Array(10).fill(0.2),
      [1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
    );
    expect(value).toBeCloseTo(1.5, 14);
    expect(standardError).toBeCloseTo(Math.sqrt(0.7 / 3), 14);
    expect(low).toBeCloseTo(1.5 * Math.exp(-1.959963984540054 * Math.sqrt(0.7 / 3)), 12);
    expect(high).toBeCloseTo(1.5 * Math.exp(1.959963984540054 * Math.sqrt(0.7 / 3)), 12);
  });

  it('is undefined with a reason', () => {
    expect(observedExpected([], [])).toMatchObject({ value: null, reason: 'no_rows' });
    expect(observedExpected([0, 0], [0, 1])).toMatchObject({ value: null, reason: 'nothing_expected' });
    expect(observedExpected([0.5, 0.5], [0, 0])).toMatchObject({
      value: 0,
      low: null,
      high: null,
      reason: 'single_class',
    });
    expect(observedExpected([0.5], [1])).toMatchObject({ value: 2, low: null, reason: 'single_class' });
  });
});

describe('expected calibration error', () => {
  it('weighs the distance of each bin by its rows', () => {
    // Bin 0: .05, .05 with one event: |.5 - .05|·2/5. Bin 3: .3 without: |0 - .3|/5. Bin 9: .95 and 1 with two: |1 - .975|·2/5.
    const result = calibrationError([0.05, 0.05, 0.3, 0.95, 1], [0, 1, 0, 1, 1]);
    expect(result.value).toBeCloseTo((0.9 + 0.3 + 0.05) / 5, 14);
    expect(result.groups.map(({ rows }) => rows)).toEqual([2, 0, 0, 1, 0, 0, 0, 0, 0, 2]);
    expect(result.groups[0]).toMatchObject({ from: 0, to: 0.1, events: 1, meanPrediction: 0.05 });
    // Wilson's interval of 1 of 2: (.5 ± z√(.25/2 + z²/16)... centre .5, half .40547.
    expect(result.groups[0]?.observed.low).toBeCloseTo(0.0945312, 6);
    expect(result.groups[1]).toMatchObject({
      rows: 0,
      meanPrediction: null,
      observed: { value: null, reason: 'no_rows' },
    });
  });

  it('bins are left-closed, and without rows there is no figure', () => {
    expect(calibrationError([0.1, 0.7, 0.6, 0.3], [0, 0, 0, 0]).groups.map(({ rows }) => rows)).toEqual([
      0, 1, 0, 1, 0, 0, 1, 1, 0, 0,
    ]);
    expect(calibrationError([], [])).toMatchObject({ value: null, reason: 'no_rows' });
    expect(() => calibrationError([0.1], [0], 0)).toThrow(StatisticsError);
  });
});

it('calibration of reordered rows is the same to the last bit', () => {
  const { p, y } = sample(500, 8, 0.2, 0.9);
  const reversed = [Array.from(p).reverse(), Array.from(y).reverse()] as const;
  expect(calibrate(...reversed)).toEqual(calibrate(p, y));
  expect(observedExpected(...reversed)).toEqual(observedExpected(p, y));
  expect(calibrationError(...reversed)).toEqual(calibrationError(p, y));
});
