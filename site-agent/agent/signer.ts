import { constants, createPrivateKey, type KeyObject, sign, verify } from 'node:crypto';
import { verifyChain } from '../../certs/chain.ts';
import { readCertificate } from '../../certs/facts.ts';
import type { Identity } from '../../certs/identity-store.ts';
import type { SiteName } from '../../shared/runtime/ids.ts';

/** A signature of this site, with the certificates that say whose key made it. */
export interface SiteSignature {
  /** Base64; ECDSA on P-256 or RSA-PSS, both with SHA-256. */
  readonly signature: string;
  /** PEM, leaf first. */
  readonly certificates: readonly string[];
}

/** Signs in the site's name and recognises what was signed in it. */
export interface SiteSigner {
  sign(text: string): SiteSignature;
  /** Whether this site signed the text at that time. */
  verify(text: string, signature: SiteSignature, signedMs: number): boolean;
}

const rsaPss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } as const;

function signText(text: string, key: KeyObject): string {
  const options = key.asymmetricKeyType === 'rsa' ? { key, ...rsaPss } : key;
  return sign('sha256', Buffer.from(text, 'utf8'), options).toString('base64');
}

function verifyText(text: string, key: KeyObject, signature: string): boolean {
  const options = key.asymmetricKeyType === 'rsa' ? { key, ...rsaPss } : key;
  return verify('sha256', Buffer.from(text, 'utf8'), options, Buffer.from(signature, 'base64'));
}

/**
 * Signs with the key of the site's certificate. The certificates travel with each signature, so that it is
 * still recognised after the site has renewed them.
 */
export function certificateSigner(
  site: SiteName,
  identity: () => Pick<Identity, 'keyPem' | 'certificateChainPem' | 'rootPem'>,
): SiteSigner {
  return {
    sign(text) {
      const { keyPem, certificateChainPem } = identity();
      return { signature: signText(text, createPrivateKey(keyPem)), certificates: certificateChainPem };
    },
    verify(text, signature, signedMs) {
      try {
        verifyChain(signature.certificates, identity().rootPem, signedMs, { role: 'site', name: site });
        const key = readCertificate(signature.certificates[0] ?? '').publicKey;
        return verifyText(text, key, signature.signature);
      } catch {
        return false;
      }
    },
  };
}
