import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { chaiCard, chaiSchema } from '../../../shared/packet/chai-card.ts';
import { fhirDocument } from '../../../shared/packet/fhir-document.ts';
import { element, xmlDocument } from '../../../shared/packet/xml.ts';
import { packetRecord, sampleConsortium, sampleSite } from '../../support/packet.ts';

const folder = mkdtempSync(join(tmpdir(), 'wardround-card-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** libxml2's command. */
const validator: string = 'xmllint';

function has(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The public schema (https://mc.chai.org/v0.2/schema.xsd), without its reference to XML signatures, where somebody has put it. */
const schemaFile = process.env.WARDROUND_CHAI_SCHEMA;

function written(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const full = packetRecord({ site: sampleSite(), consortium: sampleConsortium() });
const bare = packetRecord({ release: null });
const cards = [
  ['full', chaiCard(full)],
  ['bare', chaiCard(bare)],
] as const;

/** Names of the elements below the root, in order, with their depth; optional ones that the card does not use are left out. */
function outline(xml: string, most: number): readonly string[] {
  const names: string[] = [];
  let depth = 0;
  for (const [, closing, name, selfClosing] of xml.matchAll(/<(\/?)([A-Za-z]+)(?: [^>]*?)?(\/?)>/g)) {
    if (closing === '/') depth -= 1;
    else {
      if (depth >= 1 && depth <= most) names.push(`${' '.repeat(depth - 1)}${name}`);
      if (selfClosing !== '/') depth += 1;
    }
  }
  return names;
}

const metric = (name: string): readonly string[] => [
  ` ${name}`,
  ...[
    'MetricGoal',
    'Results',
    'Interpretation',
    'TestType',
    'TestingDataDescription',
    'ValidationProcessAndJustification',
  ].map((child) => `  ${child}`),
];

// Order and names of schema v0.2.
const expected = [
  'BasicInfo',
  ...[' ModelName', ' ModelDeveloper', ' DeveloperContact'],
  'ReleaseInfo',
  ...[' ReleaseStage', ' ReleaseDate', ' ReleaseVersion', ' GlobalAvailability'],
  'ModelSummary',
  ...[' Summary', ' Keywords', '  Keyword', '  Keyword'],
  'UsesAndDirections',
  ...[
    ' IntendedUseAndWorkflow',
    ' PrimaryIntendedUsers',
    ' HowToUse',
    ' TargetedPatientPopulation',
    ' CautionedOutOfScopeSettings',
  ],
  'Warnings',
  ...[' KnownRisksAndLimitations', ' KnownBiasesOrEthicalConsiderations', ' ClinicalRiskLevel'],
  'TrustIngredients',
  ' AISystemFacts',
  ...[
    '  OutcomesAndOutputs',
    '  ModelType',
    '  FoundationModels',
    '  InputDataSource',
    '  OutputAndInputDataTypes',
    '  DevelopmentDataCharacterization',
    '  BiasMitigationApproaches',
    '  OngoingMaintenance',
    '  Security',
    '  Transparency',
  ],
  ' TransparencyInformation',
  ...['  FundingSource', '  StakeholdersConsulted'],
  'KeyMetrics',
  ...metric('UsefulnessUsabilityEfficacy'),
  ...metric('FairnessEquity'),
  ...metric('SafetyReliability'),
  'Resources',
  ...[' EvaluationReferences', ' PeerReviewedPublications', ' PatientConsentOrDisclosure'],
  'Bibliography',
];

describe.each(cards)('the CHAI model card, %s', (name, card) => {
  it('has the elements of schema v0.2 in their order', () => {
    expect(card).toContain(`<AppliedModelCard xmlns="${chaiSchema.namespace}">`);
    expect(outline(card, 3)).toEqual(expected);
    expect(card.match(/\bNaN\b|\bundefined\b(?!: )|\[object|Infinity/)).toBeNull();
  });

  it('says of funding, developer and risk level that they are not recorded', () => {
    for (const element_ of ['ModelDeveloper', 'FundingSource', 'ClinicalRiskLevel']) {
      expect(card).toContain(`<${element_}>Not recorded. To be stated by: the manufacturer or provider.</${element_}>`);
    }
  });

  it.skipIf(!has(validator))('is well formed (needs xmllint)', () => {
    execFileSync(validator, ['--noout', written(`${name}.xml`, card)]);
  });

  it.skipIf(!has(validator) || schemaFile === undefined)(
    'is valid by the published schema (needs xmllint, and the schema named by WARDROUND_CHAI_SCHEMA)',
    () => {
      execFileSync(validator, ['--noout', '--schema', schemaFile as string, written(`${name}-schema.xml`, card)], {
        stdio: 'pipe',
      });
    },
  );
});

describe('XML', () => {
  it('holds any text', () => {
    const text = xmlDocument(element('a', [element('b', `<c d="e">&\u0000\uD800 ok`), element('f', [])]), 'urn:x');
    expect(text).toContain('<b>&lt;c d="e"&gt;&amp;\uFFFD\uFFFD ok</b>');
    expect(text).toContain('<f/>');
  });
});

describe('metrics of the card', () => {
  it('are JSON with the figures on record', () => {
    const values = [...cards[0][1].matchAll(/<Label>([^<]*)<\/Label>\s*<ValueJson>([^<]*)<\/ValueJson>/g)].map(
      ([, label, value]) => [label, JSON.parse(value as string)],
    );
    expect(values).toContainEqual(['AUROC at north', { value: 0.84, low: 0.8, high: 0.88 }]);
    expect(values.map(([label]) => label)).toContain('AUROC among women at north');
  });
});

describe('the FHIR DocumentReference', () => {
  const card = chaiCard(full);
  const resource = fhirDocument(full, card) as {
    resourceType: string;
    status: string;
    docStatus: string;
    date: string;
    type: { coding: readonly { system: string; code: string }[] };
    category: readonly { coding: readonly { code: string }[] }[];
    masterIdentifier: { system: string; value: string };
    content: readonly {
      attachment: { contentType: string; data: string; size: number; hash: string; creation: string };
    }[];
  };

  // FHIR R4 4.0.1: status and content.attachment are required; instant and base64Binary by their patterns (datatypes.html).
  it('has what R4 requires, in its data types', () => {
    expect(resource.resourceType).toBe('DocumentReference');
    expect(['current', 'superseded', 'entered-in-error']).toContain(resource.status);
    expect(['preliminary', 'final', 'amended', 'entered-in-error']).toContain(resource.docStatus);
    expect(resource.date).toMatch(
      /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
    );
    expect(resource.content).toHaveLength(1);
    expect(resource.type.coding[0]?.code).toBe('AIModelCard');
    expect(resource.category[0]?.coding[0]?.code).toBe('AImodelCardCHAIformat');
    const empty = (value: unknown): boolean =>
      value === null ||
      value === '' ||
      (Array.isArray(value) && value.length === 0) ||
      (typeof value === 'object' && Object.values(value as object).some(empty));
    // R4 JSON: no property is null, empty text or an empty list.
    expect(Object.values(resource).some(empty)).toBe(false);
  });

  it('names the card by size and SHA-1, as R4 defines hash', () => {
    const { attachment } = resource.content[0] ?? { attachment: undefined };
    const bytes = Buffer.from(attachment?.data ?? '', 'base64');
    expect(bytes.toString('utf8')).toBe(card);
    expect(attachment?.size).toBe(bytes.byteLength);
    expect(attachment?.hash).toBe(createHash('sha1').update(bytes).digest('base64'));
    expect(attachment?.contentType).toBe('application/xml');
  });

  it('is final only when a hospital on record accepted the release', () => {
    expect(resource.docStatus).toBe('final');
    expect(fhirDocument(bare, card).docStatus).toBe('preliminary');
    // RFC 6920: the digest's bytes in base64url.
    expect(resource.masterIdentifier.value).toBe(
      `ni:///sha-256;${Buffer.from('b'.repeat(64), 'hex').toString('base64url')}`,
    );
  });
});
