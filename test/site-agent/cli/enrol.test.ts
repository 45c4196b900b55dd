import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createIdentityStore } from '../../../certs/identity-store.ts';
import { generatePrivateKey, readPrivateKey } from '../../../certs/keys.ts';
import { formatToken, parseToken } from '../../../certs/tokens.ts';
import { createSiteBook, type SiteBook } from '../../../coordinator/sites/site-book.ts';
import { openStore, type Store } from '../../../coordinator/store/open-store.ts';
import type { SiteName } from '../../../shared/runtime/ids.ts';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import { WireError } from '../../../shared/wire/wire-error.ts';
import { enrolDirectory } from '../../../site-agent/cli/enrolment.ts';
import { exportIdentity, importIdentity, readPassword } from '../../../site-agent/cli/identity-transfer.ts';
import type { enrolAt } from '../../../site-agent/client/enrol.ts';
import { readSiteConfig } from '../../../site-agent/config.ts';
import { createTestAuthority, type TestAuthority } from '../../support/authority.ts';

let parent: string;
let directory: string;
let own: TestAuthority;
let store: Store;
let book: SiteBook;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'wardround-enrol-'));
  directory = join(parent, 'berlin');
  await open('p256');
});
afterEach(async () => {
  await store.close();
  await rm(parent, { recursive: true, force: true });
});

async function open(profile: 'p256' | 'rsa3072'): Promise<void> {
  own = await createTestAuthority({ profile });
  store = await openStore(join(parent, profile, 'wardround.sqlite'));
  book = await createSiteBook(
    { db: store.db, authority: own.authority, audit: { record: () => undefined }, clock: own.clock, log: silentLogger },
    { address: '127.0.0.1:7443' },
  );
}

/** The desk without the wire between; the wire has its own tests. */
const enrol: typeof enrolAt = ({ secret, site, certificateRequest }) =>
  book.enrol({ secret, site, certificateRequest, remoteAddress: '127.0.0.1' });

const go = (token: string, use = enrol) => enrolDirectory(directory, token, { enrol: use, clock: own.clock });

