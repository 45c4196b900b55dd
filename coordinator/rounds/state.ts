import type { DecisionKind } from '../../shared/plan/judgement.ts';
import type { Digest, ReleaseVersion, RunId, SiteName, TaskId } from '../../shared/runtime/ids.ts';
import type { AdmissionCode, DeclineReason, ObjectRef } from '../../shared/wire/messages.ts';
import type { Exclusion } from '../../shared/wire/operator-port.ts';
import type { AcceptedAnswer, OfferedTask } from './events.ts';
import type { RunSpec } from './run-spec.ts';

/** What a site did with its task. A refused site may still send a corrected submission while the round is open. */
export type Answer =
  | (AcceptedAnswer & { readonly kind: 'accepted' })
  | { readonly kind: 'refused'; readonly site: SiteName; readonly code: AdmissionCode; readonly reason: string }
  | { readonly kind: 'declined'; readonly site: SiteName; readonly reason: DeclineReason; readonly text: string }
  | { readonly kind: 'revoked'; readonly site: SiteName };

interface AttemptOfRound {
  /** 0 is the summary round, 1 and up train. */
  readonly round: number;
  /** Counts up within a round, over retries and resumptions; part of each task's id. */
  readonly attempt: number;
  /** Tries of this round that failed since it was first tried, or resumed. */
  readonly failures: number;
  /** When the round was first opened; null before. */
  readonly startedMs: number | null;
}

/** What became of an attempt that did not reach its minimum. */
export interface FailedAttempt {
  readonly attempt: number;
  readonly offered: readonly SiteName[];
  readonly received: readonly SiteName[];
  readonly excluded: readonly Exclusion[];
}

/** Waiting for sites: the round opens when enough attend, not before `notBeforeMs`. */
export interface PlannedRound extends AttemptOfRound {
  readonly phase: 'planned';
  readonly notBeforeMs: number;
  readonly lastFailure: FailedAttempt | null;
}

/** Tasks are out. `open` until the first answer, `collecting` from then on. */
export interface OpenRound extends AttemptOfRound {
  readonly phase: 'open' | 'collecting';
  readonly startedMs: number;
  readonly openedMs: number;
  readonly deadlineMs: number;
  readonly offered: readonly OfferedTask[];
  readonly absent: readonly Exclusion[];
  /** At most one a site, sorted by site. */
  readonly answers: readonly Answer[];
  /** Set once the deadline has passed while uploads were under way. */
  readonly grace: { readonly sites: readonly SiteName[]; readonly untilMs: number } | null;
}

/** Closed with enough updates; the new weights (or the preprocessing) are being made. */
export interface FoldingRound extends AttemptOfRound {
  readonly phase: 'folding';
  readonly startedMs: number;
  readonly closedMs: number;
  readonly offered: readonly SiteName[];
  readonly updates: readonly AcceptedAnswer[];
  readonly excluded: readonly Exclusion[];
}

export type RoundState = PlannedRound | OpenRound | FoldingRound;

/** A round that is published. */
export interface RoundRecord {
  readonly round: number;
  readonly attempt: number;
  readonly startedMs: number;
  readonly closedMs: number;
  readonly publishedMs: number;
  readonly offered: readonly SiteName[];
  readonly updates: readonly AcceptedAnswer[];
  readonly excluded: readonly Exclusion[];
  /** Weights the deltas are relative to; null in round 0. */
  readonly base: Digest | null;
  /** New weights; in round 0 the preprocessing. */
  readonly object: ObjectRef;
}

export interface NumberedRelease {
  readonly version: ReleaseVersion;
  readonly number: number;
  readonly createdMs: number;
  readonly software: string;
}

export interface PublishedRelease extends NumberedRelease {
  readonly digest: Digest;
  readonly manifest: ObjectRef;
}

/** A site asked to judge, and what it said. */
export interface Invitation extends OfferedTask {
  readonly answer:
    | null
    | { readonly kind: 'decided'; readonly decision: DecisionKind; readonly submission: Digest }
    | { readonly kind: 'declined'; readonly reason: DeclineReason; readonly text: string }
    | { readonly kind: 'revoked' };
}

/** What every state of a run has. */
interface RunBase {
  readonly run: RunId;
  readonly plan: Digest;
  readonly planName: string;
  readonly spec: RunSpec;
  readonly createdMs: number;
  readonly from: ReleaseVersion | null;
  /** Newest weights; null until they have been initialised. */
  readonly weights: ObjectRef | null;
  readonly parentPreprocessing: ObjectRef | null;
  readonly preprocessing: ObjectRef | null;
  /** Published rounds, in order. */
  readonly rounds: readonly RoundRecord[];
}

/**
 * A run.
 *
 * - `initialising`: the starting weights are being written.
 * - `round`: one round is planned, open, collecting or folding.
 * - `releasing`: all rounds are published; the package is numbered, built and signed.
 * - `judging`: the release is out; sites judge it until all have answered or the deadline has passed.
 * - `paused`: by an operator, or because a round did not reach its minimum after all retries.
 * - `finished`, `stopped`, `failed`: the end.
 */
export type RunState =
  | (RunBase & { readonly tag: 'initialising' })
  | (RunBase & { readonly tag: 'round'; readonly current: RoundState })
  | (RunBase & { readonly tag: 'releasing'; readonly release: NumberedRelease | null })
  | (RunBase & {
      readonly tag: 'judging';
      readonly release: PublishedRelease;
      readonly deadlineMs: number;
      readonly invitations: readonly Invitation[];
    })
  | (RunBase & {
      readonly tag: 'paused';
      readonly reason: string;
      /** Where it goes on. */
      readonly resume: PausedAt;
    })
  | (RunBase & {
      readonly tag: 'finished';
      readonly release: PublishedRelease;
      readonly invitations: readonly Invitation[];
      readonly endedMs: number;
    })
  | (RunBase & {
      readonly tag: 'stopped' | 'failed';
      readonly reason: string;
      readonly release: PublishedRelease | null;
      readonly invitations: readonly Invitation[];
      /** The round that was under way. */
      readonly unfinished: RoundState | null;
      readonly endedMs: number;
    });

export type PausedAt =
  | { readonly tag: 'initialising' }
  | { readonly tag: 'round'; readonly current: PlannedRound | FoldingRound }
  | { readonly tag: 'releasing'; readonly release: NumberedRelease | null };

export type LiveRunState = Exclude<RunState, { tag: 'finished' | 'stopped' | 'failed' }>;

export function isLive(state: RunState): state is LiveRunState {
  return state.tag !== 'finished' && state.tag !== 'stopped' && state.tag !== 'failed';
}

/** Id of a site's task: the same whenever the offer is repeated. */
export function roundTask(run: RunId, round: number, attempt: number, site: SiteName): TaskId {
  return `${run}.r${round}.a${attempt}.${site}` as TaskId;
}

export function judgeTask(run: RunId, site: SiteName): TaskId {
  return `${run}.judge.${site}` as TaskId;
}

/** What a site declined for, in its own words where it has some. */
export function declineText({ reason, text }: { readonly reason: DeclineReason; readonly text: string }): string {
  return text === '' ? reason : `${reason}: ${text}`;
}
