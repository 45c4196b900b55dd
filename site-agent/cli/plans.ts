import type { Command } from 'commander';
import { planSummary } from '../../shared/plan/plan-summary.ts';
import { plainLine } from '../../shared/plan/text.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import { tableText } from '../../shared/runtime/table-text.ts';
import { findPlan } from './find-plan.ts';
import { withSite } from './open-site.ts';
import { printJson, type SiteOptions, siteDirectory, siteOptions, timeText } from './options.ts';

async function list(options: SiteOptions): Promise<void> {
  const entries = await withSite(siteDirectory(options), ({ plans }) => plans.list());
  if (options.json === true) {
    printJson(entries);
    return;
  }
  if (entries.length === 0) {
    console.log('No plan has reached this site yet.');
    return;
  }
  console.log(
    tableText(
      ['digest', 'name', 'received', 'runs', 'approved', 'policy'],
      entries.map(({ digest, name, receivedMs, runs, approval }) => [
        digest.slice(0, 12),
        name,
        timeText(receivedMs),
        runs.join(', '),
        approval === null ? 'no' : `${timeText(approval.approvedMs)}, ${approval.mode}`,
        approval === null
          ? null
          : `${approval.policySource === 'site' ? "the hospital's" : "the plan's"} ${approval.policy.slice(0, 12)}`,
      ]),
    ),
  );
  for (const { digest, name, purpose, approval } of entries) {
    if (approval === null) {
      console.log(`\n${name} asks: ${plainLine(purpose)}\n  read it:    wardround site plans ${digest.slice(0, 12)}`);
      console.log(`  try it:     wardround site check --plan ${digest.slice(0, 12)}`);
      console.log(`  approve it: wardround site approve ${digest.slice(0, 12)}`);
    }
  }
}

/** What one plan asks for, and its network where it brings one: what a hospital reads before it approves. */
async function show(name: string, options: SiteOptions): Promise<void> {
  const { plan, digest } = await findPlan(siteDirectory(options), name);
  if (options.json === true) printJson(plan);
  else console.log(planSummary(plan, digest, process.stdout.columns).trimEnd());
}

async function approve(digest: string, options: SiteOptions): Promise<void> {
  const record = await withSite(siteDirectory(options), ({ plans }) =>
    plans.approve(plans.resolve(digest), 'manual', systemClock.now()),
  );
  if (options.json === true) {
    printJson(record);
    return;
  }
  console.log(
    `Plan ${record.plan.slice(0, 12)} is approved at ${record.site}. Its models will be judged by ` +
      `${record.policySource === 'site' ? "the hospital's policy" : "the plan's policy"} ${record.policy.slice(0, 12)}, signed now.`,
  );
}

export function registerPlans(site: Command): void {
  siteOptions(site.command('plans'), { json: true })
    .description('list the plans that have reached this site, or say what one of them asks for')
    .argument('[plan]', 'digest of a plan, a run or a plan file: what it asks for; with --json the whole plan')
    .action((name: string | undefined, options: SiteOptions) =>
      name === undefined ? list(options) : show(name, options),
    );
  siteOptions(site.command('approve'), { json: true })
    .description('allow a plan to run here, and sign the policy that will judge its models')
    .argument('<digest>', 'digest of the plan, or its first 8 digits or more')
    .action(approve);
}
