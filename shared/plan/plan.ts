import { z } from 'zod';
import { dataContractSchema } from './contract.ts';
import { policySchema } from './policy.ts';

const name = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,47}$/,
    'must be lower-case letters, digits and -, starting with a letter, at most 48 characters',
  );

const task = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('binary') }),
  z.strictObject({ kind: z.literal('multiclass') }),
  z.strictObject({ kind: z.literal('regression') }),
]);

/** `logistic` is the generalised linear model of the task: logistic, multinomial logistic or linear regression. */
const model = z.discriminatedUnion('family', [
  z.strictObject({ family: z.literal('logistic') }),
  z.strictObject({
    family: z.literal('mlp'),
    /** Width of each hidden layer. */
    hidden: z.array(z.int().min(1).max(8192)).min(1).max(16),
    activation: z.enum(['relu', 'tanh', 'sigmoid']).default('relu'),
  }),
]);

const optimiser = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('sgd'), rate: z.number().positive(), momentum: z.number().min(0).lt(1).default(0) }),
  z.strictObject({
    kind: z.literal('adam'),
    rate: z.number().positive(),
    beta1: z.number().min(0).lt(1).default(0.9),
    beta2: z.number().min(0).lt(1).default(0.999),
    epsilon: z.number().positive().default(1e-7),
  }),
]);

/** Local training of one round. Optimiser state starts at zero each round: sites are stateless between rounds. */
const training = z.strictObject({
  optimiser,
  /** Rows a step, or `full` for one step over all rows. The last batch of an epoch may be smaller. */
  batch: z.union([z.int().min(1), z.literal('full')]),
  /** Work of one round: whole passes over the rows, or a number of steps. */
  work: z.union([
    z.strictObject({ epochs: z.int().min(1).max(1000) }),
    z.strictObject({ steps: z.int().min(1).max(1_000_000) }),
  ]),
  /** L2 penalty: adds (l2 / 2) · |w|² over weights, not biases, to the mean loss. */
  l2: z.number().min(0).default(0),
  /** Every reproducible stream (initial weights, batch order) comes from this seed. */
  seed: z.int().min(0).max(0xffff_ffff),
});

const federation = z.strictObject({
  strategy: z.strictObject({ kind: z.literal('fedavg') }),
  rounds: z.int().min(1).max(100_000),
  sites: z.strictObject({
    /** Fewest sites whose updates a round may be folded from. */
    minimum: z.int().min(1),
    /** Sites the round waits for until its deadline. */
    target: z.int().min(1),
  }),
  roundDeadlineSeconds: z
    .number()
    .positive()
    .max(30 * 86_400),
  /** Time past the deadline in which an upload already begun may end. */
  graceSeconds: z.number().min(0).max(86_400).default(0),
  /** How often a round with too few updates is tried again before the run pauses. */
  retries: z.int().min(0).max(100).default(2),
  /** Largest weight (examples) of one site in the mean. */
  weightCap: z.number().positive(),
  /** Largest L2 norm of a site's delta. */
  maximumDeltaNorm: z.number().positive(),
  /** Federated scaling and reference counts: figures from fewer patients than this stay at the site. */
  minimumCount: z.int().min(1).default(11),
  /** How long judgements of the release are waited for after it is published. */
  judgementDeadlineSeconds: z
    .number()
    .positive()
    .max(365 * 86_400),
});

/** A plan is the whole of what crosses from a consortium to a site: signed data, never code. */
export const planSchema = z.strictObject({
  wardround: z.literal('plan/1'),
  name,
  /** What the model is for, in words a hospital's board can read. */
  purpose: z.string().min(10).max(2000),
  task,
  data: dataContractSchema,
  model,
  training,
  federation,
  gate: policySchema,
});

/** A plan after parsing: every default filled in, nothing unknown. Cross-field checks are in `check-plan.ts`. */
export type Plan = z.infer<typeof planSchema>;
export type ModelSpec = Plan['model'];
export type TrainingSpec = Plan['training'];
export type FederationSpec = Plan['federation'];
