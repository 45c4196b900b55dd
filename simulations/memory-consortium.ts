import { join } from 'node:path';
import { createAuthority, openAuthority } from '../certs/authority.ts';
import { certificateFacts } from '../certs/facts.ts';
import { generatePrivateKey, publicKeyOf } from '../certs/keys.ts';
import { createCertificateRequest } from '../certs/requests.ts';
import { parseToken } from '../certs/tokens.ts';
import { openAuditLog } from '../coordinator/audit/audit-log.ts';
import { createCoordinator } from '../coordinator/coordinator.ts';
import { createSiteBook } from '../coordinator/sites/site-book.ts';
import { openObjectStore } from '../coordinator/store/object-store.ts';
import { openStore } from '../coordinator/store/open-store.ts';
import type { Clock } from '../shared/runtime/clock.ts';
import type { SiteName } from '../shared/runtime/ids.ts';
import type { Logger } from '../shared/runtime/logger.ts';
import type { FederationPort } from '../shared/wire/federation-port.ts';
import type { OperatorPort } from '../shared/wire/operator-port.ts';
import { memoryFederation, memoryOperator } from './memory-transport.ts';

/** What a site holds after it enrolled. */
export interface MemoryMember {
  readonly site: SiteName;
  readonly keyPem: string;
  readonly certificateChainPem: readonly string[];
  readonly rootPem: string;
  readonly port: FederationPort;
}

/** A production coordinator in this process, with its own authority; nothing listens on any port. */
export interface MemoryConsortium {
  readonly operator: OperatorPort;
  /** Invites and enrols a site the way a hospital does, less the network. */
  enrol(site: SiteName): Promise<MemoryMember>;
  close(): Promise<void>;
}

const address = 'memory.invalid:7443';

/** @param directory where the coordinator keeps its database and objects */
export async function openMemoryConsortium(directory: string, clock: Clock, log: Logger): Promise<MemoryConsortium> {
  const store = await openStore(join(directory, 'state', 'wardround.sqlite'), { now: () => clock.now() });
  const audit = await openAuditLog({ db: store.db, clock, log });
  const material = await createAuthority({ name: 'Simulation', profile: 'p256' }, clock);
  const authority = openAuthority(material, clock);
  const siteBook = await createSiteBook({ db: store.db, authority, audit, clock, log }, { address });
  const releaseKeyPem = await generatePrivateKey('p256');
  const release = await authority.issueRelease(publicKeyOf(releaseKeyPem));
  const coordinator = await createCoordinator({
    store,
    objects: openObjectStore(join(directory, 'state', 'objects')),
    siteBook,
    releaseKey: { privateKeyPem: releaseKeyPem, chain: release.chain },
    clock,
    log,
    audit,
  });
  await coordinator.start();

  return {
    operator: memoryOperator(coordinator, { role: 'operator', name: 'simulation', serial: '01' }),
    async enrol(site) {
      const { token } = await siteBook.invite(site, {}, 'simulation');
      const keyPem = await generatePrivateKey('p256');
      const { certificateChain, rootCertificate } = await siteBook.enrol({
        secret: parseToken(token).secret,
        site,
        certificateRequest: await createCertificateRequest(site, keyPem),
        // One address a site: the limit of tries is on addresses, and many sites enrol at once here.
        remoteAddress: `memory/${site}`,
      });
      const { serial } = certificateFacts(certificateChain[0] as string);
      return {
        site,
        keyPem,
        certificateChainPem: certificateChain,
        rootPem: rootCertificate,
        port: memoryFederation(coordinator, { role: 'site', site, serial }),
      };
    },
    async close() {
      await coordinator.stop();
      await siteBook.settled();
      await audit.flush();
      await store.close();
    },
  };
}
