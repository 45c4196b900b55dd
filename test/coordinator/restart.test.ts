import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createEventStore } from '../../coordinator/rounds/event-store.ts';
import { replay } from '../../coordinator/rounds/runner.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import type { RunId } from '../../shared/runtime/ids.ts';
import { type Logger, silentLogger } from '../../shared/runtime/logger.ts';
import type { ReleaseView } from '../../shared/wire/operator-port.ts';
import {
  type Core,
  type FakeSite,
  fakeSite,
  inFolder,
  memorySiteBook,
  openCore,
  viewWhere,
} from '../support/coordinator-core.ts';
import { heartPlan } from '../support/plans.ts';

const names = ['aachen', 'bern', 'cork'];
// Long deadlines: a copy is opened again long after its rounds have begun, the longer the slower the machine.
const plan = heartPlan({ federation: { rounds: 2, roundDeadlineSeconds: 3600, judgementDeadlineSeconds: 3600 } });

function attendAll(core: Core): FakeSite[] {
  return names.map((name, index) => fakeSite(name, core.site(name), { rows: 100 + 50 * index }));
}

/** Weights of each round and the model files: what a run has to give in the same bits however often it is interrupted. */
function outcome(
  view: { rounds: readonly { round: number; sites: readonly string[]; weights: string | null }[] },
  release: ReleaseView,
) {
  return {
    rounds: view.rounds.map(({ round, sites, weights }) => [round, sites, weights]),
    files: release.files.filter(({ name }) => name !== 'card.json').map(({ name, digest }) => [name, digest]),
    decisions: release.decisions.map(({ site, decision }) => [site, decision]),
  };
}

/** Calls back, in the very turn in which it was stored, for each event. */
function onEvent(stored: () => void): Logger {
  const log: Logger = {
    ...silentLogger,
    child: () => log,
    debug(_, message) {
      if (message === 'event') stored();
    },
  };
  return log;
}

test('killed after any stored event and started again, it gives the same bits and counts nothing twice', {
  timeout: 600_000,
}, async () => {
  await inFolder(async (base) => {
    const folder = join(base, 'live');
    const killed: string[] = [];
    // The disk as it is in that moment, log of the database and unfinished uploads included: what kill -9 leaves behind.
    const snapshot = () => {
      const copy = join(base, `killed-${killed.length + 1}`);
      cpSync(folder, copy, { recursive: true });
      killed.push(copy);
    };
    const core = await openCore(folder, memorySiteBook(names), { log: onEvent(snapshot) });
    const sites = attendAll(core);
    const { run } = await core.operator.startRun(canonicalJson(plan), {});
    const live = await viewWhere(core.operator, run, ({ status }) => status === 'finished');
    const expected = outcome(live, await core.operator.showRelease('heart-disease/1'));
    await Promise.all(sites.map((site) => site.leave()));
    await core.stop();
    // 3 rounds of 3 answers, each opened and folded; weights, numbering, release; 3 judgements.
    expect(killed.length).toBe(3 * 5 + 3 + 3);

    for (const [index, copy] of killed.entries()) {
      const again = await openCore(copy, memorySiteBook(names));
      const back = attendAll(again);
      const view = await viewWhere(again.operator, run, ({ status }) => status === 'finished' || status === 'failed');
      const found = outcome(view, await again.operator.showRelease('heart-disease/1'));
      expect(found, `killed after event ${index + 1}`).toEqual(expected);
      const events = await createEventStore(again.store.db).read(run);
      expect(events.filter(({ kind }) => kind === 'answer-accepted').length).toBe(names.length * 3);
      await Promise.all(back.map((site) => site.leave()));
      await again.stop();
    }
  });
});

test('offers are repeated to a site that comes back, under the same id, and again after a restart', async () => {
  await inFolder(async (folder) => {
    const book = memorySiteBook(names);
    let core = await openCore(folder, book);
    const silent = { instead: async () => true };
    const first = names.map((name) => fakeSite(name, core.site(name), silent));
    const { run } = await core.operator.startRun(canonicalJson(plan), {});
    const open = (view: { rounds: readonly { phase: string }[] }) => view.rounds[0]?.phase === 'open';
    await viewWhere(core.operator, run, open);
    const task = `${run}.r0.a1.bern`;
    const offered = async (site: FakeSite) => {
      while (site.offers.length === 0) await new Promise((resolve) => setImmediate(resolve));
      return site.offers[0]?.id;
    };
    expect(await offered(first[1] as FakeSite)).toBe(task);
    await first[1]?.leave();
    const back = fakeSite('bern', core.site('bern'), silent);
    expect(await offered(back)).toBe(task);
    await core.stop();
    await Promise.all([...first, back].map((site) => site.leave()));
    core = await openCore(folder, book);
    const again = fakeSite('bern', core.site('bern'), silent);
    expect(await offered(again)).toBe(task);
    await again.leave();
    await core.stop();
  });
});

test('the state is what the stored events say', async () => {
  await inFolder(async (folder) => {
    const book = memorySiteBook(names);
    const core = await openCore(folder, book);
    const sites = attendAll(core);
    const { run } = await core.operator.startRun(canonicalJson(plan), {});
    const live = await viewWhere(core.operator, run, ({ status }) => status === 'finished');
    const state = replay(await createEventStore(core.store.db).read(run as RunId));
    expect(state.tag).toBe('finished');
    await Promise.all(sites.map((site) => site.leave()));
    await core.stop();
    const again = await openCore(folder, book);
    expect(await again.operator.showRun(run)).toEqual(live);
    await again.stop();
  });
});
