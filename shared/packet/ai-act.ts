import { entry, listed, open, type PacketDocument, said, tabled } from './document.ts';
import {
  acceptanceCriteria,
  exclusions,
  federationText,
  inputs,
  lineage,
  modelText,
  monitoring,
  noticesRecord,
  outcome,
  performance,
  planSource,
  policySource,
  prevalences,
  purpose,
  shiftFound,
  softwareSource,
  subgroupPerformance,
  trainingRecord,
  updatesRecord,
} from './facts.ts';
import { knownJudgements, type PacketRecord, policyOf, subjectFiles } from './record.ts';

const provider = 'the manufacturer or provider' as const;

/** Sections of Annex IV of Regulation (EU) 2024/1689 by their numbers. */
export function annexFour(record: PacketRecord): PacketDocument {
  const files = subjectFiles(record);
  return {
    name: 'ai-act-annex-iv',
    title: 'Technical documentation, Annex IV',
    framework:
      'Regulation (EU) 2024/1689 (AI Act), Article 11 and Annex IV, sections 1 to 9; kept for ten years (Article 18).',
    introduction:
      "What Wardround has on record for each section. Sections on the product around the model, its conformity and its risk management are the provider's.",
    sections: [
      {
        title: '1. General description',
        entries: [
          entry(
            '1(a)',
            'Intended purpose, provider, version and its relation to versions before.',
            purpose(record),
            ...lineage(record),
            open('Name and address of the provider.', provider),
          ),
          entry(
            '1(b)',
            'How it works with other hardware and software.',
            said(
              "One model file (ONNX, standard operators) takes the columns of the plan and gives a probability; it is run by the hospital's own agent over files or queries.",
              softwareSource(record),
            ),
            open('Which clinical systems it is built into.', provider),
          ),
          entry(
            '1(c)',
            'Versions of the software.',
            said(`Packet written by Wardround ${record.software}.`, softwareSource(record)),
            open('Versions of the software around it, and what updates ask for.', provider),
          ),
          entry(
            '1(d)',
            'Forms in which it is placed on the market.',
            files.length === 0
              ? open('The files of the release: they are on record at the coordinator.', 'the consortium')
              : tabled(
                  ['file', 'bytes', 'SHA-256'],
                  files.map(({ name, bytes, digest }) => [name, String(bytes), digest]),
                  'manifest of the release',
                ),
          ),
          entry(
            '1(e)',
            'Hardware it is meant to run on.',
            said('Any computer that runs Node 20.19 or later; no accelerator is needed.', softwareSource(record)),
          ),
          entry(
            '1(f)',
            'Pictures of a product it is part of.',
            open('Whether it is part of a product, and pictures of that.', provider),
          ),
          entry('1(g)', 'The interface shown to deployers.', open('The interface in which risks are shown.', provider)),
          entry('1(h)', 'Instructions for use.', open('The instructions for use.', provider)),
        ],
      },
      {
        title: '2. Elements of the system and its development',
        entries: [
          entry(
            '2(a)',
            'Methods and steps of development, and pre-trained systems used.',
            said(modelText(record.plan.plan), planSource(record)),
            said(federationText(record.plan.plan), planSource(record)),
            said(
              'No pre-trained system of others is used: weights start from the seed of the plan or from a release of the same plan name.',
              softwareSource(record),
            ),
          ),
          entry(
            '2(b)',
            'Design: what it optimises, for whom, its assumptions and trade-offs.',
            said(
              "It minimises the mean log loss (squared error for a numeric outcome) over the hospitals' training rows, weighted by capped row counts.",
              softwareSource(record),
            ),
            outcome(record),
            open('The rationale of these choices and their trade-offs.', provider),
          ),
          entry(
            '2(c)',
            'Architecture and computing resources.',
            said(
              'A coordinator folds weight updates; agents at the hospitals train, judge and run the model. See docs/architecture.md of the software.',
              softwareSource(record),
            ),
            open('Computing resources used in development and testing.', provider),
          ),
          entry(
            '2(d)',
            'Data: what is required, its origin, selection, labelling and cleaning.',
            inputs(record),
            trainingRecord(record),
            open(
              'Origin, scope and main characteristics of the training rows at each hospital, and how outcomes were established.',
              'the hospital',
            ),
          ),
          entry(
            '2(e)',
            'Human oversight measures.',
            said(oversight(record), policySource(record)),
            open('Oversight by the clinician who uses a risk: how it can be doubted and set aside.', provider),
          ),
          entry(
            '2(f)',
            'Changes pre-determined at the first assessment.',
            said('See the predetermined change-control plan in this packet (change-plan).', 'change-plan'),
          ),
          entry(
            '2(g)',
            'Validation and testing: data, metrics, logs, signed reports.',
            acceptanceCriteria(record),
            exclusions(record),
            performance(record),
            subgroupPerformance(record),
            open('Test reports dated and signed by the persons responsible.', provider),
          ),
          entry(
            '2(h)',
            'Cybersecurity.',
            listed(
              [
                "TLS 1.3 with certificates at both ends; a hospital's agent listens to nothing.",
                'Releases, approvals, local variants and statements of people are signed; each file is named by its SHA-256.',
                "Everything derived from rows is written to the hospital's ledger before it is sent; small counts are held back.",
              ],
              softwareSource(record),
            ),
            open('Cybersecurity of the systems around it.', provider),
          ),
        ],
      },
      {
        title: '3. Monitoring, functioning and control',
        entries: [
          entry(
            '3',
            'Capabilities and limits, accuracy for groups, foreseeable unintended outcomes, oversight, input specifications.',
            performance(record),
            subgroupPerformance(record),
            shiftFound(record),
            inputs(record),
            open(
              'Foreseeable unintended outcomes, and sources of risk to health, safety and fundamental rights.',
              provider,
            ),
          ),
        ],
      },
      {
        title: '4. Appropriateness of the metrics',
        entries: [
          entry(
            '4',
            'Why the performance metrics suit the system.',
            said(
              'Discrimination (AUROC), calibration (slope, in the large, observed over expected, a smoothed curve), net benefit at the operating threshold with a decision curve, and risk distributions by outcome decide; classification measures that are improper at a relevant threshold, such as accuracy and F1, and expected calibration error and average precision, are told and never decide (Van Calster et al., Lancet Digital Health 2025).',
              softwareSource(record),
            ),
            ...(policyOf(record).netBenefit.threshold === null
              ? [
                  open(
                    'The operating threshold: the risk from which one acts. Without it net benefit is not judged.',
                    provider,
                  ),
                ]
              : []),
            open('Why the margins are clinically right.', provider),
          ),
        ],
      },
      {
        title: '5. Risk management',
        entries: [
          entry(
            '5',
            'The risk management system (Article 9).',
            open('The risk management system.', provider),
            said(
              'Controls of the gate and the monitor that it can name are in sections 2(e), 2(g) and 9.',
              'this document',
            ),
          ),
        ],
      },
      {
        title: '6. Changes over the life cycle',
        entries: [
          entry(
            '6',
            'Relevant changes made through the life cycle.',
            lifecycle(record),
            updatesRecord(record),
            noticesRecord(record),
          ),
        ],
      },
      {
        title: '7. Standards',
        entries: [
          entry(
            '7',
            'Harmonised standards applied, or how else the requirements are met.',
            open('The list of standards.', provider),
          ),
        ],
      },
      {
        title: '8. Declaration of conformity',
        entries: [
          entry('8', 'Copy of the EU declaration of conformity (Article 47).', open('The declaration.', provider)),
        ],
      },
      {
        title: '9. Post-market evaluation',
        entries: [
          entry(
            '9',
            'How performance is evaluated after placing on the market (Article 72).',
            said('See the post-market monitoring plan in this packet (ai-act-article-72).', 'ai-act-article-72'),
            monitoring(record),
          ),
        ],
      },
    ],
  };
}

