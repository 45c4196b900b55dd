import { z } from 'zod';
import { lineOfText } from './text.ts';

const columnName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, 'must be a plain column name: a letter or _, then letters, digits or _');
const measure = z.number().min(-1e15).max(1e15);

const channel = z
  .strictObject({
    name: columnName.describe('Column of the series query.'),
    description: lineOfText(2000).optional().describe('What it means, for people; the computation ignores it.'),
    unit: lineOfText(64).describe('Unit of the values. Compared, as text, with the unit each site declares.'),
    range: z.tuple([measure, measure]).describe('Lowest and highest plausible value, both inclusive, in the unit.'),
    normal: measure.describe('Value used until the first measurement of a series, in the unit.'),
    scale: z.number().positive().describe('The network sees (value - normal) / scale.'),
  })
  .describe('One measured quantity of a series.');

/** What the network reads of a row beside its columns. Absent for tables. */
export const payloadSchema = z
  .discriminatedUnion('kind', [
    z
      .strictObject({
        kind: z.literal('series'),
        channels: z
          .array(channel)
          .min(1)
          .max(500)
          .describe('Measured quantities, in the order the network takes them.'),
        steps: z.int().min(2).max(4096).describe('Length of a series after it is laid on a regular grid.'),
        stepMinutes: z.number().positive().max(525_600).describe('Minutes between two steps.'),
        key: columnName.describe('Column of both queries that says which series belongs to which row.'),
        minute: columnName.describe(
          'Column of the series query: minutes since the start of the series, not below 0. Step s begins at s · stepMinutes; several values in it are averaged; a step without one takes the last before it. What lies beyond the last step is not read.',
        ),
        observed: z
          .boolean()
          .default(false)
          .describe('Adds a 0/1 channel a channel: whether the step has a measurement of its own.'),
        maximumMissingShare: z
          .number()
          .min(0)
          .max(1)
          .default(1)
          .describe('A series with a larger share of steps without any measurement makes its row a problem.'),
      })
      .describe('A series of measurements a row, such as the first 48 hours of a stay.'),
    z
      .strictObject({
        kind: z.literal('images'),
        file: columnName.describe(
          "Column of the query with the image's file name inside the site's image folder. 8 bits a channel, without transparency; turned as its EXIF orientation says.",
        ),
        width: z.int().min(4).max(1024).describe('Pixels. An image of another size makes its row a problem.'),
        height: z.int().min(4).max(1024).describe('Pixels. An image of another size makes its row a problem.'),
        channels: z
          .union([z.literal(1), z.literal(3)])
          .describe(
            '1: grey; a coloured file becomes its luma, 0.299 R + 0.587 G + 0.114 B. 3: red, green, blue; a grey file is repeated.',
          ),
        mean: z.array(z.number().min(0).max(255)).min(1).max(3).describe('A number a channel, of 0 to 255.'),
        scale: z
          .array(z.number().positive())
          .min(1)
          .max(3)
          .describe('A number a channel. The network sees (pixel - mean) / scale.'),
      })
      .describe('One image a row, PNG or JPEG.'),
  ])
  .describe('What the network reads of a row beside its columns.');

export type PayloadSpec = z.infer<typeof payloadSchema>;
export type SeriesPayload = Extract<PayloadSpec, { kind: 'series' }>;
export type ImagePayload = Extract<PayloadSpec, { kind: 'images' }>;

/** A column worked out from the payload, so that a shift of series or images is seen as that of any column. The network does not read it. */
export const summarySchema = z
  .strictObject({
    channel: z
      .union([columnName, z.int().min(0).max(2)])
      .describe('Channel of the series by name, or of the image by number.'),
    by: z
      .enum(['mean', 'standard-deviation', 'minimum', 'maximum', 'first', 'last', 'count'])
      .describe(
        'Over the steps of the series that have a measurement, or the pixels of the image (0 to 255). first, last and count are for series; count is of those steps.',
      ),
  })
  .describe('Computed from the payload instead of read from the query; watched for shift, not read by the network.');

export type SummarySpec = z.infer<typeof summarySchema>;

/** Shape of one row's payload as the network takes it: series [steps, channels], images [channels, height, width]. */
export function payloadShape(payload: PayloadSpec): readonly number[] {
  return payload.kind === 'series'
    ? [payload.steps, payload.channels.length * (payload.observed ? 2 : 1)]
    : [payload.channels, payload.height, payload.width];
}

/** The column of a site's query that says which series or image is the row's. */
export function rowColumn(payload: PayloadSpec): string {
  return payload.kind === 'series' ? payload.key : payload.file;
}
