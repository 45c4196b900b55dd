import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createIdentityStore, type Identity } from '../../certs/identity-store.ts';
import { readKeyPair, writeKeyPair } from '../../certs/pair-files.ts';
import { keepIdentityFresh, renewAtMs, renewIdentity } from '../../certs/renewal.ts';
import { readCertificateRequest } from '../../certs/requests.ts';
import type { SiteName } from '../../shared/runtime/ids.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
import { createTestAuthority, type TestAuthority, type TestCredentials } from '../support/authority.ts';

const hourMs = 3_600_000;
let directory: string;
let own: TestAuthority;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wardround-identity-'));
  own = await createTestAuthority();
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const identityOf = ({ keyPem, chain, rootPem }: TestCredentials, site = 'berlin'): Identity => ({
  site: site as SiteName,
  address: '127.0.0.1:7443',
  keyPem,
  certificateChainPem: chain,
  rootPem,
});

/** The coordinator's part: a certificate for whatever key is asked for. */
async function issue(request: Uint8Array): Promise<readonly string[]> {
  const { commonName, publicKey } = await readCertificateRequest(request, 'p256');
  return (await own.authority.issueSite(commonName, publicKey)).chain;
}

describe('an identity on disk', () => {
  it('comes back as it was written, with a key only its owner can read', async () => {
    const store = createIdentityStore(join(directory, 'identity'));
    expect(await store.exists()).toBe(false);
    await expect(store.read()).rejects.toMatchObject({ subsystem: 'certificates', code: 'identity_missing' });
    const identity = identityOf(await own.site('berlin'));
    const seen: Identity[] = [];
    const stop = store.onChange((changed) => seen.push(changed));
    await store.create(identity);
    stop();
    expect(await store.read()).toEqual(identity);
    expect(seen).toEqual([identity]);
    expect((await stat(join(directory, 'identity', 'key.pem'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(directory, 'identity'))).mode & 0o777).toBe(0o700);
    expect((await readdir(join(directory, 'identity'))).sort()).toEqual([
      'certificate.pem',
      'identity.json',
      'key.pem',
      'root.pem',
    ]);
  });

  it('refuses a pair that does not belong together, or to this site', async () => {
    const store = createIdentityStore(directory);
    const [one, two] = await Promise.all([own.site('berlin'), own.site('berlin')]);
    await expect(store.create(identityOf({ ...one, keyPem: two.keyPem }))).rejects.toMatchObject({
      code: 'key_mismatch',
    });
    await expect(store.create(identityOf(await own.operator('berlin')))).rejects.toMatchObject({ code: 'wrong_name' });
    await store.create(identityOf(one));
    const hamburg = await own.site('hamburg');
    await expect(store.replace(hamburg.keyPem, hamburg.chain)).rejects.toMatchObject({ code: 'wrong_name' });
    expect(await store.read()).toEqual(identityOf(one));
  });

  it('says what is damaged', async () => {
    const store = createIdentityStore(directory);
    const identity = identityOf(await own.site('berlin'));
    for (const [file, text, expected] of [
      ['key.pem', 'rubbish', /key\.pem does not belong/],
      ['certificate.pem', 'rubbish', /key\.pem does not belong/],
      ['identity.json', '{', /not JSON/],
      ['identity.json', '{"site":"Berlin"}', /'site'/],
      ['identity.json', '{"site":"berlin"}', /'address'/],
      ['identity.json', '{"site":"hamburg","address":"a:1"}', /is for berlin/],
    ] as const) {
      await store.create(identity);
      await writeFile(join(directory, file), text);
      await expect(store.read(), `${file} ${text}`).rejects.toMatchObject({
        code: 'identity_damaged',
        message: expect.stringMatching(expected),
      });
    }
    for (const file of ['root.pem', 'identity.json', 'key.pem']) {
      await store.create(identity);
      await rm(join(directory, file));
      await expect(store.read(), file).rejects.toMatchObject({ code: 'identity_damaged' });
    }
  });

  it('names a key that is missing, or that cannot be read', async () => {
    const store = createIdentityStore(directory);
    await store.create(identityOf(await own.site('berlin')));
    const key = join(directory, 'key.pem');
    await rm(key);
    await expect(store.read()).rejects.toMatchObject({ code: 'identity_damaged', message: `${key} is missing.` });
    // A folder stands for every file the system refuses to read: the test may run as a user who may read all.
    await mkdir(key);
    await expect(store.read()).rejects.toMatchObject({ subsystem: 'certificates', code: 'file_refused' });
  });

  it('is whole at every step of an exchange that is cut off, and takes the next one', async () => {
    const [one, two, three] = await Promise.all([own.site('berlin'), own.site('berlin'), own.site('berlin')]);
    const before = join(directory, 'base');
    await writeKeyPair(before, { keyPem: one.keyPem, chain: one.chain });
    // The states a loss of power can leave: nothing, new key beside, certificate exchanged, all done.
    const states: [string, (folder: string) => Promise<void>, TestCredentials][] = [
      ['before', async () => undefined, one],
      ['key beside', (folder) => writeFile(join(folder, 'key.next.pem'), two.keyPem), one],
      [
        'certificate exchanged',
        async (folder) => {
          await writeFile(join(folder, 'key.next.pem'), two.keyPem);
          await writeFile(join(folder, 'certificate.pem'), two.chainPem);
        },
        two,
      ],
      ['done', (folder) => writeKeyPair(folder, { keyPem: two.keyPem, chain: two.chain }), two],
    ];
    for (const [name, reach, expected] of states) {
      const folder = join(directory, name);
      await cp(before, folder, { recursive: true });
      await reach(folder);
      expect(await readKeyPair(folder), name).toEqual({ keyPem: expected.keyPem, chain: expected.chain });
      await writeKeyPair(folder, { keyPem: three.keyPem, chain: three.chain });
      expect(await readKeyPair(folder), name).toEqual({ keyPem: three.keyPem, chain: three.chain });
      expect((await readdir(folder)).sort(), name).toEqual(['certificate.pem', 'key.pem']);
    }
  });

  it('is never seen half exchanged by a reader beside it', async () => {
    const pairs = await Promise.all([own.site('berlin'), own.site('berlin')]);
    const folder = join(directory, 'pair');
    await writeKeyPair(folder, { keyPem: pairs[0].keyPem, chain: pairs[0].chain });
    let reads = 0;
    let writes = 0;
    const enough = (): boolean => reads > 5 && writes >= 30;
    let writing = true;
    const writer = (async () => {
      while (writing) {
        const { keyPem, chain } = pairs[writes % 2] as TestCredentials;
        await writeKeyPair(folder, { keyPem, chain });
        writes++;
      }
    })();
    try {
      while (!enough()) {
        expect(await readKeyPair(folder)).not.toBeNull();
        reads++;
      }
    } finally {
      writing = false;
      await writer;
    }
  });
});

describe('renewal', () => {
  it('is due at two thirds of the life, a little earlier or later', () => {
    expect(renewAtMs(0, 30 * 24 * hourMs)).toBe(20 * 24 * hourMs);
    expect(renewAtMs(3000, 6000)).toBe(5000);
    // A hundredth of 3,000 ms either way.
    expect(renewAtMs(3000, 6000, 0)).toBe(4970);
    expect(renewAtMs(3000, 6000, 1)).toBe(5030);
  });

  it('exchanges key and certificate and keeps the old pair until the new one is confirmed', async () => {
    const store = createIdentityStore(directory);
    const old = identityOf(await own.site('berlin'));
    await store.create(old);
    await renewIdentity(store, issue, own.clock);
    const renewed = await store.read();
    expect(renewed.keyPem).not.toBe(old.keyPem);
    expect(renewed.certificateChainPem).not.toEqual(old.certificateChainPem);
    expect({ ...renewed, keyPem: '', certificateChainPem: [] }).toEqual({
      ...old,
      keyPem: '',
      certificateChainPem: [],
    });
    expect(await store.previous()).toEqual({ keyPem: old.keyPem, chain: old.certificateChainPem });
    await store.confirm();
    expect(await store.previous()).toBeNull();
    expect((await readdir(directory)).sort()).toEqual(['certificate.pem', 'identity.json', 'key.pem', 'root.pem']);
  });

  it('asks again with the same key when the answer was lost', async () => {
    const store = createIdentityStore(directory);
    await store.create(identityOf(await own.site('berlin')));
    const keys: string[] = [];
    const lossy = async (request: Uint8Array): Promise<readonly string[]> => {
      keys.push((await readCertificateRequest(request, 'p256')).publicKeySha256);
      if (keys.length === 1) throw new Error('the connection broke');
      return await issue(request);
    };
    await expect(renewIdentity(store, lossy, own.clock)).rejects.toThrow('the connection broke');
    expect((await stat(join(directory, 'key.pending.pem'))).mode & 0o777).toBe(0o600);
    // A new store on the same folder: the process was started again.
    await renewIdentity(createIdentityStore(directory), lossy, own.clock);
    expect(keys[1]).toBe(keys[0]);
    expect(await readdir(directory)).not.toContain('key.pending.pem');
  });

  it('leaves the old pair in place when the answer does not verify', async () => {
    const store = createIdentityStore(directory);
    const old = identityOf(await own.site('berlin'));
    await store.create(old);
    const foreign = await createTestAuthority();
    const answers: [string, () => Promise<readonly string[]>][] = [
      ['wrong_authority', async () => (await foreign.site('berlin')).chain],
      ['wrong_name', async () => (await own.site('hamburg')).chain],
      ['expired', async () => (await own.expiredSite('berlin')).chain],
      ['wrong_role', async () => (await own.operator('berlin')).chain],
      ['key_mismatch', async () => (await own.site('berlin')).chain],
      ['chain_broken', async () => []],
    ];
    for (const [code, answer] of answers) {
      await expect(renewIdentity(store, answer, own.clock), code).rejects.toMatchObject({ code });
      expect(await store.read(), code).toEqual(old);
    }
  });

  it('happens by itself, and is tried again until it succeeds', async () => {
    const store = createIdentityStore(directory);
    const startMs = own.clock.now();
    const old = identityOf(await own.site('berlin', { notBeforeMs: startMs, notAfterMs: startMs + 30 * hourMs }));
    await store.create(old);
    let calls = 0;
    const renew = async (request: Uint8Array): Promise<readonly string[]> => {
      calls++;
      if (calls < 3) throw new Error('not reachable');
      return await issue(request);
    };
    const stopping = new AbortController();
    const keeping = keepIdentityFresh(
      { store, renew, clock: own.clock, log: silentLogger },
      { firstRetryMs: 60_000 },
      stopping.signal,
    );
    const asleep = () => expect.poll(() => own.clock.sleeping, { interval: 5 }).toBe(1);
    /** Moves on by a minute at a time until the next call, and says how long after the start that was. */
    const untilCall = async (count: number): Promise<number> => {
      while (calls < count && own.clock.now() < startMs + 30 * hourMs) {
        await own.clock.advance(60_000);
        await asleep();
      }
      return own.clock.now() - startMs;
    };
    await asleep();
    await own.clock.advance(19 * hourMs);
    await asleep();
    expect(calls).toBe(0);
    // Two thirds of 30 hours, and a hundredth of them either way.
    const firstMs = await untilCall(1);
    expect(Math.abs(firstMs - 20 * hourMs)).toBeLessThanOrEqual(0.3 * hourMs + 60_000);
    expect((await untilCall(2)) - firstMs).toBe(60_000);
    expect(await store.read()).toEqual(old);
    expect((await untilCall(3)) - firstMs).toBe(180_000);
    expect((await store.read()).keyPem).not.toBe(old.keyPem);
    stopping.abort();
    await keeping;
    expect(await readFile(join(directory, 'identity.json'), 'utf8')).toContain('"berlin"');
  });
});
