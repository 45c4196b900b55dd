import { X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyChain } from '../../../certs/chain.ts';
import { certificateFacts } from '../../../certs/facts.ts';
import { readKeyPair } from '../../../certs/pair-files.ts';
import { coordinatorConfigText } from '../../../coordinator/cli/coordinator-config-text.ts';
import { readCoordinatorConfig } from '../../../coordinator/config.ts';
import type { ServiceTls } from '../../../coordinator/service/tls-door.ts';
import { createConsortium } from '../../../coordinator/sites/create-consortium.ts';
import { createCredentials, loadAuthority, serverHosts } from '../../../coordinator/sites/credentials.ts';
import { createSiteBook, type SiteBook } from '../../../coordinator/sites/site-book.ts';
import { openStore, type Store } from '../../../coordinator/store/open-store.ts';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import { noOpenssl, openssl } from '../../certs/openssl.ts';
import { type ManualClock, manualClock } from '../../support/clock.ts';

const dayMs = 86_400_000;
const audit = { record: () => undefined };
const settings = {
  name: 'Test consortium',
  address: 'coordinator.example.org:7443',
  profile: 'p256' as const,
  lifetimes: { memberDays: 30 },
  config: coordinatorConfigText({
    address: 'coordinator.example.org:7443',
    listen: '127.0.0.1:7443',
    certificateDays: 30,
  }),
};

let parent: string;
let directory: string;
let clock: ManualClock;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'wardround-consortium-'));
  directory = join(parent, 'consortium');
  clock = manualClock(Date.UTC(2026, 0, 1));
});
afterEach(() => rm(parent, { recursive: true, force: true }));

const make = (more: Partial<typeof settings> = {}) =>
  createConsortium(directory, { ...settings, ...more }, { clock, log: silentLogger });

async function withBook<Result>(action: (book: SiteBook, store: Store) => Promise<Result>): Promise<Result> {
  const store = await openStore(join(directory, 'state', 'wardround.sqlite'));
  try {
    const authority = await loadAuthority(directory, clock, { lifetimes: settings.lifetimes });
    const book = await createSiteBook({ db: store.db, authority, audit, clock, log: silentLogger }, settings);
    const result = await action(book, store);
    await book.settled();
    return result;
  } finally {
    await store.close();
  }
}

async function credentialsOf(book: SiteBook, hosts = serverHosts(settings.address)) {
  const authority = await loadAuthority(directory, clock, { lifetimes: settings.lifetimes });
  return createCredentials({ directory, authority, book, clock, log: silentLogger }, { hosts });
}

