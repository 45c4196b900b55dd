import { z } from 'zod';
import { digestText, maximumBins, maximumColumns, rowCount, shortText, siteNameText } from './bounds.ts';
import type { Preprocessing, SiteSummary } from './preprocessing.ts';

const columnSummary = z.strictObject({
  name: shortText,
  sums: z.strictObject({ count: z.int().min(1), sum: z.number(), sumOfSquares: z.number().min(0) }).nullable(),
  counts: z.array(rowCount.nullable()).min(2).max(maximumBins),
});

/** Checks a site's summary on receipt: strict, every number finite, every list bounded. Against its plan: `summaryProblems`. */
export const siteSummarySchema: z.ZodType<SiteSummary> = z.strictObject({
  wardround: z.literal('summary/1'),
  plan: digestText,
  rows: rowCount.nullable(),
  labelCounts: z.array(rowCount.nullable()).max(maximumBins).nullable(),
  columns: z.array(columnSummary).min(1).max(maximumColumns),
});

const columnReference = z.strictObject({
  name: shortText,
  count: rowCount,
  mean: z.number(),
  scale: z.number().positive(),
  estimatedFrom: z.enum(['counts', 'range']).exactOptional(),
  referenceCounts: z.array(rowCount).min(2).max(maximumBins),
  referenceGroups: z
    .array(z.array(z.int().min(0)).min(2).max(maximumBins))
    .max(maximumBins)
    .exactOptional(),
  referenceSites: z.array(siteNameText).max(10_000).exactOptional(),
});

/** Checks a preprocessing object that came over the wire: strict, every number finite, every list bounded. */
export const preprocessingSchema: z.ZodType<Preprocessing> = z.strictObject({
  wardround: z.literal('preprocessing/1'),
  plan: digestText,
  columns: z.array(columnReference).min(1).max(maximumColumns),
  rows: rowCount,
  sites: z.array(siteNameText).max(10_000),
  labelCounts: z.array(rowCount).max(maximumBins).nullable(),
  labelSites: z.array(siteNameText).max(10_000).exactOptional(),
});
