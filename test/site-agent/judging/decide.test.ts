import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type {
  DecisionKind,
  Evidence,
  LadderEvidence,
  PackageRecord,
  ReasonCode,
} from '../../../shared/plan/judgement.ts';
import { judgementSchema } from '../../../shared/plan/judgement-schema.ts';
import { type Policy, policySchema } from '../../../shared/plan/policy.ts';
import { strictnessViolations } from '../../../shared/plan/strictness.ts';
import { canonicalDigest, canonicalJson } from '../../../shared/runtime/canonical.ts';
import type { Digest, ReleaseVersion } from '../../../shared/runtime/ids.ts';
import { decide } from '../../../site-agent/judging/decide.ts';
import {
  columnShift,
  estimate,
  goodCalibration,
  goodEvidence,
  goodPackage,
  goodPerformance,
  policyOf,
  subgroupEvidence,
  undefinedFigure,
} from '../../support/evidence.ts';

interface Scenario {
  readonly what: string;
  readonly policy?: Record<string, unknown>;
  readonly package?: Partial<PackageRecord>;
  readonly evidence: Partial<Evidence>;
  readonly decision: DecisionKind;
  /** All of them, in order. */
  readonly reasons: readonly ReasonCode[];
}

const good = goodEvidence();
const unit = columnShift({
  column: 'cholesterol',
  against: 'own-training',
  adjustedP: 1e-9,
  psi: 8,
  found: true,
  kind: 'unit',
  explanation: 'The values of cholesterol look as if recorded in mmol/L instead of mg/dL.',
});
const shifted = columnShift({ adjustedP: 0.001, psi: 0.3, found: true, kind: 'distribution', explanation: 'Older.' });
const prevalence = columnShift({
  column: 'disease',
  adjustedP: 0.001,
  psi: 0.3,
  found: true,
  kind: 'prevalence',
  explanation: 'The outcome is more frequent.',
});
const firstModel: Partial<Evidence> = {
  current: null,
  auroc: {
    ...good.auroc,
    current: undefinedFigure('no_current_model'),
    difference: undefinedFigure('no_current_model'),
  },
  difference: { oneSidedLower: null, twoSidedUpper: null },
  resolvableMargin: null,
};
const held = (days: number): Evidence['held'] & object => ({
  since: '2024-01-01T00:00:00.000Z',
  judgedAt: new Date(Date.parse('2024-01-01T00:00:00.000Z') + days * 86_400_000).toISOString(),
});

const threshold = { netBenefit: { threshold: 0.2 } };
const netBenefit = (bounds: { oneSidedLower: number; twoSidedUpper: number }): Evidence['comparison'] =>
  good.comparison === null ? null : { ...good.comparison, netBenefit: { ...good.comparison.netBenefit, ...bounds } };
const worse = (value: number, standardError: number) => ({
  new: estimate(0.7, 0.6, 0.8),
  current: estimate(0.8, 0.7, 0.9),
  difference: { value, low: value - 1.96 * standardError, high: value + 1.96 * standardError, standardError },
});
const performanceWith = (calibration: Parameters<typeof goodCalibration>[0]): Evidence['performance'] => ({
  new: goodPerformance({ calibration: goodCalibration(calibration) }),
  current: goodPerformance(),
});
const failing = performanceWith({ observedExpected: estimate(1.6, 1.4, 1.8) });
const updates = { update: { allowed: ['intercept'] } };
const repairedTo = (
  observedExpected: Evidence['calibration']['slope'],
): LadderEvidence['steps'][number]['calibration'] => {
  const { slope, intercept: large, ici, iciNull } = goodCalibration();
  return { slope, intercept: large, observedExpected, ici, iciNull };
};
const intercept: LadderEvidence['steps'][number] = {
  step: 'intercept',
  reason: null,
  p: 0.001,
  calibration: repairedTo(estimate(1.03, 0.92, 1.15)),
  auroc: estimate(0.84, 0.78, 0.89),
  loss: estimate(0.46, 0.4, 0.52),
  difference: { estimate: estimate(0.01, -0.02, 0.04), oneSidedLower: -0.015, twoSidedUpper: 0.04 },
  forgetting: estimate(0, 0, 0),
  gapClosed: estimate(0.9, 0.6, 1.2),
};
const ladder: LadderEvidence = {
  updateRows: 200,
  updateEvents: 90,
  judgedFrom: '2024-06-01T00:00:00.000Z',
  rows: 200,
  events: 90,
  steps: [intercept],
  chosen: 'intercept',
  variant: { version: 'heart-disease/2+1' as ReleaseVersion, digest: 'd'.repeat(64) as Digest },
};

