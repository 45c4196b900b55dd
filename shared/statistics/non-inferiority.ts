import type { Estimate } from '../plan/judgement.ts';
import { power, singleLook, upperDeviate } from './estimate.ts';
import { assertOpenShare, assertPositive } from './inputs.ts';
import { normalUpper } from './normal.ts';
import { StatisticsError } from './statistics-error.ts';

export interface NonInferiority {
  /** One-sided lower bound of the difference at level `alpha`; null when undefined. */
  readonly lower: number | null;
  /** One-sided p of the hypothesis that the difference is -margin or worse; null when undefined. */
  readonly p: number | null;
  /** Whether the bound lies strictly above -margin; null when undefined. */
  readonly shown: boolean | null;
  /** Smallest margin that a true difference of 0 would rule out with 80% power: (z of alpha + 0.8416) standard errors; null when undefined. */
  readonly resolvableMargin: number | null;
  readonly reason?: string;
}

/**
 * Non-inferiority of a first model to a second one: shown when value - z·SE > -margin. G. Piaggio et al. (2012), JAMA 308:2594.
 *
 * @param estimate difference first - second, with its standard error. A standard error of 0 (models that say the same) is a bound at the value.
 * @param margin largest loss that is accepted, 0 or above, in the unit of the difference.
 * @param alpha one-sided level, below 0.5.
 * @throws StatisticsError `out_of_range`.
 */
export function nonInferiority(
  estimate: Estimate,
  margin: number,
  alpha: number = singleLook.oneSided,
): NonInferiority {
  if (!(margin >= 0 && Number.isFinite(margin))) {
    throw new StatisticsError('out_of_range', `nonInferiority: the margin is ${margin}, not 0 or above`);
  }
  assertLevel(alpha, 'nonInferiority');
  const { value } = estimate;
  const standardError = estimate.standardError ?? null;
  if (value === null || standardError === null) {
    return {
      lower: null,
      p: null,
      shown: null,
      resolvableMargin: null,
      reason: estimate.reason ?? 'no_standard_error',
    };
  }
  const deviate = upperDeviate(alpha);
  const lower = value - deviate * standardError;
  const distance = value + margin;
  return {
    lower,
    p: standardError > 0 ? normalUpper(distance / standardError) : distance > 0 ? 0 : 1,
    shown: lower > -margin,
    resolvableMargin: (deviate + upperDeviate(1 - power)) * standardError,
  };
}

export interface EventsQuestion {
  /** Standard error of the difference today. */
  readonly standardError: number;
  /** Events it was found on. */
  readonly events: number;
  /** Largest loss that is accepted. */
  readonly margin: number;
  /** True difference to plan for; the one found today, or 0. */
  readonly difference: number;
  /** One-sided level; 0.05. */
  readonly alpha?: number;
  /** Wanted probability of showing non-inferiority; 0.8. */
  readonly power?: number;
}

export interface EventsToResolve {
  /** Events in all, those of today included, rounded up; null when no number would do. */
  readonly events: number | null;
  /** Standard error that would do; null when none would. */
  readonly standardError: number | null;
  readonly reason?: 'margin_out_of_reach';
}

/**
 * Events with which non-inferiority would be shown with 80% power, supposing that prevalence and the models stay as they are, so that the
 * standard error falls with the root of the events: wanted SE = (margin + difference) / (z of alpha + z of power), events · (SE / wanted)².
 * No number does (`margin_out_of_reach`) where the true difference is -margin or worse.
 *
 * @throws StatisticsError `out_of_range`.
 */
export function eventsToResolve(question: EventsQuestion): EventsToResolve {
  const { standardError, events, margin, difference } = question;
  const alpha = question.alpha ?? singleLook.oneSided;
  const wantedPower = question.power ?? power;
  assertLevel(alpha, 'eventsToResolve');
  assertOpenShare(wantedPower, 'power');
  assertPositive(events, 'events');
  if (!(standardError >= 0 && Number.isFinite(standardError) && margin >= 0 && Number.isFinite(margin))) {
    throw new StatisticsError(
      'out_of_range',
      `eventsToResolve: standardError is ${standardError} and margin ${margin}; both must be 0 or above`,
    );
  }
  if (!Number.isFinite(difference)) {
    throw new StatisticsError('not_finite', `eventsToResolve: difference is ${difference}`);
  }
  const distance = margin + difference;
  const deviates = upperDeviate(alpha) + upperDeviate(1 - wantedPower);
  if (!(distance > 0)) return { events: null, standardError: null, reason: 'margin_out_of_reach' };
  const wanted = distance / deviates;
  return { events: Math.ceil(events * (standardError / wanted) ** 2), standardError: wanted };
}

function assertLevel(alpha: number, name: string): void {
  if (!(alpha > 0 && alpha < 0.5)) {
    throw new StatisticsError('out_of_range', `${name}: alpha is ${alpha}, not between 0 and 0.5`);
  }
}
