import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  applyRecalibration,
  calibrate,
  calibrationCurve,
  calibrationError,
  closedTest,
  fitInterceptUpdate,
  fitIsotonicUpdate,
  fitLogisticUpdate,
  fitTemperatureUpdate,
  observedExpected,
  randomEffects,
  sharedCounts,
} from '../../../shared/statistics/index.ts';

/** Every number in a result, wherever it stands, is finite. */
function expectNumbers(value: unknown, path: string): void {
  if (typeof value === 'number') expect(Number.isFinite(value), `${path} is ${value}`).toBe(true);
  else if (value !== null && typeof value === 'object') {
    for (const [key, part] of Object.entries(value)) expectNumbers(part, `${path}.${key}`);
  }
}

const probability = fc.oneof(
  fc.constantFrom(0, 1, 0.5),
  fc.integer({ min: 0, max: 10 }).map((value) => value / 10),
  fc.double({ min: 0, max: 1, noNaN: true }),
);

it('figures of few rows are numbers or null with a reason', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(probability, fc.constantFrom(0, 1)), { maxLength: 20 }), fc.nat(), (rows, seed) => {
      const p = rows.map(([score]) => score);
      const y = rows.map(([, label]) => label);
      for (const method of ['spline', 'local'] as const) {
        const curve = calibrationCurve(p, y, { method, seed, draws: 40, points: 4 });
        expectNumbers(curve, method);
        expect(curve.ici.value === null).toBe(curve.reason !== null);
        for (const { observed, low, high } of curve.points) {
          expect(low).toBeGreaterThanOrEqual(0);
          expect(observed).toBeGreaterThanOrEqual(low);
          expect(high).toBeGreaterThanOrEqual(observed);
          expect(high).toBeLessThanOrEqual(1);
        }
        const { value, low, high } = curve.ici;
        if (value !== null) {
          expect(low).toBeLessThanOrEqual(value);
          expect(high).toBeGreaterThanOrEqual(value);
        }
      }
      expectNumbers(
        [calibrate(p, y), observedExpected(p, y), calibrationError(p, y), closedTest(p, y, 0.05)],
        'figures',
      );
      for (const update of [fitInterceptUpdate, fitLogisticUpdate, fitTemperatureUpdate, fitIsotonicUpdate]) {
        const { recalibration, reason } = update(p, y);
        expect(recalibration === null).toBe(reason !== null);
        if (recalibration === null) continue;
        expectNumbers(recalibration, recalibration.kind);
        expectNumbers(Array.from(applyRecalibration(recalibration, [0, 1e-12, 0.3, 1])), recalibration.kind);
      }
    }),
    { numRuns: 150 },
  );
});

it('pooled figures of any few hospitals are numbers or null with a reason', () => {
  const cell = fc.oneof(fc.constant(null), fc.constant(0), fc.integer({ min: 0, max: 20 }));
  const hospital = fc.tuple(fc.tuple(cell, cell, cell), fc.tuple(cell, cell, cell));
  const site = fc.record({
    value: fc.double({ min: 0.05, max: 0.95, noNaN: true }),
    standardError: fc.oneof(fc.constant(1e-9), fc.double({ min: 1e-4, max: 0.2, noNaN: true })),
  });
  fc.assert(
    fc.property(fc.array(hospital, { maxLength: 3 }), fc.array(site, { maxLength: 5 }), (hospitals, sites) => {
      const counts = sharedCounts(
        hospitals.map(([events, nonEvents]) => ({ edges: [0, 0.2, 0.6, 1], events, nonEvents, withheldMaximum: 10 })),
        { thresholds: [0.1, 0.6] },
      );
      expectNumbers(counts, 'shared counts');
      const figures = [counts.auroc, counts.brier, counts.calibrationSlope, counts.calibrationIntercept];
      for (const { value, low, high, reason } of figures) {
        if (value === null || low === null || high === null) expect(reason).not.toBeNull();
        if (value !== null && low !== null) expect(low).toBeLessThanOrEqual(value);
        if (value !== null && high !== null) expect(high).toBeGreaterThanOrEqual(value);
      }
      for (const method of ['reml', 'paule-mandel', 'dersimonian-laird'] as const) {
        for (const scale of ['identity', 'logit', 'log'] as const) {
          expectNumbers(randomEffects(sites, { method, knappHartung: true, scale }), `${method}, ${scale}`);
        }
      }
    }),
    { numRuns: 150 },
  );
});
