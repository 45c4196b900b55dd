import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  aurocEstimate,
  averagePrecision,
  brierScore,
  classify,
  decisionCurve,
  type Estimate,
  logLoss,
  multiclassAuroc,
  netBenefit,
  rocCurve,
  StatisticsError,
  scaledBrier,
  spiegelhalter,
  wilsonInterval,
} from '../../../shared/statistics/index.ts';
import { readReference } from '../../reference/read.ts';

interface Binary {
  readonly name: string;
  readonly y: number[];
  readonly p: number[];
  readonly threshold: number;
  readonly averagePrecision: number;
  readonly auroc: number;
  readonly roc: { readonly fpr: number[]; readonly tpr: number[]; readonly thresholds: number[] };
  readonly counts: [number, number, number, number];
  readonly sensitivity: number;
  readonly specificity: number;
  readonly ppv: number;
  readonly npv: number;
  readonly accuracy: number;
  readonly f1: number;
  readonly logLoss: number;
  readonly logLossError: number;
  readonly scaledBrier: number;
  readonly scaledBrierError: number;
  readonly netBenefit: [number, number, number, number, number][];
}

interface Multiclass {
  readonly name: string;
  readonly labels: number[];
  readonly columns: number[][];
  /** Hand and Till's M, macro, weighted. */
  readonly value: [number, number, number];
  readonly error: [number, number, number];
}

// Made by scikit-learn and numpy: /usr/bin/python3 test/reference/discrimination.py
const { binary, multiclass } = readReference<{ binary: Binary[]; multiclass: Multiclass[] }>('discrimination.json');
// Made by rms::val.prob in R: Rscript test/reference/paired.R
const { spiegelhalter: calibrationTests } = readReference<{
  spiegelhalter: { name: string; p: number[]; y: number[]; z: number; pValue: number; brier: number }[];
}>('paired.json');

const z = 1.959963984540054;
const code = (wanted: string) => expect.objectContaining({ code: wanted });
const logit = (p: number): number => Math.log(p / (1 - p));
const expectLogitInterval = ({ value, low, high }: Estimate, error: number): void => {
  const v = value as number;
  expect(logit(low as number)).toBeCloseTo(logit(v) - (z * error) / (v * (1 - v)), 10);
  expect(logit(high as number)).toBeCloseTo(logit(v) + (z * error) / (v * (1 - v)), 10);
};

