import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RandomStream, randomStream } from '../../../shared/runtime/random.ts';
import { brierScore } from '../../../shared/statistics/brier.ts';
import { calibrate, observedExpected } from '../../../shared/statistics/calibration.ts';
import { calibrationError } from '../../../shared/statistics/calibration-error.ts';
import { deLong } from '../../../shared/statistics/discrimination.ts';
import type { ScoreHistogram } from '../../../shared/statistics/score-histogram.ts';
import { type BoundedFigure, type SharedCounts, sharedCounts } from '../../../shared/statistics/shared-counts.ts';
import { StatisticsError } from '../../../shared/statistics/statistics-error.ts';

const thresholds = [0.05, 0.2, 0.5];

interface Rows {
  readonly p: number[];
  readonly y: (0 | 1)[];
}

function sample(n: number, stream: RandomStream, place: (p: number) => number): Rows {
  const p: number[] = [];
  const y: (0 | 1)[] = [];
  for (let row = 0; row < n; row++) {
    const logit = -1 + 1.3 * stream.normal();
    p.push(place(1 / (1 + Math.exp(-logit))));
    y.push(stream.uniform() < 1 / (1 + Math.exp(-(0.2 + 0.9 * logit))) ? 1 : 0);
  }
  return { p, y };
}

/** The figures of rows, by the functions over rows. */
function figuresOf({ p, y }: Rows) {
  const ranking = deLong([p], y);
  const variance = ranking?.covariance?.[0]?.[0];
  const { slope, intercept } = calibrate(p, y);
  const prevalence = y.reduce<number>((sum, label) => sum + label, 0) / y.length;
  const brier = brierScore(p, y).value as number;
  return {
    auroc: ranking?.auroc[0] ?? null,
    aurocStandardError: variance === undefined ? null : Math.sqrt(variance),
    brier,
    scaledBrier: 1 - brier / (prevalence * (1 - prevalence)),
    calibrationError: calibrationError(p, y).value,
    observedExpected: observedExpected(p, y).value,
    calibrationSlope: slope.value,
    calibrationIntercept: intercept.value,
    slopeError: slope.standardError,
    interceptError: intercept.standardError,
    netBenefit: thresholds.map((t) => {
      let benefit = 0;
      for (const [row, score] of p.entries()) if (score >= t) benefit += y[row] === 1 ? 1 : -t / (1 - t);
      return benefit / p.length;
    }),
  };
}

const names = [
  'auroc',
  'aurocStandardError',
  'brier',
  'scaledBrier',
  'calibrationError',
  'observedExpected',
  'calibrationSlope',
  'calibrationIntercept',
] as const;

function count({ p, y }: Rows, edges: readonly number[], rounded: boolean): { events: number[]; nonEvents: number[] } {
  const cells = rounded ? edges.length : edges.length - 1;
  const events = new Array<number>(cells).fill(0);
  const nonEvents = new Array<number>(cells).fill(0);
  for (const [row, score] of p.entries()) {
    let cell = edges.findLastIndex((edge) => edge <= score);
    if (!rounded) cell = Math.min(cells - 1, cell);
    const column = y[row] === 1 ? events : nonEvents;
    column[cell] = (column[cell] as number) + 1;
  }
  return { events, nonEvents };
}

function inside(figure: BoundedFigure, truth: number | null, name: string): void {
  if (truth === null) return;
  const slack = 1e-9 * (1 + Math.abs(truth));
  if (figure.low !== null) expect(figure.low, name).toBeLessThanOrEqual(truth + slack);
  if (figure.high !== null) expect(figure.high, name).toBeGreaterThanOrEqual(truth - slack);
  if (figure.low !== null && figure.high !== null) {
    const bound = figure.errorBound as number;
    expect(Math.abs((figure.value as number) - truth), name).toBeLessThanOrEqual(bound + slack);
  }
}

function allInside(result: SharedCounts, rows: Rows): void {
  const truth = figuresOf(rows);
  for (const name of names) inside(result[name], truth[name], name);
  for (const [index, { figure }] of result.netBenefit.entries()) {
    inside(figure, truth.netBenefit[index] as number, `net benefit at ${thresholds[index]}`);
  }
}

const grid = Array.from({ length: 1001 }, (_, index) => index / 1000);
const tenths = Array.from({ length: 11 }, (_, index) => index / 10);

