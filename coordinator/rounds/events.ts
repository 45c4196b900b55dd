import type { DecisionKind } from '../../shared/plan/judgement.ts';
import type { Digest, ReleaseVersion, RunId, SiteName, TaskId } from '../../shared/runtime/ids.ts';
import type { AdmissionCode, DeclineReason, ObjectRef } from '../../shared/wire/messages.ts';
import type { Exclusion } from '../../shared/wire/operator-port.ts';
import type { RunSpec } from './run-spec.ts';

export interface OfferedTask {
  readonly site: SiteName;
  readonly task: TaskId;
}

interface Timed {
  readonly timeMs: number;
}

/** Round and attempt an event belongs to: one that arrives for another is too late and changes nothing. */
interface OfAttempt extends Timed {
  readonly round: number;
  readonly attempt: number;
}

/** A submission that passed every check of admission. */
export interface AcceptedAnswer {
  readonly site: SiteName;
  readonly task: TaskId;
  /** SHA-256 of the canonical JSON of what was submitted: tells a repeat from a second one. */
  readonly submission: Digest;
  /** The delta, or in round 0 the summary. */
  readonly object: ObjectRef;
  /** Rows behind it; null when the site withholds a small number. */
  readonly examples: number | null;
  readonly weight: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Everything that can happen to a run. Stored before anything is done about it; the state of a run is its events replayed. */
export type RunEvent =
  | (Timed & {
      readonly kind: 'run-created';
      readonly run: RunId;
      readonly plan: Digest;
      readonly planName: string;
      readonly spec: RunSpec;
      readonly from: ReleaseVersion | null;
      readonly by: string;
    })
  | (Timed & {
      readonly kind: 'weights-initialised';
      readonly weights: ObjectRef;
      /** Of the release the run starts from: its means and scales belong to its weights. */
      readonly parentPreprocessing: ObjectRef | null;
    })
  | (OfAttempt & {
      readonly kind: 'round-opened';
      readonly offered: readonly OfferedTask[];
      readonly absent: readonly Exclusion[];
    })
  | (OfAttempt & { readonly kind: 'answer-accepted'; readonly answer: AcceptedAnswer })
  | (OfAttempt & {
      readonly kind: 'answer-refused';
      readonly site: SiteName;
      readonly task: TaskId;
      readonly submission: Digest;
      readonly code: AdmissionCode;
      readonly reason: string;
    })
  | (Timed & {
      readonly kind: 'task-declined';
      readonly site: SiteName;
      readonly task: TaskId;
      readonly reason: DeclineReason;
      readonly text: string;
    })
  | (Timed & { readonly kind: 'site-revoked'; readonly site: SiteName })
  | (OfAttempt & {
      readonly kind: 'deadline-passed';
      /** Sites whose upload had begun: they may end it within the grace time. */
      readonly uploading: readonly SiteName[];
    })
  | (OfAttempt & { readonly kind: 'grace-passed' })
  | (OfAttempt & {
      readonly kind: 'round-folded';
      /** The new weights; in round 0 the preprocessing. */
      readonly object: ObjectRef;
    })
  | (Timed & {
      readonly kind: 'release-numbered';
      readonly version: ReleaseVersion;
      readonly number: number;
      readonly software: string;
    })
  | (Timed & {
      readonly kind: 'released';
      readonly digest: Digest;
      readonly manifest: ObjectRef;
      /** Sites asked to judge it. */
      readonly invited: readonly SiteName[];
    })
  | (Timed & { readonly kind: 'judge-invited'; readonly site: SiteName })
  | (Timed & {
      readonly kind: 'judgement-accepted';
      readonly site: SiteName;
      readonly task: TaskId;
      readonly submission: Digest;
      readonly decision: DecisionKind;
    })
  | (Timed & {
      /** A release a site held has been on hold for longer than its policy allows; it is rejected there. */
      readonly kind: 'hold-ended';
      readonly site: SiteName;
      readonly task: TaskId;
      readonly submission: Digest;
    })
  | (Timed & {
      /** A site has judged a release it held again, on more patients. */
      readonly kind: 'judgement-revised';
      readonly site: SiteName;
      readonly task: TaskId;
      readonly submission: Digest;
      readonly decision: DecisionKind;
    })
  | (Timed & { readonly kind: 'judging-closed' })
  | (Timed & { readonly kind: 'run-paused'; readonly by: string })
  | (Timed & { readonly kind: 'run-resumed'; readonly by: string })
  | (Timed & { readonly kind: 'run-stopped'; readonly by: string })
  | (Timed & { readonly kind: 'run-failed'; readonly reason: string });
