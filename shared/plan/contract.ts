import { z } from 'zod';
import { payloadSchema, summarySchema } from './payload.ts';
import { lineOfText, paragraph } from './text.ts';

const columnName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, 'must be a plain column name: a letter or _, then letters, digits or _');

/** Far beyond any measurement, and safe to turn into float32 and to square. */
const measure = z.number().min(-1e15).max(1e15);

const description = paragraph(0, 2000).optional().describe('What it means, for people; the computation ignores it.');
const level = lineOfText(200);
const unit = lineOfText(64).describe('Unit of the values. Compared, as text, with the unit each site declares.');
const range = z
  .tuple([measure, measure])
  .describe(
    'Lowest and highest plausible value, both inclusive, in the unit; a value outside makes its row a problem.',
  );

/**
 * A numeric column. `unit` is compared, as text, with the unit the site declares for it.
 * `missing: impute` puts the federated mean in place; `indicator` does the same and adds a 0/1 column; `forbid` makes the row a problem.
 * `edges` are the inner bin edges, ascending, for the shift counts: k edges make k + 1 bins, left-closed, plus one bin for missing.
 */
const continuousColumn = z
  .strictObject({
    name: columnName.describe("Name of the column in the site's query."),
    kind: z.literal('continuous'),
    description,
    unit,
    range,
    missing: z
      .enum(['forbid', 'impute', 'indicator'])
      .default('impute')
      .describe(
        'A missing value: impute puts the federated mean in its place; indicator does so and adds a 0/1 column; forbid makes the row a problem.',
      ),
    edges: z
      .array(measure)
      .min(1)
      .max(50)
      .describe(
        'Inner bin edges for the shift counts, ascending, inside the range, in the unit. k edges make k + 1 bins (an edge belongs to the bin above it) and one for missing.',
      ),
    summary: summarySchema.optional(),
  })
  .describe('A numeric column.');

/** A column with a closed list of levels, compared as text after numbers are normalised (`1.0` equals `1`). The first level is the reference and has no weight of its own. */
const categoricalColumn = z
  .strictObject({
    name: columnName.describe("Name of the column in the site's query."),
    kind: z.literal('categorical'),
    description,
    levels: z
      .array(level)
      .min(2)
      .max(100)
      .describe(
        'All levels, as text, as the query yields them; 1.0 equals 1. The first is the reference and has no weight of its own. A value that is none of them makes its row a problem.',
      ),
    missing: z
      .enum(['forbid', 'indicator'])
      .default('indicator')
      .describe('A missing value: indicator gives it a 0/1 column of its own; forbid makes the row a problem.'),
  })
  .describe('A column with a closed list of levels.');

const column = z.discriminatedUnion('kind', [continuousColumn, categoricalColumn]);

const classLabel = z
  .strictObject({
    name: columnName.describe("Column of the outcome in the site's query. It must not be a feature."),
    description,
    levels: z
      .array(level)
      .min(2)
      .max(100)
      .describe('Levels as they come from the query; for a binary task the second level is the event.'),
  })
  .describe('The outcome of a binary, multiclass or ordinal task.');

const numericLabel = z
  .strictObject({
    name: columnName.describe("Column of the outcome in the site's query. It must not be a feature."),
    description,
    unit,
    range,
  })
  .describe('The outcome of a regression task.');

const survivalLabel = z
  .strictObject({
    name: columnName.describe(
      'Column of the time until the event or the end of observation, above 0. It must not be a feature.',
    ),
    event: columnName.describe('Column that is 1 where the event was seen at that time and 0 where observation ended.'),
    description,
    unit,
    range,
  })
  .describe('The outcome of a survival task.');

const subgroup = z.union([
  z
    .strictObject({
      name: lineOfText(100).describe('Name in reports.'),
      column: columnName.describe('A categorical column of this plan.'),
      level: level.describe('The level whose rows are the subgroup.'),
    })
    .describe('Patients with one level of a categorical column.'),
  z
    .strictObject({
      name: lineOfText(100).describe('Name in reports.'),
      column: columnName.describe('A continuous column of this plan.'),
      atLeast: measure.optional().describe("Inclusive lower bound, in the column's unit."),
      below: measure.optional().describe("Exclusive upper bound, in the column's unit."),
    })
    .describe('Patients whose value of a continuous column lies in a range.'),
]);

/** What every site's query must yield, one row a prediction. */
export const dataContractSchema = z
  .strictObject({
    columns: z.array(column).min(1).max(2000).describe('The features, in the order the model takes them.'),
    payload: payloadSchema.optional(),
    label: z.union([classLabel, survivalLabel, numericLabel]),
    patientKey: columnName.describe(
      'Column that tells patients apart, so that intervals respect several rows of one patient. It never leaves the site.',
    ),
    /** Column with the time of prediction: a date or a timestamp. Null where the source has no dates; then judging is retrospective. */
    time: columnName
      .nullable()
      .describe(
        'Column with the time of prediction: a date or a timestamp. null where the source has no dates; then judging is retrospective.',
      ),
    /** ISO date. Rows before it train; rows on or after it judge. Null means the site must declare a holdout. */
    trainingCutoff: z.iso
      .date()
      .nullable()
      .describe('Date (UTC). Rows before it train; rows on or after it judge. null: each site must declare a holdout.'),
    outcomeWindowDays: z
      .int()
      .min(0)
      .max(36_500)
      .default(0)
      .describe(
        'Days after the time of prediction until the outcome is final. A row trains and judges only once they have passed: an event is often known before a non-event can be.',
      ),
    subgroups: z.array(subgroup).max(100).default([]).describe('Groups whose figures are judged and reported apart.'),
    /** Largest share of rows a site may lose to problems (range, level, text in numbers) before training is refused. */
    maximumProblemShare: z
      .number()
      .min(0)
      .max(1)
      .default(0.05)
      .describe(
        'Largest share of rows a site may lose to problems (range, level, text in numbers) before it refuses to train.',
      ),
  })
  .describe("What every site's query must yield, one row a prediction.");

export type DataContract = z.infer<typeof dataContractSchema>;
export type ContractColumn = z.infer<typeof column>;
export type ContinuousColumn = z.infer<typeof continuousColumn>;
export type CategoricalColumn = z.infer<typeof categoricalColumn>;
