import { z } from 'zod';

const share = z.number().min(0).max(1);

/**
 * The rules of the gate. A plan carries the consortium's; a hospital may use its own file, which may only be stricter.
 * No figure of the gate stands in code: an absent field takes the default written here, and the canonical form holds every figure.
 */
export const policySchema = z.strictObject({
  wardround: z.literal('policy/1'),
  name: z.string().min(1).max(100).default('default'),
  auroc: z
    .strictObject({
      /** Non-inferiority margin, in AUROC. Stricter: smaller. */
      margin: z.number().min(0).max(0.5).default(0.02),
      /** Absolute floor for the new model's AUROC: rejected when the estimate lies below it. Stricter: larger. */
      floor: share.default(0.7),
    })
    .prefault({}),
  /** Fewest judged events and non-events to accept. Stricter: larger. */
  minimumEvents: z.int().min(1).default(100),
  minimumNonEvents: z.int().min(1).default(100),
  calibration: z
    .strictObject({
      /** The 95% interval of the calibration slope must meet this range. Stricter: narrower. */
      slope: z.tuple([z.number(), z.number()]).default([0.8, 1.25]),
      /** The 95% interval of the calibration intercept (in the large, log odds) must meet this range. Stricter: narrower. */
      intercept: z.tuple([z.number(), z.number()]).default([-0.22, 0.22]),
      /** Outcome when either is missed. Stricter: reject. */
      onFailure: z.enum(['hold', 'reject']).default('reject'),
    })
    .prefault({}),
  shift: z
    .strictObject({
      /** Benjamini-Hochberg level over all columns of the report. Stricter: larger. */
      falseDiscoveryRate: share.default(0.05),
      /** A column is named as shifted when it is found at that level and its PSI reaches this. Stricter: smaller. */
      psi: z.number().min(0).default(0.2),
      /** A found shift: `report` only names it, `hold` holds the release until a person has looked. Stricter: hold. */
      onFound: z.enum(['report', 'hold']).default('report'),
      /** A suspected change of unit or coding against the site's own training rows holds the release: fix the data. Stricter: hold. */
      onUnitChange: z.enum(['report', 'hold']).default('hold'),
    })
    .prefault({}),
  missingness: z
    .strictObject({
      /** A column's missing rate among judged rows may reach the larger of these two. Stricter: smaller. */
      maximumRate: share.default(0.1),
      /** Multiple of the consortium's reference missing rate. */
      referenceMultiple: z.number().min(1).default(2),
      onFailure: z.enum(['report', 'hold']).default('hold'),
    })
    .prefault({}),
  /** Whether a judgement on a declared holdout, not on later patients, may accept. Stricter: false. */
  acceptRetrospective: z.boolean().default(false),
  /** Days after which a hold becomes a reject. Stricter: smaller. */
  holdDays: z.int().min(1).max(3650).default(90),
});

export type Policy = z.infer<typeof policySchema>;
