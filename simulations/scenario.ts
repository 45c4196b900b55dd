import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { readYamlFile } from '../shared/runtime/config-file.ts';
import { baselineKinds } from './baselines/baseline.ts';
import { faultSchema } from './faults/fault-schema.ts';
import { shiftSchema } from './shifts/shift-schema.ts';
import { SimulationError } from './simulation-error.ts';

const path = z.string().min(1);

const dated = {
  /** Rows of every hospital, or of each by name. */
  rows: z.union([z.int().min(1).max(1_000_000), z.record(z.string(), z.int().min(1).max(1_000_000))]),
  /** First date of admission. */
  from: z.iso.date(),
  /** The date after the last admission. */
  until: z.iso.date(),
  /** Only rows admitted before this date are in the hospitals' files. Absent: all. */
  exportedUntil: z.iso.date().optional(),
};

const cohort = z.discriminatedUnion('kind', [
  z.strictObject({
    /** Drawn from published figures of four hospitals; a seed draws its own patients. */
    kind: z.literal('generated'),
    ...dated,
  }),
  z.strictObject({
    /** Invented stays in intensive care with hourly measurements, at four hospitals: north, east, south, west. */
    kind: z.literal('icu-series'),
    ...dated,
  }),
  z.strictObject({
    /** Invented small images, at four hospitals: north, east, south, west. */
    kind: z.literal('shape-images'),
    ...dated,
  }),
  z.strictObject({
    /** The four published files of UCI data set 45. They have no dates: the plan must ask for a holdout. */
    kind: z.literal('heart-files'),
    /** Relative to the scenario file. */
    directory: path,
  }),
  z.strictObject({
    /** One CSV file with a column that says whose row it is. */
    kind: z.literal('csv'),
    /** Relative to the scenario file. */
    file: path,
    siteColumn: z.string().min(1).default('site'),
    /** SELECT every hospital runs over its rows, which are in data/patients.csv of its directory. */
    query: z.string().min(1).default("SELECT * FROM read_csv('data/patients.csv', header = true, all_varchar = true)"),
    /** Column that is 1 for rows that judge, when the plan has no cut-off. */
    holdoutColumn: z.string().min(1).optional(),
  }),
]);

/** A simulation as data: who has which patients, what they train by which plan, and what changes at whom from when on. */
export const scenarioSchema = z.strictObject({
  wardround: z.literal('scenario/1'),
  name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and -'),
  description: z.string().min(1).max(2000),
  /** Plan file, relative to the scenario file. */
  plan: path,
  /** One run for each: it draws the generated patients and takes the place of the plan's own seed. */
  seeds: z.array(z.int().min(0).max(0xffff_ffff)).min(1).max(100),
  cohort,
  shifts: z.array(shiftSchema).max(100).default([]),
  /** What goes wrong at whom in which rounds. A site has at most one fault in a round. */
  faults: z.array(faultSchema).max(1000).default([]),
  /**
   * Models each run is compared with, on the rows its gates judge: `pooled` has all hospitals' training rows in one place, `alone` is
   * one of each hospital's own. Same preprocessing, work, rounds and engine as the run.
   */
  baselines: z
    .array(z.enum(baselineKinds))
    .refine((kinds) => new Set(kinds).size === kinds.length, 'must name each baseline once')
    .default([]),
});

export type Scenario = z.infer<typeof scenarioSchema>;

/** A scenario and the folder its paths are relative to. */
export interface LoadedScenario {
  readonly scenario: Scenario;
  readonly directory: string;
}

const shipped = fileURLToPath(new URL('./scenarios/', import.meta.url));

/** Names of the scenarios that come with Wardround. */
export const shippedScenarios = [
  'prevalence-shock',
  'unit-change',
  'icu-series',
  'icu-unit-change',
  'shape-images',
] as const;

/**
 * Reads a scenario file, or one that comes with Wardround by its name.
 * @throws SimulationError `scenario_not_found`, ConfigError naming file, path and value
 */
export function loadScenario(nameOrFile: string): LoadedScenario {
  const isName = (shippedScenarios as readonly string[]).includes(nameOrFile);
  const file = isName && !existsSync(nameOrFile) ? join(shipped, `${nameOrFile}.yaml`) : nameOrFile;
  if (!existsSync(file)) {
    throw new SimulationError(
      'scenario_not_found',
      `There is no scenario file ${nameOrFile}. Those that come with Wardround are called ${shippedScenarios.join(', ')}.`,
      { file: nameOrFile },
    );
  }
  return { scenario: readYamlFile(file, scenarioSchema), directory: dirname(file) };
}

/** A path of a scenario file, from where it is. */
export function scenarioPath(loaded: LoadedScenario, name: string): string {
  return isAbsolute(name) ? name : join(loaded.directory, name);
}
