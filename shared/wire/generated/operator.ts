// Generated from proto/operator.proto by scripts/generate-proto.ts; do not edit.

export interface StartRunRequest {
  readonly plan: Uint8Array;
  readonly from?: string;
  readonly fileName?: string;
}

export type ListRunsRequest = Readonly<Record<never, never>>;

export interface RunRequest {
  readonly run: string;
}

export interface RunPart {
  readonly head?: RunHead;
  readonly round?: RoundPart;
  readonly end?: ViewEnd;
}

export type ViewEnd = Readonly<Record<never, never>>;

export interface RunHead {
  readonly run: string;
  readonly plan: string;
  readonly planName: string;
  readonly status: string;
  readonly reason?: string;
  readonly roundsPlanned: number;
  readonly release?: string;
  readonly createdMs: number;
  readonly finishedMs?: number;
  readonly roundCount: number;
}

export interface RoundPart {
  readonly index: number;
  readonly round: RoundView | null;
}

export interface RoundView {
  readonly round: number;
  readonly phase: string;
  readonly attempt: number;
  readonly sites: readonly string[];
  readonly excluded: readonly Exclusion[];
  readonly offered: readonly string[];
  readonly received: readonly string[];
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly startedMs?: number;
  readonly durationMs?: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly weights?: string;
}

export interface Exclusion {
  readonly site: string;
  readonly reason: string;
  readonly detail?: string;
}

export interface InviteSiteRequest {
  readonly site: string;
  readonly validForMs?: number;
}

export interface Invitation {
  readonly token: string;
  readonly expiresMs: number;
}

export type ListSitesRequest = Readonly<Record<never, never>>;

export interface SiteView {
  readonly site: string;
  readonly status: string;
  readonly connected: boolean;
  readonly lastSeenMs?: number;
  readonly certificateExpiresMs?: number;
  readonly approvedPlans: readonly string[];
  readonly software?: string;
}

export interface RevokeSiteRequest {
  readonly site: string;
  readonly reason: string;
}

export interface ReadmitSiteRequest {
  readonly site: string;
}

export type ListReleasesRequest = Readonly<Record<never, never>>;

export interface ReleaseRequest {
  readonly version: string;
}

export interface ReleasePart {
  readonly head?: ReleaseHead;
  readonly decision?: ReleaseDecision;
  readonly end?: ViewEnd;
  readonly notice?: ReleaseNotice;
}

export interface ReleaseHead {
  readonly version: string;
  readonly digest: string;
  readonly run: string;
  readonly plan: string;
  readonly createdMs: number;
  readonly files: readonly ReleaseFile[];
  readonly awaited: readonly string[];
  readonly notJudged: readonly Exclusion[];
}

export interface ReleaseFile {
  readonly name: string;
  readonly digest: string;
  readonly bytes: number;
}

export interface ReleaseDecision {
  readonly site: string;
  readonly decision: string;
  readonly receivedMs: number;
  readonly judgement: Uint8Array;
}

export interface ReleaseNotice {
  readonly site: string;
  readonly receivedMs: number;
  readonly notice: Uint8Array;
}

export interface ReadObjectRequest {
  readonly digest: string;
  readonly offset: number;
}

export interface ObjectChunk {
  readonly offset: number;
  readonly data: Uint8Array;
}

export interface ObjectRef {
  readonly digest: string;
  readonly bytes: number;
}

export interface WriteObjectRequest {
  readonly header?: WriteObjectHeader;
  readonly chunk?: ObjectChunk;
}

export interface WriteObjectHeader {
  readonly object: ObjectRef | null;
  readonly offset: number;
}

export type WriteObjectResponse = Readonly<Record<never, never>>;

export interface ReleaseObjects {
  readonly files: readonly ReleaseFile[];
}

export interface ListAuditRequest {
  readonly afterSequence?: number;
  readonly limit?: number;
}

export interface AuditEntry {
  readonly sequence: number;
  readonly timeMs: number;
  readonly event: string;
  readonly actor?: string;
  readonly details: string;
}

