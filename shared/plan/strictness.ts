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
/** Every entry is one of the bound's. */
const subset: Judge = (site, bound) => (site as unknown[]).every((entry) => (bound as unknown[]).includes(entry));
const superset: Judge = (site, bound) => subset(bound, site);
const equal: Judge = (site, bound) => JSON.stringify(site) === JSON.stringify(bound);
/** A rule the bound does not have may be added; one it has stays as it is. */
const sameWhereSet: Judge = (site, bound) => bound === null || equal(site, bound);
const notAllowedUnless: Judge = (site, bound) => site === false || bound === true;

/**
 * How strictness of each figure is measured. A figure that has no entry is only reported, and not compared. Where no direction is
 * stricter, a hospital's figure must be the plan's.
 */
const rules: readonly {
  readonly path: string;
  readonly of: (policy: Policy) => unknown;
  readonly holds: Judge;
  readonly must: string;
}[] = [
  { path: 'auroc.margin', of: (policy) => policy.auroc.margin, holds: atMost, must: 'at most' },
  { path: 'auroc.floor', of: (policy) => policy.auroc.floor, holds: atLeast, must: 'at least' },
  { path: 'netBenefit.threshold', of: (policy) => policy.netBenefit.threshold, holds: sameWhereSet, must: 'equal to' },
  { path: 'netBenefit.margin', of: (policy) => policy.netBenefit.margin, holds: atMost, must: 'at most' },
  { path: 'minimumEvents', of: (policy) => policy.minimumEvents, holds: atLeast, must: 'at least' },
  { path: 'minimumNonEvents', of: (policy) => policy.minimumNonEvents, holds: atLeast, must: 'at least' },
  { path: 'calibration.slope', of: (policy) => policy.calibration.slope, holds: within, must: 'inside' },
  { path: 'calibration.intercept', of: (policy) => policy.calibration.intercept, holds: within, must: 'inside' },
  {
    path: 'calibration.observedExpected',
    of: (policy) => policy.calibration.observedExpected,
    holds: within,
    must: 'inside',
  },
  { path: 'calibration.ici', of: (policy) => policy.calibration.ici, holds: atMost, must: 'at most' },
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
  { path: 'data.maximumUnseenShare', of: (policy) => policy.data.maximumUnseenShare, holds: atMost, must: 'at most' },
  { path: 'data.maximumPendingShare', of: (policy) => policy.data.maximumPendingShare, holds: atMost, must: 'at most' },
  { path: 'data.maximumAgeDays', of: (policy) => policy.data.maximumAgeDays, holds: atMost, must: 'at most' },
  { path: 'data.onFailure', of: (policy) => policy.data.onFailure, holds: asSevere, must: 'no milder than' },
  { path: 'subgroups.minimumEvents', of: (policy) => policy.subgroups.minimumEvents, holds: equal, must: 'equal to' },
  { path: 'subgroups.margin', of: (policy) => policy.subgroups.margin, holds: atMost, must: 'at most' },
  { path: 'subgroups.alpha', of: (policy) => policy.subgroups.alpha, holds: atLeast, must: 'at least' },
  { path: 'subgroups.protected', of: (policy) => policy.subgroups.protected, holds: superset, must: 'all of' },
  {
    path: 'subgroups.onUnjudged',
    of: (policy) => policy.subgroups.onUnjudged,
    holds: asSevere,
    must: 'no milder than',
  },
  { path: 'review.domainClassifier', of: (policy) => policy.review.domainClassifier, holds: atMost, must: 'at most' },
  { path: 'looks.maximum', of: (policy) => policy.looks.maximum, holds: atMost, must: 'at most' },
  { path: 'looks.spending', of: (policy) => policy.looks.spending, holds: equal, must: 'equal to' },
  { path: 'update.allowed', of: (policy) => policy.update.allowed, holds: subset, must: 'among' },
  { path: 'update.alpha', of: (policy) => policy.update.alpha, holds: equal, must: 'equal to' },
  { path: 'update.updateShare', of: (policy) => policy.update.updateShare, holds: equal, must: 'equal to' },
  {
    path: 'update.isotonicMinimum.rows',
    of: (policy) => policy.update.isotonicMinimum.rows,
    holds: atLeast,
    must: 'at least',
  },
  {
    path: 'update.isotonicMinimum.events',
    of: (policy) => policy.update.isotonicMinimum.events,
    holds: atLeast,
    must: 'at least',
  },
  { path: 'update.forgettingMargin', of: (policy) => policy.update.forgettingMargin, holds: atMost, must: 'at most' },
  { path: 'override.roles', of: (policy) => policy.override.roles, holds: subset, must: 'among' },
  { path: 'monitor.falseAlarmRate', of: (policy) => policy.monitor.falseAlarmRate, holds: atLeast, must: 'at least' },
  { path: 'monitor.lifetimePatients', of: (policy) => policy.monitor.lifetimePatients, holds: equal, must: 'equal to' },
  { path: 'monitor.brierTolerance', of: (policy) => policy.monitor.brierTolerance, holds: atMost, must: 'at most' },
  { path: 'monitor.warnEvidence', of: (policy) => policy.monitor.warnEvidence, holds: atMost, must: 'at most' },
  { path: 'monitor.oddsRatio', of: (policy) => policy.monitor.oddsRatio, holds: equal, must: 'equal to' },
  { path: 'monitor.windowPatients', of: (policy) => policy.monitor.windowPatients, holds: equal, must: 'equal to' },
  { path: 'monitor.windowWarn', of: (policy) => policy.monitor.windowWarn, holds: atMost, must: 'at most' },
  { path: 'monitor.windowAlarm', of: (policy) => policy.monitor.windowAlarm, holds: atMost, must: 'at most' },
  {
    path: 'monitor.scaledWasserstein',
    of: (policy) => policy.monitor.scaledWasserstein,
    holds: atMost,
    must: 'at most',
  },
  { path: 'monitor.jensenShannon', of: (policy) => policy.monitor.jensenShannon, holds: atMost, must: 'at most' },
  { path: 'monitor.priorRatio', of: (policy) => policy.monitor.priorRatio, holds: within, must: 'inside' },
  { path: 'monitor.volumeDeviations', of: (policy) => policy.monitor.volumeDeviations, holds: atMost, must: 'at most' },
  { path: 'monitor.maximumDays', of: (policy) => policy.monitor.maximumDays, holds: atMost, must: 'at most' },
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
