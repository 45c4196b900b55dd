import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exportRelease } from '../../coordinator/releases/export-release.ts';
import type { Preprocessing } from '../../shared/plan/preprocessing.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { Digest, RunId } from '../../shared/runtime/ids.ts';
import type { OperatorPort } from '../../shared/wire/operator-port.ts';
import { type MovableClock, movableClock } from '../support/clock.ts';
import {
  type Core,
  chunksOf,
  collect,
  deltaFor,
  type FakeSite,
  type FakeSiteOptions,
  fakeSite,
  inFolder,
  type MemorySiteBook,
  memorySiteBook,
  openCore,
  refOf,
  testReleaseKey,
  viewWhere,
} from '../support/coordinator-core.ts';
import { poolPlan } from '../support/long-networks.ts';
import { heartPlan } from '../support/plans.ts';

const names = ['aachen', 'bern', 'cork'];

async function withCore(
  body: (given: {
    core: Core;
    book: MemorySiteBook;
    attend: (name: string, options?: FakeSiteOptions) => FakeSite;
    /** The coordinator's clock. Sites that say nothing for two minutes of it are gone. */
    clock: MovableClock;
  }) => Promise<void>,
  enrolled: readonly string[] = names,
): Promise<void> {
  await inFolder(async (folder) => {
    const book = memorySiteBook(enrolled);
    const clock = movableClock();
    const core = await openCore(folder, book, { clock });
    const sites: FakeSite[] = [];
    const attend = (name: string, options?: FakeSiteOptions): FakeSite => {
      const site = fakeSite(name, core.site(name), options);
      sites.push(site);
      return site;
    };
    try {
      await body({ core, book, attend, clock });
    } finally {
      await Promise.all(sites.map((site) => site.leave()));
      await core.stop();
    }
  });
}

const text = (overrides: Parameters<typeof heartPlan>[0] = {}) => canonicalJson(heartPlan(overrides));

