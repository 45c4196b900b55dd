import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';

/** A member's key and certificate, and the one root it believes. All PEM. */
export interface ClientCredentials {
  readonly key: string;
  /** Leaf first, then the issuing authority. */
  readonly certificateChain: string;
  readonly root: string;
}

/** TLS 1.3, this consortium's root and no other; without a key (enrolment) the caller stays unnamed. */
export function clientSecureContext(
  root: string,
  member?: Pick<ClientCredentials, 'key' | 'certificateChain'>,
): SecureContext {
  return createSecureContext({
    ca: root,
    minVersion: 'TLSv1.3',
    ...(member === undefined ? {} : { key: member.key, cert: member.certificateChain }),
  });
}

/**
 * Checks that a server's certificate names exactly this host: no wildcard, no common name, no other spelling.
 * OpenSSL has verified the chain before it is asked.
 */
export function nameProblem(host: string, certificate: Uint8Array): Error | undefined {
  const parsed = new X509Certificate(certificate);
  const named =
    isIP(host) === 0
      ? parsed.checkHost(host, { subject: 'never', wildcards: false, partialWildcards: false })
      : parsed.checkIP(host);
  return named === undefined ? new Error(`the coordinator's certificate does not name ${host}`) : undefined;
}

/** Server name for the handshake: a DNS name as it is; for an IP address, which may not be sent there, a fixed word. */
export const handshakeName = (host: string): string => (isIP(host) === 0 ? host : 'coordinator.wardround');
