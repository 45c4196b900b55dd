import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extent, place, tickDecimals, ticks } from '../../../shared/report/axis.ts';
import { bars } from '../../../shared/report/bars.ts';
import { countText, estimateText, figure, percentText, pText } from '../../../shared/report/figures.ts';
import { forest } from '../../../shared/report/forest.ts';
import { heatMatrix } from '../../../shared/report/heat.ts';
import { linePlot } from '../../../shared/report/line-plot.ts';
import { calibrationPlot, decisionCurvePlot } from '../../../shared/report/performance-plots.ts';
import { estimate, goodCalibration, goodPerformance, undefinedFigure } from '../../support/evidence.ts';
import { nestingProblems } from '../../support/markup.ts';

describe('an axis', () => {
  it.each([
    [0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]],
    [0.5, 1, 4, [0.6, 0.8, 1]],
    [-0.02, 0.03, 4, [-0.02, 0, 0.02]],
    [0, 3141, 3, [0, 2000]],
  ])('from %f to %f', (low, high, count, expected) => {
    expect(ticks(low, high, count)).toEqual(expected);
  });

  it('has ticks within its ends, evenly spaced, told apart by their decimals', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1e6, max: 1e6, noNaN: true }),
        fc.double({ min: 1e-4, max: 1e6, noNaN: true }),
        (low, span) => {
          const found = ticks(low, low + span, 5);
          expect(found.length).toBeLessThanOrEqual(8);
          for (const tick of found) {
            expect(tick).toBeGreaterThanOrEqual(low - span * 1e-6);
            expect(tick).toBeLessThanOrEqual(low + span * (1 + 1e-6));
          }
          const texts = found.map((tick) => tick.toFixed(tickDecimals(found)));
          expect(new Set(texts).size).toBe(texts.length);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('of nothing, or of one value, still has a width', () => {
    expect(extent([])).toEqual([0, 1]);
    const [low, high] = extent([0.7, null, undefined]);
    expect(low).toBeLessThan(0.7);
    expect(high).toBeGreaterThan(0.7);
  });

  it('puts values at their places and keeps those beyond it at its ends', () => {
    expect(place(0.75, [0.5, 1], [0, 100])).toBe(50);
    expect(place(2, [0.5, 1], [0, 100])).toBe(100);
    expect(place(-2, [0.5, 1], [100, 0])).toBe(100);
  });
});

describe('figures in words', () => {
  it.each([
    [figure(-0.0001), '0.000'],
    [figure(-0.02, 2), '\u22120.02'],
    [figure(null), '–'],
    [figure(Number.NaN), '–'],
    [estimateText(estimate(0.8424, 0.801, 0.883)), '0.842 (0.801 to 0.883)'],
    [estimateText({ value: 1, low: null, high: null }), '1.000 (no interval)'],
    [estimateText(undefinedFigure('single_class')), '–'],
    [pText(0.00001), '<\u00a00.0001'],
    [pText(0.0042), '0.0042'],
    [percentText(0.123), '12.3%'],
    [countText(1234567), '1\u202f234\u202f567'],
  ])('%s', (found, expected) => {
    expect(found).toBe(expected);
  });
});

describe('a forest plot', () => {
  const plot = forest({
    caption: 'AUROC',
    names: ['hospital', 'AUROC'],
    domain: [0.5, 1],
    references: [{ value: 0.7, name: 'floor' }],
    rows: [
      { name: 'north <b>', mark: 'site', estimate: estimate(0.75, 0.4, 0.9) },
      { name: 'south', mark: 'site', estimate: undefinedFigure('single_class'), text: 'one class only' },
      { name: 'pooled', mark: 'pooled', estimate: estimate(0.8, 0.78, 0.82) },
    ],
  }).markup;

  it('draws each estimate at its place, and an arrow where its interval goes on', () => {
    expect(plot).toContain('<svg x="50%" y="15" class="at"><rect');
    expect(plot).toContain('<line x1="0%" x2="80%" y1="15" y2="15" class="l"/>');
    expect(plot).toContain('<svg x="0%" y="15" class="at"><path d="M0 0l6 -4v8Z"');
    expect(plot).toContain('<svg x="60%" y="15" class="at"><path d="M0 -7L8 0L0 7L-8 0Z"');
    expect(plot.match(/x1="40%" x2="40%" y1="0" y2="30" class="ref"/g)).toHaveLength(3);
  });

  it('has every figure as text beside its drawing', () => {
    expect(plot).toContain('0.750 (0.400 to 0.900)');
    expect(plot).toContain('one class only');
    expect(plot).toContain('north &lt;b&gt;');
    expect(nestingProblems(plot)).toEqual([]);
  });
});

describe('other drawings', () => {
  it('bars are as long as their values, found ones filled', () => {
    const drawn = bars({
      caption: 'PSI',
      names: ['column', 'PSI', 'kind'],
      bound: { value: 0.2, name: 'named from' },
      rows: [
        { name: 'chol', value: 0.8, text: '0.80', found: true },
        { name: 'age', value: 0.4, text: '0.40', found: false },
        { name: 'sex', value: null, text: '–', found: false },
      ],
    }).markup;
    expect(drawn).toContain('<rect x="0" y="5" width="100%" height="12" class="bar found"/>');
    expect(drawn).toContain('<rect x="0" y="5" width="50%" height="12" class="bar"/>');
    expect(drawn.match(/class="ref"/g)).toHaveLength(3);
    expect(nestingProblems(drawn)).toEqual([]);
  });

  it('a matrix holds its figures, and marks what was found without colour', () => {
    const drawn = heatMatrix({
      caption: 'PSI',
      corner: 'column',
      columns: ['north'],
      rows: [
        {
          name: 'chol',
          cells: [{ strength: 2, text: '0.93', found: true }],
        },
        { name: 'age', cells: [{ strength: null, text: 'too few' }] },
      ],
    }).markup;
    expect(drawn).toContain('<td class="h n found" style="--a:1.00">0.93</td>');
    expect(drawn).toContain('<td class="n">too few</td>');
  });

  it('a line breaks where a value is missing', () => {
    const drawn = linePlot({
      title: 'Loss & more',
      description: 'x',
      x: { name: 'round', domain: [0, 3] },
      y: { name: 'loss', domain: [0, 1] },
      lines: [
        {
          name: 'a',
          look: 'new',
          points: [
            [0, 0],
            [1, null],
            [2, 1],
            [3, 1],
          ],
        },
      ],
    }).markup;
    const path = /<path d="(M46 [^"]*)" fill="none"/.exec(drawn)?.[1] ?? '';
    expect(path.match(/M/g)).toHaveLength(2);
    expect(drawn).toContain('<title>Loss &amp; more</title>');
    expect(nestingProblems(drawn)).toEqual([]);
  });

  it('calibration and decision curves come with their numbers, and are left out without points', () => {
    const models = [{ name: 'heart-disease/2', look: 'new' as const, performance: goodPerformance() }];
    const calibration = calibrationPlot(models)?.markup ?? '';
    expect(calibration).toContain('0.520');
    expect(calibration.match(/<rect /g)?.length).toBe(40);
    expect(decisionCurvePlot(models, 0.2)?.markup).toContain('operating threshold');
    const bare = goodPerformance({ calibration: goodCalibration({ curve: [] }), decisionCurve: [] });
    expect(calibrationPlot([{ name: 'x', look: 'new', performance: bare }])).toBeNull();
    expect(decisionCurvePlot([{ name: 'x', look: 'new', performance: bare }], null)).toBeNull();
  });
});
