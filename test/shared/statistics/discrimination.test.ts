import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aurocDifference, aurocEstimate, deLong, midRanks } from '../../../shared/statistics/discrimination.ts';
import { StatisticsError } from '../../../shared/statistics/statistics-error.ts';
import { readReference } from '../../reference/read.ts';

interface Case {
  readonly name: string;
  readonly labels: number[];
  readonly a: number[];
  readonly b: number[];
  readonly [figure: string]: unknown;
}

// Made by pROC in R: Rscript test/reference/statistics.R
const { auc } = readReference<{ auc: Case[] }>('statistics.json');
const close = (found: unknown, expected: unknown): void => {
  expect(typeof found).toBe('number');
  expect(Math.abs((found as number) - (expected as number))).toBeLessThan(1e-12);
};

describe('AUROC and DeLong against pROC', () => {
  it.each(auc)('$name', (item) => {
    const both = deLong([item.a, item.b], item.labels);
    close(both?.auroc[0], item.aucA);
    close(both?.auroc[1], item.aucB);
    close(both?.covariance?.[0]?.[0], item.varA);
    close(both?.covariance?.[1]?.[1], item.varB);
    close(both?.covariance?.[0]?.[1], item.cov);
    const plain = aurocEstimate(item.a, item.labels, 'plain');
    close(plain.low, item.plainLow);
    close(plain.high, item.plainHigh);
    const logit = aurocEstimate(item.a, item.labels, 'logit');
    close(logit.low, item.logitLow);
    close(logit.high, item.logitHigh);
    const difference = aurocDifference(item.a, item.b, item.labels);
    close(difference.estimate.value, item.diff);
    close(difference.estimate.standardError, item.diffSe);
    close(difference.oneSidedLower, Math.max(-1, item.oneSidedLower as number));
    close(difference.twoSidedUpper, Math.min(1, item.diffHigh as number));
    close(difference.estimate.low, Math.max(-1, item.diffLow as number));
    close(difference.resolvableMargin, item.resolvable);
  });
});

describe('AUROC', () => {
  it('equals the share of ordered pairs, ties counted half', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 1 })), {
          minLength: 0,
          maxLength: 30,
        }),
        (rows) => {
          const scores = rows.map(([score]) => score);
          const labels = rows.map(([, label]) => label);
          let pairs = 0;
          let ordered = 0;
          for (const [score, label] of rows) {
            for (const [other, otherLabel] of rows) {
              if (label !== 1 || otherLabel !== 0) continue;
              pairs++;
              ordered += score > other ? 1 : score === other ? 0.5 : 0;
            }
          }
          const { value } = aurocEstimate(scores, labels);
          if (pairs === 0) expect(value).toBeNull();
          else expect(value).toBeCloseTo(ordered / pairs, 12);
        },
      ),
    );
  });

  it('is undefined with a reason, never 0 or NaN', () => {
    const none = { value: null, low: null, high: null, standardError: null };
    expect(aurocEstimate([], [])).toEqual({ ...none, reason: 'no_rows' });
    expect(aurocEstimate([0.3], [1])).toEqual({ ...none, reason: 'single_class' });
    expect(aurocEstimate([0.3, 0.9, 0.1], [0, 0, 0])).toEqual({ ...none, reason: 'single_class' });
    // One of each: 1 by definition, but no spread to estimate an interval from.
    expect(aurocEstimate([0.3, 0.9], [0, 1])).toEqual({ ...none, value: 1, reason: 'too_few_for_interval' });
    expect(aurocEstimate([0.5, 0.5, 0.5, 0.5], [0, 1, 0, 1])).toEqual({
      ...none,
      value: 0.5,
      reason: 'constant_scores',
    });
    expect(aurocEstimate([1, 2, 3, 4], [0, 0, 1, 1])).toEqual({ ...none, value: 1, reason: 'perfect_separation' });
    expect(aurocDifference([], [], [])).toEqual({
      estimate: { ...none, reason: 'no_rows' },
      oneSidedLower: null,
      twoSidedUpper: null,
      resolvableMargin: null,
    });
    expect(aurocDifference([1, 2, 3], [1, 3, 2], [1, 1, 1]).estimate.reason).toBe('single_class');
    expect(aurocDifference([1, 2, 3], [1, 3, 2], [0, 1, 1]).estimate.reason).toBe('too_few_for_interval');
  });

  it('a score against a monotone copy of itself differs by exactly 0; two perfect but different scores have no bounds', () => {
    const labels = [0, 1, 0, 1, 1, 0];
    const scores = [0.1, 0.5, 0.4, 0.3, 0.9, 0.2];
    const same = aurocDifference(
      scores.map((score) => Math.exp(score)),
      scores,
      labels,
    );
    expect(same.oneSidedLower).toBe(0);
    expect(same.twoSidedUpper).toBe(0);
    const perfect = aurocDifference([1, 2, 3, 4], [2, 1, 4, 3], [0, 0, 1, 1]);
    expect(perfect.estimate).toMatchObject({ value: 0, low: null, reason: 'zero_variance' });
    expect(perfect.oneSidedLower).toBeNull();
  });

  it('refuses what is no score and no label', () => {
    for (const [scores, labels, code] of [
      [[0.1, Number.NaN], [0, 1], 'not_finite'],
      [[0.1, Number.POSITIVE_INFINITY], [0, 1], 'not_finite'],
      [[0.1], [0, 1], 'length_mismatch'],
      [[0.1, 0.2], [0, 2], 'not_binary'],
      [[0.1, 0.2], [0, Number.NaN], 'not_binary'],
    ] as const) {
      expect(() => aurocEstimate(scores, labels)).toThrow(StatisticsError);
      expect(() => aurocEstimate(scores, labels)).toThrow(expect.objectContaining({ code }));
    }
  });

  it('ranks ties at their mean', () => {
    expect([...midRanks([3, 1, 3, 2, 3])]).toEqual([4, 1, 4, 2, 4]);
  });
});
