import { z } from 'zod';
import { dataContractSchema } from './contract.ts';
import { policySchema } from './policy.ts';
import { paragraph } from './text.ts';

const name = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,47}$/,
    'must be lower-case letters, digits and -, starting with a letter, at most 48 characters',
  );

const task = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('binary') }).describe('One event or none; the label has two levels.'),
    z.strictObject({ kind: z.literal('multiclass') }).describe('One of three or more classes.'),
    z.strictObject({ kind: z.literal('regression') }).describe('A numeric outcome.'),
  ])
  .describe('What is predicted.');

/** `logistic` is the generalised linear model of the task: logistic, multinomial logistic or linear regression. */
const model = z
  .discriminatedUnion('family', [
    z
      .strictObject({ family: z.literal('logistic') })
      .describe('The generalised linear model of the task: logistic, multinomial logistic or linear regression.'),
    z
      .strictObject({
        family: z.literal('mlp'),
        hidden: z.array(z.int().min(1).max(8192)).min(1).max(16).describe('Width of each hidden layer, in order.'),
        activation: z.enum(['relu', 'tanh', 'sigmoid']).default('relu').describe('After each hidden layer.'),
      })
      .describe('A network of fully connected layers.'),
  ])
  .describe('The model family.');

const rate = z.number().positive().describe('Learning rate.');

const optimiser = z
  .discriminatedUnion('kind', [
    z
      .strictObject({
        kind: z.literal('sgd'),
        rate,
        momentum: z.number().min(0).lt(1).default(0).describe('Share of the last step kept in the next.'),
      })
      .describe('Stochastic gradient descent.'),
    z
      .strictObject({
        kind: z.literal('adam'),
        rate,
        beta1: z.number().min(0).lt(1).default(0.9).describe('Decay of the mean of gradients.'),
        beta2: z.number().min(0).lt(1).default(0.999).describe('Decay of the mean of squared gradients.'),
        epsilon: z.number().positive().default(1e-7).describe('Added to the root, against division by zero.'),
      })
      .describe('Adam (Kingma and Ba 2015).'),
  ])
  .describe('How weights follow the gradient. Its state starts at zero each round.');

/** Local training of one round. Optimiser state starts at zero each round: sites are stateless between rounds. */
const training = z
  .strictObject({
    optimiser,
    batch: z
      .union([z.int().min(1), z.literal('full')])
      .describe('Rows a step, or full for one step over all rows. The last batch of an epoch may be smaller.'),
    work: z
      .union([
        z
          .strictObject({ epochs: z.int().min(1).max(1000).describe('Whole passes over the rows.') })
          .describe('Whole passes over the rows.'),
        z
          .strictObject({ steps: z.int().min(1).max(1_000_000).describe('Number of steps.') })
          .describe('A number of steps.'),
      ])
      .describe('Work of one round at one site.'),
    l2: z
      .number()
      .min(0)
      .default(0)
      .describe('L2 penalty: adds (l2 / 2) · |w|² over weights, not biases, to the mean loss.'),
    seed: z
      .int()
      .min(0)
      .max(0xffff_ffff)
      .describe('Every reproducible stream (initial weights, batch order) comes from this number.'),
  })
  .describe('Local training of one round.');

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
    task,
    data: dataContractSchema,
    model,
    training,
    federation,
    gate: policySchema.describe('The gate policy a hospital must at least apply.'),
  })
  .describe('A Wardround plan: what is trained, on which data, how, and when a hospital may use it.');

/** A plan after parsing: every default filled in, nothing unknown. Cross-field checks are in `check-plan.ts`. */
export type Plan = z.infer<typeof planSchema>;
export type TrainingSpec = Plan['training'];
