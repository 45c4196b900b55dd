import type { Plan } from '../../shared/plan/plan.ts';
import { randomStream } from '../../shared/runtime/random.ts';
import { type LoadedScenario, scenarioPath } from '../scenario.ts';
import { applyShift, type ShiftContext } from '../shifts/apply-shift.ts';
import { SimulationError } from '../simulation-error.ts';
import { heartQuery, plainQuery } from '../site-setup.ts';
import { generateCohort } from './generated-cohort.ts';
import { readHeartFiles } from './heart-files.ts';
import { generateIcuCohort } from './icu-series.ts';
import { generateImageCohort } from './shape-images.ts';
import { readSiteColumnCsv } from './site-column.ts';
import { columnIndex, keepRows, type SiteRows } from './site-rows.ts';

/** The hospitals of one run: their rows, and how they read them. */
export interface Cohort {
  readonly sites: readonly SiteRows[];
  readonly query: string;
  readonly holdoutColumn: string | null;
}

/** Rows admitted before a date, in the column `admitted`. */
export function admittedBefore(table: SiteRows, date: string): SiteRows {
  const position = columnIndex(table, 'admitted');
  return keepRows(table, (row) => (row[position] as string) < date);
}

function unshifted(loaded: LoadedScenario, seed: number): Cohort {
  const { cohort } = loaded.scenario;
  const dated = (tables: readonly SiteRows[], query: string): Cohort => {
    const until = 'exportedUntil' in cohort ? cohort.exportedUntil : undefined;
    const sites = tables.filter((table) => table.rows.length > 0);
    return {
      sites: until === undefined ? sites : sites.map((table) => admittedBefore(table, until)),
      query,
      holdoutColumn: null,
    };
  };
  switch (cohort.kind) {
    case 'generated':
      return dated(generateCohort(cohort, seed), heartQuery);
    case 'icu-series':
      return dated(generateIcuCohort(cohort, seed), plainQuery);
    case 'shape-images':
      return dated(generateImageCohort(cohort, seed), plainQuery);
    case 'heart-files':
      return {
        sites: readHeartFiles(scenarioPath(loaded, cohort.directory)),
        query: heartQuery,
        holdoutColumn: 'judging',
      };
    case 'csv':
      return {
        sites: readSiteColumnCsv(scenarioPath(loaded, cohort.file), cohort.siteColumn),
        query: cohort.query,
        holdoutColumn: cohort.holdoutColumn ?? null,
      };
  }
}

/**
 * The hospitals of a scenario for one seed, its shifts applied.
 * @throws SimulationError `cohort_*`, `shift_invalid`, `scenario_invalid` when a shift names a hospital that is not there
 */
export function scenarioCohort(loaded: LoadedScenario, plan: Plan, seed: number): Cohort {
  const cohort = unshifted(loaded, seed);
  const context: ShiftContext = {
    timeColumn: plan.data.time,
    holdoutColumn: cohort.holdoutColumn,
    labelColumn: plan.data.label.name,
    eventLevel: 'levels' in plan.data.label ? (plan.data.label.levels[1] as string) : '',
  };
  const sites = new Map(cohort.sites.map((table) => [table.site as string, table]));
  for (const [index, shift] of loaded.scenario.shifts.entries()) {
    const table = sites.get(shift.site);
    if (table === undefined) {
      throw new SimulationError(
        'scenario_invalid',
        `shifts[${index}].site: there is no hospital ${shift.site}; there are ${[...sites.keys()].join(', ')}.`,
        { path: `shifts[${index}].site`, value: shift.site },
      );
    }
    sites.set(shift.site, applyShift(shift, table, context, randomStream(seed, 'shift', index, shift.site)));
  }
  return { ...cohort, sites: [...sites.values()] };
}
