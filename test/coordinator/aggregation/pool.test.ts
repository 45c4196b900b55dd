import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { poolRound } from '../../../coordinator/aggregation/pool.ts';
import { type ObjectStore, openObjectStore } from '../../../coordinator/store/object-store.ts';
import type { Preprocessing, SiteSummary } from '../../../shared/plan/preprocessing.ts';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { SiteName, TaskId } from '../../../shared/runtime/ids.ts';
import type { ObjectRef } from '../../../shared/wire/messages.ts';
import { heartPlan } from '../../support/plans.ts';

let folder: string;
let objects: ObjectStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wardround-pool-'));
  objects = openObjectStore(join(folder, 'objects'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const heart = heartPlan();
const plan = { ...heart, data: { ...heart.data, columns: heart.data.columns.slice(0, 1), subgroups: [] } };
const loaded = { plan, digest: digestOf('plan'), canonical: '' };

/** Ages of 100 patients in six bins and none missing. */
const counts = [10, 20, 30, 20, 10, 10, 0];
const summary = (sums: SiteSummary['columns'][number]['sums']): SiteSummary => ({
  wardround: 'summary/1',
  plan: loaded.digest,
  rows: 100,
  labelCounts: null,
  columns: [{ name: 'age', sums, counts }],
});

async function pooled(given: SiteSummary, parent: ObjectRef | null): Promise<{ ref: ObjectRef; age: unknown }> {
  const object = await objects.put(new TextEncoder().encode(canonicalJson(given)));
  const answer = { task: 'a' as TaskId, site: 'north' as SiteName, object, weight: 1, examples: 100 };
  const ref = await poolRound(objects, loaded as never, [answer as never], parent);
  const { columns } = JSON.parse(new TextDecoder().decode(await objects.read(ref.digest))) as Preprocessing;
  return { ref, age: columns[0] };
}

it('keeps mean and scale of the release a run starts from, and where they came from', async () => {
  // 100 ages of mean 54 and standard deviation 10.
  const told = summary({ count: 100, sum: 5400, sumOfSquares: 100 * (54 ** 2 + 10 ** 2) });
  const exact = await pooled(told, null);
  const guessed = await pooled(summary(null), null);
  expect(exact.age).toMatchObject({ count: 100, mean: 54, scale: 10 });
  expect(exact.age).not.toHaveProperty('estimatedFrom');
  expect(guessed.age).toMatchObject({ count: 0, estimatedFrom: 'counts' });
  expect((await pooled(told, guessed.ref)).age).toEqual(guessed.age);
  expect((await pooled(summary(null), exact.ref)).age).toEqual(exact.age);
});
