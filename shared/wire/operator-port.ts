import type { DecisionKind } from '../plan/judgement.ts';
import type { ModelNotice } from '../plan/notice.ts';
import type { SharedJudgement } from '../plan/shared-judgement.ts';
import type { Digest, ReleaseVersion, RunId, SiteName } from '../runtime/ids.ts';
import type { ObjectRef } from './messages.ts';

export type RunStatus = 'waiting' | 'running' | 'paused' | 'judging' | 'finished' | 'stopped' | 'failed';
export type RoundPhase = 'planned' | 'open' | 'collecting' | 'folding' | 'published' | 'failed';

/** Why a site's update is not in a round. */
export type ExclusionReason =
  | 'not_connected'
  | 'plan_not_approved'
  | 'declined'
  | 'refused'
  | 'late'
  | 'revoked'
  | 'no_answer';

/** A site that was expected to answer and is not in the result. */
export interface Exclusion {
  readonly site: SiteName;
  readonly reason: ExclusionReason;
  /** What is known beyond the reason, such as what the site declined for. */
  readonly detail: string | null;
}

export interface RoundView {
  /** 0 is the summary round. */
  readonly round: number;
  readonly phase: RoundPhase;
  readonly attempt: number;
  /** Sites whose updates were folded, sorted. */
  readonly sites: readonly SiteName[];
  readonly excluded: readonly Exclusion[];
  readonly offered: readonly SiteName[];
  readonly received: readonly SiteName[];
  /** Bytes of updates received and of weights sent in this round. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly startedMs: number | null;
  readonly durationMs: number | null;
  /** Mean over sites, weighted by examples, of each reported metric. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly weights: Digest | null;
}

export interface RunView {
  readonly run: RunId;
  readonly plan: Digest;
  readonly planName: string;
  readonly status: RunStatus;
  /** Why it paused, failed or waits; null otherwise. */
  readonly reason: string | null;
  readonly rounds: readonly RoundView[];
  readonly roundsPlanned: number;
  readonly release: ReleaseVersion | null;
  readonly createdMs: number;
  readonly finishedMs: number | null;
}

export interface SiteView {
  readonly site: SiteName;
  readonly status: 'invited' | 'enrolled' | 'revoked';
  readonly connected: boolean;
  readonly lastSeenMs: number | null;
  readonly certificateExpiresMs: number | null;
  readonly approvedPlans: readonly Digest[];
  readonly software: string | null;
}

export interface ReleaseView {
  readonly version: ReleaseVersion;
  readonly digest: Digest;
  readonly run: RunId;
  readonly plan: Digest;
  readonly createdMs: number;
  readonly files: readonly { readonly name: string; readonly digest: Digest; readonly bytes: number }[];
  readonly decisions: readonly ReleaseDecision[];
  /** Changes of the model's state at the sites, oldest first. */
  readonly notices: readonly ReleaseNotice[];
  /** Sites still expected to judge it. */
  readonly awaited: readonly SiteName[];
  /** Sites that were asked to judge it and have not: they declined, were revoked, or said nothing until the end. */
  readonly notJudged: readonly Exclusion[];
}

export interface ReleaseDecision {
  readonly site: SiteName;
  readonly decision: DecisionKind;
  readonly receivedMs: number;
  /** What the site shares of its judgement. */
  readonly judgement: SharedJudgement;
}

export interface ReleaseNotice {
  readonly site: SiteName;
  readonly receivedMs: number;
  readonly notice: ModelNotice;
}

export interface AuditEntry {
  readonly sequence: number;
  readonly timeMs: number;
  /** `subsystem.event`, such as `credentials.revoked` or `admission.norm_above_bound`. */
  readonly event: string;
  readonly actor: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Everything an operator may ask. Errors are `WireError`, such as `not_found` or `invalid_state`. */
export interface OperatorPort {
  /** Stores starting weights that a plan names by digest, before the run is started. */
  writeObject(object: ObjectRef, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void>;
  /** YAML or JSON text of a plan, and optionally the release whose weights it starts from. */
  startRun(planText: string, options: { readonly from?: ReleaseVersion; readonly fileName?: string }): Promise<RunView>;
  listRuns(): Promise<readonly RunView[]>;
  showRun(run: RunId): Promise<RunView>;
  /** A view now and one after every change, until the run ends or the signal aborts. */
  watchRun(run: RunId, signal: AbortSignal): AsyncIterable<RunView>;
  pauseRun(run: RunId): Promise<RunView>;
  resumeRun(run: RunId): Promise<RunView>;
  stopRun(run: RunId): Promise<RunView>;
  inviteSite(
    site: string,
    options: { readonly validForMs?: number },
  ): Promise<{ readonly token: string; readonly expiresMs: number }>;
  listSites(): Promise<readonly SiteView[]>;
  revokeSite(site: string, reason: string): Promise<SiteView>;
  readmitSite(site: string): Promise<SiteView>;
  listReleases(): Promise<readonly ReleaseView[]>;
  showRelease(version: string): Promise<ReleaseView>;
  readObject(object: Digest, offset: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  readReleaseObjects(version: string): Promise<readonly (ObjectRef & { readonly name: string })[]>;
  listAudit(options: { readonly afterSequence?: number; readonly limit?: number }): Promise<readonly AuditEntry[]>;
}
