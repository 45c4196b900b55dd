import type { RecalibrationFit } from './recalibration-kinds.ts';
import { StatisticsError } from './statistics-error.ts';

/**
 * Posterior under another prevalence, the distribution of features given the class unchanged: odds' = odds · [q/(1-q)] / [π/(1-π)].
 * M. Saerens, P. Latinne, C. Decaestecker (2002), Neural Computation 14:21, equation 2.4; C. Elkan (2001), IJCAI, theorem 2.
 * Exact for probabilities of 0 and 1. @throws StatisticsError `out_of_range` unless all three lie in range, the prevalences inside (0, 1).
 */
export function adjustPrior(probability: number, trainingPrevalence: number, targetPrevalence: number): number {
  for (const [name, value] of [
    ['trainingPrevalence', trainingPrevalence],
    ['targetPrevalence', targetPrevalence],
  ] as const) {
    if (!(value > 0 && value < 1)) {
      throw new StatisticsError('out_of_range', `adjustPrior: ${name} is ${value}, not inside (0, 1)`);
    }
  }
  if (!(probability >= 0 && probability <= 1)) {
    throw new StatisticsError('out_of_range', `adjustPrior: ${probability} is no probability`);
  }
  const event = probability * (targetPrevalence / trainingPrevalence);
  const nonEvent = (1 - probability) * ((1 - targetPrevalence) / (1 - trainingPrevalence));
  return event === Number.POSITIVE_INFINITY ? 1 : event / (event + nonEvent);
}

/**
 * The update for pure label shift, from the prevalence the model was trained at and the site's. Null (`single_class`) where either is 0
 * or 1, for then the odds ratio does not exist. @throws StatisticsError `out_of_range` for what is no proportion.
 */
export function priorShiftUpdate(trainingPrevalence: number, targetPrevalence: number): RecalibrationFit<'prior'> {
  for (const value of [trainingPrevalence, targetPrevalence]) {
    if (!(value >= 0 && value <= 1)) {
      throw new StatisticsError('out_of_range', `priorShiftUpdate: prevalence ${value} is no proportion`);
    }
  }
  const inside = (value: number): boolean => value > 0 && value < 1;
  if (!inside(trainingPrevalence) || !inside(targetPrevalence)) return { recalibration: null, reason: 'single_class' };
  return { recalibration: { kind: 'prior', trainingPrevalence, targetPrevalence }, reason: null };
}
