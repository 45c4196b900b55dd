import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory, writeFileAtomically } from '../shared/runtime/files.ts';
import { CertificateError } from './certificate-error.ts';
import { splitPem } from './chain.ts';
import { readCertificate } from './facts.ts';
import { withFiles } from './file-access.ts';
import { readPrivateKey } from './keys.ts';

/** A private key and its certificate chain, leaf first. */
export interface KeyPair {
  /** PKCS#8 PEM. */
  readonly keyPem: string;
  readonly chain: readonly string[];
}

const keyFile = 'key.pem';
const nextKeyFile = 'key.next.pem';
const certificateFile = 'certificate.pem';

/** The text of a file; null when there is none. @throws CertificateError `file_refused` for one that cannot be read */
export function readTextIfThere(path: string): Promise<string | null> {
  return withFiles(path, async () => {
    try {
      return await readFile(path, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw cause;
    }
  });
}

export function keyFits(keyPem: string, certificatePem: string): boolean {
  try {
    return readCertificate(certificatePem).checkPrivateKey(readPrivateKey(keyPem).key);
  } catch {
    return false;
  }
}

/**
 * Reads `key.pem` and `certificate.pem` of a folder.
 * @returns null when there is no certificate
 * @throws CertificateError `identity_damaged` when no key there fits the certificate
 */
export async function readKeyPair(directory: string): Promise<KeyPair | null> {
  // More than one look: another process may exchange the pair between the reading of its two files.
  for (let look = 0; look < 3; look++) {
    const certificate = await readTextIfThere(join(directory, certificateFile));
    if (certificate === null) return null;
    const chain = splitPem(certificate);
    // The key under its other name is the right one when an exchange was cut off after the certificate.
    for (const name of [keyFile, nextKeyFile]) {
      const keyPem = await readTextIfThere(join(directory, name));
      if (keyPem !== null && keyFits(keyPem, chain[0] ?? '')) return { keyPem, chain };
    }
  }
  const key = join(directory, keyFile);
  const there = (await readTextIfThere(key)) !== null;
  throw new CertificateError(
    'identity_damaged',
    there ? `${key} does not belong to ${join(directory, certificateFile)}.` : `${key} is missing.`,
    { directory },
  );
}

/**
 * Puts a pair in place of the one there. Key and certificate are two files and change together: the new key is written
 * first, under another name, then the certificate, then the key is renamed. `readKeyPair` takes the key that fits, so at
 * every moment, and after a loss of power at any moment, there is exactly one valid pair. The key is 0600 from its first byte.
 */
export async function writeKeyPair(directory: string, pair: KeyPair): Promise<void> {
  if (!keyFits(pair.keyPem, pair.chain[0] ?? '')) throw new CertificateError('key_mismatch');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const current = await readKeyPair(directory).catch(() => null);
  if (current !== null) {
    const key = await readTextIfThere(join(directory, keyFile));
    // An exchange that was cut off left the current key under its other name, which is about to be written over.
    if (key === null || !keyFits(key, current.chain[0] ?? '')) {
      await rename(join(directory, nextKeyFile), join(directory, keyFile));
    }
  }
  await writeFileAtomically(join(directory, nextKeyFile), pair.keyPem, { mode: 0o600 });
  await writeFileAtomically(join(directory, certificateFile), pair.chain.join(''));
  await rename(join(directory, nextKeyFile), join(directory, keyFile));
  await syncDirectory(directory);
}

/** Removes a pair. */
export async function removeKeyPair(directory: string): Promise<void> {
  for (const name of [certificateFile, nextKeyFile, keyFile]) await rm(join(directory, name), { force: true });
}
