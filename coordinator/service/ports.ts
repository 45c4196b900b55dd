import type { FederationPort } from '../../shared/wire/federation-port.ts';
import type { OperatorIdentity, SiteIdentity } from '../../shared/wire/messages.ts';
import type { OperatorPort } from '../../shared/wire/operator-port.ts';

/** The coordinator as its doors see it: gRPC service, in-memory transport. Identity has been proven before it is passed in. */
export interface CoordinatorPorts {
  federation(identity: SiteIdentity): FederationPort;
  operator(identity: OperatorIdentity): OperatorPort;
}

/** What is known of a certificate by its serial; read on every call, so it is kept in memory and current. */
export type MembershipVerdict =
  | {
      readonly status: 'active';
      readonly identity: SiteIdentity | OperatorIdentity;
      readonly certificateSha256: string;
    }
  | { readonly status: 'revoked'; readonly identity: SiteIdentity | OperatorIdentity }
  /** Past its end on a connection that was opened before: the handshake looks at dates only once. */
  | { readonly status: 'expired'; readonly identity: SiteIdentity | OperatorIdentity }
  | { readonly status: 'unknown' };

export interface Membership {
  check(serial: string): MembershipVerdict;
  /** Calls back with the serials that just became invalid; returns the way to stop listening. */
  onRevoked(listener: (serials: readonly string[]) => void): () => void;
}

/** Takes enrolment requests from callers who have no certificate yet. Errors are `WireError` with a `token_*`, `request_invalid` or `rate_limited` code. */
export interface EnrolmentDesk {
  enrol(request: {
    /** The token's 256-bit secret. */
    readonly secret: Uint8Array;
    readonly site: string;
    /** PKCS#10, DER. */
    readonly certificateRequest: Uint8Array;
    /** Address of the caller, for rate limits and the audit. */
    readonly remoteAddress: string;
  }): Promise<{ readonly certificateChain: readonly string[]; readonly rootCertificate: string }>;
}

/** Append-only record of what happened and who did it. Never holds secrets, keys or patient data. */
export interface Audit {
  record(event: string, actor: string | null, details: Readonly<Record<string, unknown>>): void;
}
