import { z } from 'zod';
import { lineOfText } from './text.ts';

const share = z.number().min(0).max(1);

/**
 * The rules of the gate. A plan carries the consortium's; a hospital may use its own file, which may only be stricter.
 * No figure of the gate stands in code: an absent field takes the default written here, and the canonical form holds every figure.
 */
export const policySchema = z
  .strictObject({
    wardround: z.literal('policy/1').describe('Format of this file.'),
    name: lineOfText(100).default('default').describe('Name in reports.'),
    auroc: z
      .strictObject({
        margin: z
          .number()
          .min(0)
          .max(0.5)
          .default(0.02)
          .describe(
            'Non-inferiority margin, in AUROC: how much worse than the model in use the new one may be. Stricter: smaller.',
          ),
        floor: share
          .default(0.7)
          .describe(
            "Absolute floor for the new model's AUROC: rejected when its 95% interval lies wholly below, held while only the estimate does. Stricter: larger.",
          ),
      })
      .prefault({})
      .describe('Discrimination.'),
    minimumEvents: z.int().min(1).default(100).describe('Fewest judged events to accept. Stricter: larger.'),
    minimumNonEvents: z.int().min(1).default(100).describe('Fewest judged non-events to accept. Stricter: larger.'),
    calibration: z
      .strictObject({
        slope: z
          .tuple([z.number(), z.number()])
          .default([0.8, 1.25])
          .describe('The 95% interval of the calibration slope must meet this range. Stricter: narrower.'),
        intercept: z
          .tuple([z.number(), z.number()])
          .default([-0.22, 0.22])
          .describe(
            'The 95% interval of the calibration intercept (in the large, log odds) must meet this range. Stricter: narrower.',
          ),
        onFailure: z
          .enum(['hold', 'reject'])
          .default('reject')
          .describe('Outcome when either is missed. Stricter: reject.'),
      })
      .prefault({})
      .describe('Whether predicted risks are true to size.'),
    shift: z
      .strictObject({
        falseDiscoveryRate: share
          .default(0.05)
          .describe('Benjamini-Hochberg level over all columns of the report. Stricter: larger.'),
        psi: z
          .number()
          .min(0)
          .default(0.2)
          .describe(
            'A column is named as shifted when it is found at that level and its population stability index reaches this. Stricter: smaller.',
          ),
        onFound: z
          .enum(['report', 'hold'])
          .default('report')
          .describe(
            'A found shift: report only names it, hold holds the release until a person has looked. Stricter: hold.',
          ),
        onUnitChange: z
          .enum(['report', 'hold'])
          .default('hold')
          .describe(
            "A suspected change of unit or coding against the site's own training rows: hold until the data are fixed. Stricter: hold.",
          ),
      })
      .prefault({})
      .describe("How far the site's patients differ from the consortium's training rows."),
    missingness: z
      .strictObject({
        maximumRate: share
          .default(0.1)
          .describe(
            "A column's missing rate among judged rows may reach this, or the next figure if that is larger. Stricter: smaller.",
          ),
        referenceMultiple: z
          .number()
          .min(1)
          .default(2)
          .describe("Multiple of the consortium's reference missing rate. Stricter: smaller."),
        onFailure: z
          .enum(['report', 'hold'])
          .default('hold')
          .describe('Outcome when a column misses more. Stricter: hold.'),
      })
      .prefault({})
      .describe('Missing values among the judged rows.'),
    acceptRetrospective: z
      .boolean()
      .default(false)
      .describe('Whether a judgement on a declared holdout, not on later patients, may accept. Stricter: false.'),
    holdDays: z
      .int()
      .min(1)
      .max(3650)
      .default(90)
      .describe('Days after which a hold becomes a reject. Stricter: smaller.'),
  })
  .describe('The rules by which a hospital takes, holds or refuses a released model.');

export type Policy = z.infer<typeof policySchema>;
