import type { ShiftReading } from '../../../shared/plan/judgement.ts';
import type { Policy } from '../../../shared/plan/policy.ts';
import type { Preprocessing } from '../../../shared/plan/preprocessing.ts';
import { fitIsotonicUpdate } from '../../../shared/statistics/isotonic.ts';
import { priorShiftUpdate } from '../../../shared/statistics/prior-shift.ts';
import { fitInterceptUpdate, fitLogisticUpdate } from '../../../shared/statistics/recalibration.ts';
import type { Recalibration } from '../../../shared/statistics/recalibration-kinds.ts';

/** Steps that only map the release's risk to another one. */
export type RecalibrationStep = 'none' | 'intercept' | 'prior' | 'logistic' | 'isotonic';

export interface FittedRecalibration {
  readonly recalibration: Recalibration | null;
  /** Null when fitted. */
  readonly reason: string | null;
}

/** Events, and patients without, for each coefficient that is fitted (P. Peduzzi et al. 1996, J. Clin. Epidemiol. 49:1373). */
const perCoefficient = 10;

/**
 * Every recalibration of the ladder, fitted on the update rows.
 *
 * Reasons: `too_few_rows`; `not_label_shift` for the prior adjustment unless the shift was read as one of labels; `prevalence_unknown`
 * without the consortium's count of events; or what the fit says (`separation`, `constant_scores`, `slope_not_positive`, ...).
 */
export function fitRecalibrations(input: {
  readonly probabilities: Float64Array;
  readonly labels: Float64Array;
  readonly policy: Policy;
  readonly reading: ShiftReading | null;
  readonly preprocessing: Preprocessing | null;
}): Readonly<Record<RecalibrationStep, FittedRecalibration>> {
  const { probabilities, labels, policy } = input;
  const rows = labels.length;
  const events = labels.reduce((sum, label) => sum + label, 0);
  const enoughFor = (coefficients: number): boolean => Math.min(events, rows - events) >= perCoefficient * coefficients;
  const when = (possible: boolean, update: () => FittedRecalibration): FittedRecalibration =>
    possible ? update() : { recalibration: null, reason: 'too_few_rows' };
  const { rows: fewestRows, events: fewestEvents } = policy.update.isotonicMinimum;
  return {
    none: { recalibration: { kind: 'none' }, reason: null },
    intercept: when(enoughFor(1), () => fitInterceptUpdate(probabilities, labels)),
    prior:
      input.reading === 'label'
        ? when(enoughFor(1), () => priorUpdate(input.preprocessing, events / rows))
        : { recalibration: null, reason: 'not_label_shift' },
    logistic: when(enoughFor(2), () => fitLogisticUpdate(probabilities, labels)),
    isotonic: when(rows >= fewestRows && events >= fewestEvents && rows > events, () =>
      withoutCertainty(fitIsotonicUpdate(probabilities, labels), rows),
    ),
  };
}

function priorUpdate(preprocessing: Preprocessing | null, prevalence: number): FittedRecalibration {
  const counts = preprocessing?.labelCounts ?? null;
  const [nonEvents, events] = counts ?? [];
  if (counts?.length !== 2 || nonEvents === undefined || events === undefined || nonEvents + events === 0) {
    return { recalibration: null, reason: 'prevalence_unknown' };
  }
  return priorShiftUpdate(events / (nonEvents + events), prevalence);
}

/**
 * A block of patients who all had the event, or all had not, would make a risk of 1 or 0. The ends are moved to (1/2)/(n + 1) and its
 * complement, what n rows could show at most (R. E. Krichevsky, V. K. Trofimov 1981, IEEE Trans. Inf. Theory 27:199, for n equal outcomes); the order stays.
 */
function withoutCertainty(fit: ReturnType<typeof fitIsotonicUpdate>, rows: number): FittedRecalibration {
  if (fit.recalibration === null) return fit;
  const least = 0.5 / (rows + 1);
  const values = fit.recalibration.values.map((value) => Math.min(1 - least, Math.max(least, value)));
  return { recalibration: { ...fit.recalibration, values }, reason: null };
}