describe('shared counts of rounded predictions', () => {
  it('give every figure of the pooled rows to 1e-10', () => {
    const stream = randomStream(1, 'shared-counts-exact');
    const hospitals = [400, 37, 900].map((n) => sample(n, stream, (p) => Math.round(p * 1000) / 1000));
    const result = sharedCounts(
      hospitals.map((rows) => ({ edges: grid, ...count(rows, grid, true) })),
      { thresholds },
    );
    const pooled = { p: hospitals.flatMap(({ p }) => p), y: hospitals.flatMap(({ y }) => y) };
    const truth = figuresOf(pooled);
    expect(result).toMatchObject({ exact: true, sites: 3, unknownEvents: 0, unknownNonEvents: 0 });
    expect(result.events + result.nonEvents).toBe(1337);
    for (const name of names) {
      expect(Math.abs((result[name].value as number) - (truth[name] as number)), name).toBeLessThan(1e-10);
      expect(result[name], name).toMatchObject({ low: result[name].value, high: result[name].value, errorBound: 0 });
    }
    expect(result.slopeStandardError).toBeCloseTo(truth.slopeError as number, 10);
    expect(result.interceptStandardError).toBeCloseTo(truth.interceptError as number, 10);
    for (const [index, { figure }] of result.netBenefit.entries()) {
      expect(Math.abs((figure.value as number) - (truth.netBenefit[index] as number))).toBeLessThan(1e-12);
    }
  });

  it('does not depend on the order of hospitals', () => {
    const stream = randomStream(2, 'shared-counts-order');
    const histograms = [50, 60, 70].map((n) => ({
      edges: grid,
      ...count(
        sample(n, stream, (p) => Math.round(p * 1000) / 1000),
        grid,
        true,
      ),
    }));
    expect(sharedCounts([...histograms].reverse(), { thresholds })).toEqual(sharedCounts(histograms, { thresholds }));
  });
});

describe('shared counts of wider cells', () => {
  it.each([
    ['tenths', tenths],
    ['unequal', [0, 0.02, 0.05, 0.11, 0.2, 0.37, 0.62, 1]],
    ['hundredths', Array.from({ length: 101 }, (_, index) => index / 100)],
  ] as const)('%s: bounds hold every figure of the rows', (_, edges) => {
    const stream = randomStream(3, 'shared-counts-bounds', edges.length);
    for (let trial = 0; trial < 8; trial++) {
      const rows = sample(trial % 2 === 0 ? 60 : 300, stream, (p) => p);
      allInside(sharedCounts([{ edges, ...count(rows, edges, false) }], { thresholds }), rows);
    }
  });

  it('bounds of AUROC, Brier, net benefit, O/E and intercept are attained', () => {
    const edges = [0, 0.25, 0.5, 1];
    const histogram = { edges, events: [2, 3, 4], nonEvents: [7, 4, 1] };
    const result = sharedCounts([histogram], { thresholds: [0.3] });
    // Events just under the upper ends and non-events at the lower ends, and the other way round.
    const near = 1e-9;
    const rows = (eventsHigh: boolean): Rows => {
      const p: number[] = [];
      const y: (0 | 1)[] = [];
      for (const [label, counts] of [histogram.nonEvents, histogram.events].entries()) {
        const high = (label === 1) === eventsHigh;
        for (const [cell, n] of counts.entries()) {
          for (let row = 0; row < n; row++) {
            p.push(high ? (edges[cell + 1] as number) - near : (edges[cell] as number));
            y.push(label as 0 | 1);
          }
        }
      }
      return { p, y };
    };
    const [best, worst] = [figuresOf(rows(true)), figuresOf(rows(false))];
    expect(result.auroc.high).toBeCloseTo(best.auroc as number, 9);
    expect(result.auroc.low).toBeCloseTo(worst.auroc as number, 9);
    expect(result.brier.low).toBeCloseTo(best.brier, 7);
    expect(result.brier.high).toBeCloseTo(worst.brier, 7);
    expect(result.scaledBrier.high).toBeCloseTo(best.scaledBrier, 7);
    // Treated at .3: cell 2 surely, cell 1 as it may be. 4 events and 1 non-event, plus 3 events or 4 non-events; n = 21.
    const harm = 0.3 / 0.7;
    expect(result.netBenefit[0]?.figure.high).toBeCloseTo((4 + 3 - harm) / 21, 12);
    expect(result.netBenefit[0]?.figure.low).toBeCloseTo((4 - 5 * harm) / 21, 12);
    // Expected events: 9·0 + 7·.25 + 5·.5 = 4.25 at the least, 9·.25 + 7·.5 + 5 = 10.75 at the most; 9 observed.
    expect(result.observedExpected.high).toBeCloseTo(9 / 4.25, 12);
    expect(result.observedExpected.low).toBeCloseTo(9 / 10.75, 12);
  });

  it('with one row a cell of the grid the bounds close on the value', () => {
    const stream = randomStream(4, 'shared-counts-narrow');
    const rows = sample(200, stream, (p) => Math.min(0.98, Math.max(0.02, p)));
    const widths = [0.1, 0.02, 0.005].map((width) => {
      const edges = Array.from({ length: Math.round(1 / width) + 1 }, (_, index) => index * width);
      const result = sharedCounts([{ edges: edges.map((edge) => Math.min(1, edge)), ...count(rows, edges, false) }], {
        thresholds,
      });
      return names.map((name) => result[name].errorBound as number);
    });
    for (const index of names.keys()) {
      expect(widths[1]?.[index]).toBeLessThan(widths[0]?.[index] as number);
      expect(widths[2]?.[index]).toBeLessThan(widths[1]?.[index] as number);
    }
  });
});