const scenarios: readonly Scenario[] = [
  { what: 'everything passes', evidence: {}, decision: 'accept', reasons: ['passed.all'] },
  {
    what: 'a package that is not what its digest says',
    package: { valid: false, problems: ['file model.onnx does not have its digest'] },
    evidence: {},
    decision: 'reject',
    reasons: ['package.invalid'],
  },
  {
    what: 'an invalid package, whatever else is wrong: nothing else was computed',
    package: { valid: false, problems: ['x'] },
    evidence: {
      rows: 0,
      events: null,
      nonEvents: null,
      kind: 'retrospective',
    },
    decision: 'reject',
    reasons: ['package.invalid'],
  },
  {
    what: 'harm shown, with few patients all the same',
    evidence: { difference: { oneSidedLower: -0.2, twoSidedUpper: -0.05 }, events: 20 },
    decision: 'reject',
    reasons: ['harm.auroc', 'evidence.too_few_events', 'noninferiority.not_shown'],
  },
  {
    what: 'an upper bound of exactly minus the margin is no harm yet',
    evidence: { difference: { oneSidedLower: -0.2, twoSidedUpper: -0.02 } },
    decision: 'hold',
    reasons: ['noninferiority.not_shown'],
  },
  {
    what: 'the whole interval below the floor',
    evidence: { auroc: { ...good.auroc, new: estimate(0.6, 0.5, 0.69) } },
    decision: 'reject',
    reasons: ['floor.auroc'],
  },
  {
    what: 'an estimate below the floor whose interval just reaches it',
    evidence: { auroc: { ...good.auroc, new: estimate(0.6, 0.5, 0.7) } },
    decision: 'hold',
    reasons: ['floor.uncertain'],
  },
  {
    // Four patients without the event: a model with a true AUROC of 0.8 falls below 0.65 one time in ten.
    what: 'an estimate below the floor from a handful of patients',
    evidence: { auroc: { ...good.auroc, new: estimate(0.607, 0.213, 0.898) }, nonEvents: 4 },
    decision: 'hold',
    reasons: ['evidence.too_few_non_events', 'floor.uncertain'],
  },
  {
    what: 'an estimate below the floor without an interval',
    evidence: { auroc: { ...good.auroc, new: { value: 0.5, low: null, high: null, reason: 'constant_scores' } } },
    decision: 'hold',
    reasons: ['floor.uncertain'],
  },
  {
    what: 'exactly at the floor',
    evidence: { auroc: { ...good.auroc, new: estimate(0.7, 0.6, 0.76) } },
    decision: 'accept',
    reasons: ['passed.all'],
  },
  {
    what: 'harm before floor before calibration, then what would hold',
    evidence: {
      difference: { oneSidedLower: -0.2, twoSidedUpper: -0.05 },
      auroc: { ...good.auroc, new: estimate(0.6, 0.5, 0.69) },
      calibration: { slope: estimate(0.4, 0.2, 0.6), intercept: estimate(1, 0.8, 1.2) },
      kind: 'retrospective',
    },
    decision: 'reject',
    reasons: [
      'harm.auroc',
      'floor.auroc',
      'calibration.failed',
      'calibration.failed',
      'noninferiority.not_shown',
      'evidence.retrospective',
    ],
  },
  {
    what: 'a slope whose interval lies outside its range',
    evidence: { calibration: { ...good.calibration, slope: estimate(0.5, 0.4, 0.79) } },
    decision: 'reject',
    reasons: ['calibration.failed'],
  },
  {
    what: 'a slope whose interval just meets its range',
    evidence: { calibration: { ...good.calibration, slope: estimate(0.5, 0.4, 0.8) } },
    decision: 'accept',
    reasons: ['passed.all'],
  },
  {
    what: 'calibration fails, and the policy only holds',
    policy: { calibration: { onFailure: 'hold' } },
    evidence: { calibration: { ...good.calibration, intercept: estimate(0.9, 0.7, 1.1) } },
    decision: 'hold',
    reasons: ['calibration.failed'],
  },
  {
    what: 'too much is missing',
    evidence: { shift: [columnShift({ missingRate: 0.3, referenceMissingRate: 0.1 })] },
    decision: 'hold',
    reasons: ['data.missing_rate'],
  },
  {
    what: 'as much missing as twice the reference is allowed; the own rows do not count',
    evidence: {
      shift: [
        columnShift({ missingRate: 0.3, referenceMissingRate: 0.15 }),
        columnShift({ against: 'own-training', missingRate: 0.3, referenceMissingRate: 0 }),
      ],
    },
    decision: 'accept',
    reasons: ['passed.all'],
  },
  {
    what: 'an unknown reference rate leaves the fixed bound',
    evidence: { shift: [columnShift({ missingRate: 0.11, referenceMissingRate: null })] },
    decision: 'hold',
    reasons: ['data.missing_rate'],
  },
  {
    what: 'missing rates are only reported',
    policy: { missingness: { onFailure: 'report' } },
    evidence: { shift: [columnShift({ missingRate: 0.3, referenceMissingRate: 0.1 })] },
    decision: 'accept',
    reasons: ['passed.all', 'noted.missing_rate'],
  },
  {
    what: 'another unit than in the own earlier rows',
    evidence: { shift: [unit] },
    decision: 'hold',
    reasons: ['data.unit_change'],
  },
  {
    what: 'another unit, only reported',
    policy: { shift: { onUnitChange: 'report' } },
    evidence: { shift: [unit] },
    decision: 'accept',
    reasons: ['passed.all', 'noted.unit_change'],
  },
  {
    what: 'a found shift is named',
    evidence: { shift: [shifted, prevalence] },
    decision: 'accept',
    reasons: ['passed.all', 'noted.shift', 'noted.prevalence'],
  },
  {
    what: 'a found shift holds where the policy says so',
    policy: { shift: { onFound: 'hold' } },
    evidence: { shift: [shifted, prevalence] },
    decision: 'hold',
    reasons: ['data.shift', 'data.shift'],
  },
  {
    what: 'a shift that is significant but small, and one that is large but not significant',
    policy: { shift: { onFound: 'hold' } },
    evidence: { shift: [columnShift({ adjustedP: 0.001, psi: 0.1 }), columnShift({ adjustedP: 0.06, psi: 0.9 })] },
    decision: 'accept',
    reasons: ['passed.all'],
  },
  {
    what: 'missing rate, unit and shift in the order of the table, before too few patients',
    policy: { shift: { onFound: 'hold' } },
    evidence: { shift: [shifted, unit, columnShift({ column: 'x', missingRate: 0.9 })], events: 99, nonEvents: 99 },
    decision: 'hold',
    reasons: [
      'data.missing_rate',
      'data.unit_change',
      'data.shift',
      'evidence.too_few_events',
      'evidence.too_few_non_events',
    ],
  },
  {
    what: 'one event too few',
    evidence: { events: 99 },
    decision: 'hold',
    reasons: ['evidence.too_few_events'],
  },
  {
    what: 'non-inferiority not shown: a bound of exactly minus the margin is not above it',
    evidence: { difference: { oneSidedLower: -0.02, twoSidedUpper: 0.05 } },
    decision: 'hold',
    reasons: ['noninferiority.not_shown'],
  },
  {
    what: 'a current model that could not be run',
    evidence: { ...firstModel, current: good.current },
    decision: 'hold',
    reasons: ['noninferiority.not_shown'],
  },
  {
    what: 'the first model',
    evidence: firstModel,
    decision: 'accept',
    reasons: ['passed.all', 'noted.first_model'],
  },
  {
    what: 'nobody to judge on',
    evidence: {
      ...firstModel,
      rows: 0,
      events: 0,
      nonEvents: 0,
      auroc: {
        new: undefinedFigure('no_rows'),
        current: undefinedFigure('no_rows'),
        difference: undefinedFigure('no_rows'),
      },
      calibration: { slope: undefinedFigure('no_rows'), intercept: undefinedFigure('no_rows') },
    },
    decision: 'hold',
    reasons: ['evidence.no_rows', 'evidence.too_few_events', 'evidence.too_few_non_events', 'noted.first_model'],
  },
  {
    what: 'figures that cannot be computed',
    evidence: {
      ...firstModel,
      auroc: { ...good.auroc, new: undefinedFigure('single_class') },
      calibration: { slope: undefinedFigure('separation'), intercept: undefinedFigure('single_class') },
    },
    decision: 'hold',
    reasons: ['evidence.undefined', 'evidence.undefined', 'evidence.undefined', 'noted.first_model'],
  },
  {
    what: 'a declared holdout',
    evidence: { kind: 'retrospective', judgedFrom: null },
    decision: 'hold',
    reasons: ['evidence.retrospective'],
  },
  {
    what: 'a declared holdout the policy accepts',
    policy: { acceptRetrospective: true },
    evidence: { kind: 'retrospective', judgedFrom: null },
    decision: 'accept',
    reasons: ['passed.all'],
  },
  {
    what: 'a task that is not judged yet',
    evidence: { ...firstModel, task: 'regression', events: null, nonEvents: null, shift: [shifted] },
    decision: 'hold',
    reasons: ['evidence.task_not_judged', 'noted.shift', 'noted.first_model'],
  },
  {
    what: 'a hold that has lasted too long',
    evidence: { events: 50, held: held(90) },
    decision: 'reject',
    reasons: ['hold.expired', 'evidence.too_few_events'],
  },
  {
    what: 'a hold that may still last',
    evidence: { events: 50, held: held(89.9) },
    decision: 'hold',
    reasons: ['evidence.too_few_events'],
  },
  {
    what: 'a release that passes at last, after the deadline',
    evidence: { held: held(200) },
    decision: 'accept',
    reasons: ['passed.all'],
  },
  {
    what: 'a loss of net benefit is shown, with few patients all the same',
    policy: threshold,
    evidence: { comparison: netBenefit({ oneSidedLower: -0.02, twoSidedUpper: -0.003 }), events: 20 },
    decision: 'reject',
    reasons: ['harm.net_benefit', 'evidence.too_few_events', 'net_benefit.not_shown'],
  },
  {
    what: 'net benefit not shown: a bound of exactly minus the margin is not above it',
    policy: threshold,
    evidence: { comparison: netBenefit({ oneSidedLower: -0.002, twoSidedUpper: 0.01 }) },
    decision: 'hold',
    reasons: ['net_benefit.not_shown'],
  },
  {
    what: 'without an operating threshold net benefit is no rule',
    evidence: { comparison: netBenefit({ oneSidedLower: -0.2, twoSidedUpper: -0.1 }) },
    decision: 'accept',
    reasons: ['passed.all'],
  },
  {
    // (0.05 - 0.2) / 0.05 = -3: p = 0.00135, times 2 tests by Holm.
    what: 'a powered subgroup is worse beyond the margin',
    evidence: { subgroups: [subgroupEvidence({ auroc: worse(-0.2, 0.05) })] },
    decision: 'reject',
    reasons: ['subgroup.worse'],
  },
  {
    // (0.05 - 0.14) / 0.05 = -1.8: p = 0.036 alone, 0.072 over two tests.
    what: 'a subgroup that is worse before the correction over all of them, and not after',
    evidence: { subgroups: [subgroupEvidence({ auroc: worse(-0.14, 0.05) })] },
    decision: 'accept',
    reasons: ['passed.all', 'noted.subgroup'],
  },
  {
    what: 'a subgroup with 19 events is not judged',
    evidence: { subgroups: [subgroupEvidence({ events: 19, auroc: worse(-0.4, 0.05) })] },
    decision: 'accept',
    reasons: ['passed.all'],
  },
  {
    what: 'a protected subgroup that cannot be judged',
    policy: { subgroups: { protected: ['women'] } },
    evidence: { subgroups: [subgroupEvidence({ events: 19 })] },
    decision: 'hold',
    reasons: ['subgroup.not_judged'],
  },
  {
    what: 'a protected subgroup without any patient, only reported',
    policy: { subgroups: { protected: ['women'], onUnjudged: 'report' } },
    evidence: {},
    decision: 'accept',
    reasons: ['passed.all', 'noted.subgroup'],
  },
  {
    what: 'observed over expected events wholly outside its range',
    evidence: { performance: performanceWith({ observedExpected: estimate(1.6, 1.3, 1.9) }) },
    decision: 'reject',
    reasons: ['calibration.failed'],
  },
  {
    what: 'an uneven calibration that chance does not explain',
    evidence: { performance: performanceWith({ ici: estimate(0.06, 0.04, 0.08), iciNull: 0.03 }) },
    decision: 'reject',
    reasons: ['calibration.failed'],
  },
  {
    what: 'an uneven calibration that chance explains in so few patients',
    evidence: { performance: performanceWith({ ici: estimate(0.06, 0.02, 0.1), iciNull: 0.07 }) },
    decision: 'accept',
    reasons: ['passed.all'],
  },
  {
    what: 'calibration fails, and an allowed update repairs it on later patients',
    policy: updates,
    evidence: { performance: failing, update: ladder },
    decision: 'accept',
    reasons: ['passed.with_update'],
  },
  {
    what: 'calibration fails, and no allowed update repairs it',
    policy: updates,
    evidence: { performance: failing, update: { ...ladder, chosen: null, variant: null } },
    decision: 'reject',
    reasons: ['calibration.failed'],
  },
  {
    what: 'calibration fails, and an update is said to repair it that its own figures deny',
    policy: updates,
    evidence: {
      performance: failing,
      update: {
        ...ladder,
        steps: [{ ...intercept, calibration: repairedTo(estimate(1.5, 1.3, 1.7)) }],
      },
    },
    decision: 'reject',
    reasons: ['calibration.failed'],
  },
  {
    what: 'calibration fails, and the later patients are too few to judge the update',
    policy: updates,
    evidence: { performance: failing, update: { ...ladder, events: 49 } },
    decision: 'hold',
    reasons: ['calibration.to_update'],
  },
  {
    what: 'calibration fails, and the repair is a step the policy does not allow',
    policy: { update: { allowed: ['logistic'] } },
    evidence: { performance: failing, update: ladder },
    decision: 'reject',
    reasons: ['calibration.failed'],
  },
  {
    what: 'an update repairs calibration, and something else still holds',
    policy: updates,
    evidence: { performance: failing, update: ladder, difference: { oneSidedLower: -0.05, twoSidedUpper: 0.02 } },
    decision: 'hold',
    reasons: ['noninferiority.not_shown'],
  },
  {
    what: 'levels the plan does not know, outcomes that are missing, old rows: in the order of the table',
    evidence: {
      data: {
        unseenLevels: [{ column: 'sex', rows: 12, share: 0.03 }],
        pendingShare: 0.3,
        latestRowAt: '2022-01-01T00:00:00.000Z',
      },
    },
    decision: 'hold',
    reasons: ['data.unseen_levels', 'data.outcomes_pending', 'data.stale'],
  },
  {
    what: 'the same, only reported',
    policy: { data: { onFailure: 'report' } },
    evidence: { data: { unseenLevels: [], pendingShare: 0.3, latestRowAt: null } },
    decision: 'accept',
    reasons: ['passed.all', 'noted.data'],
  },
  {
    what: 'tested more often than the policy allows',
    evidence: { look: { ...good.look, number: 5, earlier: [0.1, 0.2, 0.3, 0.5] } },
    decision: 'hold',
    reasons: ['looks.spent'],
  },
  {
    what: 'an earlier look that could resolve the margin has spent the error',
    evidence: { look: { ...good.look, number: 2, earlier: [1] } },
    decision: 'hold',
    reasons: ['looks.spent'],
  },
  {
    what: 'a strong shift sends a person and never decides',
    evidence: {
      multivariate: {
        domainClassifier: estimate(0.9, 0.88, 0.92),
        leading: [],
        meanDiscrepancy: null,
        energy: null,
        reconstruction: null,
        scores: null,
      },
    },
    decision: 'accept',
    reasons: ['passed.all', 'noted.strong_shift'],
  },
  {
    what: 'harm goes before a repair, a subgroup before calibration',
    policy: updates,
    evidence: {
      difference: { oneSidedLower: -0.2, twoSidedUpper: -0.05 },
      subgroups: [subgroupEvidence({ auroc: worse(-0.2, 0.05) })],
      performance: failing,
      update: { ...ladder, chosen: null, variant: null },
    },
    decision: 'reject',
    reasons: ['harm.auroc', 'subgroup.worse', 'calibration.failed', 'noninferiority.not_shown'],
  },
];

