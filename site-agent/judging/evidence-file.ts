import type { Decision, EvidenceFile } from '../../shared/plan/judgement.ts';
import { evidenceFileSchema } from '../../shared/plan/judgement-schema.ts';
import { type Policy, policySchema } from '../../shared/plan/policy.ts';
import { canonicalDigest, canonicalJson } from '../../shared/runtime/canonical.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { Digest } from '../../shared/runtime/ids.ts';
import { decide } from './decide.ts';
import { JudgingError } from './judging-error.ts';

export interface Replay {
  readonly file: EvidenceFile;
  /** SHA-256 of the file's canonical JSON. */
  readonly digest: Digest;
  /** What the gate decides on the file's policy, package and evidence now. */
  readonly decision: Decision;
  /** Whether that is, byte for byte, the decision in the file. */
  readonly same: boolean;
  /** Where the two part, one sentence each; empty when they are the same. */
  readonly differences: readonly string[];
}

/**
 * Decides again on an evidence file.
 * @param name of the file, for messages
 * @throws JudgingError `evidence_malformed` when it is no evidence file, or is not in canonical form
 */
export function replayEvidence(text: string, name: string): Replay {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new JudgingError('evidence_malformed', `${name}: is not JSON.`, { file: name }, cause);
  }
  const parsed = evidenceFileSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new JudgingError(
      'evidence_malformed',
      `${name}: ${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'is not of the form evidence-file/1'}.`,
      { file: name },
    );
  }
  const policy = policySchema.safeParse(parsed.data.policy);
  if (!policy.success) {
    const [issue] = policy.error.issues;
    throw new JudgingError(
      'evidence_malformed',
      `${name}: policy.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong'}.`,
      { file: name },
    );
  }
  const canonical = canonicalJson(value);
  // Of the checked value too: a key that no object has by itself, such as __proto__, is passed over by the check.
  if (canonical !== text.trimEnd() || canonical !== canonicalJson(parsed.data)) {
    throw new JudgingError(
      'evidence_malformed',
      `${name}: is not in canonical form (RFC 8785): the file was changed or written by another program.`,
      { file: name },
    );
  }
  const file = parsed.data;
  const decision = decide(policy.data, file.package, file.evidence);
  return {
    file,
    digest: digestOf(canonical),
    decision,
    same: canonicalJson(decision) === canonicalJson(file.decision),
    differences: differencesOf(file, policy.data, decision),
  };
}

function differencesOf(file: EvidenceFile, policy: Policy, decision: Decision): string[] {
  const found: string[] = [];
  const { decision: recorded } = file;
  const compare = (what: string, inFile: unknown, now: unknown): void => {
    if (canonicalJson(inFile) !== canonicalJson(now)) {
      found.push(
        `${what}: the file says ${canonicalJson(inFile).slice(0, 300)}, found ${canonicalJson(now).slice(0, 300)}`,
      );
    }
  };
  // A policy whose defaults were filled in after the decision has another digest, and says so.
  compare('digest of the policy', recorded.policy, canonicalDigest(policy));
  compare('digest of the package', recorded.package, canonicalDigest(file.package));
  compare('digest of the evidence', recorded.evidence, canonicalDigest(file.evidence));
  compare('decision', recorded.decision, decision.decision);
  compare('update', recorded.update, decision.update);
  compare('review', recorded.review, decision.review);
  compare('days to revalidation', recorded.revalidateDays, decision.revalidateDays);
  compare(
    'reasons',
    recorded.reasons.map(({ code }) => code),
    decision.reasons.map(({ code }) => code),
  );
  for (const [place, reason] of decision.reasons.entries()) {
    if (recorded.reasons[place]?.code === reason.code) compare(`reason ${place + 1}`, recorded.reasons[place], reason);
  }
  return found;
}
