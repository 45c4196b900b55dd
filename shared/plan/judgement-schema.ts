import { z } from 'zod';
import {
  digestText,
  maximumColumns,
  releaseVersionText,
  rowCount,
  sentence,
  share,
  shortText,
  siteNameText,
} from './bounds.ts';
import type { Judgement } from './judgement.ts';

const figure = z.number().nullable();

const estimate = z.strictObject({
  value: figure,
  low: figure,
  high: figure,
  standardError: z.number().min(0).nullable().exactOptional(),
  reason: shortText.exactOptional(),
});

const columnShift = z.strictObject({
  column: shortText,
  against: z.enum(['consortium', 'own-training']),
  referenceSites: z.strictObject({ known: rowCount, of: rowCount }).exactOptional(),
  statistic: z.number().min(0).nullable(),
  degreesOfFreedom: z.int().min(1).nullable(),
  p: share.nullable(),
  adjustedP: share.nullable(),
  psi: z.number().min(0).nullable(),
  missingRate: share.nullable(),
  referenceMissingRate: share.nullable(),
  found: z.boolean(),
  kind: z.enum(['distribution', 'missingness', 'unit', 'coding', 'constant', 'prevalence', 'levels']).nullable(),
  explanation: sentence.nullable(),
  reason: shortText.exactOptional(),
});

const versionAndDigest = z.strictObject({ version: releaseVersionText, digest: digestText });

const evidence = z.strictObject({
  wardround: z.literal('evidence/1'),
  site: siteNameText,
  plan: digestText,
  release: versionAndDigest,
  current: versionAndDigest.nullable(),
  package: z.strictObject({ valid: z.boolean(), problems: z.array(sentence).max(100) }),
  kind: z.enum(['prospective', 'retrospective']),
  judgedFrom: z.iso.datetime().nullable(),
  task: z.enum(['binary', 'multiclass', 'regression']),
  rows: rowCount,
  events: rowCount.nullable(),
  nonEvents: rowCount.nullable(),
  excluded: z
    .record(z.string().regex(/^[a-z_]{1,40}$/), rowCount)
    .refine((reasons) => Object.keys(reasons).length <= 40, 'at most 40 reasons'),
  auroc: z.strictObject({ new: estimate, current: estimate, difference: estimate }),
  difference: z.strictObject({ oneSidedLower: figure, twoSidedUpper: figure }),
  brier: z.strictObject({ new: estimate, current: estimate }),
  calibration: z.strictObject({ slope: estimate, intercept: estimate }),
  prevalence: z.strictObject({ site: estimate, consortium: share.nullable(), ownTraining: share.nullable() }),
  // Two references a column, and the label's own rows.
  shift: z.array(columnShift).max(2 * (maximumColumns + 1)),
  resolvableMargin: z.number().min(0).nullable(),
  held: z.strictObject({ since: z.iso.datetime(), judgedAt: z.iso.datetime() }).exactOptional(),
});

const reason = z.strictObject({
  code: z.enum([
    'package.invalid',
    'harm.auroc',
    'floor.auroc',
    'floor.uncertain',
    'calibration.failed',
    'data.missing_rate',
    'data.unit_change',
    'data.shift',
    'evidence.too_few_events',
    'evidence.too_few_non_events',
    'evidence.retrospective',
    'evidence.no_rows',
    'evidence.undefined',
    'evidence.task_not_judged',
    'noninferiority.not_shown',
    'hold.expired',
    'passed.all',
    'noted.shift',
    'noted.unit_change',
    'noted.prevalence',
    'noted.prevalence_change',
    'noted.missing_rate',
    'noted.first_model',
  ]),
  text: sentence,
  column: shortText.exactOptional(),
});

/** Checks a judgement on receipt: strict, every number finite, every list and text bounded. */
export const judgementSchema: z.ZodType<Judgement> = z.strictObject({
  decision: z.strictObject({
    decision: z.enum(['accept', 'hold', 'reject']),
    // Up to three reasons a column (missing rate, unit, shift) against each reference, and a dozen of their own.
    reasons: z
      .array(reason)
      .min(1)
      .max(6 * (maximumColumns + 1) + 20),
    policy: digestText,
    evidence: digestText,
  }),
  evidence,
});
