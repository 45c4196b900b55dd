import { describe, expect, it } from 'vitest';
import { betaLower, betaQuantile, betaUpper } from '../../../shared/statistics/beta.ts';
import {
  binomialLower,
  binomialProbability,
  binomialUpper,
  fLower,
  fUpper,
  studentQuantile,
  studentUpper,
} from '../../../shared/statistics/distributions.ts';
import {
  chiSquareLower,
  chiSquareQuantile,
  chiSquareUpper,
  gammaLower,
  gammaQuantile,
  gammaUpper,
} from '../../../shared/statistics/gamma.ts';
import { logGamma } from '../../../shared/statistics/log-gamma.ts';
import { normalCdf, normalQuantile, normalUpper } from '../../../shared/statistics/normal.ts';
import { StatisticsError } from '../../../shared/statistics/statistics-error.ts';
import { readReference } from '../../reference/read.ts';

// Made by mpmath with 60 figures: /usr/bin/python3 test/reference/tails.py
const reference = readReference<{
  beta: [number, number, number, number, number][];
  gamma: [number, number, number, number][];
  normal: [number, number][];
  normalQuantile: [number, number][];
  student: [number, number, number][];
  f: [number, number, number, number, number][];
  binomial: [number, number, number, number, number][];
  logGamma: [number, number][];
}>('tails.json');

/** Largest relative difference of pairs found and expected, with the arguments it stands at. */
function worst(rows: readonly (readonly [what: string, found: number, expected: number])[]): {
  readonly error: number;
  readonly at: string;
} {
  let result = { error: 0, at: 'none' };
  for (const [what, found, expected] of rows) {
    const error = Math.abs(found - expected) / Math.abs(expected);
    // A NaN must not pass as no difference.
    if (!(error <= result.error)) result = { error, at: `${what}: ${found} for ${expected}` };
  }
  return result;
}

function expectWithin(rows: Parameters<typeof worst>[0], tolerance: number): void {
  expect(rows.length).toBeGreaterThan(10);
  const { error, at } = worst(rows);
  expect(error, at).toBeLessThan(tolerance);
}

describe('tails against mpmath, from the middle down to 1e-300', () => {
  it('normal', () => {
    expectWithin(
      reference.normal.flatMap(([x, upper]) => [
        [`upper ${x}`, normalUpper(x), upper] as const,
        [`lower ${-x}`, normalCdf(-x), upper] as const,
      ]),
      1e-13,
    );
    expectWithin(
      reference.normalQuantile.map(([p, x]) => [`quantile ${p}`, normalQuantile(p), x] as const),
      1e-14,
    );
  });

  it('gamma', () => {
    expectWithin(
      reference.gamma.map(([a, x, lower]) => [`P(${a}, ${x})`, gammaLower(a, x), lower] as const),
      1e-12,
    );
    expectWithin(
      reference.gamma.map(([a, x, , upper]) => [`Q(${a}, ${x})`, gammaUpper(a, x), upper] as const),
      1e-12,
    );
  });

  it('beta', () => {
    expectWithin(
      reference.beta.map(([a, b, x, lower]) => [`I(${x}; ${a}, ${b})`, betaLower(a, b, x), lower] as const),
      1e-12,
    );
    expectWithin(
      reference.beta.map(([a, b, x, , upper]) => [`1 - I(${x}; ${a}, ${b})`, betaUpper(a, b, x), upper] as const),
      1e-12,
    );
  });

  it('Student and F', () => {
    expectWithin(
      reference.student.map(([df, t, upper]) => [`t ${t}, ${df} df`, studentUpper(t, df), upper] as const),
      1e-12,
    );
    expectWithin(
      reference.f.flatMap(([d1, d2, x, upper, lower]) => [
        [`F ${x}, ${d1} ${d2}`, fUpper(x, d1, d2), upper] as const,
        [`F lower ${x}, ${d1} ${d2}`, fLower(x, d1, d2), lower] as const,
      ]),
      1e-12,
    );
  });

  it('binomial', () => {
    expectWithin(
      reference.binomial.flatMap(([n, p, k, lower, point]) => [
        [`P(K <= ${k} of ${n})`, binomialLower(k, n, p), lower] as const,
        [`P(K = ${k} of ${n})`, binomialProbability(k, n, p), point] as const,
      ]),
      1e-12,
    );
  });

  it('log gamma, also next to its zeros', () => {
    expectWithin(
      reference.logGamma.map(([x, value]) => [`${x}`, logGamma(x), value] as const),
      1e-14,
    );
  });
});

