import type { SiteName } from '../../shared/runtime/ids.ts';
import { type RandomStream, randomStream } from '../../shared/runtime/random.ts';
import { admissions, type DatedCohort, patientName, rowsOf } from './dated-cohort.ts';
import type { SiteRows } from './site-rows.ts';

/** What differs between the hospitals, beside chance. */
interface Ward {
  /** Mean severity at admission, in its standard deviations. */
  readonly severity: number;
  /** Added to the log odds of death: care, and what the severity does not hold. */
  readonly risk: number;
  /** Factor on how often anything is measured. */
  readonly monitoring: number;
  /** Added to every temperature, °C: another thermometer. */
  readonly thermometer: number;
}

const wards: Readonly<Record<string, Ward>> = {
  north: { severity: 0, risk: 0, monitoring: 1, thermometer: 0 },
  east: { severity: 0.4, risk: -0.1, monitoring: 0.9, thermometer: 0 },
  south: { severity: -0.3, risk: 0.2, monitoring: 0.6, thermometer: -0.3 },
  west: { severity: 0.2, risk: 0, monitoring: 1, thermometer: 0.2 },
};

interface Channel {
  readonly name: string;
  /** Share of hours with a measurement by day; at night half as many. */
  readonly measured: number;
  readonly decimals: number;
  readonly bounds: readonly [number, number];
  /** @param severity of this hour. @param noise standard normal */
  value(severity: number, noise: number): number;
}

/** Channels of the measurements: name, and unit for the plan. */
const channels: readonly Channel[] = [
  { name: 'pulse', measured: 0.9, decimals: 0, bounds: [20, 220], value: (s, e) => 84 + 9 * s + 5 * e },
  { name: 'pressure', measured: 0.85, decimals: 0, bounds: [25, 160], value: (s, e) => 82 - 7 * s + 5 * e },
  { name: 'respiration', measured: 0.7, decimals: 0, bounds: [4, 60], value: (s, e) => 17 + 2.5 * s + 2 * e },
  { name: 'saturation', measured: 0.85, decimals: 0, bounds: [50, 100], value: (s, e) => 96.5 - 1.2 * s + e },
  { name: 'temperature', measured: 0.25, decimals: 1, bounds: [32, 42], value: (s, e) => 37 + 0.25 * s + 0.3 * e },
  {
    name: 'lactate',
    measured: 0.12,
    decimals: 1,
    bounds: [0.3, 25],
    value: (s, e) => Math.exp(0.2 + 0.4 * s + 0.2 * e),
  },
];

export const icuHours = 48;
export const icuSites: readonly SiteName[] = Object.keys(wards) as SiteName[];

/** A hospital's stays and, what no hospital knows, the risk each died with. */
export interface IcuRows extends SiteRows {
  readonly risks: readonly number[];
}

function drawSite(site: SiteName, cohort: DatedCohort, seed: number): IcuRows {
  const ward = wards[site] as Ward;
  const count = rowsOf(cohort, site);
  const stream = randomStream(seed, 'icu series', site);
  const dates = admissions(cohort, count, stream);
  const rows: string[][] = [];
  const measurements: string[][] = [];
  const risks: number[] = [];
  for (const [index, admitted] of dates.entries()) {
    const patient = patientName(site, index, count);
    const stay = `stay-${patient}`;
    const age = Math.round(Math.min(95, Math.max(18, 62 + 14 * stream.normal())));
    const severity = ward.severity + stream.normal();
    const course = 0.3 * severity + stream.normal();
    // Where a stay is heading weighs more than where it began: what a table of means does not show.
    const logit = -2.2 + ward.risk + 0.9 * severity + 1.5 * course + 0.03 * (age - 62);
    const risk = 1 / (1 + Math.exp(-logit));
    risks.push(risk);
    rows.push([patient, stay, admitted, String(age), stream.uniform() < risk ? '1' : '0']);
    const beganAt = stream.integer(24);
    measurements.push(...drawHours(stay, { severity, course, beganAt }, ward, stream));
  }
  return {
    site,
    header: ['patient', 'stay', 'admitted', 'age', 'died'],
    rows,
    series: { key: 'stay', header: ['stay', 'minute', ...channels.map(({ name }) => name)], rows: measurements },
    risks,
  };
}

function drawHours(
  stay: string,
  patient: { readonly severity: number; readonly course: number; readonly beganAt: number },
  ward: Ward,
  stream: RandomStream,
): string[][] {
  const lines: string[][] = [];
  let wander = 0;
  for (let hour = 0; hour < icuHours; hour++) {
    wander = 0.8 * wander + 0.3 * stream.normal();
    const severity = patient.severity + patient.course * (hour / icuHours) + wander;
    const clock = (patient.beganAt + hour) % 24;
    const often = ward.monitoring * (clock < 6 || clock >= 22 ? 0.5 : 1);
    const cells = channels.map(({ name, measured, decimals, bounds, value }) => {
      const noise = stream.normal();
      // Missing at random: it depends on the hour, the hospital and the channel, never on the value.
      if (stream.uniform() >= measured * often) return '';
      const exact = value(severity, noise) + (name === 'temperature' ? ward.thermometer : 0);
      return Math.min(bounds[1], Math.max(bounds[0], exact)).toFixed(decimals);
    });
    const minute = hour * 60 + stream.integer(60);
    if (cells.some((cell) => cell !== '')) lines.push([stay, String(minute), ...cells]);
  }
  return lines;
}

/**
 * Stays in intensive care at four invented hospitals: age, six channels over the first 48 hours, and whether the patient died. A hidden
 * severity and its course move all channels and the risk; hospitals differ in case mix, risk, how often they measure, and a thermometer.
 * Nothing in it is of any patient. The same seed gives the same rows.
 */
export function generateIcuCohort(cohort: DatedCohort, seed: number): IcuRows[] {
  return icuSites.map((site) => drawSite(site, cohort, seed));
}
