import { constants, createPublicKey, sign, verify } from 'node:crypto';
import type { ReleaseSignature } from '../shared/wire/messages.ts';
import { CertificateError } from './certificate-error.ts';
import { verifyChain } from './chain.ts';
import { type CertificateFacts, readCertificate } from './facts.ts';
import { profileOfKey, readPrivateKey } from './keys.ts';

const rsaPss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } as const;

/**
 * Signs a release's manifest with the coordinator's release key. ECDSA signatures are DER, as `openssl dgst -verify` reads them.
 * @param chain PEM of the release certificate, leaf first, without the root
 * @throws CertificateError `key_mismatch`, `key_unreadable`, `certificate_unreadable`
 */
export function signRelease(
  manifestBytes: Uint8Array,
  privateKeyPem: string,
  chain: readonly string[],
): ReleaseSignature {
  const { key, profile } = readPrivateKey(privateKeyPem);
  if (!readCertificate(chain[0] ?? '').checkPrivateKey(key)) {
    throw new CertificateError('key_mismatch', 'The release key does not belong to the release certificate.');
  }
  const signature = sign('sha256', manifestBytes, profile === 'p256' ? key : { key, ...rsaPss });
  return {
    algorithm: profile === 'p256' ? 'ecdsa-p256-sha256' : 'rsa-pss-sha256',
    signature: signature.toString('base64'),
    certificates: chain,
  };
}

/**
 * Verifies that a manifest was signed by this consortium's release key: chain to the root, role and usage, dates, signature.
 * @throws CertificateError any code of `verifyChain`, `signature_invalid`
 */
export function verifyReleaseSignature(
  manifestBytes: Uint8Array,
  signature: ReleaseSignature,
  rootPem: string,
  nowMs: number,
): CertificateFacts {
  const facts = verifyChain(signature.certificates, rootPem, nowMs, { role: 'release' });
  const key = readCertificate(signature.certificates[0] ?? '').publicKey;
  const profile = profileOfKey(createPublicKey(key.export({ type: 'spki', format: 'pem' })));
  const expected = profile === 'p256' ? 'ecdsa-p256-sha256' : 'rsa-pss-sha256';
  if (signature.algorithm !== expected) {
    throw new CertificateError(
      'signature_invalid',
      `The signature says ${signature.algorithm}; the key of its certificate makes ${expected}.`,
      { algorithm: signature.algorithm, expected },
    );
  }
  const bytes = Buffer.from(signature.signature, 'base64');
  if (!verify('sha256', manifestBytes, profile === 'p256' ? key : { key, ...rsaPss }, bytes)) {
    throw new CertificateError('signature_invalid', 'The signature does not belong to this manifest.');
  }
  return facts;
}