describe('a run', () => {
  test('waits for its minimum and names who is missing', async () => {
    await withCore(async ({ core, attend }) => {
      attend('bern');
      attend('cork', { approves: () => false });
      const { run } = await core.operator.startRun(text(), {});
      const view = await viewWhere(core.operator, run, ({ reason }) => reason?.includes('here: bern;') === true);
      expect(view).toMatchObject({
        status: 'waiting',
        reason: 'Waiting for sites: 1 of at least 2; here: bern; not connected: aachen; plan not approved: cork.',
      });
      attend('aachen');
      const done = await viewWhere(core.operator, run, ({ status }) => status === 'finished');
      expect(done.rounds[1]?.excluded).toEqual([{ site: 'cork', reason: 'plan_not_approved', detail: null }]);
    });
  });

  test('below the minimum is tried again, then pauses; resumed, it finishes', async () => {
    await withCore(async ({ core, attend }) => {
      let willing = false;
      const instead: FakeSiteOptions['instead'] = async (offer, port) => {
        if (willing || offer.kind !== 'train') return false;
        await port.decline(offer.id, 'data_problem', 'a column\u001b[31m is missing');
        return true;
      };
      attend('aachen');
      attend('bern', { instead });
      attend('cork', { instead });
      const { run } = await core.operator.startRun(text({ federation: { retries: 1, rounds: 1 } }), {});
      const paused = await viewWhere(core.operator, run, ({ status }) => status === 'paused');
      expect(paused.reason).toContain('1 of at least 2 sites answered in time, in 2 tries');
      expect(paused.rounds[1]).toMatchObject({
        phase: 'failed',
        received: ['aachen'],
        excluded: [
          { site: 'bern', reason: 'declined', detail: 'data_problem: a column [31m is missing' },
          { site: 'cork', reason: 'declined' },
        ],
      });
      willing = true;
      await core.operator.resumeRun(run);
      const done = await viewWhere(core.operator, run, ({ status }) => status === 'finished');
      expect(done.rounds[1]).toMatchObject({ phase: 'published', attempt: 3, sites: names });
    });
  });

  test('closes at its deadline with k of n, and names the silent and the late', async () => {
    await withCore(
      async ({ core, attend, clock }) => {
        attend('aachen');
        attend('bern');
        let begun: () => void = () => undefined;
        const uploading = new Promise<void>((resolve) => {
          begun = resolve;
        });
        const cork = attend('cork', {
          async instead(offer, port) {
            if (offer.kind !== 'train') return false;
            // Begins its upload in time, and never ends it.
            const delta = deltaFor(heartPlan(), 'cork', offer.base.digest);
            const part = chunksOf(delta.subarray(0, 100));
            await port.writeObject(refOf(delta), 0, part).catch(() => undefined);
            begun();
            return true;
          },
        });
        attend('delft', { instead: async (offer) => offer.kind === 'train' });
        const { run } = await core.operator.startRun(
          text({ federation: { rounds: 1, roundDeadlineSeconds: 60, graceSeconds: 0.2 } }),
          {},
        );
        await uploading;
        await viewWhere(core.operator, run, ({ rounds }) => rounds[1]?.received.length === 2);
        clock.move(60_000);
        const view = await viewWhere(core.operator, run, ({ rounds }) => rounds[1]?.phase === 'published');
        expect(view.rounds[1]?.sites).toEqual(['aachen', 'bern']);
        expect(view.rounds[1]?.excluded.map(({ site, reason }) => [site, reason])).toEqual([
          ['cork', 'late'],
          ['delft', 'no_answer'],
        ]);
        const late = cork.offers.find(({ kind }) => kind === 'train');
        if (late?.kind !== 'train') throw new Error('no offer');
        const delta = deltaFor(heartPlan(), 'cork', late.base.digest);
        await cork.send(delta);
        expect(await core.site('cork').submitUpdate(cork.header(late, heartPlan(), delta))).toMatchObject({
          outcome: 'refused',
          code: 'round_closed',
        });
        expect(cork.messages).toContainEqual({ kind: 'withdrawn', task: late.id, reason: expect.any(String) });
      },
      [...names, 'delft'],
    );
  });

  test('drops a site that is revoked while it collects, ends its stream and does not ask it to judge', async () => {
    await withCore(async ({ core, attend }) => {
      attend('aachen');
      attend('bern');
      const cork = attend('cork', { instead: async (offer) => offer.kind === 'train' });
      const { run } = await core.operator.startRun(text({ federation: { rounds: 1 } }), {});
      await viewWhere(core.operator, run, ({ rounds }) => rounds[1]?.received.length === 2);
      expect(cork.offers.some(({ kind }) => kind === 'train')).toBe(true);
      const site = await core.operator.revokeSite('cork', 'key was copied');
      expect(site.status).toBe('revoked');
      const done = await viewWhere(core.operator, run, ({ status }) => status === 'finished');
      expect(done.rounds[1]).toMatchObject({
        sites: ['aachen', 'bern'],
        excluded: [{ site: 'cork', reason: 'revoked' }],
      });
      expect((await core.operator.listSites()).find((other) => other.site === 'cork')?.connected).toBe(false);
      const [release] = await core.operator.listReleases();
      expect(release?.decisions.map((decision) => decision.site)).toEqual(['aachen', 'bern']);
    });
  });

  test('can be paused in the middle of a round, resumed and stopped; other moves are refused by name', async () => {
    await withCore(async ({ core, attend }) => {
      const held = { instead: async (offer: { kind: string }) => offer.kind === 'train' };
      const sites = names.map((name) => attend(name, held));
      const { run } = await core.operator.startRun(text(), {});
      await viewWhere(core.operator, run, ({ rounds }) => rounds[1]?.phase === 'open');
      await expect(core.operator.resumeRun(run)).rejects.toMatchObject({ code: 'invalid_state' });
      expect((await core.operator.pauseRun(run)).status).toBe('paused');
      await expect(core.operator.pauseRun(run)).rejects.toMatchObject({ code: 'invalid_state' });
      await core.operator.resumeRun(run);
      const view = await viewWhere(core.operator, run, ({ rounds }) => rounds[1]?.phase === 'open');
      expect(view.rounds[1]?.attempt).toBe(2);
      const [bern] = sites.filter(({ name }) => name === 'bern');
      expect(bern?.messages).toContainEqual({
        kind: 'withdrawn',
        task: `${run}.r1.a1.bern`,
        reason: expect.any(String),
      });
      expect((await core.operator.stopRun(run)).status).toBe('stopped');
      await expect(core.operator.stopRun(run)).rejects.toMatchObject({ code: 'invalid_state' });
      await expect(core.operator.showRun('heart-disease-9' as RunId)).rejects.toMatchObject({ code: 'not_found' });
    });
  });

  test('ends its judging at the deadline, with the silent awaited until then', async () => {
    await withCore(
      async ({ core, attend, clock }) => {
        attend('aachen');
        attend('bern', { decision: 'hold' });
        attend('cork', { instead: async (offer) => offer.kind === 'judge' });
        attend('delft', {
          async instead(offer, port) {
            if (offer.kind !== 'judge') return false;
            await port.decline(offer.id, 'too_few_rows', '7 later\u001b[2K patients');
            return true;
          },
        });
        const declined = { site: 'delft', reason: 'declined', detail: 'too_few_rows: 7 later [2K patients' };
        const plan = text({ federation: { rounds: 1, judgementDeadlineSeconds: 60 } });
        const { run } = await core.operator.startRun(plan, {});
        await viewWhere(core.operator, run, ({ status }) => status === 'judging');
        await expect(core.operator.pauseRun(run)).rejects.toMatchObject({
          code: 'invalid_state',
          message: expect.stringContaining('is judging: its rounds are over'),
        });
        await expect
          .poll(async () => {
            const { awaited, notJudged } = await core.operator.showRelease('heart-disease/1');
            return { awaited, notJudged };
          })
          .toEqual({ awaited: ['cork'], notJudged: [declined] });
        clock.move(60_000);
        await viewWhere(core.operator, run, ({ status }) => status === 'finished');
        const release = await core.operator.showRelease('heart-disease/1');
        expect(release.decisions.map(({ site, decision }) => [site, decision])).toEqual([
          ['aachen', 'accept'],
          ['bern', 'hold'],
        ]);
        expect(release.awaited).toEqual([]);
        expect(release.notJudged).toEqual([{ site: 'cork', reason: 'no_answer', detail: null }, declined]);
      },
      [...names, 'delft'],
    );
  });

  test('counts the bytes it moved', async () => {
    await withCore(async ({ core, attend }) => {
      for (const name of names) attend(name);
      const { run } = await core.operator.startRun(text({ federation: { rounds: 1 } }), {});
      const view = await viewWhere(core.operator, run, ({ status }) => status === 'finished');
      const delta = deltaFor(heartPlan(), 'bern', digestOf('any')).byteLength;
      expect(view.rounds[1]).toMatchObject({ bytesUp: 3 * delta, bytesDown: 3 * delta });
    });
  });
});