function oversight(record: PacketRecord): string {
  const { override, holdDays } = policyOf(record);
  return (
    'A hospital decides by its own signed policy which release it uses; a person may refuse any release and return to the version before at any time. ' +
    (override.roles.length < 2
      ? 'Nobody may accept a held release against the gate. '
      : `Two people in two different roles of ${override.roles.join(', ')} may together accept a held release; both statements are signed. `) +
    `A hold ends as a rejection after ${holdDays} days.`
  );
}

function lifecycle(record: PacketRecord) {
  const judgements = knownJudgements(record);
  const releases = record.consortium?.releases ?? record.site?.releases ?? [];
  if (releases.length === 0) return said('No release is on record.', 'releases');
  return tabled(
    ['release', 'digest', 'plan', 'made or received', 'decisions'],
    releases.map((release) => [
      release.version,
      release.digest.slice(0, 16),
      release.plan.slice(0, 16),
      'createdAt' in release ? release.createdAt : release.receivedAt,
      [
        ...judgements
          .filter(({ version }) => version === release.version)
          .map(({ site, decision }) => `${site}: ${decision}`),
        ...('notJudged' in release ? release.notJudged : []).map(
          ({ site, reason }) => `${site}: not judged (${reason})`,
        ),
      ].join(', '),
    ]),
    record.consortium === null ? 'model registry of the hospital' : 'release list of the coordinator',
  );
}

