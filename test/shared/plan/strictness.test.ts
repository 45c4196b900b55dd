import { describe, expect, it } from 'vitest';
import { type Policy, policySchema } from '../../../shared/plan/policy.ts';
import { comparedFigures, strictnessViolations } from '../../../shared/plan/strictness.ts';

const bound = policySchema.parse({
  wardround: 'policy/1',
  calibration: { onFailure: 'hold' },
  shift: { onFound: 'report', onUnitChange: 'report' },
  missingness: { onFailure: 'report' },
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
  ['acceptRetrospective', false, null],
  ['holdDays', 30, 91],
];

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
    expect(violations[0]).toMatch(new RegExp(`^${path.replace('.', '\\.')}: must be .* \\(the plan\\), found `));
  });

  it.each(figures.filter(([, , looser]) => looser !== null))('%s: refuses what is looser', (path, _, looser) => {
    expect(strictnessViolations(withFigure(path, looser), bound)).toHaveLength(1);
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
      .filter((path) => path !== 'wardround' && path !== 'name');
    expect([...comparedFigures].sort()).toEqual(all.sort());
    expect(figures.map(([path]) => path).sort()).toEqual(all.sort());
  });
});
