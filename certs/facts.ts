import { X509Certificate } from 'node:crypto';
import { digestOf } from '../shared/runtime/digest.ts';
import type { Digest } from '../shared/runtime/ids.ts';
import { CertificateError } from './certificate-error.ts';
import { type CertificateRole, parseRoleUri } from './roles.ts';

/** What a certificate says of itself. Worth nothing until its chain is verified (`verifyChain`, or the TLS handshake). */
export interface CertificateFacts {
  readonly role: CertificateRole;
  /** Name of the site or operator; empty for coordinator and release. */
  readonly name: string;
  /** Upper-case hex without leading zeros. */
  readonly serial: string;
  /** SHA-256 of the DER. */
  readonly sha256: Digest;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export function readCertificate(pemOrDer: string | Uint8Array): X509Certificate {
  try {
    return new X509Certificate(pemOrDer);
  } catch (cause) {
    throw new CertificateError('certificate_unreadable', undefined, {}, cause);
  }
}

export function serialOf(certificate: X509Certificate): string {
  return certificate.serialNumber.toUpperCase().replace(/^0+(?=.)/, '');
}

/** `[notBefore, notAfter]` in milliseconds since the epoch. */
export function validityOf(certificate: X509Certificate): readonly [number, number] {
  return [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
}

/** SHA-256 of a certificate's DER: what a token names a root by. */
export function fingerprintOf(certificate: string | Uint8Array | X509Certificate): Digest {
  const parsed = certificate instanceof X509Certificate ? certificate : readCertificate(certificate);
  return digestOf(parsed.raw);
}

/**
 * Role, name, serial and dates of a leaf certificate.
 * @param source PEM, DER or parsed
 * @throws CertificateError `certificate_unreadable`; `wrong_role` when it carries no role, several, or an authority's flag
 */
export function certificateFacts(source: string | Uint8Array | X509Certificate): CertificateFacts {
  const certificate = source instanceof X509Certificate ? source : readCertificate(source);
  // Node puts quotes around any name with a comma or quote in it, so no other entry can imitate a role.
  const roles = (certificate.subjectAltName ?? '')
    .split(', ')
    .filter((entry) => entry.startsWith('URI:'))
    .map((entry) => parseRoleUri(entry.slice('URI:'.length)));
  const role = roles[0];
  if (certificate.ca || roles.length !== 1 || role === undefined || role === null) {
    throw new CertificateError('wrong_role', 'The certificate carries no role of Wardround.', {
      subject: certificate.subject,
    });
  }
  const commonNames = certificate.subject.split('\n').filter((line) => line.startsWith('CN='));
  if (role.name !== '' && (commonNames.length !== 1 || commonNames[0] !== `CN=${role.name}`)) {
    throw new CertificateError('wrong_name', 'Common name and role of the certificate name different members.', {
      subject: certificate.subject,
      role: role.name,
    });
  }
  const [notBeforeMs, notAfterMs] = validityOf(certificate);
  return {
    ...role,
    serial: serialOf(certificate),
    sha256: digestOf(certificate.raw),
    notBeforeMs,
    notAfterMs,
  };
}
