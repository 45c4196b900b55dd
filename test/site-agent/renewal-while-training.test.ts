import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { certificateFacts } from '../../certs/facts.ts';
import { createIdentityStore } from '../../certs/identity-store.ts';
import { coordinatorConfigText } from '../../coordinator/cli/coordinator-config-text.ts';
import { withOperator } from '../../coordinator/cli/operator-directory.ts';
import { startCoordinator } from '../../coordinator/main.ts';
import { createConsortium } from '../../coordinator/sites/create-consortium.ts';
import { loadAuthority } from '../../coordinator/sites/credentials.ts';
import { createSiteBook } from '../../coordinator/sites/site-book.ts';
import { openStore } from '../../coordinator/store/open-store.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import { createLogger, silentLogger } from '../../shared/runtime/logger.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import { freePort } from '../../simulations/demo/free-port.ts';
import { openAgentStore } from '../../site-agent/agent/store.ts';
import { enrolDirectory } from '../../site-agent/cli/enrolment.ts';
import { createLedger } from '../../site-agent/egress/ledger.ts';
import { startSiteAgent } from '../../site-agent/main.ts';
import { OnnxTrainer } from '../../site-agent/training/onnx-trainer.ts';
import type { Trainer } from '../../site-agent/training/trainer.ts';
import { movableClock } from '../support/clock.ts';
import { heartRows, temporaryDirectory, writeHeartSite } from '../support/heart-site.ts';
import { heartPlan } from '../support/plans.ts';

const names = ['north', 'south'];
/**
 * Certificates begin five minutes before they are issued and renew at two thirds of their life, give or take one part in a hundred:
 * with ten minutes to go that is five minutes after enrolment, give or take 9 seconds. The test does not wait that long: it moves
 * the clock of the renewals once both hospitals train.
 */
const shortDays = 600 / 86_400;
const untilRenewalMs = 320_000;

/**
 * Training whose rounds last as long as the test wants: those before round `heldFrom` end by themselves, the others not before they are let
 * go or taken back.
 */
function heldTraining() {
  let heldFrom = 0;
  const trained = new Set<string>();
  const trainerOf = (site: string): Trainer => {
    const inner = new OnnxTrainer();
    return {
      engine: inner.engine,
      description: inner.description,
      async train(task, signal) {
        const round = task.round ?? 0;
        const result = await inner.train(task, signal);
        trained.add(`${site} ${round}`);
        while (round >= heldFrom) await systemClock.sleep(5, signal);
        return result;
      },
      dispose: () => inner.dispose(),
    };
  };
  return {
    trainerOf,
    /** Whether each hospital is in this round, or has been. Rounds are counted from 0 here. */
    allIn: (round: number): boolean => names.every((name) => trained.has(`${name} ${round}`)),
    letGo: (before: number): void => {
      heldFrom = before;
    },
  };
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await systemClock.sleep(10);
}

/** Enrols the hospitals with certificates that end soon. */
async function enrolShortly(directory: string, address: string, siteDirectory: (name: string) => string) {
  const store = await openStore(join(directory, 'state', 'wardround.sqlite'));
  try {
    const authority = await loadAuthority(directory, systemClock, { lifetimes: { memberDays: shortDays } });
    const audit = { record: () => undefined };
    const needs = { db: store.db, authority, audit, clock: systemClock, log: silentLogger };
    const book = await createSiteBook(needs, { address });
    for (const name of names) {
      const { token } = await book.invite(name, {}, 'operator');
      await enrolDirectory(siteDirectory(name), token, {
        clock: systemClock,
        enrol: ({ secret, site, certificateRequest }) =>
          book.enrol({ secret, site, certificateRequest, remoteAddress: name }),
      });
    }
    await book.settled();
  } finally {
    await store.close();
  }
}

