import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { foldUpdates, type SpooledUpdate } from '../../../coordinator/aggregation/fold-updates.ts';
import { type ObjectStore, openObjectStore } from '../../../coordinator/store/object-store.ts';
import type { SiteName } from '../../../shared/runtime/ids.ts';
import { randomStream } from '../../../shared/runtime/random.ts';
import { namedTensors } from '../../../shared/tensors/checks.ts';
import { decodeSafetensors, encodeSafetensors } from '../../../shared/tensors/safetensors.ts';
import { garbageCollector } from '../../support/collect-garbage.ts';

let folder: string;
let objects: ObjectStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wardround-fold-'));
  objects = openObjectStore(join(folder, 'objects'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const tensors = [
  { name: 'layer1.bias', shape: [3] },
  { name: 'layer1.weight', shape: [5, 3] },
];
const signal = new AbortController().signal;

function tensorsOf(values: (index: number) => number, list = tensors): Uint8Array {
  let at = 0;
  return encodeSafetensors(
    namedTensors(
      list.map(({ name, shape }) => {
        const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => values(at++));
        return [name, { shape, data }] as const;
      }),
    ),
  );
}

async function spool(count: number, weightOf = (index: number) => 10 + 7 * index): Promise<SpooledUpdate[]> {
  const updates: SpooledUpdate[] = [];
  for (let index = 0; index < count; index++) {
    const stream = randomStream(3, 'site', index);
    const { digest } = await objects.put(tensorsOf(() => stream.normal() * 10 ** (index % 5)));
    updates.push({
      site: `site-${String.fromCharCode(97 + index)}` as SiteName,
      delta: digest,
      weight: weightOf(index),
    });
  }
  return updates;
}

test('the weighted mean of the deltas is added to the base, by hand', async () => {
  // By hand: base 1; deltas 3 (weight 1) and -1 (weight 3): 1 + (3·1 + -1·3)/4 = 1 + 0 = 1; with 3 and 1: 1 + (3 + 3)/4 = 2.5.
  const base = await objects.put(tensorsOf(() => 1));
  const three = await objects.put(tensorsOf(() => 3));
  const one = await objects.put(tensorsOf(() => 1));
  const minus = await objects.put(tensorsOf(() => -1));
  const fold = async (other: string) => {
    const updates = [
      { site: 'a' as SiteName, delta: three.digest, weight: 1 },
      { site: 'b' as SiteName, delta: other as typeof one.digest, weight: 3 },
    ];
    const result = await foldUpdates(objects, { base: base.digest, updates, tensors }, signal);
    return [...decodeSafetensors(await objects.read(result.digest))].flatMap(([, { data }]) => [...data]);
  };
  expect(new Set(await fold(minus.digest))).toEqual(new Set([1]));
  expect(new Set(await fold(one.digest))).toEqual(new Set([2.5]));
});

test('sums are float64 and rounded once: a small delta beside huge ones that cancel is kept', async () => {
  // 2^40 + 1 - 2^40 is 1 in float64 and 0 in float32 (24 bits); 1/3 is rounded to float32 once.
  const base = await objects.put(tensorsOf(() => 0));
  const updates: SpooledUpdate[] = [];
  for (const [site, value] of [
    ['a', 2 ** 40],
    ['b', 1],
    ['c', -(2 ** 40)],
  ] as const) {
    updates.push({ site: site as SiteName, delta: (await objects.put(tensorsOf(() => value))).digest, weight: 1 });
  }
  const result = await foldUpdates(objects, { base: base.digest, updates, tensors }, signal);
  const values = [...decodeSafetensors(await objects.read(result.digest))].flatMap(([, { data }]) => [...data]);
  expect(new Set(values)).toEqual(new Set([Math.fround(1 / 3)]));
});

test('every order of arrival gives the same bits', async () => {
  const base = (await objects.put(tensorsOf((index) => index / 7))).digest;
  const updates = await spool(5);
  const digests = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray(updates, { minLength: 5 }), async (order) => {
      digests.add((await foldUpdates(objects, { base, updates: order, tensors }, signal)).digest);
    }),
    { numRuns: 60 },
  );
  expect(digests.size).toBe(1);
});

