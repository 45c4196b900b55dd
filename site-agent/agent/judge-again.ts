import type { Judgement, ReasonCode } from '../../shared/plan/judgement.ts';
import type { Policy } from '../../shared/plan/policy.ts';
import { isLocalVersion, type ReleaseVersion } from '../../shared/runtime/ids.ts';
import { errorFields } from '../../shared/runtime/logger.ts';
import { AgentError } from './agent-error.ts';
import { waits } from './hold-deadlines.ts';
import { installedPackage, type JudgingParts, judgeHere, packageInUse } from './judge-here.ts';
import type { TaskParts } from './task-parts.ts';

const dayMs = 86_400_000;
const weekMs = 7 * dayMs;

/** Reasons that more patients can settle without anybody doing anything. */
const settledByPatients: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  'calibration.to_update',
  'evidence.no_rows',
  'evidence.too_few_events',
  'evidence.too_few_non_events',
  'evidence.undefined',
  'floor.uncertain',
  'noninferiority.not_shown',
  'net_benefit.not_shown',
  'subgroup.not_judged',
]);

/**
 * When a held release should be judged again by itself: once as many patients are expected as would settle what holds it, never sooner
 * than a day after. Each look spends of the 5% error, so none is taken for its own sake.
 * @returns null where only a person or another release can settle it, or where no more patients would
 */
export function judgeAgainAt(policy: Policy, { decision, evidence }: Judgement): number | null {
  const judgedMs = Date.parse(evidence.judgedAt);
  const reasons = decision.reasons.filter(({ settles }) => settles !== undefined).map(({ code }) => code);
  if (reasons.length === 0 || !reasons.every((code) => settledByPatients.has(code))) return null;
  const events = evidence.events ?? 0;
  const nonEvents = evidence.nonEvents ?? 0;
  const { eventsPerWeek, eventsForMargin, eventsForNetBenefit } = evidence.power;
  // Below the minimum counts nothing is tested and no error spent: a weekly look costs nothing.
  const short = events < policy.minimumEvents || nonEvents < policy.minimumNonEvents;
  if (eventsPerWeek === null || eventsPerWeek <= 0) return short ? judgedMs + weekMs : null;
  if (evidence.look.number > policy.looks.maximum) return null;
  const wanted = [
    events < policy.minimumEvents ? policy.minimumEvents : 0,
    nonEvents < policy.minimumNonEvents && nonEvents > 0 ? (policy.minimumNonEvents * events) / nonEvents : 0,
    reasons.includes('noninferiority.not_shown') ? (eventsForMargin ?? 0) : 0,
    reasons.includes('net_benefit.not_shown') ? (eventsForNetBenefit ?? 0) : 0,
  ];
  const more = Math.max(...wanted) - events;
  // The margin could be resolved already: what would settle it is a quarter more of patients, not the next day.
  const atLeast = short ? 0 : events / 4;
  return judgedMs + Math.max(dayMs, (Math.max(more, atLeast) / eventsPerWeek) * weekMs);
}

/**
 * Judges an installed release again, on the rows as they are now: one on hold as patients come, or one in use when its monitor asks,
 * then against the one before it. The decision is carried out and noted to be reported.
 * @throws AgentError `unknown_model`, `not_on_hold`, `unknown_plan`; what reading rows and the signed policy throw
 */
export async function judgeAgain(
  parts: JudgingParts & Pick<TaskParts, 'store' | 'tasks' | 'log'>,
  version: ReleaseVersion,
  signal: AbortSignal,
): Promise<Judgement> {
  const { clock, plans, registry, store, tasks } = parts;
  const release = registry.find(version);
  if (release === null) throw new AgentError('unknown_model', `Release ${version} is not at this site.`, { version });
  const onHold = waits(release);
  if (release.slot !== 'active' && !onHold) {
    throw new AgentError('not_on_hold', `${version} is neither on hold nor in use here.`, { version });
  }
  const plan = plans.load(release.plan);
  if (plan === null) throw new AgentError('unknown_plan', undefined, { plan: release.plan });
  const policy = plans.signedPolicy(plan);
  const judgement = await judgeHere(
    parts,
    {
      plan,
      policy,
      release: await installedPackage(parts, release),
      current: await packageInUse(parts, version),
    },
    signal,
  );
  store.transaction(() => {
    registry.decide(version, judgement, clock.now());
    // A local variant is this site's own: what it is judged to be is for this site.
    // Of one in use the coordinator is told what becomes of it, by a notice.
    if (onHold && !isLocalVersion(version)) tasks.judgedAgain(judgement, clock.now());
  });
  const { decision, reasons } = judgement.decision;
  parts.log.info({ release: version, decision, reasons: reasons.map(({ code }) => code) }, 'release judged again');
  return judgement;
}

/** Judges every held release again for which enough patients are expected to have come. */
export async function judgeHeldAgain(parts: TaskParts, signal: AbortSignal): Promise<void> {
  const { clock, plans, registry } = parts;
  for (const release of registry.releases()) {
    if (signal.aborted || !waits(release)) continue;
    const plan = plans.load(release.plan);
    const last = registry.judgementOf(release.version);
    if (plan === null || last === null) continue;
    try {
      const at = judgeAgainAt(plans.signedPolicy(plan), last);
      if (at === null || clock.now() < at) continue;
      await judgeAgain(parts, release.version, signal);
    } catch (error) {
      if (signal.aborted) return;
      parts.log.warn({ ...errorFields(error), release: release.version }, 'a held release could not be judged again');
    }
  }
}
