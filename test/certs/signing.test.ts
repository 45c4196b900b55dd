import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { KeyProfile } from '../../certs/keys.ts';
import { signRelease, verifyReleaseSignature } from '../../certs/signing.ts';
import { createTestAuthority, type TestAuthority } from '../support/authority.ts';
import { noOpenssl, openssl } from './openssl.ts';

// RSA keys: how long one takes is a matter of luck, and of the machine.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const manifest = new TextEncoder().encode('{"files":[],"version":"heart-disease/1"}');

describe.each<KeyProfile>(['p256', 'rsa3072'])('release signatures of profile %s', (profile) => {
  let directory: string;
  let own: TestAuthority;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'wardround-sign-'));
    own = await createTestAuthority({ profile });
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  const codeOf = (action: () => unknown): unknown => {
    try {
      action();
      return 'none';
    } catch (error) {
      return (error as { code: unknown }).code;
    }
  };

  it('verify for these bytes and no others', async () => {
    const release = await own.release();
    const signature = signRelease(manifest, release.keyPem, release.chain);
    const nowMs = own.clock.now();
    expect(verifyReleaseSignature(manifest, signature, own.rootPem, nowMs).role).toBe('release');
    const changed = Uint8Array.from(manifest, (byte, index) => (index === 5 ? byte ^ 1 : byte));
    expect(codeOf(() => verifyReleaseSignature(changed, signature, own.rootPem, nowMs))).toBe('signature_invalid');
    for (const text of ['', 'AAAA', signature.signature.slice(0, -8)]) {
      const bad = { ...signature, signature: text };
      expect(codeOf(() => verifyReleaseSignature(manifest, bad, own.rootPem, nowMs))).toBe('signature_invalid');
    }
    const other = profile === 'p256' ? ('rsa-pss-sha256' as const) : ('ecdsa-p256-sha256' as const);
    const mislabelled = { ...signature, algorithm: other };
    expect(codeOf(() => verifyReleaseSignature(manifest, mislabelled, own.rootPem, nowMs))).toBe('signature_invalid');
  });

  it('count only from a release certificate of this consortium, in its time', async () => {
    const nowMs = own.clock.now();
    const check = async (material: { keyPem: string; chain: readonly string[] }) =>
      codeOf(() =>
        verifyReleaseSignature(manifest, signRelease(manifest, material.keyPem, material.chain), own.rootPem, nowMs),
      );
    // A site, an operator or the server holds a certificate of the same authority, and may not sign releases.
    expect(await check(await own.site('berlin'))).toBe('wrong_role');
    expect(await check(await own.operator('operator'))).toBe('wrong_role');
    expect(await check(await own.server())).toBe('wrong_role');
    expect(await check(await own.release({ notAfterMs: nowMs - 1000 }))).toBe('expired');
    expect(await check(await own.release({ notBeforeMs: nowMs + 60_000 }))).toBe('not_yet_valid');
    const foreign = await createTestAuthority({ profile });
    expect(await check(await foreign.release())).toBe('wrong_authority');
    const [one, two] = await Promise.all([own.release(), own.release()]);
    expect(codeOf(() => signRelease(manifest, one.keyPem, two.chain))).toBe('key_mismatch');
  });

  it.skipIf(noOpenssl)('are verified by the openssl command', async () => {
    const release = await own.release();
    const signature = signRelease(manifest, release.keyPem, release.chain);
    await writeFile(join(directory, 'manifest'), manifest);
    await writeFile(join(directory, 'signature'), Buffer.from(signature.signature, 'base64'));
    await writeFile(join(directory, 'certificate.pem'), release.chain[0] ?? '');
    const publicKey = await openssl(['x509', '-in', 'certificate.pem', '-noout', '-pubkey'], directory);
    await writeFile(join(directory, 'public.pem'), publicKey);
    const padding = profile === 'p256' ? [] : ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32'];
    expect(
      await openssl(
        ['dgst', '-sha256', '-verify', 'public.pem', ...padding, '-signature', 'signature', 'manifest'],
        directory,
      ),
    ).toContain('Verified OK');
  });
});
