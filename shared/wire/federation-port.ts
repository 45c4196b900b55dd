import type { ModelNotice } from '../plan/notice.ts';
import type { SiteSummary } from '../plan/preprocessing.ts';
import type { SharedJudgement } from '../plan/shared-judgement.ts';
import type { Digest, TaskId } from '../runtime/ids.ts';
import type {
  CoordinatorMessage,
  DeclineReason,
  ObjectRef,
  Receipt,
  ReleaseSignature,
  SiteMessage,
  UpdateHeader,
} from './messages.ts';

/** What a site takes from a coordinator. Nothing derived from patients goes through it. Errors are `WireError`. */
export interface FederationInbound {
  /** Opens the stream; ends when the signal aborts or the other side goes away. */
  attend(messages: AsyncIterable<SiteMessage>, signal: AbortSignal): AsyncIterable<CoordinatorMessage>;
  /** Canonical JSON of a plan, as UTF-8 bytes; the caller checks its digest. */
  readPlan(plan: Digest, signal?: AbortSignal): Promise<Uint8Array>;
  /** Bytes from `offset` to the end, in chunks of at most 1 MiB. The caller checks the digest of the whole. */
  readObject(object: Digest, offset: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** Signature of a release's manifest. */
  readReleaseSignature(release: Digest, signal?: AbortSignal): Promise<ReleaseSignature>;
  /** Renews the site's certificate: PKCS#10 DER with the same common name in, PEM chain (leaf first) out. */
  renewCertificate(request: Uint8Array, signal?: AbortSignal): Promise<readonly string[]>;
}

/** What a site gives. Only `site-agent/egress` calls it, and every call is in its ledger. Errors are `WireError`. */
export interface FederationOutbound {
  /** How many bytes of this object the coordinator already holds; equal to `bytes` when complete. */
  uploadOffset(object: ObjectRef, signal?: AbortSignal): Promise<number>;
  /** Sends bytes from `offset` on. Resolves when the whole is stored and its digest has been checked. */
  writeObject(
    object: ObjectRef,
    offset: number,
    chunks: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<void>;
  submitSummary(task: TaskId, summary: SiteSummary, signal?: AbortSignal): Promise<Receipt>;
  submitUpdate(update: UpdateHeader, signal?: AbortSignal): Promise<Receipt>;
  submitJudgement(task: TaskId, judgement: SharedJudgement, signal?: AbortSignal): Promise<Receipt>;
  submitNotice(notice: ModelNotice, signal?: AbortSignal): Promise<Receipt>;
  decline(task: TaskId, reason: DeclineReason, text: string, signal?: AbortSignal): Promise<void>;
}

/**
 * Everything a site may ask of a coordinator. The transport fixes whose identity it carries: over gRPC the client
 * certificate's, in memory the one it was made for. Every call may be repeated; a repeat is harmless.
 */
export interface FederationPort extends FederationInbound, FederationOutbound {}
