import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { KeyProfile } from '../../certs/keys.ts';
import { decodePkcs12, encodePkcs12 } from '../../certs/pkcs12.ts';
import { createTestAuthority, type TestAuthority, type TestCredentials } from '../support/authority.ts';
import { noOpenssl, openssl } from './openssl.ts';

// RSA keys: how long one takes is a matter of luck, and of the machine.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const password = 'correct horse "battery" \\ staple';
const body = (pem: string) => new X509Certificate(pem).raw.toString('base64');

describe.each<KeyProfile>(['p256', 'rsa3072'])('PKCS#12 of profile %s', (profile) => {
  let directory: string;
  let own: TestAuthority;
  let site: TestCredentials;
  let packed: Uint8Array;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'wardround-p12-'));
    own = await createTestAuthority({ profile });
    site = await own.site('berlin');
    packed = encodePkcs12({ keyPem: site.keyPem, chain: site.chain }, [own.rootPem], 'wardround berlin', password);
    await writeFile(join(directory, 'site.p12'), packed);
    await writeFile(join(directory, 'password'), password);
    await writeFile(join(directory, 'key.pem'), site.keyPem);
    await writeFile(join(directory, 'leaf.pem'), site.chain[0] ?? '');
    await writeFile(join(directory, 'rest.pem'), (site.chain[1] ?? '') + own.rootPem);
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it('comes back as it was packed', () => {
    const content = decodePkcs12(packed, password);
    expect(content.keyPem).toBe(site.keyPem);
    expect(body(content.certificatePem)).toBe(body(site.chain[0] ?? ''));
    expect(content.others.map(body)).toEqual([site.chain[1] ?? '', own.rootPem].map(body));
  });

  it.skipIf(noOpenssl)('is read by openssl, which finds no SHA-1 and no old cipher in it', async () => {
    const text = await openssl(
      ['pkcs12', '-in', 'site.p12', '-info', '-nodes', '-passin', 'file:password', '-out', 'dump.pem'],
      directory,
    );
    expect(text).toMatch(/MAC: sha256, Iteration 20000/);
    expect(text).toMatch(/Shrouded Keybag: PBES2, PBKDF2, AES-256-CBC, Iteration 20000, PRF hmacWithSHA256/);
    const dump = await readFile(join(directory, 'dump.pem'), 'utf8');
    expect(dump).toContain('friendlyName: wardround berlin');
    expect(dump.match(/BEGIN CERTIFICATE/g)).toHaveLength(3);
    await writeFile(join(directory, 'dumped-key.pem'), dump.slice(dump.indexOf('-----BEGIN PRIVATE KEY')));
    const digests = await Promise.all(
      ['dumped-key.pem', 'key.pem'].map((file) =>
        openssl(['pkey', '-in', file, '-pubout', '-outform', 'PEM'], directory),
      ),
    );
    expect(digests[0]).toBe(digests[1]);
  });

  it.skipIf(noOpenssl)('of openssl is read by us, in its own form and with certificates encrypted', async () => {
    await openssl(
      // biome-ignore format: one option a line says nothing more
      ['pkcs12', '-export', '-inkey', 'key.pem', '-in', 'leaf.pem', '-certfile', 'rest.pem', '-passout', 'file:password', '-out', 'theirs.p12'],
      directory,
    );
    const content = decodePkcs12(await readFile(join(directory, 'theirs.p12')), password);
    expect(content.keyPem).toBe(site.keyPem);
    expect(body(content.certificatePem)).toBe(body(site.chain[0] ?? ''));
    expect(content.others.map(body)).toEqual([site.chain[1] ?? '', own.rootPem].map(body));
  });

  it('refuses what it should, each with its code', async () => {
    const code = (bytes: Uint8Array, word: string): string => {
      try {
        decodePkcs12(bytes, word);
        return 'none';
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    expect(code(packed, 'wrong')).toBe('password_wrong');
    expect(code(packed, '')).toBe('password_missing');
    expect(code(packed, 'Schlüssel')).toBe('password_missing');
    expect(code(new Uint8Array(20), password)).toBe('pkcs12_unreadable');
    expect(code(packed.subarray(0, 500), password)).toBe('pkcs12_unreadable');
    expect(code(new Uint8Array(300_000), password)).toBe('pkcs12_unreadable');
    const changed = Uint8Array.from(packed, (byte, index) => (index === 400 ? byte ^ 1 : byte));
    expect(['password_wrong', 'pkcs12_unreadable']).toContain(code(changed, password));
    const other = await own.site('hamburg');
    expect(() => encodePkcs12({ keyPem: other.keyPem, chain: site.chain }, [], 'x', password)).toThrowError(
      expect.objectContaining({ code: 'key_mismatch' }),
    );
  });

  it.skipIf(noOpenssl)('without its key or certificate is called incomplete', async () => {
    await openssl(
      ['pkcs12', '-export', '-nokeys', '-in', 'leaf.pem', '-passout', 'file:password', '-out', 'nokey.p12'],
      directory,
    );
    const noKey = await readFile(join(directory, 'nokey.p12'));
    expect(() => decodePkcs12(noKey, password)).toThrowError(expect.objectContaining({ code: 'pkcs12_incomplete' }));
    await openssl(
      ['pkcs12', '-export', '-nocerts', '-inkey', 'key.pem', '-passout', 'file:password', '-out', 'nocert.p12'],
      directory,
    );
    const noCertificate = await readFile(join(directory, 'nocert.p12'));
    expect(() => decodePkcs12(noCertificate, password)).toThrowError(
      expect.objectContaining({ code: 'pkcs12_incomplete' }),
    );
  });
});
