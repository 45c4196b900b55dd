import type { Estimate } from '../../shared/plan/judgement.ts';
import type { SharedEvidence, SharedJudgement } from '../../shared/plan/shared-judgement.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { Digest, ReleaseVersion, SiteName } from '../../shared/runtime/ids.ts';

export const undefinedEstimate = (reason: string): Estimate => ({ value: null, low: null, high: null, reason });

/** Shared evidence of a release that could not be computed from any row. */
export function emptySharedEvidence(site: string, given: Partial<SharedEvidence> = {}): SharedEvidence {
  const none = undefinedEstimate('no_rows');
  return {
    wardround: 'shared-evidence/1',
    site: site as SiteName,
    plan: digestOf('plan'),
    release: { version: 'heart-disease/2' as ReleaseVersion, digest: digestOf('release') },
    current: null,
    kind: 'prospective',
    judgedFrom: '2025-01-01T00:00:00Z',
    judgedAt: '2025-07-01T00:00:00Z',
    task: 'binary',
    rows: 0,
    events: 0,
    nonEvents: 0,
    excluded: {},
    auroc: { new: none, current: none, difference: none },
    difference: { oneSidedLower: null, twoSidedUpper: null },
    brier: { new: none, current: none },
    calibration: { slope: none, intercept: none },
    performance: null,
    comparison: null,
    subgroups: [],
    slices: [],
    prevalence: { site: none, consortium: null, ownTraining: null },
    shift: [],
    multivariate: null,
    labelShift: null,
    gap: null,
    unlabelled: null,
    update: null,
    data: { unseenLevels: [], pendingShare: null },
    resolvableMargin: null,
    power: { eventsPerWeek: null, eventsForMargin: null, eventsForNetBenefit: null },
    look: { number: 1, informationFraction: null, oneSidedLevel: 0.05, twoSidedLevel: 0.05, earlier: [] },
    ...given,
  };
}

/** What a site shares that has nothing to share but its decision. */
export function sharedJudgement(
  evidence: SharedEvidence,
  given: {
    readonly decision?: Partial<SharedJudgement['decision']>;
    readonly cells?: Partial<SharedJudgement['cells']>;
    readonly withheld?: SharedJudgement['withheld'];
  } = {},
): SharedJudgement {
  const { version, digest } = evidence.release;
  return {
    wardround: 'shared-judgement/1',
    decision: {
      decision: 'hold',
      reasons: [{ code: 'evidence.no_rows', text: 'No patient could be judged.' }],
      update: null,
      review: false,
      revalidateDays: null,
      policy: digestOf('policy') as Digest,
      package: digestOf('package') as Digest,
      evidence: null,
      ...given.decision,
    },
    package: {
      wardround: 'package/1',
      version,
      digest,
      plan: evidence.plan,
      parent: null,
      trainingCutoff: null,
      valid: true,
    },
    evidence,
    cells: {
      minimum: 11,
      rows: evidence.rows,
      classes: null,
      columns: [],
      scores: { new: null, current: null },
      embedding: null,
      sums: [],
      ...given.cells,
    },
    withheld: given.withheld ?? [],
  };
}