describe('quantiles are the inverse of the tails', () => {
  // The forward functions are checked above; only places whose tail a double can tell apart are asked back.
  it('beta, gamma, chi-square and Student', () => {
    const rows: [string, number, number][] = [];
    for (const [a, b, x, lower, upper] of reference.beta) {
      if (lower < 0.9) rows.push([`beta ${a} ${b} ${x}`, betaQuantile(lower, a, b), x]);
      expect(upper + lower).toBeCloseTo(1, 12);
    }
    for (const [a, x, lower] of reference.gamma) {
      if (lower < 0.9) rows.push([`gamma ${a} ${x}`, gammaQuantile(a, lower), x]);
    }
    for (const [df, t, upper] of reference.student) {
      rows.push([`t ${df} ${t}`, -studentQuantile(upper, df), t]);
    }
    expectWithin(rows, 2e-11);
    // R: qchisq(c(.025, .975), c(4, 12)), qt(.975, c(1, 6)).
    expect(chiSquareQuantile(0.025, 4)).toBeCloseTo(0.484418557087931, 13);
    expect(chiSquareQuantile(0.975, 12)).toBeCloseTo(23.33666415864533, 11);
    expect(studentQuantile(0.975, 1)).toBeCloseTo(12.7062047361747, 11);
    expect(studentQuantile(0.975, 6)).toBeCloseTo(2.44691185114497, 12);
    expect(studentQuantile(0.5, 3)).toBe(0);
  });
});

describe('ends, and what is refused', () => {
  it('ends', () => {
    expect([betaLower(2, 3, 0), betaLower(2, 3, 1), betaUpper(2, 3, 0), betaUpper(2, 3, 1)]).toEqual([0, 1, 1, 0]);
    expect([studentUpper(Number.POSITIVE_INFINITY, 3), studentUpper(Number.NEGATIVE_INFINITY, 3)]).toEqual([0, 1]);
    expect(studentUpper(0, 3)).toBeCloseTo(0.5, 15);
    expect(studentUpper(-2, 5)).toBeCloseTo(1 - studentUpper(2, 5), 15);
    expect([fUpper(0, 2, 3), fUpper(Number.POSITIVE_INFINITY, 2, 3), fLower(0, 2, 3)]).toEqual([1, 0, 0]);
    expect([binomialLower(-1, 5, 0.3), binomialLower(5, 5, 0.3), binomialLower(2, 5, 0)]).toEqual([0, 1, 1]);
    expect([binomialUpper(0, 5, 0.3), binomialUpper(6, 5, 0.3), binomialUpper(2, 5, 1)]).toEqual([1, 0, 1]);
    expect(binomialUpper(3, 10, 0.2)).toBeCloseTo(1 - binomialLower(2, 10, 0.2), 14);
    expect(chiSquareLower(3, 2)).toBeCloseTo(1 - Math.exp(-1.5), 15);
    expect(chiSquareUpper(1480, 2)).toBeCloseTo(Math.exp(-740), 320);
  });

  it('says so where it does not converge, and never returns what it has', () => {
    expect(() => gammaLower(1e13, 1e13)).toThrow(expect.objectContaining({ code: 'not_converged' }));
  });

  it('refusals', () => {
    for (const wrong of [
      () => betaLower(0, 1, 0.5),
      () => betaLower(1, Number.NaN, 0.5),
      () => betaLower(1, 1, 1.1),
      () => betaLower(1, 1, Number.NaN),
      () => betaQuantile(0, 1, 1),
      () => gammaQuantile(2, 1),
      () => studentUpper(1, 0),
      () => studentUpper(Number.NaN, 3),
      () => studentQuantile(1, 3),
      () => fUpper(-1, 1, 1),
      () => binomialLower(0.5, 3, 0.5),
      () => binomialLower(1, 3, 1.5),
    ]) {
      expect(wrong).toThrow(StatisticsError);
    }
  });
});
