import { z } from 'zod';

const columnName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, 'must be a plain column name: a letter or _, then letters, digits or _');

const missingRule = z.enum(['forbid', 'impute', 'indicator']);

/**
 * A numeric column. `unit` is compared, as text, with the unit the site declares for it.
 * `missing: impute` puts the federated mean in place; `indicator` does the same and adds a 0/1 column; `forbid` makes the row a problem.
 * `edges` are the inner bin edges, ascending, for the shift counts: k edges make k + 1 bins, left-closed, plus one bin for missing.
 */
const continuousColumn = z.strictObject({
  name: columnName,
  kind: z.literal('continuous'),
  description: z.string().optional(),
  unit: z.string().min(1),
  range: z.tuple([z.number(), z.number()]),
  missing: missingRule.default('impute'),
  edges: z.array(z.number()).min(1).max(50),
});

/** A column with a closed list of levels, compared as text after numbers are normalised (`1.0` equals `1`). The first level is the reference and has no weight of its own. */
const categoricalColumn = z.strictObject({
  name: columnName,
  kind: z.literal('categorical'),
  description: z.string().optional(),
  levels: z.array(z.string().min(1)).min(2).max(100),
  missing: z.enum(['forbid', 'indicator']).default('indicator'),
});

const column = z.discriminatedUnion('kind', [continuousColumn, categoricalColumn]);

const classLabel = z.strictObject({
  name: columnName,
  description: z.string().optional(),
  /** Levels as they come from the query; for a binary task the second level is the event. */
  levels: z.array(z.string().min(1)).min(2).max(100),
});

const numericLabel = z.strictObject({
  name: columnName,
  description: z.string().optional(),
  unit: z.string().min(1),
  range: z.tuple([z.number(), z.number()]),
});

const subgroup = z.union([
  z.strictObject({ name: z.string().min(1), column: columnName, level: z.string().min(1) }),
  z.strictObject({
    name: z.string().min(1),
    column: columnName,
    /** Inclusive lower bound, in the column's unit. */
    atLeast: z.number().optional(),
    /** Exclusive upper bound, in the column's unit. */
    below: z.number().optional(),
  }),
]);

/** What every site's query must yield, one row a prediction. */
export const dataContractSchema = z.strictObject({
  columns: z.array(column).min(1).max(2000),
  label: z.union([classLabel, numericLabel]),
  patientKey: columnName,
  /** Column with the time of prediction: a date or a timestamp. Null where the source has no dates; then judging is retrospective. */
  time: columnName.nullable(),
  /** ISO date. Rows before it train; rows on or after it judge. Null means the site must declare a holdout. */
  trainingCutoff: z.iso.date().nullable(),
  subgroups: z.array(subgroup).default([]),
  /** Largest share of rows a site may lose to problems (range, level, text in numbers) before training is refused. */
  maximumProblemShare: z.number().min(0).max(1).default(0.05),
});

export type DataContract = z.infer<typeof dataContractSchema>;
export type ContractColumn = z.infer<typeof column>;
export type ContinuousColumn = z.infer<typeof continuousColumn>;
export type CategoricalColumn = z.infer<typeof categoricalColumn>;
export type ClassLabel = z.infer<typeof classLabel>;
export type NumericLabel = z.infer<typeof numericLabel>;
export type Subgroup = z.infer<typeof subgroup>;
