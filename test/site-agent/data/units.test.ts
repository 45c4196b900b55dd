import { describe, expect, it } from 'vitest';
import {
  conversionFrom,
  conversionSql,
  conversionsInto,
  sameUnitWrittenDifferently,
} from '../../../site-agent/data/units.ts';

// Expected: published laboratory tables (mg/dL to SI): cholesterol × 0.02586, glucose × 0.0555, creatinine × 88.4,
// bilirubin × 17.1, triglycerides × 0.01129, urea nitrogen × 0.357, calcium × 0.25, magnesium × 0.411, urate × 59.48,
// haemoglobin g/dL × 0.6206 to mmol/L; 1 mmHg = 0.133322 kPa; 1 lb = 0.45359237 kg.
describe('conversions into the plan’s unit', () => {
  it.each([
    ['cholesterol', 'mmol/L', 'mg/dL', 5, 193.35],
    ['serum_glucose', 'mg/dL', 'mmol/L', 100, 5.55],
    ['creatinine', 'mg/dL', 'µmol/L', 1.2, 106.1],
    ['bilirubin', 'umol/L', 'mg/dL', 17.1, 1.0],
    ['triglycerides', 'mg/dL', 'mmol/L', 150, 1.694],
    ['bun', 'mg/dL', 'mmol/L', 14, 4.998],
    ['calcium', 'mg/dL', 'mmol/L', 9.5, 2.37],
    ['urate', 'mg/dL', 'µmol/L', 6, 356.9],
    ['hb', 'g/dL', 'mmol/L', 14, 8.69],
    ['temperature', 'F', '°C', 98.6, 37],
    ['temperature', '°C', '°F', 37, 98.6],
    ['systolic', 'kPa', 'mmHg', 16, 120.01],
    ['weight', 'lb', 'kg', 150, 68.04],
    ['height', 'm', 'cm', 1.75, 175],
  ])('%s from %s to %s', (name, from, to, value, expected) => {
    const conversion = conversionFrom({ name, unit: to }, from);
    expect(conversion).toBeDefined();
    const converted = value * (conversion?.factor ?? 0) + (conversion?.offset ?? 0);
    expect(Math.abs(converted / expected - 1)).toBeLessThan(0.002);
  });

  it('proposes nothing where the substance is not known', () => {
    expect(conversionFrom({ name: 'marker', unit: 'mg/dL' }, 'mmol/L')).toBeUndefined();
    expect(conversionsInto({ name: 'marker', unit: 'mg/dL' }).every(({ from }) => !from.includes('mol'))).toBe(true);
  });

  it('writes SQL with an offset where there is one', () => {
    const conversion = conversionFrom({ name: 'temperature', unit: '°C' }, '°F');
    expect(conversion && conversionSql('temperature', conversion)).toBe(
      'temperature * 0.555556 - 17.7778 AS temperature',
    );
  });

  it('knows other ways of writing a unit', () => {
    expect(sameUnitWrittenDifferently('mmHg', 'mm Hg')).toBe(true);
    expect(sameUnitWrittenDifferently('μmol/L', 'umol/l')).toBe(true);
    expect(sameUnitWrittenDifferently('beats/min', '1/min')).toBe(true);
    expect(sameUnitWrittenDifferently('mg/dL', 'mmol/L')).toBe(false);
  });
});
