import { z } from 'zod';
import {
  digestText,
  maximumColumns,
  rowCount,
  sentence,
  share,
  shortText,
  siteNameText,
  siteVersionText,
} from './bounds.ts';
import { type Decision, type EvidenceFile, type Judgement, reasonCodes } from './judgement.ts';

export const figure = z.number().nullable();

export const estimate = z.strictObject({
  value: figure,
  low: figure,
  high: figure,
  standardError: z.number().min(0).nullable().exactOptional(),
  reason: shortText.exactOptional(),
});

export const columnShift = z.strictObject({
  column: shortText,
  against: z.enum(['consortium', 'own-training']),
  referenceSites: z.strictObject({ known: rowCount, of: rowCount }).exactOptional(),
  statistic: z.number().min(0).nullable(),
  degreesOfFreedom: z.int().min(1).nullable(),
  p: share.nullable(),
  adjustedP: share.nullable(),
  psi: z.number().min(0).nullable(),
  jensenShannon: share.nullable(),
  scaledWasserstein: z.number().min(0).nullable(),
  kolmogorov: share.nullable(),
  missingRate: share.nullable(),
  referenceMissingRate: share.nullable(),
  found: z.boolean(),
  large: z.boolean(),
  kind: z.enum(['distribution', 'missingness', 'unit', 'coding', 'constant', 'prevalence', 'levels']).nullable(),
  explanation: sentence.nullable(),
  reason: shortText.exactOptional(),
});

export const calibrationRules = {
  slope: estimate,
  intercept: estimate,
  observedExpected: estimate,
  ici: estimate,
  iciNull: z.number().min(0).nullable(),
};
const calibrationFigures = z.strictObject({
  ...calibrationRules,
  e50: z.number().min(0).nullable(),
  e90: z.number().min(0).nullable(),
  ece: estimate,
  spiegelhalter: z.strictObject({ z: z.number(), p: share }).nullable(),
  curve: z.array(z.strictObject({ predicted: share, observed: share, low: share, high: share })).max(200),
});
const performance = z.strictObject({
  auroc: estimate,
  aurocPlain: estimate,
  averagePrecision: estimate,
  brier: estimate,
  scaledBrier: estimate,
  logLoss: estimate,
  calibration: calibrationFigures,
  netBenefit: estimate,
  classification: z
    .strictObject({
      threshold: share,
      sensitivity: estimate,
      specificity: estimate,
      positivePredictive: estimate,
      negativePredictive: estimate,
    })
    .nullable(),
  decisionCurve: z
    .array(z.strictObject({ threshold: share, model: figure, treatAll: figure, interventionsAvoided: figure }))
    .max(200),
  risks: z.strictObject({ events: z.array(rowCount).max(100), nonEvents: z.array(rowCount).max(100) }),
});

export const paired = z.strictObject({ estimate, oneSidedLower: figure, twoSidedUpper: figure });
const change = z.strictObject({ difference: estimate, mcNemarP: share.nullable() });
const comparison = z.strictObject({
  auroc: paired,
  netBenefit: paired,
  sensitivity: change,
  specificity: change,
  bootstrap: z.strictObject({ estimate, resamples: z.int().min(1), seed: z.int().min(0) }).nullable(),
});

export const compared = z.strictObject({ new: estimate, current: estimate, difference: estimate });
const subgroup = z.strictObject({
  name: shortText,
  rows: rowCount,
  events: rowCount,
  nonEvents: rowCount,
  auroc: compared,
  sensitivity: compared,
  specificity: compared,
  observedExpected: estimate,
  resolvableMargin: z.number().min(0).nullable(),
});

export const conditions = z.array(z.strictObject({ column: shortText, text: sentence })).max(4);
const slice = z.strictObject({
  conditions,
  rows: rowCount,
  events: rowCount,
  loss: z.number(),
  lossElsewhere: z.number(),
  score: z.number(),
  p: share,
  adjustedP: share,
});
const lossLeaf = z.strictObject({ conditions, rows: rowCount, loss: z.number() });

const distanceTest = z.strictObject({ value: z.number(), p: share, rows: rowCount });
export const multivariate = z.strictObject({
  domainClassifier: estimate,
  leading: z.array(z.strictObject({ column: shortText, weight: z.number() })).max(20),
  meanDiscrepancy: distanceTest.nullable(),
  energy: distanceTest.nullable(),
  reconstruction: z.strictObject({ value: z.number(), p: share }).nullable(),
  scores: z.strictObject({ distance: share, p: share }).nullable(),
});

export const gap = z.strictObject({
  against: z.literal('own-training'),
  loss: z.strictObject({ reference: z.number(), site: z.number() }),
  terms: z
    .strictObject({
      covariateToShared: estimate,
      conditional: estimate,
      covariateFromShared: estimate,
      effectiveRows: z.strictObject({ reference: z.number().min(0), site: z.number().min(0) }),
    })
    .nullable(),
  termsReason: shortText.exactOptional(),
  labelShare: estimate,
  reading: z.enum(['none', 'covariate', 'label', 'concept', 'mixed']).nullable(),
  tests: z.strictObject({ covariates: share.nullable(), conditional: share.nullable(), withinClass: share.nullable() }),
  text: sentence.nullable(),
});

