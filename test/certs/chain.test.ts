import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createAuthority, openAuthority } from '../../certs/authority.ts';
import { verifyChain } from '../../certs/chain.ts';
import { certificateFacts, fingerprintOf } from '../../certs/facts.ts';
import { issueCertificate, organisationOf, randomSerial } from '../../certs/issuing.ts';
import { generatePrivateKey, type KeyProfile, publicKeyOf } from '../../certs/keys.ts';
import { createCertificateRequest } from '../../certs/requests.ts';
import { createTestAuthority, type TestAuthority } from '../support/authority.ts';
import { manualClock } from '../support/clock.ts';
import { noOpenssl, openssl } from './openssl.ts';

// RSA keys: how long one takes is a matter of luck, and of the machine.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const hourMs = 3_600_000;
const organisation = "Ärzte & Co. (test), four sites' consortium";

describe.each<KeyProfile>(['p256', 'rsa3072'])('certificates of profile %s', (profile) => {
  let directory: string;
  let own: TestAuthority;
  let other: TestAuthority;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'wardround-chain-'));
    own = await createTestAuthority({ profile, name: organisation });
    other = await createTestAuthority({ profile });
    await writeFile(join(directory, 'root.pem'), own.rootPem);
    await writeFile(join(directory, 'issuing.pem'), own.material.issuingPem);
    await writeFile(join(directory, 'other-root.pem'), other.rootPem);
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it.skipIf(noOpenssl)('pass openssl verify in its strictest form, for their purpose and no other', async () => {
    const verify = (purpose: string, file: string, root = 'root.pem') =>
      openssl(
        [
          'verify',
          '-x509_strict',
          '-no-CApath',
          '-no-CAstore',
          '-purpose',
          purpose,
          '-CAfile',
          root,
          '-untrusted',
          'issuing.pem',
          file,
        ],
        directory,
      );
    const site = await own.site('berlin');
    const server = await own.server();
    const release = await own.release();
    await writeFile(join(directory, 'site.pem'), site.chain[0] ?? '');
    await writeFile(join(directory, 'server.pem'), server.chain[0] ?? '');
    await writeFile(join(directory, 'release.pem'), release.chain[0] ?? '');
    expect(await verify('sslclient', 'site.pem')).toContain('site.pem: OK');
    expect(await verify('sslserver', 'server.pem')).toContain('server.pem: OK');
    expect(await verify('any', 'release.pem')).toContain('release.pem: OK');
    expect(await verify('any', 'issuing.pem')).toContain('issuing.pem: OK');
    await expect(verify('sslserver', 'site.pem')).rejects.toThrow(/(unsuitable|unsupported) certificate purpose/);
    await expect(verify('sslclient', 'server.pem')).rejects.toThrow(/(unsuitable|unsupported) certificate purpose/);
    await expect(verify('sslclient', 'release.pem')).rejects.toThrow(/(unsuitable|unsupported) certificate purpose/);
    await expect(verify('sslclient', 'site.pem', 'other-root.pem')).rejects.toThrow(
      /unable to get local issuer certificate/,
    );
    const text = await openssl(['x509', '-in', 'server.pem', '-noout', '-text'], directory);
    expect(text).toContain('DNS:localhost');
    expect(text).toContain('IP Address:127.0.0.1');
    expect(text).toContain('IP Address:0:0:0:0:0:0:0:1');
    expect(text).toContain('URI:wardround:coordinator');
  });

  it.skipIf(noOpenssl)('keep an authority below the issuing one out: openssl sees the path length', async () => {
    const rogueKey = await generatePrivateKey(profile);
    const rogue = await issueCertificate(
      {
        kind: 'issuing',
        organisation: 'Rogue',
        commonName: 'Rogue authority',
        notBeforeMs: own.clock.now() - hourMs,
        notAfterMs: own.clock.now() + hourMs,
        publicKey: publicKeyOf(rogueKey),
      },
      { certificatePem: own.material.issuingPem, privateKeyPem: own.material.issuingKeyPem },
    );
    const leafKey = await generatePrivateKey(profile);
    const leaf = await issueCertificate(
      {
        kind: 'site',
        organisation: 'Rogue',
        commonName: 'berlin',
        notBeforeMs: own.clock.now() - hourMs,
        notAfterMs: own.clock.now() + hourMs,
        publicKey: publicKeyOf(leafKey),
      },
      { certificatePem: rogue, privateKeyPem: rogueKey },
    );
    await writeFile(join(directory, 'rogue-chain.pem'), rogue + own.material.issuingPem);
    await writeFile(join(directory, 'rogue-leaf.pem'), leaf);
    await expect(
      openssl(['verify', '-CAfile', 'root.pem', '-untrusted', 'rogue-chain.pem', 'rogue-leaf.pem'], directory),
    ).rejects.toThrow(/path length constraint exceeded/);
    expect(() =>
      verifyChain([leaf, rogue, own.material.issuingPem], own.rootPem, own.clock.now(), { role: 'site' }),
    ).toThrowError(expect.objectContaining({ code: 'chain_broken' }));
    expect(() => verifyChain([leaf, rogue], own.rootPem, own.clock.now(), { role: 'site' })).toThrowError(
      expect.objectContaining({ code: 'wrong_authority' }),
    );
  });

  it.skipIf(noOpenssl)('are asked for by requests that openssl verifies', async () => {
    const key = await generatePrivateKey(profile);
    await writeFile(join(directory, 'site.csr'), await createCertificateRequest('berlin', key));
    const text = await openssl(
      ['req', '-in', 'site.csr', '-inform', 'DER', '-verify', '-noout', '-subject', '-nameopt', 'RFC2253'],
      directory,
    );
    expect(text).toMatch(/verify OK/);
    expect(text).toMatch(/subject=CN=berlin$/m);
  });

  it('verify for their role and name', async () => {
    const site = await own.site('berlin');
    const facts = verifyChain(site.chain, own.rootPem, own.clock.now(), { role: 'site', name: 'berlin' });
    expect(facts).toMatchObject({ role: 'site', name: 'berlin', serial: site.serial, sha256: site.sha256 });
    expect(fingerprintOf(site.chain[0] ?? '')).toBe(
      new X509Certificate(site.chain[0] ?? '').fingerprint256.replaceAll(':', '').toLowerCase(),
    );
    const issued = await own.authority.issueSite('berlin', publicKeyOf(site.keyPem));
    expect(organisationOf(issued.chain[0] ?? '')).toBe(organisation);
    // A chain that brings its root along is the same chain.
    expect(() =>
      verifyChain([...site.chain, own.rootPem], own.rootPem, own.clock.now(), { role: 'site' }),
    ).not.toThrow();
  });

  it('are refused when wrong, each with its code', async () => {
    const nowMs = own.clock.now();
    const site = await own.site('berlin');
    const foreign = await other.site('berlin');
    const cases: readonly [string, readonly string[], { role: 'site' | 'operator' | 'coordinator'; name?: string }][] =
      [
        ['expired', (await own.expiredSite('berlin')).chain, { role: 'site' }],
        ['not_yet_valid', (await own.futureSite('berlin')).chain, { role: 'site' }],
        ['wrong_authority', foreign.chain, { role: 'site' }],
        ['chain_broken', [foreign.chain[0] ?? '', own.material.issuingPem], { role: 'site' }],
        ['chain_broken', (await own.selfSignedSite('berlin')).chain, { role: 'site' }],
        ['chain_broken', site.chain.slice(0, 1), { role: 'site' }],
        ['chain_broken', [], { role: 'site' }],
        ['wrong_role', site.chain, { role: 'operator' }],
        ['wrong_role', site.chain, { role: 'coordinator' }],
        ['wrong_role', (await own.server()).chain, { role: 'site' }],
        ['wrong_name', site.chain, { role: 'site', name: 'berli' }],
        ['wrong_name', site.chain, { role: 'site', name: 'berlin-2' }],
        ['wrong_role', [own.material.issuingPem, own.material.issuingPem], { role: 'site' }],
        ['certificate_unreadable', ['no certificate', own.material.issuingPem], { role: 'site' }],
      ];
    for (const [code, chain, expected] of cases) {
      let seen: unknown;
      try {
        verifyChain(chain, own.rootPem, nowMs, expected);
      } catch (error) {
        seen = (error as { code?: unknown }).code;
      }
      // The issuing certificate did not issue itself, so its place as leaf breaks the chain before its role is looked at.
      const wanted = code === 'wrong_role' && chain[0] === own.material.issuingPem ? 'chain_broken' : code;
      expect(seen, `${code} ${JSON.stringify(expected)}`).toBe(wanted);
    }
  });
});

