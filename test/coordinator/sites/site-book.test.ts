import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openAuthority } from '../../../certs/authority.ts';
import { verifyChain } from '../../../certs/chain.ts';
import { certificateFacts } from '../../../certs/facts.ts';
import { generatePrivateKey } from '../../../certs/keys.ts';
import { createCertificateRequest } from '../../../certs/requests.ts';
import { parseToken } from '../../../certs/tokens.ts';
import { createSiteBook, type SiteBook, type SiteBookSettings } from '../../../coordinator/sites/site-book.ts';
import { openStore, type Store } from '../../../coordinator/store/open-store.ts';
import type { SiteName } from '../../../shared/runtime/ids.ts';
import { silentLogger } from '../../../shared/runtime/logger.ts';
import type { SiteIdentity } from '../../../shared/wire/messages.ts';
import { createTestAuthority, type TestAuthority } from '../../support/authority.ts';

// RSA keys: how long one takes is a matter of luck, and of the machine.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const dayMs = 86_400_000;

interface Recorded {
  readonly event: string;
  readonly actor: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

let directory: string;
let own: TestAuthority;
let store: Store;
let book: SiteBook;
let recorded: Recorded[];

const audit = {
  record(event: string, actor: string | null, details: Readonly<Record<string, unknown>>) {
    recorded.push({ event, actor, details });
  },
};

async function openBook(settings: Partial<SiteBookSettings> = {}): Promise<SiteBook> {
  return await createSiteBook(
    {
      db: store.db,
      authority: openAuthority(own.material, own.clock, { lifetimes: { memberDays: 30 } }),
      audit,
      clock: own.clock,
      log: silentLogger,
    },
    { address: '127.0.0.1:7443', ...settings },
  );
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wardround-book-'));
  own = await createTestAuthority();
  store = await openStore(join(directory, 'wardround.sqlite'));
  recorded = [];
  book = await openBook();
});
afterEach(async () => {
  await book.settled();
  await store.close();
  await rm(directory, { recursive: true, force: true });
});

async function tryEnrol(token: string, options: { site?: string; name?: string; key?: string; from?: string } = {}) {
  const { site, secret } = parseToken(token);
  const key = options.key ?? (await generatePrivateKey('p256'));
  const certificateRequest = await createCertificateRequest(options.name ?? site, key);
  return await book.enrol({
    secret,
    site: options.site ?? site,
    certificateRequest,
    remoteAddress: options.from ?? '192.0.2.1',
  });
}

async function enrolled(site: string): Promise<{ key: string; chain: readonly string[]; identity: SiteIdentity }> {
  const { token } = await book.invite(site, {}, 'operator');
  const key = await generatePrivateKey('p256');
  const { certificateChain } = await tryEnrol(token, { key });
  const { serial } = certificateFacts(certificateChain[0] ?? '');
  return { key, chain: certificateChain, identity: { role: 'site', site: site as SiteName, serial } };
}

const refusals = () => recorded.filter(({ event }) => event === 'enrolment.refused').map(({ details }) => details.code);

