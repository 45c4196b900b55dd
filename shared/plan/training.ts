import { z } from 'zod';
import { lineOfText } from './text.ts';

const rate = z.number().positive().describe('Learning rate.');
const momentum = z.number().min(0).lt(1).default(0).describe('Share of the last step kept in the next.');
/** Smaller numbers are none in float32. */
const least = 1e-30;
const epsilon = z.number().min(least).default(1e-7).describe('Added to the root, against division by zero.');
const decay = z
  .number()
  .min(0)
  .describe('Decoupled weight decay: each step takes rate · decay · w from weights, not from biases.');
const adam = {
  rate,
  beta1: z.number().min(0).lt(1).default(0.9).describe('Decay of the mean of gradients.'),
  beta2: z.number().min(0).lt(1).default(0.999).describe('Decay of the mean of squared gradients.'),
  epsilon,
};

const optimiser = z
  .discriminatedUnion('kind', [
    z
      .strictObject({
        kind: z.literal('sgd'),
        rate,
        momentum,
        nesterov: z
          .boolean()
          .optional()
          .describe('Steps with the gradient and the momentum to come (Sutskever et al. 2013). Needs momentum.'),
      })
      .describe('Stochastic gradient descent.'),
    z.strictObject({ kind: z.literal('adam'), ...adam }).describe('Adam (Kingma and Ba 2015).'),
    z
      .strictObject({ kind: z.literal('adamw'), ...adam, decay: decay.default(0.01) })
      .describe('Adam with decoupled weight decay (Loshchilov and Hutter 2019).'),
    z
      .strictObject({
        kind: z.literal('adagrad'),
        rate,
        initial: z.number().min(0).default(0.1).describe('Where the sums of squared gradients start.'),
        epsilon,
      })
      .describe('Adagrad (Duchi et al. 2011).'),
    z
      .strictObject({
        kind: z.literal('rmsprop'),
        rate,
        decay: z.number().min(0).lt(1).default(0.9).describe('Decay of the mean of squared gradients.'),
        momentum,
        epsilon,
      })
      .describe('RMSprop (Tieleman and Hinton 2012).'),
  ])
  .describe('How weights follow the gradient. Its state starts anew each round.');

const per = z
  .enum(['step', 'round'])
  .describe('What is counted: steps of a round (from the start of each), or rounds of the run.');

const schedule = z
  .discriminatedUnion('kind', [
    z
      .strictObject({
        kind: z.literal('exponential'),
        per,
        factor: z.number().gt(0).max(1).describe('The rate is multiplied by this at each count.'),
      })
      .describe('rate · factor^count.'),
    z
      .strictObject({
        kind: z.literal('steps'),
        per,
        every: z.int().min(1).describe('Counts between two changes.'),
        factor: z.number().gt(0).max(1).describe('The rate is multiplied by this at each change.'),
      })
      .describe('rate · factor^floor(count / every).'),
    z
      .strictObject({
        kind: z.literal('cosine'),
        per,
        over: z.int().min(1).describe('Counts until the lowest rate is reached, those of the warmup among them.'),
        lowest: z.number().min(0).max(1).default(0).describe('Lowest rate, as a share of the rate.'),
        warmup: z.int().min(0).default(0).describe('Counts at the start over which the rate rises linearly.'),
      })
      .describe('Half a cosine from the rate to the lowest (Loshchilov and Hutter 2017), after a linear rise.'),
    z
      .strictObject({
        kind: z.literal('linear'),
        per,
        over: z.int().min(1).describe('Counts until the lowest rate is reached, those of the warmup among them.'),
        lowest: z.number().min(0).max(1).default(0).describe('Lowest rate, as a share of the rate.'),
        warmup: z.int().min(0).default(0).describe('Counts at the start over which the rate rises linearly.'),
      })
      .describe('A straight line from the rate to the lowest, after a linear rise.'),
  ])
  .describe('How the learning rate changes. Constant when absent.');

const classWeights = z
  .array(z.number().min(1e-9).max(1e9))
  .min(2)
  .max(100)
  .optional()
  .describe(
    "Weight of each level's rows in the loss, in the label's order; a mean is taken over rows, so the weights scale the loss. All 1 when absent.",
  );
const smoothing = z
  .number()
  .min(0)
  .lt(1)
  .optional()
  .describe('Share of each label spread evenly over all levels (Szegedy et al. 2016). None when absent.');