describe('enrolling a directory', () => {
  it('makes the key here, writes identity and a configuration that loads, and may be repeated', async () => {
    const { token } = await book.invite('berlin', {}, 'operator');
    const result = await go(token);
    expect(result).toMatchObject({ site: 'berlin', address: '127.0.0.1:7443', before: false, configWritten: true });
    expect(result.rootFingerprint).toBe(own.authority.rootFingerprint);
    const identity = await createIdentityStore(join(directory, 'identity')).read();
    expect(identity).toMatchObject({ site: 'berlin', rootPem: own.rootPem });
    expect((await stat(join(directory, 'identity', 'key.pem'))).mode & 0o777).toBe(0o600);
    expect((await readSiteConfig(directory, {})).approval).toBe('manual');
    await writeFile(join(directory, 'site.yaml'), `${await readFile(join(directory, 'site.yaml'), 'utf8')}# mine\n`);
    expect(await go(token)).toMatchObject({ before: true, configWritten: false });
    expect(await createIdentityStore(join(directory, 'identity')).read()).toEqual(identity);
    expect(await readFile(join(directory, 'site.yaml'), 'utf8')).toContain('# mine');
    const everything = await Promise.all(
      (await readdir(directory, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8')),
    );
    expect(everything.join('')).not.toContain(token.slice(60, 90));
  });

  it('goes on after being killed before, and after, the answer', async () => {
    const { token } = await book.invite('berlin', {}, 'operator');
    const broken: typeof enrolAt = async () => {
      throw new WireError('unavailable');
    };
    await expect(go(token, broken)).rejects.toMatchObject({ code: 'unavailable' });
    const answerLost: typeof enrolAt = async (options) => {
      await enrol(options);
      throw new WireError('unavailable');
    };
    await expect(go(token, answerLost)).rejects.toMatchObject({ code: 'unavailable' });
    expect(await go(token)).toMatchObject({ before: false });
    expect(await store.db.selectFrom('certificates').select('serial').execute()).toHaveLength(1);
    expect(await readdir(join(directory, 'identity'))).not.toContain('key.pending.pem');
  });

  it('takes a new token of the same site, and no token of another site or consortium', async () => {
    await go((await book.invite('berlin', {}, 'operator')).token);
    const first = await createIdentityStore(join(directory, 'identity')).read();
    await book.revoke('berlin', 'test', 'operator');
    await book.readmit('berlin', 'operator');
    expect(await go((await book.invite('berlin', {}, 'operator')).token)).toMatchObject({ before: false });
    expect((await createIdentityStore(join(directory, 'identity')).read()).keyPem).not.toBe(first.keyPem);
    const hamburg = await book.invite('hamburg', {}, 'operator');
    await expect(go(hamburg.token)).rejects.toMatchObject({ subsystem: 'certificates', code: 'identity_present' });
    const elsewhere = formatToken({
      ...parseToken(hamburg.token),
      site: 'berlin' as SiteName,
      rootFingerprint: 'ab'.repeat(32) as never,
    });
    await expect(go(elsewhere)).rejects.toMatchObject({ code: 'identity_present' });
  });

  it('believes nobody whose root or certificate is not the one it asked for', async () => {
    const { token } = await book.invite('berlin', {}, 'operator');
    const foreign = await createTestAuthority();
    const answer = async (site: string, authority: TestAuthority) => {
      const { chain, rootPem } = await authority.site(site);
      return { certificateChain: chain, rootCertificate: rootPem };
    };
    for (const [code, use] of [
      ['fingerprint_mismatch', () => answer('berlin', foreign)],
      ['wrong_name', () => answer('hamburg', own)],
      ['key_mismatch', () => answer('berlin', own)],
      ['wrong_authority', async () => ({ ...(await answer('berlin', foreign)), rootCertificate: own.rootPem })],
    ] as const) {
      await expect(go(token, use), code).rejects.toMatchObject({ code });
      expect(await createIdentityStore(join(directory, 'identity')).exists(), code).toBe(false);
    }
    await expect(go('nonsense')).rejects.toMatchObject({ code: 'token_malformed' });
    expect(await go(token)).toMatchObject({ before: false });
  });

  it('makes an RSA key for a consortium that asks for one, whatever key was made before', async () => {
    await createIdentityStore(join(directory, 'identity')).pendingKey(() => generatePrivateKey('p256'));
    await store.close();
    await open('rsa3072');
    await go((await book.invite('berlin', {}, 'operator')).token);
    const { keyPem } = await createIdentityStore(join(directory, 'identity')).read();
    expect(readPrivateKey(keyPem).profile).toBe('rsa3072');
  });
});

describe('an identity in a PKCS#12 file', () => {
  it('moves to another directory, and is refused where it does not belong', async () => {
    await go((await book.invite('berlin', {}, 'operator')).token);
    const source = createIdentityStore(join(directory, 'identity'));
    const file = join(parent, 'berlin.p12');
    const password = 'correct horse';
    await exportIdentity(source, file, password);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const target = createIdentityStore(join(parent, 'moved', 'identity'));
    await expect(importIdentity(target, file, password, undefined, own.clock)).rejects.toMatchObject({
      code: 'address_invalid',
    });
    await expect(importIdentity(target, file, 'wrong', 'a:1', own.clock)).rejects.toMatchObject({
      code: 'password_wrong',
    });
    expect(await target.exists()).toBe(false);
    await importIdentity(target, file, password, '127.0.0.1:7443', own.clock);
    expect(await target.read()).toEqual(await source.read());
    await importIdentity(target, file, password, undefined, own.clock);
    const hamburg = createIdentityStore(join(parent, 'hamburg', 'identity'));
    const { keyPem, chain, rootPem } = await own.site('hamburg');
    await hamburg.create({ site: 'hamburg' as SiteName, address: 'a:1', keyPem, certificateChainPem: chain, rootPem });
    await expect(importIdentity(hamburg, file, password, undefined, own.clock)).rejects.toMatchObject({
      code: 'identity_present',
    });
    await own.clock.advance(40 * 86_400_000);
    await expect(importIdentity(target, file, password, undefined, own.clock)).rejects.toMatchObject({
      code: 'expired',
    });
  });

  it('has its password from a file or the environment', async () => {
    const file = join(parent, 'password');
    await writeFile(file, 'first line\r\nsecond\n');
    expect(await readPassword(file, 'from environment')).toBe('first line');
    expect(await readPassword(undefined, 'from environment')).toBe('from environment');
    await expect(readPassword(undefined, undefined)).rejects.toMatchObject({ code: 'password_missing' });
    await writeFile(file, '\n');
    await expect(readPassword(file, 'x')).rejects.toMatchObject({ code: 'password_missing' });
  });
});
