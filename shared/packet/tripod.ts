import { type Entry, entry, type Matter, open, type PacketDocument, said } from './document.ts';
import {
  acceptanceCriteria,
  exclusions,
  federationText,
  inputs,
  lineage,
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
  trainingRows,
  updatesRecord,
  updateText,
} from './facts.ts';
import { type PacketRecord, policyOf, subjectCard, subjectJudgements } from './record.ts';

const investigators = 'the clinical investigators' as const;
const provider = 'the manufacturer or provider' as const;

/** Answer sheet for TRIPOD+AI: 27 items with their parts, development and evaluation. */
export function tripodSheet(record: PacketRecord): PacketDocument {
  const { plan } = record.plan;
  const card = subjectCard(record);
  const rows = trainingRows(card);
  const judgements = subjectJudgements(record);
  const dates: Matter =
    plan.data.trainingCutoff === null
      ? said('The plan has no dates; each hospital declares a holdout.', planSource(record))
      : said(`Rows before ${plan.data.trainingCutoff} train, later ones judge.`, planSource(record));
  const item = (ref: string, asks: string, ...matter: readonly (Matter | null)[]): Entry => entry(ref, asks, ...matter);
  return {
    name: 'tripod-ai',
    title: 'TRIPOD+AI answer sheet',
    framework:
      'Collins et al., TRIPOD+AI statement, BMJ 2024;385:e078378: 27 items. Item numbers as published; what each asks is in our words.',
    introduction: 'Pre-filled where something is on record; the rest is for the authors of the report.',
    sections: [
      {
        title: 'Title and abstract',
        entries: [
          item('1', 'Title: development or evaluation, target population, outcome.', open('The title.', investigators)),
          item('2', 'Abstract.', open('The abstract (TRIPOD+AI for Abstracts).', investigators)),
        ],
      },
      {
        title: 'Introduction',
        entries: [
          item(
            '3a',
            'Healthcare context and rationale, existing models.',
            open('Context, rationale and existing models.', investigators),
          ),
          item(
            '3b',
            'Target population and purpose in the care pathway, intended users.',
            purpose(record),
            open('Intended users.', provider),
          ),
          item('3c', 'Known health inequalities between groups.', open('Known inequalities.', investigators)),
          item(
            '4',
            'Objectives: development, evaluation or both.',
            said('Both: federated development, and evaluation at each hospital before use.', softwareSource(record)),
          ),
        ],
      },
      {
        title: 'Methods',
        entries: [
          item(
            '5a',
            'Sources of data for development and evaluation, and their representativeness.',
            trainingRecord(record),
            open('The source at each hospital (registry, records, cohort) and whom it represents.', 'the hospital'),
          ),
          item('5b', 'Dates of data, follow-up.', dates, outcome(record)),
          item(
            '6a',
            'Setting: number and location of centres.',
            card === null
              ? open('The hospitals of the release: in its card, on record at the coordinator.', 'the consortium')
              : said(`${card.sites.length} hospitals trained: ${card.sites.join(', ')}.`, 'card of the release'),
            open('Level of care and location.', 'the hospital'),
          ),
          item(
            '6b',
            'Eligibility.',
            said(
              'One row a prediction; rows that do not fit the data contract are left out and counted.',
              planSource(record),
            ),
            exclusions(record),
            open('Clinical criteria of the query at each hospital.', 'the hospital'),
          ),
          item('6c', 'Treatments received.', open('Treatments and how they were handled.', 'the hospital')),
          item(
            '7',
            'Data preparation, similar across groups.',
            said(
              'The same rules for everybody: federated mean and standard deviation scale numeric columns, levels of the plan are coded 0/1, missing values as the plan says.',
              planSource(record),
            ),
            inputs(record),
          ),
          item(
            '8a',
            'Outcome, horizon, how and when assessed.',
            outcome(record),
            open('How the outcome is assessed.', 'the hospital'),
          ),
          item('8b', 'Qualifications of assessors where it is subjective.', open('Assessors.', 'the hospital')),
          item('8c', 'Blinding of outcome assessment.', open('Blinding.', 'the hospital')),
          item('9a', 'Choice of predictors.', open('Why these predictors.', investigators)),
          item(
            '9b',
            'Definition of predictors, how and when measured.',
            inputs(record),
            open('How and when each is measured.', 'the hospital'),
          ),
          item('9c', 'Qualifications of predictor assessors where subjective.', open('Assessors.', 'the hospital')),
          item(
            '10',
            'Sample size for development and evaluation.',
            rows === null
              ? open('Number of training rows: in the card.', 'the consortium')
              : said(`${rows} training rows in the summary round.`, 'card of the release'),
            said(
              `At least ${policyOf(record).minimumEvents} events and ${policyOf(record).minimumNonEvents} patients without to accept; every judgement states the margin its patients can resolve.`,
              policySource(record),
            ),
            open('Justification of the sample size of development.', investigators),
          ),
          item('11', 'Missing data.', inputs(record)),
          item(
            '12a',
            'Use and partition of data.',
            dates,
            said(
              'Local updates are fitted on earlier judged patients and judged on later ones.',
              softwareSource(record),
            ),
          ),
          item(
            '12b',
            'Handling of predictors in the analysis.',
            said('Numeric columns are scaled by federated figures; no other transformation.', softwareSource(record)),
          ),
          item(
            '12c',
            'Type of model, building steps, tuning, internal validation.',
            said(modelText(plan), planSource(record)),
            said(federationText(plan), planSource(record)),
            open('Rationale for the type, and tuning before the plan was fixed.', investigators),
          ),
          item(
            '12d',
            'Heterogeneity across clusters.',
            said(
              'Every hospital is judged by itself; the consortium pools by random effects with a prediction interval for a further hospital.',
              softwareSource(record),
            ),
          ),
          item('12e', 'Measures of performance and plots.', acceptanceCriteria(record)),
          item('12f', 'Updating after evaluation.', said(updateText(policyOf(record)), policySource(record))),
          item(
            '12g',
            'How predictions of the evaluation were made.',
            said("By the released file itself, on rows of the hospital's query.", softwareSource(record)),
          ),
          item(
            '13',
            'Class imbalance: whether and why it was handled.',
            said('No re-weighting or resampling by class.', softwareSource(record)),
            prevalences(record),
          ),
          item(
            '14',
            'Fairness: approaches and their rationale.',
            subgroupPerformance(record),
            open('Approaches to fairness in development and their rationale.', investigators),
          ),
          item(
            '15',
            'Output, and thresholds.',
            said(
              plan.gate.netBenefit.threshold === null
                ? 'A probability; no operating threshold is set.'
                : `A probability; operating threshold ${plan.gate.netBenefit.threshold}.`,
              planSource(record),
            ),
          ),
          item('16', 'Differences between development and evaluation data.', shiftFound(record)),
          item('17', 'Ethical approval and consent.', open('Approval or waiver, by hospital.', 'the hospital')),
        ],
      },
      {
        title: 'Open science',
        entries: [
          item('18a', 'Funding.', open('Funding.', investigators)),
          item('18b', 'Conflicts of interest.', open('Conflicts of interest.', investigators)),
          item(
            '18c',
            'Protocol.',
            said(
              `The plan ${record.plan.digest} fixes data, training, federation and gate before anything runs.`,
              planSource(record),
            ),
            open('Where a protocol can be read.', investigators),
          ),
          item('18d', 'Registration.', open('Registration.', investigators)),
          item(
            '18e',
            'Availability of data.',
            open('Whether and how rows can be had from each hospital; none left it.', 'the hospital'),
          ),
          item(
            '18f',
            'Availability of code.',
            said(`Wardround ${record.software}.`, softwareSource(record)),
            open('Where the code can be had.', provider),
          ),
          item('19', 'Patients and public.', open('Involvement of patients and the public.', investigators)),
        ],
      },
      {
        title: 'Results',
        entries: [
          item('20a', 'Flow of participants, with and without the outcome.', exclusions(record)),
          item(
            '20b',
            'Characteristics overall and by source.',
            prevalences(record),
            open('Characteristics of the participants of each hospital.', 'the hospital'),
          ),
          item('20c', 'Comparison of predictors between development and evaluation.', shiftFound(record)),
          item(
            '21',
            'Participants and outcome events in each analysis.',
            rows === null
              ? open('Training rows: in the card.', 'the consortium')
              : said(`Training rows: ${rows}.`, 'card of the release'),
            performance(record),
          ),
          item('22', 'The full model, or access to it.', ...lineage(record)),
          item(
            '23a',
            'Performance with intervals, also by subgroup.',
            performance(record),
            subgroupPerformance(record),
          ),
          item(
            '23b',
            'Heterogeneity of performance across clusters.',
            judgements.length < 2 ? null : performance(record),
            pooledPerformance(record),
          ),
          item('24', 'Results of updating.', updatesRecord(record)),
        ],
      },
      {
        title: 'Discussion',
        entries: [
          item('25', 'Interpretation, also with regard to fairness.', open('Interpretation.', investigators)),
          item('26', 'Limitations.', open('Limitations.', investigators)),
          item(
            '27a',
            'How poor or missing input is handled in use.',
            inputs(record),
            said('A row that does not fit the data contract is not scored, and is named.', softwareSource(record)),
          ),
          item('27b', 'Interaction and expertise that users need.', open('What users must know and do.', provider)),
          item('27c', 'Next steps for research.', open('Next steps.', investigators)),
        ],
      },
    ],
  };
}