describe('the decision table', () => {
  it.each(scenarios)('$what: $decision', ({ policy, package: change, evidence, decision, reasons }) => {
    const full = goodEvidence(evidence);
    const record = goodPackage(change);
    const found = decide(policyOf(policy), record, full);
    expect({ decision: found.decision, reasons: found.reasons.map(({ code }) => code) }).toEqual({ decision, reasons });
    expect(found.evidence).toBe(canonicalDigest(full));
    expect(found.package).toBe(canonicalDigest(record));
    expect(found.policy).toBe(canonicalDigest(policyOf(policy)));
    const judgement = { decision: found, package: record, evidence: full };
    expect(judgementSchema.parse(judgement)).toEqual(judgement);
    // Each hold says what would settle it.
    if (decision === 'hold') expect(found.reasons[0]?.settles).toMatch(/\w/);
    expect(found.revalidateDays === null).toBe(decision !== 'accept');
  });

  it('names the figures and the column', () => {
    const { reasons } = decide(policyOf({}), goodPackage(), goodEvidence({ events: 60, shift: [unit] }));
    expect(reasons[0]).toEqual({
      code: 'data.unit_change',
      text: unit.explanation,
      column: 'cholesterol',
      settles: "Rows in which cholesterol is recorded as before, in the plan's unit.",
    });
    expect(reasons[1]?.settles).toBe('40 more events (about 12 weeks at 3.5 a week).');
    expect(reasons[1]?.text).toBe(
      '60 events among the judged patients; the policy asks for 100, so 40 more are needed. With these patients a loss of 0.025 in AUROC could be ruled out four times in five.',
    );
  });
});

