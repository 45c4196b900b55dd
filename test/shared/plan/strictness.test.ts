import { describe, expect, it } from 'vitest';
import { type Policy, policySchema } from '../../../shared/plan/policy.ts';
import { comparedFigures, strictnessViolations } from '../../../shared/plan/strictness.ts';

const bound = policySchema.parse({
  wardround: 'policy/1',
  calibration: { onFailure: 'hold' },
  shift: { onFound: 'report', onUnitChange: 'report' },
  missingness: { onFailure: 'report' },
  netBenefit: { threshold: 0.2 },
  data: { onFailure: 'report' },
  subgroups: { protected: ['women'], onUnjudged: 'report' },
  update: { allowed: ['intercept'] },
  override: { roles: ['clinical lead', 'data protection officer'] },
  acceptRetrospective: true,
});

type Path = readonly string[];

function leaves(value: unknown, path: Path = []): Path[] {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return [path];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

function withFigure(path: string, value: unknown): Policy {
  const policy = structuredClone(bound) as unknown as Record<string, unknown>;
  const keys = path.split('.');
  let target = policy;
  for (const key of keys.slice(0, -1)) target = target[key] as Record<string, unknown>;
  target[keys.at(-1) as string] = value;
  return policySchema.parse(policy);
}

/** Each figure with a stricter and a looser value than `bound` has, from the words of the schema. */
const figures: readonly [path: string, stricter: unknown, looser: unknown][] = [
  ['auroc.margin', 0.01, 0.03],
  ['auroc.floor', 0.75, 0.65],
  ['minimumEvents', 101, 99],
  ['minimumNonEvents', 101, 99],
  ['calibration.slope', [0.9, 1.1], [0.79, 1.1]],
  ['calibration.intercept', [-0.1, 0.22], [-0.1, 0.23]],
  ['calibration.onFailure', 'reject', null],
  ['shift.falseDiscoveryRate', 0.1, 0.01],
  ['shift.psi', 0.1, 0.25],
  ['shift.onFound', 'hold', null],
  ['shift.onUnitChange', 'hold', null],
  ['missingness.maximumRate', 0.05, 0.2],
  ['missingness.referenceMultiple', 1.5, 3],
  ['missingness.onFailure', 'hold', null],
  ['netBenefit.margin', 0.001, 0.003],
  ['calibration.observedExpected', [0.9, 1.1], [0.7, 1.1]],
  ['calibration.ici', 0.02, 0.04],
  ['data.maximumUnseenShare', 0, 0.02],
  ['data.maximumPendingShare', 0.1, 0.3],
  ['data.maximumAgeDays', 365, 1000],
  ['data.onFailure', 'hold', null],
  ['subgroups.margin', 0.04, 0.06],
  ['subgroups.alpha', 0.1, 0.01],
  ['subgroups.protected', ['women', 'men'], []],
  ['subgroups.onUnjudged', 'hold', null],
  ['review.domainClassifier', 0.6, 0.8],
  ['looks.maximum', 3, 5],
  ['update.allowed', [], ['intercept', 'logistic']],
  ['update.isotonicMinimum.rows', 2000, 500],
  ['update.isotonicMinimum.events', 300, 100],
  ['update.forgettingMargin', 0.01, 0.03],
  ['override.roles', [], ['clinical lead', 'data protection officer', 'board']],
  ['monitor.falseAlarmRate', 0.1, 0.01],
  ['monitor.brierTolerance', 0.01, 0.03],
  ['monitor.warnEvidence', 4, 6],
  ['monitor.windowWarn', 1.5, 2.5],
  ['monitor.windowAlarm', 2.5, 3.5],
  ['monitor.scaledWasserstein', 0.1, 0.3],
  ['monitor.jensenShannon', 0.05, 0.2],
  ['monitor.priorRatio', [0.6, 1.5], [0.4, 2]],
  ['monitor.volumeDeviations', 1.5, 3],
  ['monitor.maximumDays', 60, 100],
  ['acceptRetrospective', false, null],
  ['holdDays', 30, 91],
];

/** Figures without a stricter side: a hospital's must be the plan's. */
const fixed: readonly [path: string, other: unknown][] = [
  ['netBenefit.threshold', 0.3],
  ['subgroups.minimumEvents', 19],
  ['looks.spending', 'obrien-fleming'],
  ['update.alpha', 0.1],
  ['update.updateShare', 0.4],
  ['monitor.lifetimePatients', 9999],
  ['monitor.oddsRatio', 3],
  ['monitor.windowPatients', 300],
];
/** Figures that no rule compares with. */
const reportedOnly = ['netBenefit.range', 'slices.falseDiscoveryRate', 'slices.minimumRows', 'slices.minimumEvents'];

describe('strictnessViolations', () => {
  it('takes the bound itself', () => {
    expect(strictnessViolations(bound, bound)).toEqual([]);
  });

  it.each(figures)('%s: takes %j as stricter', (path, stricter) => {
    expect(strictnessViolations(withFigure(path, stricter), bound)).toEqual([]);
  });

  it.each(figures)('%s: a bound of %j refuses what is looser', (path, stricter) => {
    const violations = strictnessViolations(bound, withFigure(path, stricter));
    expect(violations).toHaveLength(1);
    expect(violations[0]).toMatch(new RegExp(`^${path.replaceAll('.', '\\.')}: must be .* \\(the plan\\), found `));
  });

  it.each(figures.filter(([, , looser]) => looser !== null))('%s: refuses what is looser', (path, _, looser) => {
    expect(strictnessViolations(withFigure(path, looser), bound)).toHaveLength(1);
  });

  it.each(fixed)('%s: must be the same', (path, other) => {
    expect(strictnessViolations(withFigure(path, other), bound)).toHaveLength(1);
    if (path !== 'netBenefit.threshold') expect(strictnessViolations(bound, withFigure(path, other))).toHaveLength(1);
  });

  it('a hospital may judge net benefit where the plan does not', () => {
    const without = policySchema.parse({ ...bound, netBenefit: {} });
    expect(strictnessViolations(bound, without)).toEqual([]);
    expect(strictnessViolations(without, bound)).toHaveLength(1);
  });

  it('says which figure, what it must be and what it is', () => {
    expect(strictnessViolations(withFigure('calibration.slope', [0.7, 1.3]), bound)).toEqual([
      'calibration.slope: must be inside [0.8,1.25] (the plan), found [0.7,1.3]',
    ]);
    expect(strictnessViolations(withFigure('auroc.margin', 0.1), bound)).toEqual([
      'auroc.margin: must be at most 0.02 (the plan), found 0.1',
    ]);
  });

  it('names every figure that is looser', () => {
    const loose = policySchema.parse({ ...bound, minimumEvents: 1, minimumNonEvents: 1, holdDays: 3650 });
    expect(strictnessViolations(loose, bound)).toHaveLength(3);
  });

  it('compares every figure of the schema: none is added and forgotten', () => {
    const all = leaves(bound)
      .map((path) => path.join('.'))
      .filter((path) => path !== 'wardround' && path !== 'name' && !reportedOnly.includes(path));
    expect([...comparedFigures].sort()).toEqual(all.sort());
    expect([...figures, ...fixed].map(([path]) => path).sort()).toEqual(all.sort());
  });
});