describe('enrolment', () => {
  it('exchanges a token for a certificate that verifies and is on the list', async () => {
    const { token, expiresMs } = await book.invite('berlin', {}, 'operator');
    expect(expiresMs).toBe(Math.floor((own.clock.now() + dayMs) / 1000) * 1000);
    const parsed = parseToken(token);
    expect(parsed).toMatchObject({ site: 'berlin', address: '127.0.0.1:7443', expiresMs });
    expect(parsed.rootFingerprint).toBe(own.authority.rootFingerprint);
    expect(await book.list()).toEqual([
      { site: 'berlin', status: 'invited', certificateExpiresMs: null, revokedReason: null },
    ]);
    const { certificateChain, rootCertificate } = await tryEnrol(token);
    const facts = verifyChain(certificateChain, rootCertificate, own.clock.now(), { role: 'site', name: 'berlin' });
    expect(rootCertificate).toBe(own.rootPem);
    expect(book.check(facts.serial)).toEqual({
      status: 'active',
      identity: { role: 'site', site: 'berlin', serial: facts.serial },
      certificateSha256: facts.sha256,
    });
    expect(await book.show('berlin')).toMatchObject({ status: 'enrolled', certificateExpiresMs: facts.notAfterMs });
    expect(book.check('ABCD')).toEqual({ status: 'unknown' });
    expect(recorded.map(({ event }) => event)).toEqual(['enrolment.invited', 'enrolment.accepted']);
  });

  it('keeps no secret: neither the database nor the audit holds it', async () => {
    const { token } = await book.invite('berlin', {}, 'operator');
    await tryEnrol(token);
    const secret = Buffer.from(parseToken(token).secret);
    const files = ['wardround.sqlite', 'wardround.sqlite-wal'];
    for (const file of files) {
      const bytes = await readFile(join(directory, file)).catch(() => Buffer.alloc(0));
      for (const form of [secret, Buffer.from(secret.toString('hex')), Buffer.from(secret.toString('base64url'))]) {
        expect(bytes.includes(form), file).toBe(false);
      }
    }
    expect(JSON.stringify(recorded)).not.toContain(secret.toString('base64url').slice(0, 20));
  });

  it('gives one certificate when many try one token at the same moment', async () => {
    const { token } = await book.invite('berlin', {}, 'operator');
    const results = await Promise.allSettled(Array.from({ length: 16 }, () => tryEnrol(token)));
    const given = results.filter(({ status }) => status === 'fulfilled');
    expect(given).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ subsystem: 'wire', code: 'token_used' });
    }
    expect(await store.db.selectFrom('certificates').select('serial').execute()).toHaveLength(1);
    expect(refusals()).toEqual(Array.from({ length: 15 }, () => 'token_used'));
    await expect(tryEnrol(token)).rejects.toMatchObject({ code: 'token_used' });
  });

  it('answers again, with the same certificate, who holds the same key: a lost answer locks nobody out', async () => {
    const { token } = await book.invite('berlin', {}, 'operator');
    const key = await generatePrivateKey('p256');
    const answers = await Promise.all(Array.from({ length: 5 }, () => tryEnrol(token, { key })));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(await store.db.selectFrom('certificates').select('serial').execute()).toHaveLength(1);
    expect(recorded.filter(({ event }) => event === 'enrolment.answered_again')).toHaveLength(4);
    await own.clock.advance(dayMs);
    await expect(tryEnrol(token, { key })).rejects.toMatchObject({ code: 'token_used' });
    await book.revoke('berlin', 'test', 'operator');
    await expect(tryEnrol(token, { key })).rejects.toMatchObject({ code: 'token_used' });
  });

  it('refuses, each with its code, and records every refusal', async () => {
    const { token } = await book.invite('berlin', { validForMs: 60_000 }, 'operator');
    const { secret } = parseToken(token);
    const request = await createCertificateRequest('berlin', await generatePrivateKey('p256'));
    const ask = (parts: { secret?: Uint8Array; site?: string; certificateRequest?: Uint8Array }) =>
      book.enrol({ secret, site: 'berlin', certificateRequest: request, remoteAddress: '192.0.2.1', ...parts });

    const flipped = Uint8Array.from(secret, (byte, index) => (index === 31 ? byte ^ 1 : byte));
    await expect(ask({ secret: flipped })).rejects.toMatchObject({ code: 'token_unknown' });
    await expect(ask({ secret: new Uint8Array(0) })).rejects.toMatchObject({ code: 'token_unknown' });
    await expect(ask({ site: 'hamburg' })).rejects.toMatchObject({ code: 'token_wrong_name' });
    await expect(tryEnrol(token, { name: 'hamburg' })).rejects.toMatchObject({ code: 'token_wrong_name' });
    await expect(tryEnrol(token, { name: 'berlin-2' })).rejects.toMatchObject({ code: 'token_wrong_name' });
    await expect(ask({ certificateRequest: new Uint8Array(10) })).rejects.toMatchObject({ code: 'request_invalid' });
    await expect(ask({ certificateRequest: new Uint8Array(100_000) })).rejects.toMatchObject({
      code: 'request_invalid',
    });
    const damaged = Uint8Array.from(request, (byte, index) => (index === request.length - 1 ? byte ^ 1 : byte));
    await expect(ask({ certificateRequest: damaged })).rejects.toMatchObject({ code: 'request_invalid' });
    const rsa = await createCertificateRequest('berlin', await generatePrivateKey('rsa3072'));
    await expect(ask({ certificateRequest: rsa })).rejects.toMatchObject({ code: 'request_invalid' });
    await own.clock.advance(60_000);
    await expect(ask({})).rejects.toMatchObject({ code: 'token_expired' });
    expect(refusals()).toEqual([
      'token_unknown',
      'token_unknown',
      'token_wrong_name',
      'token_wrong_name',
      'token_wrong_name',
      'request_invalid',
      'request_invalid',
      'request_invalid',
      'request_invalid',
      'token_expired',
    ]);
    expect(recorded.at(-1)?.details).toMatchObject({ site: 'berlin', remoteAddress: '192.0.2.1' });
    expect(await store.db.selectFrom('certificates').selectAll().execute()).toEqual([]);
  });

  it('is not used up by refused tries, and a new invitation takes the earlier one back', async () => {
    const first = await book.invite('berlin', {}, 'operator');
    await expect(tryEnrol(first.token, { name: 'hamburg' })).rejects.toMatchObject({ code: 'token_wrong_name' });
    const second = await book.invite('berlin', {}, 'operator');
    await expect(tryEnrol(first.token)).rejects.toMatchObject({ code: 'token_expired' });
    await expect(tryEnrol(second.token)).resolves.toBeDefined();
  });

  it('limits tries by address and overall, and writes a flood down sparingly', async () => {
    book = await openBook({
      perAddress: { tries: 3, windowMs: 60_000 },
      overall: { tries: 5, windowMs: 60_000 },
    });
    const { token } = await book.invite('berlin', {}, 'operator');
    const { secret } = parseToken(token);
    const guess = (remoteAddress: string) =>
      book.enrol({
        secret: new Uint8Array(32),
        site: 'berlin',
        certificateRequest: new Uint8Array(1),
        remoteAddress,
      });
    for (let count = 0; count < 3; count++) {
      await expect(guess('192.0.2.1')).rejects.toMatchObject({ code: 'token_unknown' });
    }
    for (let count = 0; count < 100; count++) {
      await expect(guess('192.0.2.1')).rejects.toMatchObject({ code: 'rate_limited' });
    }
    // 3 looked at, and of the 100 the 1st, 2nd, 4th, ... 64th.
    expect(refusals()).toEqual([...Array(3).fill('token_unknown'), ...Array(7).fill('rate_limited')]);
    await expect(guess('192.0.2.2')).rejects.toMatchObject({ code: 'token_unknown' });
    await expect(guess('192.0.2.3')).rejects.toMatchObject({ code: 'token_unknown' });
    await expect(guess('192.0.2.4')).rejects.toMatchObject({ code: 'rate_limited' });
    await own.clock.advance(20_000);
    const key = await generatePrivateKey('p256');
    const certificateRequest = await createCertificateRequest('berlin', key);
    await expect(
      book.enrol({ secret, site: 'berlin', certificateRequest, remoteAddress: '192.0.2.1' }),
    ).resolves.toBeDefined();
  });

  it('takes the doors from the certificates of an earlier enrolment', async () => {
    const first = await enrolled('berlin');
    const seen: string[] = [];
    book.onRevoked((serials) => seen.push(...serials));
    const second = await enrolled('berlin');
    expect(seen).toEqual([first.identity.serial]);
    expect(book.check(first.identity.serial)).toMatchObject({ status: 'revoked' });
    expect(book.check(second.identity.serial)).toMatchObject({ status: 'active' });
  });

  it('refuses names, times and states that make no sense', async () => {
    await expect(book.invite('Berlin!', {}, 'operator')).rejects.toMatchObject({ code: 'invalid_argument' });
    for (const validForMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 31 * dayMs]) {
      await expect(book.invite('berlin', { validForMs }, 'operator')).rejects.toMatchObject({
        code: 'invalid_argument',
      });
    }
    await expect(book.show('nobody')).rejects.toMatchObject({ code: 'not_found' });
    await expect(book.revoke('nobody', '', 'operator')).rejects.toMatchObject({ code: 'not_found' });
    await book.invite('berlin', {}, 'operator');
    await expect(book.readmit('berlin', 'operator')).rejects.toMatchObject({ code: 'invalid_state' });
  });
});

