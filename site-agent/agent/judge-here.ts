import type { Judgement, ReasonCode } from '../../shared/plan/judgement.ts';
import type { LoadedPlan } from '../../shared/plan/load-plan.ts';
import type { Policy } from '../../shared/plan/policy.ts';
import type { SiteCells } from '../../shared/plan/shared-judgement.ts';
import { isLocalVersion, type ReleaseVersion, releaseOfVersion } from '../../shared/runtime/ids.ts';
import type { DataError } from '../data/data-error.ts';
import { outOfRangeAmongJudged, readSiteData, refusalOf } from '../data/load-site-data.ts';
import { createSharingRecord } from '../egress/sharing-record.ts';
import { createJudge } from '../judging/create-judge.ts';
import type { LocalUpdates } from '../judging/ladder/repair.ts';
import type { ReleasePackage } from '../judging/release-package.ts';
import { keepEvidence } from '../models/evidence-files.ts';
import { type LocalVariant, updateOf } from '../models/local-variant.ts';
import { installVariant, readModel } from '../models/model-files.ts';
import { modelOfVersion, type RegisteredRelease } from '../models/registry.ts';
import { keepReport } from '../models/report-files.ts';
import { siteSoftware } from '../software.ts';
import { openTrainer } from '../training/open-trainer.ts';
import { TrainingError } from '../training/training-error.ts';
import { AgentError } from './agent-error.ts';
import { engineOptions } from './engine-options.ts';
import { waits } from './hold-deadlines.ts';
import type { TaskParts } from './task-parts.ts';

/** What judging needs of the agent; a command at the terminal has it too. */
export type JudgingParts = Pick<
  TaskParts,
  'directory' | 'site' | 'config' | 'plans' | 'registry' | 'clock' | 'signer' | 'log' | 'store'
>;

/** A release, or local variant, that is installed here, as the gate takes it. */
export async function installedPackage(
  parts: Pick<TaskParts, 'directory' | 'plans' | 'signer'>,
  release: RegisteredRelease,
): Promise<ReleasePackage> {
  const files = await readModel(parts.directory, release, parts.signer);
  return {
    ref: { version: release.version, digest: release.digest },
    ...files,
    problems: [],
    trainingCutoff: parts.plans.load(release.plan)?.plan.data.trainingCutoff ?? null,
    ...(isLocalVersion(release.version) ? updateOf(files) : {}),
  };
}

/**
 * The release in use here, to compare another with; null when none was accepted yet. One that is in use itself is compared with the
 * one it took the place of.
 */
export async function packageInUse(
  parts: Pick<TaskParts, 'directory' | 'plans' | 'registry' | 'signer'>,
  version: ReleaseVersion,
): Promise<ReleasePackage | null> {
  const model = modelOfVersion(version);
  const active = parts.registry.inSlot(model, 'active');
  const other = active?.version === version ? parts.registry.inSlot(model, 'previous') : active;
  return other === null ? null : installedPackage(parts, other);
}

/**
 * The release a variant was made of, which is kept as long as the variant is used.
 * @throws AgentError `unknown_model`, `model_damaged`
 */
async function releaseBehind(parts: JudgingParts, version: ReleaseVersion): Promise<ReleasePackage> {
  const release = parts.registry.find(releaseOfVersion(version));
  if (release === null) throw new AgentError('unknown_model', undefined, { version });
  return installedPackage(parts, release);
}

/** What the ladder may use here. An engine chosen by the clock could be another one when a judgement is repeated. */
function localUpdates(
  parts: JudgingParts,
  version: ReleaseVersion,
  keep: (variant: LocalVariant) => void,
): LocalUpdates {
  const { config, log, registry } = parts;
  return {
    version: registry.nextVariant(version),
    software: siteSoftware(),
    keep,
    async openTrainer() {
      const options = engineOptions(parts.directory, config);
      if (config.engine !== 'auto') return openTrainer(config.engine, log, options);
      try {
        return await openTrainer('onnx', log, options);
      } catch (error) {
        if (!(error instanceof TrainingError)) throw error;
        return openTrainer('tfjs', log, options);
      }
    },
  };
}

/**
 * Information fractions of the looks at a held release that did not show what they tested. One that tested nothing spends nothing, and one
 * that showed it and was held for another reason is no failed try. A release in use that is judged anew begins anew.
 */
function earlierLooks(release: RegisteredRelease | null, last: Judgement | null): readonly number[] {
  if (release === null || last === null || !waits(release)) return [];
  const { earlier, informationFraction } = last.evidence.look;
  const failed = last.decision.reasons.some(({ code }) => testedReasons.has(code));
  return informationFraction === null || !failed ? earlier : [...earlier, informationFraction];
}

const testedReasons: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  'noninferiority.not_shown',
  'net_benefit.not_shown',
  'looks.spent',
]);

/**
 * Judges a release on this site's rows as they are now, and keeps the evidence file of it. Nothing in the registry changes.
 * @throws DataError when rows cannot be read, or do not fit the contract and the release would be accepted on them
 */
export async function judgeHere(
  parts: JudgingParts,
  asked: {
    readonly plan: LoadedPlan;
    readonly policy: Policy;
    readonly release: ReleasePackage;
    readonly current: ReleasePackage | null;
  },
  signal: AbortSignal,
): Promise<Judgement> {
  const { plan, policy, release, current } = asked;
  const { version } = release.ref;
  let refusal: DataError | null = null;
  let cells: SiteCells | null = null;
  let variant: LocalVariant | null = null as LocalVariant | null;
  const judge = createJudge({
    // Read anew: the patients since the last reading are the ones that judge.
    async loadRows() {
      const rows = await readSiteData(parts.directory, parts.config.data, plan.plan.data, parts.clock.now(), signal);
      refusal = refusalOf(rows, plan.plan.data);
      return {
        table: rows.table,
        problemRows: rows.loaded.problems.rows,
        outOfRange: outOfRangeAmongJudged(rows, plan.plan.data),
        unknownLevels: rows.loaded.unknownLevels,
      };
    },
  });
  const judgement = await judge(
    {
      site: parts.site,
      plan: plan.plan,
      planDigest: plan.digest,
      policy,
      preprocessing: null,
      release,
      current,
      earlierLooks: earlierLooks(parts.registry.find(version), parts.registry.judgementOf(version)),
      nowMs: parts.clock.now(),
      heldSinceMs: parts.registry.find(version)?.heldSinceMs ?? null,
      memoryMegabytes: parts.config.trainingMemoryMegabytes,
      takeCells(counted) {
        cells = counted;
      },
      updates: {
        ...localUpdates(parts, version, (made) => (variant = made)),
        ...(isLocalVersion(version) ? { base: await releaseBehind(parts, version) } : {}),
      },
    },
    signal,
  );
  // Rows that do not fit the contract may be why a release is held, and are reported then; they are no ground to accept one on.
  if (refusal !== null && judgement.decision.decision === 'accept') throw refusal;
  signal.throwIfAborted();
  // Files first: the decision that makes the variant the model in use must find it, whenever the machine stops.
  if (variant !== null && judgement.decision.update !== null) {
    await installVariant(parts.directory, variant, parts.signer, parts.clock.now());
  }
  await keepEvidence(parts.directory, judgement, policy);
  // Exact counts: egress makes what may leave of them, now and when the hold of this judgement ends.
  createSharingRecord(parts.store).keepCells(release.ref.digest, cells, parts.clock.now());
  await keepReport(parts.directory, {
    judgement,
    policy,
    inUse: parts.registry.find(version)?.slot === 'active',
  });
  return judgement;
}
