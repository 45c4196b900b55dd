import type { SiteName } from '../../shared/runtime/ids.ts';
import type { RandomStream } from '../../shared/runtime/random.ts';

const dayMs = 86_400_000;

/** How many rows and over which dates; all hospitals alike unless `rows` names them. */
export interface DatedCohort {
  readonly rows: number | Readonly<Record<string, number>>;
  /** ISO date of the first admission. */
  readonly from: string;
  /** ISO date after the last admission. */
  readonly until: string;
}

export function rowsOf({ rows }: DatedCohort, site: SiteName): number {
  return typeof rows === 'number' ? rows : (rows[site] ?? 0);
}

/** Dates of admission, ascending. */
export function admissions(cohort: DatedCohort, count: number, stream: RandomStream): string[] {
  const from = Date.parse(cohort.from);
  const days = Math.round((Date.parse(cohort.until) - from) / dayMs);
  return Array.from({ length: count }, () => stream.integer(days))
    .sort((a, b) => a - b)
    .map((day) => new Date(from + day * dayMs).toISOString().slice(0, 10));
}

/** `north-007`: the hospital and a number of as many digits as the last one has. */
export function patientName(site: SiteName, index: number, count: number): string {
  return `${site}-${String(index + 1).padStart(String(count).length, '0')}`;
}
