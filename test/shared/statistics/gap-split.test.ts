import { describe, expect, it } from 'vitest';
import { permutation, type RandomStream, randomStream } from '../../../shared/runtime/random.ts';
import {
  domainSums,
  type GapTerms,
  gapSplit,
  gapSplitFromCounts,
  gapSplitFromSums,
  labelShare,
  labelShareFromCounts,
  outcomeHistogram,
} from '../../../shared/statistics/gap-split.ts';
import { take, takeRows } from '../../../shared/statistics/matrix.ts';
import { StatisticsError } from '../../../shared/statistics/statistics-error.ts';
import { readReference } from '../../reference/read.ts';

interface Figures {
  readonly share: number;
  readonly source: number;
  readonly target: number;
  readonly sourceToShared: number;
  readonly outcome: number;
  readonly sharedToTarget: number;
  readonly seSource: number;
  readonly seOutcome: number;
  readonly seTarget: number;
  readonly effectiveSource: number;
  readonly effectiveTarget: number;
}

interface Reference {
  readonly rows: { readonly pi: number[]; readonly loss: number[]; readonly source: number; readonly figures: Figures };
  readonly histograms: {
    readonly name: string;
    readonly loss: 'log' | 'brier';
    readonly edges: number[];
    readonly source: [number[], number[]];
    readonly target: [number[], number[]];
    readonly figures: Figures;
  }[];
  readonly label: {
    readonly labels: number[];
    readonly losses: number[];
    readonly prevalence: number;
    readonly share: number;
  };
}

// Made with the weights of the authors' code: /usr/bin/python3 test/reference/why.py
const { rows, histograms, label } = readReference<Reference>('why.json');

function expectTerms(terms: GapTerms | null, figures: Figures): void {
  expect(terms?.sourceLoss).toBeCloseTo(figures.source, 12);
  expect(terms?.targetLoss).toBeCloseTo(figures.target, 12);
  expect(terms?.sourceToShared.value).toBeCloseTo(figures.sourceToShared, 11);
  expect(terms?.outcomeGivenFeatures.value).toBeCloseTo(figures.outcome, 11);
  expect(terms?.sharedToTarget.value).toBeCloseTo(figures.sharedToTarget, 11);
  expect(terms?.sourceToShared.standardError).toBeCloseTo(figures.seSource, 10);
  expect(terms?.outcomeGivenFeatures.standardError).toBeCloseTo(figures.seOutcome, 10);
  expect(terms?.sharedToTarget.standardError).toBeCloseTo(figures.seTarget, 10);
  const sum =
    (terms?.sourceToShared.value as number) +
    (terms?.outcomeGivenFeatures.value as number) +
    (terms?.sharedToTarget.value as number);
  expect(sum).toBeCloseTo(terms?.gap.value as number, 14);
}

const noLimits = { minimumEffectiveRows: 0, minimumOverlap: 0 };

