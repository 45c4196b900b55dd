import type { Command } from 'commander';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import { tableText } from '../../shared/runtime/table-text.ts';
import { AgentError } from '../agent/agent-error.ts';
import { endedHold, holdEndsMs, waits } from '../agent/hold-deadlines.ts';
import { createMonitorStore } from '../agent/monitor-store.ts';
import { approvedPolicy } from '../agent/plans.ts';
import type { AgentStore } from '../agent/store.ts';
import { stepNames } from '../judging/decide.ts';
import { createModelRegistry, type ModelRegistry, type RegisteredRelease } from '../models/registry.ts';
import { withStore } from './open-site.ts';
import { printJson, type SiteOptions, siteDirectory, siteOptions, timeText } from './options.ts';

/** The model named, or the only one there is. */
export function chooseModel(registry: ModelRegistry, named: string | undefined): string {
  const models = registry.models();
  if (named !== undefined) return named;
  const [only, other] = models;
  if (only === undefined) throw new AgentError('unknown_model', 'No release has reached this site yet.');
  if (other !== undefined) {
    throw new AgentError(
      'several_models',
      `This site holds several models: ${models.join(', ')}. Say which with --model.`,
    );
  }
  return only;
}

/**
 * A release as it is shown. A hold whose deadline has passed is shown as the rejection it is, also before the agent, which
 * enters and reports it, has run again.
 */
function shown(registry: ModelRegistry, store: AgentStore, release: RegisteredRelease, nowMs: number) {
  const last = registry.judgementOf(release.version);
  const state = createMonitorStore(store).stateOf(release.version)?.state ?? null;
  const base = { ...release, state, reasons: last?.decision.reasons ?? [], holdEndsMs: null as number | null };
  const policy = waits(release) ? approvedPolicy(store, release.plan) : null;
  if (!waits(release) || policy === null || last === null) return base;
  const ended = endedHold(policy, last, release.heldSinceMs, nowMs);
  if (ended === null) return { ...base, holdEndsMs: holdEndsMs(policy, release.heldSinceMs) };
  return { ...base, slot: null, decision: ended.decision.decision, reasons: ended.decision.reasons };
}

/** Each code once, in order, with how often: `passed.all, noted.shift (5)`. */
function codesText(codes: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
  return [...counts].map(([code, count]) => (count === 1 ? code : `${code} (${count})`)).join(', ');
}

async function list(options: SiteOptions): Promise<void> {
  await withStore(siteDirectory(options), (store) => {
    const registry = createModelRegistry(store);
    const nowMs = systemClock.now();
    const releases = registry.releases().map((release) => shown(registry, store, release, nowMs));
    if (options.json === true) {
      printJson({ releases, events: registry.events() });
      return;
    }
    if (releases.length === 0) {
      console.log('No release has reached this site yet.');
      return;
    }
    const someLocal = releases.some(({ parent }) => parent !== null);
    console.log(
      tableText(
        ['release', ...(someLocal ? ['made of'] : []), 'place', 'decision', 'decided (UTC)', 'digest', 'reasons'],
        releases.map(({ version, parent, step, slot, decision, decidedMs, digest, reasons }) => [
          version,
          ...(someLocal ? [parent === null || step === null ? null : `${parent} with ${stepNames[step]}`] : []),
          slot,
          decision,
          timeText(decidedMs),
          digest.slice(0, 12),
          codesText(reasons.map(({ code }) => code)),
        ]),
      ),
    );
    for (const { version, slot, reasons, holdEndsMs: endsMs } of releases) {
      if (slot === null) continue;
      console.log(
        `\n${version} (${slot})${endsMs === null ? '' : `: on hold, and rejected on ${timeText(endsMs)} UTC`}`,
      );
      for (const { text } of reasons) console.log(`  ${text}`);
    }
  });
}

export function registerModels(site: Command): void {
  siteOptions(site.command('models'), { json: true })
    .description('releases at this site: candidate, active, previous, and why')
    .action(list);
}
