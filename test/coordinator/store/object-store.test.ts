import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ObjectStore, openObjectStore } from '../../../coordinator/store/object-store.ts';
import { openUploads } from '../../../coordinator/store/uploads.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { Digest, SiteName } from '../../../shared/runtime/ids.ts';
import { collect, refOf } from '../../support/coordinator-core.ts';

let folder: string;
let objects: ObjectStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wardround-objects-'));
  objects = openObjectStore(join(folder, 'objects'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const bern = 'bern' as SiteName;
const cork = 'cork' as SiteName;
const content = Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 31) % 251);
const object = refOf(content);

async function* parts(bytes: Uint8Array, size = 100_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
async function* brokenAfter(bytes: Uint8Array, count: number): AsyncGenerator<Uint8Array> {
  yield* parts(bytes.subarray(0, count));
  throw new Error('connection lost');
}

describe('objects', () => {
  test('are kept by digest and read from any offset', async () => {
    expect(await objects.put(content)).toEqual(object);
    expect(await objects.put(content)).toEqual(object);
    expect(await objects.size(object.digest)).toBe(content.length);
    expect(Buffer.compare(await collect(objects.stream(object.digest, 1_234_567)), content.subarray(1_234_567))).toBe(
      0,
    );
    expect(Buffer.compare(await objects.read(object.digest), content)).toBe(0);
  });

  test('an absent one and a changed one are told apart', async () => {
    await expect(objects.read(digestOf('absent'))).rejects.toMatchObject({ code: 'object_missing' });
    await objects.put(content);
    writeFileSync(join(folder, 'objects', object.digest.slice(0, 2), object.digest), 'other');
    await expect(objects.read(object.digest)).rejects.toMatchObject({ code: 'object_corrupt' });
  });

  test('a name that is no digest opens no path', async () => {
    await expect(objects.size('../../etc/passwd' as Digest)).rejects.toMatchObject({ code: 'object_missing' });
  });

  test('what no one needs is removed when it is old, and only then', async () => {
    const kept = await objects.put(new Uint8Array([1]));
    const young = await objects.put(new Uint8Array([2]));
    const old = await objects.put(new Uint8Array([3]));
    const path = (digest: string) => join(folder, 'objects', digest.slice(0, 2), digest);
    for (const { digest } of [kept, old]) utimesSync(path(digest), 1, 1);
    await (await objects.create()).write(new Uint8Array(10));
    expect(await objects.sweep(new Set([kept.digest]), Date.now() - 60_000)).toBe(1);
    expect(await objects.size(old.digest)).toBeNull();
    expect(await objects.size(kept.digest)).toBe(1);
    expect(await objects.size(young.digest)).toBe(1);
  });
});

describe('uploads', () => {
  const open = () => openUploads(objects, () => Date.now());

  test('go on where they stopped, after a restart too', async () => {
    await expect(open().receive(bern, object, 0, brokenAfter(content, 1_200_000))).rejects.toThrow('connection lost');
    const again = open();
    expect(await again.held(bern, object)).toBe(1_200_000);
    await again.receive(bern, object, 1_200_000, parts(content.subarray(1_200_000)));
    expect(Buffer.compare(await objects.read(object.digest), content)).toBe(0);
    expect(readdirSync(join(folder, 'objects', 'partial'))).toEqual([]);
  });

  test('one that ends too early is told how much is held', async () => {
    const uploads = open();
    await expect(uploads.receive(bern, object, 0, parts(content.subarray(0, 700)))).rejects.toMatchObject({
      code: 'truncated',
      details: { held: 700 },
    });
    expect(await objects.size(object.digest)).toBeNull();
  });

  test('one that starts elsewhere than the held bytes end is refused', async () => {
    const uploads = open();
    await expect(uploads.receive(bern, object, 0, parts(content.subarray(0, 700)))).rejects.toThrow();
    for (const offset of [0, 699, 701]) {
      await expect(uploads.receive(bern, object, offset, parts(content))).rejects.toMatchObject({
        code: 'offset_invalid',
        details: { held: 700 },
      });
    }
  });

  test('one with other bytes than its digest is thrown away', async () => {
    const uploads = open();
    const wrong = content.slice();
    wrong[2_000_000] = 255;
    await expect(uploads.receive(bern, object, 0, parts(wrong))).rejects.toMatchObject({ code: 'digest_mismatch' });
    expect(await uploads.held(bern, object)).toBe(0);
    expect(await objects.size(object.digest)).toBeNull();
  });

  test('one with more bytes than it said is thrown away', async () => {
    const uploads = open();
    const longer = Buffer.concat([content, content]);
    await expect(uploads.receive(bern, object, 0, parts(longer))).rejects.toMatchObject({ code: 'invalid_argument' });
    expect(await uploads.held(bern, object)).toBe(0);
  });

  test("a site neither sees nor spoils another's", async () => {
    const uploads = open();
    await expect(uploads.receive(bern, object, 0, brokenAfter(content, 100_000))).rejects.toThrow();
    expect(await uploads.held(cork, object)).toBe(0);
    await expect(uploads.receive(cork, object, 0, parts(new Uint8Array(object.bytes)))).rejects.toMatchObject({
      code: 'digest_mismatch',
    });
    expect(await uploads.held(bern, object)).toBe(100_000);
  });

  test('a second call for the same object takes over from one that hangs', async () => {
    const uploads = open();
    let began: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => {
      began = resolve;
    });
    const hanging = (async function* () {
      yield content.subarray(0, 100);
      began();
      await new Promise(() => undefined);
    })();
    const first = uploads.receive(bern, object, 0, hanging);
    const firstEnds = expect(first).rejects.toMatchObject({ code: 'cancelled' });
    await begun;
    await uploads.receive(bern, object, 100, parts(content.subarray(100)));
    await firstEnds;
    expect(await objects.size(object.digest)).toBe(content.length);
  });

  test('an abort keeps what came', async () => {
    const uploads = open();
    const abort = new AbortController();
    const slow = (async function* () {
      yield content.subarray(0, 100);
      abort.abort(new Error('stop'));
      yield content.subarray(100, 200);
    })();
    await expect(uploads.receive(bern, object, 0, slow, abort.signal)).rejects.toThrow('stop');
    expect(await uploads.held(bern, object)).toBe(100);
  });

  test('a site has a bounded number of unfinished ones', async () => {
    const uploads = open();
    for (let index = 0; index < 12; index++) {
      const many = { digest: digestOf(`object ${index}`), bytes: 100 };
      await expect(uploads.receive(bern, many, 0, parts(new Uint8Array(10)))).rejects.toMatchObject({
        code: 'truncated',
      });
    }
    expect(readdirSync(join(folder, 'objects', 'partial')).length).toBeLessThanOrEqual(8);
  });
});
