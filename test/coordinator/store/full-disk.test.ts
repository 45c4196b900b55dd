import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { StoreError } from '../../../coordinator/store/store-error.ts';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import { chunksOf, fakeSite, memorySiteBook, openCore, refOf, viewWhere } from '../../support/coordinator-core.ts';
import { heartPlan } from '../../support/plans.ts';
import { removeSmallDisk, smallDisk } from '../../support/small-disk.ts';

test('on a full disk nothing that was confirmed is lost, and the run goes on when there is room', async ({ skip }) => {
  const folder = smallDisk();
  if (folder === null) {
    skip('this user may not mount a small file system');
    return;
  }
  const filler = join(folder, 'filler');
  try {
    const names = ['aachen', 'bern'];
    // A model whose delta is larger than what will be left free.
    const plan = heartPlan({
      model: { family: 'mlp', hidden: [256, 32], activation: 'relu' },
      federation: { rounds: 1, sites: { minimum: 2, target: 2 }, roundDeadlineSeconds: 600 },
    });
    const core = await openCore(folder, memorySiteBook(names));
    const waiting: (() => Promise<void>)[] = [];
    const sites = names.map((name) =>
      fakeSite(name, core.site(name), {
        async instead(offer) {
          if (offer.kind !== 'train') return false;
          await new Promise<void>((resolve) => waiting.push(async () => resolve()));
          return false;
        },
      }),
    );
    const { run } = await core.operator.startRun(canonicalJson(plan), {});
    await viewWhere(core.operator, run, ({ rounds }) => rounds[1]?.phase === 'open');
    while (waiting.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));

    let size = 3 * 1024 * 1024;
    for (; size > 0; size -= 4096) {
      try {
        writeFileSync(filler, new Uint8Array(size));
        break;
      } catch {
        rmSync(filler, { force: true });
      }
    }
    const port = core.site('aachen');
    const upload = new Uint8Array(30_000).fill(7);
    await expect(port.writeObject(refOf(upload), 0, chunksOf(upload))).rejects.toMatchObject({
      code: 'storage_full',
    });
    const put = core.objects.put(upload);
    await expect(put).rejects.toBeInstanceOf(StoreError);
    await expect(put).rejects.toMatchObject({ code: 'storage_full' });
    const many = (async () => {
      for (let index = 0; index < 200; index++) {
        await core.store.db
          .insertInto('plans')
          .values({ digest: digestOf(`${index}`), name: 'x', canonical: 'x'.repeat(4_000), created_ms: 0 })
          .execute();
      }
    })();
    await expect(many).rejects.toMatchObject({ code: 'storage_full' });
    expect((await core.operator.showRun(run)).rounds[1]?.phase).toBe('open');

    rmSync(filler);
    for (const go of waiting) await go();
    const done = await viewWhere(core.operator, run, ({ status }) => status === 'finished' || status === 'failed');
    expect(done).toMatchObject({ status: 'finished', reason: null });
    expect(done.rounds[1]?.sites).toEqual(names);
    await Promise.all(sites.map((site) => site.leave()));
    await core.stop();
    const again = await openCore(folder, memorySiteBook(names));
    expect((await again.operator.showRun(run)).status).toBe('finished');
    await again.stop();
  } finally {
    removeSmallDisk(folder);
  }
});