describe('against scikit-learn', () => {
  it.each(binary)('average precision and ROC curve, $name', (item) => {
    const found = averagePrecision(item.p, item.y);
    expect(found.value).toBeCloseTo(item.averagePrecision, 13);
    // Boyd 2013: on log odds the standard error is 1/sqrt(events · AP (1 - AP)).
    const events = item.y.filter((label) => label === 1).length;
    const ap = item.averagePrecision;
    expect(found.standardError).toBeCloseTo(Math.sqrt((ap * (1 - ap)) / events), 13);
    expectLogitInterval(found, Math.sqrt((ap * (1 - ap)) / events));

    const roc = rocCurve(item.p, item.y);
    expect(Array.from(roc?.falsePositiveRate ?? [])).toEqual(item.roc.fpr);
    expect(Array.from(roc?.truePositiveRate ?? [])).toEqual(item.roc.tpr);
    expect(Array.from(roc?.thresholds ?? []).slice(1)).toEqual(item.roc.thresholds);
    expect(roc?.thresholds[0]).toBe(Number.POSITIVE_INFINITY);
    expect(aurocEstimate(item.p, item.y).value).toBeCloseTo(item.auroc, 13);
  });

  it.each(binary)('classification, $name', (item) => {
    const found = classify(item.p, item.y, item.threshold);
    const [tp, fp, tn, fn] = item.counts;
    expect(found).toMatchObject({ truePositives: tp, falsePositives: fp, trueNegatives: tn, falseNegatives: fn });
    for (const figure of ['sensitivity', 'specificity', 'ppv', 'npv', 'accuracy', 'f1'] as const) {
      expect(found[figure].value).toBeCloseTo(item[figure], 14);
    }
    expect(found.sensitivity).toEqual(wilsonInterval(tp, tp + fn));
    expect(found.specificity).toEqual(wilsonInterval(tn, tn + fp));
    expect(found.ppv).toEqual(wilsonInterval(tp, tp + fp));
    expect(found.npv).toEqual(wilsonInterval(tn, tn + fn));
    const jaccard = wilsonInterval(tp, tp + fp + fn).low as number;
    expect(found.f1.low).toBeCloseTo((2 * jaccard) / (1 + jaccard), 14);
  });

  it.each(binary)('log loss, scaled Brier score and net benefit, $name', (item) => {
    const loss = logLoss(item.p, item.y);
    expect(loss.value).toBeCloseTo(item.logLoss, 13);
    expect(loss.standardError).toBeCloseTo(item.logLossError, 13);
    expect(loss.high).toBeCloseTo(item.logLoss + z * item.logLossError, 12);
    const scaled = scaledBrier(item.p, item.y);
    expect(scaled.value).toBeCloseTo(item.scaledBrier, 13);
    // The reference differentiates numerically.
    expect(scaled.standardError).toBeCloseTo(item.scaledBrierError, 7);
    const curve = decisionCurve(
      item.p,
      item.y,
      item.netBenefit.map(([threshold]) => threshold),
    );
    for (const [index, [threshold, value, error, treatAll, avoided]] of item.netBenefit.entries()) {
      expect(curve[index]?.model).toBeCloseTo(value, 14);
      expect(curve[index]?.standardError).toBeCloseTo(error, 14);
      expect(curve[index]?.treatAll).toBeCloseTo(treatAll, 13);
      expect(curve[index]?.interventionsAvoided).toBeCloseTo(avoided, 10);
      const single = netBenefit(item.p, item.y, threshold);
      expect(single.value).toBe(curve[index]?.model);
      if (single.low !== null) {
        expect(single.standardError).toBe(curve[index]?.standardError);
        expect(single.low).toBeCloseTo(Math.max(-threshold / (1 - threshold), value - z * error), 13);
      }
    }
  });

  it.each(multiclass)('multiclass AUROC, $name', (item) => {
    const found = multiclassAuroc(item.columns, item.labels);
    for (const [index, figure] of ([found.handTill, found.macro, found.weighted] as const).entries()) {
      expect(figure.value).toBeCloseTo(item.value[index] as number, 13);
      expect(figure.standardError).toBeCloseTo(item.error[index] as number, 12);
      expectLogitInterval(figure, item.error[index] as number);
    }
    for (const [k, estimate] of found.perClass.entries()) {
      const isClass = item.labels.map((label) => (label === k ? 1 : 0));
      expect(estimate).toEqual(aurocEstimate(item.columns[k] as number[], isClass));
    }
    if (item.columns.length === 2) {
      // Two classes: every average is the AUROC itself, and the interval DeLong's.
      const plain = aurocEstimate(item.columns[1] as number[], item.labels);
      expect(found.handTill.value).toBeCloseTo(plain.value as number, 13);
      expect(found.macro.standardError).toBeCloseTo(plain.standardError as number, 13);
    }
  });
});

describe('Spiegelhalter against rms', () => {
  it.each(calibrationTests)('$name', (item) => {
    const found = spiegelhalter(item.p, item.y);
    expect(found.z).toBeCloseTo(item.z, 10);
    expect(Math.abs((found.p as number) / item.pValue - 1)).toBeLessThan(1e-9);
    expect(brierScore(item.p, item.y).value).toBeCloseTo(item.brier, 13);
  });

  it('is undefined with a reason', () => {
    expect(spiegelhalter([], [])).toEqual({ z: null, p: null, reason: 'no_rows' });
    expect(spiegelhalter([0, 0.5, 1], [0, 1, 1])).toEqual({ z: null, p: null, reason: 'zero_variance' });
    expect(spiegelhalter([0.2], [1]).z).toBeCloseTo((0.8 * 0.6) / Math.sqrt(0.36 * 0.16), 14);
  });
});