/** Methods of `wardround.operator.v1.Operator`: what goes in and out, and the path on the wire. */
export interface OperatorMethods {
  readonly WriteObject: {
    readonly path: '/wardround.operator.v1.Operator/WriteObject';
    readonly request: WriteObjectRequest;
    readonly response: WriteObjectResponse;
    readonly requestStream: true;
    readonly responseStream: false;
  };
  readonly StartRun: {
    readonly path: '/wardround.operator.v1.Operator/StartRun';
    readonly request: StartRunRequest;
    readonly response: RunPart;
    readonly requestStream: false;
    readonly responseStream: true;
  };
  readonly ListRuns: {
    readonly path: '/wardround.operator.v1.Operator/ListRuns';
    readonly request: ListRunsRequest;
    readonly response: RunPart;
    readonly requestStream: false;
    readonly responseStream: true;
  };
  readonly ShowRun: {
    readonly path: '/wardround.operator.v1.Operator/ShowRun';
    readonly request: RunRequest;
    readonly response: RunPart;
    readonly requestStream: false;
    readonly responseStream: true;
  };
  readonly WatchRun: {
    readonly path: '/wardround.operator.v1.Operator/WatchRun';
    readonly request: RunRequest;
    readonly response: RunPart;
    readonly requestStream: false;
    readonly responseStream: true;
  };
  readonly PauseRun: {
    readonly path: '/wardround.operator.v1.Operator/PauseRun';
    readonly request: RunRequest;
    readonly response: RunPart;
    readonly requestStream: false;
    readonly responseStream: true;
  };
  readonly ResumeRun: {
    readonly path: '/wardround.operator.v1.Operator/ResumeRun';
    readonly request: RunRequest;
    readonly response: RunPart;
    readonly requestStream: false;
    readonly responseStream: true;
  };
  readonly StopRun: {
    readonly path: '/wardround.operator.v1.Operator/StopRun';
    readonly request: RunRequest;
    readonly response: RunPart;
    readonly requestStream: false;
    readonly responseStream: true;
  };
  readonly InviteSite: {
    readonly path: '/wardround.operator.v1.Operator/InviteSite';
    readonly request: InviteSiteRequest;
    readonly response: Invitation;
    readonly requestStream: false;
    readonly responseStream: false;
  };
  readonly ListSites: {
    readonly path: '/wardround.operator.v1.Operator/ListSites';
    readonly request: ListSitesRequest;
    readonly response: SiteView;
    readonly requestStream: false;
    readonly responseStream: true;
  };
  readonly RevokeSite: {
    readonly path: '/wardround.operator.v1.Operator/RevokeSite';
    readonly request: RevokeSiteRequest;
    readonly response: SiteView;
    readonly requestStream: false;
    readonly responseStream: false;
  };
  readonly ReadmitSite: {
    readonly path: '/wardround.operator.v1.Operator/ReadmitSite';
    readonly request: ReadmitSiteRequest;
    readonly response: SiteView;
    readonly requestStream: false;
    readonly responseStream: false;
  };
  readonly ListReleases: {
    readonly path: '/wardround.operator.v1.Operator/ListReleases';
    readonly request: ListReleasesRequest;
    readonly response: ReleasePart;
    readonly requestStream: false;
    readonly responseStream: true;
  };
  readonly ShowRelease: {
    readonly path: '/wardround.operator.v1.Operator/ShowRelease';
    readonly request: ReleaseRequest;
    readonly response: ReleasePart;
    readonly requestStream: false;
    readonly responseStream: true;
  };
  readonly ReadObject: {
    readonly path: '/wardround.operator.v1.Operator/ReadObject';
    readonly request: ReadObjectRequest;
    readonly response: ObjectChunk;
    readonly requestStream: false;
    readonly responseStream: true;
  };
  readonly ReadReleaseObjects: {
    readonly path: '/wardround.operator.v1.Operator/ReadReleaseObjects';
    readonly request: ReleaseRequest;
    readonly response: ReleaseObjects;
    readonly requestStream: false;
    readonly responseStream: false;
  };
  readonly ListAudit: {
    readonly path: '/wardround.operator.v1.Operator/ListAudit';
    readonly request: ListAuditRequest;
    readonly response: AuditEntry;
    readonly requestStream: false;
    readonly responseStream: true;
  };
}
