import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { writeFileAtomically } from '../../shared/runtime/files.ts';
import type { SiteName } from '../../shared/runtime/ids.ts';
import type { DatedCohort } from '../cohorts/dated-cohort.ts';
import { generateCohort, hospitals } from '../cohorts/generated-cohort.ts';
import { generateIcuCohort, icuSites } from '../cohorts/icu-series.ts';
import { generateImageCohort, imageSites } from '../cohorts/shape-images.ts';
import type { SiteRows } from '../cohorts/site-rows.ts';
import { planWith } from '../plan-text.ts';
import { openOutput } from '../report/write-results.ts';
import { SimulationError } from '../simulation-error.ts';
import { heartQuery, plainQuery, writePatients, writeSiteConfig } from '../site-setup.ts';

const planFile = (name: string): string => fileURLToPath(new URL(`../scenarios/${name}.plan.yaml`, import.meta.url));

interface CohortKind {
  readonly plan: string;
  readonly query: string;
  readonly sites: readonly SiteName[];
  generate(cohort: DatedCohort, seed: number): readonly SiteRows[];
}

const kinds = {
  heart: { plan: 'heart-disease', query: heartQuery, sites: hospitals, generate: generateCohort },
  'icu-series': { plan: 'icu-mortality', query: plainQuery, sites: icuSites, generate: generateIcuCohort },
  'shape-images': { plan: 'shape-images', query: plainQuery, sites: imageSites, generate: generateImageCohort },
} as const satisfies Readonly<Record<string, CohortKind>>;
const mostRows = 1_000_000;

interface CohortOptions {
  readonly kind: keyof typeof kinds;
  readonly rows: number;
  readonly seed: number;
  readonly json?: boolean;
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    }
    return value;
  };
}

/** Two years of admissions, cut off for training after the first. */
async function writeCohort(directory: string, options: CohortOptions): Promise<void> {
  const kind: CohortKind = kinds[options.kind];
  const out = resolve(directory);
  const taken = [join(out, 'plan.yaml'), ...kind.sites.map((site) => join(out, site, 'site.yaml'))].find(existsSync);
  if (taken !== undefined) {
    throw new SimulationError(
      'output_failed',
      `${taken} is there already; name another directory, nothing was written.`,
    );
  }
  await openOutput(out);
  const { text, loaded } = planWith(planFile(kind.plan), {});
  const tables = kind.generate({ rows: options.rows, from: '2024-01-01', until: '2026-01-01' }, options.seed);
  for (const table of tables) {
    const target = join(out, table.site);
    await writePatients(target, table);
    await writeSiteConfig(target, loaded.plan, { query: kind.query, holdoutColumn: null, approval: 'manual' });
  }
  await writeFileAtomically(join(out, 'plan.yaml'), text);
  const sites = tables.map(({ site, rows }) => ({ site, rows: rows.length, directory: join(out, site) }));
  if (options.json === true) {
    console.log(JSON.stringify({ plan: join(out, 'plan.yaml'), digest: loaded.digest, sites }));
    return;
  }
  console.log(`The plan: ${join(out, 'plan.yaml')}`);
  for (const { site, rows, directory: folder } of sites) {
    console.log(
      `${site}: ${rows} rows in ${join(folder, 'data', 'patients.csv')}, settings in ${join(folder, 'site.yaml')}`,
    );
  }
}

export function register(program: Command): void {
  program
    .command('cohort')
    .argument('<dir>', 'where the plan and a folder for each hospital are written')
    .description(
      'write a synthetic cohort to try Wardround on, with a plan that fits: four hospitals drawn from published figures of UCI data set 45, or invented ones with series or images',
    )
    .addOption(
      new Option('--kind <kind>', 'heart: tables; icu-series: hourly measurements; shape-images: small images')
        .choices(Object.keys(kinds))
        .default('heart'),
    )
    .option('--rows <n>', 'patients of each hospital', wholeNumber(1, mostRows), 2400)
    .option('--seed <n>', 'the same seed gives the same rows', wholeNumber(0, 2 ** 32 - 1), 7)
    .option('--json', 'print what was written as JSON')
    .action(writeCohort);
}