describe('a new consortium', () => {
  it('has every certificate, keys only its owner can read, and its operator on the list', async () => {
    const { rootFingerprint } = await make();
    const rootPem = await readFile(join(directory, 'authority', 'root.pem'), 'utf8');
    expect(rootFingerprint).toBe(new X509Certificate(rootPem).fingerprint256.replaceAll(':', '').toLowerCase());
    for (const [folder, role] of [
      ['server', 'coordinator'],
      ['release', 'release'],
      ['operator', 'operator'],
    ] as const) {
      const pair = await readKeyPair(join(directory, folder));
      expect(verifyChain(pair?.chain ?? [], rootPem, clock.now(), { role }).role).toBe(role);
      expect((await stat(join(directory, folder, 'key.pem'))).mode & 0o777).toBe(0o600);
    }
    for (const key of ['root.key', 'issuing.key']) {
      expect((await stat(join(directory, 'authority', key))).mode & 0o777).toBe(0o600);
    }
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect(await readFile(join(directory, 'operator', 'operator.yaml'), 'utf8')).toContain(settings.address);
    const { serial } = certificateFacts((await readKeyPair(join(directory, 'operator')))?.chain[0] ?? '');
    expect(await withBook(async (book) => book.check(serial))).toMatchObject({
      status: 'active',
      identity: { role: 'operator', name: 'operator' },
    });
  });

  it.skipIf(noOpenssl)('is in order for openssl, which finds the host in the server certificate', async () => {
    await make();
    const verify = (...args: string[]) =>
      openssl(
        [
          'verify',
          '-x509_strict',
          '-attime',
          String(clock.now() / 1000),
          '-CAfile',
          'authority/root.pem',
          '-untrusted',
          'authority/issuing.pem',
          ...args,
        ],
        directory,
      );
    for (const host of ['coordinator.example.org', 'localhost']) {
      expect(await verify('-purpose', 'sslserver', '-verify_hostname', host, 'server/certificate.pem')).toContain('OK');
    }
    expect(await verify('-purpose', 'sslserver', '-verify_ip', '127.0.0.1', 'server/certificate.pem')).toContain('OK');
    await expect(verify('-verify_hostname', 'example.org', 'server/certificate.pem')).rejects.toThrow(
      /[Hh]ostname mismatch/,
    );
    expect(await verify('-purpose', 'sslclient', 'operator/certificate.pem')).toContain('OK');
  });

  it('has a configuration that the coordinator reads', async () => {
    await make();
    expect(await readCoordinatorConfig(directory)).toMatchObject({
      address: settings.address,
      listen: '127.0.0.1:7443',
      certificateDays: 30,
    });
  });

  it('is made in an empty folder only, and leaves nothing behind when it fails', async () => {
    await make();
    const before = await readFile(join(directory, 'authority', 'root.pem'), 'utf8');
    await expect(make()).rejects.toMatchObject({
      code: 'directory_not_empty',
      message: expect.stringMatching(/already/),
    });
    expect(await readFile(join(directory, 'authority', 'root.pem'), 'utf8')).toBe(before);
    directory = join(parent, 'other');
    await mkdir(directory);
    await writeFile(join(directory, 'notes.txt'), 'mine');
    await expect(make()).rejects.toMatchObject({ code: 'directory_not_empty' });
    expect(await readdir(directory)).toEqual(['notes.txt']);
    directory = join(parent, 'third');
    await expect(make({ address: 'nonsense' })).rejects.toMatchObject({ code: 'address_invalid' });
    await expect(make({ name: 'a\nb' })).rejects.toMatchObject({ code: 'name_invalid' });
    await expect(stat(directory)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('does not need the root key again, and says which file is missing', async () => {
    await make();
    await rm(join(directory, 'authority', 'root.key'));
    await expect(loadAuthority(directory, clock)).resolves.toBeDefined();
    await rm(join(directory, 'authority', 'issuing.key'));
    await expect(loadAuthority(directory, clock)).rejects.toMatchObject({
      code: 'identity_missing',
      message: expect.stringContaining(join('authority', 'issuing.key')),
    });
  });
});

describe("the coordinator's own certificates", () => {
  it('are renewed while it runs, and handed on', async () => {
    await make();
    await withBook(async (book) => {
      const credentials = await credentialsOf(book);
      const first = await credentials.server();
      expect((await credentials.server()).certificateChain).toBe(first.certificateChain);
      const operatorBefore = (await readKeyPair(join(directory, 'operator')))?.chain[0] ?? '';
      const shown: ServiceTls[] = [];
      const stopping = new AbortController();
      const keeping = credentials.keep((tls) => shown.push(tls), stopping.signal);
      const asleep = () => expect.poll(() => clock.sleeping, { interval: 5 }).toBe(1);
      await asleep();
      // At 19 of 30 days nothing is due yet; at 21 everything is.
      for (const [days, expected] of [
        [19, 0],
        [2, 1],
      ] as const) {
        await clock.advance(days * dayMs);
        await asleep();
        // Once more: the look that the long advance woke may have been at its beginning.
        await clock.advance(dayMs / 24);
        await asleep();
        expect(shown).toHaveLength(expected);
      }
      stopping.abort();
      await keeping;
      const [renewed] = shown;
      expect(renewed?.certificateChain).not.toBe(first.certificateChain);
      expect(renewed?.key).not.toBe(first.key);
      expect((await credentials.server()).certificateChain).toBe(renewed?.certificateChain);
      const operatorAfter = (await readKeyPair(join(directory, 'operator')))?.chain[0] ?? '';
      expect(operatorAfter).not.toBe(operatorBefore);
      expect(book.check(certificateFacts(operatorAfter).serial)).toMatchObject({ status: 'active' });
      expect(book.check(certificateFacts(operatorBefore).serial)).toMatchObject({ status: 'active' });
    });
  });

  it('are made anew on start when they have expired, or the host has changed', async () => {
    await make();
    await clock.advance(100 * dayMs);
    await withBook(async (book) => {
      const tls = await (await credentialsOf(book)).server();
      const certificate = new X509Certificate(tls.certificateChain);
      expect(Date.parse(certificate.validTo)).toBeGreaterThan(clock.now());
      expect(certificate.checkHost('new.example.org')).toBeUndefined();
      const moved = await (await credentialsOf(book, serverHosts('new.example.org:7443', ['10.1.2.3']))).server();
      expect(new X509Certificate(moved.certificateChain).checkHost('new.example.org')).toBe('new.example.org');
      expect(new X509Certificate(moved.certificateChain).checkIP('10.1.2.3')).toBe('10.1.2.3');
    });
  });

  it("leave an operator's folder that was moved away alone", async () => {
    await make();
    await rm(join(directory, 'operator'), { recursive: true });
    await withBook(async (book) => {
      const stopping = new AbortController();
      const keeping = (await credentialsOf(book)).keep(() => undefined, stopping.signal);
      await expect.poll(() => clock.sleeping, { interval: 5 }).toBe(1);
      stopping.abort();
      await keeping;
      expect(await readdir(directory)).not.toContain('operator');
    });
  });
});
