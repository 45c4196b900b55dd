import type { ColumnShift, Estimate, Evidence } from '../../shared/plan/judgement.ts';
import { type Policy, policySchema } from '../../shared/plan/policy.ts';
import type { Digest, ReleaseVersion, SiteName } from '../../shared/runtime/ids.ts';

export const estimate = (value: number, low: number, high: number): Estimate => ({
  value,
  low,
  high,
  standardError: null,
});

export const undefinedFigure = (reason: string): Estimate => ({
  value: null,
  low: null,
  high: null,
  standardError: null,
  reason,
});

/** Evidence of a release that meets every rule of the default policy. */
export function goodEvidence(change: Partial<Evidence> = {}): Evidence {
  return {
    wardround: 'evidence/1',
    site: 'north' as SiteName,
    plan: 'a'.repeat(64) as Digest,
    release: { version: 'heart-disease/2' as ReleaseVersion, digest: 'b'.repeat(64) as Digest },
    current: { version: 'heart-disease/1' as ReleaseVersion, digest: 'c'.repeat(64) as Digest },
    package: { valid: true, problems: [] },
    kind: 'prospective',
    judgedFrom: '2024-01-01T00:00:00.000Z',
    task: 'binary',
    rows: 400,
    events: 180,
    nonEvents: 220,
    excluded: { before_cutoff: 900 },
    auroc: {
      new: estimate(0.84, 0.8, 0.88),
      current: estimate(0.83, 0.79, 0.87),
      difference: estimate(0.01, -0.01, 0.03),
    },
    difference: { oneSidedLower: -0.007, twoSidedUpper: 0.03 },
    brier: { new: estimate(0.15, 0.13, 0.17), current: estimate(0.16, 0.14, 0.18) },
    calibration: { slope: estimate(1, 0.8, 1.2), intercept: estimate(0.05, -0.2, 0.3) },
    prevalence: { site: estimate(0.45, 0.4, 0.5), consortium: 0.47, ownTraining: 0.46 },
    shift: [columnShift({}), columnShift({ against: 'own-training' })],
    resolvableMargin: 0.025,
    ...change,
  };
}

export function columnShift(change: Partial<ColumnShift>): ColumnShift {
  return {
    column: 'age',
    against: 'consortium',
    statistic: 4,
    degreesOfFreedom: 5,
    p: 0.55,
    adjustedP: 0.8,
    psi: 0.02,
    missingRate: 0.01,
    referenceMissingRate: 0.01,
    found: false,
    kind: null,
    explanation: null,
    ...change,
  };
}

export function policyOf(change: Record<string, unknown> = {}): Policy {
  return policySchema.parse({ wardround: 'policy/1', ...change });
}
