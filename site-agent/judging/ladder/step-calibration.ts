import type { CalibrationFigures } from '../../../shared/plan/judgement.ts';
import { groupByProbability } from '../../../shared/statistics/binomial-groups.ts';
import { calibrateGroups, observedExpectedOfGroups } from '../../../shared/statistics/calibration.ts';
import { calibrationCurveOfGroups } from '../../../shared/statistics/calibration-curve.ts';
import { undefinedEstimate } from '../../../shared/statistics/estimate.ts';
import { calibrationDraws } from '../calibration-rule.ts';

export type StepCalibration = Pick<CalibrationFigures, 'slope' | 'intercept' | 'observedExpected' | 'ici' | 'iciNull'>;

/** The figures of calibration that the policy bounds, of one step on the later rows. */
export function stepCalibration(probabilities: Float64Array, labels: Float64Array, seed: number): StepCalibration {
  const groups = groupByProbability(probabilities, labels);
  const { ici, iciNull95 } = calibrationCurveOfGroups(groups, { method: 'spline', seed, draws: calibrationDraws });
  return {
    ...calibrateGroups(groups),
    observedExpected: observedExpectedOfGroups(groups),
    ici,
    iciNull: iciNull95,
  };
}

export function undefinedCalibration(reason: string): StepCalibration {
  const none = undefinedEstimate(reason);
  return { slope: none, intercept: none, observedExpected: none, ici: none, iciNull: null };
}
