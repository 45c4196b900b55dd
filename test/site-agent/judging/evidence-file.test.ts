import { describe, expect, it } from 'vitest';
import { evidenceText } from '../../../shared/report/evidence-file.ts';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import { decide } from '../../../site-agent/judging/decide.ts';
import { replayEvidence } from '../../../site-agent/judging/evidence-file.ts';
import { JudgingError } from '../../../site-agent/judging/judging-error.ts';
import { goodEvidence, goodPackage, policyOf } from '../../support/evidence.ts';

const policy = policyOf();
const evidence = goodEvidence({ events: 60 });
const judgement = { decision: decide(policy, goodPackage(), evidence), package: goodPackage(), evidence };
const { text, digest } = evidenceText(judgement, policy);

/** The file with one value replaced, canonical again. */
function changed(change: (file: Record<string, Record<string, unknown>>) => void): string {
  const file = JSON.parse(text) as Record<string, Record<string, unknown>>;
  change(file);
  return canonicalJson(file);
}

describe('an evidence file', () => {
  it('gives the same decision again, byte for byte', () => {
    const replay = replayEvidence(text, 'e.json');
    expect(replay.same).toBe(true);
    expect(replay.differences).toEqual([]);
    expect(canonicalJson(replay.decision)).toBe(canonicalJson(judgement.decision));
    expect(replay.digest).toBe(digest);
  });

  it('may end with a line feed', () => {
    expect(replayEvidence(`${text}\n`, 'e.json').same).toBe(true);
  });

  it.each([
    [
      'a figure of the evidence',
      (file) => Object.assign(file.evidence ?? {}, { events: 600 }),
      /digest of the evidence/,
    ],
    ['the policy', (file) => Object.assign(file.policy ?? {}, { minimumEvents: 10 }), /digest of the policy/],
    ['the package', (file) => Object.assign(file.package ?? {}, { valid: false }), /digest of the package/],
    ['the decision', (file) => Object.assign(file.decision ?? {}, { decision: 'accept' }), /^decision: /],
  ] as [string, Parameters<typeof changed>[0], RegExp][])('tells when %s was changed', (_, change, difference) => {
    const replay = replayEvidence(changed(change), 'e.json');
    expect(replay.same).toBe(false);
    expect(replay.differences.some((line) => difference.test(line))).toBe(true);
  });

  it.each([
    ['no JSON', 'x', /e\.json: is not JSON/],
    ['another file', '{}', /e\.json: .*wardround/],
    ['spaces put in', JSON.stringify(JSON.parse(text), null, 1), /canonical form/],
    ['a key twice', text.replace('"excluded":{', '"excluded":{},"excluded":{'), /canonical form/],
    [
      'a key that JavaScript objects have already',
      text.replace('"excluded":{', '"excluded":{"__proto__":7,'),
      /canonical form/,
    ],
    ['a minus zero', text.replace(/"rows":\d+/, '"rows":-0'), /canonical form/],
    ['a number beyond all', text.replace(/"rows":\d+/, '"rows":1e400'), /evidence\.rows/],
    [
      'text that writes to a terminal',
      changed((file) => Object.assign(file.package ?? {}, { problems: ['\u001b]0;accepted\u0007'] })),
      /package\.problems\.0: must not hold control characters/,
    ],
    ['a policy that is none', changed((file) => Object.assign(file.policy ?? {}, { holdDays: 0 })), /policy\.holdDays/],
  ])('is refused: %s', (_, wrong, message) => {
    const refusal = (): unknown => replayEvidence(wrong, 'e.json');
    expect(refusal).toThrow(JudgingError);
    expect(refusal).toThrow(message);
    expect(refusal).toThrow(expect.objectContaining({ code: 'evidence_malformed' }));
  });
});
