import type { Digest, ReleaseVersion, SiteName } from '../runtime/ids.ts';

/**
 * State of a model at a site. `shadow`: it scores beside the active one and nobody acts on it; `active`: in use; `watched`: in use, and a
 * signal warns; `revalidating`: in use, a trigger has started a new judgement; `rolled_back`: harm was shown and the version before is in
 * use again; `withdrawn`: a person took it out of use.
 */
export const modelStates = ['shadow', 'active', 'watched', 'revalidating', 'rolled_back', 'withdrawn'] as const;
export type ModelState = (typeof modelStates)[number];

/** What is watched after acceptance; one row each of the table of signals. */
export const monitorSignals = [
  'performance',
  'calibration',
  'window',
  'unlabelled',
  'inputs',
  'prior',
  'subgroup',
  'pipe',
  'time',
] as const;
export type MonitorSignal = (typeof monitorSignals)[number];

export type SignalLevel = 'quiet' | 'warn' | 'revalidate' | 'harm';

/** What a site tells the consortium when the state of a model changes there. No counts, no figures of patients. */
export interface ModelNotice {
  readonly wardround: 'notice/1';
  readonly site: SiteName;
  readonly plan: Digest;
  readonly release: { readonly version: ReleaseVersion; readonly digest: Digest };
  readonly from: ModelState | null;
  readonly to: ModelState;
  /** Release in use after the change; null when none. */
  readonly inUse: ReleaseVersion | null;
  /** ISO date-time. */
  readonly at: string;
  /** Which signals led to it; empty when a person did. */
  readonly signals: readonly { readonly signal: MonitorSignal; readonly level: SignalLevel }[];
  /** Roles of the people who decided against the table or took the model out; null when nobody did. Names stay at the site. */
  readonly byRoles: readonly string[] | null;
}