const loss = z
  .discriminatedUnion('kind', [
    z
      .strictObject({ kind: z.literal('cross-entropy'), classWeights, smoothing })
      .describe('Cross-entropy from logits, of the sigmoid (binary) or the softmax (multiclass).'),
    z
      .strictObject({
        kind: z.literal('focal'),
        gamma: z.number().min(0).max(10).default(2).describe('How much less an easy row counts.'),
        classWeights,
      })
      .describe('Focal loss (Lin et al. 2017), binary or multiclass.'),
    z.strictObject({ kind: z.literal('squared') }).describe('Squared error, without a factor 1/2.'),
    z
      .strictObject({
        kind: z.literal('huber'),
        delta: z
          .number()
          .min(least)
          .default(1)
          .describe("Error, in the label's unit, beyond which the loss is linear."),
      })
      .describe('Huber loss: half the squared error up to delta, linear beyond.'),
    z
      .strictObject({
        kind: z.literal('cox'),
        ties: z
          .enum(['breslow', 'efron'])
          .default('efron')
          .describe('How events at the same time are treated: after Breslow (1974) or Efron (1977).'),
      })
      .describe('Negative log partial likelihood of Cox, over the rows of the batch, divided by their number.'),
    z
      .strictObject({ kind: z.literal('ordinal') })
      .describe('Negative log likelihood of the proportional-odds model (McCullagh 1980).'),
  ])
  .describe(
    'What is minimised. When absent: cross-entropy, squared error (regression), cox with ties after Efron (survival), ordinal.',
  );

/** Most patterns with *, each of which is held against every tensor. */
const mostPatterns = 200;

/** Names of tensors, and patterns for them. */
const tensorNames = z
  .array(lineOfText(200))
  .max(10_000)
  .refine((names) => names.filter((one) => one.includes('*')).length <= mostPatterns, {
    message: `must not have more than ${mostPatterns} entries with *`,
  });

const trainable = z
  .union([
    z.literal('all'),
    z.literal('last-layer'),
    z
      .strictObject({
        names: tensorNames.min(1).describe('Names of tensors; * stands for any characters.'),
      })
      .describe('The tensors named.'),
    z
      .strictObject({
        lora: z
          .strictObject({
            rank: z.int().min(1).max(512).describe('Rank of each adapter.'),
            alpha: z
              .number()
              .positive()
              .optional()
              .describe('The adapter is scaled by alpha / rank; alpha is the rank when absent.'),
            on: tensorNames
              .min(1)
              .default(['*'])
              .describe('Names of matrices that get an adapter; * stands for any characters.'),
            and: tensorNames
              .default([])
              .describe('Names of further tensors trained as a whole, such as the last layer.'),
          })
          .describe('Low-rank adapters (Hu et al. 2022): w + (alpha / rank) · A · B, A and B trained, w not.'),
      })
      .describe('Low-rank adapters on matrices.'),
  ])
  .describe('Which tensors are trained. Only those travel; the others stay as they are at the start. all when absent.');

/** Local training of one round. Optimiser state starts anew each round: sites are stateless between rounds. */
export const trainingSchema = z
  .strictObject({
    loss: loss.optional(),
    optimiser,
    schedule: schedule.optional(),
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
    clipNorm: z
      .number()
      .min(least)
      .optional()
      .describe(
        'Gradients of a step are scaled down to this L2 norm over all tensors when theirs is larger. No limit when absent.',
      ),
    perExampleClip: z
      .number()
      .min(least)
      .optional()
      .describe(
        "Each row's own gradient is scaled down to this L2 norm before the mean is taken, as differential privacy needs. It alone is not differential privacy: no noise is added. No limit when absent.",
      ),
    trainable: trainable.optional(),
    earlyStopping: z
      .strictObject({
        share: z
          .number()
          .gt(0)
          .max(0.5)
          .describe("Share of the site's training patients set aside to validate, drawn from the seed."),
        patience: z
          .int()
          .min(1)
          .max(1000)
          .default(3)
          .describe('Epochs without a better validation loss after which training stops.'),
        minimumDelta: z.number().min(0).default(0).describe('How much lower a loss must be to count as better.'),
      })
      .optional()
      .describe(
        'Stops a round early and keeps the weights of the epoch with the lowest validation loss. Off when absent.',
      ),
    precision: z
      .enum(['float32', 'mixed'])
      .optional()
      .describe(
        'mixed: matrix products and activations in float16 on engines with a GPU, weights and updates in float32; other engines compute in float32. float32 when absent.',
      ),
    seed: z
      .int()
      .min(0)
      .max(0xffff_ffff)
      .describe('Every reproducible stream (initial weights, batch order) comes from this number.'),
  })
  .describe('Local training of one round.');

export type TrainingSpec = z.infer<typeof trainingSchema>;