describe('revocation', () => {
  it('reaches listeners before it returns, survives a restart, and leaves other sites alone', async () => {
    const berlin = await enrolled('berlin');
    const hamburg = await enrolled('hamburg');
    const { token } = await book.invite('berlin', {}, 'operator');
    const seen: (readonly string[])[] = [];
    const stop = book.onRevoked((serials) => seen.push(serials));
    expect(await book.revoke('berlin', 'laptop stolen', 'operator')).toEqual({
      site: 'berlin',
      status: 'revoked',
      certificateExpiresMs: null,
      revokedReason: 'laptop stolen',
    });
    expect(seen).toEqual([[berlin.identity.serial]]);
    expect(book.check(berlin.identity.serial)).toMatchObject({ status: 'revoked' });
    expect(book.check(hamburg.identity.serial)).toMatchObject({ status: 'active' });
    await expect(tryEnrol(token)).rejects.toMatchObject({ code: 'token_expired' });
    await expect(book.invite('berlin', {}, 'operator')).rejects.toMatchObject({ code: 'invalid_state' });
    await book.revoke('berlin', 'again', 'operator');
    expect(seen).toHaveLength(1);
    stop();
    book = await openBook();
    expect(book.check(berlin.identity.serial)).toMatchObject({ status: 'revoked' });
    expect(book.check(hamburg.identity.serial)).toMatchObject({ status: 'active' });
    expect((await book.show('berlin')).revokedReason).toBe('laptop stolen');
  });

  it('closes the doors even when it cannot be stored, and says so', async () => {
    const berlin = await enrolled('berlin');
    await store.db.schema.alterTable('invitations').renameTo('invitations_gone').execute();
    await expect(book.revoke('berlin', 'stolen', 'operator')).rejects.toThrow();
    expect(book.check(berlin.identity.serial)).toMatchObject({ status: 'revoked' });
    await store.db.schema.alterTable('invitations_gone').renameTo('invitations').execute();
  });

  it('is undone by readmission for new keys only', async () => {
    const berlin = await enrolled('berlin');
    await book.revoke('berlin', 'test', 'operator');
    expect(await book.readmit('berlin', 'operator')).toMatchObject({ status: 'invited', revokedReason: null });
    expect(book.check(berlin.identity.serial)).toMatchObject({ status: 'revoked' });
    const again = await enrolled('berlin');
    expect(book.check(again.identity.serial)).toMatchObject({ status: 'active' });
    expect(await book.show('berlin')).toMatchObject({ status: 'enrolled' });
    expect(recorded.map(({ event }) => event)).toContain('credentials.readmitted');
  });
});

