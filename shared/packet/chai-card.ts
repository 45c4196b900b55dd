import { percentText } from '../report/figures.ts';
import type { Block, Matter } from './document.ts';
import {
  criteriaOf,
  estimateOf,
  exclusions,
  federationText,
  inputs,
  modelText,
  monitoring,
  outcome,
  shiftFound,
  trainingRecord,
  updateText,
} from './facts.ts';
import { type PacketRecord, policyOf, subjectCard, subjectJudgements } from './record.ts';
import { element, type XmlElement, xmlDocument } from './xml.ts';

/** Version of the schema the card is written in, and its namespace. */
export const chaiSchema = { version: 'v0.2', namespace: 'https://mc.chai.org/v0.2/schema.xsd' } as const;

const notRecorded = (by: string): string => `Not recorded. To be stated by: ${by}.`;
const provider = notRecorded('the manufacturer or provider');

// Text of the card may be Markdown; what comes from records must not become a table, a link or an image.
function plain(text: string): string {
  return text.replaceAll(/[\\`*_[\]|<>]/g, (character) => `\\${character}`).replaceAll(/\s+/g, ' ');
}

function markdown(block: Block): string {
  if (block.kind === 'text') return plain(block.text);
  if (block.kind === 'list') return block.items.map((item) => `- ${plain(item)}`).join('\n');
  const row = (cells: readonly string[]): string => `| ${cells.map(plain).join(' | ')} |`;
  return [row(block.columns), `|${block.columns.map(() => '---').join('|')}|`, ...block.rows.map(row)].join('\n');
}

function matterText(...matter: readonly Matter[]): string {
  return matter
    .map((one) =>
      'block' in one ? markdown(one.block) : `Not recorded. ${plain(one.what)} To be stated by: ${one.by}.`,
    )
    .join('\n\n');
}

interface Metric {
  readonly label: string;
  /** JSON of the figure: value, low, high; or a text that says why there is none. */
  readonly value: unknown;
}

function metric(
  name: string,
  goal: string,
  results: readonly Metric[],
  interpretation: string,
  record: PacketRecord,
): XmlElement {
  const given =
    results.length === 0
      ? [{ label: 'Not recorded', value: 'No hospital whose record is here has judged this release.' }]
      : results;
  return element(name, [
    element('MetricGoal', goal),
    element(
      'Results',
      given.map(({ label, value }) =>
        element('MetricResult', [element('Label', label), element('ValueJson', JSON.stringify(value))]),
      ),
    ),
    element('Interpretation', interpretation),
    element(
      'TestType',
      'Local validation at each hospital before use, on patients later than the training of every version compared; paired with the model in use.',
    ),
    element('TestingDataDescription', matterText(exclusions(record))),
    element(
      'ValidationProcessAndJustification',
      `Each hospital decides by rules it signed beforehand; the decision is a pure function of policy, package and evidence and can be replayed. Rules:\n${criteriaOf(
        policyOf(record),
      )
        .map((line) => `- ${plain(line)}`)
        .join('\n')}\n\n${notRecorded('the manufacturer or provider (why these goals)')}`,
    ),
  ]);
}

const figures = (estimate: {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly reason?: string;
}): unknown =>
  estimate.value === null
    ? { value: null, reason: estimate.reason ?? 'unknown' }
    : { value: estimate.value, low: estimate.low, high: estimate.high };

/** The CHAI Applied Model Card (Coalition for Health AI) of the release, in XML by schema v0.2. What is not on record says so. */
export function chaiCard(record: PacketRecord): string {
  const { plan } = record.plan;
  const policy = policyOf(record);
  const card = subjectCard(record);
  const judgements = subjectJudgements(record);
  const accepted = judgements.filter(({ decision }) => decision === 'accept').length;
  const decisions = judgements.map(({ site, decision }) => `${site}: ${decision}`).join(', ');
  const root = element('AppliedModelCard', [
    element('BasicInfo', [
      element('ModelName', plan.name),
      element('ModelDeveloper', provider),
      element('DeveloperContact', provider),
    ]),
    element('ReleaseInfo', [
      element(
        'ReleaseStage',
        `${notRecorded('the manufacturer or provider')} On record: ${judgements.length === 0 ? 'no decision of a hospital' : plain(decisions)}.`,
      ),
      element('ReleaseDate', card?.created ?? notRecorded('the consortium (card of the release)')),
      element(
        'ReleaseVersion',
        record.release === null
          ? 'none yet'
          : `${record.release.version} (SHA-256 of its manifest: ${record.release.digest})`,
      ),
      element('GlobalAvailability', provider),
    ]),
    element('ModelSummary', [
      element('Summary', plain(plan.purpose)),
      element('Keywords', [element('Keyword', 'federated learning'), element('Keyword', plan.task.kind)]),
    ]),
    element('UsesAndDirections', [
      element(
        'IntendedUseAndWorkflow',
        `${plain(plan.purpose)}\n\n${notRecorded('the manufacturer or provider (place in the workflow)')}`,
      ),
      element('PrimaryIntendedUsers', provider),
      element(
        'HowToUse',
        `The model takes the inputs of the plan and gives a probability.${plan.gate.netBenefit.threshold === null ? ' No operating threshold is set.' : ` Operating threshold: ${plan.gate.netBenefit.threshold}.`} ${provider}`,
      ),
      element('TargetedPatientPopulation', plain(plan.purpose)),
      element(
        'CautionedOutOfScopeSettings',
        `${provider}\n\nDifferences found at hospitals that judged it:\n\n${matterText(shiftFound(record))}`,
      ),
    ]),
    element('Warnings', [
      element(
        'KnownRisksAndLimitations',
        `${provider}\n\nDecisions on record: ${judgements.length === 0 ? 'none' : plain(decisions)}.`,
      ),
      element('KnownBiasesOrEthicalConsiderations', provider),
      element('ClinicalRiskLevel', provider),
    ]),
    element('TrustIngredients', [
      element('AISystemFacts', [
        element('OutcomesAndOutputs', matterText(outcome(record))),
        element('ModelType', plain(modelText(plan))),
        element('FoundationModels', 'None.'),
        element('InputDataSource', matterText(trainingRecord(record))),
        element('OutputAndInputDataTypes', matterText(inputs(record))),
        element(
          'DevelopmentDataCharacterization',
          `${plain(federationText(plan))}\n\n${notRecorded('the hospitals (characteristics of their patients)')}`,
        ),
        element(
          'BiasMitigationApproaches',
          `Subgroups of the plan: ${plan.data.subgroups.length === 0 ? 'none' : plain(plan.data.subgroups.map(({ name }) => name).join(', '))}. A shown loss beyond ${policy.subgroups.margin} in one of them rejects a release. ${provider}`,
        ),
        element('OngoingMaintenance', `${matterText(monitoring(record))}\n\n${plain(updateText(policy))}`),
        element(
          'Security',
          'Releases are signed and named by SHA-256; TLS 1.3 with certificates at both ends; rows stay at the hospital, and what leaves it is written to its ledger.',
        ),
        element(
          'Transparency',
          `Plan ${record.plan.digest}. Each hospital holds the evidence file of each decision, from which it can be replayed.`,
        ),
      ]),
      element('TransparencyInformation', [
        element('FundingSource', provider),
        element('StakeholdersConsulted', provider),
      ]),
    ]),
    element('KeyMetrics', [
      metric(
        'UsefulnessUsabilityEfficacy',
        `AUROC at least ${policy.auroc.floor} and not worse than the model in use by ${policy.auroc.margin}.`,
        judgements.flatMap(({ site, evidence }) => [
          { label: `AUROC at ${site}`, value: figures(evidence.auroc.new) },
          ...(evidence.current === null
            ? []
            : [{ label: `AUROC less that of the model in use at ${site}`, value: figures(evidence.auroc.difference) }]),
        ]),
        judgements.length === 0
          ? 'None on record.'
          : `${accepted} of ${judgements.length} hospitals on record accepted it.`,
        record,
      ),
      metric(
        'FairnessEquity',
        `No loss above ${policy.subgroups.margin} in AUROC or sensitivity in a subgroup.`,
        judgements.flatMap(({ site, evidence }) =>
          evidence.subgroups.map((group) => ({
            label: `AUROC among ${group.name} at ${site}`,
            value: figures(group.auroc.new),
          })),
        ),
        'Subgroups with fewer events than the policy asks for are reported and not judged.',
        record,
      ),
      metric(
        'SafetyReliability',
        `95% intervals of the calibration slope and of observed over expected meet ${policy.calibration.slope.join(' to ')} and ${policy.calibration.observedExpected.join(' to ')}.`,
        judgements.flatMap(({ site, evidence }) => {
          const calibration = evidence.performance?.new.calibration;
          return [
            { label: `Calibration slope at ${site}`, value: figures(calibration?.slope ?? evidence.calibration.slope) },
            ...(calibration === undefined
              ? []
              : [{ label: `Observed over expected at ${site}`, value: figures(calibration.observedExpected) }]),
          ];
        }),
        judgements.length === 0
          ? 'None on record.'
          : judgements
              .map(
                ({ site, evidence }) =>
                  `${plain(site)}: share of events ${estimateOf(evidence.prevalence.site)}, ${percentText(evidence.prevalence.consortium)} in the consortium`,
              )
              .join('; '),
        record,
      ),
    ]),
    element('Resources', [
      element(
        'EvaluationReferences',
        judgements.length === 0
          ? 'None on record.'
          : judgements
              .map(
                ({ source, evidenceDigest }) =>
                  `- ${plain(source)}${evidenceDigest === null ? '' : `, evidence ${evidenceDigest}`}`,
              )
              .join('\n'),
      ),
      element('PeerReviewedPublications', provider),
      element('PatientConsentOrDisclosure', notRecorded('the hospitals')),
    ]),
    element('Bibliography', ''),
  ]);
  return xmlDocument(root, chaiSchema.namespace);
}
