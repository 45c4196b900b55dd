import type { Estimate } from '../../shared/plan/judgement.ts';
import type { ModelNotice } from '../../shared/plan/notice.ts';
import type { SiteSummary } from '../../shared/plan/preprocessing.ts';
import type { SharedJudgement } from '../../shared/plan/shared-judgement.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { ReleaseVersion, SiteName } from '../../shared/runtime/ids.ts';
import { emptySharedEvidence, sharedJudgement } from './shared-judgements.ts';

/** A summary with values that are awkward for a wire: withheld cells, tiny and large numbers. */
export function sampleSummary(): SiteSummary {
  return {
    wardround: 'summary/1',
    plan: digestOf('plan'),
    rows: 303,
    labelCounts: [164, 139],
    columns: [
      {
        name: 'age',
        sums: { count: 303, sum: 16_496.000000000004, sumOfSquares: 9.1e5 },
        counts: [101, 102, null, null],
      },
      { name: 'cp', sums: null, counts: [null, null, 144, 0] },
    ],
  };
}

const unknown: Estimate = { value: null, low: null, high: null, reason: 'no_current_model' };
const known: Estimate = { value: 0.8123456789012345, low: 0.75, high: 0.87, standardError: 0.03 };

/** What a site shares of a judgement, with values that are awkward for a wire. */
export function sampleJudgement(site: string): SharedJudgement {
  return sharedJudgement(
    emptySharedEvidence(site, {
      rows: 123,
      events: 57,
      nonEvents: 66,
      excluded: { before_cutoff: 180, label_missing: null },
      auroc: { new: known, current: unknown, difference: unknown },
      brier: { new: known, current: unknown },
      calibration: { slope: known, intercept: { value: -0.25, low: -1e-12, high: 3 } },
      prevalence: { site: known, consortium: 0.46, ownTraining: null },
      shift: [
        {
          column: 'chol',
          against: 'consortium',
          statistic: 91.2,
          degreesOfFreedom: 5,
          p: 3.4e-18,
          adjustedP: 3.7e-17,
          psi: 1.31,
          jensenShannon: 0.41,
          scaledWasserstein: null,
          kolmogorov: 0.3,
          missingRate: 0.02,
          referenceMissingRate: 0.01,
          found: true,
          large: true,
          kind: 'distribution',
          explanation: 'Größer als zuvor.',
        },
      ],
    }),
    {
      decision: {
        reasons: [
          { code: 'evidence.too_few_events', text: 'Too few events for a judgement: 57.' },
          { code: 'noted.shift', text: 'The column chol is distributed otherwise.', column: 'chol' },
        ],
        evidence: digestOf('evidence'),
      },
      cells: {
        classes: [66, 57],
        columns: [{ name: 'chol', counts: [40, 30, null, null, 0] }],
        scores: { new: { edges: [0.5], events: [15, 42], nonEvents: [46, 20] }, current: null },
        sums: [{ weighting: 'none', weight: 123, weightedLoss: 19.2504, squaredWeight: 123 }],
      },
      withheld: [{ what: 'cells.columns.chol', why: 'small_cell' }],
    },
  );
}

export function sampleNotice(site: string): ModelNotice {
  return {
    wardround: 'notice/1',
    site: site as SiteName,
    plan: digestOf('plan'),
    release: { version: 'heart-disease/2' as ReleaseVersion, digest: digestOf('release') },
    from: 'active',
    to: 'rolled_back',
    inUse: 'heart-disease/1' as ReleaseVersion,
    at: '2025-08-01T10:00:00Z',
    signals: [{ signal: 'performance', level: 'harm' }],
    byRoles: null,
  };
}
