import type { Estimate, Judgement } from '../../shared/plan/judgement.ts';
import type { SiteSummary } from '../../shared/plan/preprocessing.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { ReleaseVersion, SiteName } from '../../shared/runtime/ids.ts';

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
        counts: [101, 102, 100, null],
      },
      { name: 'cp', sums: null, counts: [null, null, 144, 0] },
    ],
  };
}

const unknown: Estimate = { value: null, low: null, high: null, reason: 'no_current_model' };
const known: Estimate = { value: 0.8123456789012345, low: 0.75, high: 0.87, standardError: 0.03 };

export function sampleJudgement(site: string): Judgement {
  return {
    decision: {
      decision: 'hold',
      reasons: [
        { code: 'evidence.too_few_events', text: '57 events, 100 are needed.' },
        { code: 'noted.shift', text: 'chol has moved.', column: 'chol' },
      ],
      policy: digestOf('policy'),
      evidence: digestOf('evidence'),
    },
    evidence: {
      wardround: 'evidence/1',
      site: site as SiteName,
      plan: digestOf('plan'),
      release: { version: 'heart-disease/2' as ReleaseVersion, digest: digestOf('release') },
      current: null,
      package: { valid: true, problems: [] },
      kind: 'prospective',
      judgedFrom: '2025-01-01T00:00:00Z',
      task: 'binary',
      rows: 123,
      events: 57,
      nonEvents: 66,
      excluded: { before_cutoff: 180 },
      auroc: { new: known, current: unknown, difference: unknown },
      difference: { oneSidedLower: null, twoSidedUpper: null },
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
          missingRate: 0.02,
          referenceMissingRate: 0.01,
          found: true,
          kind: 'distribution',
          explanation: 'Größer als zuvor.',
        },
      ],
      resolvableMargin: null,
    },
  };
}