describe('DISDE against its authors', () => {
  const n = rows.source;
  const sums = (share: number) =>
    [
      domainSums(rows.pi.slice(0, n), rows.loss.slice(0, n), share, 'source'),
      domainSums(rows.pi.slice(n), rows.loss.slice(n), share, 'target'),
    ] as const;

  it('from the sums of either side', () => {
    const { share } = rows.figures;
    const found = gapSplitFromSums(...sums(share), share);
    expectTerms(found.terms, rows.figures);
    expect(found.effectiveRows?.source).toBeCloseTo(rows.figures.effectiveSource, 8);
    expect(found.effectiveRows?.target).toBeCloseTo(rows.figures.effectiveTarget, 8);
  });

  it('the sums do not depend on the order of rows', () => {
    const order = permutation(n, randomStream(1, 'order'));
    expect(domainSums(take(rows.pi, order), take(rows.loss, order), 0.4, 'source')).toEqual(sums(0.4)[0]);
  });

  it.each(histograms)('from counts: $name', ({ loss, edges, source, target, figures }) => {
    const found = gapSplitFromCounts(
      { edges, events: source[0], nonEvents: source[1] },
      { edges, events: target[0], nonEvents: target[1] },
      loss,
      noLimits,
    );
    expectTerms(found.terms, figures);
    expect(found.effectiveRows?.source).toBeCloseTo(figures.effectiveSource, 8);
    // With exact shares both sides see the same overlap.
    expect(found.overlap?.source).toBeCloseTo(found.overlap?.target as number, 12);
  });

  it('equal histograms: the whole overlap and no gap', () => {
    const side = { edges: [0.5], events: [100, 300], nonEvents: [400, 100] };
    const found = gapSplitFromCounts(side, side, 'log');
    expect(found.overlap).toEqual({ source: 1, target: 1 });
    expect(found.effectiveRows).toEqual({ source: 900, target: 900 });
    for (const term of ['gap', 'sourceToShared', 'outcomeGivenFeatures', 'sharedToTarget'] as const) {
      expect(found.terms?.[term].value).toBeCloseTo(0, 14);
    }
  });

  it('refuses few effective rows, poor overlap and no rows, and says so', () => {
    const side = (events: number[], nonEvents: number[]) => ({ edges: [0.5], events, nonEvents });
    expect(gapSplitFromCounts(side([10, 20], [30, 5]), side([100, 90], [90, 100]), 'log')).toMatchObject({
      terms: null,
      reason: 'effective_size',
    });
    const apart = gapSplitFromCounts(side([4000, 100], [4000, 100]), side([100, 4000], [100, 4000]), 'brier');
    expect(apart).toMatchObject({ terms: null, reason: 'poor_overlap' });
    expect(apart.overlap?.source).toBeLessThan(0.2);
    expect(gapSplitFromCounts(side([0, 0], [0, 0]), side([1, 1], [1, 1]), 'log').reason).toBe('no_rows');
    expect(() => gapSplitFromCounts(side([1, 1], [1, 1]), { ...side([1, 1], [1, 1]), edges: [0.4] }, 'log')).toThrow(
      StatisticsError,
    );
    expect(() => gapSplitFromCounts(side([1], [1, 1]), side([1, 1], [1, 1]), 'log')).toThrow(StatisticsError);
    expect(() => domainSums([0.5], [1], 0, 'source')).toThrow(StatisticsError);
  });

  it('counts a score by outcome', () => {
    expect(outcomeHistogram([0.1, 0.5, 0.7, 0.2], [1, 0, 1, 0], [0.2, 0.5])).toEqual({
      edges: [0.2, 0.5],
      events: [1, 0, 1],
      nonEvents: [0, 1, 1],
    });
  });
});

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Log loss of a fixed model on a cohort; the outcome's intercept and the finding's mean are planted. */
function cohort(stream: RandomStream, n: number, shift: number, intercept: number) {
  const values = Float64Array.from({ length: n }, () => stream.normal() + shift);
  const labels = values.map((x) => Number(stream.uniform() < sigmoid(intercept + 1.5 * x)));
  const losses = values.map((x, row) => {
    const p = sigmoid(1.5 * x);
    return -Math.log(labels[row] === 1 ? p : 1 - p);
  });
  return { features: { rows: n, columns: 1, values }, labels, losses };
}

describe('DISDE on rows', () => {
  it('puts a planted covariate shift into the X terms and a planted concept shift into the middle one', () => {
    const stream = randomStream(50, 'gap');
    const source = cohort(stream, 4000, 0, 0);
    const moved = gapSplit(source, cohort(stream, 4000, 0.8, 0), { seed: 1 });
    expect(moved.reason).toBeNull();
    const x = (moved.terms?.sourceToShared.value as number) + (moved.terms?.sharedToTarget.value as number);
    expect(x).toBeLessThan(-0.05);
    expect(Math.abs(moved.terms?.outcomeGivenFeatures.value as number)).toBeLessThan(0.04);
    const other = gapSplit(source, cohort(stream, 4000, 0, 1.5), { seed: 1 });
    expect(other.terms?.outcomeGivenFeatures.low).toBeGreaterThan(0.03);
    expect(
      Math.abs((other.terms?.sourceToShared.value as number) + (other.terms?.sharedToTarget.value as number)),
    ).toBeLessThan(0.02);
    for (const { terms } of [moved, other]) {
      const sum =
        (terms?.sourceToShared.value as number) +
        (terms?.outcomeGivenFeatures.value as number) +
        (terms?.sharedToTarget.value as number);
      expect(sum).toBeCloseTo(terms?.gap.value as number, 12);
    }
  });

  it('does not depend on the order of rows, and stands on as many as it says', () => {
    const stream = randomStream(51, 'gap-order');
    const source = cohort(stream, 700, 0, 0);
    const target = cohort(stream, 500, 0.3, 0);
    const options = { seed: 2, maximumRows: 400 };
    const found = gapSplit(source, target, options);
    expect(found.rows).toEqual({ source: 400, target: 400 });
    const shuffled = (side: typeof source, seed: number) => {
      const order = permutation(side.losses.length, randomStream(seed, 'shuffle'));
      return { features: takeRows(side.features, order), losses: take(side.losses, order) };
    };
    expect(gapSplit(shuffled(source, 1), shuffled(target, 2), options)).toEqual(found);
  });

  it('refuses where the sides hardly meet or are too few', () => {
    const stream = randomStream(52, 'gap-refuse');
    const source = cohort(stream, 1500, 0, 0);
    const far = gapSplit(source, cohort(stream, 1500, 5, 0), { seed: 1 });
    expect(far.terms).toBeNull();
    expect(['effective_size', 'poor_overlap']).toContain(far.reason);
    expect(gapSplit(source, cohort(stream, 30, 0, 0), { seed: 1 })).toMatchObject({
      terms: null,
      reason: 'too_few_rows',
    });
    expect(gapSplit(cohort(stream, 80, 0, 0), cohort(stream, 80, 0, 0), { seed: 1 })).toMatchObject({
      terms: null,
      reason: 'effective_size',
    });
    const empty = { features: { rows: 0, columns: 1, values: [] }, losses: [] };
    expect(gapSplit(source, empty, { seed: 1 })).toMatchObject({ terms: null, reason: 'no_rows' });
    expect(() => gapSplit(source, { ...source, losses: [1] }, { seed: 1 })).toThrow(StatisticsError);
  });
});