describe('withheld cells', () => {
  const minimum = 11;

  /** Withholds small cells, and one more so that totals do not tell them. */
  function withhold(histogram: { events: number[]; nonEvents: number[] }, complement: boolean) {
    const hide = (cells: number[]): (number | null)[] => {
      const hidden = cells.map((cell): number | null => (cell > 0 && cell < minimum ? null : cell));
      if (complement && hidden.includes(null)) {
        const other = hidden.findIndex((cell) => cell !== null && cell > 0);
        if (other >= 0) hidden[other] = null;
      }
      return hidden;
    };
    return { events: hide(histogram.events), nonEvents: hide(histogram.nonEvents) };
  }

  const arbitraryRows = fc
    .array(
      fc.tuple(
        fc.integer({ min: 0, max: 1000 }).map((value) => value / 1000),
        fc.boolean(),
      ),
      { minLength: 30, maxLength: 120 },
    )
    .map((rows): Rows => ({ p: rows.map(([p]) => p), y: rows.map(([, y]) => (y ? 1 : 0)) }));

  it('with totals the bounds hold every figure, wherever the withheld rows are', () => {
    fc.assert(
      fc.property(fc.array(arbitraryRows, { minLength: 1, maxLength: 3 }), fc.boolean(), (hospitals, rounded) => {
        const edges = rounded ? grid.filter((_, index) => index % 100 === 0) : tenths;
        const placed = hospitals.map(({ p, y }) => ({ p: rounded ? p.map((v) => Math.round(v * 10) / 10) : p, y }));
        const histograms = placed.map((rows): ScoreHistogram => {
          const events = rows.y.reduce<number>((sum, label) => sum + label, 0);
          const totals = { events, nonEvents: rows.y.length - events };
          return { edges, ...withhold(count(rows, edges, rounded), true), totals };
        });
        const result = sharedCounts(histograms, { thresholds });
        allInside(result, { p: placed.flatMap(({ p }) => p), y: placed.flatMap(({ y }) => y) });
        const hidden = histograms.some(({ events, nonEvents }) => [...events, ...nonEvents].includes(null));
        if (hidden) expect(result.exact).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it('without totals, each cell of 0 to 10, the bounds hold what is bounded and say what is not', () => {
    fc.assert(
      fc.property(arbitraryRows, arbitraryRows, (first, second) => {
        const hospitals = [first, second];
        const result = sharedCounts(
          hospitals.map((rows) => ({
            edges: tenths,
            ...withhold(count(rows, tenths, false), false),
            withheldMaximum: minimum - 1,
          })),
          { thresholds },
        );
        allInside(result, { p: hospitals.flatMap(({ p }) => p), y: hospitals.flatMap(({ y }) => y) });
        if (result.unknownEvents > 0) {
          expect(result.calibrationSlope.low).toBeNull();
          expect(result.exact).toBe(false);
        }
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['rounded', [0.1, 0.2, 0.5, 0.8]],
    ['intervals', [0.1, 0.2, 0.5, 0.8, 1]],
  ] as const)('%s: the bounds are the extremes over every way to fill the cells', (name, edges) => {
    const withheld = { events: [null, 3, null, 2], nonEvents: [4, null, null, 1] };
    const totals = { events: 8, nonEvents: 9 };
    const result = sharedCounts([{ edges, ...withheld, totals }], { thresholds: [0.2, 0.5] });
    const filled = [0, 1, 2, 3].flatMap((k) =>
      [0, 1, 2, 3, 4].map((j) =>
        sharedCounts([{ edges, events: [k, 3, 3 - k, 2], nonEvents: [4, j, 4 - j, 1] }], { thresholds: [0.2, 0.5] }),
      ),
    );
    const extremes = (figure: (counts: SharedCounts) => BoundedFigure | undefined) => ({
      low: expect.closeTo(Math.min(...filled.map((counts) => figure(counts)?.low as number)), 9),
      high: expect.closeTo(Math.max(...filled.map((counts) => figure(counts)?.high as number)), 9),
    });
    const attained = ['auroc', 'brier', 'scaledBrier', 'observedExpected', 'calibrationIntercept'] as const;
    for (const figure of attained) expect(result[figure], figure).toMatchObject(extremes((counts) => counts[figure]));
    for (const index of [0, 1]) {
      expect(result.netBenefit[index]?.figure).toMatchObject(extremes((counts) => counts.netBenefit[index]?.figure));
    }
    for (const figure of ['aurocStandardError', 'calibrationError', 'calibrationSlope'] as const) {
      for (const counts of filled) {
        expect(result[figure].low ?? -99, `${name}: ${figure}`).toBeLessThanOrEqual((counts[figure].low ?? -99) + 1e-9);
        expect(result[figure].high ?? 99, `${name}: ${figure}`).toBeGreaterThanOrEqual(
          (counts[figure].high ?? 99) - 1e-9,
        );
      }
    }
  });

  it('one withheld cell follows from the totals, so nothing is open', () => {
    const result = sharedCounts(
      [
        {
          edges: [0.1, 0.5, 0.9],
          events: [12, null, 30],
          nonEvents: [40, 20, 11],
          totals: { events: 50, nonEvents: 71 },
        },
      ],
      { thresholds },
    );
    expect(result.exact).toBe(true);
    expect(result.events).toBe(50);
  });

  it('are refused where nothing bounds them, and where totals contradict the cells', () => {
    const edges = [0.1, 0.9];
    const share = (histogram: Omit<ScoreHistogram, 'edges'>) => () =>
      sharedCounts([{ edges, ...histogram }], { thresholds });
    expect(share({ events: [null, 20], nonEvents: [30, 40] })).toThrow(/neither totals nor withheldMaximum/);
    const totals = { events: 19, nonEvents: 70 };
    expect(share({ events: [null, 20], nonEvents: [30, 40], totals })).toThrow(/does not agree/);
    expect(
      share({ events: [null, 20], nonEvents: [30, 40], totals: { events: 40, nonEvents: 70 }, withheldMaximum: 10 }),
    ).toThrow(/does not agree/);
    expect(share({ events: [10, 20], nonEvents: [30, 40], totals: { events: 31, nonEvents: 70 } })).toThrow(
      /does not agree/,
    );
  });
});

describe('shared counts', () => {
  it('are undefined with a reason', () => {
    const none = sharedCounts([], { thresholds });
    expect(none).toMatchObject({ sites: 0, auroc: { value: null, reason: 'no_rows' }, brier: { reason: 'no_rows' } });
    const empty = sharedCounts([{ edges: [0.1, 0.9], events: [0, 0], nonEvents: [0, 0] }], { thresholds });
    expect(empty.netBenefit[0]?.figure).toMatchObject({ value: null, reason: 'no_rows' });
    const single = sharedCounts([{ edges: [0.1, 0.9], events: [0, 0], nonEvents: [3, 4] }], { thresholds });
    expect(single.auroc).toMatchObject({ value: null, reason: 'single_class' });
    expect(single.calibrationSlope.reason).toBe('single_class');
    expect(single.scaledBrier.reason).toBe('single_class');
    expect(single.brier.value).toBeCloseTo((3 * 0.01 + 4 * 0.81) / 7, 14);
    const pair = sharedCounts([{ edges: [0.1, 0.9], events: [0, 1], nonEvents: [1, 0] }], { thresholds });
    expect(pair.auroc.value).toBe(1);
    expect(pair.aurocStandardError).toMatchObject({ value: null, reason: 'too_few_for_interval' });
    expect(pair.calibrationSlope).toMatchObject({ value: null, reason: 'separation' });
    const constant = sharedCounts([{ edges: [0.3], events: [5], nonEvents: [5] }], { thresholds });
    expect(constant.calibrationSlope.reason).toBe('constant_scores');
    expect(constant.auroc.value).toBe(0.5);
  });

  it('refuse what is no histogram', () => {
    const good = { edges: [0, 0.5, 1], events: [1, 2], nonEvents: [3, 4] };
    const bad: ScoreHistogram[][] = [
      [{ ...good, edges: [0, 1], events: [1, 2, 3], nonEvents: [1, 2, 3] }],
      [{ ...good, edges: [0, 0.5, 0.5] }],
      [{ ...good, edges: [0, 0.5, 1.5] }],
      [{ ...good, events: [1, -2] }],
      [{ ...good, events: [1, 0.5] }],
      [{ ...good, nonEvents: [1] }],
      [good, { ...good, edges: [0, 0.4, 1] }],
    ];
    for (const histograms of bad) expect(() => sharedCounts(histograms, { thresholds })).toThrow(StatisticsError);
    expect(() => sharedCounts([good], { thresholds: [0] })).toThrow(StatisticsError);
  });
});
