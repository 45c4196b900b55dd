import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { EvidenceFile, Judgement } from '../../shared/plan/judgement.ts';
import { type Policy, policySchema } from '../../shared/plan/policy.ts';
import type { RecordedDecision } from '../../shared/report/judgement/judgement-report.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import type { ReleaseVersion } from '../../shared/runtime/ids.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import { AgentError } from '../agent/agent-error.ts';
import { waits } from '../agent/hold-deadlines.ts';
import { judgeAgainAt } from '../agent/judge-again.ts';
import { createPeopleDecisions } from '../agent/people-decisions.ts';
import { approvedPolicy } from '../agent/plans.ts';
import { certificateSigner } from '../agent/signer.ts';
import type { AgentStore } from '../agent/store.ts';
import { listEvidence } from '../models/evidence-files.ts';
import { createModelRegistry, type ModelRegistry } from '../models/registry.ts';
import { writeReport } from '../models/report-files.ts';
import { chooseModel } from './models.ts';
import { type OpenSite, withSite } from './open-site.ts';
import { printJson, type SiteOptions, siteDirectory, siteOptions } from './options.ts';

interface ReportOptions extends SiteOptions {
  readonly model?: string;
  readonly out?: string;
}

/** The release named, or the one of the model that was judged last. */
function chosenRelease(registry: ModelRegistry, named: string | undefined, model: string | undefined): ReleaseVersion {
  if (named !== undefined) return named as ReleaseVersion;
  const of = chooseModel(registry, model);
  const [latest] = registry
    .releases()
    .filter((release) => release.model === of && release.decidedMs !== null)
    .sort((a, b) => (b.decidedMs as number) - (a.decidedMs as number));
  if (latest === undefined)
    throw new AgentError('unknown_model', `No release of ${of} has been judged at this site yet.`);
  return latest.version;
}

/** The policy that decided: of the judgement's own evidence file, else as it was signed with the plan's approval. */
async function decidingPolicy(directory: string, store: AgentStore, judgement: Judgement): Promise<Policy> {
  for (const { text } of await listEvidence(directory)) {
    const file = JSON.parse(text) as EvidenceFile;
    if (canonicalJson(file.decision) === canonicalJson(judgement.decision)) return policySchema.parse(file.policy);
  }
  const signed = approvedPolicy(store, judgement.evidence.plan);
  if (signed === null) throw new AgentError('plan_not_approved', undefined, { plan: judgement.evidence.plan });
  return signed;
}

/** What people decided about this judgement, oldest first; a record whose signature does not hold says so. */
function peopleOn({ store, plans, identity }: OpenSite, judgement: Judgement): readonly RecordedDecision[] {
  const decisions = createPeopleDecisions({
    store,
    plans,
    registry: createModelRegistry(store),
    site: identity.site,
    signer: certificateSigner(identity.site, () => identity),
    clock: systemClock,
  });
  return decisions
    .list()
    .filter(({ evidence }) => evidence === judgement.decision.evidence)
    .map(({ at, kind, name, role, reason, signed }) => ({
      at,
      what: `${kind === 'override' ? 'use it although the gate holds it' : 'refuse it'}${signed ? '' : ' (the signature of this record does not hold)'}`,
      by: [{ name, role }],
      reason,
    }));
}

async function report(named: string | undefined, options: ReportOptions): Promise<void> {
  await withSite(siteDirectory(options), async (site) => {
    const { directory, store } = site;
    const registry = createModelRegistry(store);
    const version = chosenRelease(registry, named, options.model);
    const release = registry.find(version);
    const judgement = registry.judgementOf(version);
    if (release === null || judgement === null) {
      throw new AgentError(
        'unknown_model',
        release === null ? `Release ${version} is not at this site.` : `${version} has not been judged yet.`,
        { version },
      );
    }
    const policy = await decidingPolicy(directory, store, judgement);
    const again = waits(release) ? judgeAgainAt(policy, judgement) : undefined;
    const people = peopleOn(site, judgement);
    // A hold that people overrode was one of a release not yet in use.
    const inUse = release.slot === 'active' && judgement.decision.decision !== 'accept' && people.length === 0;
    const written = await writeReport(
      directory,
      {
        judgement,
        policy,
        people,
        inUse,
        ...(again === undefined ? {} : { judgesAgainAt: again === null ? null : new Date(again).toISOString() }),
      },
      options.out === undefined ? undefined : resolve(options.out),
    );
    if (options.json === true) printJson({ release: version, decision: judgement.decision.decision, ...written });
    else {
      console.log(`${version}, ${judgement.decision.decision}: ${written.file}`);
      if (written.evidenceFile !== null)
        console.log(`Its evidence file, too large for the page: ${written.evidenceFile}`);
    }
  });
}

export function registerReport(site: Command): void {
  siteOptions(site.command('report'), { json: true })
    .argument('[release]', 'a release that was judged here; the one judged last when left out')
    .description('write the report on the last judgement of a release: one HTML file with the evidence in it')
    .option('--model <name>', 'which model, where this site holds several')
    .option('--out <file>', "file to write; in the site's reports/ when left out")
    .action(report);
}
