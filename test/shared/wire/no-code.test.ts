import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { generateProtoTypes } from '../../../scripts/generate-proto.ts';
import { protoFiles } from '../../../shared/wire/definitions.ts';

/** Every field that could hold more than a number or a word, and the check that stands behind it. */
const bytesFields: Readonly<Record<string, string>> = {
  'EnrolRequest.secret': '32 bytes, compared',
  'EnrolRequest.certificateRequest': 'PKCS#10, parsed',
  'ReadPlanResponse.plan': 'canonical JSON, plan schema and digest',
  'ObjectChunk.data': 'bytes of an object named by digest',
  'ReleaseSignature.signature': 'verified',
  'RenewCertificateRequest.certificateRequest': 'PKCS#10, parsed',
  'SubmitSummaryRequest.summary': 'JSON, summary schema',
  'SubmitJudgementRequest.judgement': 'JSON, schema of what is shared of a judgement',
  'SubmitNoticeRequest.notice': 'JSON, notice schema',
  'StartRunRequest.plan': 'YAML or JSON, plan schema',
  'ReleaseDecision.judgement': 'JSON, schema of what is shared of a judgement',
  'ReleaseNotice.notice': 'JSON, notice schema',
};

function* messages(namespace: protobuf.NamespaceBase): Generator<protobuf.Type> {
  for (const item of namespace.nestedArray) {
    if (item instanceof protobuf.Type) yield item;
    if (item instanceof protobuf.Namespace) yield* messages(item);
  }
}

describe('the schema of the wire', () => {
  it.each(Object.entries(protoFiles))('%s: every bytes field is known, and nothing is open-ended', (_, file) => {
    const root = new protobuf.Root();
    root.loadSync(file);
    root.resolveAll();
    for (const message of messages(root)) {
      for (const field of message.fieldsArray) {
        const name = `${message.name}.${field.name}`;
        if (field.type === 'bytes') expect(Object.keys(bytesFields), name).toContain(name);
        // Any and Struct could carry whatever a later version decides to run.
        expect(field.type, name).not.toMatch(/google\.protobuf/);
        // A receipt's code is a word of a closed set.
        if (name !== 'Receipt.code') {
          expect(name).not.toMatch(/code$|script|command|module|expression|program|query|sql|url|path/i);
        }
      }
      expect(message.extensions ?? [], message.name).toEqual([]);
    }
  });

  it('the generated types are current', () => {
    expect(generateProtoTypes(true)).toEqual([]);
  });
});