const share = fc.double({ min: 0, max: 1, noNaN: true });
const maybe = <T>(figure: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(figure, { nil: null });
const arbitraryEstimate = fc
  .tuple(fc.double({ min: -1, max: 2, noNaN: true }), share, fc.boolean())
  .map(([value, half, known]) => (known ? estimate(value, value - half, value + half) : undefinedFigure('x')));

interface Case {
  readonly record: PackageRecord;
  readonly evidence: Evidence;
}

const arbitraryCase: fc.Arbitrary<Case> = fc
  .record({
    valid: fc.boolean(),
    first: fc.boolean(),
    kind: fc.constantFrom('prospective' as const, 'retrospective' as const),
    task: fc.constantFrom('binary' as const, 'binary' as const, 'regression' as const),
    rows: fc.integer({ min: 0, max: 500 }),
    events: fc.integer({ min: 0, max: 300 }),
    nonEvents: fc.integer({ min: 0, max: 300 }),
    auroc: arbitraryEstimate,
    slope: arbitraryEstimate,
    intercept: arbitraryEstimate,
    lower: maybe(fc.double({ min: -0.1, max: 0.1, noNaN: true })),
    upper: maybe(fc.double({ min: -0.1, max: 0.1, noNaN: true })),
    heldDays: maybe(fc.integer({ min: 0, max: 200 })),
    observedExpected: arbitraryEstimate,
    repaired: maybe(arbitraryEstimate),
    laterEvents: fc.integer({ min: 0, max: 150 }),
    netLower: maybe(fc.double({ min: -0.01, max: 0.01, noNaN: true })),
    subgroups: fc.array(
      fc.record({
        name: fc.constantFrom('women', 'men'),
        events: fc.integer({ min: 0, max: 60 }),
        nonEvents: fc.integer({ min: 0, max: 60 }),
        change: fc.double({ min: -0.4, max: 0.2, noNaN: true }),
        standardError: fc.double({ min: 0, max: 0.1, noNaN: true }),
      }),
      { maxLength: 3 },
    ),
    unseen: share,
    pending: maybe(share),
    ageDays: fc.integer({ min: 0, max: 1000 }),
    look: fc.integer({ min: 1, max: 6 }),
    classifier: share,
    shift: fc.array(
      fc
        .record({
          against: fc.constantFrom('consortium' as const, 'own-training' as const),
          adjustedP: maybe(fc.double({ min: 0, max: 0.2, noNaN: true })),
          psi: maybe(fc.double({ min: 0, max: 0.6, noNaN: true })),
          missingRate: maybe(share),
          referenceMissingRate: maybe(share),
          kind: fc.constantFrom(
            null,
            'distribution' as const,
            'unit' as const,
            'coding' as const,
            'prevalence' as const,
          ),
        })
        .map((row) => columnShift({ ...row, found: row.kind !== null })),
      { maxLength: 4 },
    ),
  })
  .map((draw) => ({
    record: goodPackage(draw.valid ? {} : { valid: false, problems: ['x'] }),
    evidence: goodEvidence({
      ...(draw.first ? { current: null } : {}),
      kind: draw.kind,
      task: draw.task,
      rows: draw.rows,
      events: draw.events,
      nonEvents: draw.nonEvents,
      auroc: { ...good.auroc, new: draw.auroc },
      calibration: { slope: draw.slope, intercept: draw.intercept },
      performance: performanceWith({
        slope: draw.slope,
        intercept: draw.intercept,
        observedExpected: draw.observedExpected,
      }),
      comparison: netBenefit({ oneSidedLower: draw.netLower ?? -1, twoSidedUpper: (draw.netLower ?? -1) + 0.01 }),
      subgroups: draw.subgroups.map(({ name, events, nonEvents, change, standardError }) =>
        subgroupEvidence({ name, events, nonEvents, auroc: worse(change, standardError) }),
      ),
      update:
        draw.repaired === null
          ? null
          : {
              ...ladder,
              events: draw.laterEvents,
              steps: [{ ...intercept, calibration: repairedTo(draw.repaired) }],
            },
      data: {
        unseenLevels: [{ column: 'sex', rows: 3, share: draw.unseen }],
        pendingShare: draw.pending,
        latestRowAt: new Date(Date.parse(good.judgedAt) - draw.ageDays * 86_400_000).toISOString(),
      },
      look: { ...good.look, number: draw.look },
      multivariate: {
        domainClassifier: estimate(draw.classifier, 0, 1),
        leading: [],
        meanDiscrepancy: null,
        energy: null,
        reconstruction: null,
        scores: null,
      },
      difference: { oneSidedLower: draw.lower, twoSidedUpper: draw.upper },
      shift: draw.shift,
      ...(draw.heldDays === null ? {} : { held: held(draw.heldDays) }),
    }),
  }));

const arbitraryPolicy: fc.Arbitrary<Policy> = fc
  .record({
    margin: fc.double({ min: 0, max: 0.1, noNaN: true }),
    floor: share,
    minimumEvents: fc.integer({ min: 1, max: 200 }),
    minimumNonEvents: fc.integer({ min: 1, max: 200 }),
    slope: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 1, max: 2, noNaN: true })),
    intercept: fc.tuple(fc.double({ min: -1, max: 0, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
    onCalibration: fc.constantFrom('hold', 'reject'),
    falseDiscoveryRate: fc.double({ min: 0, max: 0.2, noNaN: true }),
    psi: fc.double({ min: 0, max: 0.5, noNaN: true }),
    onFound: fc.constantFrom('report', 'hold'),
    onUnitChange: fc.constantFrom('report', 'hold'),
    maximumRate: share,
    referenceMultiple: fc.double({ min: 1, max: 4, noNaN: true }),
    onMissing: fc.constantFrom('report', 'hold'),
    acceptRetrospective: fc.boolean(),
    holdDays: fc.integer({ min: 1, max: 200 }),
    observedExpected: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 1, max: 3, noNaN: true })),
    ici: share,
    netMargin: fc.double({ min: 0, max: 0.01, noNaN: true }),
    unseen: share,
    pending: share,
    ageDays: fc.integer({ min: 1, max: 1000 }),
    onData: fc.constantFrom('report', 'hold'),
    subgroupMargin: fc.double({ min: 0, max: 0.3, noNaN: true }),
    subgroupAlpha: fc.double({ min: 0.01, max: 0.5, noNaN: true }),
    protected: fc.subarray(['women', 'men']),
    onUnjudged: fc.constantFrom('report', 'hold'),
    looks: fc.integer({ min: 1, max: 6 }),
    allowed: fc.subarray(['intercept', 'logistic']),
    classifier: share,
  })
  .map((draw) =>
    policySchema.parse({
      wardround: 'policy/1',
      auroc: { margin: draw.margin, floor: draw.floor },
      minimumEvents: draw.minimumEvents,
      minimumNonEvents: draw.minimumNonEvents,
      netBenefit: { threshold: 0.2, margin: draw.netMargin },
      calibration: {
        slope: draw.slope,
        intercept: draw.intercept,
        observedExpected: draw.observedExpected,
        ici: draw.ici,
        onFailure: draw.onCalibration,
      },
      data: {
        maximumUnseenShare: draw.unseen,
        maximumPendingShare: draw.pending,
        maximumAgeDays: draw.ageDays,
        onFailure: draw.onData,
      },
      subgroups: {
        margin: draw.subgroupMargin,
        alpha: draw.subgroupAlpha,
        protected: draw.protected,
        onUnjudged: draw.onUnjudged,
      },
      looks: { maximum: draw.looks },
      update: { allowed: draw.allowed },
      review: { domainClassifier: draw.classifier },
      shift: {
        falseDiscoveryRate: draw.falseDiscoveryRate,
        psi: draw.psi,
        onFound: draw.onFound,
        onUnitChange: draw.onUnitChange,
      },
      missingness: {
        maximumRate: draw.maximumRate,
        referenceMultiple: draw.referenceMultiple,
        onFailure: draw.onMissing,
      },
      acceptRetrospective: draw.acceptRetrospective,
      holdDays: draw.holdDays,
    }),
  );