describe('undefined with a reason, never 0 or NaN', () => {
  const none = { value: null, low: null, high: null, standardError: null };

  it('average precision', () => {
    expect(averagePrecision([], [])).toEqual({ ...none, reason: 'no_rows' });
    expect(averagePrecision([0.4], [1])).toEqual({ ...none, reason: 'single_class' });
    expect(averagePrecision([0.4, 0.2], [0, 0])).toEqual({ ...none, reason: 'single_class' });
    expect(averagePrecision([0.4, 0.2], [1, 0])).toEqual({ ...none, value: 1, reason: 'perfect_separation' });
    expect(averagePrecision([0.4, 0.2], [0, 1])).toEqual({ ...none, value: 0.5, reason: 'too_few_for_interval' });
    expect(averagePrecision([3, 3, 3, 3], [0, 1, 0, 0])).toEqual({ ...none, value: 0.25, reason: 'constant_scores' });
    expect(() => averagePrecision([Number.NaN, 1], [0, 1])).toThrow(code('not_finite'));
  });

  it('ROC curve', () => {
    expect(rocCurve([], [])).toBeNull();
    expect(rocCurve([0.1, 0.2], [1, 1])).toBeNull();
    const constant = rocCurve([2, 2, 2], [0, 1, 0]);
    expect(Array.from(constant?.falsePositiveRate ?? [])).toEqual([0, 1]);
    expect(() => rocCurve([1], [0, 1])).toThrow(code('length_mismatch'));
  });

  it('multiclass AUROC', () => {
    expect(multiclassAuroc([[], [], []], [])).toMatchObject({ handTill: { value: null, reason: 'no_rows' } });
    const absent = multiclassAuroc(
      [
        [0.7, 0.2, 0.1],
        [0.2, 0.7, 0.3],
        [0.1, 0.1, 0.6],
      ],
      [0, 1, 0],
    );
    expect(absent.handTill).toEqual({ ...none, reason: 'class_absent' });
    expect(absent.perClass[0]).toMatchObject({ value: 0.5 });
    expect(absent.perClass[2]).toMatchObject({ value: null, reason: 'single_class' });
    const one = multiclassAuroc(
      [
        [0.7, 0.2, 0.1],
        [0.2, 0.7, 0.3],
        [0.1, 0.1, 0.6],
      ],
      [0, 1, 2],
    );
    expect(one.macro).toEqual({ ...none, value: 1, reason: 'too_few_for_interval' });
    const constant = multiclassAuroc([new Float32Array(6), new Float32Array(6)], [0, 0, 0, 1, 1, 1]);
    expect(constant.handTill).toEqual({ ...none, value: 0.5, reason: 'zero_variance' });
    expect(constant.perClass[0]).toEqual({ ...none, value: 0.5, reason: 'constant_scores' });
    const perfect = multiclassAuroc(
      [
        [4, 3, 1, 2],
        [1, 2, 4, 3],
      ],
      [0, 0, 1, 1],
    );
    expect(perfect.weighted).toEqual({ ...none, value: 1, reason: 'perfect_separation' });
    expect(() => multiclassAuroc([[1]], [0])).toThrow(code('out_of_range'));
    expect(() => multiclassAuroc([[1], [2]], [2])).toThrow(code('out_of_range'));
    expect(() => multiclassAuroc([[1], [Number.NaN]], [1])).toThrow(code('not_finite'));
  });

  it('scaled Brier score', () => {
    expect(scaledBrier([], [])).toEqual({ ...none, reason: 'no_rows' });
    expect(scaledBrier([0.2, 0.4], [1, 1])).toEqual({ ...none, reason: 'single_class' });
    expect(scaledBrier([0, 1], [0, 1])).toEqual({ ...none, value: 1, reason: 'zero_variance' });
    // The prevalence for everybody is worth nothing; a half for everybody at prevalence 1/4 is worse: 1 - .25/.1875.
    expect(scaledBrier([0.25, 0.25, 0.25, 0.25], [0, 0, 0, 1]).value).toBeCloseTo(0, 15);
    expect(scaledBrier([0.5, 0.5, 0.5, 0.5], [0, 0, 0, 1]).value).toBeCloseTo(-1 / 3, 15);
  });

  it('log loss', () => {
    expect(logLoss([], [])).toEqual({ ...none, reason: 'no_rows' });
    expect(logLoss([0.5], [1])).toEqual({ ...none, value: Math.LN2, reason: 'too_few_for_interval' });
    expect(logLoss([0.25, 0.75], [0, 1])).toMatchObject({ low: null, reason: 'zero_variance' });
    expect(logLoss([0, 0.5], [1, 0], 0)).toEqual({ ...none, reason: 'infinite_loss' });
    expect(logLoss([1, 0], [1, 0], 0)).toEqual({ ...none, value: 0, reason: 'zero_variance' });
    // -ln(2^-24)/2 + ln(2)/2 = 12.5 ln 2.
    expect(logLoss([0, 0.5], [1, 0]).value).toBeCloseTo(12.5 * Math.LN2, 13);
    expect(logLoss([0, 0.5], [1, 0], 0.25).value).toBeCloseTo(1.5 * Math.LN2, 14);
    for (const clip of [-0.1, 0.5, Number.NaN]) expect(() => logLoss([0.5], [1], clip)).toThrow(code('out_of_range'));
  });

  it('classification', () => {
    const nobody = classify([], [], 0.5);
    for (const figure of ['sensitivity', 'specificity', 'ppv', 'npv', 'accuracy', 'f1'] as const) {
      expect(nobody[figure]).toEqual({ ...none, reason: 'no_rows' });
    }
    const low = classify([0.1, 0.2], [0, 0], 0.5);
    expect(low.sensitivity.reason).toBe('single_class');
    expect(low.ppv.reason).toBe('none_called_positive');
    expect(low.f1.reason).toBe('no_events_called');
    expect(low.specificity.value).toBe(1);
    const high = classify([0.5, 0.9], [1, 1], 0.5);
    expect(high.specificity.reason).toBe('single_class');
    expect(high.npv.reason).toBe('none_called_negative');
    // A probability at the threshold is called positive.
    expect(high.truePositives).toBe(2);
    expect(() => classify([0.5], [1], 0)).toThrow(StatisticsError);
  });

  it('net benefit and decision curve', () => {
    expect(netBenefit([], [], 0.2)).toEqual({ ...none, reason: 'no_rows' });
    expect(netBenefit([0.9], [1], 0.2)).toEqual({ ...none, value: 1, reason: 'too_few_for_interval' });
    expect(netBenefit([0.1, 0.1], [1, 0], 0.2)).toEqual({ ...none, value: 0, reason: 'zero_variance' });
    expect(netBenefit([0.9, 0.9], [0, 0], 0.5)).toEqual({ ...none, value: -1, reason: 'zero_variance' });
    expect(decisionCurve([], [], [0.2])).toEqual([
      { threshold: 0.2, model: null, standardError: null, treatAll: null, interventionsAvoided: null },
    ]);
    // A model that calls everybody positive is treating everybody: no intervention avoided, exactly.
    expect(decisionCurve([0.9, 0.8, 0.7], [0, 1, 0], [0.3])[0]?.interventionsAvoided).toBe(0);
    expect(() => decisionCurve([0.1], [1], [0.2, 1])).toThrow(code('out_of_range'));
  });
});

