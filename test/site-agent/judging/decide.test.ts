import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DecisionKind, Evidence, ReasonCode } from '../../../shared/plan/judgement.ts';
import { judgementSchema } from '../../../shared/plan/judgement-schema.ts';
import { type Policy, policySchema } from '../../../shared/plan/policy.ts';
import { strictnessViolations } from '../../../shared/plan/strictness.ts';
import { canonicalDigest, canonicalJson } from '../../../shared/runtime/canonical.ts';
import { decide } from '../../../site-agent/judging/decide.ts';
import { columnShift, estimate, goodEvidence, policyOf, undefinedFigure } from '../../support/evidence.ts';

interface Scenario {
  readonly what: string;
  readonly policy?: Record<string, unknown>;
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

const scenarios: readonly Scenario[] = [
  { what: 'everything passes', evidence: {}, decision: 'accept', reasons: ['passed.all'] },
  {
    what: 'a package that is not what its digest says',
    evidence: { package: { valid: false, problems: ['file model.onnx does not have its digest'] } },
    decision: 'reject',
    reasons: ['package.invalid'],
  },
  {
    what: 'an invalid package, whatever else is wrong: nothing else was computed',
    evidence: {
      package: { valid: false, problems: ['x'] },
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
];

describe('the decision table', () => {
  it.each(scenarios)('$what: $decision', ({ policy, evidence, decision, reasons }) => {
    const full = goodEvidence(evidence);
    const found = decide(policyOf(policy), full);
    expect({ decision: found.decision, reasons: found.reasons.map(({ code }) => code) }).toEqual({ decision, reasons });
    expect(found.evidence).toBe(canonicalDigest(full));
    expect(found.policy).toBe(canonicalDigest(policyOf(policy)));
    expect(judgementSchema.parse({ decision: found, evidence: full })).toEqual({ decision: found, evidence: full });
  });

  it('names the figures and the column', () => {
    const { reasons } = decide(policyOf({}), goodEvidence({ events: 60, shift: [unit] }));
    expect(reasons[0]).toEqual({ code: 'data.unit_change', text: unit.explanation, column: 'cholesterol' });
    expect(reasons[1]?.text).toBe(
      '60 events among the judged patients; the policy asks for 100, so 40 more are needed. With these patients a loss of 0.025 in AUROC could be ruled out four times in five.',
    );
  });
});

const share = fc.double({ min: 0, max: 1, noNaN: true });
const maybe = (figure: fc.Arbitrary<number>): fc.Arbitrary<number | null> => fc.option(figure, { nil: null });
const arbitraryEstimate = fc
  .tuple(fc.double({ min: -1, max: 2, noNaN: true }), share, fc.boolean())
  .map(([value, half, known]) => (known ? estimate(value, value - half, value + half) : undefinedFigure('x')));

const arbitraryEvidence: fc.Arbitrary<Evidence> = fc
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
  .map((draw) =>
    goodEvidence({
      package: draw.valid ? { valid: true, problems: [] } : { valid: false, problems: ['x'] },
      ...(draw.first ? { current: null } : {}),
      kind: draw.kind,
      task: draw.task,
      rows: draw.rows,
      events: draw.events,
      nonEvents: draw.nonEvents,
      auroc: { ...good.auroc, new: draw.auroc },
      calibration: { slope: draw.slope, intercept: draw.intercept },
      difference: { oneSidedLower: draw.lower, twoSidedUpper: draw.upper },
      shift: draw.shift,
      ...(draw.heldDays === null ? {} : { held: held(draw.heldDays) }),
    }),
  );

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
  })
  .map((draw) =>
    policySchema.parse({
      wardround: 'policy/1',
      auroc: { margin: draw.margin, floor: draw.floor },
      minimumEvents: draw.minimumEvents,
      minimumNonEvents: draw.minimumNonEvents,
      calibration: { slope: draw.slope, intercept: draw.intercept, onFailure: draw.onCalibration },
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
    calibration: {
      slope: inner(a.calibration.slope, b.calibration.slope),
      intercept: inner(a.calibration.intercept, b.calibration.intercept),
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
  it('a stricter policy never decides more mildly', () => {
    const severity = { accept: 0, hold: 1, reject: 2 };
    fc.assert(
      fc.property(arbitraryPolicy, arbitraryPolicy, arbitraryEvidence, (bound, other, evidence) => {
        const site = stricter(bound, other);
        expect(strictnessViolations(site, bound)).toEqual([]);
        expect(severity[decide(site, evidence).decision]).toBeGreaterThanOrEqual(
          severity[decide(bound, evidence).decision],
        );
      }),
      { numRuns: 500 },
    );
  });

  it('is replayed byte for byte from the canonical evidence and policy', () => {
    fc.assert(
      fc.property(arbitraryPolicy, arbitraryEvidence, (policy, evidence) => {
        const replayed = decide(
          JSON.parse(canonicalJson(policy)) as Policy,
          JSON.parse(canonicalJson(evidence)) as Evidence,
        );
        expect(canonicalJson(replayed)).toBe(canonicalJson(decide(policy, evidence)));
      }),
    );
  });

  it('always gives a reason, the strictest first, and accepts only with passed.all', () => {
    fc.assert(
      fc.property(arbitraryPolicy, arbitraryEvidence, (policy, evidence) => {
        const { decision, reasons } = decide(policy, evidence);
        expect(reasons.length).toBeGreaterThan(0);
        expect(reasons[0]?.code === 'passed.all').toBe(decision === 'accept');
      }),
    );
  });
});
