import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { generatePrivateKey } from '../../certs/keys.ts';
import { createCertificateRequest } from '../../certs/requests.ts';
import { parseToken } from '../../certs/tokens.ts';
import { coordinatorConfigText } from '../../coordinator/cli/coordinator-config-text.ts';
import { withOperator } from '../../coordinator/cli/operator-directory.ts';
import { createConsortium } from '../../coordinator/sites/create-consortium.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import type { SiteName } from '../../shared/runtime/ids.ts';
import { silentLogger } from '../../shared/runtime/logger.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import { connectSite, type SiteConnection } from '../../site-agent/client/connect.ts';
import { enrolAt } from '../../site-agent/client/enrol.ts';
import { type FakeSite, fakeSite, viewWhere } from '../support/coordinator-core.ts';
import { heartPlan } from '../support/plans.ts';

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** The coordinator's own process, from its command line; resolves when it has said that it listens. */
async function startProcess(directory: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'cli/main.ts', 'coordinator', 'start', directory], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr?.on('data', (chunk) => {
    errors += chunk;
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`coordinator ended with ${code}: ${errors}`)));
  });
  return child;
}

function ended(child: ChildProcess): Promise<number | string | null> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal));
  });
}

test('a coordinator killed in the middle of a round goes on when it is started again, over gRPC', {
  timeout: 120_000,
}, async () => {
  const base = mkdtempSync(join(tmpdir(), 'wardround-kill-'));
  const directory = join(base, 'consortium');
  const address = `127.0.0.1:${await freePort()}`;
  const names = ['aachen', 'bern'];
  let child: ChildProcess | null = null;
  const connections: SiteConnection[] = [];
  const sites: FakeSite[] = [];
  try {
    await createConsortium(
      directory,
      {
        name: 'Test',
        address,
        profile: 'p256',
        lifetimes: {},
        config: coordinatorConfigText({ address, listen: address, certificateDays: 30 }),
      },
      { clock: systemClock, log: silentLogger },
    );
    child = await startProcess(directory);
    const identities = new Map<string, { key: string; certificateChain: string; root: string }>();
    await withOperator(directory, async (operator) => {
      for (const name of names) {
        const token = parseToken((await operator.inviteSite(name, {})).token);
        const key = await generatePrivateKey('p256');
        const given = await enrolAt({
          address: token.address,
          rootFingerprint: token.rootFingerprint,
          secret: token.secret,
          site: name,
          certificateRequest: await createCertificateRequest(name, key),
        });
        identities.set(name, { key, certificateChain: given.certificateChain.join(''), root: given.rootCertificate });
      }
    });
    const attend = (holdsBack: boolean): void => {
      for (const name of names) {
        const identity = identities.get(name);
        if (identity === undefined) throw new Error(name);
        const connection = connectSite({ address, site: name as SiteName, identity, log: silentLogger });
        connections.push(connection);
        // In the first life bern keeps its update, so that the kill comes while the round collects.
        const instead = async (offer: { kind: string }) => holdsBack && name === 'bern' && offer.kind === 'train';
        sites.push(fakeSite(name, connection, { instead }));
      }
    };
    attend(true);
    const run = await withOperator(directory, async (operator) => {
      const started = await operator.startRun(canonicalJson(heartPlan({ federation: { rounds: 2 } })), {});
      await viewWhere(operator, started.run, ({ rounds }) => rounds[1]?.received.length === 1, 40_000);
      return started.run;
    });
    const killed = ended(child);
    child.kill('SIGKILL');
    expect(await killed).toBe('SIGKILL');
    await Promise.all(sites.splice(0).map((site) => site.leave()));
    for (const connection of connections.splice(0)) connection.close();

    child = await startProcess(directory);
    attend(false);
    const view = await withOperator(directory, (operator) =>
      viewWhere(operator, run, ({ status }) => status === 'finished' || status === 'failed', 40_000),
    );
    expect(view).toMatchObject({ status: 'finished', release: 'heart-disease/1' });
    expect(view.rounds.map(({ attempt, sites: took }) => [attempt, took])).toEqual([0, 1, 2].map(() => [1, names]));
    await Promise.all(sites.splice(0).map((site) => site.leave()));
    for (const connection of connections.splice(0)) connection.close();
    const stopped = ended(child);
    child.kill('SIGTERM');
    expect(await stopped).toBe(0);
    child = null;
  } finally {
    child?.kill('SIGKILL');
    for (const connection of connections) connection.close();
    rmSync(base, { recursive: true, force: true });
  }
});
