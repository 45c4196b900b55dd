import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority, type Lifetimes, openAuthority } from '../../certs/authority.ts';
import { CertificateError } from '../../certs/certificate-error.ts';
import { generatePrivateKey, type KeyProfile, publicKeyDigest, publicKeyOf } from '../../certs/keys.ts';
import { writeKeyPair } from '../../certs/pair-files.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { writeFileAtomically } from '../../shared/runtime/files.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { openAuditLog } from '../audit/audit-log.ts';
import { openStore } from '../store/open-store.ts';
import { credentialFolders, serverHosts, writeAuthority } from './credentials.ts';
import { createSiteBook } from './site-book.ts';

export interface ConsortiumSettings {
  readonly name: string;
  /** `host:port` that sites and operators dial. */
  readonly address: string;
  readonly profile: KeyProfile;
  readonly lifetimes: Partial<Lifetimes>;
  /** Text of `coordinator.yaml`. */
  readonly config: string;
}

export const configFile = 'coordinator.yaml';

async function requireEmpty(directory: string): Promise<void> {
  try {
    const entries = await readdir(directory);
    if (entries.length === 0) return;
    const configured = entries.includes(configFile);
    throw new CertificateError(
      'directory_not_empty',
      configured
        ? `${directory} holds a consortium already; nothing was changed.`
        : `${directory} is not empty; name a new folder, or empty this one.`,
      { directory },
    );
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
  }
}

/**
 * Makes a consortium in an empty folder: authority, server, release and operator certificates, database, and last the
 * configuration file, without which no coordinator starts there. When it fails, what it made is removed again.
 * @throws CertificateError `directory_not_empty`, `name_invalid`, `address_invalid`; StoreError
 */
export async function createConsortium(
  directory: string,
  settings: ConsortiumSettings,
  needs: { readonly clock: Clock; readonly log: Logger },
): Promise<{ readonly rootFingerprint: string }> {
  const { clock, log } = needs;
  const { profile, lifetimes } = settings;
  const hosts = serverHosts(settings.address);
  await requireEmpty(directory);
  const material = await createAuthority({ name: settings.name, profile, lifetimes }, clock);
  const authority = openAuthority(material, clock, { lifetimes });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  try {
    await writeAuthority(directory, material);
    const serverKey = await generatePrivateKey(profile);
    const server = await authority.issueServer(hosts, publicKeyOf(serverKey));
    await writeKeyPair(join(directory, credentialFolders.server), { keyPem: serverKey, chain: server.chain });
    const releaseKey = await generatePrivateKey(profile);
    const release = await authority.issueRelease(publicKeyOf(releaseKey));
    await writeKeyPair(join(directory, credentialFolders.release), { keyPem: releaseKey, chain: release.chain });

    const store = await openStore(join(directory, 'state', 'wardround.sqlite'));
    try {
      const audit = await openAuditLog({ db: store.db, clock, log });
      const book = await createSiteBook({ db: store.db, authority, audit, clock, log }, { address: settings.address });
      audit.record('consortium.created', null, { name: settings.name, profile, root: authority.rootFingerprint });
      const operatorKey = await generatePrivateKey(profile);
      const operatorPublicKey = publicKeyOf(operatorKey);
      const operator = await authority.issueOperator('operator', operatorPublicKey);
      await book.admitOperator(operator, publicKeyDigest(operatorPublicKey));
      const folder = join(directory, credentialFolders.operator);
      await writeKeyPair(folder, { keyPem: operatorKey, chain: operator.chain });
      await writeFileAtomically(join(folder, 'root.pem'), material.rootPem);
      await writeFileAtomically(
        join(folder, 'operator.yaml'),
        `# Where operator commands find the coordinator.\naddress: ${JSON.stringify(settings.address)}\n`,
      );
      await audit.flush();
    } finally {
      await store.close();
    }
    await writeFileAtomically(join(directory, configFile), settings.config);
  } catch (error) {
    // The folder was empty before, so everything in it is from here.
    for (const entry of await readdir(directory).catch(() => [])) {
      await rm(join(directory, entry), { recursive: true, force: true });
    }
    throw error;
  }
  return { rootFingerprint: authority.rootFingerprint };
}
