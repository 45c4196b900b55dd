import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { serialOf, validityOf } from '../../certs/facts.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { OperatorIdentity, SiteIdentity } from '../../shared/wire/messages.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import type { Membership } from './ports.ts';

/** What one connection has proven in its handshake. It is judged anew at every call. */
export interface Peer {
  readonly socket: TLSSocket;
  readonly address: string;
  /** Null when none was shown. */
  readonly certificate: PeerCertificate | null;
  /** OpenSSL's verdict on the chain, such as `CERT_HAS_EXPIRED`; null when it leads to this consortium's root. */
  readonly chainProblem: string | null;
  /** Ends of the calls that are open on this connection. */
  readonly calls: Set<(error: WireError) => void>;
}

export interface PeerCertificate {
  readonly serial: string;
  readonly sha256: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export type Identity = SiteIdentity | OperatorIdentity;
/** Who may call a service: anyone, any member, or one role. */
export type Admission = 'anyone' | 'member' | Identity['role'];

function certificateOf(certificate: X509Certificate | undefined): PeerCertificate | null {
  if (certificate === undefined) return null;
  const [notBeforeMs, notAfterMs] = validityOf(certificate);
  return { serial: serialOf(certificate), sha256: digestOf(certificate.raw), notBeforeMs, notAfterMs };
}

export function peerOf(socket: TLSSocket, address: string): Peer {
  const certificate = certificateOf(socket.getPeerX509Certificate());
  // Typed as Error, but it is the code of the problem.
  const problem = socket.authorizationError as unknown as string | Error | null | undefined;
  return {
    socket,
    address,
    certificate,
    chainProblem: socket.authorized ? null : String((problem as Error | null)?.message ?? problem ?? 'unverified'),
    calls: new Set(),
  };
}

/**
 * Who is calling, or why it is refused. Looks the certificate up in the membership list each time, so that revocation
 * and expiry reach connections that were opened before.
 * @throws WireError with a `certificate_*` code, `no_certificate` or `wrong_authority`
 */
export function identify(peer: Peer, membership: Membership, nowMs: number): Identity {
  const { certificate, chainProblem } = peer;
  if (certificate === null) throw new WireError('no_certificate');
  const details = { serial: certificate.serial };
  if (chainProblem === 'CERT_HAS_EXPIRED') throw new WireError('certificate_expired', undefined, details);
  if (chainProblem === 'CERT_NOT_YET_VALID') throw new WireError('certificate_not_yet_valid', undefined, details);
  if (chainProblem !== null) throw new WireError('wrong_authority', undefined, { ...details, problem: chainProblem });
  const verdict = membership.check(certificate.serial);
  if (verdict.status === 'revoked') throw new WireError('certificate_revoked', undefined, details);
  // Written so that a date nobody could read refuses.
  if (!(nowMs >= certificate.notBeforeMs)) throw new WireError('certificate_not_yet_valid', undefined, details);
  if (!(nowMs <= certificate.notAfterMs)) throw new WireError('certificate_expired', undefined, details);
  if (verdict.status === 'expired') throw new WireError('certificate_expired', undefined, details);
  if (verdict.status === 'unknown') throw new WireError('certificate_unknown', undefined, details);
  // Same serial, other certificate: issued behind the coordinator's back.
  if (verdict.certificateSha256.toLowerCase() !== certificate.sha256) {
    throw new WireError('certificate_unknown', 'The certificate is not the one issued under its serial.', details);
  }
  return verdict.identity;
}

/** @throws WireError as `identify`, and `wrong_role`; returns null where no identity is asked for. */
export function admit(admission: Admission, peer: Peer, membership: Membership, nowMs: number): Identity | null {
  if (admission === 'anyone') return null;
  const identity = identify(peer, membership, nowMs);
  if (admission !== 'member' && admission !== identity.role) {
    throw new WireError('wrong_role', undefined, { role: identity.role, needed: admission });
  }
  return identity;
}

export const nameOf = (identity: Identity): string => (identity.role === 'site' ? identity.site : identity.name);
