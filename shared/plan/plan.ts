import { z } from 'zod';
import { dataContractSchema } from './contract.ts';
import { modelSchema } from './model.ts';
import { policySchema } from './policy.ts';
import { taskSchema } from './task.ts';
import { paragraph } from './text.ts';
import { trainingSchema } from './training.ts';

const name = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,47}$/,
    'must be lower-case letters, digits and -, starting with a letter, at most 48 characters',
  );

const federation = z
  .strictObject({
    strategy: z
      .strictObject({ kind: z.literal('fedavg').describe('Mean of the deltas, weighted by capped training rows.') })
      .describe('How updates become new weights.'),
    rounds: z.int().min(1).max(100_000).describe('Rounds of the run.'),
    sites: z
      .strictObject({
        minimum: z.int().min(1).max(10_000).describe('Fewest sites whose updates a round may be folded from.'),
        target: z.int().min(1).max(10_000).describe('Sites the round waits for until its deadline.'),
      })
      .describe('How many sites take part in a round.'),
    roundDeadlineSeconds: z
      .number()
      .positive()
      .max(30 * 86_400)
      .describe('Time for one round, in seconds.'),
    graceSeconds: z
      .number()
      .min(0)
      .max(86_400)
      .default(0)
      .describe('Time past the deadline in which an upload already begun may end, in seconds.'),
    retries: z
      .int()
      .min(0)
      .max(100)
      .default(2)
      .describe('How often a round with too few updates is tried again before the run pauses.'),
    weightCap: z.number().positive().describe('Largest weight (training rows) of one site in the mean.'),
    maximumDeltaNorm: z.number().positive().describe("Largest L2 norm of a site's delta; a larger one is refused."),
    minimumCount: z
      .int()
      .min(1)
      .default(11)
      .describe('Federated scaling and reference counts: figures from fewer patients than this stay at the site.'),
    judgementDeadlineSeconds: z
      .number()
      .positive()
      .max(365 * 86_400)
      .describe('How long judgements of the release are waited for after it is published, in seconds.'),
    sharing: z
      .strictObject({
        scoreEdges: z
          .array(z.number().gt(0).lt(1))
          .min(1)
          .max(200)
          .optional()
          .describe(
            'Inner edges of the score histograms: probabilities, ascending. Without it every 0.3 from -4.5 to 4.5 on log odds. The operating threshold is always one.',
          ),
        embedding: z
          .strictObject({
            features: z.int().min(2).max(512).describe('Random Fourier features; more tell smaller shifts apart.'),
            epsilon: z.number().gt(0).max(10).describe('Privacy loss of one judgement. Stricter: smaller.'),
            delta: z.number().gt(0).max(0.01).describe('Probability that the loss is larger. Stricter: smaller.'),
          })
          .nullable()
          .default(null)
          .describe(
            'Mean of random Fourier features of the judged rows, with Gaussian noise, so that the coordinator can compare sites by MMD. null: not shared.',
          ),
      })
      .optional()
      .describe("What sites share of a judgement beside counts on the columns' edges."),
  })
  .describe('How sites and coordinator work together.');

/** A plan is the whole of what crosses from a consortium to a site: signed data, never code. */
export const planSchema = z
  .strictObject({
    wardround: z.literal('plan/1').describe('Format of this file.'),
    name: name.describe('Name of the plan; runs and releases are named after it.'),
    purpose: paragraph(10, 2000).describe(
      "What the model is for and who may be predicted, in words a hospital's board can read.",
    ),
    task: taskSchema,
    data: dataContractSchema,
    model: modelSchema,
    training: trainingSchema,
    federation,
    gate: policySchema.describe('The gate policy a hospital must at least apply.'),
  })
  .describe('A Wardround plan: what is trained, on which data, how, and when a hospital may use it.');

/** A plan after parsing: every default filled in, nothing unknown. Cross-field checks are in `check-plan.ts`. */
export type Plan = z.infer<typeof planSchema>;
export type { TrainingSpec } from './training.ts';
