import { describe, expect, it } from 'vitest';
import {
  addGaussianNoise,
  gaussianDelta,
  gaussianNoise,
  gaussianSigma,
} from '../../../shared/privacy/gaussian-mechanism.ts';
import { randomStream } from '../../../shared/runtime/random.ts';
import { StatisticsError } from '../../../shared/statistics/statistics-error.ts';
import { readReference } from '../../reference/read.ts';

// Made by the authors' algorithm in mpmath: /usr/bin/python3 test/reference/gaussian.py
const { cases } = readReference<{
  cases: { readonly epsilon: number; readonly delta: number; readonly sensitivity: number; readonly sigma: number }[];
}>('gaussian.json');

describe('analytic Gaussian mechanism', () => {
  it.each(cases)('epsilon $epsilon, delta $delta', ({ epsilon, delta, sensitivity, sigma }) => {
    const found = gaussianSigma(epsilon, delta, sensitivity);
    expect(Math.abs(found / sigma - 1)).toBeLessThan(1e-12);
    // The noise that is returned is enough, and a thousandth less is not.
    expect(gaussianDelta(epsilon, found, sensitivity)).toBeLessThanOrEqual(delta);
    expect(gaussianDelta(epsilon, found * 0.999, sensitivity)).toBeGreaterThan(delta);
  });

  it('needs less noise than the classical bound', () => {
    // C. Dwork, A. Roth (2014), theorem A.1: √(2 ln(1.25 / δ)) Δ / ε = 4.845 at ε = 1, δ = 1e-5.
    expect(gaussianSigma(1, 1e-5, 1)).toBeLessThan(4.845);
    expect(gaussianSigma(1, 1e-5, 1)).toBeCloseTo(3.7306, 4);
  });

  it('matches the figure of the design: about .0075 a coordinate at n = 1000 and epsilon 1', () => {
    expect(gaussianSigma(1, 1e-5, 2 / 1000)).toBeCloseTo(0.0075, 4);
  });

  it('draws independent normals of the stated spread', () => {
    const noise = gaussianNoise(160_001, 3);
    expect(noise.length).toBe(160_001);
    const mean = noise.reduce((sum, value) => sum + value, 0) / noise.length;
    const variance = noise.reduce((sum, value) => sum + value * value, 0) / noise.length;
    const beyond = noise.filter((value) => Math.abs(value) > 3 * 1.959964).length / noise.length;
    let neighbours = 0;
    for (let index = 1; index < noise.length; index++) {
      neighbours += (noise[index] as number) * (noise[index - 1] as number);
    }
    // Seven standard errors each: the source is not seeded.
    expect(Math.abs(mean)).toBeLessThan((7 * 3) / Math.sqrt(noise.length));
    expect(Math.abs(variance / 9 - 1)).toBeLessThan(7 * Math.sqrt(2 / noise.length));
    expect(Math.abs(beyond - 0.05)).toBeLessThan(7 * Math.sqrt((0.05 * 0.95) / noise.length));
    expect(Math.abs(neighbours / noise.length / 9)).toBeLessThan(7 / Math.sqrt(noise.length));
    expect(gaussianNoise(4, 1)).not.toEqual(gaussianNoise(4, 1));
  });

  it('turns bytes into normals by Box and Muller', () => {
    // All bits 0: both uniforms are 2^-53, so the radius is √(106 ln 2) and the angle nearly 0.
    const [first, second] = gaussianNoise(2, 2, (length) => new Uint8Array(length));
    expect(first).toBeCloseTo(2 * Math.sqrt(106 * Math.log(2)), 10);
    expect(second).toBeCloseTo(0, 10);
    // All bits 1: finite too.
    for (const value of gaussianNoise(2, 2, (length) => new Uint8Array(length).fill(255)))
      expect(Number.isFinite(value)).toBe(true);
  });

  it('adds the noise that the privacy asks for and says how much', () => {
    const { values, sigma } = addGaussianNoise(new Float64Array(8000).fill(5), {
      epsilon: 1,
      delta: 1e-5,
      sensitivity: 0.5,
    });
    expect(sigma).toBe(gaussianSigma(1, 1e-5, 0.5));
    const variance = values.reduce((sum, value) => sum + (value - 5) ** 2, 0) / values.length;
    expect(Math.abs(variance / sigma ** 2 - 1)).toBeLessThan(7 * Math.sqrt(2 / values.length));
  });

  it('refuses what is no privacy', () => {
    for (const [epsilon, delta, sensitivity] of [
      [0, 0.1, 1],
      [1, 0, 1],
      [1, 1, 1],
      [1, 0.1, 0],
      [Number.NaN, 0.1, 1],
      [1, 0.1, Infinity],
    ] as const) {
      expect(() => gaussianSigma(epsilon, delta, sensitivity)).toThrow(StatisticsError);
    }
    expect(() => gaussianNoise(-1, 1)).toThrow(StatisticsError);
    expect(() => gaussianNoise(1, -1)).toThrow(StatisticsError);
    expect(gaussianNoise(3, 0)).toEqual(new Float64Array(3));
  });

  it('holds the promise on samples: the likelihood ratio exceeds e^epsilon no oftener than delta', () => {
    // Two neighbouring values 1 apart: P(noise on the first > where the ratio is e^ε) - e^ε P(the second there) is δ at most.
    const [epsilon, delta] = [0.5, 0.05];
    const sigma = gaussianSigma(epsilon, delta, 1);
    const stream = randomStream(1, 'privacy');
    const turns = 200_000;
    const bound = 0.5 - epsilon * sigma * sigma;
    let first = 0;
    let second = 0;
    for (let turn = 0; turn < turns; turn++) {
      if (sigma * stream.normal() < bound) first++;
      if (1 + sigma * stream.normal() < bound) second++;
    }
    const found = first / turns - Math.exp(epsilon) * (second / turns);
    expect(Math.abs(found - delta)).toBeLessThan(0.005);
  });

  it('refuses to publish what is no number', () => {
    const privacy = { epsilon: 1, delta: 1e-5, sensitivity: 1 };
    expect(() => addGaussianNoise([0, Number.NaN], privacy)).toThrow(/values\[1\] is NaN/);
  });
});
