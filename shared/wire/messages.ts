import type { Digest, ReleaseVersion, RunId, SiteName, TaskId } from '../runtime/ids.ts';

/** Interval of heartbeats on `attend`, both ways. A side that hears nothing for two of them takes the stream for dead. */
export const defaultHeartbeatMs = 5_000;
/** Bytes of one chunk of an object on the wire. */
export const chunkBytes = 1024 * 1024;

/** An object at rest or on the wire, named by the SHA-256 of its bytes. */
export interface ObjectRef {
  readonly digest: Digest;
  readonly bytes: number;
}

/** What a site says on its stream. The first message is `hello`. */
export type SiteMessage =
  | {
      readonly kind: 'hello';
      readonly software: string;
      readonly heartbeatMs: number;
      /** Plans this hospital has approved. */
      readonly approvedPlans: readonly Digest[];
    }
  | { readonly kind: 'beat' }
  /** The list changed while attending. */
  | { readonly kind: 'approvals'; readonly approvedPlans: readonly Digest[] };

/** What the coordinator says on the stream. Tasks may be offered again with the same id; a repeat is harmless. */
export type CoordinatorMessage =
  | { readonly kind: 'beat'; readonly nowMs: number }
  /** A plan of a run this site is asked to take part in; sent on connection for every live run and whenever one starts. */
  | { readonly kind: 'plan'; readonly run: RunId; readonly plan: Digest }
  | { readonly kind: 'task'; readonly task: TaskOffer }
  /** The task is over for this site (round closed, run stopped): stop working on it. */
  | { readonly kind: 'withdrawn'; readonly task: TaskId; readonly reason: string }
  /** The server drains: finish what is under way and dial again. */
  | { readonly kind: 'drain' };

interface TaskBase {
  readonly id: TaskId;
  readonly run: RunId;
  /** 0 for the summary, 1 and up for training. */
  readonly round: number;
  readonly plan: Digest;
  /** Milliseconds since the epoch; nothing begun after it counts. */
  readonly deadlineMs: number;
}

export type TaskOffer =
  | (TaskBase & { readonly kind: 'summary' })
  | (TaskBase & {
      readonly kind: 'train';
      /** Safetensors of the round's starting weights. */
      readonly base: ObjectRef;
      /** Canonical JSON `Preprocessing`. */
      readonly preprocessing: ObjectRef;
    })
  | (TaskBase & { readonly kind: 'judge'; readonly release: ReleaseRef });

export type TrainOffer = Extract<TaskOffer, { kind: 'train' }>;
export type JudgeOffer = Extract<TaskOffer, { kind: 'judge' }>;
export type SummaryOffer = Extract<TaskOffer, { kind: 'summary' }>;

/** A signed release: a manifest names every file by digest; the signature is over the manifest's bytes. */
export interface ReleaseRef {
  readonly version: ReleaseVersion;
  /** SHA-256 of the manifest's bytes: the digest of the release. */
  readonly digest: Digest;
  readonly manifest: ObjectRef;
}

/** Canonical JSON; its SHA-256 is the release's digest. */
export interface ReleaseManifest {
  readonly wardround: 'release/1';
  readonly version: ReleaseVersion;
  readonly plan: Digest;
  readonly files: readonly { readonly name: string; readonly digest: Digest; readonly bytes: number }[];
}

/** The signature that travels with a manifest, made by the coordinator's release key. */
export interface ReleaseSignature {
  readonly algorithm: 'ecdsa-p256-sha256' | 'rsa-pss-sha256';
  /** Base64 of the signature over the manifest's bytes. */
  readonly signature: string;
  /** PEM chain of the release certificate, leaf first, without the root. */
  readonly certificates: readonly string[];
}

export interface UpdateHeader {
  readonly task: TaskId;
  readonly run: RunId;
  readonly round: number;
  readonly plan: Digest;
  /** Digest of the weights the delta is relative to. */
  readonly base: Digest;
  /** Safetensors of the delta, already uploaded. */
  readonly delta: ObjectRef;
  /** Training rows behind it. */
  readonly examples: number;
  /** Weight in the mean: the smaller of `examples` and the plan's weight cap; admission refuses any other. */
  readonly weight: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Answer to a submission. `duplicate`: this very submission was taken before; nothing was counted twice. */
export type Receipt =
  | { readonly outcome: 'accepted' | 'duplicate' }
  | { readonly outcome: 'refused'; readonly code: AdmissionCode; readonly reason: string };

/** Why an update, a summary, a judgement or a notice is not taken. */
export type AdmissionCode =
  | 'unknown_task'
  | 'wrong_site'
  | 'wrong_run'
  | 'wrong_round'
  | 'wrong_plan'
  | 'wrong_base'
  | 'round_closed'
  | 'object_missing'
  | 'malformed'
  | 'wrong_tensors'
  | 'wrong_shape'
  | 'not_finite'
  | 'norm_above_bound'
  | 'weight_out_of_bounds'
  | 'second_update'
  | 'unknown_release'
  | 'small_cell'
  | 'too_many';

export type DeclineReason =
  | 'plan_not_approved'
  | 'data_problem'
  | 'too_few_rows'
  | 'training_failed'
  | 'engine_missing'
  | 'busy'
  | 'policy_refuses'
  | 'stopping';

export interface SiteIdentity {
  readonly role: 'site';
  readonly site: SiteName;
  /** Serial of the certificate, upper-case hex without leading zeros. */
  readonly serial: string;
}

export interface OperatorIdentity {
  readonly role: 'operator';
  readonly name: string;
  readonly serial: string;
}
