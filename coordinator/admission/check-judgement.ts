import type { Judgement } from '../../shared/plan/judgement.ts';
import { judgementSchema } from '../../shared/plan/judgement-schema.ts';
import { canonicalDigest } from '../../shared/runtime/canonical.ts';
import type { Digest, SiteName } from '../../shared/runtime/ids.ts';
import type { PublishedRelease } from '../rounds/state.ts';
import { type Refusal, refusal } from './refusal.ts';

/** Schema of a judgement, and that it is this site's, of this release, and a decision on the very evidence it comes with. */
export function checkJudgement(
  judgement: Judgement,
  expected: { readonly sender: SiteName; readonly plan: Digest; readonly release: PublishedRelease },
): Refusal | null {
  const shape = judgementSchema.safeParse(judgement);
  if (!shape.success) {
    const [issue] = shape.error.issues;
    return refusal('malformed', `The judgement: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong'}.`);
  }
  const { evidence, decision } = judgement;
  if (evidence.site !== expected.sender) {
    return refusal('wrong_site', `The evidence is of site ${evidence.site}; the certificate is of ${expected.sender}.`);
  }
  if (evidence.plan !== expected.plan) {
    return refusal('wrong_plan', `The evidence names plan ${evidence.plan}, the release's is ${expected.plan}.`);
  }
  const { version, digest } = evidence.release;
  if (version !== expected.release.version || digest !== expected.release.digest) {
    return refusal(
      'unknown_release',
      `The evidence is of ${version} (${digest}); asked for was ${expected.release.version} (${expected.release.digest}).`,
    );
  }
  const found = canonicalDigest(evidence);
  if (decision.evidence !== found) {
    return refusal('malformed', `The decision names evidence ${decision.evidence}; the evidence sent is ${found}.`);
  }
  return null;
}

/** Whether a site says of a release it held that the deadline its policy sets has passed. Takes what was not checked yet, too. */
export function isExpiredHold(judgement: Judgement): boolean {
  const { decision, reasons } = (judgement as Partial<Judgement> | null)?.decision ?? {};
  return decision === 'reject' && Array.isArray(reasons) && reasons[0]?.code === 'hold.expired';
}