describe('a plan', () => {
  test('that is wrong starts nothing and says where', async () => {
    await withCore(async ({ core }) => {
      const wrong = text().replace('"rounds":3', '"rounds":0');
      await expect(core.operator.startRun(wrong, { fileName: 'heart.yaml' })).rejects.toMatchObject({
        code: 'invalid_argument',
        message: expect.stringMatching(/heart\.yaml[\s\S]*federation\.rounds/),
      });
      expect(await core.operator.listRuns()).toEqual([]);
    });
  });

  test('whose network computes without end for one row starts nothing', async () => {
    await withCore(async ({ core }) => {
      const plan = canonicalJson(poolPlan(401));
      await expect(core.operator.startRun(plan, { fileName: 'pool.yaml' })).rejects.toMatchObject({
        code: 'invalid_argument',
        message: expect.stringMatching(
          /pool\.yaml.*40\.2 billion element operations for one row, and the most is 4 billion/s,
        ),
      });
      expect(await core.operator.listRuns()).toEqual([]);
    });
  });
});

async function finish(core: Core, plan: string, from?: string): Promise<RunId> {
  const { run } = await core.operator.startRun(plan, from === undefined ? {} : { from: from as never });
  await viewWhere(core.operator, run, ({ status }) => status === 'finished');
  return run;
}

async function releaseFile(port: OperatorPort, version: string, name: string): Promise<Uint8Array> {
  const file = (await port.showRelease(version)).files.find((other) => other.name === name);
  return collect(port.readObject(file?.digest as Digest, 0));
}
const json = <T>(bytes: Uint8Array): T => JSON.parse(new TextDecoder().decode(bytes)) as T;