describe('properties', () => {
  const table = fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 1 })), {
    minLength: 2,
    maxLength: 40,
  });

  it('the area under the corners of the ROC curve is the AUROC', () => {
    fc.assert(
      fc.property(table, (rows) => {
        const p = rows.map(([score]) => score / 20);
        const labels = rows.map(([, label]) => label);
        const roc = rocCurve(p, labels);
        const { value } = aurocEstimate(p, labels);
        if (roc === null) {
          expect(value).toBeNull();
          return;
        }
        let area = 0;
        for (let i = 1; i < roc.thresholds.length; i++) {
          const width = (roc.falsePositiveRate[i] as number) - (roc.falsePositiveRate[i - 1] as number);
          area += (width * ((roc.truePositiveRate[i] as number) + (roc.truePositiveRate[i - 1] as number))) / 2;
        }
        expect(area).toBeCloseTo(value as number, 12);
      }),
    );
  });

  it('average precision is Σ over events of the precision at their score', () => {
    fc.assert(
      fc.property(table, (rows) => {
        const events = rows.filter(([, label]) => label === 1);
        const { value } = averagePrecision(
          rows.map(([score]) => score),
          rows.map(([, label]) => label),
        );
        if (events.length === 0 || events.length === rows.length) {
          expect(value).toBeNull();
          return;
        }
        const precisions = events.map(([score]) => {
          const called = rows.filter(([other]) => other >= score);
          return called.filter(([, label]) => label === 1).length / called.length;
        });
        expect(value).toBeCloseTo(precisions.reduce((sum, p) => sum + p, 0) / events.length, 12);
      }),
    );
  });
});