describe('renewal', () => {
  it('gives a new certificate; the old one ends a while after the first use of the new one', async () => {
    book = await openBook({ successionGraceMs: 60_000 });
    const berlin = await enrolled('berlin');
    const key = await generatePrivateKey('p256');
    const chain = await book.renew(berlin.identity, await createCertificateRequest('berlin', key));
    const { serial } = verifyChain(chain, own.rootPem, own.clock.now(), { role: 'site', name: 'berlin' });
    await own.clock.advance(dayMs);
    expect(book.check(berlin.identity.serial)).toMatchObject({ status: 'active' });
    expect(book.check(serial)).toMatchObject({ status: 'active' });
    await own.clock.advance(59_000);
    expect(book.check(berlin.identity.serial)).toMatchObject({ status: 'active' });
    await book.settled();
    book = await openBook({ successionGraceMs: 60_000 });
    expect(book.check(berlin.identity.serial)).toMatchObject({ status: 'active' });
    await own.clock.advance(1_000);
    expect(book.check(berlin.identity.serial)).toMatchObject({ status: 'revoked' });
    expect(book.check(serial)).toMatchObject({ status: 'active' });
  });

  it('answers a repeat with the same certificate, also when both come at once', async () => {
    const berlin = await enrolled('berlin');
    const request = await createCertificateRequest('berlin', await generatePrivateKey('p256'));
    const answers = await Promise.all(Array.from({ length: 4 }, () => book.renew(berlin.identity, request)));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(await book.renew(berlin.identity, request)).toEqual(answers[0]);
    expect(await store.db.selectFrom('certificates').select('serial').execute()).toHaveLength(2);
  });

  it('refuses another name, the old key, another key type, a revoked caller and endless repeats', async () => {
    const berlin = await enrolled('berlin');
    const fresh = () => generatePrivateKey('p256');
    const renew = async (name: string, key: string) =>
      await book.renew(berlin.identity, await createCertificateRequest(name, key));
    await expect(renew('hamburg', await fresh())).rejects.toMatchObject({ code: 'wrong_site' });
    await expect(renew('berlin', berlin.key)).rejects.toMatchObject({ code: 'request_invalid' });
    await expect(renew('berlin', await generatePrivateKey('rsa3072'))).rejects.toMatchObject({
      code: 'request_invalid',
    });
    for (let count = 0; count < 8; count++) await renew('berlin', await fresh());
    await expect(renew('berlin', await fresh())).rejects.toMatchObject({ code: 'rate_limited' });
    await book.revoke('berlin', 'test', 'operator');
    await expect(renew('berlin', await fresh())).rejects.toMatchObject({ code: 'certificate_revoked' });
  });

  it('ends by the clock on connections that stay open', async () => {
    const berlin = await enrolled('berlin');
    await own.clock.advance(30 * dayMs + 1000);
    expect(book.check(berlin.identity.serial)).toMatchObject({ status: 'expired', identity: { site: 'berlin' } });
    expect(await book.show('berlin')).toMatchObject({ certificateExpiresMs: null });
  });
});
