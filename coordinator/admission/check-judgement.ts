import type { Plan } from '../../shared/plan/plan.ts';
import type { SharedJudgement } from '../../shared/plan/shared-judgement.ts';
import { sharedJudgementSchema } from '../../shared/plan/shared-judgement-schema.ts';
import { sharedCellsProblem } from '../../shared/privacy/shared-cells-check.ts';
import type { Digest, SiteName } from '../../shared/runtime/ids.ts';
import type { PublishedRelease } from '../rounds/state.ts';
import { type Refusal, refusal } from './refusal.ts';

/**
 * Schema of what a site shares of a judgement, that it is this site's and of this release under its plan, and that its counts are on the
 * plan's edges, do not contradict each other and hold no small cell.
 */
export function checkJudgement(
  judgement: SharedJudgement,
  expected: {
    readonly sender: SiteName;
    readonly planDigest: Digest;
    readonly plan: Plan;
    readonly release: PublishedRelease;
  },
): Refusal | null {
  const shape = sharedJudgementSchema.safeParse(judgement);
  if (!shape.success) {
    const [issue] = shape.error.issues;
    return refusal('malformed', `The judgement: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong'}.`);
  }
  const { evidence, package: record } = judgement;
  if (evidence.site !== expected.sender) {
    return refusal('wrong_site', `The evidence is of site ${evidence.site}; the certificate is of ${expected.sender}.`);
  }
  for (const plan of [evidence.plan, record.plan]) {
    if (plan === expected.planDigest) continue;
    // A package that names another plan is what a site refuses it for.
    if (plan === record.plan && !record.valid) continue;
    return refusal('wrong_plan', `The evidence names plan ${plan}, the release's is ${expected.planDigest}.`);
  }
  for (const { version, digest } of [evidence.release, record]) {
    if (version === expected.release.version && digest === expected.release.digest) continue;
    return refusal(
      'unknown_release',
      `The evidence is of ${version} (${digest}); asked for was ${expected.release.version} (${expected.release.digest}).`,
    );
  }
  const problem = sharedCellsProblem(judgement, expected.plan);
  return problem === null ? null : refusal(problem.code, `The judgement: ${problem.message}.`);
}

/** Whether a site says of a release it held that the deadline its policy sets has passed. Takes what was not checked yet, too. */
export function isExpiredHold(judgement: SharedJudgement): boolean {
  const { decision, reasons } = (judgement as Partial<SharedJudgement> | null)?.decision ?? {};
  return decision === 'reject' && Array.isArray(reasons) && reasons[0]?.code === 'hold.expired';
}
