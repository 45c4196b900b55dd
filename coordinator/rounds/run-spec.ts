import type { Plan } from '../../shared/plan/plan.ts';

/** What of a plan the rounds depend on, with every time in milliseconds. Fixed when the run is created. */
export interface RunSpec {
  readonly rounds: number;
  readonly minimumSites: number;
  readonly targetSites: number;
  readonly roundDeadlineMs: number;
  readonly graceMs: number;
  readonly retries: number;
  readonly judgementDeadlineMs: number;
  /** Longest wait for `targetSites` once `minimumSites` are here. */
  readonly settleMs: number;
  /** Wait before a round is tried again; doubles with each try. */
  readonly retryDelayMs: number;
}

export function runSpec(plan: Plan, pace: { readonly settleMs: number; readonly retryDelayMs: number }): RunSpec {
  const { federation } = plan;
  const roundDeadlineMs = Math.round(federation.roundDeadlineSeconds * 1000);
  return {
    rounds: federation.rounds,
    minimumSites: federation.sites.minimum,
    targetSites: federation.sites.target,
    roundDeadlineMs,
    graceMs: Math.round(federation.graceSeconds * 1000),
    retries: federation.retries,
    judgementDeadlineMs: Math.round(federation.judgementDeadlineSeconds * 1000),
    settleMs: Math.min(pace.settleMs, roundDeadlineMs),
    retryDelayMs: pace.retryDelayMs,
  };
}
