import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { permutation, randomStream } from '../../../shared/runtime/random.ts';
import {
  ascendingOrder,
  aurocDifference,
  aurocEstimate,
  averagePrecision,
  bootstrapAuroc,
  bootstrapBrier,
  brierScore,
  classify,
  decisionCurve,
  deLong,
  exactSum,
  logLoss,
  multiclassAuroc,
  netBenefit,
  netBenefitDifference,
  pairedBootstrap,
  pairedClassification,
  rocCurve,
  sampleSizeForSlope,
  scaledBrier,
  spiegelhalter,
} from '../../../shared/statistics/index.ts';

interface Rows {
  readonly first: Float64Array;
  readonly second: Float64Array;
  readonly labels: Float64Array;
}

/** Scores with ties among them, of a size that makes rounding show. */
function draw(n: number, seed: number): Rows {
  const stream = randomStream(seed, 'rows');
  const labels = Float64Array.from({ length: n }, () => (stream.uniform() < 0.3 ? 1 : 0));
  const first = labels.map((label) => 1 / (1 + Math.exp(1 - label - stream.normal())));
  const second = first.map((p) => Math.round(100 * Math.min(1, Math.max(0, p + 0.1 * stream.normal()))) / 100);
  return { first, second, labels };
}

function reorder({ first, second, labels }: Rows, order: Uint32Array): Rows {
  const pick = (values: Float64Array): Float64Array => Float64Array.from(order, (row) => values[row] as number);
  return { first: pick(first), second: pick(second), labels: pick(labels) };
}

const figures = ({ first, second, labels }: Rows): unknown => {
  const both = deLong([first, second], labels);
  return {
    deLong: both === null ? null : { auroc: both.auroc, covariance: both.covariance },
    auroc: [aurocEstimate(first, labels), aurocEstimate(second, labels, 'plain')],
    difference: aurocDifference(first, second, labels),
    averagePrecision: averagePrecision(second, labels),
    roc: rocCurve(second, labels),
    multiclass: multiclassAuroc(
      [first, second, first.map((p, row) => p * (second[row] as number))],
      labels.map((label, row) => ((first[row] as number) > 0.7 ? 2 : label)),
    ),
    overall: [
      brierScore(first, labels),
      scaledBrier(first, labels),
      logLoss(first, labels),
      spiegelhalter(first, labels),
    ],
    classification: classify(first, labels, 0.4),
    netBenefit: [
      netBenefit(first, labels, 0.3),
      netBenefitDifference(first, second, labels, 0.3),
      decisionCurve(second, labels, [0.1, 0.25, 0.6]),
    ],
    paired: pairedClassification(first, second, labels, 0.4),
    bootstrap: [bootstrapAuroc, bootstrapBrier].map((statistic) =>
      pairedBootstrap(first, second, labels, { statistic, resamples: 40, seed: 5 }),
    ),
    slope:
      first.length < 2
        ? null
        : sampleSizeForSlope({ linearPredictor: { kind: 'observed', values: first }, width: 0.2 }),
  };
};

describe('the order of rows', () => {
  it.each([2, 7, 60, 700, 3000])('changes no figure of %d rows in the last bit', (n) => {
    for (let seed = 0; seed < 3; seed++) {
      const rows = draw(n, seed);
      const order = permutation(n, randomStream(seed, 'order'));
      expect(figures(reorder(rows, order))).toEqual(figures(rows));
    }
  });

  it('nor does the kind of array', () => {
    const { first, labels } = draw(600, 9);
    const single = Float32Array.from(first);
    const asList = Array.from(single);
    const bytes = Uint8Array.from(labels);
    expect(aurocEstimate(single, bytes)).toEqual(aurocEstimate(asList, Array.from(labels)));
    expect(brierScore(single, bytes)).toEqual(brierScore(asList, Array.from(labels)));
    expect(averagePrecision(single, bytes)).toEqual(averagePrecision(asList, Array.from(labels)));
    expect(classify(single, bytes, 0.5)).toEqual(classify(asList, Array.from(labels), 0.5));
  });
});

describe('sums', () => {
  it('are rounded once, in any order', () => {
    // Python: math.fsum([1e100, 1.0, -1e100, 1e-30]), fsum([0.1] * 10), fsum([1e16, 1., 1e-16]), fsum([2**53, -0.5, -2**-54]).
    expect(exactSum([1e100, 1, -1e100, 1e-30])).toBe(1);
    expect(exactSum(new Array(10).fill(0.1))).toBe(1);
    expect(exactSum([1e16, 1, 1e-16])).toBe(10000000000000002);
    expect(exactSum([2 ** 53, -0.5, -(2 ** -54)])).toBe(9007199254740991);
    expect(exactSum([])).toBe(0);
    expect(exactSum(Float32Array.of(0.5))).toBe(0.5);
  });

  it('equal those of whole numbers scaled by powers of two', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: -(2 ** 31), max: 2 ** 31 }), fc.integer({ min: 0, max: 90 }))),
        (terms) => {
          const values = terms.map(([mantissa, exponent]) => mantissa * 2 ** (exponent - 60));
          const exact = terms.reduce((sum, [mantissa, exponent]) => sum + (BigInt(mantissa) << BigInt(exponent)), 0n);
          // Number() of a BigInt rounds once, to even.
          expect(exactSum(values)).toBe(Number(exact) * 2 ** -60);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('ascending order', () => {
  const check = (values: ArrayLike<number>): void => {
    const found = ascendingOrder(values);
    const expected = Array.from({ length: values.length }, (_, i) => i).sort(
      (i, j) => (values[i] as number) - (values[j] as number) || i - j,
    );
    expect(Array.from(found)).toEqual(expected);
  };

  it('of few and of many, with ties, both signs, both zeros, subnormal and infinite values', () => {
    const stream = randomStream(1, 'order');
    check([]);
    check([3]);
    check([2, 1, 2, 0, -0]);
    const special = [0, -0, 5e-324, -5e-324, 1e308, -1e308, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1, -1];
    check(Array.from({ length: 3000 }, () => special[stream.integer(special.length)] as number));
    check(Float64Array.from({ length: 5000 }, () => stream.normal() * 10 ** (stream.integer(60) - 30)));
    check(Float64Array.from({ length: 5000 }, () => -stream.uniform()));
    check(Float32Array.from({ length: 5000 }, () => stream.normal()));
    check(Uint8Array.from({ length: 5000 }, () => stream.integer(7)));
    check(new Float64Array(2000).fill(4));
    check(Float64Array.from({ length: 2000 }, (_, i) => (i % 2 === 0 ? 0 : -0)));
  });
});
