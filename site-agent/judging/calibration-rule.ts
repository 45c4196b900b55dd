import type { CalibrationFigures, Estimate } from '../../shared/plan/judgement.ts';
import type { Policy } from '../../shared/plan/policy.ts';

/** Draws behind the index that chance explains: known to 2% of itself, so that a decision hardly ever hangs on the seed. */
export const calibrationDraws = 2000;

/** What the rules of calibration look at. */
export type JudgedCalibration = Pick<
  CalibrationFigures,
  'slope' | 'intercept' | 'observedExpected' | 'ici' | 'iciNull'
>;

/**
 * Where a model's calibration misses the policy, one sentence each; empty when it misses nowhere or nothing can be said. Slope,
 * intercept and O/E miss when their whole 95% interval lies outside the range; the integrated calibration index when its interval lies above
 * the bound, and the index above what a perfectly calibrated model would show by chance.
 */
export function calibrationMisses({ calibration: bounds }: Policy, figures: JudgedCalibration): string[] {
  const outside = (name: string, estimate: Estimate, [low, high]: readonly [number, number]): string[] => {
    if (estimate.low === null || estimate.high === null || (estimate.high >= low && estimate.low <= high)) return [];
    return [
      `The ${name} is ${figure(estimate.value)} (${figure(estimate.low)} to ${figure(estimate.high)}), wholly outside ${low} to ${high}.`,
    ];
  };
  const { ici, iciNull } = figures;
  const uneven =
    ici.value !== null && ici.low !== null && iciNull !== null && ici.low > bounds.ici && ici.value > iciNull;
  return [
    ...outside('calibration slope', figures.slope, bounds.slope),
    ...outside('calibration intercept', figures.intercept, bounds.intercept),
    ...outside('ratio of observed to expected events', figures.observedExpected, bounds.observedExpected),
    ...(uneven
      ? [
          `The integrated calibration index is ${figure(ici.value)} (${figure(ici.low)} to ${figure(ici.high)}), wholly above ${bounds.ici} and above the ${figure(iciNull)} that chance explains.`,
        ]
      : []),
  ];
}

function figure(value: number | null): string {
  return value === null ? 'unknown' : value.toFixed(3);
}
