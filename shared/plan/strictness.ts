import { valueText } from '../runtime/problem.ts';
import type { Policy } from './policy.ts';

type Judge = (site: unknown, bound: unknown) => boolean;

const atMost: Judge = (site, bound) => (site as number) <= (bound as number);
const atLeast: Judge = (site, bound) => (site as number) >= (bound as number);
const within: Judge = (site, bound) => {
  const [low, high] = site as [number, number];
  const [boundLow, boundHigh] = bound as [number, number];
  return low >= boundLow && high <= boundHigh;
};
/** Outcomes from the mildest to the strictest. */
const order = ['report', 'hold', 'reject'];
const asSevere: Judge = (site, bound) => order.indexOf(site as string) >= order.indexOf(bound as string);
const notAllowedUnless: Judge = (site, bound) => site === false || bound === true;

/** How strictness of each figure is measured; a figure that has no entry is not compared. */
const rules: readonly {
  readonly path: string;
  readonly of: (policy: Policy) => unknown;
  readonly holds: Judge;
  readonly must: string;
}[] = [
  { path: 'auroc.margin', of: (policy) => policy.auroc.margin, holds: atMost, must: 'at most' },
  { path: 'auroc.floor', of: (policy) => policy.auroc.floor, holds: atLeast, must: 'at least' },
  { path: 'minimumEvents', of: (policy) => policy.minimumEvents, holds: atLeast, must: 'at least' },
  { path: 'minimumNonEvents', of: (policy) => policy.minimumNonEvents, holds: atLeast, must: 'at least' },
  { path: 'calibration.slope', of: (policy) => policy.calibration.slope, holds: within, must: 'inside' },
  { path: 'calibration.intercept', of: (policy) => policy.calibration.intercept, holds: within, must: 'inside' },
  {
    path: 'calibration.onFailure',
    of: (policy) => policy.calibration.onFailure,
    holds: asSevere,
    must: 'no milder than',
  },
  {
    path: 'shift.falseDiscoveryRate',
    of: (policy) => policy.shift.falseDiscoveryRate,
    holds: atLeast,
    must: 'at least',
  },
  { path: 'shift.psi', of: (policy) => policy.shift.psi, holds: atMost, must: 'at most' },
  { path: 'shift.onFound', of: (policy) => policy.shift.onFound, holds: asSevere, must: 'no milder than' },
  { path: 'shift.onUnitChange', of: (policy) => policy.shift.onUnitChange, holds: asSevere, must: 'no milder than' },
  { path: 'missingness.maximumRate', of: (policy) => policy.missingness.maximumRate, holds: atMost, must: 'at most' },
  {
    path: 'missingness.referenceMultiple',
    of: (policy) => policy.missingness.referenceMultiple,
    holds: atMost,
    must: 'at most',
  },
  {
    path: 'missingness.onFailure',
    of: (policy) => policy.missingness.onFailure,
    holds: asSevere,
    must: 'no milder than',
  },
  {
    path: 'acceptRetrospective',
    of: (policy) => policy.acceptRetrospective,
    holds: notAllowedUnless,
    must: 'no looser than',
  },
  { path: 'holdDays', of: (policy) => policy.holdDays, holds: atMost, must: 'at most' },
];

/** Figures whose strictness is compared, as paths of the policy. */
export const comparedFigures: readonly string[] = rules.map(({ path }) => path);

/**
 * Where a hospital's policy is looser than the bound its consortium's plan sets, one sentence a figure.
 * Empty: `site` is at least as strict everywhere, and may take the place of `bound`.
 */
export function strictnessViolations(site: Policy, bound: Policy): string[] {
  return rules
    .filter(({ of, holds }) => !holds(of(site), of(bound)))
    .map(
      ({ path, of, must }) =>
        `${path}: must be ${must} ${valueText(of(bound))} (the plan), found ${valueText(of(site))}`,
    );
}
