import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import { randomStream } from '../../../shared/runtime/random.ts';
import * as s from '../../../shared/statistics/index.ts';

/** Whatever tables come, degenerate ones most of all: every figure is a finite number or null, and nothing throws on valid input. */
describe('shift statistics on small and degenerate tables', () => {
  const stream = randomStream(20240517, 'shift-fuzz');
  const pick = <T>(of: readonly T[]): T => of[stream.integer(of.length)] as T;
  const value = (): number => pick([0, 1, 2, -1, 0.5, 3, stream.normal(), 1e6, 1e-9]);
  const chance = (): number => pick([0, 1, 0.5, 0.2, 0.2, 0.9, stream.uniform(), 1e-12]);
  const size = (): number => pick([0, 1, 2, 3, 5, 12, 40, 110]);
  const vector = (n: number, of: () => number = value): Float64Array => Float64Array.from({ length: n }, of);
  const labels = (n: number): Float64Array => vector(n, () => stream.integer(2));
  const counts = (n: number): number[] => Array.from({ length: n }, () => pick([0, 0, 1, 2, 3, 11, 50, 100_000]));
  const matrix = (rows: number, columns: number, missing = 0): s.Matrix => ({
    rows,
    columns,
    values: vector(rows * columns, () => (stream.uniform() < missing ? Number.NaN : value())),
  });
  const histogram = (): s.OutcomeHistogram => ({ edges: [0.2, 0.6], events: counts(3), nonEvents: counts(3) });
  const coded = (n: number, kind: 'ordered' | 'levels'): s.TreeColumn => ({
    name: kind,
    codes: Uint8Array.from({ length: n }, () => stream.integer(3)),
    levels: 3,
    kind,
  });
  const side = (columns: number): s.ShiftSide => {
    const n = size();
    return { features: matrix(n, columns, 0.2), labels: labels(n), probabilities: vector(n, chance) };
  };
  const open = { minimumEffectiveRows: 0, minimumOverlap: 0 };

  const calls: Readonly<Record<string, () => unknown>> = {
    kolmogorovSmirnov: () => s.kolmogorovSmirnov(vector(size()), vector(size())),
    binned: () => [s.binnedKolmogorov(counts(4), counts(4)), s.binnedRankTest(counts(4), counts(4), true)],
    distances: () =>
      [
        s.jensenShannonDistance,
        s.hellingerDistance,
        s.totalVariation,
        s.kullbackLeibler,
        s.populationStabilityBoth,
      ].map((of) => of(counts(4), counts(4))),
    fisher: () => [
      s.fisherExact(size(), size(), size(), size()),
      s.fisherMonteCarlo([counts(3), counts(3)], { seed: 1, draws: 9 }),
    ],
    wasserstein: () => [
      s.wasserstein(vector(size()), vector(size())),
      s.binnedWasserstein([0, 1, 5], counts(4), counts(4), { referenceSd: 0 }),
    ],
    energyTest: () => s.energyTest(matrix(size(), 2), matrix(size(), 2), { seed: 1, permutations: 5 }),
    mmdTest: () => s.mmdTest(matrix(size(), 2), matrix(size(), 2), { seed: 1, permutations: 5 }),
    domainClassifier: () => {
      const { source, target, ...figures } = s.domainClassifier(matrix(size(), 2, 0.2), matrix(size(), 2, 0.2), {
        seed: 1,
        folds: 2,
        squares: true,
      });
      return [figures, Array.from(source?.probabilities ?? []), Array.from(target?.probabilities ?? [])];
    },
    gapSplit: () => {
      const [a, b] = [pick([3, 25, 60, 110]), pick([3, 25, 60, 110])];
      return s.gapSplit(
        { features: matrix(a, 2), losses: vector(a) },
        { features: matrix(b, 2), losses: vector(b) },
        { seed: 1, folds: 2, ...open },
      );
    },
    gapSplitFromCounts: () => s.gapSplitFromCounts(histogram(), histogram(), pick(['log', 'brier'] as const), open),
    labelShareFromCounts: () => s.labelShareFromCounts(histogram(), 'log', stream.uniform()),
    readShift: () => s.readShift(side(2), side(2), { seed: 1 }),
    bbse: () => [
      s.bbseFromCounts([counts(2), counts(2)], counts(2)),
      s.bbseFromCounts([counts(3), counts(3), counts(3)], counts(3)),
    ],
    emPrior: () => s.emPrior(vector(size(), chance), 0.3),
    cbpe: () => {
      const n = size();
      return s.cbpe({ probabilities: vector(n, chance), labels: labels(n) }, vector(size(), chance), {
        largestShareOutside: 1,
        calibrator: pick(['none', 'logistic', 'isotonic'] as const),
      });
    },
    pape: () => {
      const [a, b] = [pick([3, 25, 60, 110]), pick([3, 25, 60, 110])];
      return s.pape(
        { probabilities: vector(a, chance), labels: labels(a), features: matrix(a, 2) },
        { probabilities: vector(b, chance), features: matrix(b, 2) },
        { seed: 1, folds: 2, minimumEffectiveRows: 1 },
      );
    },
    sliceSearch: () => {
      const n = size();
      return s.sliceSearch(
        [coded(n, 'levels'), coded(n, 'ordered')],
        vector(n, () => Math.abs(value())),
        labels(n),
        { minimumRows: 2 },
      );
    },
    lossTree: () => {
      const n = size();
      return s.lossTree(
        [coded(n, 'levels'), coded(n, 'ordered')],
        vector(n, () => Math.abs(value())),
        labels(n),
        { seed: 1, minimumLeaf: 2 },
      );
    },
    reconstructionChange: () => s.reconstructionChange(matrix(size(), 3), matrix(size(), 3), { seed: 1 }),
  };

  it.each(Object.keys(calls))('%s', (name) => {
    let known = 0;
    for (let turn = 0; turn < 80; turn++) {
      // canonicalJson throws for NaN and infinities.
      if (/[1-9]/.test(canonicalJson((calls[name] as () => unknown)()))) known++;
    }
    expect(known).toBeGreaterThan(5);
  });
});
