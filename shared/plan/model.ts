import { z } from 'zod';
import { networkSchema } from './network.ts';
import { lineOfText } from './text.ts';

const width = z.int().min(1).max(8192);
const activation = z
  .enum(['relu', 'tanh', 'sigmoid', 'leaky-relu', 'elu', 'gelu', 'hard-swish'])
  .default('relu')
  .describe('After each hidden layer.');
const dropout = z
  .number()
  .min(0)
  .lt(1)
  .optional()
  .describe('Share of hidden values set to zero in training, the others scaled up. None when absent.');
const normalisation = z
  .enum(['none', 'batch', 'group'])
  .default('group')
  .describe(
    'Between a convolution and its activation. batch mixes the rows of a batch and carries running means; group does neither, and suits federated learning better.',
  );

/** `logistic` is the generalised linear model of the task: logistic, multinomial, proportional-odds or linear regression. */
export const modelSchema = z
  .discriminatedUnion('family', [
    z
      .strictObject({ family: z.literal('logistic') })
      .describe(
        'The generalised linear model of the task: logistic, multinomial logistic, proportional-odds or linear regression.',
      ),
    z
      .strictObject({ family: z.literal('cox') })
      .describe('Cox proportional hazards: a linear log hazard ratio without intercept. For survival tasks.'),
    z
      .strictObject({
        family: z.literal('mlp'),
        hidden: z.array(width).min(1).max(16).describe('Width of each hidden layer, in order.'),
        activation,
        embeddings: z
          .array(
            z
              .strictObject({
                column: z.string().describe('A categorical column of this plan.'),
                width: z.int().min(1).max(512).describe('Numbers a level is turned into.'),
              })
              .describe('A trained vector a level.'),
          )
          .min(1)
          .max(100)
          .optional()
          .describe('Categorical columns given a trained vector a level instead of one 0/1 column a level.'),
        dropout,
      })
      .describe('A network of fully connected layers.'),
    z
      .strictObject({
        family: z.literal('tcn'),
        channels: z
          .array(width)
          .min(1)
          .max(16)
          .describe('Channels of each block, in order; block b looks back 2^b steps a tap.'),
        kernel: z.int().min(2).max(16).default(3).describe('Taps of each convolution.'),
        activation,
        dropout,
      })
      .describe('Temporal convolution: causal, dilated, with residual connections. For series.'),
    z
      .strictObject({
        family: z.literal('gru'),
        hidden: width.describe('Width of the state.'),
        layers: z.int().min(1).max(4).default(1).describe('Layers, one upon the other.'),
        dropout,
      })
      .describe('A gated recurrent network; the last state is read. For series.'),
    z
      .strictObject({
        family: z.literal('cnn'),
        channels: z
          .array(width)
          .min(1)
          .max(8)
          .describe('Channels of each block: a 3 x 3 convolution, activation, 2 x 2 maximum.'),
        hidden: z.array(width).max(4).default([]).describe('Fully connected layers after the convolutions.'),
        activation,
        normalisation: normalisation.default('none'),
        dropout,
      })
      .describe('A convolutional network. For images.'),
    z
      .strictObject({
        family: z.literal('resnet'),
        channels: z
          .array(width)
          .min(1)
          .max(6)
          .describe('Channels of each stage; each after the first halves the image.'),
        blocks: z.int().min(1).max(8).default(2).describe('Residual blocks a stage, two 3 x 3 convolutions each.'),
        normalisation,
      })
      .describe('A residual network (He et al. 2016). For images.'),
    z
      .strictObject({
        family: z.literal('transformer'),
        width: width.describe('Width of the representation; a multiple of heads.'),
        heads: z.int().min(1).max(64).describe('Attention heads.'),
        blocks: z.int().min(1).max(24).describe('Encoder blocks, each with the normalisation first.'),
        feedForward: width.optional().describe('Width inside a block; four times the width when absent.'),
        dropout,
      })
      .describe('A transformer encoder; the mean over the steps is read. For series.'),
    z
      .strictObject({
        family: z.literal('onnx'),
        file: lineOfText(200)
          .optional()
          .describe(
            'The ONNX file, relative to the plan. Read when the plan is; what it holds becomes part of the plan as network.',
          ),
        network: networkSchema
          .optional()
          .describe('The network as read from the file: inputs, parameters and operators. Written by Wardround.'),
        weights: z
          .string()
          .regex(/^[0-9a-f]{64}$/)
          .optional()
          .describe(
            "SHA-256 of the file's own weights as safetensors, from which training starts. Written by Wardround.",
          ),
      })
      .describe('A network brought as an ONNX file.'),
  ])
  .describe('The model family.');

export type ModelSpec = z.infer<typeof modelSchema>;
