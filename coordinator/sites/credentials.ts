import { randomInt } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAddress } from '../../certs/address.ts';
import { type Authority, type AuthorityMaterial, type Lifetimes, openAuthority } from '../../certs/authority.ts';
import { CertificateError } from '../../certs/certificate-error.ts';
import { verifyChain } from '../../certs/chain.ts';
import { certificateFacts, readCertificate, validityOf } from '../../certs/facts.ts';
import { generatePrivateKey, publicKeyDigest, publicKeyOf } from '../../certs/keys.ts';
import { type KeyPair, readKeyPair, readTextIfThere, writeKeyPair } from '../../certs/pair-files.ts';
import { renewAtMs } from '../../certs/renewal.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { writeFileAtomically } from '../../shared/runtime/files.ts';
import { errorFields, type Logger } from '../../shared/runtime/logger.ts';
import type { ServiceTls } from '../service/tls-door.ts';
import type { SiteBook } from './site-book.ts';

const authorityFiles = {
  rootPem: 'root.pem',
  rootKeyPem: 'root.key',
  issuingPem: 'issuing.pem',
  issuingKeyPem: 'issuing.key',
} as const;

/** Folders of a consortium directory. */
export const credentialFolders = { authority: 'authority', server: 'server', release: 'release', operator: 'operator' };

export async function writeAuthority(
  directory: string,
  material: AuthorityMaterial & { readonly rootKeyPem: string },
): Promise<void> {
  const folder = join(directory, credentialFolders.authority);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const [field, name] of Object.entries(authorityFiles)) {
    const mode = name.endsWith('.key') ? 0o600 : 0o644;
    await writeFileAtomically(join(folder, name), material[field as keyof typeof authorityFiles], { mode });
  }
}

/**
 * Opens the issuing authority of a consortium directory. The root's key is not read and may be kept elsewhere.
 * @throws CertificateError `identity_missing` naming the file that is not there, and what `openAuthority` throws
 */
export async function loadAuthority(
  directory: string,
  clock: Clock,
  settings: { readonly lifetimes?: Partial<Lifetimes> } = {},
): Promise<Authority & { readonly issuingPem: string }> {
  const read = async (name: string): Promise<string> => {
    const path = join(directory, credentialFolders.authority, name);
    const text = await readTextIfThere(path);
    if (text === null) {
      throw new CertificateError('identity_missing', `${path} is missing; is ${directory} a consortium's directory?`, {
        path,
      });
    }
    return text;
  };
  const issuingPem = await read(authorityFiles.issuingPem);
  const material = {
    rootPem: await read(authorityFiles.rootPem),
    issuingPem,
    issuingKeyPem: await read(authorityFiles.issuingKeyPem),
  };
  return { ...openAuthority(material, clock, settings), issuingPem };
}

/** Names the server answers to: this machine's own, the host sites dial, and further ones of the configuration. */
export function serverHosts(address: string, names: readonly string[] = []): readonly string[] {
  return [...new Set(['localhost', '127.0.0.1', '::1', parseAddress(address).host, ...names])];
}

/** The coordinator's own certificates, kept fresh. */
export interface Credentials {
  /** What the server shows now; issued first when there is none that is valid for every host. */
  server(): Promise<ServiceTls>;
  /** @throws CertificateError `identity_missing` */
  release(): Promise<KeyPair>;
  /** Renews the server's and the operator's certificates at two thirds of their life until the signal aborts. */
  keep(onServer: (tls: ServiceTls) => void, signal: AbortSignal): Promise<void>;
}

/** Longest time between two looks at the certificates; also how soon a failed renewal is tried again. */
const lookMs = 3_600_000;

