import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createIdentityStore, type Identity } from '../../../certs/identity-store.ts';
import { generatePrivateKey } from '../../../certs/keys.ts';
import { renewIdentity } from '../../../certs/renewal.ts';
import { createCertificateRequest } from '../../../certs/requests.ts';
import { formatToken, parseToken } from '../../../certs/tokens.ts';
import { type CoordinatorService, serveCoordinator } from '../../../coordinator/service/serve.ts';
import { createSiteBook, type SiteBook } from '../../../coordinator/sites/site-book.ts';
import { openStore, type Store } from '../../../coordinator/store/open-store.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { Digest, SiteName } from '../../../shared/runtime/ids.ts';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import { systemClock } from '../../../shared/runtime/system-clock.ts';
import type { FederationPort } from '../../../shared/wire/federation-port.ts';
import type { SiteIdentity } from '../../../shared/wire/messages.ts';
import { enrolDirectory } from '../../../site-agent/cli/enrolment.ts';
import { connectSite } from '../../../site-agent/client/connect.ts';
import { enrolAt } from '../../../site-agent/client/enrol.ts';
import { noOpenssl, openssl } from '../../certs/openssl.ts';
import { createTestAuthority, type TestAuthority } from '../../support/authority.ts';

/** The certificates' part of a coordinator, with the real desk and the real port; planned work is not asked for here. */
let parent: string;
let own: TestAuthority;
let store: Store;
let book: SiteBook;
let service: CoordinatorService;
let events: string[];

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'wardround-tls-'));
  own = await createTestAuthority();
  store = await openStore(join(parent, 'wardround.sqlite'));
  events = [];
  const audit = { record: (event: string) => void events.push(event) };
  book = await createSiteBook(
    { db: store.db, authority: own.authority, audit, clock: systemClock, log: silentLogger },
    { address: '127.0.0.1:1', successionGraceMs: 0 },
  );
  const server = await own.server();
  const federation = (identity: SiteIdentity) =>
    ({
      renewCertificate: (request: Uint8Array) => book.renew(identity, request),
      readPlan: async () => new TextEncoder().encode(`{"for":"${identity.site}"}`),
    }) as unknown as FederationPort;
  service = await serveCoordinator({
    ports: {
      federation,
      operator: () => {
        throw new Error('no operator calls here');
      },
    },
    membership: book,
    enrolment: book,
    audit,
    tls: {
      certificateChain: server.chainPem,
      key: server.keyPem,
      issuing: own.material.issuingPem,
      root: own.rootPem,
    },
    listen: { host: '127.0.0.1', port: 0 },
    log: silentLogger,
    clock: systemClock,
  });
});
afterEach(async () => {
  await service.close(0);
  await book.settled();
  await store.close();
  await rm(parent, { recursive: true, force: true });
});

async function tokenFor(site: string): Promise<string> {
  const { token } = await book.invite(site, {}, 'operator');
  return formatToken({ ...parseToken(token), address: `127.0.0.1:${service.address.port}` });
}

const enrol = (directory: string, token: string) =>
  enrolDirectory(join(parent, directory), token, { enrol: enrolAt, clock: systemClock });

const credentials = (identity: Identity) => ({
  key: identity.keyPem,
  certificateChain: identity.certificateChainPem.join(''),
  root: identity.rootPem,
});

describe('over real TLS', () => {
  it('a directory enrols, renews while connected, and is shut out the moment it is revoked', async () => {
    await enrol('berlin', await tokenFor('berlin'));
    const identities = createIdentityStore(join(parent, 'berlin', 'identity'));
    const first = await identities.read();
    const site = connectSite({
      address: first.address,
      site: 'berlin' as SiteName,
      identity: credentials(first),
      log: silentLogger,
    });
    try {
      const plan = digestOf('any') as Digest;
      const stop = identities.onChange((identity) => site.replaceIdentity(credentials(identity)));
      await renewIdentity(identities, (request, signal) => site.renewCertificate(request, signal), systemClock);
      stop();
      const second = await identities.read();
      expect(second.keyPem).not.toBe(first.keyPem);
      expect(new TextDecoder().decode(await site.readPlan(plan))).toBe('{"for":"berlin"}');
      // With no grace time, the first use of the new certificate ended the old one.
      const old = connectSite({
        address: first.address,
        site: 'berlin' as SiteName,
        identity: credentials(first),
        log: silentLogger,
      });
      await expect(old.readPlan(plan)).rejects.toMatchObject({ code: 'certificate_revoked' });
      old.close();
      await book.revoke('berlin', 'test', 'operator');
      await expect(site.readPlan(plan)).rejects.toMatchObject({ code: 'certificate_revoked' });
    } finally {
      site.close();
    }
    expect(events).toEqual(
      expect.arrayContaining(['enrolment.invited', 'enrolment.accepted', 'credentials.renewed', 'credentials.revoked']),
    );
  });

  it('one token gives one certificate when several machines try at the same moment', async () => {
    const token = await tokenFor('berlin');
    const results = await Promise.allSettled(['a', 'b', 'c', 'd'].map((directory) => enrol(directory, token)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'token_used' });
    }
    expect(await store.db.selectFrom('certificates').select('serial').execute()).toHaveLength(1);
  });

  it('a coordinator of another authority is found out before the secret is sent', async () => {
    const good = parseToken(await tokenFor('berlin'));
    const other = formatToken({ ...good, rootFingerprint: digestOf('another root') as Digest });
    await expect(enrol('berlin', other)).rejects.toMatchObject({ code: 'fingerprint_mismatch' });
    expect(events).toEqual(['enrolment.invited']);
  });

  it.skipIf(noOpenssl)('openssl connects with TLS 1.3, verifies the server, and is refused TLS 1.2', async () => {
    await enrol('berlin', await tokenFor('berlin'));
    const identity = await createIdentityStore(join(parent, 'berlin', 'identity')).read();
    await writeFile(join(parent, 'root.pem'), identity.rootPem);
    const connect = (...more: string[]) =>
      openssl(
        [
          's_client',
          '-connect',
          `127.0.0.1:${service.address.port}`,
          '-CAfile',
          'root.pem',
          '-cert',
          'berlin/identity/certificate.pem',
          '-key',
          'berlin/identity/key.pem',
          '-verify_return_error',
          '-verify_ip',
          '127.0.0.1',
          '-purpose',
          'sslserver',
          '-alpn',
          'h2',
          '-no_ign_eof',
          ...more,
        ],
        parent,
      );
    const text = await connect('-tls1_3');
    expect(text).toContain('Verify return code: 0 (ok)');
    expect(text).toContain('TLSv1.3');
    await expect(connect('-tls1_2')).rejects.toThrow(/alert protocol version|unsupported protocol|handshake failure/);
  });

  it('the name in a request must be the name of the token, whoever builds the request', async () => {
    const token = parseToken(await tokenFor('berlin'));
    const certificateRequest = await createCertificateRequest('hamburg', await generatePrivateKey('p256'));
    const ask = (site: string) =>
      enrolAt({
        address: token.address,
        rootFingerprint: token.rootFingerprint,
        secret: token.secret,
        site,
        certificateRequest,
      });
    await expect(ask('berlin')).rejects.toMatchObject({ code: 'token_wrong_name' });
    await expect(ask('hamburg')).rejects.toMatchObject({ code: 'token_wrong_name' });
  });
});
