import { entry, open, type PacketDocument, said } from './document.ts';
import {
  acceptanceCriteria,
  exclusions,
  federationText,
  inputs,
  modelText,
  outcome,
  performance,
  planSource,
  policySource,
  pooledPerformance,
  prevalences,
  purpose,
  shiftFound,
  softwareSource,
  subgroupPerformance,
  trainingRecord,
} from './facts.ts';
import { type PacketRecord, policyOf } from './record.ts';

const assessor = 'the assessor' as const;
const answers = (domain: string) =>
  open(`The answers to the signalling questions of this domain (${domain}) and its rating.`, assessor);

/** Answer sheet for PROBAST+AI: four domains for development (quality) and for evaluation (risk of bias), with what bears on them. */
export function probastSheet(record: PacketRecord): PacketDocument {
  const { plan } = record.plan;
  const { acceptRetrospective, looks } = policyOf(record);
  return {
    name: 'probast-ai',
    title: 'PROBAST+AI answer sheet',
    framework:
      'Moons et al., PROBAST+AI, BMJ 2025;388:e082505: 16 signalling questions on development and 18 on evaluation, in four domains each; applicability is rated for the first three.',
    introduction:
      'By domain, what on record bears on the questions. The questions themselves and their ratings are answered by an assessor, who was not part of the development; nothing is rated here.',
    sections: [
      {
        title: 'Model development: quality and applicability',
        entries: [
          entry(
            'D1 Participants and data sources',
            'Data sources, inclusions and exclusions.',
            trainingRecord(record),
            said(
              `A hospital with more than ${100 * plan.data.maximumProblemShare}% of rows that do not fit the contract does not train.`,
              planSource(record),
            ),
            answers('participants and data sources'),
          ),
          entry(
            'D2 Predictors',
            'Definition, the same for everybody, without knowledge of the outcome, there when the model is used.',
            inputs(record),
            said(
              'Units are compared as text with those each hospital declares; a suspected change of unit holds a release unless the policy says otherwise.',
              softwareSource(record),
            ),
            open(
              'Whether each predictor is known at the time of prediction, and measured without knowledge of the outcome.',
              'the hospital',
            ),
            answers('predictors'),
          ),
          entry(
            'D3 Outcome',
            'Definition, determination, the same for everybody, predictors not part of it, interval.',
            outcome(record),
            open('How the outcome is determined, and whether predictors are part of its definition.', 'the hospital'),
            answers('outcome'),
          ),
          entry(
            'D4 Analysis',
            'Sample size, missing data, choice of predictors, complexities, over-fitting, performance.',
            said(modelText(plan), planSource(record)),
            said(federationText(plan), planSource(record)),
            said(
              'No predictor is chosen by its relation to the outcome: the columns are fixed in the plan before training.',
              softwareSource(record),
            ),
            answers('analysis'),
          ),
          entry(
            'Applicability of the development',
            'Whether participants, predictors and outcome match the intended use.',
            purpose(record),
            answers('applicability'),
          ),
        ],
      },
      {
        title: 'Model evaluation: risk of bias and applicability',
        entries: [
          entry(
            'E1 Participants and data sources',
            'Data sources, inclusions and exclusions of the evaluation; apart from development.',
            exclusions(record),
            said(
              `Judged patients are later than the training of every version compared, one row a patient; patients whose earlier outcome may have trained a version are left out. Retrospective rows ${acceptRetrospective ? 'may' : 'may not'} accept a release.`,
              policySource(record),
            ),
            answers('participants and data sources'),
          ),
          entry(
            'E2 Predictors',
            'Assessed as in development.',
            inputs(record),
            shiftFound(record),
            answers('predictors'),
          ),
          entry(
            'E3 Outcome',
            'Determined as in development; its window closed.',
            outcome(record),
            prevalences(record),
            said(
              'A row judges only once its outcome window has closed, so that early events are not counted before non-events can be known.',
              softwareSource(record),
            ),
            answers('outcome'),
          ),
          entry(
            'E4 Analysis',
            'Sample size, missing data, all patients, calibration and discrimination, subgroups, repeated looks.',
            acceptanceCriteria(record),
            performance(record),
            pooledPerformance(record),
            subgroupPerformance(record),
            said(
              `Complete pairs: both models score the same patients. At most ${looks.maximum} looks at one release, the error spent over them.`,
              policySource(record),
            ),
            answers('analysis'),
          ),
          entry(
            'Applicability of the evaluation',
            'Whether participants, predictors and outcome of the evaluation match the intended use.',
            purpose(record),
            answers('applicability'),
          ),
        ],
      },
    ],
  };
}
