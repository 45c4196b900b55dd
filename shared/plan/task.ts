import { z } from 'zod';

/** What is predicted. */
export const taskSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('binary') }).describe('One event or none; the label has two levels.'),
    z.strictObject({ kind: z.literal('multiclass') }).describe('One of three or more classes.'),
    z
      .strictObject({ kind: z.literal('ordinal') })
      .describe('One of three or more grades; the label lists its levels from lowest to highest.'),
    z.strictObject({ kind: z.literal('regression') }).describe('A numeric outcome.'),
    z
      .strictObject({ kind: z.literal('survival') })
      .describe(
        'Time to an event, right-censored; the label names the time and the column that says whether the event was seen.',
      ),
  ])
  .describe('What is predicted.');

export type TaskSpec = z.infer<typeof taskSchema>;
