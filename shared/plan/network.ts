import { z } from 'zod';
import { lineOfText, plainLine } from './text.ts';

const name = lineOfText(200).refine((text) => text !== '__proto__' && plainLine(text) === text, {
  message: 'is no name: it holds what cannot be seen',
});
const length = z.int().min(0).max(67_108_864);
const shape = z.array(length).max(8);

const rowsMultiple = z
  .strictObject({ rows: z.int().min(1).max(1_048_576).describe('Times the number of rows.') })
  .describe('A length that grows with the rows.');

const constant = z
  .strictObject({
    name: name.describe('Name of the value.'),
    type: z.enum(['float', 'double', 'int64', 'int32', 'bool']).describe('Type of its elements.'),
    shape: shape.describe('Length of each axis; none for a single number.'),
    values: z
      .array(z.union([z.number(), z.enum(['Infinity', '-Infinity']), rowsMultiple]))
      .min(1)
      .max(20_000)
      .describe('Row-major; a single value stands everywhere.'),
  })
  .describe('Numbers that are part of the network and not trained.');

const attribute = z.union([
  z.strictObject({ int: z.int() }),
  z.strictObject({ float: z.number() }),
  z.strictObject({ ints: z.array(z.int()).max(4096) }),
  z.strictObject({ floats: z.array(z.number()).max(4096) }),
  z.strictObject({ string: z.string().regex(/^[A-Za-z0-9_,.> -]{0,200}$/) }),
]);

const node = z
  .strictObject({
    operator: z
      .string()
      .regex(/^[A-Z][A-Za-z0-9]{0,40}$/)
      .describe("The operator's name in ONNX."),
    inputs: z.array(name).max(512).describe('Values it takes, by name, in order.'),
    outputs: z.array(name).min(1).max(512).describe('Values it makes, by name, in order.'),
    attributes: z
      .record(z.string().regex(/^[a-z][A-Za-z_]{0,40}$/), attribute)
      .optional()
      .describe("The operator's attributes, each with its type."),
  })
  .describe('One use of an operator of ONNX set 17, or of GRU, LSTM, Dropout.');

/** A network read from an ONNX file, as data: what every site builds, and what a person can read. */
export const networkSchema = z
  .strictObject({
    source: z
      .strictObject({
        sha256: z
          .string()
          .regex(/^[0-9a-f]{64}$/)
          .describe('Of the ONNX file.'),
        producer: z
          .string()
          .max(80)
          .regex(/^[\x20-\x7e]*$/)
          .describe('What wrote it, in its own words.'),
        operatorSet: z.int().min(1).max(100).describe('ONNX operator set of the file.'),
      })
      .describe('Where it comes from.'),
    inputs: z
      .array(
        z.strictObject({
          name: z
            .enum(['features', 'payload'])
            .describe('features: the encoded columns; payload: the series or image.'),
          shape: z.array(length.min(1)).min(1).max(7).describe('Of one row.'),
        }),
      )
      .min(1)
      .max(2)
      .describe('What it reads of a row.'),
    parameters: z
      .array(
        z.strictObject({
          name: name.describe('Name of the tensor.'),
          shape: shape.describe('Length of each axis.'),
          role: z
            .enum(['weight', 'bias', 'buffer'])
            .describe('weight: with penalty and decay; bias: without; buffer: not trained by gradient.'),
        }),
      )
      .min(1)
      .max(10_000)
      .describe('Tensors of the starting weights, sorted by name.'),
    constants: z.array(constant).max(10_000).describe('What is fixed.'),
    nodes: z.array(node).min(1).max(10_000).describe('In an order in which each stands after those it depends on.'),
    output: name.describe('The value that is the logits or predictions, a row each.'),
    outputs: z.int().min(1).max(10_000).describe('Numbers it puts out a row.'),
    lastLayer: z.array(name).max(100).describe('Parameters of the last layer.'),
    changes: z
      .array(lineOfText(300))
      .max(20)
      .default([])
      .describe('What was changed when the file was read, such as a final softmax left out.'),
  })
  .describe('A network as read from an ONNX file.');

export type NetworkSpec = z.infer<typeof networkSchema>;
export type NetworkNode = NetworkSpec['nodes'][number];
export type NetworkConstant = NetworkSpec['constants'][number];
