import type { Judgement } from '../../shared/plan/judgement.ts';
import type { LoadedPlan } from '../../shared/plan/load-plan.ts';
import type { Policy } from '../../shared/plan/policy.ts';
import type { ReleaseVersion } from '../../shared/runtime/ids.ts';
import type { DataError } from '../data/data-error.ts';
import { outOfRangeAmongJudged, readSiteData, refusalOf } from '../data/load-site-data.ts';
import { createJudge } from '../judging/create-judge.ts';
import type { ReleasePackage } from '../judging/release-package.ts';
import { keepEvidence } from '../models/evidence-files.ts';
import { readRelease } from '../models/model-files.ts';
import { modelOfVersion, type RegisteredRelease } from '../models/registry.ts';
import type { TaskParts } from './task-parts.ts';

/** What judging needs of the agent; a command at the terminal has it too. */
export type JudgingParts = Pick<TaskParts, 'directory' | 'site' | 'config' | 'plans' | 'registry' | 'clock'>;

/** A release that is installed here, as the gate takes it. */
export async function installedPackage(
  parts: Pick<TaskParts, 'directory' | 'plans'>,
  release: RegisteredRelease,
): Promise<ReleasePackage> {
  const files = await readRelease(parts.directory, release.digest);
  return {
    ref: { version: release.version, digest: release.digest },
    ...files,
    problems: [],
    trainingCutoff: parts.plans.load(release.plan)?.plan.data.trainingCutoff ?? null,
  };
}

/**
 * The release in use here, to compare another with; null when none was accepted yet. One that is in use itself is compared with the
 * one it took the place of.
 */
export async function packageInUse(
  parts: Pick<TaskParts, 'directory' | 'plans' | 'registry'>,
  version: ReleaseVersion,
): Promise<ReleasePackage | null> {
  const model = modelOfVersion(version);
  const active = parts.registry.inSlot(model, 'active');
  const other = active?.version === version ? parts.registry.inSlot(model, 'previous') : active;
  return other === null ? null : installedPackage(parts, other);
}

/** Information fractions of the looks that were taken at a release so far; a look that could test nothing spends nothing. */
function earlierLooks(last: Judgement | null): readonly number[] {
  if (last === null) return [];
  const { earlier, informationFraction } = last.evidence.look;
  return informationFraction === null ? earlier : [...earlier, informationFraction];
}

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
  const judge = createJudge({
    // Read anew: the patients since the last reading are the ones that judge.
    async loadRows() {
      const rows = await readSiteData(parts.directory, parts.config.data, plan.plan.data, signal);
      refusal = refusalOf(rows, plan.plan.data);
      return {
        table: rows.table,
        problemRows: rows.loaded.problems.rows,
        outOfRange: outOfRangeAmongJudged(rows, plan.plan.data),
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
      earlierLooks: earlierLooks(parts.registry.judgementOf(version)),
      nowMs: parts.clock.now(),
      heldSinceMs: parts.registry.find(version)?.heldSinceMs ?? null,
    },
    signal,
  );
  // Rows that do not fit the contract may be why a release is held, and are reported then; they are no ground to accept one on.
  if (refusal !== null && judgement.decision.decision === 'accept') throw refusal;
  signal.throwIfAborted();
  await keepEvidence(parts.directory, judgement, policy);
  return judgement;
}
