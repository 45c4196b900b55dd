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
    netBenefit: z
      .strictObject({
        threshold: share
          .nullable()
          .default(null)
          .describe(
            'Operating threshold: the predicted risk from which one acts. null: net benefit and classification are not judged. Set by the plan.',
          ),
        margin: z
          .number()
          .min(0)
          .max(1)
          .default(0.002)
          .describe('Non-inferiority margin of the net benefit at the operating threshold. Stricter: smaller.'),
        range: z
          .tuple([share, share])
          .default([0.05, 0.5])
          .describe('Lowest and highest threshold of the decision curve in reports.'),
      })
      .prefault({})
      .describe('Whether acting on the model does more good than harm (Vickers and Elkin 2006).'),
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
        observedExpected: z
          .tuple([z.number().min(0), z.number().min(0)])
          .default([0.8, 1.25])
          .describe('The 95% interval of observed over expected events must meet this range. Stricter: narrower.'),
        ici: z
          .number()
          .min(0)
          .max(1)
          .default(0.03)
          .describe(
            'Largest integrated calibration index: missed when its whole 95% interval is above it, and the index above what a perfectly calibrated model would show in so few patients 19 times in 20. Stricter: smaller.',
          ),
        onFailure: z
          .enum(['hold', 'reject'])
          .default('reject')
          .describe('Outcome when one of them is missed and no allowed update repairs it. Stricter: reject.'),
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
    data: z
      .strictObject({
        maximumUnseenShare: share
          .default(0.01)
          .describe(
            "Largest share of a categorical column's rows whose level the plan does not know. Stricter: smaller.",
          ),
        maximumPendingShare: share
          .default(0.2)
          .describe(
            'Largest share of patients whose outcome is not there although its window has closed. Stricter: smaller.',
          ),
        maximumAgeDays: z
          .int()
          .min(1)
          .max(36_500)
          .default(730)
          .describe('Most days between the latest judged patient and the judgement. Stricter: smaller.'),
        onFailure: z
          .enum(['report', 'hold'])
          .default('hold')
          .describe('Outcome when one of them is exceeded. Stricter: hold.'),
      })
      .prefault({})
      .describe('Whether the data can be judged on at all.'),
    subgroups: z
      .strictObject({
        minimumEvents: z.int().min(1).default(20).describe('Events (and non-events) from which a subgroup is judged.'),
        margin: z
          .number()
          .min(0)
          .max(1)
          .default(0.05)
          .describe('Largest drop in AUROC or sensitivity in a subgroup. Stricter: smaller.'),
        alpha: z
          .number()
          .gt(0)
          .max(0.5)
          .default(0.05)
          .describe("Familywise level (Holm) at which a subgroup's drop beyond the margin is shown. Stricter: larger."),
        protected: z
          .array(lineOfText(100))
          .max(100)
          .default([])
          .describe('Subgroups of the plan that must be judged before a model is accepted. Stricter: more of them.'),
        onUnjudged: z
          .enum(['report', 'hold'])
          .default('hold')
          .describe('A protected subgroup with too few events: only say so, or hold. Stricter: hold.'),
      })
      .prefault({})
      .describe("Groups named in the plan's data section."),
    slices: z
      .strictObject({
        falseDiscoveryRate: share
          .default(0.1)
          .describe('Benjamini-Hochberg level of the search for slices where the model fails; they are reported only.'),
        minimumRows: z.int().min(30).default(30).describe('Fewest patients of a slice.'),
        minimumEvents: z.int().min(11).default(11).describe('Fewest events of a slice.'),
      })
      .prefault({})
      .describe('Where the model fails; exploratory.'),
    review: z
      .strictObject({
        domainClassifier: share
          .default(0.7)
          .describe(
            'AUROC with which a classifier tells judged from earlier rows, from which a person reviews and the time to revalidation is halved. It never decides by itself. Stricter: smaller.',
          ),
      })
      .prefault({})
      .describe('Strong shift.'),
    looks: z
      .strictObject({
        maximum: z
          .int()
          .min(1)
          .max(20)
          .default(4)
          .describe('How often one release may be tested on growing data. Stricter: smaller.'),
        spending: z
          .enum(['pocock', 'obrien-fleming'])
          .default('pocock')
          .describe(
            'How the 5% error is spent over the looks (Lan and DeMets 1983): all of it once the margin can be resolved.',
          ),
      })
      .prefault({})
      .describe('A held release is judged again as patients come; repeated tests at full level are not allowed.'),
    update: z
      .strictObject({
        allowed: z
          .array(z.enum(['intercept', 'prior', 'logistic', 'isotonic', 'last_layer', 'full']))
          .max(6)
          .default([])
          .describe('Local updates that may repair a release at the site, in any order. Stricter: fewer.'),
        alpha: z.number().gt(0).max(0.5).default(0.05).describe('Level of the closed test between updates.'),
        updateShare: z
          .number()
          .min(0.1)
          .max(0.9)
          .default(0.5)
          .describe('Share of the judged patients, the earliest, that fits the update; the later ones judge it.'),
        isotonicMinimum: z
          .strictObject({
            rows: z.int().min(1).default(1000).describe('Fewest rows. Stricter: larger.'),
            events: z.int().min(1).default(200).describe('Fewest events. Stricter: larger.'),
          })
          .prefault({})
          .describe('What isotonic regression needs of the update set.'),
        forgettingMargin: z
          .number()
          .min(0)
          .max(1)
          .default(0.02)
          .describe(
            "Largest loss of AUROC of a locally trained update on the site's rows weighted to the consortium's case mix. Stricter: smaller.",
          ),
      })
      .prefault({})
      .describe('The adaptation ladder: the simplest allowed update that passes on later data.'),
    override: z
      .strictObject({
        roles: z
          .array(lineOfText(100))
          .max(20)
          .default([])
          .describe(
            'Roles that may together override a hold towards acceptance; two different ones by two people are needed. Fewer than two: nobody may. Stricter: fewer.',
          ),
      })
      .prefault({})
      .describe('What people may do against the table. Being stricter is always allowed.'),
    monitor: z
      .strictObject({
        falseAlarmRate: z
          .number()
          .gt(0)
          .max(0.5)
          .default(0.05)
          .describe(
            'Budget of false alarms over the life of one accepted model, all signals together. Stricter: larger.',
          ),
        lifetimePatients: z
          .int()
          .min(100)
          .max(10_000_000)
          .default(10_000)
          .describe('Patients a model is expected to see; thresholds are simulated for so many.'),
        brierTolerance: z
          .number()
          .min(0)
          .max(1)
          .default(0.02)
          .describe('How far the mean squared error may lie above the accepted level. Stricter: smaller.'),
        warnEvidence: z
          .number()
          .min(1)
          .default(5)
          .describe('E value from which the model is watched. Stricter: smaller.'),
        oddsRatio: z
          .number()
          .gt(1)
          .max(10)
          .default(2)
          .describe('Change of odds, up or down, that the CUSUM is tuned to find.'),
        windowPatients: z
          .int()
          .min(20)
          .max(100_000)
          .default(200)
          .describe('Patients of a window of observed over expected.'),
        windowWarn: z
          .number()
          .min(0)
          .default(2)
          .describe('|z| of a window from which the model is watched. Stricter: smaller.'),
        windowAlarm: z
          .number()
          .min(0)
          .default(3)
          .describe('|z| of a window from which the model is revalidated. Stricter: smaller.'),
        scaledWasserstein: z
          .number()
          .min(0)
          .default(0.2)
          .describe('Effect from which a shifted input counts. Stricter: smaller.'),
        jensenShannon: z
          .number()
          .min(0)
          .max(1)
          .default(0.1)
          .describe('The same for levels, as a distance. Stricter: smaller.'),
        priorRatio: z
          .tuple([z.number().gt(0), z.number().gt(0)])
          .default([0.5, 2])
          .describe('Range of the ratio of estimated to accepted prevalence. Stricter: narrower.'),
        volumeDeviations: z
          .number()
          .gt(0)
          .default(2)
          .describe(
            'Standard deviations of daily volume or latency from which the data pipe is watched. Stricter: smaller.',
          ),
        maximumDays: z
          .int()
          .min(1)
          .max(3650)
          .default(90)
          .describe('Days until a model must be validated again; halved after strong shift. Stricter: smaller.'),
      })
      .prefault({})
      .describe('After acceptance.'),
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
