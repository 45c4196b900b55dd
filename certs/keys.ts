import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { digestOf } from '../shared/runtime/digest.ts';
import type { Digest } from '../shared/runtime/ids.ts';
import { CertificateError } from './certificate-error.ts';

/** Type of every key of one consortium: P-256 by default, RSA-3072 for hospitals whose rules ask for RSA. */
export type KeyProfile = 'p256' | 'rsa3072';

/** In the order that tokens number them. */
export const keyProfiles: readonly KeyProfile[] = ['p256', 'rsa3072'];

const generate = promisify(generateKeyPair);

/** A new private key from the system's secure source, as PKCS#8 PEM. */
export async function generatePrivateKey(profile: KeyProfile): Promise<string> {
  const pair =
    profile === 'p256'
      ? await generate('ec', { namedCurve: 'prime256v1' })
      : await generate('rsa', { modulusLength: 3072, publicExponent: 0x10001 });
  return pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

/** The profile a key belongs to; null for any other type, curve, size or exponent. */
export function profileOfKey(key: KeyObject): KeyProfile | null {
  const details = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec') return details.namedCurve === 'prime256v1' ? 'p256' : null;
  if (key.asymmetricKeyType !== 'rsa') return null;
  return details.modulusLength === 3072 && details.publicExponent === 65_537n ? 'rsa3072' : null;
}

/** @throws CertificateError `key_unreadable` */
export function readPrivateKey(pem: string): { readonly key: KeyObject; readonly profile: KeyProfile } {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw new CertificateError('key_unreadable', 'The private key is not PEM that can be read.', {}, cause);
  }
  const profile = profileOfKey(key);
  if (profile === null) {
    throw new CertificateError('key_unreadable', 'The private key is neither P-256 nor RSA with 3072 bits.', {
      type: key.asymmetricKeyType ?? null,
    });
  }
  return { key, profile };
}

export function publicKeyOf(privateKeyPem: string): KeyObject {
  return createPublicKey(readPrivateKey(privateKeyPem).key);
}

/** SHA-256 of the key's SubjectPublicKeyInfo: equal for equal keys, whatever file they came in. */
export function publicKeyDigest(key: KeyObject): Digest {
  const publicKey = key.type === 'public' ? key : createPublicKey(key);
  return digestOf(publicKey.export({ type: 'spki', format: 'der' }));
}
