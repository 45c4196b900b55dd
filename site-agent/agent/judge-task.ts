import type { Judgement } from '../../shared/plan/judgement.ts';
import type { LoadedPlan } from '../../shared/plan/load-plan.ts';
import type { JudgeOffer, Receipt } from '../../shared/wire/messages.ts';
import type { DataError } from '../data/data-error.ts';
import { outOfRangeAmongJudged, readSiteData, refusalOf } from '../data/load-site-data.ts';
import { createJudge } from '../judging/create-judge.ts';
import type { ReleasePackage } from '../judging/release-package.ts';
import { readRelease } from '../models/model-files.ts';
import { modelOfVersion } from '../models/registry.ts';
import { receiveRelease } from './release-intake.ts';
import type { TaskParts } from './task-parts.ts';

/** The release in use here, to compare the new one with; null when none was accepted yet. */
async function currentPackage(parts: TaskParts, offer: JudgeOffer): Promise<ReleasePackage | null> {
  const active = parts.registry.inSlot(modelOfVersion(offer.release.version), 'active');
  if (active === null || active.version === offer.release.version) return null;
  const files = await readRelease(parts.directory, active.digest);
  const plan = parts.plans.load(active.plan);
  return {
    ref: { version: active.version, digest: active.digest },
    ...files,
    problems: [],
    trainingCutoff: plan?.plan.data.trainingCutoff ?? null,
  };
}

async function judge(parts: TaskParts, offer: JudgeOffer, plan: LoadedPlan, signal: AbortSignal): Promise<Judgement> {
  const { clock, directory, registry, store, tasks } = parts;
  // Before anything is downloaded: rules that were not signed beforehand judge nothing.
  const policy = parts.plans.signedPolicy(plan);
  const received = await receiveRelease(parts, offer.release, signal);
  if (received.authentic) {
    const { version, digest } = offer.release;
    store.transaction(() => registry.receive({ version, digest, plan: plan.digest }, clock.now()));
  }
  const known = registry.find(offer.release.version);
  let refusal: DataError | null = null;
  const judgeOnRows = createJudge({
    // Read anew: the patients since the last reading are the ones that judge.
    async loadRows() {
      const rows = await readSiteData(directory, parts.config.data, plan.plan.data, signal);
      refusal = refusalOf(rows, plan.plan.data);
      return {
        table: rows.table,
        problemRows: rows.loaded.problems.rows,
        outOfRange: outOfRangeAmongJudged(rows, plan.plan.data),
      };
    },
  });
  const judgement = await judgeOnRows(
    {
      site: parts.site,
      plan: plan.plan,
      planDigest: plan.digest,
      policy,
      preprocessing: null,
      release: {
        ref: { version: offer.release.version, digest: offer.release.digest },
        manifest: received.manifest,
        files: received.files,
        problems: received.problems,
        trainingCutoff: plan.plan.data.trainingCutoff,
      },
      current: await currentPackage(parts, offer),
      nowMs: clock.now(),
      heldSinceMs: known?.heldSinceMs ?? null,
    },
    signal,
  );
  // Rows that do not fit the contract may be why a release is held, and are reported then; they are no ground to accept one on.
  if (refusal !== null && judgement.decision.decision === 'accept') throw refusal;
  signal.throwIfAborted();
  const installed = received.authentic && received.problems.length === 0;
  // Decision and change of models are one: after a crash either both are there or neither.
  store.transaction(() => {
    tasks.finish(offer.id, judgement, clock.now());
    if (received.authentic && (installed || judgement.decision.decision !== 'accept')) {
      registry.decide(offer.release.version, judgement, clock.now());
    }
  });
  const { decision, reasons } = judgement.decision;
  parts.log.info(
    { release: offer.release.version, decision, reasons: reasons.map(({ code }) => code) },
    'release judged',
  );
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