/** The stricter of two policies in every figure: at least as strict as both. */
function stricter(a: Policy, b: Policy): Policy {
  const hardest = <T extends string>(order: readonly T[], x: T, y: T): T =>
    order.indexOf(x) >= order.indexOf(y) ? x : y;
  const reportOrHold = ['report', 'hold'] as const;
  const inner = ([al, ah]: readonly [number, number], [bl, bh]: readonly [number, number]): [number, number] => [
    Math.max(al, bl),
    Math.min(ah, bh),
  ];
  return {
    ...a,
    auroc: { margin: Math.min(a.auroc.margin, b.auroc.margin), floor: Math.max(a.auroc.floor, b.auroc.floor) },
    minimumEvents: Math.max(a.minimumEvents, b.minimumEvents),
    minimumNonEvents: Math.max(a.minimumNonEvents, b.minimumNonEvents),
    netBenefit: { ...a.netBenefit, margin: Math.min(a.netBenefit.margin, b.netBenefit.margin) },
    data: {
      maximumUnseenShare: Math.min(a.data.maximumUnseenShare, b.data.maximumUnseenShare),
      maximumPendingShare: Math.min(a.data.maximumPendingShare, b.data.maximumPendingShare),
      maximumAgeDays: Math.min(a.data.maximumAgeDays, b.data.maximumAgeDays),
      onFailure: hardest(reportOrHold, a.data.onFailure, b.data.onFailure),
    },
    subgroups: {
      ...a.subgroups,
      margin: Math.min(a.subgroups.margin, b.subgroups.margin),
      alpha: Math.max(a.subgroups.alpha, b.subgroups.alpha),
      protected: [...new Set([...a.subgroups.protected, ...b.subgroups.protected])],
      onUnjudged: hardest(reportOrHold, a.subgroups.onUnjudged, b.subgroups.onUnjudged),
    },
    looks: { ...a.looks, maximum: Math.min(a.looks.maximum, b.looks.maximum) },
    update: { ...a.update, allowed: a.update.allowed.filter((step) => b.update.allowed.includes(step)) },
    review: { domainClassifier: Math.min(a.review.domainClassifier, b.review.domainClassifier) },
    calibration: {
      slope: inner(a.calibration.slope, b.calibration.slope),
      intercept: inner(a.calibration.intercept, b.calibration.intercept),
      observedExpected: inner(a.calibration.observedExpected, b.calibration.observedExpected),
      ici: Math.min(a.calibration.ici, b.calibration.ici),
      onFailure: hardest(['hold', 'reject'], a.calibration.onFailure, b.calibration.onFailure),
    },
    shift: {
      falseDiscoveryRate: Math.max(a.shift.falseDiscoveryRate, b.shift.falseDiscoveryRate),
      psi: Math.min(a.shift.psi, b.shift.psi),
      onFound: hardest(reportOrHold, a.shift.onFound, b.shift.onFound),
      onUnitChange: hardest(reportOrHold, a.shift.onUnitChange, b.shift.onUnitChange),
    },
    missingness: {
      maximumRate: Math.min(a.missingness.maximumRate, b.missingness.maximumRate),
      referenceMultiple: Math.min(a.missingness.referenceMultiple, b.missingness.referenceMultiple),
      onFailure: hardest(reportOrHold, a.missingness.onFailure, b.missingness.onFailure),
    },
    acceptRetrospective: a.acceptRetrospective && b.acceptRetrospective,
    holdDays: Math.min(a.holdDays, b.holdDays),
  };
}

