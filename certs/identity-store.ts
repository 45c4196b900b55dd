import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory, writeFileAtomically } from '../shared/runtime/files.ts';
import { isSiteName, type SiteName } from '../shared/runtime/ids.ts';
import { parseAddress } from './address.ts';
import { CertificateError } from './certificate-error.ts';
import { splitPem } from './chain.ts';
import { certificateFacts, readCertificate } from './facts.ts';
import { readPrivateKey } from './keys.ts';

/** Who a site is and whom it calls. */
export interface Identity {
  readonly site: SiteName;
  /** `host:port` of the coordinator. */
  readonly address: string;
  /** PKCS#8. */
  readonly keyPem: string;
  /** Leaf first, then the issuing authority. */
  readonly certificateChainPem: readonly string[];
  readonly rootPem: string;
}

/**
 * The identity of a site on disk: `key.pem` (0600), `certificate.pem` (chain), `root.pem`, `identity.json`.
 *
 * Key and certificate are two files and change together. The new key is written first, as `key.next.pem`; then the
 * certificate is put in place, then the key. `read` takes the key that fits the certificate, so at every moment, and
 * after a loss of power at any moment, there is exactly one valid pair.
 */
export interface IdentityStore {
  /** @throws CertificateError `identity_missing`, `identity_damaged` */
  read(): Promise<Identity>;
  /** True when there is a certificate here. */
  exists(): Promise<boolean>;
  /** A key for a request under way, kept as `key.pending.pem` until it is used or the request is given up. */
  pendingKey(make: () => Promise<string>): Promise<string>;
  /** Writes a first identity. @throws CertificateError `key_mismatch`, `wrong_name` */
  create(identity: Identity): Promise<void>;
  /** Exchanges key and certificate; the previous pair is kept until `confirm`. @throws CertificateError `key_mismatch`, `wrong_name` */
  replace(keyPem: string, chain: readonly string[]): Promise<void>;
  /** The pair before the last `replace`, when the new one was not confirmed yet. */
  previous(): Promise<Pick<Identity, 'keyPem' | 'certificateChainPem'> | null>;
  /** The new pair works: forgets the previous one. */
  confirm(): Promise<void>;
  /** Calls back after every `replace` and `create`; returns the way to stop listening. */
  onChange(listener: (identity: Identity) => void): () => void;
}

const files = {
  key: 'key.pem',
  nextKey: 'key.next.pem',
  pendingKey: 'key.pending.pem',
  previousKey: 'key.previous.pem',
  certificate: 'certificate.pem',
  previousCertificate: 'certificate.previous.pem',
  root: 'root.pem',
  identity: 'identity.json',
} as const;

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  }
}

function fits(keyPem: string | null, leafPem: string): boolean {
  if (keyPem === null) return false;
  try {
    return readCertificate(leafPem).checkPrivateKey(readPrivateKey(keyPem).key);
  } catch {
    return false;
  }
}

function requirePair(site: string, keyPem: string, chain: readonly string[]): void {
  const leaf = chain[0] ?? '';
  const facts = certificateFacts(leaf);
  if (facts.role !== 'site' || facts.name !== site) {
    throw new CertificateError(
      'wrong_name',
      `The certificate is for the ${facts.role} ${facts.name}, not for ${site}.`,
    );
  }
  if (!readCertificate(leaf).checkPrivateKey(readPrivateKey(keyPem).key)) throw new CertificateError('key_mismatch');
}

