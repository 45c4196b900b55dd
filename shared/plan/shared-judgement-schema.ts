import { z } from 'zod';
import {
  digestText,
  maximumBins,
  maximumColumns,
  releaseVersionText,
  rowCount,
  sentence,
  share,
  shortText,
  siteNameText,
  siteVersionText,
} from './bounds.ts';
import { reasonCodes } from './judgement.ts';
import {
  calibrationRules,
  columnShift,
  compared,
  conditions,
  estimate,
  estimators,
  figure,
  gap,
  ladderStep,
  paired,
} from './judgement-schema.ts';
import { type SharedJudgement, withholdingReasons } from './shared-judgement.ts';

const count = rowCount.nullable();

const performance = z.strictObject({
  auroc: estimate,
  aurocPlain: estimate,
  averagePrecision: estimate,
  brier: estimate,
  scaledBrier: estimate,
  logLoss: estimate,
  calibration: z.strictObject({
    ...calibrationRules,
    e50: z.number().min(0).nullable(),
    e90: z.number().min(0).nullable(),
    ece: estimate,
    spiegelhalter: z.strictObject({ z: z.number(), p: share }).nullable(),
  }),
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
});

const distance = z.strictObject({ value: z.number(), p: share }).nullable();

const evidence = z.strictObject({
  wardround: z.literal('shared-evidence/1'),
  site: siteNameText,
  plan: digestText,
  release: z.strictObject({ version: releaseVersionText, digest: digestText }),
  current: z.strictObject({ version: siteVersionText, digest: digestText }).nullable(),
  kind: z.enum(['prospective', 'retrospective']),
  judgedFrom: z.iso.datetime().nullable(),
  judgedAt: z.iso.datetime(),
  task: z.enum(['binary', 'multiclass', 'ordinal', 'regression', 'survival']),
  rows: count,
  events: count,
  nonEvents: count,
  excluded: z
    .record(z.string().regex(/^[a-z_]{1,40}$/), count)
    .refine((reasons) => Object.keys(reasons).length <= 40, 'at most 40 reasons'),
  auroc: compared,
  difference: z.strictObject({ oneSidedLower: figure, twoSidedUpper: figure }),
  brier: z.strictObject({ new: estimate, current: estimate }),
  calibration: z.strictObject({ slope: estimate, intercept: estimate }),
  performance: z.strictObject({ new: performance, current: performance.nullable() }).nullable(),
  comparison: z
    .strictObject({
      auroc: paired,
      bootstrap: z.strictObject({ estimate, resamples: z.int().min(1) }).nullable(),
    })
    .nullable(),
  subgroups: z
    .array(
      z.strictObject({
        name: shortText,
        rows: count,
        events: count,
        nonEvents: count,
        auroc: compared,
        sensitivity: compared,
        specificity: compared,
        observedExpected: estimate,
        resolvableMargin: z.number().min(0).nullable(),
      }),
    )
    .max(100),
  slices: z.array(z.strictObject({ conditions, loss: z.number(), adjustedP: share })).max(50),
  prevalence: z.strictObject({ site: estimate, consortium: share.nullable(), ownTraining: share.nullable() }),
  // Two references a column, and the label's own rows.
  shift: z.array(columnShift).max(2 * (maximumColumns + 1)),
  multivariate: z
    .strictObject({
      domainClassifier: estimate,
      leading: z.array(z.strictObject({ column: shortText, weight: z.number() })).max(20),
      meanDiscrepancy: distance,
      energy: distance,
      reconstruction: distance,
      scores: z.strictObject({ distance: share, p: share }).nullable(),
    })
    .nullable(),
  labelShift: z.strictObject({ hard: estimate, soft: estimate, expectationMaximisation: estimate }).nullable(),
  gap: gap.nullable(),
  unlabelled: z.strictObject({ rows: count, auroc: estimators, brier: estimators }).nullable(),
  update: z
    .strictObject({
      updateRows: count,
      updateEvents: count,
      judgedFrom: z.iso.datetime().nullable(),
      rows: count,
      events: count,
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
    })
    .nullable(),
  data: z.strictObject({
    unseenLevels: z
      .array(z.strictObject({ column: shortText, rows: count, share: share.nullable() }))
      .max(maximumColumns),
    pendingShare: share.nullable(),
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

const scoreCells = z
  .strictObject({
    edges: z.array(share).max(201),
    events: z.array(rowCount).max(202),
    nonEvents: z.array(rowCount).max(202),
  })
  .refine(
    ({ edges, events, nonEvents }) => events.length === edges.length + 1 && nonEvents.length === edges.length + 1,
    'a histogram has one cell more than inner edges, of events and of non-events',
  );

const cells = z.strictObject({
  minimum: z.int().min(1),
  rows: count,
  classes: z.array(rowCount).max(100).nullable(),
  columns: z.array(z.strictObject({ name: shortText, counts: z.array(count).max(maximumBins) })).max(maximumColumns),
  scores: z.strictObject({ new: scoreCells.nullable(), current: scoreCells.nullable() }),
  embedding: z
    .strictObject({
      mean: z.array(z.number()).min(1).max(1024),
      rows: rowCount,
      noiseSd: z.number().min(0),
      epsilon: z.number().gt(0),
      delta: z.number().gt(0),
    })
    .nullable(),
  sums: z
    .array(
      z.strictObject({
        weighting: z.enum(['none', 'label']),
        weight: z.number().min(0),
        weightedLoss: z.number().min(0),
        squaredWeight: z.number().min(0),
      }),
    )
    .max(2),
});

/** Checks what a site shares of a judgement, on receipt: strict, every number finite, every list and text bounded. */
export const sharedJudgementSchema: z.ZodType<SharedJudgement> = z.strictObject({
  wardround: z.literal('shared-judgement/1'),
  decision: z.strictObject({
    decision: z.enum(['accept', 'hold', 'reject']),
    reasons: z
      .array(
        z.strictObject({
          code: z.enum(reasonCodes),
          text: sentence,
          column: shortText.exactOptional(),
          subgroup: shortText.exactOptional(),
        }),
      )
      .min(1)
      .max(8 * (maximumColumns + 1) + 300),
    update: ladderStep.nullable(),
    review: z.boolean(),
    revalidateDays: z.int().min(1).nullable(),
    policy: digestText,
    package: digestText,
    evidence: digestText.nullable(),
  }),
  package: z.strictObject({
    wardround: z.literal('package/1'),
    version: releaseVersionText,
    digest: digestText,
    plan: digestText,
    parent: siteVersionText.nullable(),
    trainingCutoff: z.string().max(40).nullable(),
    valid: z.boolean(),
  }),
  evidence,
  cells,
  withheld: z
    .array(z.strictObject({ what: sentence, why: z.enum(withholdingReasons) }))
    .max(8 * (maximumColumns + 1) + 1000),
});