describe('properties of the decision', () => {
  const severity = { accept: 0, hold: 1, reject: 2 };

  it('a stricter policy never accepts what a milder one does not', () => {
    fc.assert(
      fc.property(arbitraryPolicy, arbitraryPolicy, arbitraryCase, (bound, other, { record, evidence }) => {
        const site = stricter(bound, other);
        expect(strictnessViolations(site, bound)).toEqual([]);
        const mild = decide(bound, record, evidence).decision;
        if (mild !== 'accept') expect(decide(site, record, evidence).decision).not.toBe('accept');
      }),
      { numRuns: 2000 },
    );
  });

  // An update that waits for patients is held under rules that ask for more of them, and refused under those that ask for fewer.
  it('a stricter policy never decides more mildly where no update is allowed', () => {
    fc.assert(
      fc.property(arbitraryPolicy, arbitraryPolicy, arbitraryCase, (any, other, { record, evidence }) => {
        const bound = { ...any, update: { ...any.update, allowed: [] } };
        const site = stricter(bound, other);
        expect(severity[decide(site, record, evidence).decision]).toBeGreaterThanOrEqual(
          severity[decide(bound, record, evidence).decision],
        );
      }),
      { numRuns: 1000 },
    );
  });

  it('is replayed byte for byte from the canonical policy, package and evidence', () => {
    fc.assert(
      fc.property(arbitraryPolicy, arbitraryCase, (policy, { record, evidence }) => {
        const replayed = decide(
          JSON.parse(canonicalJson(policy)) as Policy,
          JSON.parse(canonicalJson(record)) as PackageRecord,
          JSON.parse(canonicalJson(evidence)) as Evidence,
        );
        expect(canonicalJson(replayed)).toBe(canonicalJson(decide(policy, record, evidence)));
      }),
    );
  });

  it('always gives a reason, the strictest first, and accepts only with a passed one', () => {
    fc.assert(
      fc.property(arbitraryPolicy, arbitraryCase, (policy, { record, evidence }) => {
        const { decision, reasons, update } = decide(policy, record, evidence);
        expect(reasons.length).toBeGreaterThan(0);
        const passed = update === null ? 'passed.all' : 'passed.with_update';
        expect(reasons[0]?.code === passed).toBe(decision === 'accept');
      }),
    );
  });
});
