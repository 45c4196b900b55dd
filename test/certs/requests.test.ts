import { createPublicKey } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { generatePrivateKey, publicKeyDigest, readPrivateKey } from '../../certs/keys.ts';
import { createCertificateRequest, readCertificateRequest } from '../../certs/requests.ts';
import { noOpenssl, openssl } from './openssl.ts';

// RSA keys: how long one takes is a matter of luck, and of the machine.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wardround-request-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** A request made by OpenSSL from a key of these options and this subject. */
async function request(keyOptions: readonly string[], subject: string, ...more: string[]): Promise<Uint8Array> {
  await openssl(['genpkey', ...keyOptions, '-out', 'key.pem'], directory);
  await openssl(
    ['req', '-new', '-key', 'key.pem', '-subj', subject, '-outform', 'DER', '-out', 'request.der', ...more],
    directory,
  );
  return new Uint8Array(await readFile(join(directory, 'request.der')));
}

const p256 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
const refused = { subsystem: 'wire', code: 'request_invalid' };

describe('certificate requests', () => {
  it('say a name and prove a key', async () => {
    for (const profile of ['p256', 'rsa3072'] as const) {
      const keyPem = await generatePrivateKey(profile);
      const read = await readCertificateRequest(await createCertificateRequest('berlin', keyPem), profile);
      expect(read.commonName).toBe('berlin');
      expect(read.publicKeySha256).toBe(publicKeyDigest(createPublicKey(keyPem)));
    }
  });

  it.skipIf(noOpenssl)('of openssl are understood', async () => {
    expect((await readCertificateRequest(await request(p256, '/CN=berlin'), 'p256')).commonName).toBe('berlin');
    const rsa = await request(['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072'], '/CN=berlin');
    expect((await readCertificateRequest(rsa, 'rsa3072')).commonName).toBe('berlin');
    // What a request asks for beside its name is not looked at: it is no way to become an authority.
    await writeFile(
      join(directory, 'ca.cnf'),
      '[req]\ndistinguished_name=dn\nreq_extensions=ext\n[dn]\n[ext]\nbasicConstraints=critical,CA:TRUE\nsubjectAltName=URI:wardround:operator:root\n',
    );
    const greedy = await request(p256, '/CN=berlin', '-config', 'ca.cnf');
    expect((await readCertificateRequest(greedy, 'p256')).commonName).toBe('berlin');
  });

  it.skipIf(noOpenssl)('are refused for other keys, hashes and subjects', async () => {
    const wrong: [string, Uint8Array, 'p256' | 'rsa3072'][] = [
      ['P-384', await request(['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'], '/CN=berlin'), 'p256'],
      [
        'secp256k1',
        await request(['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp256k1'], '/CN=berlin'),
        'p256',
      ],
      ['Ed25519', await request(['-algorithm', 'ED25519'], '/CN=berlin'), 'p256'],
      ['RSA-2048', await request(['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'], '/CN=berlin'), 'rsa3072'],
      ['P-256 for RSA', await request(p256, '/CN=berlin'), 'rsa3072'],
      ['SHA-1', await request(p256, '/CN=berlin', '-sha1'), 'p256'],
      ['two names', await request(p256, '/CN=berlin/CN=hamburg'), 'p256'],
      ['an organisation', await request(p256, '/O=Hospital/CN=berlin'), 'p256'],
      ['no name', await request(p256, '/'), 'p256'],
    ];
    for (const [what, bytes, profile] of wrong) {
      await expect(readCertificateRequest(bytes, profile), what).rejects.toMatchObject(refused);
    }
  });

  it('cannot be changed: a request with a byte changed is refused, or is still the same request', async () => {
    const good = await createCertificateRequest('berlin', await generatePrivateKey('p256'));
    const original = await readCertificateRequest(good, 'p256');
    let same = 0;
    for (let place = 0; place < good.length; place++) {
      const bytes = Uint8Array.from(good, (byte, index) => (index === place ? byte ^ (1 << (place % 8)) : byte));
      try {
        const { commonName, publicKeySha256 } = await readCertificateRequest(bytes, 'p256');
        // The frame around what is signed may be spelt in more than one way.
        expect({ commonName, publicKeySha256 }, `byte ${place}`).toEqual({
          commonName: original.commonName,
          publicKeySha256: original.publicKeySha256,
        });
        same++;
      } catch (error) {
        expect(error, `byte ${place}`).toMatchObject(refused);
      }
    }
    expect(same).toBeLessThan(10);
  });

  it('cut off or made up are refused, and nothing else is thrown', async () => {
    const good = await createCertificateRequest('berlin', await generatePrivateKey('p256'));
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: good.length - 72 }),
        fc.uint8Array({ maxLength: 300 }),
        async (cut, tail) => {
          const bytes = Uint8Array.from([...good.subarray(0, cut), ...tail]);
          await expect(readCertificateRequest(bytes, 'p256')).rejects.toMatchObject(refused);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('private keys', () => {
  it.skipIf(noOpenssl)('of other types are refused', async () => {
    for (const options of [
      ['-algorithm', 'ED25519'],
      ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
    ]) {
      await openssl(['genpkey', ...options, '-out', 'key.pem'], directory);
      const pem = await readFile(join(directory, 'key.pem'), 'utf8');
      expect(() => readPrivateKey(pem)).toThrowError(expect.objectContaining({ code: 'key_unreadable' }));
    }
    expect(() => readPrivateKey('no key')).toThrowError(expect.objectContaining({ code: 'key_unreadable' }));
  });
});
