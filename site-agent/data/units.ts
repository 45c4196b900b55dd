import type { ContinuousColumn } from '../../shared/plan/contract.ts';

/** value in `to` = value in `from` · factor + offset. */
interface Conversion {
  readonly from: string;
  readonly to: string;
  readonly factor: number;
  readonly offset?: number;
  /** For conversions that depend on the substance: the name or description of the column must match. */
  readonly substance?: RegExp;
}

/**
 * Conversions hospitals meet most. Molar ones use the molar mass of the substance
 * (factor mg/dL → mmol/L = 10 / molar mass in g/mol); they are only ever proposed, never applied.
 */
const conversions: readonly Conversion[] = [
  { from: 'mg/dL', to: 'mmol/L', factor: 10 / 386.65, substance: /chol|\bldl|\bhdl/i },
  { from: 'mg/dL', to: 'mmol/L', factor: 10 / 885.4, substance: /triglycerid|\btrig|\btg\b/i },
  { from: 'mg/dL', to: 'mmol/L', factor: 10 / 180.156, substance: /gluc|\bfbs\b|sugar/i },
  { from: 'mg/dL', to: 'mmol/L', factor: 10 / 28.014, substance: /\bbun\b|urea/i },
  { from: 'mg/dL', to: 'mmol/L', factor: 10 / 90.08, substance: /lactat/i },
  { from: 'mg/dL', to: 'mmol/L', factor: 10 / 40.078, substance: /calcium|\bca\b/i },
  { from: 'mg/dL', to: 'mmol/L', factor: 10 / 24.305, substance: /magnesium|\bmg\b/i },
  { from: 'mg/dL', to: 'µmol/L', factor: 10_000 / 113.12, substance: /creat/i },
  { from: 'mg/dL', to: 'µmol/L', factor: 10_000 / 584.66, substance: /bili/i },
  { from: 'mg/dL', to: 'µmol/L', factor: 10_000 / 168.11, substance: /uric|urate/i },
  { from: 'g/dL', to: 'mmol/L', factor: 10 / 16.114, substance: /h(a)?emoglobin|\bhgb\b|\bhb\b/i },
  { from: 'g/dL', to: 'g/L', factor: 10 },
  { from: 'mg/dL', to: 'mg/L', factor: 10 },
  { from: 'mg/dL', to: 'g/L', factor: 0.01 },
  { from: 'mg/L', to: 'µg/mL', factor: 1 },
  { from: 'ng/mL', to: 'µg/L', factor: 1 },
  { from: 'mmol/L', to: 'µmol/L', factor: 1000 },
  { from: 'mmol/L', to: 'mEq/L', factor: 1, substance: /sodium|potassium|chloride|\bna\b|\bk\b|\bcl\b/i },
  { from: '°F', to: '°C', factor: 5 / 9, offset: -160 / 9 },
  { from: 'mmHg', to: 'kPa', factor: 0.133322 },
  { from: 'mm Hg', to: 'kPa', factor: 0.133322 },
  { from: 'cmH2O', to: 'mmHg', factor: 0.735559 },
  { from: 'lb', to: 'kg', factor: 0.45359237 },
  { from: 'g', to: 'kg', factor: 0.001 },
  { from: 'in', to: 'cm', factor: 2.54 },
  { from: 'm', to: 'cm', factor: 100 },
  { from: 'mm', to: 'cm', factor: 0.1 },
  { from: 'mL', to: 'L', factor: 0.001 },
  { from: 'years', to: 'months', factor: 12 },
  { from: 'years', to: 'days', factor: 365.25 },
  { from: 'days', to: 'hours', factor: 24 },
  { from: 'hours', to: 'min', factor: 60 },
  { from: 's', to: 'ms', factor: 1000 },
  { from: 'mV', to: 'µV', factor: 1000 },
  { from: 'mm', to: 'mV', factor: 0.1, substance: /\bst\b|oldpeak|ecg|ekg/i },
  { from: 'fraction', to: '%', factor: 100 },
];

/** One way to come from one unit to another: value · factor + offset. */
export interface UnitConversion {
  readonly from: string;
  readonly to: string;
  readonly factor: number;
  readonly offset: number;
}

type NamedColumn = Pick<ContinuousColumn, 'name' | 'description' | 'unit'>;

/** Units that differ only in how they are written: case, spaces, μ or u for µ, a few plurals. */
function plainUnit(unit: string): string {
  const plain = unit
    .normalize('NFKC')
    .replace(/\s+/g, '')
    .replace(/[μµ]/g, 'u')
    .toLowerCase()
    .replace(/^u(mol|g|v|l)/, 'u$1');
  const synonyms: Readonly<Record<string, string>> = {
    year: 'years',
    yr: 'years',
    yrs: 'years',
    a: 'years',
    month: 'months',
    day: 'days',
    d: 'days',
    hour: 'hours',
    h: 'hours',
    c: '°c',
    degc: '°c',
    celsius: '°c',
    f: '°f',
    degf: '°f',
    fahrenheit: '°f',
    lbs: 'lb',
    inch: 'in',
    inches: 'in',
    percent: '%',
    'beats/min': 'bpm',
    '/min': 'bpm',
    '1/min': 'bpm',
  };
  return synonyms[plain] ?? plain;
}

export function sameUnitWrittenDifferently(a: string, b: string): boolean {
  return a !== b && plainUnit(a) === plainUnit(b);
}

/** Every known conversion of this column's quantity into the plan's unit. */
export function conversionsInto(column: NamedColumn): readonly UnitConversion[] {
  const found: UnitConversion[] = [];
  const words = `${column.name.replaceAll('_', ' ')} ${column.description ?? ''}`;
  for (const conversion of conversions) {
    if (conversion.substance !== undefined && !conversion.substance.test(words)) continue;
    const offset = conversion.offset ?? 0;
    if (plainUnit(conversion.to) === plainUnit(column.unit)) {
      found.push({ from: conversion.from, to: column.unit, factor: conversion.factor, offset });
    } else if (plainUnit(conversion.from) === plainUnit(column.unit)) {
      found.push({
        from: conversion.to,
        to: column.unit,
        factor: 1 / conversion.factor,
        offset: -offset / conversion.factor,
      });
    }
  }
  return found;
}

/** The conversion from the unit a site has into the plan's, where it is known for this column. */
export function conversionFrom(column: NamedColumn, siteUnit: string): UnitConversion | undefined {
  return conversionsInto(column).find((conversion) => plainUnit(conversion.from) === plainUnit(siteUnit));
}

/** What to write in the query, such as `chol * 38.665 AS chol`. */
export function conversionSql(name: string, conversion: UnitConversion): string {
  const rounded = (value: number): string => String(Number(value.toPrecision(6)));
  const product = conversion.factor === 1 ? name : `${name} * ${rounded(conversion.factor)}`;
  if (conversion.offset === 0) return `${product} AS ${name}`;
  const sign = conversion.offset < 0 ? '-' : '+';
  return `${product} ${sign} ${rounded(Math.abs(conversion.offset))} AS ${name}`;
}
