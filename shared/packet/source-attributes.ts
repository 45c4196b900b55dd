import { entry, open, type PacketDocument, said } from './document.ts';
import {
  acceptanceCriteria,
  exclusions,
  externalPerformance,
  externalSubgroups,
  inputs,
  monitoring,
  noticesRecord,
  outcome,
  performance,
  planSource,
  policySource,
  purpose,
  shiftFound,
  softwareSource,
  subgroupPerformance,
  trainingRecord,
  updateText,
} from './facts.ts';
import { type PacketRecord, policyOf } from './record.ts';

const provider = 'the manufacturer or provider' as const;

/** The 31 source attributes of a predictive decision support intervention, 45 CFR 170.315(b)(11)(iv)(B)(1) to (9). */
export function sourceAttributes(record: PacketRecord): PacketDocument {
  const { threshold } = record.plan.plan.gate.netBenefit;
  const { monitor } = policyOf(record);
  return {
    name: 'hti-1-source-attributes',
    title: 'HTI-1 source attributes',
    framework:
      'US 45 CFR 170.315(b)(11)(iv)(B): 31 attributes in nine groups. Numbers as in the rule; what each asks is in our words.',
    introduction: 'Pre-filled where something is on record.',
    sections: [
      {
        title: '(1) Details and output',
        entries: [
          entry('(1)(i)', 'Developer and contact.', open('Name and contact of the developer.', provider)),
          entry('(1)(ii)', 'Funding of development.', open('Funding source.', provider)),
          entry(
            '(1)(iii)',
            'Value produced as output.',
            outcome(record),
            said('A probability of it.', planSource(record)),
          ),
          entry('(1)(iv)', 'Kind of output.', said('A prediction.', planSource(record))),
        ],
      },
      {
        title: '(2) Purpose',
        entries: [
          entry('(2)(i)', 'Intended use.', purpose(record)),
          entry('(2)(ii)', 'Intended patients.', purpose(record)),
          entry('(2)(iii)', 'Intended users.', open('Intended users.', provider)),
          entry(
            '(2)(iv)',
            'Role in decisions.',
            threshold === null
              ? open('The role in decisions; no operating threshold is set.', provider)
              : said(`Operating threshold ${threshold}.`, planSource(record)),
            threshold === null ? null : open('Whether it informs, augments or replaces a judgement.', provider),
          ),
        ],
      },
      {
        title: '(3) Cautioned out-of-scope use',
        entries: [
          entry(
            '(3)(i)',
            'Tasks, situations and people it is not for.',
            purpose(record),
            open('Tasks, situations and people it is not for, beyond the purpose.', provider),
          ),
          entry(
            '(3)(ii)',
            'Known risks, unsuitable settings and uses, limits.',
            shiftFound(record),
            open('Known risks and limits.', provider),
          ),
        ],
      },
      {
        title: '(4) Development details and input features',
        entries: [
          entry(
            '(4)(i)',
            'Criteria that made the training rows.',
            trainingRecord(record),
            open('Inclusion and exclusion criteria of the query at each hospital.', 'the hospital'),
          ),
          entry(
            '(4)(ii)',
            'Input features, among them those on demography and social circumstances.',
            inputs(record),
            open('Which inputs are such features, where their names do not say so.', provider),
          ),
          entry(
            '(4)(iii)',
            'How well training rows represent demography.',
            open('Demography of the training rows.', 'the hospital'),
          ),
          entry('(4)(iv)', 'How relevant training rows are to where it is used.', shiftFound(record)),
        ],
      },
      {
        title: '(5) Fairness in development',
        entries: [
          entry('(5)(i)', 'How output was made fair.', open('The approach.', provider)),
          entry(
            '(5)(ii)',
            'How bias is managed.',
            acceptanceCriteria(record),
            open('Measures in development.', provider),
          ),
        ],
      },
      {
        title: '(6) External validation',
        entries: [
          entry(
            '(6)(i)',
            'Data source and setting other than training.',
            exclusions(record),
            ...externalPerformance(record),
          ),
          entry(
            '(6)(ii)',
            'Who validated.',
            said('Each hospital judges by itself, with a policy it has signed.', softwareSource(record)),
          ),
          entry('(6)(iii)', 'Demography of those data.', open('Demography of the judged patients.', 'the hospital')),
          entry('(6)(iv)', 'How it was validated.', acceptanceCriteria(record)),
        ],
      },
      {
        title: '(7) Quantitative measures',
        entries: [
          entry('(7)(i)', 'Validity in test data from the source of the training data.', performance(record)),
          entry('(7)(ii)', 'Fairness in those.', subgroupPerformance(record)),
          entry('(7)(iii)', 'Validity in external data.', ...externalPerformance(record)),
          entry('(7)(iv)', 'Fairness in external data.', externalSubgroups(record)),
          entry('(7)(v)', 'References to evaluations of outcomes of its use.', open('References.', provider)),
        ],
      },
      {
        title: '(8) Ongoing maintenance',
        entries: [
          entry('(8)(i)', 'How and how often validity is monitored.', monitoring(record)),
          entry('(8)(ii)', 'Validity in local data.', performance(record), noticesRecord(record)),
          entry(
            '(8)(iii)',
            'How and how often fairness is monitored.',
            said(
              `Within the plan's subgroups, with the other signals; validated again after at most ${monitor.maximumDays} days.`,
              policySource(record),
            ),
          ),
          entry('(8)(iv)', 'Fairness in local data.', subgroupPerformance(record)),
        ],
      },
      {
        title: '(9) Updates',
        entries: [
          entry(
            '(9)(i)',
            'How and how often it is updated.',
            said(
              `A further release comes when an operator starts a run. ${updateText(policyOf(record))}`,
              policySource(record),
            ),
            open('The schedule.', 'the consortium'),
          ),
          entry(
            '(9)(ii)',
            'How performance is corrected when risks to validity or fairness are found.',
            said(
              'A trigger starts a new judgement; harm shown puts the version before in use again; an allowed local update may repair calibration.',
              policySource(record),
            ),
          ),
        ],
      },
    ],
  };
}
