import { join } from 'node:path';
import { z } from 'zod';
import { readYamlFile } from '../shared/runtime/config-file.ts';
import { engineChoices } from './training/engine-choice.ts';

const holdout = z.union([
  z.strictObject({
    /** A column of the query that is true (or 1) for the rows that judge; all rows of a patient must agree. */
    column: z.string().min(1),
  }),
  z.strictObject({
    /** Share of patients, chosen by a hash of the patient key, so that a patient is never on both sides. */
    share: z.number().min(0.01).max(0.9),
    seed: z.int().min(0).max(0xffff_ffff).default(1),
  }),
]);

/** Series of the rows, for plans that read them. */
const series = z
  .strictObject({
    /** One SELECT, long: a row a series and minute, a column a channel. The rows of one series must come together. */
    query: z.string().min(1).optional(),
    /** A file with that SELECT instead, relative to the site directory. */
    queryFile: z.string().min(1).optional(),
    /** Unit of every channel, as the query yields it. */
    units: z.record(z.string(), z.string().min(1)).default({}),
  })
  .refine((value) => (value.query === undefined) !== (value.queryFile === undefined), {
    message: 'give either query or queryFile, and not both',
  });

/** Images of the rows, for plans that read them. */
const images = z.strictObject({
  /** Folder that the plan's column of file names is relative to; itself relative to the site directory. No file outside it is read. */
  folder: z.string().min(1),
});

const data = z
  .strictObject({
    /** One SELECT that yields the plan's columns. File names in it are relative to the site directory. */
    query: z.string().min(1).optional(),
    /** A file with that SELECT instead, relative to the site directory. */
    queryFile: z.string().min(1).optional(),
    /** Unit of every numeric column and of a numeric outcome, as the query yields it. */
    units: z.record(z.string(), z.string().min(1)).default({}),
    series: series.optional(),
    images: images.optional(),
    /** Needed when a plan has no training cut-off. */
    holdout: holdout.optional(),
    /** Memory DuckDB may use, in megabytes; beyond it the query fails, and nothing spills to disk. */
    memoryMegabytes: z.int().min(64).max(1_048_576).default(1024),
    /** Threads DuckDB may use. With one, rows always come in the same order. */
    threads: z.int().min(1).max(256).default(1),
  })
  .refine((value) => (value.query === undefined) !== (value.queryFile === undefined), {
    message: 'give either query or queryFile, and not both',
  });

/** `site.yaml`. What depends on the consortium (name of the site, address, certificates) is in `identity/`, made by enrolment. */
export const siteConfigSchema = z.strictObject({
  wardround: z.literal('site/1'),
  data,
  /** The hospital's own gate policy, relative to the site directory. It may only be stricter than the plan's. Absent: the plan's applies. */
  policyFile: z.string().min(1).optional(),
  /** What trains: `auto` measures what is installed and takes the fastest; see `site-agent/training/engine-choice.ts`. */
  engine: z.enum(engineChoices).default('auto'),
  /** Directory whose `node_modules` hold TensorFlow's native binding, relative to the site directory. */
  engineDirectory: z.string().min(1).optional(),
  /** Memory that training may take, or scoring with a model, in megabytes: what needs more is refused before it starts. Absent: three quarters of the machine's. */
  trainingMemoryMegabytes: z.int().min(64).max(16_777_216).optional(),
  /** `manual`: a plan runs only after `wardround site approve`. `automatic`: every plan of this consortium runs. */
  approval: z.enum(['manual', 'automatic']).default('manual'),
  /** How often the agent scores new rows by itself and watches the models in use. Absent: only `wardround site score` does. */
  scoring: z
    .strictObject({
      everyMinutes: z
        .int()
        .min(1)
        .max(7 * 1440),
    })
    .optional(),
  /** Fewest training rows with which this site takes part. */
  minimumRows: z.int().min(1).default(20),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
});

/** A site's settings after parsing: every default filled in. Paths are still relative to the site directory. */
export type SiteConfig = z.infer<typeof siteConfigSchema>;
export type SiteDataConfig = SiteConfig['data'];
export type HoldoutConfig = z.infer<typeof holdout>;

/**
 * Reads `site.yaml` of a site directory. A variable such as `WARDROUND_SITE__LOG_LEVEL` takes the place of the file's value.
 * @throws ConfigError naming the file, the path in it and the value.
 */
export async function readSiteConfig(
  directory: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<SiteConfig> {
  return readYamlFile(join(directory, 'site.yaml'), siteConfigSchema, { env, prefix: 'WARDROUND_SITE' });
}

/** The `site.yaml` that enrolment writes: valid, with every setting, its default and what it does. */
export const siteConfigTemplate = `# Settings of this hospital's Wardround agent. Paths are relative to this directory.
wardround: site/1

data:
  # One SELECT, run by DuckDB inside the agent, that yields the columns a plan asks for: one row a prediction.
  # It may read CSV, Parquet and JSON files by name: FROM 'data/patients.csv'. The rows never leave this machine.
  # Try it with: wardround site check --plan PLAN
  query: |
    SELECT * FROM 'data/patients.csv'
  # Or keep the query in a file of its own:
  # queryFile: query.sql

  # The unit of every numeric column, as the query above yields it. It must be the plan's unit, letter for letter;
  # convert in the query where it is not (chol * 38.67 AS chol).
  units: {}
  #  age: years
  #  chol: mg/dL

  # For plans that read series: a second SELECT, one row a series and minute, one column a channel, sorted by the key.
  # series:
  #   query: SELECT stay, minute, pulse, lactate FROM 'data/measurements.parquet' ORDER BY stay
  #   units: { pulse: 1/min, lactate: mmol/L }

  # For plans that read images: the folder that the query's column of file names is relative to.
  # images: { folder: data/images }

  # Rows kept for judging models when a plan has no training cut-off date; either of:
  # holdout: { share: 0.3, seed: 1 }        # 30% of patients, by a hash of the patient key
  # holdout: { column: is_holdout }         # a true/false column of the query

  # Limits of the query. With one thread, rows always come in the same order.
  # memoryMegabytes: 1024
  # threads: 1

# This hospital's own rules for accepting a model; they may only be stricter than the plan's. Without it, the plan's apply.
# policyFile: policy.yaml

# What trains. auto measures what works on this machine on a few steps of each task, takes the fastest, and keeps what it chose and why
# in state/engine-choices.json. Or one by name: onnx-cpu, onnx-webgpu, onnx-cuda, tfjs-node-gpu, tfjs-node, tfjs-webgpu, tfjs-wasm or
# tfjs-cpu; onnx is onnx-cpu, tfjs the first of its devices that starts. Try it with: wardround site train --dry-run --plan PLAN
engine: auto
# Directory whose node_modules hold TensorFlow's native binding, for tfjs-node and tfjs-node-gpu.
# engineDirectory: engines

# Memory that training may take, or judging and scoring with a model, in megabytes. A plan or model that needs more is refused before it starts;
# without it, three quarters of the machine's. It does not bound the agent: batches are cut into parts of the same size on every machine.
# trainingMemoryMegabytes: 8192

# manual: a plan runs only after "wardround site approve DIGEST". automatic: every plan of this consortium runs.
approval: manual

# How often the agent runs the query by itself, scores new patients with the model in use and those in shadow, and watches them.
# Without it only "wardround site score" does, for a scheduler of your own.
scoring:
  everyMinutes: 1440

# Fewest training rows with which this site takes part.
minimumRows: 20

# debug, info, warn or error. The log holds no patient data.
logLevel: info
`;