export const estimators = z.strictObject({ confidenceBased: estimate, adapted: estimate });
export const ladderStep = z.enum(['none', 'intercept', 'prior', 'logistic', 'isotonic', 'last_layer', 'full']);
const ladder = z.strictObject({
  updateRows: rowCount,
  updateEvents: rowCount,
  judgedFrom: z.iso.datetime().nullable(),
  rows: rowCount,
  events: rowCount,
  steps: z
    .array(
      z.strictObject({
        step: ladderStep,
        reason: shortText.nullable(),
        p: share.nullable(),
        calibration: z.strictObject(calibrationRules),
        auroc: estimate,
        loss: estimate,
        difference: paired,
        forgetting: estimate,
        gapClosed: estimate,
      }),
    )
    .max(7),
  chosen: ladderStep.nullable(),
  variant: z.strictObject({ version: siteVersionText, digest: digestText }).nullable(),
});

const packageRecord = z.strictObject({
  wardround: z.literal('package/1'),
  version: siteVersionText,
  digest: digestText,
  plan: digestText,
  parent: siteVersionText.nullable(),
  trainingCutoff: z.string().max(40).nullable(),
  valid: z.boolean(),
  problems: z.array(sentence).max(100),
});

const evidence = z.strictObject({
  wardround: z.literal('evidence/2'),
  site: siteNameText,
  plan: digestText,
  release: z.strictObject({ version: siteVersionText, digest: digestText }),
  current: z.strictObject({ version: siteVersionText, digest: digestText }).nullable(),
  kind: z.enum(['prospective', 'retrospective']),
  judgedFrom: z.iso.datetime().nullable(),
  judgedAt: z.iso.datetime(),
  task: z.enum(['binary', 'multiclass', 'ordinal', 'regression', 'survival']),
  rows: rowCount,
  events: rowCount.nullable(),
  nonEvents: rowCount.nullable(),
  excluded: z
    .record(z.string().regex(/^[a-z_]{1,40}$/), rowCount)
    .refine((reasons) => Object.keys(reasons).length <= 40, 'at most 40 reasons'),
  auroc: compared,
  difference: z.strictObject({ oneSidedLower: figure, twoSidedUpper: figure }),
  brier: z.strictObject({ new: estimate, current: estimate }),
  calibration: z.strictObject({ slope: estimate, intercept: estimate }),
  performance: z.strictObject({ new: performance, current: performance.nullable() }).nullable(),
  comparison: comparison.nullable(),
  subgroups: z.array(subgroup).max(100),
  slices: z.array(slice).max(50),
  lossTree: z.array(lossLeaf).max(16),
  prevalence: z.strictObject({ site: estimate, consortium: share.nullable(), ownTraining: share.nullable() }),
  // Two references a column, and the label's own rows.
  shift: z.array(columnShift).max(2 * (maximumColumns + 1)),
  multivariate: multivariate.nullable(),
  labelShift: z.strictObject({ hard: estimate, soft: estimate, expectationMaximisation: estimate }).nullable(),
  gap: gap.nullable(),
  unlabelled: z.strictObject({ rows: rowCount, auroc: estimators, brier: estimators }).nullable(),
  update: ladder.nullable(),
  data: z.strictObject({
    unseenLevels: z.array(z.strictObject({ column: shortText, rows: rowCount, share })).max(maximumColumns),
    pendingShare: share.nullable(),
    latestRowAt: z.iso.datetime().nullable(),
  }),
  resolvableMargin: z.number().min(0).nullable(),
  power: z.strictObject({
    eventsPerWeek: z.number().min(0).nullable(),
    eventsForMargin: z.number().min(0).nullable(),
    eventsForNetBenefit: z.number().min(0).nullable(),
  }),
  look: z.strictObject({
    number: z.int().min(1),
    informationFraction: share.nullable(),
    oneSidedLevel: share,
    twoSidedLevel: share,
    earlier: z.array(share).max(100),
  }),
  held: z.strictObject({ since: z.iso.datetime(), judgedAt: z.iso.datetime() }).exactOptional(),
});

const reason = z.strictObject({
  code: z.enum(reasonCodes),
  text: sentence,
  column: shortText.exactOptional(),
  subgroup: shortText.exactOptional(),
  settles: sentence.exactOptional(),
});

/** Checks a decision on receipt. */
export const decisionSchema: z.ZodType<Decision> = z.strictObject({
  decision: z.enum(['accept', 'hold', 'reject']),
  // Up to four reasons a column (missing rate, unit, unseen levels, shift) against each reference, two a subgroup, and a score of their own.
  reasons: z
    .array(reason)
    .min(1)
    .max(8 * (maximumColumns + 1) + 300),
  update: ladderStep.nullable(),
  review: z.boolean(),
  revalidateDays: z.int().min(1).nullable(),
  policy: digestText,
  package: digestText,
  evidence: digestText,
});

/** Checks a judgement: strict, every number finite, every list and text bounded. */
export const judgementSchema: z.ZodType<Judgement> = z.strictObject({
  decision: decisionSchema,
  package: packageRecord,
  evidence,
});

/** Checks a file that replays a decision; the policy in it is parsed by its own schema. */
export const evidenceFileSchema: z.ZodType<EvidenceFile> = z.strictObject({
  wardround: z.literal('evidence-file/1'),
  policy: z.unknown(),
  package: packageRecord,
  evidence,
  decision: decisionSchema,
});