describe('label share', () => {
  it('against numpy', () => {
    expect(labelShare(label.losses, label.labels, label.prevalence).value).toBeCloseTo(label.share, 12);
  });

  it('is 0 at the source prevalence, and undefined with one class', () => {
    const prevalence = label.labels.reduce((sum, y) => sum + y, 0) / label.labels.length;
    expect(labelShare(label.losses, label.labels, prevalence).value).toBe(0);
    expect(labelShare([], [], 0.5).reason).toBe('no_rows');
    expect(labelShare([1, 2], [1, 1], 0.5).reason).toBe('single_class');
    expect(labelShare([1, 2], [0, 1], 0.75)).toMatchObject({ value: 0.25, low: null, reason: 'too_few_for_interval' });
    expect(() => labelShare([1, 2], [0, 1], 1.5)).toThrow(StatisticsError);
  });

  it('from counts is that of their rows', () => {
    const side = { edges: [0.2, 0.6], events: [3, 10, 20], nonEvents: [30, 12, 5] };
    const losses: number[] = [];
    const labels: number[] = [];
    for (const [bin, p] of [0.1, 0.4, 0.8].entries()) {
      for (const [counts, y] of [
        [side.events, 1],
        [side.nonEvents, 0],
      ] as const) {
        for (let row = 0; row < (counts[bin] as number); row++) {
          labels.push(y);
          losses.push((p - y) ** 2);
        }
      }
    }
    const found = labelShareFromCounts(side, 'brier', 0.7);
    const wanted = labelShare(losses, labels, 0.7);
    expect(found.value).toBeCloseTo(wanted.value as number, 12);
    expect(found.standardError).toBeCloseTo(wanted.standardError as number, 12);
    expect(labelShareFromCounts({ edges: [], events: [0], nonEvents: [0] }, 'log', 0.5).reason).toBe('no_rows');
    expect(labelShareFromCounts({ edges: [], events: [4], nonEvents: [0] }, 'log', 0.5).reason).toBe('single_class');
  });

  it('has a standard error that a simulation bears out', () => {
    const stream = randomStream(53, 'label-share');
    const found = Array.from({ length: 400 }, () => {
      const labels = Array.from({ length: 300 }, () => Number(stream.uniform() < 0.3));
      const losses = labels.map((y) => 0.3 + 0.6 * y + 0.2 * Math.abs(stream.normal()));
      return labelShare(losses, labels, 0.55);
    });
    const mean = found.reduce((sum, { value }) => sum + (value as number), 0) / found.length;
    const spread = Math.sqrt(
      found.reduce((sum, { value }) => sum + ((value as number) - mean) ** 2, 0) / (found.length - 1),
    );
    const stated = found.reduce((sum, { standardError }) => sum + (standardError as number), 0) / found.length;
    expect(Math.abs(stated / spread - 1)).toBeLessThan(0.12);
  });
});
