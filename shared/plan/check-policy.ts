import { type Finding, orderedRange, type Path, repeated } from './finding.ts';
import type { Policy } from './policy.ts';

/** The range is in order and holds the value of a perfectly calibrated model. */
function calibrationRange(range: readonly [number, number], perfect: number, figure: string, path: Path): Finding[] {
  const findings = orderedRange(range, path);
  const [low, high] = range;
  if (findings.length === 0 && (low > perfect || high < perfect)) {
    const message = `the range must hold ${perfect}, the ${figure} of a calibrated model; found [${low}, ${high}]`;
    findings.push({ path, message });
  }
  return findings;
}

/** What contradicts itself in a policy that stands at `base` of its document. */
export function policyFindings(policy: Policy, base: Path): Finding[] {
  const { slope, intercept, observedExpected } = policy.calibration;
  const { netBenefit, monitor } = policy;
  const findings = [
    ...calibrationRange(slope, 1, 'slope', [...base, 'calibration', 'slope']),
    ...calibrationRange(intercept, 0, 'intercept', [...base, 'calibration', 'intercept']),
    ...calibrationRange(observedExpected, 1, 'ratio', [...base, 'calibration', 'observedExpected']),
    ...orderedRange(netBenefit.range, [...base, 'netBenefit', 'range']),
    ...repeated(policy.subgroups.protected, [...base, 'subgroups', 'protected'], 'the subgroup'),
    ...repeated(policy.update.allowed, [...base, 'update', 'allowed'], 'the update'),
    ...repeated(policy.override.roles, [...base, 'override', 'roles'], 'the role', {
      formOf: (role) => role.trim().toLowerCase(),
    }),
  ];
  if (netBenefit.threshold === 0 || netBenefit.threshold === 1) {
    findings.push({
      path: [...base, 'netBenefit', 'threshold'],
      message: `a threshold of ${netBenefit.threshold} treats everybody or nobody; give one between 0 and 1, or null`,
    });
  }
  const [lowest, highest] = monitor.priorRatio;
  if (lowest >= 1 || highest <= 1) {
    findings.push({
      path: [...base, 'monitor', 'priorRatio'],
      message: `the range must hold 1, an unchanged prevalence; found [${lowest}, ${highest}]`,
    });
  }
  if (monitor.windowWarn > monitor.windowAlarm) {
    findings.push({
      path: [...base, 'monitor', 'windowWarn'],
      message: `a window warns at ${monitor.windowWarn}, above the ${monitor.windowAlarm} at which it alarms`,
    });
  }
  return findings;
}
