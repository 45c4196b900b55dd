import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '../shared/runtime/files.ts';
import { isSiteName, type SiteName } from '../shared/runtime/ids.ts';
import { parseAddress } from './address.ts';
import { CertificateError } from './certificate-error.ts';
import { certificateFacts } from './facts.ts';
import { type KeyPair, keyFits, readKeyPair, readTextIfThere, removeKeyPair, writeKeyPair } from './pair-files.ts';

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
 * The identity of a site on disk: `key.pem` (0600), `certificate.pem` (chain), `root.pem`, `identity.json`. Key and
 * certificate change together (`writeKeyPair`). Beside them, for a while: `key.pending.pem`, the key of a request under
 * way, and `previous/`, the pair before the last renewal.
 */
export interface IdentityStore {
  /** @throws CertificateError `identity_missing`, `identity_damaged` */
  read(): Promise<Identity>;
  /** True when there is a certificate here. */
  exists(): Promise<boolean>;
  /** The key of a request under way. It is on disk before it is used, so that a request can be repeated with the same key. */
  pendingKey(make: () => Promise<string>): Promise<string>;
  /** Gives up the key of a request under way. */
  dropPendingKey(): Promise<void>;
  /** Writes a first identity, or another one. @throws CertificateError `key_mismatch`, `wrong_name` */
  create(identity: Identity): Promise<void>;
  /** Exchanges key and certificate; the previous pair is kept until `confirm`. @throws CertificateError `key_mismatch`, `wrong_name` */
  replace(keyPem: string, chain: readonly string[]): Promise<void>;
  /** The pair before the last `replace`, until that one is confirmed: what to go back to if the new one is refused. */
  previous(): Promise<KeyPair | null>;
  /** The new pair works: forgets the previous one. */
  confirm(): Promise<void>;
  /** Calls back after every `replace` and `create` through this object; returns the way to stop listening. */
  onChange(listener: (identity: Identity) => void): () => void;
}

function requirePair(site: string, pair: KeyPair): void {
  const leaf = pair.chain[0] ?? '';
  const facts = certificateFacts(leaf);
  if (facts.role !== 'site' || facts.name !== site) {
    throw new CertificateError(
      'wrong_name',
      `The certificate is for the ${facts.role} ${facts.name}, not for ${site}.`,
    );
  }
  if (!keyFits(pair.keyPem, leaf)) throw new CertificateError('key_mismatch');
}

/** @param directory the folder `identity` of a site; made on the first write, readable by its owner only */
export function createIdentityStore(directory: string): IdentityStore {
  const pendingFile = join(directory, 'key.pending.pem');
  const rootFile = join(directory, 'root.pem');
  const identityFile = join(directory, 'identity.json');
  const previousDirectory = join(directory, 'previous');
  const listeners = new Set<(identity: Identity) => void>();

  const damaged = (message: string, cause?: unknown): CertificateError =>
    new CertificateError('identity_damaged', message, { directory }, cause);

  const read = async (): Promise<Identity> => {
    const pair = await readKeyPair(directory);
    if (pair === null) {
      throw new CertificateError(
        'identity_missing',
        `${directory} holds no identity; run 'wardround site enrol TOKEN' first.`,
        { directory },
      );
    }
    const rootPem = await readTextIfThere(rootFile);
    if (rootPem === null) throw damaged(`${rootFile} is missing.`);
    const text = await readTextIfThere(identityFile);
    if (text === null) throw damaged(`${identityFile} is missing.`);
    let site: unknown;
    let address: unknown;
    try {
      ({ site, address } = JSON.parse(text) as { site?: unknown; address?: unknown });
    } catch (cause) {
      throw damaged(`${identityFile} is not JSON.`, cause);
    }
    if (typeof site !== 'string' || !isSiteName(site)) throw damaged(`${identityFile}: 'site' is not a site name.`);
    if (typeof address !== 'string') throw damaged(`${identityFile}: 'address' is missing.`);
    parseAddress(address);
    const facts = certificateFacts(pair.chain[0] ?? '');
    if (facts.role !== 'site' || facts.name !== site) {
      throw damaged(`${directory}: the certificate is for ${facts.name}, ${identityFile} says ${site}.`);
    }
    return { site, address, keyPem: pair.keyPem, certificateChainPem: pair.chain, rootPem };
  };

  const tell = async (): Promise<void> => {
    const identity = await read();
    for (const listener of [...listeners]) listener(identity);
  };

  return {
    read,
    exists: async () => (await readKeyPair(directory)) !== null,
    async pendingKey(make) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const held = await readTextIfThere(pendingFile);
      if (held !== null) return held;
      const keyPem = await make();
      await writeFileAtomically(pendingFile, keyPem, { mode: 0o600 });
      return keyPem;
    },
    dropPendingKey: () => rm(pendingFile, { force: true }),
    async create(identity) {
      const pair = { keyPem: identity.keyPem, chain: identity.certificateChainPem };
      requirePair(identity.site, pair);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await writeFileAtomically(rootFile, identity.rootPem);
      const text = `${JSON.stringify({ site: identity.site, address: identity.address }, null, 2)}\n`;
      await writeFileAtomically(identityFile, text);
      await writeKeyPair(directory, pair);
      await removeKeyPair(previousDirectory);
      await rm(pendingFile, { force: true });
      await tell();
    },
    async replace(keyPem, chain) {
      const current = await read();
      const pair = { keyPem, chain };
      requirePair(current.site, pair);
      await writeKeyPair(previousDirectory, { keyPem: current.keyPem, chain: current.certificateChainPem });
      await writeKeyPair(directory, pair);
      await rm(pendingFile, { force: true });
      await tell();
    },
    previous: () => readKeyPair(previousDirectory),
    confirm: () => rm(previousDirectory, { recursive: true, force: true }),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