describe('an authority', () => {
  it('lets no certificate outlive it, and backdates for clocks that are behind', async () => {
    const clock = manualClock(Date.UTC(2026, 0, 1));
    const material = await createAuthority(
      { name: 'Short', profile: 'p256', lifetimes: { issuingDays: 10, rootDays: 20 } },
      clock,
    );
    const authority = openAuthority(material, clock, { lifetimes: { memberDays: 7 } });
    const key = publicKeyOf(await generatePrivateKey('p256'));
    await clock.advance(5 * 24 * hourMs);
    const issued = await authority.issueSite('berlin', key);
    expect(issued.notBeforeMs).toBe(clock.now() - 5 * 60_000);
    expect(issued.notAfterMs).toBe(Date.UTC(2026, 0, 11));
    await clock.advance(6 * 24 * hourMs);
    await expect(authority.issueSite('berlin', key)).rejects.toMatchObject({ code: 'lifetime_invalid' });
  });

  it('refuses names that a certificate would have to quote', async () => {
    const { authority } = await createTestAuthority();
    const key = publicKeyOf(await generatePrivateKey('p256'));
    for (const name of ['', 'Berlin', 'a'.repeat(64), 'a,b', 'a b', '1a', 'a\nCN=b']) {
      await expect(authority.issueSite(name, key), JSON.stringify(name)).rejects.toMatchObject({
        code: 'name_invalid',
      });
    }
    await expect(createAuthority({ name: 'a\nb', profile: 'p256' }, manualClock())).rejects.toMatchObject({
      code: 'name_invalid',
    });
  });

  it('does not open with a key or a root that is not its own', async () => {
    const [one, two] = await Promise.all([createTestAuthority(), createTestAuthority()]);
    expect(() => openAuthority({ ...one.material, issuingKeyPem: two.material.issuingKeyPem }, one.clock)).toThrowError(
      expect.objectContaining({ code: 'key_mismatch' }),
    );
    expect(() => openAuthority({ ...one.material, rootPem: two.rootPem }, one.clock)).toThrowError(
      expect.objectContaining({ code: 'wrong_authority' }),
    );
  });

  it('draws serials that every library writes the same way', async () => {
    const own = await createTestAuthority();
    const serials = new Set(Array.from({ length: 200 }, randomSerial));
    expect(serials.size).toBe(200);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
    const given = await own.site('berlin', { serial: '4000000000000000000000000000000A' });
    expect(certificateFacts(given.chain[0] ?? '').serial).toBe('4000000000000000000000000000000A');
    // A serial of another maker with a leading zero nibble is written without it.
    const short = await own.site('berlin', { serial: '0A1B' });
    expect(short.serial).toBe('A1B');
  });
});