/** @param directory the folder `identity` of a site; made on the first write, readable by its owner only */
export function createIdentityStore(directory: string): IdentityStore {
  const path = (name: keyof typeof files): string => join(directory, files[name]);
  const listeners = new Set<(identity: Identity) => void>();
  const damaged = (what: string, cause?: unknown): CertificateError =>
    new CertificateError('identity_damaged', `${directory}: ${what}`, { directory }, cause);

  const readPair = async (): Promise<{ keyPem: string; chain: readonly string[] }> => {
    // More than one look: another process may exchange the pair between the reading of its two files.
    for (let look = 0; look < 3; look++) {
      const certificate = await readText(path('certificate'));
      if (certificate === null) {
        throw new CertificateError(
          'identity_missing',
          `${directory} holds no identity; run 'wardround site enrol' first.`,
          { directory },
        );
      }
      const chain = splitPem(certificate);
      const leaf = chain[0];
      if (leaf === undefined) throw damaged(`${files.certificate} holds no certificate.`);
      // The key under its other name is the right one when an exchange was cut off after the certificate.
      for (const name of ['key', 'nextKey'] as const) {
        const keyPem = await readText(path(name));
        if (keyPem !== null && fits(keyPem, leaf)) return { keyPem, chain };
      }
    }
    throw damaged(`${files.key} does not belong to ${files.certificate}.`);
  };

  const read = async (): Promise<Identity> => {
    const { keyPem, chain } = await readPair();
    const rootPem = await readText(path('root'));
    if (rootPem === null) throw damaged(`${files.root} is missing.`);
    const text = await readText(path('identity'));
    if (text === null) throw damaged(`${files.identity} is missing.`);
    let site: unknown;
    let address: unknown;
    try {
      ({ site, address } = JSON.parse(text) as { site?: unknown; address?: unknown });
    } catch (cause) {
      throw damaged(`${files.identity} is not JSON.`, cause);
    }
    if (typeof site !== 'string' || !isSiteName(site)) throw damaged(`${files.identity}: 'site' is not a site name.`);
    if (typeof address !== 'string') throw damaged(`${files.identity}: 'address' is missing.`);
    parseAddress(address);
    const facts = certificateFacts(chain[0] ?? '');
    if (facts.role !== 'site' || facts.name !== site) {
      throw damaged(`${files.certificate} is for ${facts.name}, ${files.identity} says ${site}.`);
    }
    return { site, address, keyPem, certificateChainPem: chain, rootPem };
  };

  const tell = async (): Promise<void> => {
    const identity = await read();
    for (const listener of [...listeners]) listener(identity);
  };

  const exchange = async (keyPem: string, chain: readonly string[]): Promise<void> => {
    await writeFileAtomically(path('nextKey'), keyPem, { mode: 0o600 });
    await writeFileAtomically(path('certificate'), chain.join(''), { mode: 0o644 });
    await rename(path('nextKey'), path('key'));
    await syncDirectory(directory);
    await rm(path('pendingKey'), { force: true });
  };

  return {
    read,
    exists: async () => (await readText(path('certificate'))) !== null,
    async pendingKey(make) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const held = await readText(path('pendingKey'));
      if (held !== null) return held;
      const keyPem = await make();
      await writeFileAtomically(path('pendingKey'), keyPem, { mode: 0o600 });
      return keyPem;
    },
    async create(identity) {
      requirePair(identity.site, identity.keyPem, identity.certificateChainPem);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await writeFileAtomically(path('root'), identity.rootPem);
      const text = `${JSON.stringify({ site: identity.site, address: identity.address }, null, 2)}\n`;
      await writeFileAtomically(path('identity'), text);
      await rm(path('previousKey'), { force: true });
      await rm(path('previousCertificate'), { force: true });
      await exchange(identity.keyPem, identity.certificateChainPem);
      await tell();
    },
    async replace(keyPem, chain) {
      const current = await read();
      requirePair(current.site, keyPem, chain);
      await writeFileAtomically(path('previousKey'), current.keyPem, { mode: 0o600 });
      await writeFileAtomically(path('previousCertificate'), current.certificateChainPem.join(''));
      // An exchange that was cut off left the current key under its other name; `exchange` writes over that one.
      if (!fits(await readText(path('key')), current.certificateChainPem[0] ?? '')) {
        await writeFileAtomically(path('key'), current.keyPem, { mode: 0o600 });
      }
      await exchange(keyPem, chain);
      await tell();
    },
    async previous() {
      const keyPem = await readText(path('previousKey'));
      const chain = splitPem((await readText(path('previousCertificate'))) ?? '');
      if (keyPem === null || chain[0] === undefined || !fits(keyPem, chain[0])) return null;
      return { keyPem, certificateChainPem: chain };
    },
    async confirm() {
      await rm(path('previousKey'), { force: true });
      await rm(path('previousCertificate'), { force: true });
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
