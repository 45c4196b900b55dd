import { createHash } from 'node:crypto';
import type { PacketRecord } from './record.ts';
import { subjectJudgements } from './record.ts';

/** HL7 AI Transparency on FHIR, STU1 ballot of January 2026: codes of model cards. */
const cardCodes = 'http://hl7.org/fhir/uv/aitransparency/CodeSystem/AImodelCardCS';

/**
 * A FHIR R4 DocumentReference to the model card, with the card inside. `hash` is the base64 of its SHA-1, as R4 defines it; the SHA-256
 * of every file of the packet is in its index. The release is named by its digest as an `ni` URI (RFC 6920).
 */
export function fhirDocument(record: PacketRecord, card: string): Readonly<Record<string, unknown>> {
  const bytes = Buffer.from(card, 'utf8');
  const { release, plan, madeAt } = record;
  const name = release === null ? plan.plan.name : release.version;
  const decided = subjectJudgements(record).some(({ decision }) => decision === 'accept');
  return {
    resourceType: 'DocumentReference',
    ...(release === null
      ? {}
      : {
          identifier: [{ value: release.version }],
          masterIdentifier: {
            system: 'urn:ietf:rfc:3986',
            value: `ni:///sha-256;${Buffer.from(release.digest, 'hex').toString('base64url')}`,
          },
        }),
    status: 'current',
    // Final only for a release that a hospital on record accepted.
    docStatus: decided ? 'final' : 'preliminary',
    type: { coding: [{ system: cardCodes, code: 'AIModelCard', display: 'AI Model-Card' }], text: 'Model card' },
    category: [{ coding: [{ system: cardCodes, code: 'AImodelCardCHAIformat', display: 'CHAI Format' }] }],
    date: madeAt,
    description: `Model card of ${name}, with what is on record and what is open.`,
    content: [
      {
        attachment: {
          contentType: 'application/xml',
          language: 'en',
          data: bytes.toString('base64'),
          size: bytes.byteLength,
          hash: createHash('sha1').update(bytes).digest('base64'),
          title: `CHAI Applied Model Card of ${name}`,
          creation: madeAt,
        },
      },
    ],
  };
}
