import { errorFields } from '../../shared/runtime/logger.ts';
import { judgeAgain, judgeAgainAt } from './judge-again.ts';
import { scoreAndWatch } from './monitor-pass.ts';
import { applyModelEvent } from './monitor-states.ts';
import { createMonitorStore, type Revalidation } from './monitor-store.ts';
import type { TaskParts } from './task-parts.ts';

const minuteMs = 60_000;

/** Whether a pass is due: never made, or made so long ago. @param lastTryMs of one that failed as well; null before the first */
export function passIsDue(
  parts: Pick<TaskParts, 'store' | 'clock'>,
  everyMinutes: number,
  lastTryMs: number | null,
): boolean {
  const last = Math.max(
    createMonitorStore(parts.store).lastRunMs() ?? Number.NEGATIVE_INFINITY,
    lastTryMs ?? Number.NEGATIVE_INFINITY,
  );
  return parts.clock.now() - last >= everyMinutes * minuteMs;
}

type RevalidationParts = Pick<
  TaskParts,
  'directory' | 'site' | 'config' | 'plans' | 'registry' | 'clock' | 'signer' | 'log' | 'store' | 'tasks'
>;

/**
 * Carries out the judgements that triggers have asked for: the release in use on the rows as they are now, against the version before it.
 * Harm among the reasons of a rejection is proven harm, and takes it out of use. A hold stays open, and is judged again when as many
 * patients have come as would settle it. Killed between judgement and state, the judgement is not made again.
 */
export async function revalidateWanted(parts: RevalidationParts, signal: AbortSignal): Promise<void> {
  const { clock, log, registry, store } = parts;
  const monitors = createMonitorStore(store);
  for (const wanted of monitors.wantedRevalidations()) {
    if (signal.aborted) return;
    if (registry.find(wanted.version)?.slot !== 'active') {
      store.transaction(() => monitors.finishRevalidation(wanted.version, 'left', clock.now()));
      continue;
    }
    try {
      await revalidate(parts, wanted, signal);
    } catch (error) {
      if (signal.aborted) return;
      log.warn(
        { ...errorFields(error), release: wanted.version },
        'a model could not be judged anew, tried again later',
      );
    }
  }
}

async function revalidate(parts: RevalidationParts, wanted: Revalidation, signal: AbortSignal): Promise<void> {
  const { clock, plans, registry, store } = parts;
  const { version } = wanted;
  const last = registry.judgementOf(version);
  const made = last !== null && Date.parse(last.evidence.judgedAt) >= wanted.wantedMs ? last : null;
  let judgement = made;
  if (made?.decision.decision === 'hold') {
    const release = registry.find(version);
    const plan = release === null ? null : plans.load(release.plan);
    const at = plan === null ? null : judgeAgainAt(plans.signedPolicy(plan), made);
    if (at === null || clock.now() < at) return;
    judgement = null;
  }
  judgement ??= await judgeAgain(parts, version, signal);
  const { decision, reasons } = judgement.decision;
  if (decision === 'hold') return;
  const harm =
    decision === 'reject' && reasons.some(({ code }) => code === 'harm.auroc' || code === 'harm.net_benefit');
  store.transaction(() => {
    const monitors = createMonitorStore(store);
    const nowMs = clock.now();
    monitors.finishRevalidation(version, harm ? 'harm' : decision, nowMs);
    applyModelEvent({ ...parts, monitors }, version, { kind: 'revalidated', decision, harm }, nowMs);
  });
}

/** Sends the notices that wait. One the coordinator refuses is not sent again: the refusal is in the ledger. */
export async function sendNotices(
  parts: Pick<TaskParts, 'store' | 'egress' | 'clock' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  const monitors = createMonitorStore(parts.store);
  for (const { sequence, notice } of monitors.unsentNotices()) {
    const receipt = await parts.egress.sendNotice(notice, signal);
    monitors.noticeSent(sequence, parts.clock.now());
    if (receipt.outcome === 'refused') {
      parts.log.error(
        { release: notice.release.version, code: receipt.code },
        'a notice was refused by the coordinator',
      );
    }
  }
}

/** One turn of the schedule: a pass over the rows, then the judgements it asked for. */
export async function watchTurn(parts: TaskParts, signal: AbortSignal): Promise<void> {
  await scoreAndWatch(parts, {}, signal);
  await revalidateWanted(parts, signal);
}
