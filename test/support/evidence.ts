import type {
  CalibrationFigures,
  ColumnShift,
  Estimate,
  Evidence,
  PackageRecord,
  Performance,
  SubgroupEvidence,
} from '../../shared/plan/judgement.ts';
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
    wardround: 'evidence/2',
    site: 'north' as SiteName,
    plan: 'a'.repeat(64) as Digest,
    release: { version: 'heart-disease/2' as ReleaseVersion, digest: 'b'.repeat(64) as Digest },
    current: { version: 'heart-disease/1' as ReleaseVersion, digest: 'c'.repeat(64) as Digest },
    kind: 'prospective',
    judgedFrom: '2024-01-01T00:00:00.000Z',
    judgedAt: '2024-12-31T00:00:00.000Z',
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
    performance: {
      new: goodPerformance({ calibration: goodCalibration(change.calibration ?? {}) }),
      current: goodPerformance(),
    },
    comparison: {
      auroc: {
        estimate: { value: 0.01, low: -0.01, high: 0.03, standardError: 0.0102 },
        oneSidedLower: -0.007,
        twoSidedUpper: 0.03,
      },
      netBenefit: {
        estimate: { value: 0.004, low: -0.002, high: 0.01, standardError: 0.003 },
        oneSidedLower: -0.001,
        twoSidedUpper: 0.01,
      },
      sensitivity: { difference: estimate(0.01, -0.03, 0.05), mcNemarP: 0.7 },
      specificity: { difference: estimate(0, -0.03, 0.03), mcNemarP: 1 },
      bootstrap: null,
    },
    subgroups: [],
    slices: [],
    lossTree: [],
    prevalence: { site: estimate(0.45, 0.4, 0.5), consortium: 0.47, ownTraining: 0.46 },
    shift: [columnShift({}), columnShift({ against: 'own-training' })],
    multivariate: null,
    labelShift: null,
    gap: null,
    unlabelled: null,
    update: null,
    data: { unseenLevels: [], pendingShare: 0.02, latestRowAt: '2024-12-30T00:00:00.000Z' },
    resolvableMargin: 0.025,
    power: { eventsPerWeek: 3.5, eventsForMargin: 280, eventsForNetBenefit: 500 },
    look: { number: 1, informationFraction: 0.64, oneSidedLevel: 0.05, twoSidedLevel: 0.05, earlier: [] },
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
    jensenShannon: 0.04,
    scaledWasserstein: 0.05,
    kolmogorov: 0.03,
    missingRate: 0.01,
    referenceMissingRate: 0.01,
    found: false,
    large: false,
    kind: null,
    explanation: null,
    ...change,
  };
}

export function policyOf(change: Record<string, unknown> = {}): Policy {
  return policySchema.parse({ wardround: 'policy/1', ...change });
}

/** Calibration that misses no bound of the default policy. */
export function goodCalibration(change: Partial<CalibrationFigures> = {}): CalibrationFigures {
  return {
    slope: estimate(1, 0.8, 1.2),
    intercept: estimate(0.05, -0.2, 0.3),
    observedExpected: estimate(1.03, 0.92, 1.15),
    ici: estimate(0.02, 0.005, 0.04),
    iciNull: 0.04,
    e50: 0.018,
    e90: 0.04,
    ece: estimate(0.03, 0.01, 0.06),
    spiegelhalter: { z: 0.4, p: 0.69 },
    curve: [
      { predicted: 0.1, observed: 0.11, low: 0.06, high: 0.17 },
      { predicted: 0.5, observed: 0.52, low: 0.45, high: 0.59 },
      { predicted: 0.9, observed: 0.9, low: 0.84, high: 0.95 },
    ],
    ...change,
  };
}

export function goodPerformance(change: Partial<Performance> = {}): Performance {
  return {
    auroc: estimate(0.84, 0.8, 0.88),
    aurocPlain: estimate(0.84, 0.801, 0.879),
    averagePrecision: estimate(0.8, 0.74, 0.85),
    brier: estimate(0.15, 0.13, 0.17),
    scaledBrier: estimate(0.39, 0.32, 0.46),
    logLoss: estimate(0.46, 0.41, 0.51),
    calibration: goodCalibration(),
    netBenefit: estimate(0.38, 0.33, 0.43),
    classification: {
      threshold: 0.2,
      sensitivity: estimate(0.94, 0.9, 0.97),
      specificity: estimate(0.52, 0.45, 0.59),
      positivePredictive: estimate(0.62, 0.56, 0.68),
      negativePredictive: estimate(0.91, 0.85, 0.95),
    },
    decisionCurve: [
      { threshold: 0.1, model: 0.41, treatAll: 0.39, interventionsAvoided: 18 },
      { threshold: 0.2, model: 0.38, treatAll: 0.31, interventionsAvoided: 28 },
    ],
    risks: {
      events: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 15, 12, 10, 7],
      nonEvents: [40, 35, 30, 22, 18, 14, 11, 9, 8, 7, 6, 5, 4, 3, 2, 2, 1, 1, 1, 1],
    },
    ...change,
  };
}

export function subgroupEvidence(change: Partial<SubgroupEvidence> = {}): SubgroupEvidence {
  const same = {
    new: estimate(0.82, 0.75, 0.88),
    current: estimate(0.82, 0.75, 0.88),
    difference: { value: 0, low: -0.04, high: 0.04, standardError: 0.02 },
  };
  return {
    name: 'women',
    rows: 150,
    events: 60,
    nonEvents: 90,
    auroc: same,
    sensitivity: same,
    specificity: same,
    observedExpected: estimate(1, 0.85, 1.17),
    resolvableMargin: 0.05,
    ...change,
  };
}

/** A package that passed every check. */
export function goodPackage(change: Partial<PackageRecord> = {}): PackageRecord {
  return {
    wardround: 'package/1',
    version: 'heart-disease/2' as ReleaseVersion,
    digest: 'b'.repeat(64) as Digest,
    plan: 'a'.repeat(64) as Digest,
    parent: 'heart-disease/1' as ReleaseVersion,
    trainingCutoff: '2024-01-01',
    valid: true,
    problems: [],
    ...change,
  };
}
