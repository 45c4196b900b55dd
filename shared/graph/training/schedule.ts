import type { TrainingSpec } from '../../plan/training.ts';

/** Where a step stands in a run. */
export interface StepPlace {
  /** Step of the round, 1 first. */
  readonly step: number;
  /** Rounds of the run that trained before this one. */
  readonly round: number;
}

/**
 * Learning rate of a step, in float64. Counts begin at 0 and are steps of the round or training rounds of the run.
 * - exponential: rate · factor^count;
 * - steps: rate · factor^floor(count / every);
 * - cosine, linear: from rate · 1 / (warmup + 1) up to the rate at count `warmup`, then down to rate · lowest at count `over`, where it stays;
 *   the cosine is that of Loshchilov and Hutter 2017, equation 5, without restarts.
 */
export function rateAt(
  { optimiser: { rate }, schedule }: Pick<TrainingSpec, 'optimiser' | 'schedule'>,
  place: StepPlace,
): number {
  if (schedule === undefined) return rate;
  const count = schedule.per === 'step' ? place.step - 1 : place.round;
  switch (schedule.kind) {
    case 'exponential':
      return rate * schedule.factor ** count;
    case 'steps':
      return rate * schedule.factor ** Math.floor(count / schedule.every);
    case 'cosine':
    case 'linear': {
      const { warmup, over, lowest } = schedule;
      if (count < warmup) return (rate * (count + 1)) / (warmup + 1);
      const progress = Math.min(1, (count - warmup) / Math.max(1, over - warmup));
      const left = schedule.kind === 'linear' ? 1 - progress : (1 + Math.cos(Math.PI * progress)) / 2;
      return rate * (lowest + (1 - lowest) * left);
    }
  }
}