describe('a release', () => {
  test('has a card with its whole lineage', async () => {
    await withCore(async ({ core, attend }) => {
      for (const name of names) attend(name);
      const run = await finish(core, text({ federation: { rounds: 2 } }));
      const view = await core.operator.showRun(run);
      const card = json<Record<string, unknown> & { rounds: Record<string, unknown>[] }>(
        await releaseFile(core.operator, 'heart-disease/1', 'card.json'),
      );
      expect(card).toMatchObject({ version: 'heart-disease/1', run, plan: view.plan, parent: null, sites: names });
      expect(card.rounds.map(({ weights }) => weights ?? null)).toEqual(view.rounds.map(({ weights }) => weights));
      expect(card.rounds[1]?.updates).toEqual(
        names.map((site) => ({ site, digest: expect.stringMatching(/^[0-9a-f]{64}$/), examples: 200, weight: 200 })),
      );
      expect(card.rounds[2]?.base).toBe(card.rounds[1]?.weights);
    });
  });

  test('of the next run starts from its weights and keeps its scales', async () => {
    await withCore(async ({ core, attend }) => {
      for (const name of names) attend(name);
      await finish(core, text({ federation: { rounds: 1 } }));
      await finish(
        core,
        text({ federation: { rounds: 1 }, training: { optimiser: { kind: 'sgd', rate: 9 } } }),
        'heart-disease/1',
      );
      const first = await core.operator.showRelease('heart-disease/1');
      const card = json<{ parent: string; rounds: { base?: string }[] }>(
        await releaseFile(core.operator, 'heart-disease/2', 'card.json'),
      );
      expect(card.parent).toBe('heart-disease/1');
      expect(card.rounds[1]?.base).toBe(first.files.find(({ name }) => name === 'model.safetensors')?.digest);
      const scales = async (version: string) =>
        json<Preprocessing>(await releaseFile(core.operator, version, 'preprocessing.json')).columns.map(
          ({ mean, scale }) => [mean, scale],
        );
      expect(await scales('heart-disease/2')).toEqual(await scales('heart-disease/1'));
      await expect(core.operator.startRun(text(), { from: 'heart-disease/9' as never })).rejects.toMatchObject({
        code: 'not_found',
      });
      await expect(
        core.operator.startRun(text({ model: { family: 'mlp', hidden: [4], activation: 'relu' } }), {
          from: 'heart-disease/1' as never,
        }),
      ).rejects.toMatchObject({ code: 'invalid_argument' });
    });
  });

  test('is exported whole and verified; a changed byte, a foreign root or a full directory is refused', async () => {
    const out = mkdtempSync(join(tmpdir(), 'wardround-export-'));
    try {
      await withCore(async ({ core, attend }) => {
        for (const name of names) attend(name);
        await finish(core, text({ federation: { rounds: 1 } }));
        const { rootPem } = await testReleaseKey();
        const trust = { rootPem, nowMs: Date.now() };
        const files = await exportRelease(core.operator, 'heart-disease/1', join(out, 'a'), trust);
        expect(files).toEqual([
          'card.json',
          'manifest.json',
          'model.onnx',
          'model.safetensors',
          'plan.json',
          'preprocessing.json',
          'signature.json',
        ]);
        const release = await core.operator.showRelease('heart-disease/1');
        expect(digestOf(readFileSync(join(out, 'a', 'manifest.json')))).toBe(release.digest);
        for (const { name, digest } of release.files) expect(digestOf(readFileSync(join(out, 'a', name)))).toBe(digest);

        await expect(exportRelease(core.operator, 'heart-disease/1', join(out, 'a'), trust)).rejects.toMatchObject({
          code: 'not_empty',
        });
        const lying: OperatorPort = {
          ...core.operator,
          async *readObject(digest, offset) {
            for await (const chunk of core.operator.readObject(digest, offset)) {
              const copy = chunk.slice();
              copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
              yield copy;
            }
          },
        };
        await expect(exportRelease(lying, 'heart-disease/1', join(out, 'b'), trust)).rejects.toMatchObject({
          code: 'digest_mismatch',
        });
        const { createTestAuthority } = await import('../support/authority.ts');
        const foreign = { ...trust, rootPem: (await createTestAuthority()).rootPem };
        await expect(exportRelease(core.operator, 'heart-disease/1', join(out, 'c'), foreign)).rejects.toMatchObject({
          subsystem: 'certificates',
        });
        writeFileSync(join(out, 'here'), '');
        expect((await import('node:fs')).readdirSync(out).sort()).toEqual(['a', 'here']);
      });
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  });
});

test('what happens is in the audit, each entry chained to the one before', async () => {
  const { firstBrokenEntry } = await import('../../coordinator/audit/audit-log.ts');
  await withCore(async ({ core, attend }) => {
    for (const name of names) attend(name);
    await finish(core, text({ federation: { rounds: 1 } }));
    await core.audit.flush();
    const entries = await core.operator.listAudit({});
    expect(entries.map(({ sequence }) => sequence)).toEqual(entries.map((_, index) => index + 1));
    expect(entries[0]).toMatchObject({ event: 'run.created', actor: 'anna', details: { run: 'heart-disease-1' } });
    expect(await core.operator.listAudit({ afterSequence: 2, limit: 2 })).toEqual(entries.slice(2, 4));
    expect(await firstBrokenEntry(core.store.db)).toBeNull();
    const { sql } = await import('kysely');
    await sql`update audit set details = '{}' where sequence = 3`.execute(core.store.db);
    expect(await firstBrokenEntry(core.store.db)).toBe(3);
    await sql`delete from audit where sequence = 3`.execute(core.store.db);
    expect(await firstBrokenEntry(core.store.db)).toBe(3);
  });
});