/** Post-market monitoring plan by the paragraphs of Article 72. */
export function articleSeventyTwo(record: PacketRecord): PacketDocument {
  return {
    name: 'ai-act-article-72',
    title: 'Post-market monitoring plan, Article 72',
    framework: 'Regulation (EU) 2024/1689 (AI Act), Article 72; part of the technical documentation (Annex IV 9).',
    introduction: 'What is collected, how it is analysed and what follows, from the signed policy and the record.',
    sections: [
      {
        title: '72(1): the system',
        entries: [
          entry(
            '72(1)',
            'A monitoring system in proportion to the technology and its risks.',
            monitoring(record),
            open('Why it is in proportion to the risks.', provider),
          ),
        ],
      },
      {
        title: '72(2): collection and analysis',
        entries: [
          entry(
            '72(2), data',
            'What is collected, actively and throughout the life of the system, and by whom.',
            listed(
              [
                'At each hospital: every new prediction with its time and version, and its outcome once known, kept at the hospital.',
                `Nothing of single patients leaves it; figures from fewer than ${record.plan.plan.federation.minimumCount} patients stay there.`,
                'At the consortium: decisions, shared figures and changes of state of every hospital.',
              ],
              softwareSource(record),
            ),
          ),
          entry(
            '72(2), analysis',
            'Whether it goes on meeting the requirements.',
            acceptanceCriteria(record),
            performance(record),
            prevalences(record),
          ),
          entry(
            '72(2), interaction',
            'Interaction with other AI systems.',
            open('Other AI systems it works with, and what is watched there.', provider),
          ),
          entry('72(2), findings', 'What was found so far.', noticesRecord(record), shiftFound(record)),
        ],
      },
      {
        title: '72(3): the plan',
        entries: [
          entry(
            '72(3), actions',
            'What follows from a finding.',
            listed(
              [
                `A warning: the model is watched. A trigger: it is judged again. Harm shown: the version before is used again by itself, and the consortium is told.`,
                `Validated again after at most ${policyOf(record).monitor.maximumDays} days, half of it after strong shift.`,
              ],
              policySource(record),
            ),
            open('Who reads the findings, how often, and who decides on corrective action.', provider),
          ),
          entry(
            '72(3), incidents',
            'Serious incidents (Article 73).',
            open('How serious incidents are recognised and reported.', provider),
          ),
        ],
      },
      {
        title: '72(4): other law',
        entries: [
          entry(
            '72(4)',
            'Monitoring under product law, such as for medical devices.',
            open('Whether and how it is part of monitoring under the medical device regulations.', provider),
          ),
        ],
      },
    ],
  };
}