test('all 120 orders of five sites, one by one', async () => {
  const base = (await objects.put(tensorsOf((index) => -index))).digest;
  const updates = await spool(5, () => 1);
  const orders = (list: readonly SpooledUpdate[]): SpooledUpdate[][] =>
    list.length === 0
      ? [[]]
      : list.flatMap((first, at) =>
          orders([...list.slice(0, at), ...list.slice(at + 1)]).map((rest) => [first, ...rest]),
        );
  const digests = new Set<string>();
  for (const order of orders(updates))
    digests.add((await foldUpdates(objects, { base, updates: order, tensors }, signal)).digest);
  expect(digests.size).toBe(1);
});

test('the length of a stretch changes no bit', async () => {
  const base = (await objects.put(tensorsOf((index) => index / 7))).digest;
  const updates = await spool(4);
  const digests = new Set<string>();
  for (const stretchValues of [1, 2, 4, 7, 1_000]) {
    digests.add((await foldUpdates(objects, { base, updates, tensors }, signal, { stretchValues })).digest);
  }
  expect(digests.size).toBe(1);
});

test('a fold that was cut off leaves nothing behind and gives the same bits when begun again', async () => {
  const base = (await objects.put(tensorsOf((index) => index / 7))).digest;
  const updates = await spool(4);
  const abort = new AbortController();
  const cut = foldUpdates(objects, { base, updates, tensors }, abort.signal, { stretchValues: 2 });
  setImmediate(() => abort.abort(new Error('cut')));
  await expect(cut).rejects.toThrow('cut');
  const { readdirSync } = await import('node:fs');
  expect(readdirSync(join(folder, 'objects', 'temporary'))).toEqual([]);
  const first = await foldUpdates(objects, { base, updates, tensors }, signal);
  expect(await foldUpdates(objects, { base, updates: [...updates].reverse(), tensors }, signal)).toEqual(first);
});

test('more sites than files that may be open at once', async () => {
  const base = (await objects.put(tensorsOf((index) => index / 7))).digest;
  const one = (await objects.put(tensorsOf(() => 2))).digest;
  const updates = Array.from({ length: 450 }, (_, index) => ({
    site: `site-${index}` as SiteName,
    delta: one,
    weight: 1,
  }));
  const result = await foldUpdates(objects, { base, updates, tensors }, signal);
  const [bias] = [...decodeSafetensors(await objects.read(result.digest)).values()];
  expect([...(bias?.data ?? [])]).toEqual([0, 1 / 7, 2 / 7].map((value) => Math.fround(Math.fround(value) + 2)));
});

test.skipIf(!existsSync('/proc/self/status'))(
  'memory does not grow with the number of sites (resident memory is read from /proc)',
  { timeout: 120_000 },
  async () => {
    const big = [{ name: 'layer1.weight', shape: [1_000, 2_000] }];
    const base = (await objects.put(tensorsOf((index) => index % 13, big))).digest;
    const delta = (await objects.put(tensorsOf((index) => (index % 7) / 7, big))).digest;
    const highWater = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
    const run = (sites: number) =>
      foldUpdates(
        objects,
        {
          base,
          updates: Array.from({ length: sites }, (_, index) => ({ site: `s${index}` as SiteName, delta, weight: 1 })),
          tensors: big,
        },
        signal,
      );
    await run(2);
    const before = highWater();
    // What is held, not what nobody has tidied up yet: that depends on how busy the machine is.
    const collecting = setInterval(garbageCollector(), 250);
    await run(100).finally(() => clearInterval(collecting));
    // 100 deltas of 8 MB are 800 MB; what is allowed here is less than four of them.
    expect(highWater() - before).toBeLessThan(32e6);
  },
);
