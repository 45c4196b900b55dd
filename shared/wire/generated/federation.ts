// Generated from proto/federation.proto by scripts/generate-proto.ts; do not edit.

export interface EnrolRequest {
  readonly secret: Uint8Array;
  readonly site: string;
  readonly certificateRequest: Uint8Array;
}

export interface EnrolResponse {
  readonly certificateChain: readonly string[];
  readonly rootCertificate: string;
}

export interface ObjectRef {
  readonly digest: string;
  readonly bytes: number;
}

export interface SiteMessage {
  readonly hello?: Hello;
  readonly beat?: SiteBeat;
  readonly approvals?: Approvals;
}

export interface Hello {
  readonly software: string;
  readonly heartbeatMs: number;
  readonly approvedPlans: readonly string[];
}

export type SiteBeat = Readonly<Record<never, never>>;

export interface Approvals {
  readonly approvedPlans: readonly string[];
}

export interface CoordinatorMessage {
  readonly beat?: Beat;
  readonly plan?: PlanNotice;
  readonly task?: TaskOffer;
  readonly withdrawn?: Withdrawn;
  readonly drain?: Drain;
}

export interface Beat {
  readonly nowMs: number;
}

export interface PlanNotice {
  readonly run: string;
  readonly plan: string;
}

export interface TaskOffer {
  readonly id: string;
  readonly run: string;
  readonly round: number;
  readonly plan: string;
  readonly deadlineMs: number;
  readonly summary?: SummaryWork;
  readonly train?: TrainWork;
  readonly judge?: JudgeWork;
}

export type SummaryWork = Readonly<Record<never, never>>;

export interface TrainWork {
  readonly base: ObjectRef | null;
  readonly preprocessing: ObjectRef | null;
}

export interface JudgeWork {
  readonly version: string;
  readonly digest: string;
  readonly manifest: ObjectRef | null;
}

export interface Withdrawn {
  readonly task: string;
  readonly reason: string;
}

export type Drain = Readonly<Record<never, never>>;

export interface ReadPlanRequest {
  readonly plan: string;
}

export interface ReadPlanResponse {
  readonly plan: Uint8Array;
}

export interface ReadObjectRequest {
  readonly digest: string;
  readonly offset: number;
}

export interface ObjectChunk {
  readonly offset: number;
  readonly data: Uint8Array;
}

export interface ReadReleaseSignatureRequest {
  readonly release: string;
}

export interface ReleaseSignature {
  readonly algorithm: string;
  readonly signature: Uint8Array;
  readonly certificates: readonly string[];
}

export interface RenewCertificateRequest {
  readonly certificateRequest: Uint8Array;
}

export interface RenewCertificateResponse {
  readonly certificateChain: readonly string[];
}

export interface UploadOffsetResponse {
  readonly offset: number;
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

export interface SubmitSummaryRequest {
  readonly task: string;
  readonly site: string;
  readonly summary: Uint8Array;
}

export interface SubmitUpdateRequest {
  readonly task: string;
  readonly site: string;
  readonly run: string;
  readonly round: number;
  readonly plan: string;
  readonly base: string;
  readonly delta: ObjectRef | null;
  readonly examples: number;
  readonly weight: number;
  readonly metrics: Readonly<Record<string, number>>;
}

export interface SubmitJudgementRequest {
  readonly task: string;
  readonly site: string;
  readonly judgement: Uint8Array;
}

export interface SubmitNoticeRequest {
  readonly site: string;
  readonly notice: Uint8Array;
}

export interface Receipt {
  readonly outcome: Outcome | number;
  readonly code: string;
  readonly reason: string;
}

export type Outcome = 'OUTCOME_UNSPECIFIED' | 'ACCEPTED' | 'DUPLICATE' | 'REFUSED';

export interface DeclineRequest {
  readonly task: string;
  readonly site: string;
  readonly reason: string;
  readonly text: string;
}

export type DeclineResponse = Readonly<Record<never, never>>;

/** Methods of `wardround.federation.v1.Enrolment`: what goes in and out, and the path on the wire. */
export interface EnrolmentMethods {
  readonly Enrol: {
    readonly path: '/wardround.federation.v1.Enrolment/Enrol';
    readonly request: EnrolRequest;
    readonly response: EnrolResponse;
    readonly requestStream: false;
    readonly responseStream: false;
  };
}

/** Methods of `wardround.federation.v1.Federation`: what goes in and out, and the path on the wire. */
export interface FederationMethods {
  readonly Attend: {
    readonly path: '/wardround.federation.v1.Federation/Attend';
    readonly request: SiteMessage;
    readonly response: CoordinatorMessage;
    readonly requestStream: true;
    readonly responseStream: true;
  };
  readonly ReadPlan: {
    readonly path: '/wardround.federation.v1.Federation/ReadPlan';
    readonly request: ReadPlanRequest;
    readonly response: ReadPlanResponse;
    readonly requestStream: false;
    readonly responseStream: false;
  };
  readonly ReadObject: {
    readonly path: '/wardround.federation.v1.Federation/ReadObject';
    readonly request: ReadObjectRequest;
    readonly response: ObjectChunk;
    readonly requestStream: false;
    readonly responseStream: true;
  };
  readonly ReadReleaseSignature: {
    readonly path: '/wardround.federation.v1.Federation/ReadReleaseSignature';
    readonly request: ReadReleaseSignatureRequest;
    readonly response: ReleaseSignature;
    readonly requestStream: false;
    readonly responseStream: false;
  };
  readonly RenewCertificate: {
    readonly path: '/wardround.federation.v1.Federation/RenewCertificate';
    readonly request: RenewCertificateRequest;
    readonly response: RenewCertificateResponse;
    readonly requestStream: false;
    readonly responseStream: false;
  };
  readonly UploadOffset: {
    readonly path: '/wardround.federation.v1.Federation/UploadOffset';
    readonly request: ObjectRef;
    readonly response: UploadOffsetResponse;
    readonly requestStream: false;
    readonly responseStream: false;
  };
  readonly WriteObject: {
    readonly path: '/wardround.federation.v1.Federation/WriteObject';
    readonly request: WriteObjectRequest;
    readonly response: WriteObjectResponse;
    readonly requestStream: true;
    readonly responseStream: false;
  };
  readonly SubmitSummary: {
    readonly path: '/wardround.federation.v1.Federation/SubmitSummary';
    readonly request: SubmitSummaryRequest;
    readonly response: Receipt;
    readonly requestStream: false;
    readonly responseStream: false;
  };
  readonly SubmitUpdate: {
    readonly path: '/wardround.federation.v1.Federation/SubmitUpdate';
    readonly request: SubmitUpdateRequest;
    readonly response: Receipt;
    readonly requestStream: false;
    readonly responseStream: false;
  };
  readonly SubmitJudgement: {
    readonly path: '/wardround.federation.v1.Federation/SubmitJudgement';
    readonly request: SubmitJudgementRequest;
    readonly response: Receipt;
    readonly requestStream: false;
    readonly responseStream: false;
  };
  readonly SubmitNotice: {
    readonly path: '/wardround.federation.v1.Federation/SubmitNotice';
    readonly request: SubmitNoticeRequest;
    readonly response: Receipt;
    readonly requestStream: false;
    readonly responseStream: false;
  };
  readonly Decline: {
    readonly path: '/wardround.federation.v1.Federation/Decline';
    readonly request: DeclineRequest;
    readonly response: DeclineResponse;
    readonly requestStream: false;
    readonly responseStream: false;
  };
}
