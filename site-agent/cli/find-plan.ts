import { existsSync, readFileSync, statSync } from 'node:fs';
import { type LoadedPlan, loadPlan } from '../../shared/plan/load-plan.ts';
import { filesBeside } from '../../shared/plan/model-file.ts';
import { AgentError } from '../agent/agent-error.ts';
import { withSite } from './open-site.ts';

/**
 * The plan a person means: a file, the digest of a plan that has reached this site or the beginning of it, or a run.
 * @throws AgentError `unknown_plan`, `digest_ambiguous`; PlanError; OnnxError for a network brought as a file
 */
export async function findPlan(directory: string, plan: string): Promise<LoadedPlan> {
  if (existsSync(plan) && statSync(plan).isFile()) return loadPlan(readFileSync(plan, 'utf8'), plan, filesBeside(plan));
  const isDigest = /^[0-9a-fA-F]{8,64}$/.test(plan);
  return withSite(directory, ({ plans }) => {
    const ofRun = plans.list().find(({ runs }) => (runs as readonly string[]).includes(plan));
    if (ofRun === undefined && !isDigest) {
      throw new AgentError(
        'unknown_plan',
        `${plan}: there is no such file, and it is no digest and no run that has reached this site; "wardround site plans" lists them.`,
        {
          plan,
        },
      );
    }
    return plans.load(ofRun?.digest ?? plans.resolve(plan)) as LoadedPlan;
  });
}