export function createCredentials(
  needs: {
    readonly directory: string;
    readonly authority: Authority & { readonly issuingPem: string };
    readonly book: Pick<SiteBook, 'admitOperator' | 'check'>;
    readonly clock: Clock;
    readonly log: Logger;
  },
  settings: { readonly hosts: readonly string[] },
): Credentials {
  const { directory, authority, book, clock, log } = needs;
  const folder = (name: keyof typeof credentialFolders): string => join(directory, credentialFolders[name]);
  const jitter = randomInt(2 ** 32) / 2 ** 32;

  const dueMs = (pair: KeyPair): number => {
    const [notBeforeMs, notAfterMs] = validityOf(readCertificate(pair.chain[0] ?? ''));
    return renewAtMs(notBeforeMs, notAfterMs, jitter);
  };
  const servesAll = (pair: KeyPair): boolean => {
    try {
      verifyChain(pair.chain, authority.rootPem, clock.now(), { role: 'coordinator' });
    } catch {
      return false;
    }
    const certificate = readCertificate(pair.chain[0] ?? '');
    return settings.hosts.every((host) =>
      /^[\d.]+$|:/.test(host)
        ? certificate.checkIP(host) !== undefined
        : certificate.checkHost(host, { subject: 'never', wildcards: false }) !== undefined,
    );
  };

  const freshServer = async (): Promise<{ pair: KeyPair; changed: boolean }> => {
    const held = await readKeyPair(folder('server')).catch(() => null);
    if (held !== null && servesAll(held) && clock.now() < dueMs(held)) return { pair: held, changed: false };
    const keyPem = await generatePrivateKey(authority.profile);
    const { chain, serial, notAfterMs } = await authority.issueServer(settings.hosts, publicKeyOf(keyPem));
    const pair = { keyPem, chain };
    await writeKeyPair(folder('server'), pair);
    log.info({ serial, notAfter: new Date(notAfterMs).toISOString() }, 'server certificate issued');
    return { pair, changed: true };
  };
  const asTls = (pair: KeyPair): ServiceTls => ({
    certificateChain: pair.chain.join(''),
    key: pair.keyPem,
    issuing: authority.issuingPem,
    root: authority.rootPem,
  });

  /** @returns when the operator's certificate is due next; null when the operator's folder was moved away. */
  const freshOperator = async (): Promise<number | null> => {
    const held = await readKeyPair(folder('operator'));
    if (held === null) return null;
    const facts = certificateFacts(held.chain[0] ?? '');
    const known = book.check(facts.serial).status === 'active';
    if (known && clock.now() < dueMs(held)) return dueMs(held);
    const keyPem = await generatePrivateKey(authority.profile);
    const publicKey = publicKeyOf(keyPem);
    const issued = await authority.issueOperator(facts.name, publicKey);
    // On the list before it is on disk: no command finds a certificate that is not known yet.
    await book.admitOperator(issued, publicKeyDigest(publicKey));
    const pair = { keyPem, chain: issued.chain };
    await writeKeyPair(folder('operator'), pair);
    log.info({ operator: facts.name, serial: issued.serial }, 'operator certificate renewed');
    return dueMs(pair);
  };

  return {
    server: async () => asTls((await freshServer()).pair),
    async release() {
      const pair = await readKeyPair(folder('release'));
      if (pair === null) {
        throw new CertificateError('identity_missing', `${folder('release')} holds no certificate.`, { directory });
      }
      return pair;
    },
    async keep(onServer, signal) {
      while (!signal.aborted) {
        let nextMs = clock.now() + lookMs;
        try {
          const { pair, changed } = await freshServer();
          if (changed) onServer(asTls(pair));
          nextMs = Math.min(nextMs, dueMs(pair));
          const operatorMs = await freshOperator();
          if (operatorMs !== null) nextMs = Math.min(nextMs, operatorMs);
        } catch (error) {
          log.warn(errorFields(error), 'a certificate of the coordinator was not renewed');
          nextMs = clock.now() + lookMs / 60;
        }
        // At least a second: a certificate so short that it is always due must not take the processor.
        await clock.sleep(Math.max(1_000, nextMs - clock.now()), signal).catch(() => undefined);
      }
    },
  };
}
