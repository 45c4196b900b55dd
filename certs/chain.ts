import type { X509Certificate } from 'node:crypto';
import { CertificateError } from './certificate-error.ts';
import { type CertificateFacts, certificateFacts, readCertificate, validityOf } from './facts.ts';
import { profileOfKey } from './keys.ts';
import { type CertificateRole, usageOfRole } from './roles.ts';

const certificatePattern = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates of a PEM file, one text each, in the order of the file. */
export function splitPem(text: string): readonly string[] {
  return (text.match(certificatePattern) ?? []).map((pem) => `${pem}\n`);
}

function checkDates(certificate: X509Certificate, nowMs: number): void {
  const [notBeforeMs, notAfterMs] = validityOf(certificate);
  const details = {
    subject: certificate.subject.replaceAll('\n', ', '),
    notBefore: certificate.validFrom,
    notAfter: certificate.validTo,
  };
  if (!(nowMs >= notBeforeMs)) throw new CertificateError('not_yet_valid', undefined, details);
  if (!(nowMs <= notAfterMs)) throw new CertificateError('expired', undefined, details);
}

function checkIssuer(certificate: X509Certificate, issuer: X509Certificate): void {
  // checkIssued compares names, key identifiers and the issuer's key usage; verify checks the signature.
  if (!issuer.ca || !certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) {
    throw new CertificateError('chain_broken', undefined, {
      subject: certificate.subject.replaceAll('\n', ', '),
      issuer: issuer.subject.replaceAll('\n', ', '),
    });
  }
}

/**
 * Verifies a leaf certificate against a root that is trusted beforehand. The form is fixed: leaf, issuing authority,
 * and (in the chain or not) the root itself; anything longer or shorter is refused, so path lengths need no counting.
 * @param chain PEM, leaf first
 * @param expected role, and the exact name where it matters
 * @throws CertificateError `chain_broken`, `wrong_authority`, `expired`, `not_yet_valid`, `wrong_role`, `wrong_name`, `certificate_unreadable`
 */
export function verifyChain(
  chain: readonly string[],
  rootPem: string,
  nowMs: number,
  expected: { readonly role: CertificateRole; readonly name?: string },
): CertificateFacts {
  const root = readCertificate(rootPem);
  const certificates = chain.slice(0, 4).map((pem) => readCertificate(pem));
  if (certificates.at(-1)?.raw.equals(root.raw) === true) certificates.pop();
  const [leaf, issuing] = certificates;
  if (leaf === undefined || issuing === undefined || certificates.length !== 2) {
    throw new CertificateError('chain_broken', 'The chain must hold the certificate and its issuing authority.', {
      certificates: chain.length,
    });
  }
  if (!root.ca || !root.verify(root.publicKey) || !issuing.checkIssued(root) || !issuing.verify(root.publicKey)) {
    throw new CertificateError('wrong_authority', undefined, { issuer: issuing.issuer.replaceAll('\n', ', ') });
  }
  checkIssuer(leaf, issuing);
  for (const certificate of [leaf, issuing, root]) {
    checkDates(certificate, nowMs);
    if (profileOfKey(certificate.publicKey) === null) {
      throw new CertificateError('chain_broken', 'A key of the chain is neither P-256 nor RSA with 3072 bits.', {
        subject: certificate.subject.replaceAll('\n', ', '),
      });
    }
  }
  const facts = certificateFacts(leaf);
  // `keyUsage` is what Node calls the extended key usages.
  const usages = leaf.keyUsage as readonly string[] | undefined;
  if (facts.role !== expected.role || usages?.length !== 1 || usages[0] !== usageOfRole[expected.role]) {
    throw new CertificateError('wrong_role', `The certificate is for the role ${facts.role}, not ${expected.role}.`, {
      role: facts.role,
      expected: expected.role,
    });
  }
  if (expected.name !== undefined && facts.name !== expected.name) {
    throw new CertificateError('wrong_name', `The certificate is for ${facts.name}, not ${expected.name}.`, {
      name: facts.name,
      expected: expected.name,
    });
  }
  return facts;
}