test('agents renew their certificates while they train: no round loses one of them or is tried again', {
  timeout: 180_000,
}, async () => {
  const folder = temporaryDirectory();
  const directory = join(folder.path, 'consortium');
  const siteDirectory = (name: string): string => join(folder.path, name);
  const identities = (name: string) => createIdentityStore(join(siteDirectory(name), 'identity'));
  const leaf = async (name: string) =>
    certificateFacts((await identities(name).read()).certificateChainPem[0] as string);
  const stopping = new AbortController();
  const running: Promise<unknown>[] = [];
  const lines: { site: string; message: string; task?: string; kind?: string; error?: string }[] = [];
  const renewalClock = movableClock();
  const { trainerOf, allIn, letGo } = heldTraining();
  try {
    const address = `127.0.0.1:${await freePort()}`;
    const config = coordinatorConfigText({ address, listen: address, certificateDays: 30 });
    const settings = { name: 'Test', address, profile: 'p256', lifetimes: {}, config } as const;
    await createConsortium(directory, settings, { clock: systemClock, log: silentLogger });
    await enrolShortly(directory, address, siteDirectory);
    const first = await Promise.all(names.map(leaf));
    const { signal } = stopping;
    const coordinator = await startCoordinator(directory, { signal, log: silentLogger });
    running.push(coordinator.ended);
    const log = createLogger({
      level: 'info',
      name: 'agents',
      destination: { write: (line) => lines.push(JSON.parse(line)) },
    });
    for (const [index, name] of names.entries()) {
      const site = writeHeartSite(siteDirectory(name), heartRows(400, index + 1), {
        config: { approval: 'automatic' },
      });
      writeFileSync(join(siteDirectory(name), 'site.yaml'), stringify(site));
      const openTrainer = async (): Promise<Trainer> => trainerOf(name);
      running.push(startSiteAgent(siteDirectory(name), { signal, log, env: {}, renewalClock, openTrainer }));
    }

    const base = heartPlan({
      training: { optimiser: { kind: 'adam', rate: 0.001 }, batch: 'full' },
      // Both from the first round on, and time enough on any machine: a hospital can be missed, or a round tried again, because of the exchange alone.
      federation: { rounds: 500, sites: { minimum: 2, target: 2 }, roundDeadlineSeconds: 600 },
    });
    const plan = { ...base, training: { ...base.training, work: { steps: 100 } } };
    const { view, sites } = await withOperator(directory, async (operator) => {
      const { run } = await operator.startRun(canonicalJson(plan), {});
      await until(() => allIn(0));
      // Both hospitals are in their first round, and stay in it until both have exchanged their certificates.
      renewalClock.move(untilRenewalMs);
      const exchanged = (name: string): boolean =>
        lines.some(({ site, message }) => site === name && message.startsWith('the certificate was replaced'));
      await until(() => names.every(exchanged));
      // Three rounds more, with the new certificates alone; the fourth is taken back before anything of it is sent.
      letGo(4);
      await until(() => allIn(4));
      const sitesThen = await operator.listSites();
      await operator.stopRun(run);
      return { view: await operator.showRun(run), sites: sitesThen };
    });
    const published = view.rounds.filter(({ phase }) => phase === 'published');
    // That of the summaries, and four that trained.
    expect(published.map(({ attempt, sites: took, excluded }) => [attempt, took, excluded])).toEqual(
      Array.from({ length: 5 }, () => [1, names, []]),
    );
    // Each site was asked with its new certificate in the end, and the old pair is gone from its disk.
    for (const [index, name] of names.entries()) {
      const own = await leaf(name);
      expect(own.notAfterMs).toBeGreaterThan(first[index]?.notAfterMs as number);
      expect(sites.find(({ site }) => site === name)).toMatchObject({
        connected: true,
        certificateExpiresMs: own.notAfterMs,
      });
      await until(async () => (await identities(name).previous()) === null);
    }
    stopping.abort();
    await Promise.all(running);

    // The exchange came between the beginning and the end of one and the same task.
    const spanned = names.filter((name) => {
      const own = lines.filter(({ site }) => site === name);
      const at = own.findIndex(({ message }) => message.startsWith('the certificate was replaced'));
      const begun = own.slice(0, at).findLast(({ message }) => message === 'task begun')?.task;
      return own.slice(at).find(({ message }) => message === 'task done')?.task === begun;
    });
    expect(spanned).toEqual(names);
    // Stopping the run takes the last task back; nothing else keeps one from being done.
    const undone = lines.filter(
      ({ message, error }) => message === 'task not done' && error !== 'agent.task_withdrawn',
    );
    expect(undone).toEqual([]);
    for (const name of names) {
      const store = openAgentStore(siteDirectory(name));
      const sent = createLedger(store)
        .entries()
        .filter(({ what }) => what === 'update');
      store.close();
      expect(sent.filter(({ outcome }) => outcome !== 'accepted').map(({ task, code }) => [task, code])).toEqual([]);
    }
  } finally {
    stopping.abort();
    await Promise.allSettled(running);
    folder.remove();
  }
});
