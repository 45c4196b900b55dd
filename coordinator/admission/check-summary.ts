import { summaryProblem } from '../../shared/algorithms/summary-check.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { SiteSummary } from '../../shared/plan/preprocessing.ts';
import { siteSummarySchema } from '../../shared/plan/preprocessing-schema.ts';
import type { Digest } from '../../shared/runtime/ids.ts';
import { type Refusal, refusal } from './refusal.ts';

/** Schema, plan, columns and small cells of a summary; null when all hold. */
export function checkSummary(plan: Plan, digest: Digest, summary: SiteSummary): Refusal | null {
  const shape = siteSummarySchema.safeParse(summary);
  if (!shape.success) {
    const [issue] = shape.error.issues;
    return refusal('malformed', `The summary: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong'}.`);
  }
  const problem = summaryProblem(plan, digest, summary);
  return problem === null ? null : refusal(problem.code, `The summary: ${problem.message}.`);
}
