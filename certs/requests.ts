import 'reflect-metadata';
import { createPublicKey, type KeyObject, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { Digest } from '../shared/runtime/ids.ts';
import { WireError } from '../shared/wire/wire-error.ts';
import { importSigningKey, signingAlgorithm } from './issuing.ts';
import { type KeyProfile, profileOfKey, publicKeyDigest, publicKeyOf, readPrivateKey } from './keys.ts';

/** Largest request that is looked at; an RSA-3072 one takes about 1,100 bytes. */
export const maximumRequestBytes = 8192;

/**
 * A certificate request (PKCS#10, DER) that names the site and proves that its sender holds the key.
 * @param privateKeyPem PKCS#8; it stays where it is
 */
export async function createCertificateRequest(commonName: string, privateKeyPem: string): Promise<Uint8Array> {
  const { profile } = readPrivateKey(privateKeyPem);
  const publicDer = publicKeyOf(privateKeyPem).export({ type: 'spki', format: 'der' });
  const publicKey = await webcrypto.subtle.importKey('spki', publicDer, signingAlgorithm(profile), true, ['verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      name: new x509.Name([{ CN: [{ utf8String: commonName }] }] as never) as never,
      keys: { publicKey, privateKey: await importSigningKey(privateKeyPem) } as never,
      signingAlgorithm: signingAlgorithm(profile),
    },
    webcrypto as never,
  );
  return new Uint8Array(request.rawData);
}

export interface CertificateRequest {
  readonly commonName: string;
  readonly publicKey: KeyObject;
  readonly publicKeySha256: Digest;
}

function refuse(message: string, details: Record<string, string | number | null> = {}, cause?: unknown): WireError {
  return new WireError('request_invalid', message, details, cause);
}

/**
 * Reads a request from the network: size, form, subject (one common name and nothing else), key type and signature.
 * Extensions a request asks for are ignored; what a certificate may do is decided by who issues it.
 * @throws WireError `request_invalid`
 */
export async function readCertificateRequest(der: Uint8Array, profile: KeyProfile): Promise<CertificateRequest> {
  if (der.byteLength > maximumRequestBytes) {
    throw refuse(`The certificate request has ${der.byteLength} bytes; at most ${maximumRequestBytes} are read.`);
  }
  let request: x509.Pkcs10CertificateRequest;
  let commonNames: readonly string[];
  let attributes: number;
  let publicKey: KeyObject;
  let hash: string;
  try {
    request = new x509.Pkcs10CertificateRequest(Uint8Array.from(der));
    commonNames = request.subjectName.getField('CN');
    attributes = request.subjectName.toJSON().reduce((sum, part) => sum + Object.values(part).flat().length, 0);
    publicKey = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' });
    hash = (request.signatureAlgorithm as { hash?: { name?: string } }).hash?.name ?? '';
  } catch (cause) {
    throw refuse('The certificate request is not PKCS#10 that can be read.', {}, cause);
  }
  const commonName = commonNames[0];
  if (commonNames.length !== 1 || commonName === undefined || attributes !== 1) {
    throw refuse('The subject of the certificate request must be one common name: the name of the site.', {
      subject: request.subject.slice(0, 200),
    });
  }
  if (profileOfKey(publicKey) !== profile) {
    throw refuse(`The key of the certificate request is not of the type this consortium uses, which is ${profile}.`, {
      expected: profile,
      type: publicKey.asymmetricKeyType ?? null,
    });
  }
  if (!['SHA-256', 'SHA-384', 'SHA-512'].includes(hash)) {
    throw refuse(`The certificate request is signed with ${hash || 'an unknown hash'}; SHA-256 is expected.`);
  }
  let valid: boolean;
  try {
    valid = await request.verify(webcrypto as never);
  } catch (cause) {
    throw refuse('The signature of the certificate request cannot be read.', {}, cause);
  }
  if (!valid) throw refuse('The signature of the certificate request does not belong to its key.');
  return { commonName, publicKey, publicKeySha256: publicKeyDigest(publicKey) };
}
