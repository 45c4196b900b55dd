import type { Judgement } from '../../shared/plan/judgement.ts';
import type { Policy } from '../../shared/plan/policy.ts';
import { errorFields } from '../../shared/runtime/logger.ts';
import { decide } from '../judging/decide.ts';
import type { RegisteredRelease } from '../models/registry.ts';
import type { TaskParts } from './task-parts.ts';

const dayMs = 86_400_000;

/** When a hold ends under a policy, in milliseconds since the epoch. */
export function holdEndsMs(policy: Pick<Policy, 'holdDays'>, heldSinceMs: number): number {
  return heldSinceMs + policy.holdDays * dayMs;
}

/** Whether a release waits here: held, and no newer one has come. One in use that is held later on stays in use. */
export function waits(release: RegisteredRelease): release is RegisteredRelease & { readonly heldSinceMs: number } {
  return release.slot === 'candidate' && release.decision === 'hold' && release.heldSinceMs !== null;
}

/**
 * What the gate says of a held release once the policy's deadline has passed: the last judgement's evidence with the time of the hold
 * in it, decided anew. No row is read: time alone ends a hold.
 * @returns null while the hold lasts
 */
export function endedHold(
  policy: Policy,
  last: Judgement,
  heldSinceMs: number,
  nowMs: number,
): (Judgement & { readonly decision: { readonly decision: 'reject' } }) | null {
  if (nowMs < holdEndsMs(policy, heldSinceMs)) return null;
  const held = { since: new Date(heldSinceMs).toISOString(), judgedAt: new Date(nowMs).toISOString() };
  const evidence = { ...last.evidence, held };
  const decision = decide(policy, last.package, evidence);
  // Under rules approved since then the same evidence may say something else; that is no expiry.
  if (decision.decision !== 'reject' || decision.reasons[0]?.code !== 'hold.expired') return null;
  return { decision: { ...decision, decision: 'reject' }, package: last.package, evidence };
}

/** Rejects every release held for longer than the policy that was signed for it allows. What is to be reported is on disk then. */
function endHolds(parts: TaskParts): void {
  const { clock, log, plans, registry, store, tasks } = parts;
  for (const release of registry.releases()) {
    if (!waits(release)) continue;
    const plan = plans.load(release.plan);
    const last = registry.judgementOf(release.version);
    if (plan === null || last === null) continue;
    try {
      const ended = endedHold(plans.signedPolicy(plan), last, release.heldSinceMs, clock.now());
      if (ended === null) continue;
      store.transaction(() => {
        registry.decide(release.version, ended, clock.now());
        tasks.judgedAgain(ended, clock.now());
      });
      log.warn({ release: release.version }, 'the hold of a release has ended: rejected');
    } catch (error) {
      log.error({ ...errorFields(error), release: release.version }, 'whether a hold has ended could not be told');
    }
  }
}

/**
 * Ends the holds whose deadline has passed, and reports each to the coordinator. A report that could not be sent is sent the next
 * time; a kill between decision and report loses neither.
 */
export async function endExpiredHolds(parts: TaskParts, signal: AbortSignal): Promise<void> {
  endHolds(parts);
  for (const { task, judgement } of parts.tasks.unreportedHolds()) {
    const receipt = await parts.egress.sendJudgement(task, judgement, signal);
    parts.tasks.answered(task.id, receipt, parts.clock.now());
    if (receipt.outcome === 'refused') {
      parts.log.error({ task: task.id, code: receipt.code }, 'the end of a hold was refused by the coordinator');
    }
  }
}
