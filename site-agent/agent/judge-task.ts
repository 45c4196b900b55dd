import type { Judgement } from '../../shared/plan/judgement.ts';
import type { LoadedPlan } from '../../shared/plan/load-plan.ts';
import { isLocalVersion } from '../../shared/runtime/ids.ts';
import type { JudgeOffer, Receipt } from '../../shared/wire/messages.ts';
import { AgentError } from './agent-error.ts';
import { judgeHere, packageInUse } from './judge-here.ts';
import { receiveRelease } from './release-intake.ts';
import type { TaskParts } from './task-parts.ts';

async function judge(parts: TaskParts, offer: JudgeOffer, plan: LoadedPlan, signal: AbortSignal): Promise<Judgement> {
  const { clock, registry, store, tasks } = parts;
  if (isLocalVersion(offer.release.version)) {
    throw new AgentError(
      'package_invalid',
      `The coordinator offers ${offer.release.version}: a version with + is of a site's own variant, and no release has one.`,
      { version: offer.release.version },
    );
  }
  // Before anything is downloaded: rules that were not signed beforehand judge nothing.
  const policy = parts.plans.signedPolicy(plan);
  const received = await receiveRelease(parts, offer.release, signal);
  const { version, digest } = offer.release;
  if (received.authentic) {
    store.transaction(() => registry.receive({ version, digest, plan: plan.digest }, clock.now()));
  }
  const release = {
    ref: { version, digest },
    manifest: received.manifest,
    files: received.files,
    problems: received.problems,
    trainingCutoff: plan.plan.data.trainingCutoff,
  };
  const current = await packageInUse(parts, version);
  const judgement = await judgeHere(parts, { plan, policy, release, current }, signal);
  const installed = received.authentic && received.problems.length === 0;
  // Decision and change of models are one: after a crash either both are there or neither.
  store.transaction(() => {
    tasks.finish(offer.id, judgement, clock.now());
    if (received.authentic && (installed || judgement.decision.decision !== 'accept')) {
      registry.decide(version, judgement, clock.now());
    }
  });
  const { decision, reasons } = judgement.decision;
  parts.log.info({ release: version, decision, reasons: reasons.map(({ code }) => code) }, 'release judged');
  return judgement;
}

/** Judges a release on this site's own patients, once, acts on the decision, and reports its figures. */
export async function carryOutJudging(
  parts: TaskParts,
  offer: JudgeOffer,
  plan: LoadedPlan,
  signal: AbortSignal,
): Promise<Receipt> {
  const judgement = parts.tasks.result<Judgement>(offer.id) ?? (await judge(parts, offer, plan, signal));
  const receipt = await parts.egress.sendJudgement(offer, judgement, signal);
  // The run has trained its last round: none of its weights and deltas is asked for again.
  for (const digest of parts.tasks.outdatedObjects(offer.run, Number.MAX_SAFE_INTEGER)) {
    await parts.objects.remove(digest);
  }
  return receipt;
}
